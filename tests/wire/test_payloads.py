from __future__ import annotations

import inspect
import json
import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic import BaseModel

from agent.config.types import MOST_DATES
from agent.core import event as core_event
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
    Day,
    Event,
    EventsDropped,
    LineCrossed,
    LineDay,
    LineQuarter,
    PeriodCrossings,
    Quarter,
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
from agent.core.rule_state import CounterState, LineState, State, ZoneState
from agent.wire import base, calendar, commands, counter, health, line, payloads, rule_form, zone
from agent.wire import events as wire_models
from agent.wire.event_models import state_model
from agent.wire.payloads import (
    Sender,
    StateNow,
    StatusWire,
    event_json,
    made_late,
    schemas,
    state_json,
    utc_text,
)
from agent.wire.rule_kinds import WIRE_KINDS
from tests.builders import make_at
from tests.samples import (
    BLIND_CAUSES,
    LARGEST_SEQ,
    LONGEST_ID,
    SENDER,
    longest_events,
    make_entered,
    make_health,
    make_info,
    most_bytes,
    own_fields,
)
from tests.wire.any_events import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.core.visibility import BlindCause

    Kind = Literal["line", "zone", "counter"]

# Privacy: everything that may ever be published is written down here, in the order of the wire. A
# field that is new makes these tests fail, so that somebody looks at what it could tell of a person.
EVENT_HEAD = ["v", "log", "seq", "id", "type", "ts", "clock", "boot", "mono_s", "site", "device", "rule"]
QUARTER = ["start", "end", "blind_s"]
PERIOD_COUNTS = ["in_before_start", "in_after_start", "out_before_end", "out_after_end"]
DAY = ["date", "length_s", "blind_s"]
WAITS = ["visits", "wait_p50_s", "wait_p90_s", "wait_max_s"]
RULE_MODULES = (rule_form, line, zone, counter)
ALLOWED = {
    "event.line.crossed": [*EVENT_HEAD, "late", "direction", "track", "confidence"],
    "event.zone.entered": [*EVENT_HEAD, "late", "since", "count", "track"],
    "event.zone.left": [*EVENT_HEAD, "late", "since", "count", "track", "dwell_s", "why"],
    "event.zone.overstayed": [*EVENT_HEAD, "late", "since", "track"],
    "event.zone.crowded": [*EVENT_HEAD, "late", "since", "count"],
    "event.zone.uncrowded": [*EVENT_HEAD, "late", "since", "crowded_s", "max", "why"],
    "event.zone.occupied": [*EVENT_HEAD, "late", "since"],
    "event.zone.vacated": [*EVENT_HEAD, "late", "since", "occupied_s", "why"],
    "event.counter.attended": [*EVENT_HEAD, "late", "since", "waiting"],
    "event.counter.unattended": [*EVENT_HEAD, "late", "since", "waiting"],
    "event.counter.closed": [*EVENT_HEAD, "late", "since", "waiting", "why"],
    "event.presence.after_hours": [*EVENT_HEAD, "late", "since", "track"],
    "event.line.quarter": [*EVENT_HEAD, "late", *QUARTER, "in", "out"],
    "event.zone.quarter": [*EVENT_HEAD, "late", *QUARTER, "visits", "occupied_s", "max"],
    "event.counter.quarter": [*EVENT_HEAD, "late", *QUARTER, "attended_s", "unattended_s",
                              "longest_unattended_s", *WAITS],
    "event.line.day": [*EVENT_HEAD, "late", *DAY, "in", "out", "first_in", "last_out", "periods"],
    "event.zone.day": [*EVENT_HEAD, "late", *DAY, "visits", "occupied_s", "max"],
    "event.counter.day": [*EVENT_HEAD, "late", *DAY, "attended_s", "unattended_s", "longest_unattended_s",
                          *WAITS],
    "event.camera.blind": [*EVENT_HEAD, "late", "cause", "since"],
    "event.camera.restored": [*EVENT_HEAD, "late", "cause", "since", "blind_s"],
    "event.update.failed": [*EVENT_HEAD, "late", "from_version", "to_version", "cause"],
    "event.agent.started": [*EVENT_HEAD, "late", "cause", "since"],
    "event.agent.stopped": [*EVENT_HEAD, "late", "cause"],
    "event.agent.clock_set": [*EVENT_HEAD, "late", "offset_s"],
    "event.events.dropped": [*EVENT_HEAD, "late", "cause", "from_seq", "to_seq"],
    "status": ["v", "state", "why", "log", "session", "first_seq", "last_seq", "ts"],
    "info": ["v", "contract", "log", "session", "ts", "site", "device", "place", "timezone", "versions",
             "models", "rules", "config_digest", "hours", "calendar", "calendar_digest", "calendar_since",
             "certificate_ends", "suite", "rules_left_out"],
    "health": ["v", "ts", "log", "session", "verdict", "reasons", "uptime_s", "fps_captured", "fps_looked_at",
               "inference_p50_ms", "inference_p95_ms", "event_latency_p95_ms", "motion_ratio", "camera",
               "camera_shift_ratio",
               "frame_age_s", "stalls", "recoveries", "first_seq", "last_seq", "pending", "log_mb",
               "log_volatile", "no_subscriber", "temp_c", "throttled", "under_voltage", "rss_mb",
               "mem_free_mb", "disk_free_mb", "clock", "clock_offset_ms",
               "earlier_logs"],
    "cmd.replay": ["log", "from_seq", "to_seq", "request"],
    "cmd.calendar": ["v", "hours", "calendar", "ts"],
    "replay.done": ["done", "sent", "first_seq", "last_seq", "refused"],
    "state.line": ["v", "kind", "rule", "valid", "why", "since", "ts", "seq", "log", "session", "in_count",
                   "out_count"],
    "state.zone": ["v", "kind", "rule", "valid", "why", "since", "ts", "seq", "log", "session", "count"],
    "state.counter": ["v", "kind", "rule", "valid", "why", "since", "ts", "seq", "log", "session", "mode",
                      "waiting", "waiting_since"],
}  # fmt: skip
ALLOWED_INSIDE_INFO = {
    "VersionsWire": ["agent", "python", "onnxruntime", "opencv"],
    "ModelWire": ["name", "sha256"],
    "LineGeometryWire": ["kind", "rule", "start", "end", "inside", "used_by"],
    "ZoneGeometryWire": ["kind", "rule", "polygon", "min_dwell_s", "overstay_s", "crowd", "crowd_after_s"],
    "CounterGeometryWire": ["kind", "rule", "staff", "public", "unattended_after_s"],
    "HoursWire": ["days", "periods"],
    "CalendarWire": ["country", "holidays", "workdays"],
    "WorkdayWire": ["date", "like"],
}
# Absent where they do not apply; every other field is always there.
OPTIONAL = {
    **{name: {"boot", "mono_s", "late"} for name in ALLOWED if name.startswith("event.")},
    "status": {"first_seq", "last_seq", "ts"},
    "cmd.calendar": {"ts"},
    "replay.done": {"refused"},
    "health": {name for name, of_field in health.HealthWire.model_fields.items() if of_field.default is None},
    "info": {
        "hours",
        "calendar",
        "calendar_digest",
        "calendar_since",
        "certificate_ends",
        "suite",
        "rules_left_out",
    },
}
OPTIONAL["event.agent.clock_set"] -= {"boot"}
OPTIONAL["event.agent.started"] |= {"since"}
for _name in ("attended", "unattended", "closed"):
    OPTIONAL[f"event.counter.{_name}"] |= {"waiting"}
