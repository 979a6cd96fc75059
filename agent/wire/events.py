"""The wire form of events: every field that an event may ever have is named in this module.

The models refuse any other field, so that nothing a stage might add can reach the wire unseen.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class LineCrossedWire(EventWire):
    """Somebody's feet went over a line."""

    type: Literal["line.crossed"]
    direction: fields.Crossing
    track: fields.TrackId
    confidence: fields.Confidence


class ZoneEnteredWire(EventWire):
    """Somebody is in a zone for longer than a passer-by."""

    type: Literal["zone.entered"]
    since: fields.Since
    count: fields.PersonsNow
    track: fields.TrackId


class ZoneLeftWire(EventWire):
    """A visit ended at `since` + `dwell_s`."""

    type: Literal["zone.left"]
    since: fields.Since
    count: fields.PersonsNow
    track: fields.TrackId
    dwell_s: fields.DwellS
    why: fields.Ended


class ZoneOccupiedWire(EventWire):
    """The first person is in an empty zone."""

    type: Literal["zone.occupied"]
    since: fields.Since


class ZoneVacatedWire(EventWire):
    """The last person left a zone."""

    type: Literal["zone.vacated"]
    since: fields.Since
    occupied_s: fields.SpellS
    why: fields.Ended


class CounterAttendedWire(EventWire):
    """Somebody is behind the desk in working hours; it ends what the counter's last event began."""

    type: Literal["counter.attended"]
    since: fields.Since
    waiting: fields.Waiting | None = None


class CounterUnattendedWire(EventWire):
    """Nobody has been behind the desk in working hours since `since`."""

    type: Literal["counter.unattended"]
    since: fields.Since
    waiting: fields.Waiting | None = None


class CounterClosedWire(EventWire):
    """Working hours are over (why closed), or the desk could no longer be seen (any other why)."""

    type: Literal["counter.closed"]
    since: fields.Since
    waiting: fields.Waiting | None = None
    why: fields.Ended


class AfterHoursWire(EventWire):
    """Somebody is there outside working hours; once a visit."""

    type: Literal["presence.after_hours"]
    since: fields.Since
    track: fields.TrackId


class CameraBlindWire(EventWire):
    """The camera can't see; one for each spell, with the cause that began it."""

    type: Literal["camera.blind"]
    cause: fields.Blinded
    since: fields.Since


class CameraRestoredWire(EventWire):
    """The camera sees again: that spell, with the same `cause` and `since`, is over."""

    type: Literal["camera.restored"]
    cause: fields.Blinded
    since: fields.Since
    blind_s: fields.SpellBlindS


class AgentStartedWire(EventWire):
    """The agent runs; from `since`, the last moment that the log before knows of, it did not."""

    type: Literal["agent.started"]
    cause: fields.Started
    since: fields.LastKnown | None = None


class AgentStoppedWire(EventWire):
    """The agent ended in order."""

    type: Literal["agent.stopped"]
    cause: fields.Stopped


class EventsDroppedWire(EventWire):
    """Events from `from_seq` to `to_seq` are deleted; what of them did not arrive never will."""

    type: Literal["events.dropped"]
    cause: fields.Dropped
    from_seq: fields.FirstGone
    to_seq: fields.LastGone


class ClockSetWire(EventWire):
    """The clock is right now, or was put right: in this `boot` UTC is monotonic time and `offset_s`."""

    type: Literal["agent.clock_set"]
    boot: fields.Boot
    offset_s: fields.OffsetS


class QuarterWire(EventWire):
    """A quarter of an hour of UTC; nobody could be seen for `blind_s` of it."""

    start: fields.QuarterStart
    end: fields.QuarterEnd
    blind_s: fields.BlindS


class DayWire(EventWire):
    """A local date of `length_s`; nobody could be seen for `blind_s` of it."""

    date: fields.LocalDate
    length_s: fields.LengthS
    blind_s: fields.BlindS


class LineFiguresWire(ClosedWire):
    """Crossings."""

    in_: fields.InCount = Field(alias="in")
    out: fields.OutCount


class ZoneFiguresWire(ClosedWire):
    """Visits that began in it, how long anybody was there, and the most at one time."""

    visits: fields.Visits
    occupied_s: fields.OccupiedS
    max: fields.MostAtOnce


class CounterFiguresWire(ClosedWire):
    """Working hours with and without somebody behind the desk."""

    attended_s: fields.AttendedS
    unattended_s: fields.UnattendedS
    longest_unattended_s: fields.LongestUnattendedS


class LineQuarterWire(LineFiguresWire, QuarterWire):
    """A line's quarter of an hour."""

    type: Literal["line.quarter"]


class ZoneQuarterWire(ZoneFiguresWire, QuarterWire):
    """A zone's quarter of an hour."""

    type: Literal["zone.quarter"]


class CounterQuarterWire(CounterFiguresWire, QuarterWire):
    """A counter's quarter of an hour."""

    type: Literal["counter.quarter"]


class PeriodWire(ClosedWire):
    """Crossings about one working period; each counts for the period that it is nearest to."""

    start: fields.PeriodStart
    end: fields.PeriodEnd
    in_before_start: fields.InBeforeStart
    in_after_start: fields.InAfterStart
    out_before_end: fields.OutBeforeEnd
    out_after_end: fields.OutAfterEnd


class LineDayWire(LineFiguresWire, DayWire):
    """A line's day; `periods` are those that touch the date, in order."""

    type: Literal["line.day"]
    first_in: fields.FirstIn | None = None
    last_out: fields.LastOut | None = None
    periods: Annotated[
        tuple[PeriodWire, ...], Field(description="The working periods that touch the date, in order.")
    ]


class ZoneDayWire(ZoneFiguresWire, DayWire):
    """A zone's day."""

    type: Literal["zone.day"]


class CounterDayWire(CounterFiguresWire, DayWire):
    """A counter's day."""

    type: Literal["counter.day"]


EVENTS: Final[dict[str, type[EventWire]]] = {
    "line.crossed": LineCrossedWire,
    "zone.entered": ZoneEnteredWire,
    "zone.left": ZoneLeftWire,
    "zone.occupied": ZoneOccupiedWire,
    "zone.vacated": ZoneVacatedWire,
    "counter.attended": CounterAttendedWire,
    "counter.unattended": CounterUnattendedWire,
    "counter.closed": CounterClosedWire,
    "presence.after_hours": AfterHoursWire,
    "line.quarter": LineQuarterWire,
    "zone.quarter": ZoneQuarterWire,
    "counter.quarter": CounterQuarterWire,
    "line.day": LineDayWire,
    "zone.day": ZoneDayWire,
    "counter.day": CounterDayWire,
    "camera.blind": CameraBlindWire,
    "camera.restored": CameraRestoredWire,
    "agent.started": AgentStartedWire,
    "agent.stopped": AgentStoppedWire,
    "agent.clock_set": ClockSetWire,
    "events.dropped": EventsDroppedWire,
}
