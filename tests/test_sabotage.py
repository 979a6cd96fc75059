"""The table of sabotages keeps up with the code, and the command that tries them tells the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.sabotage import _verdict, main
from tests.bench.sabotages import ROOT, SABOTAGES, Sabotage

if TYPE_CHECKING:
    from pathlib import Path

CODE = "def doubled(number):\n    return 2 * number\n\n\ndef halved(number):\n    return number / 2\n"
TESTS = """
from thing import doubled, halved

def test_doubled():
    assert doubled(3) == 6

def test_red():
    assert halved(3) == 7
"""
PROFILE = "from hypothesis import settings\nsettings.register_profile('steady', derandomize=True)\n"


def test_each_text_is_there_once() -> None:
    wrong = [one.name for one in SABOTAGES if (ROOT / one.file).read_text().count(one.old) != 1]
    assert wrong == []


def test_each_name_is_there_once_and_its_tests_are() -> None:
    names = [one.name for one in SABOTAGES]
    assert sorted(set(names)) == sorted(names)
    files = {test.partition("::")[0] for one in SABOTAGES for test in one.tests}
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []


@pytest.mark.parametrize(
    ("old", "new", "test", "verdict", "about"),
    [
        ("2 * number", "3 * number", "test_doubled", "killed", "FAILED"),
        # Nobody looks.
        ("number / 2", "number / 3", "test_doubled", "survived", "1 passed"),
        # What can't be imported fails no test.
        ("return 2 *", "return 2 ** *", "test_doubled", "survived", "ERROR"),
        ("4 * number", "", "test_doubled", "stale", "0 times"),
        ("number", "", "test_doubled", "stale", "4 times"),
        # A test that fails anyhow notices nothing.
        ("number / 2", "number / 3", "test_red", "red without it", "FAILED"),
    ],
)
def test_verdict(tmp_path: Path, old: str, new: str, test: str, verdict: str, about: str) -> None:
    (tmp_path / "thing.py").write_text(CODE)
    (tmp_path / "conftest.py").write_text(PROFILE)
    (tmp_path / "test_thing.py").write_text(TESTS)
    tried = Sabotage("tried", "thing.py", old, new, (f"test_thing.py::{test}",))
    found, said = _verdict(tried, tmp_path, {})
    assert (found, about in said) == (verdict, True), said
    assert (tmp_path / "thing.py").read_text() == CODE


def test_names_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["no-such-*"])
    assert end.value.code == 2
    assert "no-such-*" in capsys.readouterr().err
    assert main(["--list", "tls-*"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == [
        one.name for one in SABOTAGES if one.name.startswith("tls-")
    ]