OPTIONAL["event.line.day"] |= {"first_in", "last_out"}
for _name in ("quarter", "day"):
    OPTIONAL[f"event.counter.{_name}"] |= {*WAITS}
# Older agents lack it.
OPTIONAL["state.counter"] = {"waiting_since"}
# The only forms of text in an event: hexadecimal digits, numbers, ids out of the configuration, UTC.
ALLOWED_PATTERNS = {
    r"^[0-9a-f]{8}$",
    r"^[0-9a-f]{8}/[0-9]+$",
    r"^[a-z0-9-]{1,32}$",
    r"^t[0-9a-f]*-?[0-9]+$",
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
    r"^\d{4}-\d\d-\d\d$",
    r"^\d\d:\d\d$",
    # Of the agent's own versions.
    "^[0-9][0-9A-Za-z.+~-]{0,39}$",
}
SCHEMAS = schemas()
EVENT_NAMES = sorted(name for name in ALLOWED if name.startswith("event."))

# What must not fit into any field of an event: names, pictures, feature vectors.
STOWAWAYS: list[Any] = [
    "Nguyễn Thị Lan",
    "Nguyen Thi Lan",
    "data:image/png;base64,iVBORw0KGgo=",
    "face.jpg",
    b"\xff\xd8\xff\xe0",
    [0.12, 0.34, 0.56],
    (1, 2),
    {"name": "Lan"},
    np.zeros(128, np.float32),
    np.zeros((4, 4, 3), np.uint8),
    None,
    float("nan"),
    float("inf"),
]


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name], format_checker=Draft202012Validator.FORMAT_CHECKER)


def event_wire(event: Event, seq: int = 77) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(event_json(event, SENDER, "5f3a9c21", seq))
    return wire


# --- what may be published ---------------------------------------------------------------------------


def test_schemas_name_only_allowed_fields() -> None:
    assert {name: list(schema["properties"]) for name, schema in SCHEMAS.items()} == ALLOWED


def test_wire_models_name_only_allowed_fields() -> None:
    # Past the schemas: no model of these modules may have a field that is not written down above.
    expected = {tuple(names) for names in [*ALLOWED.values(), *ALLOWED_INSIDE_INFO.values()]}
    head = (*EVENT_HEAD, "late")
    expected |= {(), ("v",), head, tuple(ALLOWED["state.zone"][:-1]), ("kind", "rule")}
    expected |= {("start", "end", *PERIOD_COUNTS), ("log", "last_seq")}
    models = [
        model
        for module in (base, payloads, wire_models, health, commands, calendar, *RULE_MODULES)
        for _, model in inspect.getmembers(module, inspect.isclass)
        if issubclass(model, BaseModel) and model.__module__ == module.__name__
    ]
    models += [state_model(kind.kind_id, kind.state) for kind in WIRE_KINDS]
    assert {
        tuple(field.alias or name for name, field in model.model_fields.items()) for model in set(models)
    } == expected
    # What comes in may have more; only what goes out is bound.
    outgoing = [model for model in models if model is not commands.ReplayRequestWire]
    assert all(model.model_config.get("extra") == "forbid" for model in outgoing)
    assert not any(model.model_computed_fields for model in models)


