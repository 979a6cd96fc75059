"""Events, one frozen class a type, before they get a number and a wire form.

`TYPE` is the type on the wire; the field names are those of the wire. `at` is when the agent
decided, `since` when it started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

    from agent.core.frame import Instant
    from agent.core.visibility import BlindCause

Direction = Literal["in", "out"]
StartCause = Literal["new_log", "started", "restarted"]
StopCause = Literal["signal", "recording_ended", "recording_broken"]
DropCause = Literal["keep_days", "keep_mb", "disk_full"]
EndedWhy = Literal["seen", "lost", "blind", "closed", "stopped", "restarted"]
CounterMode = Literal["attended", "unattended", "closed"]
ClockEpoch = Literal["this_boot", "earlier_boot", "unknown"]
"""Of an event: on the present monotonic clock, on an earlier one, or nobody knows when it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Fields of every event: the rule's id (or `camera`, `agent`) and the deciding moment."""

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
class CounterAttended(Event):
    """Somebody is behind the desk in working hours, since `since`; `waiting` persons are before it.

    `waiting` is None where the counter has no public zone. Each of a counter's events ends what the one
    before it began.
    """

    TYPE: ClassVar[str] = "counter.attended"
    since: Instant
    waiting: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterUnattended(Event):
    """Nobody has been behind the desk in working hours, since `since`, for longer than is granted."""

    TYPE: ClassVar[str] = "counter.unattended"
    since: Instant
    waiting: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterClosed(Event):
    """Nothing is told of the desk from `since` on: working hours ended, or, by `why`, it can't be seen."""

    TYPE: ClassVar[str] = "counter.closed"
    since: Instant
    waiting: int | None
    why: EndedWhy


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterHours(Event):
    """Somebody is in a zone, or went over a line, outside working hours; once a visit."""

    TYPE: ClassVar[str] = "presence.after_hours"
    since: Instant
    track: str


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
    """The agent runs. `cause`: a new log, a start after an orderly stop, or after none.

    `since`: the last moment of which the log before this start knows anything; None for a new log.
    """

    TYPE: ClassVar[str] = "agent.started"
    cause: StartCause
    since: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStopped(Event):
    """The agent ends in order: told to, because its recording ended or broke off."""

    TYPE: ClassVar[str] = "agent.stopped"
    cause: StopCause


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsDropped(Event):
    """The events `from_seq` to `to_seq` are deleted; what of them did not arrive never will."""

    TYPE: ClassVar[str] = "events.dropped"
    cause: DropCause
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet(Event):
    """The wall clock is right now, or was put right: from here on UTC = monotonic + `offset_s`."""

    TYPE: ClassVar[str] = "agent.clock_set"
    offset_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter(Event):
    """A quarter of an hour of UTC; for `blind_s` of it nobody could have been seen."""

    start: datetime
    end: datetime
    blind_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Day(Event):
    """A local date of `length_s` (23 to 25 hours); for `blind_s` of it nobody could have been seen."""

    date: date
    length_s: float
    blind_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuarter(Quarter):
    """Crossings in a quarter."""

    TYPE: ClassVar[str] = "line.quarter"
    in_count: int
    out_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneQuarter(Quarter):
    """Visits that began in a quarter, how long somebody was there, and how many at most at one time."""

    TYPE: ClassVar[str] = "zone.quarter"
    visits: int
    occupied_s: float
    max_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterQuarter(Quarter):
    """How long a counter was attended and not, in working hours of a quarter."""

    TYPE: ClassVar[str] = "counter.quarter"
    attended_s: float
    unattended_s: float
    longest_unattended_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodCrossings:
    """Crossings that belong to one working period: those nearer to it than to any other of the date.

    `start` and `end` are local, as configured: "07:30".
    """

    start: str
    end: str
    in_before_start: int
    in_after_start: int
    out_before_end: int
    out_after_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDay(Day):
    """Crossings of a date: the first in, the last out, and how they lie about the working periods."""

    TYPE: ClassVar[str] = "line.day"
    in_count: int
    out_count: int
    first_in: datetime | None
    last_out: datetime | None
    periods: tuple[PeriodCrossings, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneDay(Day):
    """Visits that began on a date, how long somebody was there, and how many at most at one time."""

    TYPE: ClassVar[str] = "zone.day"
    visits: int
    occupied_s: float
    max_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterDay(Day):
    """How long a counter was attended and not, in working hours of a date."""

    TYPE: ClassVar[str] = "counter.day"
    attended_s: float
    unattended_s: float
    longest_unattended_s: float


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterState:
    """Whether a counter is attended, and since when; `waiting` persons, None without a public zone."""

    rule: str
    since: Instant
    mode: CounterMode
    waiting: int | None


State = LineState | ZoneState | CounterState
