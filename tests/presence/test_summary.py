from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from agent.core.event import (
    ClockSet,
    CounterDay,
    CounterQuarter,
    Day,
    LineCrossed,
    LineDay,
    LineQuarter,
    PeriodCrossings,
    Quarter,
    ZoneDay,
    ZoneQuarter,
)
from agent.core.frame import Instant
from agent.core.rule_state import LineState
from agent.presence.hours import WorkingTime
from agent.presence.intervals import most_at_once, union_s
from tests.presence.office import ALWAYS, OFFICE, VN, WEEK, Blind, Office, Stay, of, right_clock, utc, words

if TYPE_CHECKING:
    from collections.abc import Callable


def through(at: str, *, inward: bool, name: str) -> list[Stay]:
    """Somebody goes through the gate at a local time."""
    moment = datetime.fromisoformat(f"2026-01-05T{at}")
    begin, end = moment - timedelta(seconds=3), moment + timedelta(seconds=3)
    places = ("street", "yard") if inward else ("yard", "street")
    return [
        Stay(places[0], f"{begin:%H:%M:%S}", at, name),
        Stay(places[1], at, f"{end:%H:%M:%S}", name),
    ]


def quarters(office: Office, begin: str, end: str, *script: Stay | Blind, rule: str = "staff") -> list[str]:
    told = office.watch(begin, end, script)
    return words(event for event in of(told, Quarter) if event.rule == rule)


def test_quarter_of_a_line() -> None:
    office = Office()
    script = [*through("08:20", inward=True, name="a"), *through("08:25", inward=False, name="a2"),
              *through("08:26", inward=True, name="b")]  # fmt: skip
    assert quarters(office, "08:15", "08:50", *script, rule="gate") == [
        # Told when nothing more of it can become known.
        "08:31:00 gate 08:15:00-08:30:00 2 1 blind 0"
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        # Nobody came: nothing to say.
        pytest.param([], [], id="empty"),
        # Two visits, one after the other.
        pytest.param(
            [Stay("staff", "08:16", "08:17:01"), Stay("staff", "08:20", "08:21:01", "b")],
            ["08:31:01 staff 08:15:00-08:30:00 2 120 1 blind 0"], id="two",
        ),
        # Together for half a minute.
        pytest.param(
            [Stay("staff", "08:16", "08:17:01"), Stay("staff", "08:16:30", "08:17:31", "b")],
            ["08:31:01 staff 08:15:00-08:30:00 2 90 2 blind 0"], id="together",
        ),
        # Over the end of a quarter: the visit counts where it began, the time where it was.
        pytest.param(
            [Stay("staff", "08:29", "08:31:01")],
            ["08:31:01 staff 08:15:00-08:30:00 1 60 1 blind 0",
             "08:46:01 staff 08:30:00-08:45:00 0 60 1 blind 0"], id="over-the-end",
        ),
        # Left in the last second, told after the end of the quarter: it still lands in it.
        pytest.param(
            [Stay("staff", "08:20", "08:29:59")],
            ["08:31:01 staff 08:15:00-08:30:00 1 598 1 blind 0"], id="late-left",
        ),
        # Came in the last second: told, and counted, after it.
        pytest.param(
            [Stay("staff", "08:29:59", "08:31:01")],
            ["08:31:01 staff 08:15:00-08:30:00 1 1 1 blind 0",
             "08:46:01 staff 08:30:00-08:45:00 0 60 1 blind 0"], id="late-entered",
        ),
        # Blind is not empty.
        pytest.param(
            [Blind("08:20", "08:21")], ["08:31:01 staff 08:15:00-08:30:00 0 0 0 blind 60"], id="blind",
        ),
        pytest.param(
            [Stay("staff", "08:16", "08:25"), Blind("08:20", "08:35")],
            ["08:31:01 staff 08:15:00-08:30:00 1 239 1 blind 600",
             "08:46:01 staff 08:30:00-08:45:00 0 0 0 blind 300"], id="blind-over-the-end",
        ),
    ],
)  # fmt: skip
def test_quarter_of_a_zone(script: list[Stay | Blind], expected: list[str]) -> None:
    assert quarters(Office(), "08:15", "08:50", *script) == expected


