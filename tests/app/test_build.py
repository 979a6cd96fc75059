from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from agent.app.placement import geometry
from agent.app.working_time import working_time
from agent.config.load import load
from agent.core.geometry import contains
from tests.conftest import write_config

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.geometry import Point


@pytest.mark.parametrize(
    ("edge", "feet", "holds"),
    [
        # A box that ends where the picture ends has its feet on the picture's last line.
        pytest.param(1.0, (640, 720), True, id="cut-off-by-the-lower-edge"),
        pytest.param(1.0, (1280, 400), True, id="at-the-right-edge"),
        pytest.param(1.0, (0, 0), True, id="at-the-upper-left-corner"),
        # People who draw a zone down to the edge draw it nearly there.
        pytest.param(0.99, (640, 720), True, id="drawn-nearly-to-the-edge"),
        pytest.param(0.9, (640, 720), False, id="drawn-above-it"),
        pytest.param(0.9, (640, 640), True, id="within"),
    ],
)
def test_zone_at_the_edge(tmp_path: Path, edge: float, feet: Point, holds: bool) -> None:
    config = write_config(tmp_path, "x.avi")
    corners = f"[[0.0, 0.0], [{edge}, 0.0], [{edge}, {edge}], [0.0, {edge}]]"
    text = config.read_text()
    before = text[text.index("polygon = ") : text.index("min_dwell_s")]
    config.write_text(text.replace(before, f"polygon = {corners}\n"))
    _, (zone,) = geometry(load(config), (1280, 720))
    assert contains(zone.polygon, feet) == holds


HOURS = """
[[hours]]
days = ["mon", "tue", "wed", "thu", "fri"]
periods = [["07:30", "11:30"], ["13:30", "17:00"]]

[[hours]]
days = ["sat"]
periods = [["08:00", "11:00"]]

[[hours]]
days = ["sat", "sun"]
periods = [["22:00", "05:00"]]
"""
CALENDAR = """
[calendar]
country = "VN"
holidays = ["2027-01-08"]
workdays = [{ date = "2027-01-10", like = "fri" }, { date = "2027-09-02", like = "mon" }, { date = "2027-06-01", like = "sat" }]
"""  # noqa: E501


@pytest.mark.parametrize(
    ("calendar", "asked", "is_open"),
    [
        # Several tables, each with its days.
        pytest.param("", "2027-01-08T09:00", True, id="friday"),
        pytest.param("", "2027-01-08T12:00", False, id="lunch"),
        pytest.param("", "2027-01-09T09:00", True, id="saturday-morning"),
        pytest.param("", "2027-01-09T13:00", False, id="saturday-noon"),
        pytest.param("", "2027-01-11T04:00", True, id="night-of-sunday"),
        pytest.param("", "2027-01-12T04:00", False, id="night-of-monday"),
        # Without a country there are no public holidays.
        pytest.param("", "2027-02-08T09:00", True, id="tet-without-a-country"),
        pytest.param(CALENDAR, "2027-02-08T09:00", False, id="tet"),
        pytest.param(CALENDAR, "2027-02-11T09:00", True, id="after-tet"),
        # 1 May 2027 is a Saturday, so Monday the third is off instead.
        pytest.param(CALENDAR, "2027-05-03T09:00", False, id="day-off-for-a-saturday"),
        pytest.param(CALENDAR, "2027-01-08T09:00", False, id="listed-holiday"),
        pytest.param(CALENDAR, "2027-01-10T14:00", True, id="swapped-sunday"),
        pytest.param(CALENDAR, "2027-09-02T09:00", True, id="swap-wins-over-national-day"),
        pytest.param(CALENDAR, "2027-06-01T09:00", True, id="like-saturday"),
        pytest.param(CALENDAR, "2027-06-01T14:00", False, id="like-saturday-afternoon"),
    ],
)
def test_working_time(tmp_path: Path, calendar: str, asked: str, is_open: bool) -> None:
    hours = working_time(load(write_config(tmp_path, "x.avi", more=HOURS + calendar)))
    assert not hours.always_open
    assert hours.span(datetime.fromisoformat(f"{asked}+07:00").astimezone(UTC)).open == is_open


def test_working_time_without_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A calendar alone asks nothing of the days, so nobody works out its holidays."""
    monkeypatch.setattr("agent.app.working_time.public_holidays", None)
    hours = working_time(load(write_config(tmp_path, "x.avi", more=CALENDAR)))
    assert hours.always_open


def test_working_time_is_in_the_zone_of_the_device(tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi")
    config.write_text(config.read_text().replace("[camera]", 'timezone = "America/New_York"\n[camera]'))
    hours = working_time(load(config))
    assert hours.day(date(2026, 3, 8)) == (
        datetime(2026, 3, 8, 5, tzinfo=UTC),
        datetime(2026, 3, 9, 4, tzinfo=UTC),
    )
