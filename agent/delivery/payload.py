"""The wire form: every field that may ever be published is named in this module.

The models refuse any other field, so that nothing a stage might add can reach the wire unseen.
JSON Schemas are made from the same models.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agent.core.event import Direction, EndedWhy, LineState, StartCause, StopCause
from agent.core.frame import Instant
from agent.core.sight import BlindCause  # noqa: TC001 - pydantic reads annotations

if TYPE_CHECKING:
    from agent.core.event import Event, State

CONTRACT: Final = "presence/v1"

Hex8 = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Timestamp = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="UTC to the millisecond",
        json_schema_extra={"format": "date-time"},
    ),
]
TrackId = Annotated[
    str, Field(pattern=r"^t[0-9a-f]*-?[0-9]+$", max_length=24, description="one visit; names nobody")
]
Name = Annotated[str, Field(max_length=64)]
Seq = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Corner = tuple[Fraction, Fraction]


class _Closed(BaseModel):
    """No field but the named ones, and nothing in them that only looks like what they take."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Wire(_Closed):
    """What all payloads share: the version of the contract."""

    v: Literal[1] = 1


class EventWire(Wire):
    """What every event has."""

    log: Hex8
    seq: Annotated[int, Field(ge=1)]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}/[0-9]+$")]
    type: str
    ts: Timestamp
    clock: Literal["synced", "unsynced"]
    boot: Hex8 | None = None
    mono_s: Seconds | None = None
    site: Identifier
    device: Identifier
    rule: Identifier
    late: Literal[True] | None = None


class LineCrossedWire(EventWire):
    """Somebody's feet went over a line."""

    type: Literal["line.crossed"]
    direction: Direction
    track: TrackId
    confidence: Fraction


class ZoneEnteredWire(EventWire):
    """Somebody is in a zone for longer than a passer-by."""

    type: Literal["zone.entered"]
    since: Timestamp
    count: Count
    track: TrackId


class ZoneLeftWire(EventWire):
    """A visit ended at `since` + `dwell_s`."""

    type: Literal["zone.left"]
    since: Timestamp
    count: Count
    track: TrackId
    dwell_s: Seconds
    why: EndedWhy


class ZoneOccupiedWire(EventWire):
    """The first person is in an empty zone."""

    type: Literal["zone.occupied"]
    since: Timestamp


class ZoneVacatedWire(EventWire):
    """The last person left a zone."""

    type: Literal["zone.vacated"]
    since: Timestamp
    occupied_s: Seconds
    why: EndedWhy


class CameraBlindWire(EventWire):
    """The camera can't see; one for each spell, with the cause that began it."""

    type: Literal["camera.blind"]
    cause: BlindCause
    since: Timestamp


class CameraRestoredWire(EventWire):
    """The camera sees again: that spell, with the same `cause` and `since`, is over."""

    type: Literal["camera.restored"]
    cause: BlindCause
    since: Timestamp
    blind_s: Seconds


class AgentStartedWire(EventWire):
    """The agent runs."""

    type: Literal["agent.started"]
    cause: StartCause


class AgentStoppedWire(EventWire):
    """The agent ended in order."""

    type: Literal["agent.stopped"]
    cause: StopCause


class StatusWire(Wire):
    """Whether an agent is there; the will has neither `ts` nor seqs."""

    state: Literal["online", "offline"]
    why: Literal["stopped", "lost"] | None
    log: Hex8
    session: Hex8
    first_seq: Seq | None = None
    last_seq: Seq | None = None
    ts: Timestamp | None = None


class VersionsWire(_Closed):
    """What runs on the device."""

    agent: Name
    python: Name
    onnxruntime: Name
    opencv: Name


class ModelWire(_Closed):
    """Which weights are in use."""

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LineGeometryWire(_Closed):
    """A line, in fractions of the picture."""

    kind: Literal["line"] = "line"
    rule: Identifier
    start: Corner
    end: Corner
    inside: Corner


class ZoneGeometryWire(_Closed):
    """A zone, in fractions of the picture."""

    kind: Literal["zone"] = "zone"
    rule: Identifier
    polygon: tuple[Corner, ...]
    min_dwell_s: Seconds


RuleGeometryWire = Annotated[LineGeometryWire | ZoneGeometryWire, Field(discriminator="kind")]