def test_info_schema_inside_names_only_allowed_fields() -> None:
    schema = SCHEMAS["info"]
    inside = {name: list(part["properties"]) for name, part in schema["$defs"].items()}
    assert inside == ALLOWED_INSIDE_INFO


def test_schemas_know_every_event_type() -> None:
    types = {
        kind.TYPE
        for _, kind in inspect.getmembers(core_event, inspect.isclass)
        if issubclass(kind, Event) and kind not in {Event, Quarter, Day}
    }
    assert {f"event.{name}" for name in types} == set(EVENT_NAMES)
    assert {event.TYPE for event in longest_events()} == types


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_event_fields_are_scalar_and_bounded(name: str) -> None:
    for field, of_field in SCHEMAS[name]["properties"].items():
        if of_field["type"] == "array":
            # The only list: a few objects, of times of day and counts.
            assert field == "periods"
            inside = SCHEMAS[name]["$defs"]["PeriodWire"]["properties"]
            assert list(inside) == ["start", "end", *PERIOD_COUNTS]
            assert {part.get("pattern", part["type"]) for part in inside.values()} == {
                r"^\d\d:\d\d$",
                "integer",
            }
            continue
        assert of_field["type"] in {"string", "integer", "number", "boolean"}, field
        if of_field["type"] == "string":
            closed = "const" in of_field or "enum" in of_field
            assert closed or of_field["pattern"] in ALLOWED_PATTERNS, field
            if of_field.get("pattern", "").startswith("^t"):
                assert of_field["maxLength"] == 24


@pytest.mark.parametrize("name", ["status", "state.line", "state.zone", "state.counter"])
def test_state_fields_are_scalar_and_bounded(name: str) -> None:
    for field, of_field in SCHEMAS[name]["properties"].items():
        for kind in of_field.get("anyOf", [of_field]):
            assert kind["type"] in {"string", "integer", "boolean", "null"}, field
            if kind["type"] == "string":
                assert "const" in kind or "enum" in kind or kind["pattern"] in ALLOWED_PATTERNS, field


def strings_of(schema: object) -> Iterator[dict[str, Any]]:
    """Every part of a schema that describes text."""
    if isinstance(schema, dict):
        if schema.get("type") == "string":
            yield schema
        for part in schema.values():
            yield from strings_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from strings_of(part)


def test_info_texts_are_short() -> None:
    # Text without an end could hold a picture.
    for text in strings_of(SCHEMAS["info"]):
        short = "const" in text or "enum" in text or text.get("maxLength", 999) <= 64
        assert short or text["pattern"] in {*ALLOWED_PATTERNS, "^[0-9a-f]{64}$", "^[0-9a-f]{16}$"}, text


@pytest.mark.parametrize(
    ("event", "field"),
    [(event, field) for event in longest_events() for field in own_fields(event)],
    ids=lambda value: value.TYPE if isinstance(value, Event) else value,
)
def test_event_field_with_stowaway_raises(event: Event, field: str) -> None:
    for stowaway in STOWAWAYS:
        # What is None is absent.
        if stowaway is None and field in OPTIONAL[f"event.{event.TYPE}"]:
            continue
        with pytest.raises(ValueError, match=field.removesuffix("_count")):
            event_json(replace(event, **{field: stowaway}), SENDER, "5f3a9c21", 77)


@pytest.mark.parametrize("field", ["start", "end", *PERIOD_COUNTS])
def test_period_with_stowaway_raises(field: str) -> None:
    (event,) = (event for event in longest_events() if isinstance(event, LineDay))
    for stowaway in STOWAWAYS:
        period = replace(event.periods[0], **{field: stowaway})
        with pytest.raises(ValueError, match=field):
            event_json(replace(event, periods=(period,)), SENDER, "5f3a9c21", 77)


@pytest.mark.parametrize("field", ["site", "device", "boot"])
def test_sender_with_stowaway_raises(field: str) -> None:
    # `boot` goes into the events of an unsynced clock.
    event = replace(make_entered(), at=make_at(1, synced=False))
    for stowaway in STOWAWAYS:
        if stowaway is None and field == "boot":
            continue
        sender = replace(SENDER, **{field: stowaway})
        with pytest.raises(ValueError, match=field):
            event_json(event, sender, "5f3a9c21", 77)


