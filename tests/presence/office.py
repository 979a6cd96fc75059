"""A small office for the tests of what the events add up to: real rules, scripted people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from agent.core.event import (
    AfterHours,
    CounterAttended,
    CounterClosed,
    CounterDay,
    CounterQuarter,
    CounterUnattended,
    Day,
    Event,
    Quarter,
)
from agent.core.frame import Instant
from agent.core.geometry import Line, Zone
from agent.core.visibility import Visibility
from agent.presence.hours import WorkingTime
from agent.presence.ledger import Ledger
from agent.presence.line import LineRule
from agent.presence.settings import CounterSettings, LineSettings, RuleSettings, ZoneSettings
from agent.presence.zone import ZoneRule
from tests.builders import make_track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.core.track import Track
    from agent.core.visibility import BlindCause
    from agent.presence.states import RuleState
    from agent.presence.track_rule import AnyTrackRule

Kind = TypeVar("Kind", bound=Event)
VN = ZoneInfo("Asia/Ho_Chi_Minh")
MONDAY = date(2026, 1, 5)
WEEK = {day: [(450, 690), (810, 1020)] for day in range(5)}
OFFICE = WorkingTime(VN, WEEK)
ALWAYS = WorkingTime(VN, {})
# Where feet are: behind the desk, before it, in the yard outside of the gate and inside of it.
PLACES = {
    "staff": (200.0, 500.0),
    "public": (800.0, 500.0),
    "yard": (500.0, 1500.0),
    "street": (500.0, 2500.0),
}
STAFF = Zone("staff", ((0, 0), (400, 0), (400, 1000), (0, 1000)), 1.0)
PUBLIC = Zone(
    "public",
    ((600, 0), (1000, 0), (1000, 1000), (600, 1000)),
    1.0,
    overstay_s=120.0,
    crowd=2,
    crowd_after_s=20.0,
)
GATE = Line("gate", (0, 2000), (1000, 2000), (500, 1000))
DESK = CounterSettings("desk", "staff", "public", 60.0)


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody is at a place from one local time to another; then nobody sees them any more."""

    place: str
    begin: str
    end: str
    name: str = "a"


@dataclass(frozen=True, slots=True)
class Blind:
    """Nothing can be seen from one local time to another."""

    begin: str
    end: str
    cause: BlindCause = "covered"


def utc(local: str, day: date = MONDAY) -> datetime:
    """A local time as 07:30, 07:30:01, or 2026-01-06T07:30."""
    text = local if "T" in local else f"{day}T{local}"
    return datetime.fromisoformat(text).replace(tzinfo=VN).astimezone(UTC)


def right_clock(moment: datetime) -> Instant:
    """A machine that was started at midnight of that Monday, and knows the time."""
    return Instant((moment - utc("00:00")).total_seconds(), moment)


class Office:
    """Feeds the rules and the ledger with frames, and keeps what they tell."""

    def __init__(
        self,
        hours: WorkingTime = OFFICE,
        *,
        wait_s: float = 60.0,
        counter: CounterSettings = DESK,
        clock: Callable[[datetime], Instant] = right_clock,
    ) -> None:
        self.rules: tuple[AnyTrackRule, ...] = (LineRule(GATE), ZoneRule(STAFF), ZoneRule(PUBLIC))
        zones = [ZoneSettings(zone.zone_id, zone.min_dwell_s, 2.0) for zone in (STAFF, PUBLIC)]
        self.ledger = Ledger(RuleSettings([LineSettings("gate"), *zones, counter], hours, wait_s))
        self.clock = clock
        self.told: list[Event] = []
        self.states: list[list[RuleState]] = []
        self._spells: list[str] = []
        self._ids: dict[str, int] = {}
        self.start: int | None = None

    def watch(
        self, begin: str, end: str, script: Iterable[Stay | Blind] = (), *, every_s: float = 1.0
    ) -> Sequence[Event]:
        """Play a script; return what was told of it."""
        before = len(self.told)
        now, last = utc(begin), utc(end)
        while now < last:
            self.step(now, script)
            now += timedelta(seconds=every_s)
        return self.told[before:]

    def step(self, now: datetime, script: Iterable[Stay | Blind]) -> None:
        """One frame of a script."""
        at = self.clock(now)
        there = [part for part in script if _span(part)[0] <= now < _span(part)[1]]
        dark = next((part for part in there if isinstance(part, Blind)), None)
        if dark and dark.begin not in self._spells:
            self._spells.append(dark.begin)
        sight = Visibility(dark.cause, self.clock(utc(dark.begin))) if dark else Visibility(None, at)
        self._frame(at, [self._track(part, at) for part in there if isinstance(part, Stay)], sight)

    def stop(self, local: str) -> Sequence[Event]:
        """End in order."""
        at = self.clock(utc(local))
        told = [event for rule in self.rules for event in rule.close(at, "stopped")]
        self.told += (closed := self.ledger.close(told, at, "stopped"))
        return closed

    def _frame(self, at: Instant, tracks: Sequence[Track], sight: Visibility) -> None:
        told: list[Event] = []
        for rule in self.rules:
            told += rule.close(at, "blind") if sight.cause else rule.update(tracks, at)
        self.told += self.ledger.update(told, () if sight.cause else tracks, sight, at)
        self.states.append(list(self.ledger.states()))

    def _track(self, stay: Stay, at: Instant) -> Track:
        # After blindness everybody is new.
        name = f"t{stay.name}" + "x" * len(self._spells)
        if self.start is not None:
            # Ids as the agent gives them, which no other start gives again.
            name = f"t{self.start:04x}-{self._ids.setdefault(name, len(self._ids) + 1)}"
        return make_track(PLACES[stay.place], at.monotonic_s, name)


@cache
def _span(part: Stay | Blind) -> tuple[datetime, datetime]:
    return utc(part.begin), utc(part.end)


def of(events: Iterable[Event], *kinds: type[Kind]) -> list[Kind]:
    """Those of some types."""
    return [event for event in events if isinstance(event, kinds)]


def words(events: Iterable[Event]) -> list[str]:
    """Events that follow from others in a few words, with local times: `07:31:02 unattended 07:30:00 w0`."""
    return [f"{_clock(event.at)} {_word(event)}" for event in events if _word(event)]


def _clock(moment: Instant | datetime) -> str:
    at = moment.utc if isinstance(moment, Instant) else moment
    return f"{at.astimezone(VN):%H:%M:%S}"


def _word(event: Event) -> str:
    word = ""
    match event:
        case CounterAttended() | CounterUnattended():
            word = f"{event.TYPE.removeprefix('counter.')} {_clock(event.since)} w{event.waiting}"
        case CounterClosed():
            word = f"closed {_clock(event.since)} w{event.waiting} {event.why}"
        case AfterHours():
            word = f"after hours {event.rule} {event.track} {_clock(event.since)}"
        case Quarter():
            word = f"{event.rule} {_clock(event.start)}-{_clock(event.end)} {_figures(event)}"
        case Day():
            word = f"{event.rule} {event.date} {_figures(event)}"
    return word


def _figures(event: Quarter | Day) -> str:
    names = ("in_count", "out_count", "visits", "occupied_s", "max_count", "attended_s", "unattended_s")
    # Those of whom waited are told in words of their own.
    of_waits = isinstance(event, CounterQuarter | CounterDay)
    figures = [
        f"{getattr(event, name):g}"
        for name in (*names, "longest_unattended_s")
        if hasattr(event, name) and not (of_waits and name == "visits")
    ]
    return f"{' '.join(figures)} blind {event.blind_s:g}"