def test_quarter_before_the_agent_ran_is_blind() -> None:
    assert quarters(Office(), "08:20", "08:50", Stay("staff", "08:20", "08:22:01")) == [
        "08:31:01 staff 08:15:00-08:30:00 1 120 1 blind 300"
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        # All of it attended; nothing to say of the time after hours.
        pytest.param(
            [Stay("staff", "10:00", "13:00")],
            ["11:17:01 desk 11:00:00-11:15:00 900 0 0 blind 0",
             "11:32:01 desk 11:15:00-11:30:00 900 0 0 blind 0"], id="attended",
        ),
        # Away twice.
        pytest.param(
            [Stay("staff", "10:00", "11:00:01"), Stay("staff", "11:05", "11:10:01", "b"),
             Stay("staff", "11:12", "13:00", "c")],
            ["11:17:01 desk 11:00:00-11:15:00 480 420 300 blind 0",
             "11:32:01 desk 11:15:00-11:30:00 900 0 0 blind 0"], id="away-twice",
        ),
        # Away over the end of a quarter.
        pytest.param(
            [Stay("staff", "10:00", "11:10:01"), Stay("staff", "11:20", "13:00", "b")],
            ["11:17:01 desk 11:00:00-11:15:00 600 300 300 blind 0",
             "11:32:01 desk 11:15:00-11:30:00 600 300 300 blind 0"], id="away-over-the-end",
        ),
        # Neither is known while blind.
        pytest.param(
            [Stay("staff", "10:00", "13:00"), Blind("11:05", "11:10")],
            ["11:17:01 desk 11:00:00-11:15:00 600 0 0 blind 300",
             "11:32:01 desk 11:15:00-11:30:00 900 0 0 blind 0"], id="blind",
        ),
    ],
)  # fmt: skip
def test_quarter_of_a_counter(script: list[Stay | Blind], expected: list[str]) -> None:
    office = Office()
    office.watch("10:59", "11:00", script)
    told = quarters(office, "11:00", "12:20", *script, rule="desk")
    assert [line for line in told if "10:45" not in line] == expected


def test_day_of_a_line() -> None:
    office = Office(wait_s=0)
    script = [
        *through("07:20", inward=True, name="early"),
        *through("07:40", inward=True, name="late"),
        *through("11:20", inward=False, name="early2"),
        # Half-way through the break at 12:30: before it the morning's, after it the afternoon's.
        *through("12:29:50", inward=True, name="noon"),
        *through("12:30:10", inward=True, name="noon2"),
        *through("16:30", inward=False, name="early3"),
        *through("17:10", inward=False, name="last"),
        *through("23:59:00", inward=True, name="night"),
    ]
    told = office.watch("00:00", "2026-01-06T00:05", script, every_s=3)
    (day,) = of(told, LineDay)
    assert day == LineDay(
        rule="gate",
        at=office.clock(utc("2026-01-06T00:00")),
        date=date(2026, 1, 5),
        length_s=86_400,
        blind_s=0,
        in_count=5,
        out_count=3,
        first_in=utc("07:20"),
        last_out=utc("17:10:00"),
        periods=(
            PeriodCrossings(
                start="07:30", end="11:30",
                in_before_start=1, in_after_start=2, out_before_end=1, out_after_end=0,
            ),
            PeriodCrossings(
                start="13:30", end="17:00",
                in_before_start=1, in_after_start=1, out_before_end=1, out_after_end=1,
            ),
        ),
    )  # fmt: skip


