"""Events, one frozen class a type: each is defined here, and nowhere else.

`TYPE` is the type on the wire; the fields' types say how each stands there, and the first paragraph of a
class describes it in the JSON Schemas. `OPENS` and `CLOSES` name the interval that an event begins and ends.
`at` is when the agent decided, `since` when it started.
"""

# No `annotations` of the future: the wire form and the event log are made of these.
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from agent.core import event_fields as of
from agent.core.event_form import ATTENDANCE, BLINDNESS, CROWDING, OCCUPANCY, VISIT, Interval, OnWire
from agent.core.frame import Instant
from agent.core.registry import Registry
from agent.core.visibility import BlindCause

Direction = Literal["in", "out"]
StartCause = Literal["new_log", "started", "restarted"]
StopCause = Literal["signal", "recording_ended", "recording_broken"]
DropCause = Literal["keep_days", "keep_mb", "disk_full"]
UpdateCause = Literal["configuration", "log", "not_ready", "ended", "unhealthy", "other"]
EndedWhy = Literal["seen", "lost", "blind", "closed", "stopped", "restarted"]
ClockEpoch = Literal["this_boot", "earlier_boot", "unknown"]
"""Of an event: on the present monotonic clock, on an earlier one, or nobody knows when it was."""

_Crossing = Annotated[Direction, of.CROSSING]
_Ended = Annotated[EndedWhy, of.ENDED]
_Blinded = Annotated[BlindCause, of.BLINDED]
_Started = Annotated[StartCause, of.STARTED]
_Stopped = Annotated[StopCause, of.STOPPED]
_Dropped = Annotated[DropCause, of.DROPPED]
_Updated = Annotated[UpdateCause, of.UPDATE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Fields of every event: the rule's id (or `camera`, `agent`) and the deciding moment.

    `NAMES_BOOT`: it says of which boot it is, also where the clock is right.
    """

    TYPE: ClassVar[str]
    OPENS: ClassVar[Interval | None] = None
    CLOSES: ClassVar[Interval | None] = None
    NAMES_BOOT: ClassVar[bool] = False
    rule: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCrossed(Event):
    """Somebody's feet went over a line."""

    TYPE: ClassVar[str] = "line.crossed"
    direction: _Crossing
    track: of.TrackId
    confidence: of.Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEntered(Event):
    """Somebody is in a zone for longer than a passer-by."""

    TYPE: ClassVar[str] = "zone.entered"
    OPENS: ClassVar[Interval | None] = VISIT
    since: of.Since
    count: of.PersonsNow
    track: of.TrackId


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneLeft(Event):
    """A visit ended at `since` + `dwell_s`."""

    TYPE: ClassVar[str] = "zone.left"
    CLOSES: ClassVar[Interval | None] = VISIT
    since: of.Since
    count: of.PersonsNow
    track: of.TrackId
    dwell_s: of.DwellS
    why: _Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOverstayed(Event):
    """A visit lasts longer than the zone's `overstay_s`; once a visit, which `zone.left` ends."""

    TYPE: ClassVar[str] = "zone.overstayed"
    since: of.Since
    track: of.TrackId


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneCrowded(Event):
    """So many persons as the zone's `crowd` have been in it for its `crowd_after_s`."""

    TYPE: ClassVar[str] = "zone.crowded"
    OPENS: ClassVar[Interval | None] = CROWDING
    since: of.Since
    count: of.CrowdNow


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneUncrowded(Event):
    """A crowd is over: it was one from `since` for `crowded_s`."""

    TYPE: ClassVar[str] = "zone.uncrowded"
    CLOSES: ClassVar[Interval | None] = CROWDING
    since: of.Since
    crowded_s: of.CrowdedS
    max_count: of.MostOfCrowd
    why: _Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOccupied(Event):
    """The first person is in an empty zone."""

    TYPE: ClassVar[str] = "zone.occupied"
    OPENS: ClassVar[Interval | None] = OCCUPANCY
    since: of.Since


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneVacated(Event):
    """The last person left a zone."""

    TYPE: ClassVar[str] = "zone.vacated"
    CLOSES: ClassVar[Interval | None] = OCCUPANCY
    since: of.Since
    occupied_s: of.SpellS
    why: _Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterAttended(Event):
    """Somebody is behind the desk in working hours; it ends what the counter's last event began.

    `waiting` is None where the counter has no public zone.
    """

    TYPE: ClassVar[str] = "counter.attended"
    OPENS: ClassVar[Interval | None] = ATTENDANCE
    CLOSES: ClassVar[Interval | None] = ATTENDANCE
    since: of.Since
    waiting: of.Waiting | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterUnattended(Event):
    """Nobody has been behind the desk in working hours since `since`."""

    TYPE: ClassVar[str] = "counter.unattended"
    OPENS: ClassVar[Interval | None] = ATTENDANCE
    CLOSES: ClassVar[Interval | None] = ATTENDANCE
    since: of.Since
    waiting: of.Waiting | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterClosed(Event):
    """Working hours are over (why closed), or the desk could no longer be seen (any other why)."""

    TYPE: ClassVar[str] = "counter.closed"
    CLOSES: ClassVar[Interval | None] = ATTENDANCE
    since: of.Since
    waiting: of.Waiting | None
    why: _Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterHours(Event):
    """Somebody is there outside working hours; once a visit.

    They are in a zone, or went over a line.
    """

    TYPE: ClassVar[str] = "presence.after_hours"
    since: of.Since
    track: of.TrackId


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter(Event):
    """A quarter of an hour of UTC; nobody could be seen for `blind_s` of it."""

    start: of.QuarterStart
    end: of.QuarterEnd
    blind_s: of.BlindS


@dataclass(frozen=True, slots=True, kw_only=True)
class Day(Event):
    """A local date of `length_s`; nobody could be seen for `blind_s` of it."""

    date: of.LocalDate
    length_s: of.LengthS
    blind_s: of.BlindS


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuarter(Quarter):
    """A line's quarter of an hour."""

    TYPE: ClassVar[str] = "line.quarter"
    in_count: of.InCount
    out_count: of.OutCount


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneQuarter(Quarter):
    """A zone's quarter of an hour."""

    TYPE: ClassVar[str] = "zone.quarter"
    visits: of.Visits
    occupied_s: of.OccupiedS
    max_count: of.MostAtOnce


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterQuarter(Quarter):
    """A counter's quarter of an hour."""

    TYPE: ClassVar[str] = "counter.quarter"
    attended_s: of.AttendedS
    unattended_s: of.UnattendedS
    longest_unattended_s: of.LongestUnattendedS
    visits: of.Waits | None = None
    wait_p50_s: of.WaitP50S | None = None
    wait_p90_s: of.WaitP90S | None = None
    wait_max_s: of.WaitMaxS | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodCrossings:
    """Crossings about one working period; each counts for the period that it is nearest to."""

    WIRE_NAME: ClassVar[str] = "Period"
    start: of.PeriodStart
    end: of.PeriodEnd
    in_before_start: of.InBeforeStart
    in_after_start: of.InAfterStart
    out_before_end: of.OutBeforeEnd
    out_after_end: of.OutAfterEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDay(Day):
    """A line's day; `periods` are those that touch the date, in order."""

    TYPE: ClassVar[str] = "line.day"
    in_count: of.InCount
    out_count: of.OutCount
    first_in: of.FirstIn | None
    last_out: of.LastOut | None
    periods: Annotated[
        tuple[PeriodCrossings, ...], OnWire("The working periods that touch the date, in order.")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneDay(Day):
    """A zone's day."""

    TYPE: ClassVar[str] = "zone.day"
    visits: of.Visits
    occupied_s: of.OccupiedS
    max_count: of.MostAtOnce


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterDay(Day):
    """A counter's day."""

    TYPE: ClassVar[str] = "counter.day"
    attended_s: of.AttendedS
    unattended_s: of.UnattendedS
    longest_unattended_s: of.LongestUnattendedS
    visits: of.Waits | None = None
    wait_p50_s: of.WaitP50S | None = None
    wait_p90_s: of.WaitP90S | None = None
    wait_max_s: of.WaitMaxS | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraBlind(Event):
    """The camera can't see; one for each spell, with the cause that began it."""

    TYPE: ClassVar[str] = "camera.blind"
    OPENS: ClassVar[Interval | None] = BLINDNESS
    cause: _Blinded
    since: of.Since


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRestored(Event):
    """The camera sees again: that spell, with the same `cause` and `since`, is over."""

    TYPE: ClassVar[str] = "camera.restored"
    CLOSES: ClassVar[Interval | None] = BLINDNESS
    cause: _Blinded
    since: of.Since
    blind_s: of.SpellBlindS


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFailed(Event):
    """An update of the agent failed: the version before runs on, or again."""

    TYPE: ClassVar[str] = "update.failed"
    from_version: of.FromVersion
    to_version: of.ToVersion
    cause: _Updated


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted(Event):
    """The agent runs; from `since`, the last moment that the log before knows of, it did not."""

    TYPE: ClassVar[str] = "agent.started"
    cause: _Started
    since: of.LastKnown | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStopped(Event):
    """The agent ended in order."""

    TYPE: ClassVar[str] = "agent.stopped"
    cause: _Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet(Event):
    """The clock is right now, or was put right: in this `boot` UTC is monotonic time and `offset_s`."""

    TYPE: ClassVar[str] = "agent.clock_set"
    NAMES_BOOT: ClassVar[bool] = True
    offset_s: of.OffsetS


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsDropped(Event):
    """Events from `from_seq` to `to_seq` are deleted; what of them did not arrive never will."""

    TYPE: ClassVar[str] = "events.dropped"
    cause: _Dropped
    from_seq: of.FirstGone
    to_seq: of.LastGone


KINDS: Final[Registry[type[Event]]] = Registry(
    lambda kind: kind.TYPE,
    (
        kind
        for kind in vars().copy().values()
        if isinstance(kind, type) and issubclass(kind, Event) and "TYPE" in vars(kind)
    ),
)
"""Every type of event, by its name on the wire, in the order of the contract.

Wire models, the log's index of lasting types and what a start reads back are made of them when they are asked
for; those of a further kind of rule are registered with it.
"""


def lasting_types() -> dict[Interval, tuple[type[Event], ...]]:
    """What may be open for longer than a start reads the log back, and the types that begin or end it."""
    found: dict[Interval, tuple[type[Event], ...]] = {}
    for kind in KINDS:
        for interval in dict.fromkeys((kind.OPENS, kind.CLOSES)):
            if interval and interval.lasts:
                found[interval] = (*found.get(interval, ()), kind)
    return found
