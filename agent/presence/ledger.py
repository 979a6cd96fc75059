"""What the events add up to: counters, after hours, summaries and every rule's state.

All of it is made from the events of cameras, lines and zones as they are told, and from nothing else, so
that events, summaries and states cannot contradict each other, and a start can take up where the log ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from agent.core.event import (
    CameraBlind,
    CameraRestored,
    CounterAttended,
    CounterClosed,
    CounterUnattended,
    LineState,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneState,
    ZoneVacated,
)
from agent.presence.after_hours import AfterHoursRule
from agent.presence.aggregates import CounterAggregate, LineAggregate, ZoneAggregate
from agent.presence.camera import CameraRule
from agent.presence.clock import ClockRule
from agent.presence.counter import CounterRule
from agent.presence.summary import Summaries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from agent.core.event import AgentStarted, ClockEpoch, ClockSet, EndedWhy, Event, State
    from agent.core.frame import Instant
    from agent.core.track import Track
    from agent.core.visibility import BlindCause, Visibility
    from agent.presence.aggregates import Tally
    from agent.presence.counter import Desk
    from agent.presence.hours import WorkingTime

Kind = Literal["line", "zone", "counter"]
UnknownWhy = Literal["starting", "stopped", "clock"]
_Kept = TypeVar("_Kept", LineAggregate, ZoneAggregate, CounterAggregate)


@dataclass(frozen=True, slots=True)
class RuleState:
    """What holds for a rule now.

    Attributes:
        kind: what it is a rule of.
        rule: its id.
        since: since when it is so.
        value: what holds; None: that is not known, for the reason `why`.
    """

    kind: Kind
    rule: str
    since: Instant
    value: State | None
    why: UnknownWhy | BlindCause | None


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """What the ledger must know of a zone.

    Attributes:
        zone_id: its id.
        min_dwell_s: shorter visits are not told.
        settle_s: so long after the first frame, and after blindness, it is not known who is in it.
    """

    zone_id: str
    min_dwell_s: float
    settle_s: float


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """The rules that there are, and the hours.

    Attributes:
        lines: their ids.
        zones: what is to be known of them.
        counters: desks, by the ids of their zones.
        hours: when they are open.
        wait_s: how late somebody's last sighting, or the first sign of blindness, may become known.
    """

    lines: Sequence[str]
    zones: Sequence[ZoneSettings]
    counters: Sequence[Desk]
    hours: WorkingTime
    wait_s: float = 0.0


class Ledger:
    """Takes the events of each frame, and what is known of the camera's sight, and tells what follows."""

    def __init__(self, terms: RuleSettings) -> None:
        """Take the rules that there are."""
        self._terms = terms
        self.reset()

    def reset(self) -> None:
        """Know of nothing that happened."""
        terms = self._terms
        self._tallies: dict[str, Tally] = {}
        self._counter_rules: dict[str, CounterRule] = {}
        # Rules of before this start that the configuration no longer has.
        self._gone: dict[str, ZoneAggregate | CounterAggregate] = {}
        self._clock = ClockRule()
        self._camera = CameraRule()
        self._after_hours = AfterHoursRule(terms.hours)
        self._summaries = Summaries(terms.hours)
        self._sight: Visibility | None = None
        self._seen_from: Instant | None = None
        self._at: Instant | None = None
        self._stopped: Instant | None = None
        self._values: dict[str, State | None] = {}
        self._arrange(terms, None)

    def change(
        self, terms: RuleSettings, told: Sequence[Event], at: Instant, moved: Collection[str] = ()
    ) -> list[Event]:
        """Go on by other terms; what is open in rules that there are still stays open.

        Args:
            terms: from now on.
            told: the closing events of rules that there are no more.
            at: now.
            moved: zones that lie elsewhere now.

        Returns:
            `told` with what follows from the change, in order.
        """
        events = list(self._taken(told))
        staff = {counter.counter_id: counter.staff for counter in terms.counters}
        for counter in self._terms.counters:
            # Who is behind the desk says nothing any more if another place is behind it.
            if staff.get(counter.counter_id) != counter.staff:
                events += self._taken(self._counter_rules.pop(counter.counter_id).close(at, at, "stopped"))
        kinds: dict[str, type[Tally]] = {
            **dict.fromkeys(terms.lines, LineAggregate),
            **dict.fromkeys((zone.zone_id for zone in terms.zones), ZoneAggregate),
            **dict.fromkeys(staff, CounterAggregate),
        }
        gone = [tally for rule, tally in self._tallies.items() if kinds.get(rule) is not type(tally)]
        events += self._summaries.end(gone, at)
        for tally in gone:
            self._values.pop(tally.rule, None)
            del self._tallies[tally.rule]
        self._arrange(terms, at)
        for zone_id in moved:
            zone = self._zones[zone_id]
            zone.known, zone.begun_s = False, at.monotonic_s
        self._judge(at)
        return events

    def _arrange(self, terms: RuleSettings, at: Instant | None) -> None:
        """Have a tally for each rule, the one of before where there is one; `at` None: at the start."""
        self._terms, self._hours = terms, terms.hours
        self._today: tuple[datetime, datetime] | None = None
        self._recount = True
        self._lines = [self._tally(LineAggregate, line) for line in terms.lines]
        zones = {zone.zone_id: zone for zone in terms.zones}
        self._settle_s = {name: zone.settle_s for name, zone in zones.items()}
        self._zones = {name: self._tally(ZoneAggregate, name) for name in zones}
        self._counters = {
            counter.counter_id: self._tally(CounterAggregate, counter.counter_id)
            for counter in terms.counters
        }
        if at:
            for name in self._zones.keys() - self._tallies.keys():
                self._zones[name].begun_s = at.monotonic_s
        self._tallies = {
            **{tally.rule: tally for tally in self._lines},
            **self._zones,
            **self._counters,
        }
        rules, self._counter_rules = self._counter_rules, {}
        waits: list[tuple[Tally, float]] = [(tally, terms.wait_s) for tally in self._lines]
        waits += [(tally, terms.wait_s + zones[name].min_dwell_s) for name, tally in self._zones.items()]
        for counter in terms.counters:
            name, dwell_s = counter.counter_id, zones[counter.staff].min_dwell_s
            staff, public = self._zones[counter.staff], self._zones.get(counter.public or "")
            if at and (rule := rules.get(name)):
                rule.change(counter, public, dwell_s, terms.hours, at)
            else:
                rule = CounterRule(counter, self._counters[name], staff, public, dwell_s, terms.hours)
            self._counter_rules[name] = rule
            waits.append((self._counters[name], terms.wait_s + dwell_s + counter.unattended_after_s))
        self._kinds: tuple[tuple[Kind, Sequence[Tally]], ...] = (
            ("line", self._lines),
            ("zone", tuple(self._zones.values())),
            ("counter", tuple(self._counters.values())),
        )
        self._after_hours.change(tuple(self._zones.values()), terms.hours, at)
        self._summaries.change(waits, terms.hours, at)

    def _tally(self, kind: type[_Kept], rule: str) -> _Kept:
        before = self._tallies.get(rule)
        return before if isinstance(before, kind) else kind(rule)

    # --- from frame to frame

    def update(
        self, told: Sequence[Event], tracks: Sequence[Track], sight: Visibility, at: Instant
    ) -> list[Event]:
        """Take what the rules tell of a frame; return it with all that follows, in order."""
        events: list[Event] = []
        believed_s = self._clock.believed_s
        for change in self._clock.update(at):
            self._set_clock(change, None if believed_s is None else change.offset_s - believed_s, at)
            events.append(change)
        self._sight = sight
        # That the camera is blind goes before the visits that end by it.
        events += self._taken(self._camera.update(sight, at, somebody=bool(told)))
        events += self._taken(told)
        # On a first sign of blindness that nobody is seen says nothing; nor at a start in the dark.
        if sight.cause or self._camera.blind:
            self._seen_from = None
        elif not sight.suspected:
            self._seen_from = self._seen_from or at
        self._settle(at)
        if sight.cause is None:
            self._summaries.watch(at)
            # That nobody is seen on a first sign of blindness does not make a counter unattended.
            judged = self._seen_from and not sight.suspected
            for rule in self._counter_rules.values() if judged else ():
                events += self._taken(rule.update(at))
            events += self._after_hours.update(told, tracks, at)
        else:
            for rule in self._counter_rules.values():
                events += self._taken(rule.close(sight.since, at, "blind"))
        events += self._summaries.update(at)
        self._judge(at)
        return events

    @property
    def spell(self) -> CameraBlind | None:
        """The spell of blindness that is told and not over."""
        return self._camera.spell

    def close(self, told: Sequence[Event], at: Instant, why: EndedWhy) -> list[Event]:
        """Take the last events of the rules; return them with the closing events of the counters."""
        events = list(self._taken(told))
        for rule in self._counter_rules.values():
            events += self._taken(rule.close(at, at, why))
        # That every visit ends with the agent does not say that nobody is there.
        self._stopped = at
        return events

    def finish(self, at: Instant) -> list[Event]:
        """The summaries of what was begun: nothing more will ever come."""
        return list(self._summaries.finish(at))

    def take(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event."""
        tally = self._tallies.get(event.rule)
        if tally:
            tally.take(event, epoch)
        self._summaries.take(event, epoch)

    # --- from start to start

    def recall(
        self, events: Iterable[tuple[Event, ClockEpoch]], begin: Instant | None, blind: CameraBlind | None
    ) -> None:
        """Take what was told before this start.

        Args:
            events: oldest first, each with its epoch.
            begin: when the oldest was told, where there are older ones that are not given.
            blind: the spell of blindness that was open then.
        """
        if begin:
            self._summaries.recall_from(begin, blind=blind is not None)
        for event, epoch in events:
            if event.rule not in self._tallies and (kind := _kind_of(event)):
                self._gone.setdefault(event.rule, kind(event.rule)).take(event, epoch)
            self.take(event, epoch)
            if isinstance(event, CameraBlind):
                blind = event
            elif isinstance(event, CameraRestored):
                blind = None
            if epoch == "this_boot":
                self._clock.recall(event.at)
        self._camera.resume(blind)

    def reopen(self, last: Instant, epoch: ClockEpoch) -> list[Event]:
        """What a start tells first: the end of all that was open, at the last moment known, of that epoch.

        Also of rules that there are no more.
        """
        events: list[Event] = []
        for tally in [*self._tallies.values(), *self._gone.values()]:
            for event in tally.closings(last):
                tally.take(event, epoch)
                events.append(event)
        self._gone.clear()
        return events

    def start(self, started: AgentStarted) -> list[Event]:
        """What it tells next: that it runs."""
        self.take(started)
        return [started]

    # --- states

    def states(self) -> Iterator[RuleState]:
        """What holds for each rule after the last update; nothing before the first."""
        if stopped := self._stopped:
            for kind, tallies in self._kinds:
                yield from (RuleState(kind, tally.rule, stopped, None, "stopped") for tally in tallies)
            return
        sight, at = self._sight, self._at
        if sight is None or at is None:
            return
        for kind, tallies in self._kinds:
            for tally in tallies:
                value = self._values.get(tally.rule) if sight.cause is None else None
                if value:
                    yield RuleState(kind, tally.rule, value.since, value, None)
                elif sight.cause:
                    yield RuleState(kind, tally.rule, sight.since, None, sight.cause)
                else:
                    timed = kind == "line" or (kind == "counter" and not self._hours.always_open)
                    why: UnknownWhy = "clock" if timed and not at.synced else "starting"
                    yield RuleState(kind, tally.rule, at, None, why)

    def _judge(self, at: Instant) -> None:
        """Make the states anew, where they changed."""
        self._at = at
        if self._today is None or not self._today[0] <= at.utc < self._today[1]:
            self._today = self._hours.day(self._hours.date_of(at.utc))
            self._recount = True
        if self._recount:
            self._recount = False
            begin_s, end_s = (moment.timestamp() for moment in self._today)
            for line in self._lines:
                line.begin_day(begin_s, end_s)
        for line in self._lines:
            self._judge_line(line, at)
        for zone in self._zones.values():
            before = self._values.get(zone.rule)
            count = len(zone.open)
            if not zone.known:
                self._values[zone.rule] = None
            elif not isinstance(before, ZoneState) or before.count != count:
                self._values[zone.rule] = ZoneState(rule=zone.rule, since=at, count=count)
        for rule in self._counter_rules.values():
            self._values[rule.rule_id] = rule.state

    def _judge_line(self, line: LineAggregate, at: Instant) -> None:
        if not at.synced:
            # It counts from local midnight, and nobody knows when that was.
            self._values[line.rule] = None
            return
        before, (ins, outs) = self._values.get(line.rule), line.today
        if isinstance(before, LineState):
            if (before.in_count, before.out_count) == (ins, outs):
                return
        elif self._seen_from is None:
            return
        self._values[line.rule] = LineState(rule=line.rule, since=at, in_count=ins, out_count=outs)

    def _settle(self, at: Instant) -> None:
        """Know who is in a zone: after some time, or once somebody was told of."""
        seen_from = self._seen_from
        for zone in self._zones.values():
            if seen_from is None:
                zone.known = False
            elif not zone.known:
                seen_s = at.monotonic_s - max(seen_from.monotonic_s, zone.begun_s)
                suspected = self._sight is not None and self._sight.suspected
                # Who was there before the zone was moved says nothing of who is there now.
                told = any(since.monotonic_s >= zone.begun_s for since, _ in zone.open.values())
                zone.known = told or (not suspected and seen_s >= self._settle_s[zone.rule])

    def _set_clock(self, change: ClockSet, step_s: float | None, at: Instant) -> None:
        for tally in self._tallies.values():
            tally.set_clock(change.offset_s)
        self._summaries.set_clock(change.offset_s, step_s, at)
        self._recount = True

    def _taken(self, events: Iterable[Event], epoch: ClockEpoch = "this_boot") -> Iterator[Event]:
        for event in events:
            self.take(event, epoch)
            yield event


def _kind_of(event: Event) -> type[ZoneAggregate | CounterAggregate] | None:
    """Of what kind of rule an event is that begins or ends something."""
    if isinstance(event, ZoneEntered | ZoneLeft | ZoneOccupied | ZoneVacated):
        return ZoneAggregate
    return (
        CounterAggregate if isinstance(event, CounterAttended | CounterUnattended | CounterClosed) else None
    )