def test_day_of_zones_and_counters() -> None:
    office = Office(wait_s=0)
    script = [Stay("staff", "08:00", "11:00:01"), Stay("staff", "09:00", "10:00", "b"),
              Stay("staff", "13:30", "17:30", "c")]  # fmt: skip
    told = office.watch("00:00", "2026-01-06T00:05", script, every_s=5)
    zone, counter = of(told, ZoneDay)[0], of(told, CounterDay)[0]
    assert (zone.visits, zone.max_count) == (3, 2)
    assert zone.occupied_s == pytest.approx(7 * 3600, abs=10)
    assert counter.attended_s == pytest.approx(6.5 * 3600, abs=10)
    assert counter.unattended_s == pytest.approx(3600, abs=10)
    assert counter.longest_unattended_s == pytest.approx(1800, abs=10)
    # A day on which nobody came is told too.
    quiet = Office(wait_s=0)
    assert {event.rule for event in of(quiet.watch("00:00", "2026-01-06T00:05", every_s=60), Day)} == {
        "gate", "staff", "public", "desk",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("day", "hours_long"),
    [
        # Clocks are set forward, set back, and left alone.
        ("2023-03-26", 23),
        ("2023-10-29", 25),
        ("2023-06-01", 24),
    ],
)
def test_day_when_clocks_are_set(day: str, hours_long: int) -> None:
    office = Office(WorkingTime(ZoneInfo("Europe/Berlin"), WEEK), wait_s=0)
    begin = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    end = begin + timedelta(hours=hours_long, minutes=5)
    first, last = (f"{moment.astimezone(VN):%Y-%m-%dT%H:%M:%S}" for moment in (begin, end))
    (told,) = of(office.watch(first, last, every_s=60), LineDay)
    assert (told.date, told.length_s, told.blind_s) == (date.fromisoformat(day), hours_long * 3600, 0)


def test_counts_begin_anew_at_local_midnight() -> None:
    office = Office(ALWAYS)
    counts = []
    for begin, end, name in (("23:58", "23:59:30", "a"), ("23:59:30", "2026-01-06T00:00:10", "b")):
        office.watch(begin, end, through("23:59:00", inward=True, name=name))
        (state,) = [state.value for state in office.ledger.states() if state.kind == "line"]
        assert isinstance(state, LineState)
        counts.append((state.in_count, state.out_count))
    assert counts == [(1, 0), (0, 0)]


# --- clocks that are wrong


def stepping(at: str, before: timedelta, *, synced: bool = True) -> Callable[[datetime], Instant]:
    """A clock that is wrong by so much until a moment, and then right."""
    right_from = utc(at)

    def clock(moment: datetime) -> Instant:
        now = right_clock(moment)
        return now if moment >= right_from else Instant(now.monotonic_s, moment + before, synced)

    return clock


def test_unsynchronised_start() -> None:
    office = Office(clock=stepping("08:25", timedelta(days=-20_000), synced=False))
    script = [Stay("staff", "08:16", "08:17:01"), *through("08:20", inward=True, name="b")]
    told = office.watch("08:15", "08:50", script)
    (change,) = of(told, ClockSet)
    assert (change.at, change.offset_s) == (office.clock(utc("08:25")), utc("00:00").timestamp())
    # Nothing is judged or summed up before; then what was seen lies where it really was.
    index = told.index(change)
    assert not of(told[:index], Quarter, Day, CounterQuarter)
    assert words(of(told, LineQuarter, ZoneQuarter))[:2] == [
        "08:31:00 gate 08:15:00-08:30:00 1 0 blind 0",
        "08:31:01 staff 08:15:00-08:30:00 1 60 1 blind 0",
    ]
    # The counter is judged from that moment on.
    assert words(of(told, CounterQuarter)) == [
        "08:32:01 desk 08:15:00-08:30:00 0 300 300 blind 0",
        "08:47:01 desk 08:30:00-08:45:00 0 900 900 blind 0",
    ]


def test_never_synchronised() -> None:
    office = Office(clock=stepping("2027-01-01T00:00", timedelta(), synced=False))
    office.watch("08:00", "08:30", through("08:20", inward=True, name="b"))
    office.watch("08:30", "2026-01-09T08:00", every_s=300)
    told = office.told
    assert not of(told, Quarter, Day, ClockSet)
    assert [event.direction for event in of(told, LineCrossed)] == ["in"]
    # Whoever is in a zone is there at any time; since midnight, and in working hours, nobody knows.
    assert {(state.rule, state.why) for state in office.ledger.states()} == {
        ("gate", "clock"), ("staff", None), ("public", None), ("desk", "clock"),
    }  # fmt: skip


