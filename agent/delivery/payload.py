"""The wire form: every field that may ever be published is named in this module.

The models refuse any other field, so that nothing a stage might add can reach the wire unseen.
JSON Schemas are made from the same models.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from agent.core.event import ClockSet, CounterMode, CounterState, LineState, PeriodCrossings, ZoneState
from agent.core.frame import Instant
from agent.core.sight import BlindCause  # noqa: TC001 - pydantic reads annotations
from agent.delivery.calendar_wire import CalendarCommandWire, CalendarWire, HoursWire
from agent.delivery.commands import ReplayDoneWire, ReplayRequestWire
from agent.delivery.event_wire import (
    CONTRACT,
    EVENTS,
    Closed,
    Corner,
    Count,
    Hex8,
    Identifier,
    Name,
    PeriodWire,
    Seconds,
    Seq,
    Timestamp,
    Wire,
    check_agent_name,
)
from agent.delivery.health_wire import HealthWire

if TYPE_CHECKING:
    from agent.core.event import Event, State


# Brokers take at least 64 kB, headers included.
MOST_INFO_BYTES = 48_000
_LEFT_OUT_BYTES = 32


class StatusWire(Wire):
    """Whether an agent is there; the will has neither `ts` nor seqs."""

    state: Literal["online", "offline"]
    why: Literal["stopped", "lost"] | None
    log: Hex8
    session: Hex8
    first_seq: Seq | None = None
    last_seq: Seq | None = None
    ts: Timestamp | None = None


class VersionsWire(Closed):
    """What runs on the device."""

    agent: Name
    python: Name
    onnxruntime: Name
    opencv: Name


class ModelWire(Closed):
    """Which weights are in use."""

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LineGeometryWire(Closed):
    """A line, in fractions of the picture."""

    kind: Literal["line"] = "line"
    rule: Identifier
    start: Corner
    end: Corner
    inside: Corner


class ZoneGeometryWire(Closed):
    """A zone, in fractions of the picture."""

    kind: Literal["zone"] = "zone"
    rule: Identifier
    polygon: tuple[Corner, ...]
    min_dwell_s: Seconds


class CounterGeometryWire(Closed):
    """A counter, by the ids of its zones."""

    kind: Literal["counter"] = "counter"
    rule: Identifier
    staff: Identifier
    public: Identifier | None
    unattended_after_s: Seconds


RuleGeometryWire = Annotated[
    LineGeometryWire | ZoneGeometryWire | CounterGeometryWire, Field(discriminator="kind")
]


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class InfoWire(Wire):
    """What an agent is made of and set to.

    `hours` and `calendar` are those in force. Where `cmd/calendar` set them, `calendar_digest` is the begin
    of its payload's sha256, and `calendar_since` when they came into force, by the clock of then.
    `certificate_ends` is the end of the agent's own certificate, where it has one. `rules_left_out` counts
    the rules that there was no room for.
    """

    contract: Literal["presence/v1"] = CONTRACT
    log: Hex8
    session: Hex8
    ts: Timestamp
    site: Identifier
    device: Identifier
    place: Name
    timezone: Name
    versions: VersionsWire
    models: tuple[ModelWire, ...]
    rules: tuple[RuleGeometryWire, ...]
    config_digest: Digest
    # Agents of before don't tell these.
    hours: tuple[HoursWire, ...] | None = None
    calendar: CalendarWire | None = None
    calendar_digest: Digest | None = None
    calendar_since: Timestamp | None = None
    certificate_ends: Timestamp | None = None
    rules_left_out: Annotated[int, Field(ge=1)] | None = None

    def text(self) -> str:
        """As it is published: what does not apply is absent, and so are rules for which there is no room."""
        told = type(self).model_fields
        text = self.model_dump_json(exclude={name for name in told if getattr(self, name) is None})
        excess = len(text.encode()) - MOST_INFO_BYTES
        if excess <= 0 or not self.rules:
            return text
        rules = list(self.rules)
        while rules and excess > -_LEFT_OUT_BYTES:
            excess -= len(rules.pop().model_dump_json()) + 1
        left_out = len(self.rules) - len(rules) + (self.rules_left_out or 0)
        return self.model_copy(update={"rules": tuple(rules), "rules_left_out": left_out}).text()

    @model_validator(mode="after")
    def _name_fits(self) -> Self:
        check_agent_name(self)
        return self


class StateWire(Wire):
    """What every state has."""

    kind: str
    rule: Identifier
    valid: bool
    why: Literal["starting", "stopped", "behind", "clock", BlindCause] | None
    since: Timestamp
    ts: Timestamp
    seq: Seq
    log: Hex8
    session: Hex8


class LineStateWire(StateWire):
    """Crossings since local midnight; null when not valid."""

    kind: Literal["line"] = "line"
    in_count: Count | None
    out_count: Count | None


class ZoneStateWire(StateWire):
    """Persons in a zone; null when not valid."""

    kind: Literal["zone"] = "zone"
    count: Count | None


class CounterStateWire(StateWire):
    """Whether a counter is attended; null when not valid. Without a public zone `waiting` is null too."""

    kind: Literal["counter"] = "counter"
    mode: CounterMode | None
    waiting: Count | None


# Fields whose names on the wire are words of Python.
_NAMES = {"in_count": "in", "out_count": "out", "max_count": "max"}


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose events these are."""

    site: str
    device: str
    boot: str


