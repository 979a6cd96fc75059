"""Lines and zones in the ledger: their states, and from when on they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.rule_state import LineState, ZoneState
from agent.presence.aggregates import LineAggregate, ZoneAggregate
from agent.presence.ledger_rule import LedgerRule
from agent.presence.settings import LineSettings, ZoneSettings

if TYPE_CHECKING:
    from agent.core.frame import Instant
    from agent.core.rule_state import State


class LineInLedger(LedgerRule[LineSettings, LineAggregate]):
    """A line: its crossings since local midnight."""

    @property
    def needs_clock(self) -> bool:
        """It counts from local midnight, and without a clock nobody knows when that was."""
        return True

    def start_day(self, start_s: float, end_s: float) -> None:
        """Count again from another midnight."""
        self.aggregate.start_day(start_s, end_s)

    def state(self, before: State | None, at: Instant, *, sees: bool) -> State | None:
        """Crossings of the day; not known before the camera has seen."""
        if not at.synced:
            return None
        ins, outs = self.aggregate.today
        if isinstance(before, LineState):
            if (before.in_count, before.out_count) == (ins, outs):
                return before
        elif not sees:
            return None
        return LineState(rule=self.aggregate.rule, since=at, in_count=ins, out_count=outs)


class ZoneInLedger(LedgerRule[ZoneSettings, ZoneAggregate]):
    """A zone: who is in it, once that is known."""

    @property
    def late_s(self) -> float:
        """A visit is reported once it is longer than a passer-by's."""
        return self.settings.min_dwell_s

    def move(self, at: Instant) -> None:
        """Who was there before says nothing of who is there now."""
        self.aggregate.known, self.aggregate.from_s = False, at.monotonic_s

    def settle(self, seen_from: Instant | None, at: Instant, *, suspected: bool) -> None:
        """Know who is in it: after some time, or once a visit was reported."""
        zone = self.aggregate
        if seen_from is None:
            zone.known = False
        elif not zone.known:
            seen_s = at.monotonic_s - max(seen_from.monotonic_s, zone.from_s)
            # Who was there before the zone was moved says nothing of who is there now.
            visited = any(since.monotonic_s >= zone.from_s for since, _ in zone.open.values())
            zone.known = visited or (not suspected and seen_s >= self.settings.settle_s)

    def state(self, before: State | None, at: Instant, *, sees: bool) -> State | None:  # noqa: ARG002
        """Persons in it."""
        zone = self.aggregate
        if not zone.known:
            return None
        count = len(zone.open)
        if isinstance(before, ZoneState) and before.count == count:
            return before
        return ZoneState(rule=zone.rule, since=at, count=count)
