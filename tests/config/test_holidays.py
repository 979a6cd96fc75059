"""Public holidays, as the `holidays` package knows them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import pytest

from agent.config.holidays import countries, public_holidays
from agent.errors import AgentError

if TYPE_CHECKING:
    from pathlib import Path


def days_off(year: int, month: int) -> list[int]:
    """The days of a month that are public holidays in Vietnam."""
    return sorted(day.day for day in public_holidays("VN") if (day.year, day.month) == (year, month))


@pytest.mark.parametrize(
    ("year", "month", "days"),
    [
        # Lunar new year is 17 February 2026, a Tuesday: its eve and four days.
        pytest.param(2026, 2, [16, 17, 18, 19, 20], id="tet-2026"),
        # It is 6 February 2027, a Saturday: eve to 9th; the 4th and 10th for the weekend.
        pytest.param(2027, 2, [4, 5, 6, 7, 8, 9, 10], id="tet-2027"),
        # Hung Kings: the tenth of the third lunar month, 26 April 2026, a Sunday; so the 27th is off too.
        pytest.param(2026, 4, [26, 27, 30], id="hung-kings-2026"),
        pytest.param(2027, 4, [16, 30], id="hung-kings-2027"),
        # 1 May 2027 is a Saturday.
        pytest.param(2027, 5, [1, 3], id="labour-day-2027"),
        pytest.param(2026, 9, [1, 2], id="national-day-2026"),
        pytest.param(2027, 1, [1], id="new-year-2027"),
        # Decreed for Saturday 22 August.
        pytest.param(2026, 8, [31], id="swap-2026"),
        pytest.param(2026, 6, [], id="nothing"),
    ],
)
def test_vietnam(year: int, month: int, days: list[int]) -> None:
    assert days_off(year, month) == days


def test_vietnam_every_year_has_its_tet() -> None:
    years = {day.year for day in public_holidays("VN")}
    assert years == set(range(1970, 2101))
    # From 2100 on the package has no lunar calendar.
    assert all(len(days_off(year, 1) + days_off(year, 2)) >= 6 for year in range(2026, 2100))


def test_countries_are_those_of_the_package(tmp_path: Path) -> None:
    program = "from holidays.registry import COUNTRIES; print(*(codes[1] for codes in COUNTRIES.values()))"
    told = subprocess.run(
        [sys.executable, "-P", "-c", program], stdout=subprocess.PIPE, text=True, check=True, cwd=tmp_path
    )
    assert countries() <= set(told.stdout.split())


def test_package_stays_out_of_the_agent() -> None:
    """It takes 17 MiB."""
    code = (
        "import sys; from agent.config.holidays import public_holidays; "
        "print(bool(public_holidays('VN')), 'holidays' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def test_file_of_that_name_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "holidays.py").write_text("raise SystemExit('not the package')")
    monkeypatch.chdir(tmp_path)
    assert date(2026, 1, 1) in public_holidays.__wrapped__("VN")


@pytest.mark.parametrize(
    ("python", "country", "words"),
    [
        # A country that the package does not have; `check` told of it before.
        pytest.param(sys.executable, "QQ", ["QQ", "not available"], id="not-there"),
        pytest.param("/nowhere/python", "VN", ["VN", "No such file"], id="no-python"),
        pytest.param("/bin/false", "VN", ["VN", "exit status 1"], id="silent"),
    ],
)
def test_no_dates(monkeypatch: pytest.MonkeyPatch, python: str, country: str, words: list[str]) -> None:
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(AgentError) as caught:
        public_holidays.__wrapped__(country)
    (sentence,) = str(caught.value).splitlines()
    assert all(word in sentence for word in [*words, "holidays"])