def test_site_and_name_have_60_characters_together() -> None:
    info = dict(make_info())
    for site, name, fits in (
        ("s" * 28, "n" * 32, True),
        ("s" * 32, "n" * 28, True),
        ("s" * 29, "n" * 32, False),
        ("s" * 32, "n" * 29, False),
    ):
        for make in (
            lambda: event_json(make_entered(), Sender(site, name, "f" * 8), "5f3a9c21", 77),  # noqa: B023
            lambda: payloads.InfoWire.model_validate(info | {"site": site, "device": name}),  # noqa: B023
        ):
            with nullcontext() if fits else pytest.raises(ValueError, match="60 characters"):
                make()


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedByName(LineCrossed):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftWithFace(ZoneLeft):
    embedding: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSigned(AgentStarted):
    picture: bytes


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (CrossedByName(rule="gate", at=make_at(0), direction="in", track="t1", confidence=0.5, name="Lan"),
         "name"),
        (LeftWithFace(rule="desk", at=make_at(1), since=make_at(0), count=0, track="t1", dwell_s=1,
                      why="seen", embedding=(0.1,)), "embedding"),
        (StartedSigned(rule="agent", at=make_at(0), cause="started", picture=b"\x89PNG"), "picture"),
    ],
    ids=["name", "embedding", "picture"],
)  # fmt: skip
def test_event_with_unknown_field_raises(event: Event, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        event_json(event, SENDER, "5f3a9c21", 77)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (replace(make_entered(), count=-1), "count"),
        (LineCrossed(rule="gate", at=make_at(0), direction="in", track="t1", confidence=1.01), "confidence"),
        (ZoneVacated(rule="z", at=make_at(1), since=make_at(0), occupied_s=-0.001, why="seen"), "occupied_s"),
        (ZoneVacated(rule="z", at=make_at(1), since=make_at(0), occupied_s=float("inf"), why="seen"),
         "occupied_s"),
        (replace(make_entered(), track="t" * 25), "track"),
        (replace(make_entered(), track="t" + "1" * 24), "track"),
        (replace(make_entered(), rule="a" * 33), "rule"),
        (replace(make_entered(), rule=""), "rule"),
    ],
)  # fmt: skip
def test_event_out_of_range_raises(event: Event, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        event_json(event, SENDER, "5f3a9c21", 77)


# --- the form of events ------------------------------------------------------------------------------

HEAD = '{"v":1,"log":"5f3a9c21","seq":18231,"id":"5f3a9c21/18231"'
PLACE = '"site":"que-phong","device":"one-stop"'
AT = Instant(412.5, datetime(2026, 11, 22, 0, 31, 5, 120_999, UTC))
SINCE = Instant(400.0, datetime(2026, 11, 22, 0, 30, 52, 620_000, UTC))
UNSYNCED = replace(AT, synced=False)
HALF = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        # The example of the contract, letter by letter.
        (LineCrossed(rule="gate", at=AT, direction="in", track="t412", confidence=0.87),
         HEAD + ',"type":"line.crossed","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"gate","direction":"in","track":"t412","confidence":0.87}'),
        # Numbers have three decimals at most; an unsynced clock is told with what can mend it.
        (LineCrossed(rule="gate", at=UNSYNCED, direction="out", track="t7-3", confidence=0.87654),
         HEAD + ',"type":"line.crossed","ts":"2026-11-22T00:31:05.120Z","clock":"unsynced",'
         '"boot":"0123abcd","mono_s":412.5,' + PLACE +
         ',"rule":"gate","direction":"out","track":"t7-3","confidence":0.877}'),
        (ZoneEntered(rule="waiting", at=AT, since=SINCE, count=2, track="t412"),
         HEAD + ',"type":"zone.entered","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z","count":2,"track":"t412"}'),
        (ZoneLeft(rule="waiting", at=AT, since=SINCE, count=0, track="t412", dwell_s=12.34567, why="seen"),
         HEAD + ',"type":"zone.left","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z","count":0,"track":"t412","dwell_s":12.346,'
         '"why":"seen"}'),
        (ZoneOccupied(rule="waiting", at=AT, since=SINCE),
         HEAD + ',"type":"zone.occupied","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z"}'),
        (ZoneVacated(rule="waiting", at=AT, since=SINCE, occupied_s=12.5, why="lost"),
         HEAD + ',"type":"zone.vacated","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z","occupied_s":12.5,"why":"lost"}'),
        (ZoneOverstayed(rule="waiting", at=AT, since=SINCE, track="t412"),
         HEAD + ',"type":"zone.overstayed","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z","track":"t412"}'),
        (ZoneCrowded(rule="waiting", at=AT, since=SINCE, count=11),
         HEAD + ',"type":"zone.crowded","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z","count":11}'),
        (ZoneUncrowded(rule="waiting", at=AT, since=SINCE, crowded_s=12.5, max_count=14, why="lost"),
         HEAD + ',"type":"zone.uncrowded","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z","crowded_s":12.5,"max":14,"why":"lost"}'),
        (CameraBlind(rule="camera", at=AT, cause="covered", since=SINCE),
         HEAD + ',"type":"camera.blind","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"camera","cause":"covered","since":"2026-11-22T00:30:52.620Z"}'),
        (CameraRestored(rule="camera", at=AT, cause="moved", since=SINCE, blind_s=12.5),
         HEAD + ',"type":"camera.restored","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"camera","cause":"moved","since":"2026-11-22T00:30:52.620Z","blind_s":12.5}'),
        (AgentStarted(rule="agent", at=AT, cause="new_log"),
         HEAD + ',"type":"agent.started","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"agent","cause":"new_log"}'),
        (AgentStarted(rule="agent", at=AT, cause="restarted", since=SINCE),
         HEAD + ',"type":"agent.started","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"agent","cause":"restarted","since":"2026-11-22T00:30:52.620Z"}'),
        (CounterAttended(rule="desk", at=AT, since=SINCE, waiting=0),
         HEAD + ',"type":"counter.attended","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"desk","since":"2026-11-22T00:30:52.620Z","waiting":0}'),
        # Without a public zone nobody can be counted before it.
        (CounterUnattended(rule="desk", at=AT, since=SINCE, waiting=None),
         HEAD + ',"type":"counter.unattended","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"desk","since":"2026-11-22T00:30:52.620Z"}'),
        (CounterClosed(rule="desk", at=AT, since=SINCE, waiting=3, why="closed"),
         HEAD + ',"type":"counter.closed","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"desk","since":"2026-11-22T00:30:52.620Z","waiting":3,"why":"closed"}'),
        (AfterHours(rule="waiting", at=AT, since=SINCE, track="t412"),
         HEAD + ',"type":"presence.after_hours","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","since":"2026-11-22T00:30:52.620Z","track":"t412"}'),
        (LineQuarter(rule="gate", at=AT, start=HALF, end=HALF + timedelta(minutes=15), blind_s=12.5,
                     in_count=3, out_count=0),
         HEAD + ',"type":"line.quarter","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"gate","start":"2026-11-22T00:30:00.000Z","end":"2026-11-22T00:45:00.000Z","blind_s":12.5'
         ',"in":3,"out":0}'),
        (ZoneQuarter(rule="waiting", at=AT, start=HALF, end=HALF + timedelta(minutes=15), blind_s=0.0,
                     visits=2, occupied_s=77.1234, max_count=1),
         HEAD + ',"type":"zone.quarter","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","start":"2026-11-22T00:30:00.000Z","end":"2026-11-22T00:45:00.000Z"'
         ',"blind_s":0.0,"visits":2,"occupied_s":77.123,"max":1}'),
        (CounterQuarter(rule="desk", at=AT, start=HALF, end=HALF + timedelta(minutes=15), blind_s=0.0,
                        attended_s=600.0, unattended_s=300.0, longest_unattended_s=200.0),
         HEAD + ',"type":"counter.quarter","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"desk","start":"2026-11-22T00:30:00.000Z","end":"2026-11-22T00:45:00.000Z"'
         ',"blind_s":0.0,"attended_s":600.0,"unattended_s":300.0,"longest_unattended_s":200.0}'),
        (LineDay(rule="gate", at=AT, date=date(2026, 11, 21), length_s=86400.0, blind_s=0.0, in_count=1,
                 out_count=0, first_in=HALF, last_out=None,
                 periods=(PeriodCrossings(start="07:30", end="11:30", in_before_start=1, in_after_start=0,
                                          out_before_end=0, out_after_end=0),
                          PeriodCrossings(start="13:30", end="17:00", in_before_start=0, in_after_start=2,
                                          out_before_end=3, out_after_end=4))),
         HEAD + ',"type":"line.day","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"gate","date":"2026-11-21","length_s":86400.0,"blind_s":0.0,"in":1,"out":0'
         ',"first_in":"2026-11-22T00:30:00.000Z","periods":['
         '{"start":"07:30","end":"11:30","in_before_start":1,"in_after_start":0,'
         '"out_before_end":0,"out_after_end":0},'
         '{"start":"13:30","end":"17:00","in_before_start":0,"in_after_start":2,'
         '"out_before_end":3,"out_after_end":4}]}'),
        (ZoneDay(rule="waiting", at=AT, date=date(2026, 11, 21), length_s=86400.0, blind_s=7.0, visits=0,
                 occupied_s=0.0, max_count=0),
         HEAD + ',"type":"zone.day","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"waiting","date":"2026-11-21","length_s":86400.0,"blind_s":7.0,"visits":0'
         ',"occupied_s":0.0,"max":0}'),
        (CounterDay(rule="desk", at=AT, date=date(2026, 11, 21), length_s=90000.0, blind_s=0.0,
                    attended_s=1.0, unattended_s=2.0, longest_unattended_s=2.0),
         HEAD + ',"type":"counter.day","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"desk","date":"2026-11-21","length_s":90000.0,"blind_s":0.0,"attended_s":1.0'
         ',"unattended_s":2.0,"longest_unattended_s":2.0}'),
        # Of its public zone, if it has one: nobody waited, or somebody did.
        (CounterQuarter(rule="desk", at=AT, start=HALF, end=HALF + timedelta(minutes=15), blind_s=0.0,
                        attended_s=0.0, unattended_s=0.0, longest_unattended_s=0.0, visits=0),
         HEAD + ',"type":"counter.quarter","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"desk","start":"2026-11-22T00:30:00.000Z","end":"2026-11-22T00:45:00.000Z"'
         ',"blind_s":0.0,"attended_s":0.0,"unattended_s":0.0,"longest_unattended_s":0.0,"visits":0}'),
        (CounterDay(rule="desk", at=AT, date=date(2026, 11, 21), length_s=90000.0, blind_s=0.0,
                    attended_s=1.0, unattended_s=2.0, longest_unattended_s=2.0, visits=2, wait_p50_s=12.3456,
                    wait_p90_s=77.0, wait_max_s=77.0),
         HEAD + ',"type":"counter.day","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"desk","date":"2026-11-21","length_s":90000.0,"blind_s":0.0,"attended_s":1.0'
         ',"unattended_s":2.0,"longest_unattended_s":2.0,"visits":2,"wait_p50_s":12.346'
         ',"wait_p90_s":77.0,"wait_max_s":77.0}'),
        # With `boot` also while synced: it mends what that boot told before.
        (ClockSet(rule="agent", at=AT, offset_s=1795307052.6201),
         HEAD + ',"type":"agent.clock_set","ts":"2026-11-22T00:31:05.120Z","clock":"synced",'
         '"boot":"0123abcd",' + PLACE + ',"rule":"agent","offset_s":1795307052.62}'),
        (AgentStopped(rule="agent", at=AT, cause="signal"),
         HEAD + ',"type":"agent.stopped","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"agent","cause":"signal"}'),
        (EventsDropped(rule="agent", at=AT, cause="keep_mb", from_seq=7, to_seq=77),
         HEAD + ',"type":"events.dropped","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"agent","cause":"keep_mb","from_seq":7,"to_seq":77}'),
        (UpdateFailed(rule="agent", at=AT, from_version="1.0.0~deb13", to_version="1.1.0+2", cause="log"),
         HEAD + ',"type":"update.failed","ts":"2026-11-22T00:31:05.120Z","clock":"synced",' + PLACE +
         ',"rule":"agent","from_version":"1.0.0~deb13","to_version":"1.1.0+2","cause":"log"}'),
    ],
    ids=lambda value: value.TYPE if isinstance(value, Event) else "",
)  # fmt: skip
def test_event_text(event: Event, expected: str) -> None:
    assert event_json(event, SENDER, "5f3a9c21", 18231) == expected


