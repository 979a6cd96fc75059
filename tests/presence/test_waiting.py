"""Waits before a counter: which visits are, and their figures."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event import CounterDay, CounterQuarter, ZoneEntered, ZoneLeft
from agent.core.frame import Instant
from agent.core.rule_state import CounterState
from agent.presence.intervals import Window
from agent.presence.settings import CounterSettings
from agent.presence.visits import Visits
from agent.presence.waiting import WaitFigures, Waits
from tests.builders import BEGIN, make_at
from tests.presence.office import ALWAYS, DESK, VN, Blind, Office, Stay, of, right_clock, utc
from tests.presence.test_changed import change

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
        ([float(n) for n in range(400)], (400, 199.0, 359.0, 399.0)),
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


# --- in the ledger ------------------------------------------------------------------------------------


def waiting_since(office: Office) -> list[str | None]:
    """What the desk's states said, one after the other."""
    said: list[str | None] = []
    for states in office.states:
        for state in states:
            if isinstance(state.value, CounterState):
                since = state.value.waiting_since
                text = None if since is None else f"{since.utc.astimezone(VN):%H:%M:%S}"
                said += [text] if said[-1:] != [text] else []
    return said


def test_state_says_since_when_somebody_waits() -> None:
    office = Office()
    office.watch(
        "08:00",
        "08:10",
        [
            Stay("staff", "08:00", "09:00", "clerk"),
            Stay("public", "08:01", "08:04", "a"),
            Stay("public", "08:02", "08:06", "b"),
            # Comes through the public zone to work.
            Stay("public", "08:07", "08:08", "c"),
            Stay("staff", "08:08", "08:09", "c"),
            Stay("public", "08:09", "09:00", "c"),
        ],
    )
    # Nobody knows of the third at first.
    assert waiting_since(office) == [None, "08:01:00", "08:02:00", None, "08:07:00", None]


def test_nobody_is_known_to_wait_after_blindness() -> None:
    office = Office()
    script: list[Stay | Blind] = [
        Stay("staff", "08:00", "09:00", "clerk"),
        Stay("public", "08:01", "09:00", "a"),
        Blind("08:02", "08:03"),
    ]
    office.watch("08:00", "08:02:30", script)
    assert not [state.value for state in office.states[-1] if state.value]
    office.watch("08:02:30", "08:05", script)
    # It is a new visit: how long they have really been there nobody knows.
    assert waiting_since(office) == [None, "08:01:00", "08:03:00"]


def test_counter_without_a_public_zone() -> None:
    office = Office(counter=CounterSettings("desk", "staff", None, 60.0))
    office.watch("08:00", "08:10", [Stay("public", "08:01", "08:05"), Stay("staff", "08:00", "09:00", "b")])
    office.stop("08:10")
    (day,) = of(office.ledger.finish(office.clock(utc("08:10"))), CounterDay)
    assert (day.visits, day.wait_p50_s, day.wait_p90_s, day.wait_max_s) == (None, None, None, None)
    assert waiting_since(office) == [None]


@pytest.mark.parametrize("unattended_after_s", [5.0, 60.0])
def test_quarter_waits_for_those_on_their_way(unattended_after_s: float) -> None:
    # The first one goes behind the desk after the quarter is over, as late as may be; the second does not.
    office = Office(counter=replace(DESK, unattended_after_s=unattended_after_s), wait_s=20.0)
    told = office.watch(
        "08:10",
        "08:20",
        [
            Stay("public", "08:11", "08:14:58", "a"),
            Stay("yard", "08:14:58", "08:15:57", "a"),
            Stay("staff", "08:15:57", "08:17", "a"),
            Stay("public", "08:12", "08:14", "b"),
            Stay("yard", "08:14", "08:17", "b"),
        ],
    )
    (quarter,) = [event for event in of(told, CounterQuarter) if event.start == utc("08:00")]
    assert (quarter.visits, quarter.wait_max_s) == (1, 119.0)


@pytest.mark.parametrize("ends", [True, False], ids=["over-by-then", "goes-on"])
def test_wait_while_the_clock_is_set(*, ends: bool) -> None:
    # Started in 1970, for all that the machine knows; the network comes at 08:06.
    def clock(moment: datetime) -> Instant:
        at = right_clock(moment)
        wrong = Instant(
            at.monotonic_s, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at.monotonic_s), False
        )
        return at if moment >= utc("08:06") else wrong

    office = Office(ALWAYS, clock=clock)
    told = office.watch(
        "08:00",
        "08:20",
        [
            Stay("public", "08:01", "08:05" if ends else "08:10", "a"),
            Stay("public", "08:02", "08:04" if ends else "08:09", "b"),
            Stay("staff", "08:04" if ends else "08:09", "08:12", "b"),
        ],
    )
    (quarter,) = [event for event in of(told, CounterQuarter) if event.start == utc("08:00")]
    assert (quarter.visits, quarter.wait_p50_s) == (1, 239.0 if ends else 539.0)


def test_quarter_in_which_somebody_only_waited_is_not_empty() -> None:
    # Before the desk opens.
    office = Office()
    told = office.watch("07:00", "07:20", [Stay("public", "07:01", "07:11")])
    (quarter,) = [event for event in of(told, CounterQuarter) if event.start == utc("07:00")]
    assert (quarter.attended_s, quarter.unattended_s) == (0, 0)
    assert (quarter.visits, quarter.wait_p50_s) == (1, 599.0)


def test_counter_whose_public_zone_is_another() -> None:
    office = Office()
    script = [Stay("public", "08:01", "08:05"), Stay("staff", "08:02", "08:03", "b")]
    office.watch("08:00", "08:06", script)
    # By the zone that is in front of it now, for all of the day: as after a restart.
    change(office, "08:06", counters=(replace(DESK, staff="public", public="staff"),))
    (day,) = of(office.ledger.finish(office.clock(utc("08:10"))), CounterDay)
    assert (day.visits, day.wait_max_s) == (1, 59.0)
