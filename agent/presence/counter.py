"""Counter rule: whether a desk is attended in working hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.event import CounterAttended, CounterClosed, CounterState, CounterUnattended
from agent.core.frame import later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.presence.aggregates import CounterAggregate, ZoneAggregate
    from agent.presence.hours import WorkingTime
    from agent.presence.settings import CounterSettings

# Somebody who is back in time may be reported only by a later look.
_PATIENCE_S = 2.0


class CounterRule:
    """Reports `counter.attended`, `counter.unattended` and `counter.closed`, by the visits to its zones.

    ::

        working hours   ├──────────────────────────────────────────┤
        staff             ├────────┤  ├──────┤           ├────┤
        reported        · attended ··········unattended··attended··closed
                                            └ the last sighting, reported unattended_after_s later

    Who bends down, or is hidden by a visitor, is back before that. Each event ends what the one before
    it started; `since` is when, and is never before the start of working hours.
    """

    def __init__(
        self,
        counter: CounterSettings,
        aggregate: CounterAggregate,
        staff: ZoneAggregate,
        public: ZoneAggregate | None,
        staff_dwell_s: float,
        hours: WorkingTime,
    ) -> None:
        """Take the settings and what the rule follows.

        Args:
            counter: its settings.
            aggregate: of its own events; the rule reads from it what was reported last.
            staff: of the zone behind the desk.
            public: of the zone before it; None: there is none.
            staff_dwell_s: the least dwell of the staff's zone.
            hours: the working hours.
        """
        self._rule = counter.counter_id
        self._after_s = counter.unattended_after_s
        self._patience_s = staff_dwell_s + _PATIENCE_S
        self._aggregate = aggregate
        self._staff = staff
        self._public = public
        self._hours = hours
        self._seen_from: Instant | None = None
        self._state: CounterState | None = None

    def change(
        self,
        counter: CounterSettings,
        public: ZoneAggregate | None,
        staff_dwell_s: float,
        hours: WorkingTime,
        at: Instant,
    ) -> None:
        """Go by other settings from now on, with the same zone of the staff; what was reported stands.

        Args:
            counter: its settings.
            public: the aggregate of the zone before the desk; None: there is none.
            staff_dwell_s: the least dwell of the staff's zone.
            hours: the working hours.
            at: now.
        """
        open_on = self._hours.span(at.utc).open and hours.span(at.utc).open
        reported = self._aggregate.mode in {"attended", "unattended"}
        if self._seen_from and not hours.goes_on(self._hours, at.utc) and not (open_on and reported):
            self._seen_from = at
        self._after_s = counter.unattended_after_s
        self._patience_s = staff_dwell_s + _PATIENCE_S
        self._public, self._hours = public, hours

    @property
    def rule_id(self) -> str:
        """The counter's id."""
        return self._rule

    @property
    def waiting(self) -> int | None:
        """Persons in the public zone; None: there is none, or it is not known."""
        return len(self._public.open) if self._public and self._public.known else None

    @property
    def state(self) -> CounterState | None:
        """The present state; None: nothing is known."""
        mode, since, waiting = self._aggregate.mode, self._aggregate.since, self.waiting
        if mode is None or since is None:
            self._state = None
        elif self._state is None or (self._state.mode, self._state.waiting) != (mode, waiting):
            self._state = CounterState(rule=self._rule, since=since, mode=mode, waiting=waiting)
        return self._state

    def update(self, at: Instant) -> Iterator[Event]:
        """Yield what changed up to this frame, in which the camera sees."""
        self._seen_from = self._seen_from or at
        if not (self._hours.always_open or at.synced):
            yield from self.close(at, at, "lost")
            return
        start = self._seen_from
        if not self._hours.always_open:
            span = self._hours.span(at.utc)
            if span.start and span.start > start.utc:
                start = at.shifted((span.start - at.utc).total_seconds())
            if not span.open:
                yield from self._shut(start, at)
                return
        yield from self._judge(start, at)

    def close(self, since: Instant, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """Yield the end of what is open; until the next update nothing is known.

        Args:
            since: since when nothing is known of the desk.
            at: now.
            why: what ends it.
        """
        self._seen_from = None
        if self._aggregate.mode in {"attended", "unattended"} and self._aggregate.since:
            # Who was waiting may still be: that is not known any more.
            since = later(since, self._aggregate.since)
            yield CounterClosed(rule=self._rule, at=at, since=since, waiting=None, why=why)
        self._aggregate.mode = self._aggregate.since = None

    def _shut(self, start: Instant, at: Instant) -> Iterator[Event]:
        """Working hours are over since `start`; an agent that starts outside of them has nothing to close."""
        if self._aggregate.mode in {"attended", "unattended"} and self._aggregate.since:
            since = later(start, self._aggregate.since)
            yield CounterClosed(rule=self._rule, at=at, since=since, waiting=self.waiting, why="closed")
        elif self._aggregate.mode is None:
            self._aggregate.mode, self._aggregate.since = "closed", start

    def _judge(self, start: Instant, at: Instant) -> Iterator[Event]:
        if self._aggregate.mode == "closed":
            # It is open, and not known yet whether anybody is there.
            self._aggregate.mode = self._aggregate.since = None
        mode, since = self._aggregate.mode, self._aggregate.since
        if mode in {"attended", "unattended"} and since:
            start = later(start, since)
        last_seen = self._staff.last_seen
        left = later(last_seen, start) if last_seen else start
        occupied = self._staff.occupied
        back = later(occupied, start) if occupied else None
        if mode != "unattended":
            gone_s = (back or at).monotonic_s - left.monotonic_s
            if gone_s >= self._after_s + (0.0 if back else self._patience_s):
                yield CounterUnattended(rule=self._rule, at=at, since=left, waiting=self.waiting)
                mode = "unattended"
        if back and mode != "attended":
            yield CounterAttended(rule=self._rule, at=at, since=back, waiting=self.waiting)