@pytest.mark.parametrize("event", longest_events(), ids=lambda event: event.TYPE)
def test_event_longest_fits(event: Event) -> None:
    sender = Sender(LONGEST_ID, LONGEST_ID[:28], "f" * 8)
    assert len(LONGEST_ID) == 32
    body = made_late(event_json(event, sender, "f" * 8, LARGEST_SEQ))
    name = f"event.{event.TYPE}"
    assert set(json.loads(body)) == set(ALLOWED[name])
    validator(f"event.{event.TYPE}").validate(json.loads(body))
    if isinstance(event, Quarter | Day):
        # Sums are told only by a clock that is right.
        event = replace(event, at=replace(event.at, synced=True))
        body = made_late(event_json(event, sender, "f" * 8, LARGEST_SEQ))
    assert len(body.encode()) <= most_bytes(event)


@given(event=events, seq=st.integers(1, LARGEST_SEQ))
def test_event_any_is_as_its_schema_says(event: Event, seq: int) -> None:
    name = f"event.{event.TYPE}"
    for body in (made := event_json(event, SENDER, "5f3a9c21", seq), made_late(made)):
        content = json.loads(body)
        validator(name).validate(content)
        assert None not in content.values()
        assert ("mono_s" in content) == (not event.at.synced)
        assert ("boot" in content) == (not event.at.synced or isinstance(event, ClockSet))
        in_order = [field for field in ALLOWED[name] if field in content and field != "late"]
        assert list(content) == in_order + (["late"] if body is not made else [])
        assert len(body.encode()) <= most_bytes(event)
        assert content["id"] == f"5f3a9c21/{seq}"


