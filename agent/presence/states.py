"""State of each rule: its value and since when, or why it is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.core.event import LineState, ZoneState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from agent.core.event import State
    from agent.core.frame import Instant
    from agent.core.visibility import BlindCause, Visibility
    from agent.presence.aggregates import LineAggregate, ZoneAggregate
    from agent.presence.rule_set import RuleSet

Kind = Literal["line", "zone", "counter"]
UnknownWhy = Literal["starting", "stopped", "clock"]


@dataclass(frozen=True, slots=True)
class RuleState:
    """The present state of a rule.

    Attributes:
        kind: what it is a rule of.
        rule: its id.
        since: since when it is so.
        value: what holds; None: that is not known, for the reason `why`.
        why: None where the value is known.
    """

    kind: Kind
    rule: str
    since: Instant
    value: State | None
    why: UnknownWhy | BlindCause | None


class RuleStates:
    """Makes the states from the aggregates, after each frame, and only where they changed."""

    def __init__(self) -> None:
        self._values: dict[str, State | None] = {}
        # The local day that lines count from, in UTC; None: it has to be found, and counted, again.
        self._today: tuple[datetime, datetime] | None = None
        self._visibility: Visibility | None = None
        self._at: Instant | None = None
        self._stopped: Instant | None = None

    def forget(self, rule: str) -> None:
        """The rule is no longer there, or of another kind."""
        self._values.pop(rule, None)

    def recount(self) -> None:
        """Count lines again from local midnight: the clock or the time zone is another."""
        self._today = None

    def stop(self, at: Instant) -> None:
        """Nothing is known from now on: the agent stops."""
        self._stopped = at

    def update(self, rules: RuleSet, visibility: Visibility | None, at: Instant, *, sees: bool) -> None:
        """Take over what the aggregates have now.

        Args:
            rules: with their aggregates.
            visibility: of the last frame; None: before the first one.
            at: now.
            sees: whether the camera has seen, without a sign of blindness, since it last started to.
        """
        self._at, self._visibility = at, visibility
        if self._today is None or not self._today[0] <= at.utc < self._today[1]:
            hours = rules.settings.hours
            self._today = hours.day(hours.date_of(at.utc))
            start_s, end_s = (moment.timestamp() for moment in self._today)
            for line in rules.lines:
                line.start_day(start_s, end_s)
        for line in rules.lines:
            self._update_line(line, at, sees=sees)
        for zone in rules.zones.values():
            self._update_zone(zone, at)
        for counter in rules.counter_rules.values():
            self._values[counter.rule_id] = counter.state

    def now(self, rules: RuleSet) -> Iterator[RuleState]:
        """The state of each rule after the last update; nothing before the first frame."""
        kinds: tuple[tuple[Kind, Iterator[str]], ...] = (
            ("line", (line.rule for line in rules.lines)),
            ("zone", iter(rules.zones)),
            ("counter", iter(rules.counters)),
        )
        if stopped := self._stopped:
            for kind, names in kinds:
                yield from (RuleState(kind, name, stopped, None, "stopped") for name in names)
            return
        visibility, at = self._visibility, self._at
        if visibility is None or at is None:
            return
        always_open = rules.settings.hours.always_open
        for kind, names in kinds:
            for name in names:
                value = self._values.get(name) if visibility.cause is None else None
                if value:
                    yield RuleState(kind, name, value.since, value, None)
                elif visibility.cause:
                    yield RuleState(kind, name, visibility.since, None, visibility.cause)
                else:
                    timed = kind == "line" or (kind == "counter" and not always_open)
                    why: UnknownWhy = "clock" if timed and not at.synced else "starting"
                    yield RuleState(kind, name, at, None, why)

    def _update_line(self, line: LineAggregate, at: Instant, *, sees: bool) -> None:
        if not at.synced:
            # It counts from local midnight, and nobody knows when that was.
            self._values[line.rule] = None
            return
        before, (ins, outs) = self._values.get(line.rule), line.today
        if isinstance(before, LineState):
            if (before.in_count, before.out_count) == (ins, outs):
                return
        elif not sees:
            return
        self._values[line.rule] = LineState(rule=line.rule, since=at, in_count=ins, out_count=outs)

    def _update_zone(self, zone: ZoneAggregate, at: Instant) -> None:
        before, count = self._values.get(zone.rule), len(zone.open)
        if not zone.known:
            self._values[zone.rule] = None
        elif not isinstance(before, ZoneState) or before.count != count:
            self._values[zone.rule] = ZoneState(rule=zone.rule, since=at, count=count)
