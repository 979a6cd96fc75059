"""Edges of the rules and the ledger that a sample of mutants found untested (tests/bench/mutants.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.core.event import (
    CounterAttended,
    CounterClosed,
    CounterUnattended,
    ZoneCrowded,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneQuarter,
    ZoneUncrowded,
    ZoneVacated,
)
from agent.core.geometry import Line
from agent.presence.aggregates import CounterAggregate, ZoneAggregate
from agent.presence.crowd import Peaks
from agent.presence.intervals import Window
from agent.presence.line import LineRule
from tests.builders import BEGIN, make_at, make_track
from tests.presence.office import Blind, Office, of

if TYPE_CHECKING:
    from agent.core.event import ClockEpoch, EndedWhy


def test_peaks_of_nothing() -> None:
    peaks = Peaks()
    assert peaks.since(make_at(0)) == 0
    peaks.note(make_at(5), 3)
    assert (peaks.since(make_at(5)), peaks.since(make_at(5.1))) == (3, 0)


@pytest.mark.parametrize(("epoch", "attended_s"), [("this_boot", 300), ("earlier_boot", 200), ("unknown", 0)])
def test_counter_of_an_epoch(epoch: ClockEpoch, attended_s: float) -> None:
    """Of this boot it moves with the clock, of an earlier one it stays, of an unknown one nothing counts."""
    aggregate = CounterAggregate("desk")
    aggregate.apply(CounterAttended(rule="desk", at=make_at(700), since=make_at(700), waiting=None), epoch)
    aggregate.apply(
        CounterUnattended(rule="desk", at=make_at(1000), since=make_at(1000), waiting=None), epoch
    )
    # The clock was 100 s ahead.
    aggregate.set_clock(BEGIN.timestamp() - 100)
    begin_s = BEGIN.timestamp()
    figures = aggregate.figures(Window(begin_s, begin_s + 900, begin_s + 2000, 0.0))
    assert figures["attended_s"] == attended_s


def test_closings_of_a_zone() -> None:
    zone, last = ZoneAggregate("waiting"), make_at(100)
    assert list(zone.closings(last)) == []
    for count in (1, 2):
        zone.apply(
            ZoneEntered(
                rule="waiting", at=make_at(20), since=make_at(10 * count), count=count, track=f"t{count}"
            )
        )
    zone.apply(ZoneOccupied(rule="waiting", at=make_at(20), since=make_at(10)))
    zone.apply(ZoneCrowded(rule="waiting", at=make_at(50), since=make_at(20), count=2))
    closed = []
    for event in zone.closings(last):
        zone.apply(event)
        closed.append(event)
    common = {"rule": "waiting", "at": last, "why": "restarted"}
    assert closed == [
        ZoneLeft(**common, since=make_at(10), count=1, track="t1", dwell_s=90.0),  # type: ignore[arg-type]
        ZoneLeft(**common, since=make_at(20), count=0, track="t2", dwell_s=80.0),  # type: ignore[arg-type]
        ZoneUncrowded(**common, since=make_at(20), crowded_s=80.0, max_count=2),  # type: ignore[arg-type]
        ZoneVacated(**common, since=make_at(10), occupied_s=90.0),  # type: ignore[arg-type]
    ]
    assert list(zone.closings(last)) == []


def test_closings_of_a_counter() -> None:
    counter, last = CounterAggregate("desk"), make_at(100)
    assert list(counter.closings(last)) == []
    counter.apply(CounterUnattended(rule="desk", at=make_at(20), since=make_at(10), waiting=3))
    (closed,) = counter.closings(last)
    assert closed == CounterClosed(rule="desk", at=last, since=last, waiting=None, why="restarted")
    counter.apply(closed)
    assert list(counter.closings(last)) == []


@pytest.mark.parametrize(("why", "expected"), [("closed", ("closed", 10)), ("restarted", (None, None))])
def test_counter_that_closed_is_known_to_be_closed(
    why: EndedWhy, expected: tuple[str | None, int | None]
) -> None:
    """After a restart too, unless nobody knows what holds since."""
    counter = CounterAggregate("desk")
    counter.apply(CounterClosed(rule="desk", at=make_at(20), since=make_at(10), waiting=None, why=why))
    mode, since = expected
    assert (counter.mode, counter.since) == (mode, None if since is None else make_at(since))


def test_blind_part_of_a_quarter_has_milliseconds() -> None:
    office = Office()
    office.watch("07:59:50", "08:16:05", [Blind("08:01:00.250", "08:02:00")])
    quarters = [one for one in of(office.told, ZoneQuarter) if one.rule == "staff"]
    assert quarters[-1].blind_s == 59.75


GATE = Line("gate", (500, 100), (500, 400), inside=(600, 250))


@pytest.mark.parametrize(("gap_s", "crossed"), [(3.5, 1), (4.5, 0)])
def test_who_is_lost_is_remembered_while_others_are_there(gap_s: float, crossed: int) -> None:
    """Also for as long as it takes to be sure of who is found."""
    rule = LineRule(GATE)
    told = []
    other = [(900, 300)] * 80
    for i, point in enumerate(other):
        now_s = i / 10
        tracks = [make_track(point, now_s, "other")]
        if now_s <= 1:
            tracks.append(make_track((400 + 60 * now_s, 250), now_s, "lost", origin=(400, 250)))
        first_s = 1 + gap_s
        if now_s >= first_s + 1.5:
            tracks.append(make_track((560, 250), now_s, "found", origin=(530, 250), first_s=first_s))
        told += list(rule.update(tracks, make_at(now_s)))
    assert len(told) == crossed