def test_made_late_adds_one_field() -> None:
    body = event_json(make_entered(), SENDER, "5f3a9c21", 77)
    assert json.loads(made_late(body)) == {**json.loads(body), "late": True}


offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
zones = st.sampled_from(["Asia/Ho_Chi_Minh", "Asia/Kathmandu", "America/St_Johns", "Africa/Monrovia"])


@given(
    moment=st.datetimes(
        datetime(1970, 1, 3),  # noqa: DTZ001
        datetime(2999, 12, 29),  # noqa: DTZ001
        timezones=st.one_of(st.just(UTC), offsets, zones.map(ZoneInfo)),
    )
)
def test_utc_text_any_zone(moment: datetime) -> None:
    text = utc_text(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text, re.ASCII)
    back = datetime.fromisoformat(text)
    assert back == moment.astimezone(UTC) - timedelta(microseconds=moment.microsecond % 1000)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 5, tzinfo=UTC), "2026-01-05T00:00:00.000Z"),
        (datetime(2026, 1, 5, 7, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")), "2026-01-05T00:00:00.000Z"),
        (datetime(2026, 1, 5, 3, 30, 0, 999, timezone(timedelta(hours=3, minutes=30))),
         "2026-01-05T00:00:00.000Z"),
        # Cut, not rounded: a ts never lies ahead of its moment.
        (datetime(2025, 12, 31, 23, 59, 59, 999_999, UTC), "2025-12-31T23:59:59.999Z"),
    ],
)  # fmt: skip
def test_utc_text_known(moment: datetime, expected: str) -> None:
    assert utc_text(moment) == expected


# --- states ------------------------------------------------------------------------------------------


KINDS: tuple[Kind, ...] = ("line", "zone", "counter")


def make_state(
    value: State | None, kind: Kind = "zone", why: Literal["starting", "clock", BlindCause] = "starting"
) -> StateNow:
    return StateNow(
        kind,
        "staff",
        SINCE,
        AT,
        18231,
        value,
        why if value is None else None,
    )


