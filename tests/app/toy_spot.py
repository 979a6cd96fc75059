"""Spot: a place that is taken while somebody's feet are on it; its events, aggregate and rules."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from agent.core import event_fields as of
from agent.core.event import ClockEpoch, Day, EndedWhy, Event, Quarter
from agent.core.event_form import Interval, OnWire
from agent.core.frame import Instant
from agent.core.geometry import Zone, contains
from agent.core.rule_state import State
from agent.core.track import Track
from agent.presence.aggregate import Aggregate
from agent.presence.intervals import Intervals, Window, mark, union_s
from agent.presence.ledger_rule import LedgerRule
from agent.presence.settings import OneRuleSettings
from agent.presence.track_rule import TrackRule

TAKING = Interval("taking", lasts=True)
TakenS = Annotated[float, OnWire("How long somebody was there, s.", least=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotTaken(Event):
    """Somebody is there."""

    TYPE: ClassVar[str] = "spot.taken"
    OPENS: ClassVar[Interval | None] = TAKING
    since: of.Since


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotFreed(Event):
    """Nobody is there any more."""

    TYPE: ClassVar[str] = "spot.freed"
    CLOSES: ClassVar[Interval | None] = TAKING
    since: of.Since
    taken_s: TakenS
    why: Annotated[EndedWhy, of.ENDED]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotQuarter(Quarter):
    """A spot's quarter of an hour."""

    TYPE: ClassVar[str] = "spot.quarter"
    taken_s: TakenS


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotDay(Day):
    """A spot's day."""

    TYPE: ClassVar[str] = "spot.day"
    taken_s: TakenS


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotState(State):
    """Whether a spot is taken; null when not valid."""

    taken: Annotated[bool, OnWire("Whether somebody is there.")]


class SpotSettings(OneRuleSettings):
    KIND: ClassVar[str] = "spot"


def freed(rule: str, since: Instant, at: Instant, why: EndedWhy) -> SpotFreed:
    return SpotFreed(rule=rule, at=at, since=since, taken_s=at.monotonic_s - since.monotonic_s, why=why)


@dataclass(slots=True)
class SpotAggregate(Aggregate):
    QUARTER, DAY = SpotQuarter, SpotDay
    taken: Intervals = field(default_factory=Intervals)
    since: Instant | None = None

    def apply(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        if isinstance(event, SpotTaken):
            self.since = event.since
            self.taken.start(mark(event.since, event.at, epoch))
        elif isinstance(event, SpotFreed) and self.taken.open:
            self.since = None
            self.taken.end(mark(event.since, event.at, epoch).later(event.taken_s))

    def closings(self, last: Instant) -> Iterable[Event]:
        return [freed(self.rule, self.since, last, "restarted")] if self.since else []

    def set_clock(self, offset_s: float) -> None:
        self.taken.set_clock(offset_s)

    def forget(self, before_s: float, *, past: bool) -> None:
        self.taken.keep(self.taken.ends.young(before_s, past=past))

    def figures(self, of: Window) -> dict[str, Any]:
        return {"taken_s": union_s(of.covered(self.taken.starts.utc_s, self.taken.ends.utc_s))}


class SpotInLedger(LedgerRule[SpotSettings, SpotAggregate]):
    def state(self, before: State | None, at: Instant, *, sees: bool) -> State | None:
        taken = self.aggregate.since is not None
        if isinstance(before, SpotState) and before.taken == taken:
            return before
        return SpotState(rule=self.aggregate.rule, since=at, taken=taken) if sees else None


class SpotRule(TrackRule[Zone]):
    def __init__(self, shape: Zone, from_s: float = 0.0) -> None:
        super().__init__(shape, from_s)
        self._since: Instant | None = None

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        if not any(contains(self.shape.polygon, track.anchor) for track in tracks):
            yield from self.close(at, "seen")
        elif self._since is None:
            self._since = at
            yield SpotTaken(rule=self.shape.rule_id, at=at, since=at)

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        since, self._since = self._since, None
        if since:
            yield freed(self.shape.rule_id, since, at, why)
