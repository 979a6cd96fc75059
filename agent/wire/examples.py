"""An example of each payload, made as the agent makes them: the documents show what is really sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from agent.core.event import (
    KINDS,
    AfterHours,
    AgentStarted,
    AgentStopped,
    CameraBlind,
    CameraRestored,
    ClockSet,
    EventsDropped,
    UpdateFailed,
)
from agent.core.frame import Instant
from agent.wire.calendar import CalendarCommandWire, CalendarWire, HoursWire, WorkdayWire
from agent.wire.commands import ReplayDoneWire, ReplayRequestWire
from agent.wire.health import HealthWire
from agent.wire.home_assistant import discovery_config
from agent.wire.payloads import (
    InfoWire,
    ModelWire,
    Sender,
    StateNow,
    StatusWire,
    VersionsWire,
    event_json,
    info_wire,
    state_json,
    utc_text,
)
from agent.wire.rule_form import ExampleTimes
from agent.wire.rule_kinds import WIRE_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event

SENDER: Final = Sender("que-phong", "one-stop", "0b9d24e7")
_LOG, _SESSION, _LAST_SEQ = "5f3a9c21", "c01dbeef", 18231
# A Monday morning in Vietnam, which is where the contract's own examples are.
_AT = Instant(5412.52, datetime(2026, 11, 23, 0, 31, 5, 120_000, UTC))
_SINCE = _AT.shifted(-95.5)
_QUARTER = datetime(2026, 11, 23, 0, 15, tzinfo=UTC)
_TIMES = ExampleTimes(
    _AT,
    _SINCE,
    quarter={"start": _QUARTER, "end": _QUARTER + timedelta(minutes=15), "blind_s": 0.0},
    day={"date": date(2026, 11, 22), "length_s": 86_400.0, "blind_s": 12.5},
)
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
    command = CalendarCommandWire(hours=_HOURS, calendar=_CALENDAR, ts="2026-11-20T01:59:58.250Z")
    found["cmd.calendar"] = [json.loads(command.text())]
    done = ReplayDoneWire(sent=20, first_seq=18_001, last_seq=18_020)
    found["replay.done"] = [json.loads(one.text()) for one in (done, _NOTHING)]
    found["discovery"] = [json.loads(_discovery())]
    found["homeassistant.status"] = ["online"]
    return found


def _events() -> Iterator[Event]:
    """Of each type one, in the order of the contract."""
    agent: dict[str, Any] = {"rule": "agent", "at": _AT}
    since: dict[str, Any] = {"since": _SINCE}
    events: list[Event] = [
        *(event for kind in WIRE_KINDS for event in kind.examples(_TIMES).events),
        AfterHours(rule="waiting", at=_AT, **since, track="t412"),
        CameraBlind(rule="camera", at=_AT, cause="covered", **since),
        CameraRestored(rule="camera", at=_AT, cause="covered", **since, blind_s=95.5),
        UpdateFailed(**agent, from_version="1.0.0~deb13", to_version="1.1.0~deb13", cause="unhealthy"),
        AgentStarted(**agent, cause="restarted", **since),
        AgentStopped(**agent, cause="signal"),
        ClockSet(**agent, offset_s=1_795_388_652.6),
        EventsDropped(**agent, cause="keep_mb", from_seq=1, to_seq=500),
    ]
    order = KINDS.ids
    yield from sorted(events, key=lambda event: order.index(event.TYPE))


def _states() -> Iterator[StateNow]:
    """Of each kind one that is known and one that is not."""
    for kind in WIRE_KINDS:
        state = kind.examples(_TIMES).state
        known = StateNow(kind.kind_id, state.rule, state.since, _AT, _LAST_SEQ, state, None)
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
    return info_wire()(
        log=_LOG,
        session=_SESSION,
        ts=utc_text(_AT.utc),
        site=SENDER.site,
        device=SENDER.device,
        place="Bộ phận một cửa",
        timezone="Asia/Ho_Chi_Minh",
        versions=VersionsWire(agent="0.1.0", python="3.13.5", onnxruntime="1.23.2", opencv="4.12.0"),
        models=(ModelWire(name="yolox_nano", sha256="3c" * 32),),
        rules=tuple(rule for kind in WIRE_KINDS for rule in kind.examples(_TIMES).rules),
        config_digest="9f1c0a7be2d4f683",
        hours=_HOURS,
        calendar=_CALENDAR,
        calendar_digest="6b0e9f2c41d87a35",
        calendar_since="2026-11-20T02:00:00.000Z",
        certificate_ends="2028-11-21T02:00:00.000Z",
        suite="trixie-stable",
    )