@pytest.mark.parametrize(
    ("state", "own"),
    [
        (make_state(ZoneState(rule="staff", since=SINCE, count=2)), {"kind": "zone", "count": 2}),
        (make_state(None), {"kind": "zone", "valid": False, "why": "starting", "count": None}),
        (make_state(LineState(rule="staff", since=SINCE, in_count=0, out_count=7), "line"),
         {"kind": "line", "in_count": 0, "out_count": 7}),
        (make_state(None, "line"),
         {"kind": "line", "valid": False, "why": "starting", "in_count": None, "out_count": None}),
        (make_state(None, why="covered"), {"kind": "zone", "valid": False, "why": "covered", "count": None}),
        (make_state(CounterState(rule="staff", since=SINCE, mode="unattended", waiting=0), "counter"),
         {"kind": "counter", "mode": "unattended", "waiting": 0, "waiting_since": None}),
        (make_state(CounterState(rule="staff", since=SINCE, mode="attended", waiting=2, waiting_since=SINCE),
                    "counter"),
         {"kind": "counter", "mode": "attended", "waiting": 2, "waiting_since": "2026-11-22T00:30:52.620Z"}),
        (make_state(CounterState(rule="staff", since=SINCE, mode="closed", waiting=None), "counter"),
         {"kind": "counter", "mode": "closed", "waiting": None, "waiting_since": None}),
        (make_state(None, "counter", "clock"),
         {"kind": "counter", "valid": False, "why": "clock", "mode": None, "waiting": None,
          "waiting_since": None}),
    ],
    ids=["zone", "zone invalid", "line", "line invalid", "zone blind", "counter", "counter waiting",
         "counter without public",
         "counter unsynced"],
)  # fmt: skip
def test_state_text(state: StateNow, own: dict[str, object]) -> None:
    content = json.loads(state_json(state, "5f3a9c21", "c01dbeef"))
    assert content == {
        "v": 1,
        "rule": "staff",
        "valid": True,
        "why": None,
        "since": "2026-11-22T00:30:52.620Z",
        "ts": "2026-11-22T00:31:05.120Z",
        "seq": 18231,
        "log": "5f3a9c21",
        "session": "c01dbeef",
        **own,
    }
    validator(f"state.{state.kind}").validate(content)


