"""An example of each payload, made as the agent makes them: the documents show what is really sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

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
    CounterState,
    CounterUnattended,
    EventsDropped,
    LineCrossed,
    LineDay,
    LineQuarter,
    LineState,
    PeriodCrossings,
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneQuarter,
    ZoneState,
    ZoneVacated,
)
from agent.core.frame import Instant
from agent.wire.calendar import CalendarCommandWire, CalendarWire, HoursWire, WorkdayWire
from agent.wire.commands import ReplayDoneWire, ReplayRequestWire
from agent.wire.health import HealthWire
from agent.wire.home_assistant import discovery_config
from agent.wire.payloads import (
    CounterGeometryWire,
    InfoWire,
    LineGeometryWire,
    ModelWire,
    Sender,
    StateNow,
    StatusWire,
    VersionsWire,
    ZoneGeometryWire,
    event_json,
    state_json,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event

SENDER: Final = Sender("que-phong", "one-stop", "0b9d24e7")
_LOG, _SESSION, _LAST_SEQ = "5f3a9c21", "c01dbeef", 18231
# A Monday morning in Vietnam, which is where the contract's own examples are.
_AT = Instant(5412.52, datetime(2026, 11, 23, 0, 31, 5, 120_000, UTC))
_SINCE = _AT.shifted(-95.5)
_QUARTER = datetime(2026, 11, 23, 0, 15, tzinfo=UTC)
_DATE = date(2026, 11, 22)
# Nothing is left of the events that were asked for.
_NOTHING = ReplayDoneWire(sent=0, first_seq=None, last_seq=None, refused="range")

_HOURS = (
    HoursWire(days=("mon", "tue", "wed", "thu", "fri"), periods=(("07:30", "11:30"), ("13:30", "17:00"))),
)
_CALENDAR = CalendarWire(
    country="VN", holidays=("2027-01-08",), workdays=(WorkdayWire(date="2027-01-09", like="mon"),)
)


def examples() -> dict[str, list[Any]]:
    """Examples by the name of their schema."""
    found: dict[str, list[Any]] = {}
    for seq, event in enumerate(_events(), _LAST_SEQ):
        body: dict[str, Any] = json.loads(event_json(event, SENDER, _LOG, seq))
        found.setdefault(f"event.{event.TYPE}", []).append(body)
    for state in _states():
        found.setdefault(f"state.{state.kind}", []).append(json.loads(state_json(state, _LOG, _SESSION)))
    found["status"] = [_status(), _will()]
    found["info"] = [json.loads(_info().text())]
    found["health"] = [json.loads(health.text()) for health in _healths()]
    asked = ReplayRequestWire(log=_LOG, from_seq=18_001, to_seq=18_020, request="gap-7")
    found["cmd.replay"] = [asked.model_dump(mode="json")]
    found["cmd.calendar"] = [
        json.loads(CalendarCommandWire(hours=_HOURS, calendar=_CALENDAR).model_dump_json())
    ]
    done = ReplayDoneWire(sent=20, first_seq=18_001, last_seq=18_020)
    found["replay.done"] = [json.loads(one.text()) for one in (done, _NOTHING)]
    found["discovery"] = [json.loads(_discovery())]
    found["homeassistant.status"] = ["online"]
    return found


def _events() -> Iterator[Event]:
    """Of each type one, in the order of a day."""
    gate: dict[str, Any] = {"rule": "gate", "at": _AT}
    zone: dict[str, Any] = {"rule": "waiting", "at": _AT}
    desk: dict[str, Any] = {"rule": "desk", "at": _AT}
    agent: dict[str, Any] = {"rule": "agent", "at": _AT}
    since: dict[str, Any] = {"since": _SINCE}
    quarter: dict[str, Any] = {"start": _QUARTER, "end": _QUARTER + timedelta(minutes=15), "blind_s": 0.0}
    day: dict[str, Any] = {"date": _DATE, "length_s": 86_400.0, "blind_s": 12.5}
    yield LineCrossed(**gate, direction="in", track="t412", confidence=0.87)
    # Before the clock is known to be right: `boot` and `mono_s` let it be corrected.
    unsynced = Instant(_AT.monotonic_s, _AT.utc, synced=False)
    yield LineCrossed(rule="gate", at=unsynced, direction="out", track="t413", confidence=0.71)
    yield ZoneEntered(**zone, **since, count=2, track="t412")
    yield ZoneLeft(**zone, **since, count=1, track="t412", dwell_s=94.2, why="seen")
    yield ZoneOccupied(**zone, **since)
    yield ZoneVacated(**zone, **since, occupied_s=94.2, why="seen")
    yield CounterAttended(**desk, **since, waiting=1)
    yield CounterUnattended(**desk, **since, waiting=3)
    yield CounterClosed(**desk, **since, waiting=0, why="closed")
    yield AfterHours(**zone, **since, track="t412")
    yield LineQuarter(**gate, **quarter, in_count=7, out_count=2)
    yield ZoneQuarter(**zone, **quarter, visits=5, occupied_s=611.4, max_count=3)
    yield CounterQuarter(**desk, **quarter, attended_s=720.0, unattended_s=180.0, longest_unattended_s=120.0)
    yield LineDay(
        **gate,
        **day,
        in_count=41,
        out_count=40,
        first_in=datetime(2026, 11, 22, 0, 12, 44, tzinfo=UTC),
        last_out=datetime(2026, 11, 22, 10, 21, 3, tzinfo=UTC),
        periods=(
            PeriodCrossings(
                start="07:30",
                end="11:30",
                in_before_start=9,
                in_after_start=11,
                out_before_end=12,
                out_after_end=7,
            ),
        ),
    )
    yield ZoneDay(**zone, **day, visits=38, occupied_s=14_210.8, max_count=6)
    yield CounterDay(**desk, **day, attended_s=24_300.0, unattended_s=2_700.0, longest_unattended_s=640.0)
    yield CameraBlind(rule="camera", at=_AT, cause="covered", **since)
    yield CameraRestored(rule="camera", at=_AT, cause="covered", **since, blind_s=95.5)
    yield AgentStarted(**agent, cause="restarted", **since)
    yield AgentStopped(**agent, cause="signal")
    yield ClockSet(**agent, offset_s=1_795_388_652.6)
    yield EventsDropped(**agent, cause="keep_mb", from_seq=1, to_seq=500)


def _states() -> Iterator[StateNow]:
    """Of each kind one that is known and one that is not."""
    line = LineState(rule="gate", since=_SINCE, in_count=7, out_count=2)
    zone = ZoneState(rule="waiting", since=_SINCE, count=2)
    counter = CounterState(rule="desk", since=_SINCE, mode="attended", waiting=1)
    for known in (
        StateNow("line", "gate", _SINCE, _AT, _LAST_SEQ, line, None),
        StateNow("zone", "waiting", _SINCE, _AT, _LAST_SEQ, zone, None),
        StateNow("counter", "desk", _SINCE, _AT, _LAST_SEQ, counter, None),
    ):
        yield known
        yield replace(known, value=None, why="covered")


def _status() -> dict[str, Any]:
    return StatusWire(
        state="online",
        why=None,
        log=_LOG,
        session=_SESSION,
        first_seq=1,
        last_seq=_LAST_SEQ,
        ts=utc_text(_AT.utc),
    ).model_dump(mode="json")


def _will() -> dict[str, Any]:
    """The status that the broker publishes for an agent that vanished."""
    will = StatusWire(state="offline", why="lost", log=_LOG, session=_SESSION)
    return will.model_dump(mode="json", exclude_none=True)


def _healths() -> Iterator[HealthWire]:
    """One that is well, and one in trouble on a machine that can't tell everything."""
    well = HealthWire.example(
        ts=utc_text(_AT.utc), log=_LOG, session=_SESSION, first_seq=1, last_seq=_LAST_SEQ
    )
    yield well
    unknown = dict.fromkeys(("camera_shift_ratio", "temp_c", "throttled", "under_voltage", "clock_offset_ms"))
    trouble = {"verdict": "failing", "reasons": ("camera_covered", "clock_unsynced"), "camera": "covered"}
    yield well.model_copy(update={**unknown, **trouble, "clock": "unsynced"})


