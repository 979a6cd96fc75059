"""Whether the tests of the inner rooms notice a changed operator, value or argument: a sample of mutants.

    bash tests/mutants.sh                        400 of them, an hour or more
    bash tests/mutants.sh --seed 18 --sample 100 others, fewer
    bash tests/mutants.sh --folder DIR           keep the mutants, to go on there another time

mutmut makes and runs them, on a copy of this checkout: of core, presence, eventlog, wire and the outbox.
Left out are the texts for people: what is raised and logged, the examples and sentences of the documents.
Of the tests that reach a mutant one must fail, or take too long. Each that nobody noticed is shown as a
diff; the last line counts. 1 is the end where fewer than 85 of 100 were noticed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.bench.sabotage import copied
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENOUGH_RATIO: Final = 0.85
ROOMS: Final = (
    "agent/core/*",
    "agent/presence/*",
    "agent/eventlog/*",
    "agent/mqtt/outbox.py",
    "agent/wire/*",
)
# Sample values of the documents: any others would do as well.
_LEFT_OUT: Final = ("agent/wire/examples.py",)
_TESTS: Final = (
    "tests/core",
    "tests/presence",
    "tests/eventlog",
    "tests/wire",
    "tests/mqtt/test_outbox.py",
    "tests/app/test_placement.py",
    "tests/app/test_restart.py",
    "tests/app/test_toy_kind.py",
)
# There too every string with a blank in it is a sentence.
_SENTENCES: Final = ("damage",)
# They start whole agents, kill writers again and again, or read all code, which is not as it was written.
_NOT: Final = (
    "tests/core/test_own_python.py",
    "tests/core/test_file_access.py",
    "tests/core/test_log_messages.py",
    "tests/eventlog/test_file_identity.py::test_running_agent_tells",
    "tests/eventlog/test_retention.py::test_kill_while_deleting_loses_nothing_silently",
)
_SETTINGS: Final = f"""
[tool.mutmut]
source_paths = ["agent"]
only_mutate = {json.dumps(ROOMS)}
do_not_mutate = {json.dumps(_LEFT_OUT)}
also_copy = ["deploy", "systemd", "models", "README.md", "LICENSE"]
pytest_add_cli_args_test_selection = {json.dumps(_TESTS)}
pytest_add_cli_args = ["-p", "tests.bench.fastest_first", "-p", "no:cacheprovider", "-p", "no:xdist",
    "--hypothesis-profile=steady", {", ".join(f'"--deselect={test}"' for test in _NOT)}]
timeout_multiplier = 4.0
timeout_constant = 10.0
"""
# mutmut chooses a mutant after everything is imported, and does not see what tests do in other processes: of
# these modules, by the beginning of their mutants' names, the survivors are tried again by themselves.
_ALONE: Final = (
    ("agent.core.event_form.", ("tests/core/test_event.py", "tests/wire")),
    ("agent.core.file_access.", ("tests/core/test_file_access.py", "tests/config/test_secret_files.py")),
    ("agent.core.identifiers.", ("tests/app/test_log_export.py", "tests/config/test_models.py")),
    ("agent.core.own_python.", ("tests/core/test_own_python.py",)),
    ("agent.eventlog.disk_space.", ("tests/eventlog/test_log.py", "tests/eventlog/test_failover.py")),
    ("agent.eventlog.log.", ("tests/eventlog/test_log.py",)),
    ("agent.eventlog.reader.", ("tests/app/test_log_export.py",)),
    ("agent.presence.", ("tests/app/test_killed.py",)),
    ("agent.wire.", ("tests/wire",)),
)
_AT_ONCE: Final = 80
_UNTRIED: Final = "not checked"
_ALONE_S: Final = 900
_LAST_LINES: Final = 60
_KILLED: Final = {"killed", "timeout", "segfault"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=17, help="of the choice")
    parser.add_argument("--sample", type=int, default=400, help="so many of all mutants")
    parser.add_argument("--children", type=int, default=2, help="so many at a time")
    parser.add_argument("--folder", type=Path, help="where they are made; one of before is taken up as it is")
    parser.add_argument("--only", nargs="*", default=[], metavar="MUTANT", help="these instead of a sample")
    given = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="mutants-") as temporary:
        checkout = (given.folder or Path(temporary)).resolve() / "checkout"
        if not checkout.exists():
            _prepare(checkout)
        everything = sorted(_mutants(checkout))
        chosen = given.only or sorted(random.Random(given.seed).sample(everything, given.sample))  # noqa: S311
        print(f"{len(everything)} mutants, {len(chosen)} of them chosen", flush=True)
        # In portions: whoever breaks it off and gives a folder goes on from there.
        known = _statuses(checkout)
        left = [name for name in chosen if known.get(name, _UNTRIED) == _UNTRIED]
        for begin in range(0, len(left), _AT_ONCE):
            portion = left[begin : begin + _AT_ONCE]
            _mutmut(checkout, "run", "--max-children", str(given.children), *portion)
            print(f"{begin + len(portion)} of {len(left)} tried", flush=True)
        return _report(checkout, chosen)


def _prepare(checkout: Path) -> None:
    copied(checkout)
    with (checkout / "pyproject.toml").open("a") as file:
        file.write(_SETTINGS)
    for path in _sources(checkout):
        _leave_messages_out(path, prose="wire" in path.parts or path.stem in _SENTENCES)


def _sources(checkout: Path) -> Iterator[Path]:
    for pattern in ROOMS:
        for path in sorted(checkout.glob(pattern)):
            if path.suffix == ".py" and str(path.relative_to(checkout)) not in _LEFT_OUT:
                yield path


def _leave_messages_out(path: Path, *, prose: bool) -> None:
    """Mark the lines of texts for people, so that mutmut leaves them as they are.

    Args:
        path: of a module.
        prose: every string with a blank in it is a sentence there, not a query.
    """
    lines = path.read_text().splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if _is_message(node) or (prose and _is_sentence(node)):
            assert isinstance(node, ast.stmt | ast.expr)
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                if "pragma" not in lines[number] and '"""' not in lines[number]:
                    lines[number] += "  # pragma: no mutate"
    path.write_text("\n".join(lines) + "\n")


