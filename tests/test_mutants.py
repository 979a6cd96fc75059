"""What tests/bench/mutants.py leaves out, and what it counts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.bench import mutants
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CODE = '''\
def checked(number):
    """Says
    nothing."""
    if number < 0:
        _log.warning("%s is below %s", number,
                     0)
        raise ValueError(
            f"{number} is below 0"
        ) from None
    return [("SELECT 1", number), "word"]
'''
MARK = "  # pragma: no mutate"


def marked(tmp_path: Path, *, prose: bool) -> list[int]:
    path = tmp_path / "module.py"
    path.write_text(CODE)
    mutants._leave_messages_out(path, prose=prose)
    text = path.read_text()
    assert text.replace(MARK, "") == CODE
    ast.parse(text)
    return [number for number, line in enumerate(text.splitlines(), 1) if line.endswith(MARK)]


def test_messages_are_left_out(tmp_path: Path) -> None:
    assert marked(tmp_path, prose=False) == [5, 6, 7, 8, 9]
    assert marked(tmp_path, prose=True) == [5, 6, 7, 8, 9, 10]


def test_rooms_and_tests_are_there() -> None:
    sources = list(mutants._sources(ROOT))
    assert len(sources) > 50
    assert not [path for path in sources if path.name == "examples.py"]
    assert {path.parts[len(ROOT.parts) + 1] for path in sources} == {
        "core", "presence", "eventlog", "wire", "mqtt",
    }  # fmt: skip
    assert not [
        path for path in (*mutants._TESTS, *mutants._NOT) if not (ROOT / path.partition("::")[0]).exists()
    ]


def test_report_counts_what_nobody_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = ["killed"] * 16 + ["timeout", "segfault", "survived", "no tests", "suspicious"]
    names = [
        f"agent.{'wire' if number > 18 else 'core'}.x__mutmut_{number}" for number in range(len(statuses))
    ]

    def mutmut(_: Path, *words: str) -> str:
        if words[0] == "show":
            return f"diff of {words[1]}"
        return "\n".join(f"    {name}: {status}" for name, status in zip(names, statuses, strict=True))

    monkeypatch.setattr(mutants, "_mutmut", mutmut)
    monkeypatch.setattr(mutants, "_ALONE", ())
    (tmp_path / "mutants").mkdir()
    assert mutants._report(tmp_path, names) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [f"diff of {name}" for name in names[18:]]
    assert said[3:5] == ["core          18 of   19", "wire           0 of    2"]
    assert said[-1] == "18 of 21 noticed, 85.7%; 85% are asked for"
    assert mutants._report(tmp_path, names[2:]) == 1


@pytest.mark.parametrize(
    ("assertion", "status"),
    [
        # Each process imports anew.
        ("os.environ['MUTANT_UNDER_TEST'] != 'agent.core.x__mutmut_1'", "killed"),
        ("True", "survived"),
        # What fails without it says nothing of it.
        ("False", "survived"),
    ],
)
def test_survivor_is_tried_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assertion: str, status: str
) -> None:
    folder = tmp_path / "mutants"
    folder.mkdir()
    (folder / "conftest.py").write_text(
        "from hypothesis import settings\nsettings.register_profile('steady')\n"
    )
    (folder / "test_it.py").write_text(f"import os\n\ndef test_it():\n    assert {assertion}\n")
    monkeypatch.setattr(mutants, "_ALONE", (("agent.core.", ("test_it.py",)),))
    assert mutants._status(tmp_path, "agent.core.x__mutmut_1", "survived") == status
    assert mutants._status(tmp_path, "agent.core.x__mutmut_1", "timeout") == "timeout"
    assert mutants._status(tmp_path, "agent.wire.x__mutmut_1", "no tests") == "no tests"
