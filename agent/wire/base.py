"""Base models of all payloads, and what every event has on the wire.

The models refuse any field that is not named, so that nothing a stage might add can reach the wire unseen.
"""

from __future__ import annotations

from typing import Final, Protocol, Self

from pydantic import BaseModel, ConfigDict, model_validator

# Pydantic reads annotations.
from agent.core.identifiers import LONGEST_SITE_AND_NAME, is_too_long
from agent.wire import fields  # noqa: TC001

CONTRACT: Final = "presence/v1"


class ClosedWire(BaseModel):
    """No field but the named ones, and nothing in them that only looks like what they take."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _OfAgent(Protocol):
    @property
    def site(self) -> str: ...
    @property
    def device(self) -> str: ...


def check_agent_name(payload: _OfAgent) -> None:
    """Refuse a site and name that are good alone, and too long together.

    Raises:
        ValueError: they are.
    """
    if is_too_long(payload.site, payload.device):
        raise ValueError(f"site and device have more than {LONGEST_SITE_AND_NAME} characters together")


class Wire(ClosedWire):
    """What all payloads share: the version of the contract."""

    v: fields.Version = 1


class EventWire(Wire):
    """What every event has."""

    log: fields.LogId
    seq: fields.EventSeq
    id: fields.EventId
    type: fields.EventType
    ts: fields.DecidedAt
    clock: fields.ClockIs
    boot: fields.Boot | None = None
    mono_s: fields.MonoS | None = None
    site: fields.Site
    device: fields.Device
    rule: fields.RuleId
    late: fields.Late | None = None

    @model_validator(mode="after")
    def _name_fits(self) -> Self:
        check_agent_name(self)
        return self


class StateWire(Wire):
    """What every state has; `kind` is a constant of the kind."""

    kind: str
    rule: fields.StateRule
    valid: fields.Valid
    why: fields.InvalidWhy | None
    since: fields.StateSince
    ts: fields.JudgedAt
    seq: fields.StateSeq
    log: fields.LogId
    session: fields.SessionId