@pytest.mark.parametrize("hours", [OFFICE, ALWAYS], ids=["office", "always-open"])
@pytest.mark.parametrize(
    "before",
    [timedelta(days=-20_000), timedelta(days=-1), timedelta(minutes=-3), timedelta(days=400)],
    ids=str,
)
def test_line_is_known_once_the_clock_is(before: timedelta, hours: WorkingTime) -> None:
    """Three came in before anybody knew the time: one of them, as it turns out, the day before."""
    office = Office(hours, clock=stepping("08:25", before, synced=False))
    script = [
        Stay("street", "2026-01-04T23:49:57", "2026-01-04T23:50:00", "z"),
        Stay("yard", "2026-01-04T23:50:00", "2026-01-04T23:50:03", "z"),
        *through("08:10", inward=True, name="a"),
        *through("08:20", inward=True, name="b"),
        *through("08:30", inward=False, name="c"),
    ]
    states: list[tuple[str, object]] = []
    for begin, end in (("2026-01-04T23:45", "2026-01-04T23:59"), ("08:05", "08:40")):
        office.states.clear()
        office.watch(begin, end, script)
        states += [
            (state.why or "", (state.value.in_count, state.value.out_count) if state.value else None)
            for now in office.states
            for state in now
            if isinstance(state.value, LineState | None) and state.kind == "line"
        ]
    assert [state for state, _ in groupby(states)] == [("clock", None), ("", (2, 0)), ("", (2, 1))]


def test_line_is_unknown_while_a_clock_is_lost_again() -> None:
    def clock(moment: datetime) -> Instant:
        return replace(right_clock(moment), synced=not utc("08:10") <= moment < utc("08:20"))

    office = Office(clock=clock)
    script = [*through("08:05", inward=True, name="a"), *through("08:15", inward=True, name="b")]
    office.watch("08:00", "08:30", script)
    lines = [(state.why, state.value) for now in office.states for state in now if state.kind == "line"]
    told = [(why, value.in_count if isinstance(value, LineState) else None) for why, value in lines]
    assert [state for state, _ in groupby(told)] == [(None, 0), (None, 1), ("clock", None), (None, 2)]


@pytest.mark.parametrize(
    "before",
    [timedelta(minutes=-10), timedelta(minutes=10), timedelta(hours=1), timedelta(days=-400),
     timedelta(days=4000), timedelta(seconds=-2)],
    ids=str,
)  # fmt: skip
def test_clock_steps(before: timedelta) -> None:
    """The clock was wrong by so much until 08:25, and said that it was right."""
    office = Office(clock=stepping("08:25", before))
    script = [Stay("staff", "08:24", "08:26:01"), *through("08:20", inward=True, name="b")]
    told = office.watch("08:15:30", "08:50", script)
    assert [event.offset_s for event in of(told, ClockSet)] == [utc("00:00").timestamp()]
    # What was there lasts as long as it did, and lies where it really was.
    after = told[told.index(of(told, ClockSet)[0]) :]
    there = [
        event for event in of(after, ZoneQuarter) if event.rule == "staff" and event.start == utc("08:15")
    ]
    assert [(event.visits, event.occupied_s) for event in there] == [(1, 120)]
    (state,) = [state.value for state in office.ledger.states() if state.kind == "line"]
    assert isinstance(state, LineState)
    assert (state.in_count, state.out_count) == (1, 0)
    # Nobody is told of quarters that never were: at most the last true one and those since.
    assert len(of(after, ZoneQuarter)) <= 4
    assert all(event.at.utc >= utc("08:25") for event in after)


def test_small_steps_are_none() -> None:
    office = Office(clock=stepping("08:25", timedelta(seconds=0.9)))
    assert not of(office.watch("08:20", "08:30"), ClockSet)


# --- sums


@pytest.mark.parametrize(
    ("parts", "seconds", "most"),
    [
        ([], 0, 0),
        ([(0, 2)], 2, 1),
        ([(0, 2), (2, 4)], 4, 1),
        ([(0, 3), (2, 4)], 4, 2),
        ([(0, 10), (2, 4), (3, 5)], 10, 3),
        ([(5, 6), (0, 1)], 2, 1),
    ],
)
def test_parts(parts: list[tuple[float, float]], seconds: float, most: int) -> None:
    assert (union_s(parts), most_at_once(parts)) == (seconds, most)


def test_office_is_what_the_tests_think() -> None:
    assert OFFICE.span(utc("08:00")).open
    assert not OFFICE.span(utc("12:00")).open
