"""What happened, one frozen class a type, before it gets a number and a wire form.

`TYPE` is the type on the wire; the field names are those of the wire. `at` is when the agent
decided, `since` when it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from agent.core.frame import Instant
    from agent.core.sight import BlindCause

Direction = Literal["in", "out"]
StartCause = Literal["new_log", "started", "restarted"]
StopCause = Literal["signal", "recording_ended", "recording_broken"]
EndedWhy = Literal["seen", "lost", "blind", "closed", "stopped", "restarted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has: the rule's id (or `camera`, `agent`) and the deciding moment."""

    TYPE: ClassVar[str]
    rule: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCrossed(Event):
    """Somebody's feet went over a line."""

    TYPE: ClassVar[str] = "line.crossed"
    direction: Direction
    track: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEntered(Event):
    """Somebody is in a zone for longer than a passer-by; `count` persons are now."""

    TYPE: ClassVar[str] = "zone.entered"
    since: Instant
    count: int
    track: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneLeft(Event):
    """That visit ended at `since` + `dwell_s`; `count` persons are still there."""

    TYPE: ClassVar[str] = "zone.left"
    since: Instant
    count: int
    track: str
    dwell_s: float
    why: EndedWhy


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOccupied(Event):
    """The first person is in an empty zone."""

    TYPE: ClassVar[str] = "zone.occupied"
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneVacated(Event):
    """The last person left; somebody was there for `occupied_s`."""

    TYPE: ClassVar[str] = "zone.vacated"
    since: Instant
    occupied_s: float
    why: EndedWhy


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraBlind(Event):
    """The camera can't see, since the first sign of it; `cause` is the one at the beginning."""

    TYPE: ClassVar[str] = "camera.blind"
    cause: BlindCause
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRestored(Event):
    """That spell is over: same `cause`, same `since`; for `blind_s` up to now nobody was looked for."""

    TYPE: ClassVar[str] = "camera.restored"
    cause: BlindCause
    since: Instant
    blind_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted(Event):
    """The agent runs. `cause`: a new log, a start after an orderly stop, or after none."""

    TYPE: ClassVar[str] = "agent.started"
    cause: StartCause


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStopped(Event):
    """The agent ends in order: told to, because its recording ended or broke off."""

    TYPE: ClassVar[str] = "agent.stopped"
    cause: StopCause


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """Crossings of a line since local midnight; `since`: since when it is so."""

    rule: str
    since: Instant
    in_count: int
    out_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """How many persons are in a zone, and since when that is so."""

    rule: str
    since: Instant
    count: int


State = LineState | ZoneState