def _discovery() -> str:
    info = _info()
    _, body = discovery_config(
        info.site, info.device, info.place, info.rules, info.versions.agent, gone=[("line", "door")]
    )
    return body


def _info() -> InfoWire:
    return InfoWire(
        log=_LOG,
        session=_SESSION,
        ts=utc_text(_AT.utc),
        site=SENDER.site,
        device=SENDER.device,
        place="Bộ phận một cửa",
        timezone="Asia/Ho_Chi_Minh",
        versions=VersionsWire(agent="0.1.0", python="3.13.5", onnxruntime="1.23.2", opencv="4.12.0"),
        models=(ModelWire(name="yolox_nano", sha256="3c" * 32),),
        rules=(
            LineGeometryWire(rule="gate", start=(0.65, 0.0), end=(0.65, 1.0), inside=(0.9, 0.5)),
            ZoneGeometryWire(rule="staff", polygon=((0.5, 0.1), (0.7, 0.1), (0.7, 0.99)), min_dwell_s=1.0),
            ZoneGeometryWire(rule="waiting", polygon=((0.1, 0.3), (0.4, 0.3), (0.4, 0.9)), min_dwell_s=1.0),
            CounterGeometryWire(rule="desk", staff="staff", public="waiting", unattended_after_s=60.0),
        ),
        config_digest="9f1c0a7be2d4f683",
        hours=_HOURS,
        calendar=_CALENDAR,
        calendar_digest="6b0e9f2c41d87a35",
        calendar_since="2026-11-20T02:00:00.000Z",
        certificate_ends="2028-11-21T02:00:00.000Z",
    )
