"""Whether a counter is attended in working hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.event import CounterAttended, CounterClosed, CounterState, CounterUnattended
from agent.core.frame import later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.presence.aggregates import CounterAggregate, ZoneAggregate
    from agent.presence.hours import WorkingTime

# Somebody who is back in time may be told of only by a later look.
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Desk:
    """A desk: the zones behind and before it by their ids, and for how long it may be left."""

    counter_id: str
    staff: str
    public: str | None
    unattended_after_s: float


class CounterRule:
    """Says `counter.attended`, `counter.unattended` and `counter.closed`, by the visits to its zones.

    ::

        working hours   ├──────────────────────────────────────────┤
        staff             ├────────┤  ├──────┤           ├────┤
        told            · attended ··········unattended··attended··closed
                                            └ the last sighting, told unattended_after_s later

    Who bends down, or is hidden by a visitor, is back before that. Each event ends what the one before
    it began; `since` is when, and is never before the begin of working hours.
    """

    def __init__(
        self,
        counter: Desk,
        tally: CounterAggregate,
        staff: ZoneAggregate,
        public: ZoneAggregate | None,
        staff_dwell_s: float,
        hours: WorkingTime,
    ) -> None:
        """Take the tallies of its events and its zones', and the least dwell of the staff's zone."""
        self._rule = counter.counter_id
        self._after_s = counter.unattended_after_s
        self._patience_s = staff_dwell_s + _PATIENCE_S
        self._tally = tally
        self._staff = staff
        self._public = public
        self._hours = hours
        self._seen_from: Instant | None = None
        self._state: CounterState | None = None

    def change(
        self,
        counter: Desk,
        public: ZoneAggregate | None,
        staff_dwell_s: float,
        hours: WorkingTime,
        at: Instant,
    ) -> None:
        """From now on go by other terms, with the same zone of the staff; what was told stands."""
        open_on = self._hours.span(at.utc).open and hours.span(at.utc).open
        told = self._tally.mode in {"attended", "unattended"}
        if self._seen_from and not hours.goes_on(self._hours, at.utc) and not (open_on and told):
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
        """What was told last; None: nothing is known."""
        mode, since, waiting = self._tally.mode, self._tally.since, self.waiting
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
        begin = self._seen_from
        if not self._hours.always_open:
            span = self._hours.span(at.utc)
            if span.begin and span.begin > begin.utc:
                begin = at.shifted((span.begin - at.utc).total_seconds())
            if not span.open:
                yield from self._shut(begin, at)
                return
        yield from self._judge(begin, at)

    def close(self, since: Instant, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """Yield the end of what is open; until the next update nothing is known."""
        self._seen_from = None
        if self._tally.mode in {"attended", "unattended"} and self._tally.since:
            # Who was waiting may still be: that is not known any more.
            since = later(since, self._tally.since)
            yield CounterClosed(rule=self._rule, at=at, since=since, waiting=None, why=why)
        self._tally.mode = self._tally.since = None

    def _shut(self, begin: Instant, at: Instant) -> Iterator[Event]:
        """Working hours are over since `begin`; at a start outside of them there is nothing to tell."""
        if self._tally.mode in {"attended", "unattended"} and self._tally.since:
            since = later(begin, self._tally.since)
            yield CounterClosed(rule=self._rule, at=at, since=since, waiting=self.waiting, why="closed")
        elif self._tally.mode is None:
            self._tally.mode, self._tally.since = "closed", begin

    def _judge(self, begin: Instant, at: Instant) -> Iterator[Event]:
        if self._tally.mode == "closed":
            # It is open, and not known yet whether anybody is there.
            self._tally.mode = self._tally.since = None
        mode, since = self._tally.mode, self._tally.since
        if mode in {"attended", "unattended"} and since:
            begin = later(begin, since)
        last_seen = self._staff.last_seen
        left = later(last_seen, begin) if last_seen else begin
        occupied = self._staff.occupied
        back = later(occupied, begin) if occupied else None
        if mode != "unattended":
            gone_s = (back or at).monotonic_s - left.monotonic_s
            if gone_s >= self._after_s + (0.0 if back else self._patience_s):
                yield CounterUnattended(rule=self._rule, at=at, since=left, waiting=self.waiting)
                mode = "unattended"
        if back and mode != "attended":
            yield CounterAttended(rule=self._rule, at=at, since=back, waiting=self.waiting)
