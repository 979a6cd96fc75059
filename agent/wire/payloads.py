"""Wire form of status, info, events and states.

The models refuse any other field, so that nothing a stage might add can reach the wire unseen.
JSON Schemas are made from the same models.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import cache, reduce
from operator import or_
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, create_model, model_validator

from agent.core.event import PeriodCrossings
from agent.core.event_form import own_fields
from agent.core.frame import Instant
from agent.core.visibility import BlindCause  # noqa: TC001 - pydantic reads annotations
from agent.wire.base import CONTRACT, ClosedWire, Wire, check_agent_name
from agent.wire.calendar import CalendarCommandWire, CalendarWire, HoursWire
from agent.wire.commands import ReplayDoneWire, ReplayRequestWire
from agent.wire.event_models import state_model
from agent.wire.events import EVENTS, PeriodWire

# Pydantic reads annotations.
from agent.wire.fields import (  # noqa: TC001
    Device,
    FirstSeq,
    Identifier,
    LastSeq,
    LogId,
    Name,
    OfflineWhy,
    OnlineState,
    PublishedAt,
    SessionId,
    Site,
    Timestamp,
)
from agent.wire.health import HealthWire
from agent.wire.rule_kinds import WIRE_KINDS
from agent.wire.schema_form import published_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.event import Event
    from agent.core.rule_state import State
    from agent.wire.rule_form import WireKind


# Brokers take at least 64 kB, headers included.
MOST_INFO_BYTES = 48_000
_LEFT_OUT_BYTES = 32


class StatusWire(Wire):
    """Whether an agent is there; the will has neither `ts` nor seqs."""

    state: OnlineState
    why: OfflineWhy | None
    log: LogId
    session: SessionId
    first_seq: FirstSeq | None = None
    last_seq: LastSeq | None = None
    ts: PublishedAt | None = None


class VersionsWire(ClosedWire):
    """What runs on the device."""

    agent: Annotated[Name, Field(description="Version of presence-agent.")]
    python: Annotated[Name, Field(description="Version of Python.")]
    onnxruntime: Annotated[Name, Field(description="Version of onnxruntime, which runs the networks.")]
    opencv: Annotated[Name, Field(description="Version of OpenCV, which reads cameras and recordings.")]


class ModelWire(ClosedWire):
    """Which weights are in use."""

    name: Annotated[Name, Field(description="As `presence-agent models list` shows it.")]
    sha256: Annotated[
        str, Field(pattern=r"^[0-9a-f]{64}$", description="Of the weights' file as it was fetched.")
    ]


def _rules_type(kinds: Sequence[WireKind]) -> Any:  # noqa: ANN401 - an annotation
    """The annotation of a rule of any of these kinds."""
    any_of: Any = reduce(or_, (kind.geometry for kind in kinds))
    return Annotated[any_of, Field(discriminator="kind", title="RuleGeometry")]


if TYPE_CHECKING:
    from agent.wire.rule_form import GeometryWire as RuleGeometryWire
else:
    RuleGeometryWire = _rules_type(tuple(WIRE_KINDS))


_KINDS = tuple(WIRE_KINDS)
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class InfoWire(Wire):
    """What an agent is made of and set to.

    `hours` and `calendar` are those in force. Where `cmd/calendar` set them, `calendar_digest` is the begin
    of its payload's sha256, and `calendar_since` when they came into force, by the clock of then.
    `certificate_ends` is the end of the agent's own certificate, where it has one. `suite` is the archive's
    suite that updates come from. `rules_left_out` counts the rules that there was no room for.
    """

    contract: Annotated[Literal["presence/v1"], Field(description="Root of all topics.")] = CONTRACT
    log: LogId
    session: SessionId
    ts: PublishedAt
    site: Site
    device: Device
    place: Annotated[Name, Field(description="Label for people, in any language; treat it as data.")]
    timezone: Annotated[
        Name, Field(description="Of the place, as in the IANA database: working hours, midnight and dates.")
    ]
    versions: Annotated[VersionsWire, Field(description="What runs on the device.")]
    models: Annotated[tuple[ModelWire, ...], Field(description="Which weights are in use.")]
    rules: Annotated[
        tuple[RuleGeometryWire, ...], Field(description="Lines, zones and counters, as configured.")
    ]
    config_digest: Annotated[Digest, Field(description="Of the configuration: it changes when that does.")]
    # Older agents lack these.
    hours: Annotated[tuple[HoursWire, ...] | None, Field(description="Working hours in force.")] = None
    calendar: Annotated[CalendarWire | None, Field(description="Days off and days worked, in force.")] = None
    calendar_digest: Annotated[
        Digest | None,
        Field(description="Where `cmd/calendar` set them: the first digits of its payload's sha256, in hex."),
    ] = None
    calendar_since: Annotated[
        Timestamp | None,
        Field(description="When `cmd/calendar`'s came into force, by the device's clock of then; UTC."),
    ] = None
    certificate_ends: Annotated[
        Timestamp | None,
        Field(description="End of the agent's own certificate, where it has one; UTC."),
    ] = None
    suite: Annotated[
        Identifier | None,
        Field(
            description="Suite of the archive that updates come from, where there is one: `…-canary` gets "
            "versions before `…-stable`."
        ),
    ] = None
    rules_left_out: Annotated[
        int | None, Field(ge=1, description="Count of the rules that there was no room for, if any.")
    ] = None

    def text(self) -> str:
        """As it is published: what does not apply is absent, and so are rules for which there is no room."""
        names = [name for name in type(self).model_fields if getattr(self, name) is None]
        inside = {number: rule.absent() for number, rule in enumerate(self.rules)}
        text = self.model_dump_json(exclude={**dict.fromkeys(names, True), "rules": inside})
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


def info_wire() -> type[InfoWire]:
    """The model of `info` with the rules of every registered kind."""
    kinds = tuple(WIRE_KINDS)
    return InfoWire if kinds == _KINDS else _info_wire(kinds)


@cache
def _info_wire(kinds: tuple[WireKind, ...]) -> type[InfoWire]:
    said = InfoWire.model_fields["rules"].description
    rules: Any = Annotated[GenericAlias(tuple, (_rules_type(kinds), ...)), Field(description=said)]
    return create_model(InfoWire.__name__, __base__=InfoWire, __doc__=InfoWire.__doc__, rules=rules)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose events these are."""

    site: str
    device: str
    boot: str


