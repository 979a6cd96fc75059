# Types of what events.py makes of core/event.py, written by `python -m tests.wire.event_stub`.

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from agent.wire.base import CONTRACT as CONTRACT
from agent.wire.base import ClosedWire as ClosedWire
from agent.wire.base import EventWire as EventWire
from agent.wire.base import Wire as Wire
from agent.wire.base import check_agent_name as check_agent_name

EVENTS: Final[Mapping[str, type[EventWire]]]

class PeriodWire(ClosedWire):
    start: str
    end: str
    in_before_start: int
    in_after_start: int
    out_before_end: int
    out_after_end: int

class LineCrossedWire(EventWire):
    type: Literal["line.crossed"]
    direction: Literal["in", "out"]
    track: str
    confidence: float

class ZoneEnteredWire(EventWire):
    type: Literal["zone.entered"]
    since: str
    count: int
    track: str

class ZoneLeftWire(EventWire):
    type: Literal["zone.left"]
    since: str
    count: int
    track: str
    dwell_s: float
    why: Literal["seen", "lost", "blind", "closed", "stopped", "restarted"]

class ZoneOverstayedWire(EventWire):
    type: Literal["zone.overstayed"]
    since: str
    track: str

class ZoneCrowdedWire(EventWire):
    type: Literal["zone.crowded"]
    since: str
    count: int

class ZoneUncrowdedWire(EventWire):
    type: Literal["zone.uncrowded"]
    since: str
    crowded_s: float
    max: int
    why: Literal["seen", "lost", "blind", "closed", "stopped", "restarted"]

class ZoneOccupiedWire(EventWire):
    type: Literal["zone.occupied"]
    since: str

class ZoneVacatedWire(EventWire):
    type: Literal["zone.vacated"]
    since: str
    occupied_s: float
    why: Literal["seen", "lost", "blind", "closed", "stopped", "restarted"]

class CounterAttendedWire(EventWire):
    type: Literal["counter.attended"]
    since: str
    waiting: int | None = ...

class CounterUnattendedWire(EventWire):
    type: Literal["counter.unattended"]
    since: str
    waiting: int | None = ...

class CounterClosedWire(EventWire):
    type: Literal["counter.closed"]
    since: str
    waiting: int | None = ...
    why: Literal["seen", "lost", "blind", "closed", "stopped", "restarted"]

class AfterHoursWire(EventWire):
    type: Literal["presence.after_hours"]
    since: str
    track: str

class LineQuarterWire(EventWire):
    type: Literal["line.quarter"]
    start: str
    end: str
    blind_s: float
    in_: int = Field(alias="in")  # noqa: PYI015 - a checker takes the name from here
    out: int

class ZoneQuarterWire(EventWire):
    type: Literal["zone.quarter"]
    start: str
    end: str
    blind_s: float
    visits: int
    occupied_s: float
    max: int

class CounterQuarterWire(EventWire):
    type: Literal["counter.quarter"]
    start: str
    end: str
    blind_s: float
    attended_s: float
    unattended_s: float
    longest_unattended_s: float
    visits: int | None = ...
    wait_p50_s: float | None = ...
    wait_p90_s: float | None = ...
    wait_max_s: float | None = ...

class LineDayWire(EventWire):
    type: Literal["line.day"]
    date: str
    length_s: float
    blind_s: float
    in_: int = Field(alias="in")  # noqa: PYI015 - a checker takes the name from here
    out: int
    first_in: str | None = ...
    last_out: str | None = ...
    periods: tuple[PeriodWire, ...]

class ZoneDayWire(EventWire):
    type: Literal["zone.day"]
    date: str
    length_s: float
    blind_s: float
    visits: int
    occupied_s: float
    max: int

class CounterDayWire(EventWire):
    type: Literal["counter.day"]
    date: str
    length_s: float
    blind_s: float
    attended_s: float
    unattended_s: float
    longest_unattended_s: float
    visits: int | None = ...
    wait_p50_s: float | None = ...
    wait_p90_s: float | None = ...
    wait_max_s: float | None = ...

class CameraBlindWire(EventWire):
    type: Literal["camera.blind"]
    cause: Literal["covered", "dark", "blurred", "moved", "frozen", "lost"]
    since: str

class CameraRestoredWire(EventWire):
    type: Literal["camera.restored"]
    cause: Literal["covered", "dark", "blurred", "moved", "frozen", "lost"]
    since: str
    blind_s: float

class UpdateFailedWire(EventWire):
    type: Literal["update.failed"]
    from_version: str
    to_version: str
    cause: Literal["configuration", "log", "not_ready", "ended", "unhealthy", "other"]

class AgentStartedWire(EventWire):
    type: Literal["agent.started"]
    cause: Literal["new_log", "started", "restarted"]
    since: str | None = ...

class AgentStoppedWire(EventWire):
    type: Literal["agent.stopped"]
    cause: Literal["signal", "recording_ended", "recording_broken"]

class ClockSetWire(EventWire):
    type: Literal["agent.clock_set"]
    boot: str
    offset_s: float

class EventsDroppedWire(EventWire):
    type: Literal["events.dropped"]
    cause: Literal["keep_days", "keep_mb", "disk_full"]
    from_seq: int
    to_seq: int
