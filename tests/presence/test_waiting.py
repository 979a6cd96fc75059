"""Waits before a counter: which visits are, and their figures."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event import ZoneEntered, ZoneLeft
from agent.presence.intervals import Window
from agent.presence.visits import Visits
from agent.presence.waiting import WaitFigures, Waits
from tests.builders import BEGIN, make_at

if TYPE_CHECKING:
    from agent.core.event import EndedWhy

BEGIN_S = BEGIN.timestamp()


class Zones:
    """The two zones of a counter, to which people come and from which they go."""

    def __init__(self) -> None:
        self.public, self.staff = Visits(), Visits()
        self.waits = Waits(self.public, self.staff)

    def come(self, zone: str, track: str, since_s: float) -> None:
        at = make_at(since_s + 1)
        self._of(zone).start(ZoneEntered(rule=zone, at=at, since=make_at(since_s), count=1, track=track))

    def go(self, zone: str, track: str, since_s: float, last_s: float, why: EndedWhy = "seen") -> None:
        self._of(zone).end(
            ZoneLeft(
                rule=zone,
                at=make_at(last_s + 2),
                since=make_at(since_s),
                count=0,
                track=track,
                dwell_s=last_s - since_s,
                why=why,
            )
        )

    def been(self, zone: str, track: str, since_s: float, last_s: float, why: EndedWhy = "seen") -> None:
        self.come(zone, track, since_s)
        self.go(zone, track, since_s, last_s, why)

    def of_minutes(self, start: float, end: float) -> WaitFigures:
        return self.waits.figures(Window(BEGIN_S + 60 * start, BEGIN_S + 60 * end, BEGIN_S + 60 * end, 0.0))

    def _of(self, zone: str) -> Visits:
        return self.public if zone == "public" else self.staff


@pytest.mark.parametrize(
    ("why", "visits"),
    [("seen", 1), ("lost", 1), ("blind", 0), ("closed", 0), ("stopped", 0), ("restarted", 0)],
)
def test_wait_that_ended(why: EndedWhy, visits: int) -> None:
    zones = Zones()
    zones.been("public", "t1", 60, 240, why)
    assert zones.of_minutes(0, 15).visits == visits


@pytest.mark.parametrize(
    ("since_s", "visits"),
    [
        # Before, meanwhile, at the end, and on the way from there.
        (100, 0),
        (1500, 0),
        (1800, 0),
        (1860, 0),
        # Another errand.
        (1860.001, 1),
    ],
)
def test_wait_of_whom_is_behind_the_desk(since_s: float, visits: int) -> None:
    zones = Zones()
    zones.been("public", "t1", 1000, 1800)
    assert zones.of_minutes(30, 45).visits == 1
    zones.come("staff", "t1", since_s)
    assert zones.of_minutes(30, 45).visits == visits
    zones.go("staff", "t1", since_s, since_s + 5, "blind")
    assert zones.of_minutes(30, 45).visits == visits
    # That another is behind the desk says nothing of them.
    zones.been("public", "t2", 1000, 1801)
    assert zones.of_minutes(30, 45).visits == visits + 1


def test_wait_counts_where_it_ended() -> None:
    zones = Zones()
    zones.been("public", "t1", 600, 900)
    zones.been("public", "t2", 600, 899.999)
    assert [zones.of_minutes(start, start + 15).visits for start in (0, 15)] == [1, 1]
    assert zones.of_minutes(15, 30).wait_max_s == 300.0


@pytest.mark.parametrize(
    ("waits_s", "expected"),
    [
        ([], (0, None, None, None)),
        ([7.25], (1, 7.25, 7.25, 7.25)),
        ([30.0, 10.0], (2, 10.0, 30.0, 30.0)),
        # The nearest rank is one of them: the 5th, the 9th and the last of ten.
        ([float(10 * n) for n in range(10, 0, -1)], (10, 50.0, 90.0, 100.0)),
        ([float(10 * n) for n in range(11)], (11, 50.0, 90.0, 100.0)),
        # 90 per cent of 70 are 63, whatever a float makes of it.
        ([float(n) for n in range(1, 71)], (70, 35.0, 63.0, 70.0)),
    ],
)
def test_percentiles(waits_s: list[float], expected: tuple[object, ...]) -> None:
    zones = Zones()
    for n, wait_s in enumerate(waits_s):
        zones.been("public", f"t{n}", 5, 5 + wait_s)
    assert astuple(zones.of_minutes(0, 15)) == expected


@given(st.lists(st.integers(0, 10**6), min_size=1), st.sampled_from([("wait_p50_s", 50), ("wait_p90_s", 90)]))
def test_nearest_rank(waits_ms: list[int], of: tuple[str, int]) -> None:
    zones = Zones()
    for n, wait_ms in enumerate(waits_ms):
        zones.been("public", f"t{n}", 0, wait_ms / 1000)
    reached_ms = round(getattr(zones.of_minutes(0, 30), of[0]) * 1000)
    shorter = sum(wait_ms < reached_ms for wait_ms in waits_ms)
    no_longer = sum(wait_ms <= reached_ms for wait_ms in waits_ms)
    assert reached_ms in waits_ms
    assert 100 * shorter < of[1] * len(waits_ms) <= 100 * no_longer


def test_waiting_since() -> None:
    zones = Zones()
    since = [zones.waits.since]
    zones.come("public", "t1", 10)
    zones.come("public", "t2", 20)
    since.append(zones.waits.since)
    # Who goes behind the desk does not wait, nor did.
    zones.come("staff", "t1", 50)
    since.append(zones.waits.since)
    zones.go("staff", "t1", 50, 60)
    since.append(zones.waits.since)
    zones.go("public", "t2", 20, 90)
    since.append(zones.waits.since)
    zones.come("public", "t3", 100)
    since.append(zones.waits.since)
    assert since == [None, make_at(10), make_at(20), make_at(20), None, make_at(100)]


def test_what_is_forgotten() -> None:
    zones = Zones()
    zones.been("public", "t1", 60, 600)
    zones.been("public", "t2", 70, 800)
    zones.been("public", "t3", 80, 860, "blind")
    zones.public.forget(BEGIN_S + 700, past=True)
    assert astuple(zones.of_minutes(0, 15)) == (1, 730.0, 730.0, 730.0)