@pytest.mark.parametrize("cause", BLIND_CAUSES)
@pytest.mark.parametrize("kind", KINDS)
def test_state_blind_is_as_its_schema_says(kind: Kind, cause: BlindCause) -> None:
    content = json.loads(state_json(make_state(None, kind, cause), "5f3a9c21", "c01dbeef"))
    validator(f"state.{kind}").validate(content)
    assert (content["valid"], content["why"]) == (False, cause)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda it: make_state(ZoneState(rule="staff", since=SINCE, count=it)), "count"),
        (lambda it: make_state(LineState(rule="staff", since=SINCE, in_count=it, out_count=0), "line"),
         "in_count"),
        (lambda it: make_state(LineState(rule="staff", since=SINCE, in_count=0, out_count=it), "line"),
         "out_count"),
        (lambda it: make_state(CounterState(rule="staff", since=SINCE, mode=it, waiting=0), "counter"),
         "mode"),
        (lambda it: make_state(CounterState(rule="staff", since=SINCE, mode="closed", waiting=it), "counter"),
         "waiting"),
        (lambda it: replace(make_state(None), rule=it), "rule"),
        (lambda it: replace(make_state(None), why=it), "why"),
        (lambda it: replace(make_state(None), seq=it), "seq"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_state_with_stowaway_raises(make: Callable[[Any], StateNow], field: str) -> None:
    for stowaway in STOWAWAYS:
        # Null says that a state is not valid.
        if stowaway is not None:
            with pytest.raises(ValueError, match=field):
                state_json(make(stowaway), "5f3a9c21", "c01dbeef")


# --- info --------------------------------------------------------------------------------------------


def most_talkative() -> dict[str, Any]:
    """All that a configuration, or a centre, may say of hours and days off."""
    days = [date(2030, 1, 1) + timedelta(days=number) for number in range(800)]
    return {
        "place": "ề" * 64,
        "hours": tuple(
            calendar.HoursWire(days=(day,), periods=(("07:30", "11:30"),))
            for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun") * 4
        ),
        "calendar": calendar.CalendarWire(
            country="VN",
            holidays=tuple(day.isoformat() for day in days[:MOST_DATES]),
            workdays=tuple(
                calendar.WorkdayWire(date=day.isoformat(), like="mon") for day in days[MOST_DATES:]
            ),
        ),
        "rules_left_out": None,
    }


@pytest.mark.parametrize(
    ("zones", "corners", "whole"),
    [(20, 4, True), (2, 256, True), (4, 256, False), (1500, 3, False), (1, 5000, False)],
)
def test_info_is_taken_by_brokers(zones: int, corners: int, whole: bool) -> None:
    """64 kB is the least that brokers are known to take; a cluster's own is exactly that."""
    polygon = tuple((number / 9973, 1 - number / 9973) for number in range(corners))
    rules = tuple(
        zone.ZoneGeometryWire(rule=f"zone-{number}", polygon=polygon, min_dwell_s=1.0)
        for number in range(zones)
    )
    text = make_info().model_copy(update={**most_talkative(), "rules": rules}).text()
    assert len(text.encode()) <= payloads.MOST_INFO_BYTES < 60_000
    told = json.loads(text)
    validator("info").validate(told)
    names = [rule["rule"] for rule in told["rules"]]
    assert names == [f"zone-{number}" for number in range(len(names))]
    assert len(names) + told.get("rules_left_out", 0) == zones
    assert ("rules_left_out" not in told) == whole
    if not whole:
        # No more than must be is left out.
        one = len(rules[0].model_dump_json())
        assert len(text.encode()) + one > payloads.MOST_INFO_BYTES - 40


# --- schemas -----------------------------------------------------------------------------------------

STATUS = {
    "v": 1,
    "state": "online",
    "why": None,
    "log": "5f3a9c21",
    "session": "c01dbeef",
    "first_seq": 1,
    "last_seq": 18231,
    "ts": "2026-11-22T00:31:05.120Z",
}
WILL = {"v": 1, "state": "offline", "why": "lost", "log": "5f3a9c21", "session": "c01dbeef"}


def samples() -> Iterator[tuple[str, dict[str, Any]]]:
    """Something of everything published, with all its fields."""
    for event in longest_events():
        yield f"event.{event.TYPE}", {**event_wire(event), "late": True}
    yield "status", STATUS
    yield "info", json.loads(make_info().text())
    yield "health", json.loads(make_health().model_dump_json())
    yield "cmd.replay", {"log": "5f3a9c21", "from_seq": 1, "to_seq": 1000, "request": "r-1"}
    yield (
        "cmd.calendar",
        {
            key: value
            for key, value in json.loads(make_info().text()).items()
            if key in ALLOWED["cmd.calendar"]
        },
    )
    yield "replay.done", {"done": True, "sent": 1000, "first_seq": 1, "last_seq": 1000}
    not_met = {"done": True, "sent": 0, "first_seq": None, "last_seq": None, "refused": "unknown_log"}
    yield "replay.done", not_met
    for kind in KINDS:
        yield f"state.{kind}", json.loads(state_json(make_state(None, kind), "5f3a9c21", "c01dbeef"))


SAMPLES = list(samples())
SAMPLE_IDS = [name for name, _ in SAMPLES]


def test_samples_are_complete() -> None:
    assert {name: set(content) for name, content in SAMPLES} == {
        name: set(names) for name, names in ALLOWED.items()
    }


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_schema_is_valid(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:presence:v1:{name}"


def test_schemas_have_names_of_their_own() -> None:
    identifiers = [schema["$id"] for schema in SCHEMAS.values()]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize(("name", "content"), SAMPLES, ids=SAMPLE_IDS)
def test_schema_allows_unknown_fields(name: str, content: dict[str, Any]) -> None:
    validator(name).validate(content)
    validator(name).validate({**content, "later": {"deep": [1, "x"]}})


def test_schema_info_allows_unknown_fields_inside() -> None:
    content = json.loads(make_info().text())
    content["versions"]["paho"] = "2.2"
    content["models"][0]["licence"] = "MIT"
    for rule in content["rules"]:
        rule["colour"] = "red"
    validator("info").validate(content)


@pytest.mark.parametrize(("name", "content"), SAMPLES, ids=SAMPLE_IDS)
def test_schema_requires_what_is_not_optional(name: str, content: dict[str, Any]) -> None:
    for field in content:
        rest = {key: value for key, value in content.items() if key != field}
        assert validator(name).is_valid(rest) == (field in OPTIONAL.get(name, set())), field


@pytest.mark.parametrize(("name", "content"), SAMPLES, ids=SAMPLE_IDS)
def test_schema_optional_fields_are_never_null(name: str, content: dict[str, Any]) -> None:
    # But for those of a state, of which null says that they are not known.
    for field in OPTIONAL.get(name, set()) if not name.startswith("state.") else ():
        with pytest.raises(ValidationError):
            validator(name).validate({**content, field: None})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("event.line.crossed", {"ts": "2026-13-45T00:00:00.000Z"}),  # the format knows the calendar
        ("event.line.crossed", {"ts": "2026-11-22 00:31:05"}),
        ("event.line.crossed", {"type": "zone.left"}),
        ("event.line.crossed", {"track": "Nguyen"}),
        ("event.line.crossed", {"confidence": 2}),
        ("event.line.crossed", {"late": False}),
        ("event.line.crossed", {"rule": ["gate"]}),
        ("event.line.crossed", {"v": 2}),
        ("event.zone.left", {"count": -1}),
        ("event.zone.left", {"count": None}),
        ("event.zone.left", {"why": "went"}),
        ("event.counter.attended", {"waiting": -1}),
        ("event.counter.closed", {"why": "tired"}),
        ("event.line.day", {"date": "2026-13-45"}),
        ("event.line.day", {"periods": [["07:30"]]}),
        ("event.line.day", {"periods": ["07:30-11:30"]}),
        ("event.line.day", {"periods": [{"start": "07:30", "end": "11:30"}]}),
        ("event.zone.day", {"max": 1.5}),
        ("event.agent.clock_set", {"boot": None}),
        ("state.counter", {"mode": "asleep"}),
        ("state.counter", {"why": "closed"}),
        ("event.camera.blind", {"cause": "sleepy"}),
        ("event.camera.restored", {"blind_s": -1}),
        ("state.zone", {"why": "sleepy"}),
        ("status", {"state": "away"}),
        ("status", {"log": "5F3A9C21"}),
        ("state.zone", {"count": -1}),
        ("state.zone", {"kind": "line"}),
    ],
)
def test_schema_rejects(name: str, change: dict[str, Any]) -> None:
    content = dict(SAMPLES)[name]
    with pytest.raises(ValidationError):
        validator(name).validate({**content, **change})


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (WILL, True),
        ({**STATUS, "state": "offline", "why": "stopped"}, True),
        ({key: value for key, value in STATUS.items() if key != "why"}, False),
    ],
)
def test_schema_status(content: dict[str, Any], good: bool) -> None:
    assert validator("status").is_valid(content) == good
    if good:
        StatusWire(**content)
