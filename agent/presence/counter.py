"""Counter rule: whether a desk is attended in working hours, and who waits before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.event import CounterAttended, CounterClosed, CounterUnattended
from agent.core.frame import later
from agent.core.rule_state import CounterState
from agent.presence.aggregates import CounterAggregate, ZoneAggregate
from agent.presence.ledger_rule import LedgerRule, RuleContext
from agent.presence.settings import CounterSettings, ZoneSettings
from agent.presence.waiting import ON_THE_WAY_S, Waits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.rule_state import State

# Somebody who is back in time may be reported only by a later look.
_PATIENCE_S = 2.0


class CounterRule(LedgerRule[CounterSettings, CounterAggregate]):
    """Reports `counter.attended`, `counter.unattended` and `counter.closed`, by the visits to its zones.

    ::

        working hours   ├──────────────────────────────────────────┤
        staff             ├────────┤  ├──────┤           ├────┤
        reported        · attended ··········unattended··attended··closed
                                            └ the last sighting, reported unattended_after_s later

    Who bends down, or is hidden by a visitor, is back before that. Each event ends what the one before
    it started; `since` is when, and is never before the start of working hours.
    """

    def __init__(self, settings: CounterSettings, aggregate: CounterAggregate, context: RuleContext) -> None:
        """Take the settings, the aggregate of its own events, and the zones that it follows."""
        super().__init__(settings, aggregate, context)
        self._staff, self._public = _zones(settings, context)
        aggregate.waits = _waits(self._staff, self._public)
        self._seen_from: Instant | None = None
        self._state: CounterState | None = None

    def goes_on(self, settings: CounterSettings) -> bool:
        """Who is behind the desk says nothing any more if another place is behind it."""
        return settings.staff == self.settings.staff

    def change(self, settings: CounterSettings, context: RuleContext, at: Instant) -> None:
        """Go by other settings from now on, with the same zone of the staff; what was reported stands."""
        before, hours = self.context.hours, context.hours
        open_on = before.span(at.utc).open and hours.span(at.utc).open
        reported = self.aggregate.mode in {"attended", "unattended"}
        if self._seen_from and not hours.goes_on(before, at.utc) and not (open_on and reported):
            self._seen_from = at
        super().change(settings, context, at)
        self._staff, self._public = _zones(settings, context)
        self.aggregate.waits = _waits(self._staff, self._public)

    @property
    def late_s(self) -> float:
        """A desk is left once its last visit is known, and as long after it as may be.

        And somebody waited once they may no longer be on the way to behind the desk.
        """
        left_s = self.settings.unattended_after_s
        return self._staff_dwell_s + (max(left_s, ON_THE_WAY_S) if self._public else left_s)

    @property
    def needs_clock(self) -> bool:
        """Whether there are working hours."""
        return not self.context.hours.always_open

    @property
    def _staff_dwell_s(self) -> float:
        return self.context.settings_of(ZoneSettings, self.settings.staff).min_dwell_s

    @property
    def waiting(self) -> int | None:
        """Persons in the public zone; None: there is none, or it is not known."""
        return len(self._public.open) if self._public and self._public.known else None

    @property
    def waiting_since(self) -> Instant | None:
        """Since when the longest now waiting waits; None: nobody does, or it is not known."""
        waits = self.aggregate.waits
        return waits.since if waits and self._public and self._public.known else None

    def state(self, before: State | None, at: Instant, *, sees: bool) -> CounterState | None:  # noqa: ARG002
        """The present state; None: nothing is known."""
        mode, since = self.aggregate.mode, self.aggregate.since
        if mode is None or since is None:
            self._state = None
            return None
        waiting, waiting_since, known = self.waiting, self.waiting_since, self._state
        if (
            known is None
            or known.mode != mode
            or known.waiting != waiting
            or known.waiting_since is not waiting_since
        ):
            self._state = CounterState(
                rule=self.aggregate.rule,
                since=since,
                mode=mode,
                waiting=waiting,
                waiting_since=waiting_since,
            )
        return self._state

    def update(self, at: Instant) -> Iterator[Event]:
        """Yield what changed up to this frame, in which the camera sees."""
        self._seen_from = self._seen_from or at
        if not (self.context.hours.always_open or at.synced):
            yield from self.close(at, at, "lost")
            return
        start = self._seen_from
        if not self.context.hours.always_open:
            span = self.context.hours.span(at.utc)
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
        if self.aggregate.mode in {"attended", "unattended"} and self.aggregate.since:
            # Who was waiting may still be: that is not known any more.
            since = later(since, self.aggregate.since)
            yield CounterClosed(rule=self.aggregate.rule, at=at, since=since, waiting=None, why=why)
        self.aggregate.mode = self.aggregate.since = None

    def _shut(self, start: Instant, at: Instant) -> Iterator[Event]:
        """Working hours are over since `start`; an agent that starts outside of them has nothing to close."""
        if self.aggregate.mode in {"attended", "unattended"} and self.aggregate.since:
            since = later(start, self.aggregate.since)
            yield CounterClosed(
                rule=self.aggregate.rule, at=at, since=since, waiting=self.waiting, why="closed"
            )
        elif self.aggregate.mode is None:
            self.aggregate.mode, self.aggregate.since = "closed", start

    def _judge(self, start: Instant, at: Instant) -> Iterator[Event]:
        if self.aggregate.mode == "closed":
            # It is open, and not known yet whether anybody is there.
            self.aggregate.mode = self.aggregate.since = None
        mode, since = self.aggregate.mode, self.aggregate.since
        if mode in {"attended", "unattended"} and since:
            start = later(start, since)
        last_seen = self._staff.last_seen
        left = later(last_seen, start) if last_seen else start
        occupied = self._staff.occupied
        back = later(occupied, start) if occupied else None
        if mode != "unattended":
            gone_s = (back or at).monotonic_s - left.monotonic_s
            if gone_s >= self.settings.unattended_after_s + (
                0.0 if back else self._staff_dwell_s + _PATIENCE_S
            ):
                yield CounterUnattended(rule=self.aggregate.rule, at=at, since=left, waiting=self.waiting)
                mode = "unattended"
        if back and mode != "attended":
            yield CounterAttended(rule=self.aggregate.rule, at=at, since=back, waiting=self.waiting)


def _waits(staff: ZoneAggregate, public: ZoneAggregate | None) -> Waits | None:
    return Waits(public.visits, staff.visits) if public else None


def _zones(settings: CounterSettings, context: RuleContext) -> tuple[ZoneAggregate, ZoneAggregate | None]:
    """Of the zones behind the desk and before it; None: there is none before it."""
    staff = context.aggregate_of(ZoneAggregate, settings.staff)
    return staff, context.aggregate_of(ZoneAggregate, settings.public) if settings.public else None
