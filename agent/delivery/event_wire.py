"""The wire form of events: every field that an event may ever have is named in this module.

The models refuse any other field, so that nothing a stage might add can reach the wire unseen.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Pydantic reads annotations.
from agent.core.event import Direction, DropCause, EndedWhy, StartCause, StopCause  # noqa: TC001
from agent.core.naming import LONGEST_SITE_AND_NAME, is_too_long
from agent.core.sight import BlindCause  # noqa: TC001

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
LocalDate = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\d$", description="local date", json_schema_extra={"format": "date"})
]
LocalTime = Annotated[str, Field(pattern=r"^\d\d:\d\d$", description="local, as configured")]
TrackId = Annotated[
    str, Field(pattern=r"^t[0-9a-f]*-?[0-9]+$", max_length=24, description="one visit; names nobody")
]
Name = Annotated[str, Field(max_length=64)]
Seq = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Corner = tuple[Fraction, Fraction]


class Closed(BaseModel):
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


class Wire(Closed):
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

    @model_validator(mode="after")
    def _name_fits(self) -> Self:
        check_agent_name(self)
        return self


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


class CounterAttendedWire(EventWire):
    """Somebody is behind the desk in working hours; it ends what the counter's last event began."""

    type: Literal["counter.attended"]
    since: Timestamp
    waiting: Count | None = None


class CounterUnattendedWire(EventWire):
    """Nobody has been behind the desk in working hours since `since`."""

    type: Literal["counter.unattended"]
    since: Timestamp
    waiting: Count | None = None


class CounterClosedWire(EventWire):
    """Working hours are over (why closed), or the desk could no longer be seen (any other why)."""

    type: Literal["counter.closed"]
    since: Timestamp
    waiting: Count | None = None
    why: EndedWhy


class AfterHoursWire(EventWire):
    """Somebody is there outside working hours; once a visit."""

    type: Literal["presence.after_hours"]
    since: Timestamp
    track: TrackId


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
    """The agent runs; from `since`, the last moment that the log before knows of, it did not."""

    type: Literal["agent.started"]
    cause: StartCause
    since: Timestamp | None = None


class AgentStoppedWire(EventWire):
    """The agent ended in order."""

    type: Literal["agent.stopped"]
    cause: StopCause


class EventsDroppedWire(EventWire):
    """Events from `from_seq` to `to_seq` are deleted; what of them did not arrive never will."""

    type: Literal["events.dropped"]
    cause: DropCause
    from_seq: Annotated[int, Field(ge=1)]
    to_seq: Annotated[int, Field(ge=1)]


class ClockSetWire(EventWire):
    """The clock is right now, or was put right: in this `boot` UTC is monotonic time and `offset_s`."""

    type: Literal["agent.clock_set"]
    boot: Hex8
    offset_s: float


class QuarterWire(EventWire):
    """A quarter of an hour of UTC; nobody could be seen for `blind_s` of it."""

    start: Timestamp
    end: Timestamp
    blind_s: Seconds


class DayWire(EventWire):
    """A local date of `length_s`; nobody could be seen for `blind_s` of it."""

    date: LocalDate
    length_s: Seconds
    blind_s: Seconds


class LineFigures(Closed):
    """Crossings."""

    in_: Annotated[Count, Field(alias="in")]
    out: Count


class ZoneFigures(Closed):
    """Visits that began in it, how long anybody was there, and the most at one time."""

    visits: Count
    occupied_s: Seconds
    max: Count


class CounterFigures(Closed):
    """Working hours with and without somebody behind the desk."""

    attended_s: Seconds
    unattended_s: Seconds
    longest_unattended_s: Seconds


class LineQuarterWire(LineFigures, QuarterWire):
    """A line's quarter of an hour."""

    type: Literal["line.quarter"]


class ZoneQuarterWire(ZoneFigures, QuarterWire):
    """A zone's quarter of an hour."""

    type: Literal["zone.quarter"]


class CounterQuarterWire(CounterFigures, QuarterWire):
    """A counter's quarter of an hour."""

    type: Literal["counter.quarter"]


class PeriodWire(Closed):
    """Crossings about one working period; each counts for the period that it is nearest to."""

    start: LocalTime
    end: LocalTime
    in_before_start: Count
    in_after_start: Count
    out_before_end: Count
    out_after_end: Count


class LineDayWire(LineFigures, DayWire):
    """A line's day; `periods` are those that touch the date, in order."""

    type: Literal["line.day"]
    first_in: Timestamp | None = None
    last_out: Timestamp | None = None
    periods: tuple[PeriodWire, ...]


class ZoneDayWire(ZoneFigures, DayWire):
    """A zone's day."""

    type: Literal["zone.day"]


class CounterDayWire(CounterFigures, DayWire):
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
