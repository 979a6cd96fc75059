"""Whatever people do: events, states and summaries say the same, and what is opened is closed once."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.event import (
    AfterHours,
    CameraBlind,
    CameraRestored,
    CounterAttended,
    CounterClosed,
    CounterDay,
    CounterQuarter,
    CounterUnattended,
    LineCrossed,
    LineDay,
    LineQuarter,
    Quarter,
    ZoneCrowded,
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneOverstayed,
    ZoneQuarter,
    ZoneUncrowded,
    ZoneVacated,
)
from agent.core.rule_state import CounterState, LineState, ZoneState
from tests.presence.office import OFFICE, PLACES, Blind, Office, Stay, of, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.event import Event
    from agent.presence.states import RuleState

# Around the end of the morning, when quarters end too.
BEGIN, END = "11:10:00", "11:50:00"
SECONDS = 40 * 60


def local(second: int) -> str:
    minutes, seconds = divmod(11 * 3600 + 10 * 60 + second, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


@st.composite
def scripts(draw: st.DrawFn) -> list[Stay | Blind]:
    """Up to five persons who walk from place to place, and a spell or two of blindness."""
    script: list[Stay | Blind] = []
    for number in range(draw(st.integers(0, 5))):
        times = sorted(draw(st.lists(st.integers(0, SECONDS), min_size=2, max_size=6, unique=True)))
        name = f"{number}"
        for begin, end in pairwise(times):
            place = draw(st.sampled_from([*PLACES, "nowhere"]))
            if place == "nowhere":
                # Whoever was out of sight is somebody new.
                name += "9"
            else:
                script.append(Stay(place, local(begin), local(end), name))
    for _ in range(draw(st.integers(0, 2))):
        begin = draw(st.integers(0, SECONDS))
        script.append(Blind(local(begin), local(begin + draw(st.integers(5, 600)))))
    return script


def played(script: list[Stay | Blind]) -> Office:
    # A second of no use to anybody makes whole seconds of all times.
    office = Office()
    office.watch(BEGIN, END, script, every_s=2)
    office.stop(END)
    office.told += office.ledger.finish(office.clock(utc(END)))
    return office


@settings(max_examples=60, deadline=None)
@given(script=scripts())
def test_whatever_people_do(script: list[Stay | Blind]) -> None:
    office = played(script)
    told = office.told
    check_order(told)
    check_closings(told)
    check_crowds(told)
    check_long_stays(told)
    check_states(office)
    check_summaries(told)
    check_days(told)
    check_waits(told)
    check_hours(told)


def check_order(told: Sequence[Event]) -> None:
    assert all(one.at.utc <= other.at.utc for one, other in pairwise(told))
    for event in told:
        since = getattr(event, "since", None)
        assert since is None or since.utc <= event.at.utc, event


def check_closings(told: Sequence[Event]) -> None:
    """Each spell and each visit ends once; a count is never below 0; spells of a rule do not overlap."""
    visits: dict[tuple[str, str], int] = {}
    counts: Tally[str] = Tally()
    occupied: dict[str, ZoneOccupied] = {}
    ended: dict[str, float] = {}
    blind = 0
    for event in told:
        match event:
            case ZoneEntered():
                counts[event.rule] += 1
                visits[event.rule, event.track] = visits.get((event.rule, event.track), 0) + 1
                assert visits[event.rule, event.track] == 1
                assert event.count == counts[event.rule]
            case ZoneLeft():
                counts[event.rule] -= 1
                visits[event.rule, event.track] -= 1
                assert visits[event.rule, event.track] == 0
                assert event.count == counts[event.rule] >= 0
            case ZoneOccupied():
                assert event.rule not in occupied
                assert event.since.monotonic_s >= ended.get(event.rule, 0)
                occupied[event.rule] = event
            case ZoneVacated():
                began = occupied.pop(event.rule)
                assert event.since == began.since
                ended[event.rule] = event.since.monotonic_s + event.occupied_s
            case CameraBlind():
                blind += 1
            case CameraRestored():
                blind -= 1
                assert blind == 0
    assert not occupied
    assert not any(counts.values())
    modes = [
        event for event in told if isinstance(event, CounterAttended | CounterUnattended | CounterClosed)
    ]
    for one, other in pairwise(modes):
        assert type(one) is not type(other)
        assert one.since.monotonic_s <= other.since.monotonic_s
    assert not modes or isinstance(modes[-1], CounterClosed)


def check_crowds(told: Sequence[Event]) -> None:
    """Each crowd ends once, was one for as long as is asked for, and does not overlap the one before."""
    crowded: ZoneCrowded | None = None
    ended_s, count = 0.0, 0
    for event in told:
        if event.rule != "public":
            continue
        match event:
            case ZoneEntered() | ZoneLeft():
                count = event.count
            case ZoneCrowded():
                assert crowded is None
                assert event.since.monotonic_s >= ended_s
                assert event.at.monotonic_s - event.since.monotonic_s >= 20
                assert event.count == count >= 2
                crowded = event
            case ZoneUncrowded():
                assert crowded is not None
                assert event.since == crowded.since
                assert event.crowded_s >= 20
                assert event.max_count >= crowded.count
                ended_s, crowded = event.since.monotonic_s + event.crowded_s, None
    assert crowded is None


def check_long_stays(told: Sequence[Event]) -> None:
    """Who was told to stay for long did, and everybody who did was told, once."""
    long: dict[str, ZoneOverstayed] = {}
    for event in told:
        if event.rule != "public":
            continue
        if isinstance(event, ZoneOverstayed):
            assert event.track not in long
            long[event.track] = event
        elif isinstance(event, ZoneLeft):
            found = long.pop(event.track, None)
            assert found is None or (found.since == event.since and event.dwell_s > 120)
            # Up to the last moment on the card: then nobody knows.
            assert found or event.dwell_s <= 120 or event.why == "restarted"
    assert not long


def check_states(office: Office) -> None:
    """Each state is what somebody who only read the events would say."""
    at_s = [states[0].since for states in office.states]
    assert len(at_s) == SECONDS / 2
    counts: Tally[str] = Tally()
    modes: dict[str, str] = {}
    events = iter(office.told)
    event = next(events, None)
    begin = office.clock(utc(BEGIN)).monotonic_s
    for index, states in enumerate(office.states):
        while event is not None and event.at.monotonic_s <= begin + 2 * index:
            fold(event, counts, modes)
            event = next(events, None)
        for state in states:
            check_state(state, counts, modes)


def fold(event: Event, counts: Tally[str], modes: dict[str, str]) -> None:
    match event:
        case ZoneEntered() | ZoneLeft():
            counts[event.rule] = event.count
        case LineCrossed():
            counts[event.direction] += 1
        case CounterAttended():
            modes["desk"] = "attended"
        case CounterUnattended():
            modes["desk"] = "unattended"
        case CounterClosed():
            modes["desk"] = "closed" if event.why == "closed" else "unknown"


def check_state(state: RuleState, counts: Tally[str], modes: dict[str, str]) -> None:
    match state.value:
        case ZoneState() as zone:
            assert zone.count == counts[state.rule]
        case LineState() as line:
            assert (line.in_count, line.out_count) == (counts["in"], counts["out"])
        case CounterState() as counter:
            # Closed since before anything was told, or closed again though blindness had ended a spell.
            assert counter.mode == modes.get("desk", "closed") or (
                counter.mode == "closed" and modes["desk"] == "unknown"
            )
            assert counter.waiting in {None, counts["public"]}
        case None:
            assert state.why is not None


def check_summaries(told: Sequence[Event]) -> None:
    """Sums over the events, second by second, as somebody would make them who has nothing but these."""
    begin_s = utc(BEGIN).timestamp()
    blind = blind_spells(told)
    last_s = utc(END).timestamp()
    watched = [s for s in grid(begin_s, last_s) if not any(since <= s < until for since, until in blind)]
    quarters = of(told, Quarter)
    assert len({(event.rule, event.start) for event in quarters}) == len(quarters)
    for event in quarters:
        start_s, end_s = event.start.timestamp(), event.end.timestamp()
        assert end_s - start_s == 900
        inside = [s for s in watched if start_s <= s < end_s]
        assert event.blind_s == pytest.approx(900 - len(inside), abs=1)
        match event:
            case LineQuarter():
                assert (event.in_count, event.out_count) == crossings(told, start_s, end_s)
            case ZoneQuarter():
                assert_zone(event, told, start_s, end_s)
            case CounterQuarter():
                assert_counter(event, told, start_s, end_s)
    for rule in ("gate", "staff", "public", "desk"):
        for start_s in range(int(begin_s // 900 * 900), int(last_s), 900):
            # A quarter that is not told was empty, and seen.
            if not any(event.rule == rule and event.start.timestamp() == start_s for event in quarters):
                assert len([s for s in watched if start_s <= s < start_s + 900]) == 900
                assert crossings(told, start_s, start_s + 900) == (0, 0) or rule != "gate"


def check_days(told: Sequence[Event]) -> None:
    """The same for the day."""
    (line,), (counter,) = of(told, LineDay), of(told, CounterDay)
    ins, outs = crossings(told, 0, 2**40)
    assert (line.in_count, line.out_count) == (ins, outs)
    assert ins == sum(period.in_before_start + period.in_after_start for period in line.periods)
    assert outs == sum(period.out_before_end + period.out_after_end for period in line.periods)
    zones = of(told, ZoneDay)
    assert sorted(zone.rule for zone in zones) == ["public", "staff"]
    for zone in zones:
        assert_zone(zone, told, 0, 2**40)
    assert_counter(counter, told, 0, 2**40)


def grid(begin_s: float, end_s: float) -> range:
    return range(int(begin_s), int(end_s))


def blind_spells(told: Sequence[Event]) -> list[tuple[float, float]]:
    spells: list[tuple[float, float]] = []
    for event in told:
        if isinstance(event, CameraBlind):
            spells.append((event.since.utc.timestamp(), 2.0**40))
        elif isinstance(event, CameraRestored):
            spells[-1] = spells[-1][0], event.at.utc.timestamp()
    return spells


def crossings(told: Sequence[Event], start_s: float, end_s: float) -> tuple[int, int]:
    there = [
        event.direction
        for event in told
        if isinstance(event, LineCrossed) and start_s <= event.at.utc.timestamp() < end_s
    ]
    return there.count("in"), there.count("out")


def assert_zone(event: ZoneQuarter | ZoneDay, told: Sequence[Event], start_s: float, end_s: float) -> None:
    visits = [
        (left.since.utc.timestamp(), left.since.utc.timestamp() + left.dwell_s)
        for left in told
        if isinstance(left, ZoneLeft) and left.rule == event.rule
    ]
    low, high = utc(BEGIN).timestamp(), utc(END).timestamp()
    inside = [
        sum(since <= s < until for since, until in visits) for s in grid(max(low, start_s), min(high, end_s))
    ]
    assert event.visits == sum(start_s <= since < end_s for since, _ in visits)
    assert event.occupied_s == pytest.approx(sum(map(bool, inside)), abs=1)
    assert event.max_count == max(max(inside, default=0), min(event.visits, 1))


def assert_counter(
    event: CounterQuarter | CounterDay, told: Sequence[Event], start_s: float, end_s: float
) -> None:
    low, high = utc(BEGIN).timestamp(), utc(END).timestamp()
    marks = [
        (mode.since.utc.timestamp(), type(mode))
        for mode in told
        if isinstance(mode, CounterAttended | CounterUnattended | CounterClosed)
    ]
    modes = [
        next((mode for since, mode in reversed(marks) if since <= s), CounterClosed)
        for s in grid(max(low, start_s), min(high, end_s))
    ]
    assert event.attended_s == pytest.approx(modes.count(CounterAttended), abs=1)
    assert event.unattended_s == pytest.approx(modes.count(CounterUnattended), abs=1)
    assert 0 <= event.longest_unattended_s <= event.unattended_s


def check_waits(told: Sequence[Event]) -> None:
    """Sums of waits, of quarters and of the day."""
    for quarter in of(told, CounterQuarter):
        assert_waits(quarter, told, quarter.start.timestamp(), quarter.end.timestamp())
    (day,) = of(told, CounterDay)
    assert_waits(day, told, 0, 2**40)
    assert day.visits == sum(quarter.visits or 0 for quarter in of(told, CounterQuarter))


def assert_waits(
    event: CounterQuarter | CounterDay, told: Sequence[Event], start_s: float, end_s: float
) -> None:
    """Sums over the events of the two zones, by their tracks."""
    behind = {
        track: min(
            one.since.utc for one in of(told, ZoneEntered) if (one.rule, one.track) == ("staff", track)
        )
        for track in {one.track for one in of(told, ZoneEntered) if one.rule == "staff"}
    }
    waits_s = []
    for left in of(told, ZoneLeft):
        end = left.since.utc + timedelta(seconds=left.dwell_s)
        if left.rule != "public" or left.why not in {"seen", "lost"}:
            continue
        if left.track in behind and behind[left.track] <= end + timedelta(seconds=60):
            continue
        if start_s <= end.timestamp() < end_s:
            waits_s.append(left.dwell_s)
    figures = [event.wait_p50_s, event.wait_p90_s, event.wait_max_s]
    assert event.visits == len(waits_s)
    if not waits_s:
        assert figures == [None] * 3
        return
    for percent, figure in zip((50, 90, 100), figures, strict=True):
        assert figure in waits_s
        assert sum(wait_s <= figure for wait_s in waits_s) >= percent / 100 * len(waits_s)
        assert sum(wait_s < figure for wait_s in waits_s) < percent / 100 * len(waits_s)


def check_hours(told: Sequence[Event]) -> None:
    """Nobody is told of after hours twice in a visit, or in working hours."""
    tracks = [event.track for event in told if isinstance(event, AfterHours)]
    assert len(tracks) == len(set(tracks))
    for event in of(told, AfterHours):
        assert not OFFICE.span(event.at.utc).open
    for other in [*of(told, CounterAttended), *of(told, CounterUnattended)]:
        assert OFFICE.span(other.at.utc).open


RULES = {("line", "gate"), ("zone", "public"), ("zone", "staff"), ("counter", "desk")}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([], id="nobody"),
        pytest.param([Stay("staff", BEGIN, END), Stay("public", BEGIN, END, "b")], id="both-zones"),
        pytest.param([Blind(local(60), END)], id="blind"),
    ],
)
def test_stop_leaves_nothing_known(script: list[Stay | Blind]) -> None:
    office = Office()
    office.watch(BEGIN, local(120), script)
    office.stop(local(121))
    states = list(office.ledger.states())
    assert {(state.kind, state.rule) for state in states} == RULES
    assert {(state.value, state.why, state.since.utc) for state in states} == {
        (None, "stopped", utc(local(121)))
    }


def test_stop_before_the_first_frame() -> None:
    office = Office()
    assert list(office.ledger.states()) == []
    office.stop(BEGIN)
    assert {(state.kind, state.rule) for state in office.ledger.states()} == RULES
    assert {state.why for state in office.ledger.states()} == {"stopped"}
