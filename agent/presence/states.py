"""State of each rule: its value and since when, or why it is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from agent.core.frame import Instant
    from agent.core.rule_state import State
    from agent.core.visibility import BlindCause, Visibility
    from agent.presence.rule_set import RuleSet

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

    kind: str
    rule: str
    since: Instant
    value: State | None
    why: UnknownWhy | BlindCause | None


class RuleStates:
    """Makes the states from the aggregates, after each frame, and only where they changed."""

    def __init__(self) -> None:
        self._values: dict[str, State | None] = {}
        # The local day that rules count from, in UTC; None: it has to be found, and counted, again.
        self._today: tuple[datetime, datetime] | None = None
        self._visibility: Visibility | None = None
        self._at: Instant | None = None
        self._stopped: Instant | None = None

    def forget(self, rule: str) -> None:
        """The rule is no longer there, or of another kind."""
        self._values.pop(rule, None)

    def recount(self) -> None:
        """Count again from local midnight: the clock or the time zone is another."""
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
            for rule in rules.rules.values():
                rule.start_day(start_s, end_s)
        values = self._values
        for rule_id, rule in rules.rules.items():
            values[rule_id] = rule.state(values.get(rule_id), at, sees=sees)

    def now(self, rules: RuleSet) -> Iterator[RuleState]:
        """The state of each rule after the last update; nothing before the first frame."""
        kinds = [(rule.settings.KIND, rule_id, rule) for rule_id, rule in rules.rules.items()]
        if stopped := self._stopped:
            for kind, rule_id, _ in kinds:
                yield RuleState(kind, rule_id, stopped, None, "stopped")
            return
        visibility, at = self._visibility, self._at
        if visibility is None or at is None:
            return
        for kind, rule_id, rule in kinds:
            value = self._values.get(rule_id) if visibility.cause is None else None
            if value:
                yield RuleState(kind, rule_id, value.since, value, None)
            elif visibility.cause:
                yield RuleState(kind, rule_id, visibility.since, None, visibility.cause)
            else:
                why: UnknownWhy = "clock" if rule.needs_clock and not at.synced else "starting"
                yield RuleState(kind, rule_id, at, None, why)