@dataclass(frozen=True, slots=True)
class StateNow:
    """The state of a rule, for its topic.

    Attributes:
        kind: of the rule, as it is registered.
        rule: the rule's id.
        since: since when it is so.
        at: when it was last judged.
        seq: the last event that is in it.
        value: what the rule says; None: not known, for the reason `why`.
    """

    kind: str
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
    """Make the JSON of an event, as it is stored and published.

    Args:
        event: it.
        sender: whose.
        log_id: of its log, 8 hex digits.
        seq: its number there, from 1.

    Raises:
        ValueError: a field that the wire form does not allow.
    """
    at = event.at
    own = {each.word: _value(getattr(event, each.name), at) for each in own_fields(type(event))}
    unsynced: dict[str, Any] = {} if at.synced else {"boot": sender.boot, "mono_s": round(at.monotonic_s, 3)}
    if event.NAMES_BOOT:
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
        rule=event.rule,
        **unsynced,
        **own,
    )
    return wire.model_dump_json(exclude_none=True, by_alias=True)


def made_late(body: str) -> str:
    """An event's JSON that is first sent long after it happened."""
    return body[:-1] + ',"late":true}'


def state_json(state: StateNow, log_id: str, session: str) -> str:
    """Make the JSON of a state, as it is published; without a value its fields are null.

    Args:
        state: it.
        log_id: of the current log, 8 hex digits.
        session: of the connection, 8 hex digits.
    """
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
    kind, value = WIRE_KINDS[state.kind], state.value
    model = state_model(kind.kind_id, kind.state)
    own: dict[str, Any] = {
        each.word: None if value is None else _value(getattr(value, each.name), state.at)
        for each in own_fields(kind.state)
        if each.word not in shared
    }
    return model(**shared, **own).model_dump_json()


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema for each thing published, by the name of its file."""
    adapters: dict[str, TypeAdapter[Any]] = {
        f"event.{name}": TypeAdapter(model) for name, model in EVENTS.items()
    }
    adapters |= {
        "status": TypeAdapter(StatusWire),
        "info": TypeAdapter(info_wire()),
        "health": TypeAdapter(HealthWire),
        "cmd.replay": TypeAdapter(ReplayRequestWire),
        "cmd.calendar": TypeAdapter(CalendarCommandWire),
        "replay.done": TypeAdapter(ReplayDoneWire),
    }
    adapters |= {
        f"state.{kind.kind_id}": TypeAdapter(state_model(kind.kind_id, kind.state)) for kind in WIRE_KINDS
    }
    return {name: published_schema(name, adapter) for name, adapter in adapters.items()}


def _value(value: Any, at: Instant) -> Any:  # noqa: ANN401 - of any field
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
