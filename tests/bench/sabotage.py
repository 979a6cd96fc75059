"""Whether the tests notice: small sabotages, one at a time, on a copy of this checkout.

    python -m tests.bench.sabotage                  all, an hour or so
    python -m tests.bench.sabotage 'unit *' blur-*  those whose names match
    python -m tests.bench.sabotage --list           what there is

The tests that a sabotage names must pass on the untouched copy, and one of them must fail with it. The last
line counts; 1 is the end where one survived, could not be put in, or whose tests do not pass without it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from tests.bench.sabotages import SABOTAGES
from tests.conftest import ROOT, SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.sabotages import Sabotage

Verdict = Literal["killed", "survived", "stale", "red without it"]
# pytest's own word that tests ran, and some failed; a module that can't be imported is no test that failed.
_PASSED, _FAILED = 0, 1
# A sabotage may make a test wait for ever; that is a test that failed.
_TIMEOUT_S = 600.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which, * stands for anything; all if none")
    parser.add_argument("--list", action="store_true", help="tell their names and change nothing")
    given = parser.parse_args(arguments)
    chosen = [one for one in SABOTAGES if not given.names or _is_named(one, given.names)]
    if not chosen:
        parser.error(f"no sabotage is called {', '.join(given.names)}; see --list")
    if given.list:
        for one in chosen:
            print(f"{one.name:<42} {one.file}")
        return 0
    with TemporaryDirectory(prefix="sabotage-") as folder:
        verdicts = _judged(chosen, copied(Path(folder) / "checkout"))
    counts = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
    print(f"{len(chosen)} sabotages: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
    return 0 if set(verdicts) == {"killed"} else 1


def _is_named(sabotage: Sabotage, names: Sequence[str]) -> bool:
    return any(fnmatchcase(sabotage.name, name) for name in names)


def copied(checkout: Path) -> Path:
    """A copy of what Git knows or would take, with the weights and samples of this checkout."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    for path in (ROOT / "models").iterdir():
        if not (checkout / "models" / path.name).exists():
            (checkout / "models" / path.name).symlink_to(path)
    if SHARED.is_dir():
        (checkout.parent / SHARED.name).symlink_to(SHARED)
    return checkout


def _judged(chosen: Sequence[Sabotage], checkout: Path) -> list[Verdict]:
    verdicts: list[Verdict] = []
    # The same tests serve several sabotages; without one they are run once.
    green: dict[tuple[str, ...], bool] = {}
    for sabotage in chosen:
        begin_s = time.monotonic()
        verdict, by = _verdict(sabotage, checkout, green)
        verdicts.append(verdict)
        print(f"{verdict:<10}{time.monotonic() - begin_s:6.1f} s  {sabotage.name:<42} {by}", flush=True)
    return verdicts


def _verdict(sabotage: Sabotage, checkout: Path, green: dict[tuple[str, ...], bool]) -> tuple[Verdict, str]:
    path = checkout / sabotage.file
    whole = path.read_text()
    if (times := whole.count(sabotage.old)) != 1:
        return "stale", f"its text is {times} times in {sabotage.file}"
    if sabotage.tests not in green:
        code, said = _tested(sabotage.tests, checkout)
        green[sabotage.tests] = code == _PASSED
        if code != _PASSED:
            return "red without it", said
    if not green[sabotage.tests]:
        return "red without it", "as told above"
    try:
        path.write_text(whole.replace(sabotage.old, sabotage.new))
        code, said = _tested(sabotage.tests, checkout)
    finally:
        path.write_text(whole)
    return ("killed" if code == _FAILED else "survived"), said


def _tested(tests: tuple[str, ...], checkout: Path) -> tuple[int, str]:
    """How pytest ends, and its first failure or last line."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
    # No bytecode: two texts of one length, written in one second, have the same.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(checkout)}
    try:
        done = subprocess.run(
            [*words, "--hypothesis-profile=steady", *tests],
            cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _FAILED, f"no end within {_TIMEOUT_S:.0f} s"
    lines = (done.stdout or done.stderr).splitlines() or [""]
    first = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
    return done.returncode, first.partition(" - ")[0]


if __name__ == "__main__":
    sys.exit(main())