class InfoWire(Wire):
    """What an agent is made of and set to."""

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
    config_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class StateWire(Wire):
    """What every state has."""

    kind: str
    rule: Identifier
    valid: bool
    why: Literal["starting", "behind", "clock", BlindCause] | None
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


_EVENTS: dict[str, type[EventWire]] = {
    "line.crossed": LineCrossedWire,
    "zone.entered": ZoneEnteredWire,
    "zone.left": ZoneLeftWire,
    "zone.occupied": ZoneOccupiedWire,
    "zone.vacated": ZoneVacatedWire,
    "camera.blind": CameraBlindWire,
    "camera.restored": CameraRestoredWire,
    "agent.started": AgentStartedWire,
    "agent.stopped": AgentStoppedWire,
}


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
        kind: line or zone.
        rule: the rule's id.
        since: since when it is so.
        at: when it was last judged.
        seq: the last event that is in it.
        value: what the rule says; None: not known, for the reason `why`.
    """

    kind: Literal["line", "zone"]
    rule: str
    since: Instant
    at: Instant
    seq: int
    value: State | None
    why: Literal["starting", BlindCause] | None


def utc_text(moment: datetime) -> str:
    """UTC to the millisecond, as in 2026-01-05T00:00:00.000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def event_json(event: Event, sender: Sender, log_id: str, seq: int) -> str:
    """An event as it is kept and published.

    Raises:
        ValueError: a field that the wire form does not allow.
    """
    own: dict[str, Any] = {
        field.name: _value(getattr(event, field.name)) for field in fields(event) if field.name != "at"
    }
    at = event.at
    unsynced: dict[str, Any] = {} if at.synced else {"boot": sender.boot, "mono_s": round(at.monotonic_s, 3)}
    wire = _EVENTS[event.TYPE](
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
    return wire.model_dump_json(exclude_none=True)


def made_late(body: str) -> str:
    """An event's JSON that is first sent long after it happened."""
    return body[:-1] + ',"late":true}'


def state_json(state: StateNow, log_id: str, session: str) -> str:
    """A state as it is published; without a value its fields are null."""
    shared: dict[str, Any] = {
        "rule": state.rule,
        "valid": state.value is not None,
        "why": state.why,
        "since": utc_text(state.since.utc),
        "ts": utc_text(state.at.utc),
        "seq": state.seq,
        "log": log_id,
        "session": session,
    }
    value = state.value
    if state.kind == "line":
        counts = (value.in_count, value.out_count) if isinstance(value, LineState) else (None, None)
        return LineStateWire(**shared, in_count=counts[0], out_count=counts[1]).model_dump_json()
    count = None if value is None or isinstance(value, LineState) else value.count
    return ZoneStateWire(**shared, count=count).model_dump_json()


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema (2020-12) for each thing published, by the name of its file.

    Subscribers must ignore fields they do not know, so the schemas allow more than the agent sends.
    """
    adapters: dict[str, TypeAdapter[Any]] = {
        f"event.{name}": TypeAdapter(model) for name, model in _EVENTS.items()
    }
    adapters |= {
        "status": TypeAdapter(StatusWire),
        "info": TypeAdapter(InfoWire),
        "state.line": TypeAdapter(LineStateWire),
        "state.zone": TypeAdapter(ZoneStateWire),
    }
    return {
        name: _published(name, adapter.json_schema(mode="serialization"))
        for name, adapter in adapters.items()
    }


def _value(value: object) -> object:
    if isinstance(value, Instant):
        return utc_text(value.utc)
    return round(value, 3) if isinstance(value, float) else value


def _published(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    version = CONTRACT.replace("/", ":")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{version}:{name}"}
    for part in [schema, *schema.get("$defs", {}).values()]:
        _open_up(part)
    return head | schema


def _open_up(schema: dict[str, Any]) -> None:
    """Allow unknown fields; say that an optional field is absent, never null; require the others."""
    schema.pop("additionalProperties", None)
    optional = set()
    for name, of_field in schema.get("properties", {}).items():
        if "default" in of_field and of_field["default"] is None:
            optional.add(name)
            del of_field["default"]
            (kind,) = (kind for kind in of_field.pop("anyOf") if kind != {"type": "null"})
            of_field.update(kind)
    schema["required"] = [name for name in schema["properties"] if name not in optional]