def _is_message(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "_log"
    )


def _is_sentence(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip()


def _mutants(checkout: Path) -> Iterator[str]:
    """Names of all mutants, which mutmut makes of a text always in the same order."""
    script = (
        "import sys; from mutmut.mutation.file_mutation import mutate_file_contents as made; "
        "from mutmut.utils.format_utils import get_mutant_name as name; from pathlib import Path; "
        "[print(name(path, one)) for path in map(Path, sys.argv[1:])"
        " for one in made(str(path), path.read_text()).mutant_names]"
    )
    paths = [str(path.relative_to(checkout)) for path in _sources(checkout)]
    listed = subprocess.run(
        [sys.executable, "-c", script, *paths], cwd=checkout, capture_output=True, text=True, check=True
    )
    yield from listed.stdout.split()


def _mutmut(checkout: Path, *words: str) -> str:
    """Run mutmut there; its words are shown where it can't."""
    program = Path(sys.executable).with_name("mutmut")
    # The same order of tests in all processes, and no bytecode beside the sources.
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [program, *words], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        # It shows each step of its progress as a line.
        sys.exit("\n".join((done.stdout + done.stderr).splitlines()[-_LAST_LINES:]))
    return done.stdout


def _report(checkout: Path, chosen: Sequence[str]) -> int:
    """Show the survivors and count."""
    statuses = _statuses(checkout)
    found = {name: _status(checkout, name, statuses[name]) for name in chosen}
    survived = [name for name, status in found.items() if status not in _KILLED]
    for name in survived:
        print(_mutmut(checkout, "show", name))
    rooms = Counter(_room(name) for name in chosen)
    left = Counter(_room(name) for name in survived)
    for room, count in sorted(rooms.items()):
        print(f"{room:<12}{count - left[room]:4} of {count:4}")
    print(", ".join(f"{count} {status}" for status, count in Counter(found.values()).most_common()))
    killed = len(chosen) - len(survived)
    print(f"{killed} of {len(chosen)} noticed, {killed / len(chosen):.1%}; {ENOUGH_RATIO:.0%} are asked for")
    return 0 if killed >= ENOUGH_RATIO * len(chosen) else 1


def _statuses(checkout: Path) -> dict[str, str]:
    """What mutmut knows of each mutant by its name."""
    if not (checkout / "mutants").exists():
        return {}
    lines = _mutmut(checkout, "results", "--all", "true").splitlines()
    return {name: status for name, _, status in (line.strip().partition(": ") for line in lines)}


def _status(checkout: Path, name: str, status: str) -> str:
    """The same, or what a process of its own says of one that survived."""
    tests = next((tests for begin, tests in _ALONE if name.startswith(begin)), ())
    if status in _KILLED or not tests:
        return status
    return "killed" if _passes(checkout, tests, "") and not _passes(checkout, tests, name) else status


@cache
def _passes(checkout: Path, tests: tuple[str, ...], mutant: str) -> bool:
    """Whether tests pass with a mutant, by its name, or with none; what takes too long does not."""
    words = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=steady"]
    environment = os.environ | {"MUTANT_UNDER_TEST": mutant, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words, *tests],
            cwd=checkout / "mutants", env=environment, capture_output=True, check=False, timeout=_ALONE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _room(name: str) -> str:
    return name.split(".")[1]


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
