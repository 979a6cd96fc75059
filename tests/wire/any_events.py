"""Whatever may be told, for tests of what must hold for all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from hypothesis import strategies as st

from agent.core.event import (
    AfterHours,
    AgentStarted,
    AgentStopped,
    CameraBlind,
    CameraRestored,
    ClockSet,
    CounterAttended,
    CounterClosed,
    CounterDay,
    CounterQuarter,
    CounterUnattended,
    Event,
    EventsDropped,
    LineCrossed,
    LineDay,
    LineQuarter,
    PeriodCrossings,
    UpdateCause,
    UpdateFailed,
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
from agent.core.frame import Instant
from tests.samples import (
    BLIND_CAUSES,
    LARGEST_DAILY,
    LARGEST_INT,
    LARGEST_S,
    LARGEST_SEQ,
    LONGEST_DAY_S,
    MOST_PERIODS,
    WHYS,
)

identifiers = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
tracks = st.from_regex(r"t[0-9a-f]{0,12}-?[0-9]{1,10}", fullmatch=True)
versions = st.from_regex(r"[0-9][0-9A-Za-z.+~-]{0,39}", fullmatch=True)
instants = st.builds(
    Instant,
    st.floats(0, LARGEST_S),
    st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.booleans(),
)
durations = st.floats(0, LARGEST_S)
persons = st.integers(0, LARGEST_INT)
shared = {"rule": identifiers, "at": instants}
visits = {"since": instants, "count": persons, "track": tracks}
sinces = {"since": instants}
waiting = {**sinces, "waiting": st.none() | persons}
day_parts = st.floats(0, LONGEST_DAY_S)
moments = instants.map(lambda at: at.utc)
quarters = {**shared, "start": moments, "end": moments, "blind_s": st.floats(0, 900)}
days = {**shared, "date": moments.map(datetime.date), "length_s": day_parts, "blind_s": day_parts}
daily = st.integers(0, LARGEST_DAILY)
crossed = {"in_count": daily, "out_count": daily}
stayed = {"visits": daily, "occupied_s": day_parts, "max_count": daily}
attended = {"attended_s": day_parts, "unattended_s": day_parts, "longest_unattended_s": day_parts}
waits = {
    "visits": st.none() | daily,
    **dict.fromkeys(("wait_p50_s", "wait_p90_s", "wait_max_s"), st.none() | durations),
}
clocks = st.times().map("{:%H:%M}".format)
periods = st.builds(
    PeriodCrossings,
    start=clocks,
    end=clocks,
    in_before_start=daily,
    in_after_start=daily,
    out_before_end=daily,
    out_after_end=daily,
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(CounterAttended, **shared, **waiting),
    st.builds(CounterUnattended, **shared, **waiting),
    st.builds(CounterClosed, **shared, **waiting, why=st.sampled_from(WHYS)),
    st.builds(AfterHours, **shared, **sinces, track=tracks),
    st.builds(LineQuarter, **quarters, **crossed),
    st.builds(ZoneQuarter, **quarters, **stayed),
    st.builds(CounterQuarter, **quarters, **attended, **waits),
    st.builds(
        LineDay,
        **days,
        **crossed,
        first_in=st.none() | moments,
        last_out=st.none() | moments,
        periods=st.lists(periods, max_size=MOST_PERIODS).map(tuple),
    ),
    st.builds(ZoneDay, **days, **stayed),
    st.builds(CounterDay, **days, **attended, **waits),
    st.builds(ClockSet, **shared, offset_s=st.floats(-LARGEST_S, LARGEST_S)),
    st.builds(
        LineCrossed,
        **shared,
        direction=st.sampled_from(["in", "out"]),
        track=tracks,
        confidence=st.floats(0, 1),
    ),
    st.builds(ZoneEntered, **shared, **visits),
    st.builds(ZoneLeft, **shared, **visits, dwell_s=durations, why=st.sampled_from(WHYS)),
    st.builds(ZoneOccupied, **shared, since=instants),
    st.builds(ZoneVacated, **shared, since=instants, occupied_s=durations, why=st.sampled_from(WHYS)),
    st.builds(ZoneOverstayed, **shared, since=instants, track=tracks),
    st.builds(ZoneCrowded, **shared, since=instants, count=persons),
    st.builds(
        ZoneUncrowded,
        **shared,
        since=instants,
        crowded_s=durations,
        max_count=persons,
        why=st.sampled_from(WHYS),
    ),
    st.builds(CameraBlind, **shared, since=instants, cause=st.sampled_from(BLIND_CAUSES)),
    st.builds(
        CameraRestored, **shared, since=instants, blind_s=durations, cause=st.sampled_from(BLIND_CAUSES)
    ),
    st.builds(
        UpdateFailed,
        **shared,
        from_version=versions,
        to_version=versions,
        cause=st.sampled_from(get_args(UpdateCause)),
    ),
    st.builds(
        AgentStarted,
        **shared,
        cause=st.sampled_from(["new_log", "started", "restarted"]),
        since=st.none() | instants,
    ),
    st.builds(
        AgentStopped,
        **shared,
        cause=st.sampled_from(["signal", "recording_ended", "recording_broken"]),
    ),
    st.builds(
        EventsDropped,
        **shared,
        cause=st.sampled_from(["keep_days", "keep_mb", "disk_full"]),
        from_seq=st.integers(1, LARGEST_SEQ),
        to_seq=st.integers(1, LARGEST_SEQ),
    ),
)


def begun(event: Event, ago_s: float, step_s: float) -> Event:
    """An event with a begin before it; the wall clock stepped in between."""
    if getattr(event, "since", None) is None:
        return event
    ago = event.at.shifted(-ago_s)
    since: dict[str, Any] = {"since": replace(ago, utc=ago.utc + timedelta(seconds=step_s))}
    return replace(event, **since)


long_s = st.floats(0, 3e8)
events = st.builds(begun, events, long_s, st.just(0.0) | long_s | long_s.map(float.__neg__))