@dataclass(frozen=True, slots=True)
class StateNow:
    """What a rule's state topic says.

    Attributes:
        kind: line, zone or counter.
        rule: the rule's id.
        since: since when it is so.
        at: when it was last judged.
        seq: the last event that is in it.
        value: what the rule says; None: not known, for the reason `why`.
    """

    kind: Literal["line", "zone", "counter"]
    rule: str
    since: Instant
    at: Instant
    seq: int
    value: State | None
    why: Literal["starting", "stopped", "clock", BlindCause] | None


def utc_text(moment: datetime) -> str:
    """UTC to the millisecond, as in 2026-01-05T00:00:00.000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def event_json(event: Event, sender: Sender, log_id: str, seq: int) -> str:
    """An event as it is kept and published.

    Raises:
        ValueError: a field that the wire form does not allow.
    """
    at = event.at
    own: dict[str, Any] = {
        _NAMES.get(field.name, field.name): _value(getattr(event, field.name), at)
        for field in fields(event)
        if field.name != "at"
    }
    unsynced: dict[str, Any] = {} if at.synced else {"boot": sender.boot, "mono_s": round(at.monotonic_s, 3)}
    if isinstance(event, ClockSet):
        unsynced["boot"] = sender.boot
    wire = EVENTS[event.TYPE](
        log=log_id,
        seq=seq,
        id=f"{log_id}/{seq}",
        type=event.TYPE,
        ts=utc_text(at.utc),
        clock="synced" if at.synced else "unsynced",
        site=sender.site,
        device=sender.device,
        **unsynced,
        **own,
    )
    return wire.model_dump_json(exclude_none=True, by_alias=True)


def made_late(body: str) -> str:
    """An event's JSON that is first sent long after it happened."""
    return body[:-1] + ',"late":true}'


def state_json(state: StateNow, log_id: str, session: str) -> str:
    """A state as it is published; without a value its fields are null."""
    shared: dict[str, Any] = {
        "rule": state.rule,
        "valid": state.value is not None,
        "why": state.why,
        "since": utc_text(state.since.by_clock_of(state.at).utc),
        "ts": utc_text(state.at.utc),
        "seq": state.seq,
        "log": log_id,
        "session": session,
    }
    match state.kind, state.value:
        case "line", LineState() as line:
            return LineStateWire(**shared, in_count=line.in_count, out_count=line.out_count).model_dump_json()
        case "line", _:
            return LineStateWire(**shared, in_count=None, out_count=None).model_dump_json()
        case "counter", CounterState() as counter:
            return CounterStateWire(**shared, mode=counter.mode, waiting=counter.waiting).model_dump_json()
        case "counter", _:
            return CounterStateWire(**shared, mode=None, waiting=None).model_dump_json()
        case "zone", ZoneState() as zone:
            return ZoneStateWire(**shared, count=zone.count).model_dump_json()
        case _:
            return ZoneStateWire(**shared, count=None).model_dump_json()


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema (2020-12) for each thing published, by the name of its file.

    Subscribers must ignore fields they do not know, so the schemas allow more than the agent sends.
    """
    adapters: dict[str, TypeAdapter[Any]] = {
        f"event.{name}": TypeAdapter(model) for name, model in EVENTS.items()
    }
    adapters |= {
        "status": TypeAdapter(StatusWire),
        "info": TypeAdapter(InfoWire),
        "health": TypeAdapter(HealthWire),
        "cmd.replay": TypeAdapter(ReplayRequestWire),
        "cmd.calendar": TypeAdapter(CalendarCommandWire),
        "replay.done": TypeAdapter(ReplayDoneWire),
        "state.line": TypeAdapter(LineStateWire),
        "state.zone": TypeAdapter(ZoneStateWire),
        "state.counter": TypeAdapter(CounterStateWire),
    }
    return {
        name: published(name, adapter.json_schema(mode="serialization")) for name, adapter in adapters.items()
    }


def _value(value: object, at: Instant) -> object:
    match value:
        case Instant():
            value = utc_text(value.by_clock_of(at).utc)
        case datetime():
            value = utc_text(value)
        case date():
            value = value.isoformat()
        case float():
            value = round(value, 3)
        case tuple():
            value = tuple(_value(part, at) for part in value)
        case PeriodCrossings():
            value = PeriodWire(**asdict(value))
    return value


def published(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A model's JSON Schema as others get it."""
    version = CONTRACT.replace("/", ":")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{version}:{name}"}
    for part in [schema, *schema.get("$defs", {}).values()]:
        _open_up(part)
    return head | schema


def _open_up(schema: dict[str, Any]) -> None:
    """Allow unknown fields; say that an optional field is absent, never null; require the others."""
    if "properties" not in schema:
        return
    schema.pop("additionalProperties", None)
    optional = set()
    for name, of_field in schema.get("properties", {}).items():
        if "default" in of_field and of_field["default"] is None:
            optional.add(name)
            del of_field["default"]
            (kind,) = (kind for kind in of_field.pop("anyOf") if kind != {"type": "null"})
            of_field.update(kind)
    schema["required"] = [name for name in schema["properties"] if name not in optional]
