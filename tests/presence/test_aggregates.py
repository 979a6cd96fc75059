from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from agent.app.build import ledger
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.event import (
    ClockSet,
    CounterQuarter,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneQuarter,
    ZoneVacated,
)
from agent.core.frame import Instant
from agent.core.visibility import Visibility
from agent.presence.aggregates import ZoneAggregate
from agent.presence.intervals import Window
from tests.builders import BEGIN
from tests.conftest import write_config

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.event import ClockEpoch, Event

DESK = """
[[counter]]
id = "desk"
staff = "yard"
unattended_after_s = 60
"""


def wrong(seconds: float) -> Instant:
    """A moment of a machine that does not know the time yet, and took its start for 1970."""
    return Instant(seconds, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), synced=False)


def right(seconds: float) -> Instant:
    """The same moment, once it knows."""
    return Instant(seconds, BEGIN + timedelta(seconds=seconds))


def test_visit_during_which_the_clock_is_set(tmp_path: Path) -> None:
    known = ledger(settings_of(load(write_config(tmp_path, "x.avi", more=DESK))))
    came = wrong(100)
    told: dict[float, list[Event]] = {
        110: [
            ZoneEntered(rule="yard", at=wrong(110), since=came, count=1, track="t1"),
            ZoneOccupied(rule="yard", at=wrong(110), since=came),
        ],
        # They still know of its begin by the clock of then.
        400: [
            ZoneLeft(rule="yard", at=right(400), since=came, count=0, track="t1", dwell_s=250.0, why="seen"),
            ZoneVacated(rule="yard", at=right(400), since=came, occupied_s=250.0, why="seen"),
        ],
    }
    events: list[Event] = []
    for second in range(0, 3000, 10):
        at = wrong(second) if second < 200 else right(second)
        events += known.update(told.get(second, []), (), Visibility(None, at), at)
    (clock_set,) = (event for event in events if isinstance(event, ClockSet))
    assert clock_set.at == right(200)
    visits = [event for event in events if isinstance(event, ZoneQuarter)]
    assert [(event.start, event.visits, event.occupied_s) for event in visits] == [(BEGIN, 1, 250.0)]
    desk = [event for event in events if isinstance(event, CounterQuarter)]
    assert [event.start for event in desk] == [BEGIN + timedelta(minutes=15 * n) for n in range(len(desk))]
    assert desk[0].attended_s + desk[0].unattended_s == pytest.approx(900)
    # From 0:00 on nobody was there for longer than is granted, nor after 5:50.
    assert desk[0].attended_s == pytest.approx(250)


@pytest.mark.parametrize(
    ("epoch", "visits"),
    [
        # Of this start, or of an earlier one that knew the time: it lies where it was told.
        ("this_boot", 1),
        ("earlier_boot", 1),
        # Told by a clock of which nobody ever learns how wrong it was.
        ("unknown", 0),
    ],
)
def test_visit_of_an_era(epoch: ClockEpoch, visits: int) -> None:
    aggregate = ZoneAggregate("yard")
    came = right(100)
    aggregate.apply(ZoneEntered(rule="yard", at=right(110), since=came, count=1, track="t1"), epoch)
    aggregate.apply(
        ZoneLeft(rule="yard", at=right(400), since=came, count=0, track="t1", dwell_s=250.0, why="seen"),
        epoch,
    )
    begin_s = BEGIN.timestamp()
    quarter = aggregate.quarter(right(1000), Window(begin_s, begin_s + 900, begin_s + 1000, 1.0))
    assert isinstance(quarter, ZoneQuarter)
    assert (quarter.visits, quarter.occupied_s) == (visits, 250.0 * visits)
