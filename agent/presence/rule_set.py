"""Rules of one configuration, each with the aggregate of its events; a changed one keeps what it can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from agent.presence.aggregates import CounterAggregate, LineAggregate, ZoneAggregate
from agent.presence.counter import CounterRule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.core.frame import Instant
    from agent.presence.aggregates import Aggregate
    from agent.presence.settings import RuleSettings

_Kept = TypeVar("_Kept", LineAggregate, ZoneAggregate, CounterAggregate)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that there are.

    Attributes:
        settings: what they were made from.
        lines: each line's aggregate.
        zones, counters: the aggregates by the rules' ids.
        counter_rules: by the counters' ids.
        aggregates: all three, by the rules' ids.
        settle_s: by the zones' ids.
    """

    settings: RuleSettings
    lines: Sequence[LineAggregate]
    zones: Mapping[str, ZoneAggregate]
    counters: Mapping[str, CounterAggregate]
    counter_rules: Mapping[str, CounterRule]
    aggregates: Mapping[str, Aggregate]
    settle_s: Mapping[str, float]

    def waits(self) -> list[tuple[Aggregate, float]]:
        """Each aggregate, and how many seconds late something of its past may become known."""
        wait_s = self.settings.wait_s
        dwell_s = {zone.zone_id: zone.min_dwell_s for zone in self.settings.zones}
        return [
            *((line, wait_s) for line in self.lines),
            *((zone, wait_s + dwell_s[name]) for name, zone in self.zones.items()),
            *(
                (
                    self.counters[counter.counter_id],
                    wait_s + dwell_s[counter.staff] + counter.unattended_after_s,
                )
                for counter in self.settings.counters
            ),
        ]


def arranged(settings: RuleSettings, before: RuleSet | None = None, at: Instant | None = None) -> RuleSet:
    """The rules by these settings.

    Args:
        settings: from now on.
        before: the rules so far, whose aggregates stay where the rule is still there; None: a start.
        at: now; None: a start.
    """
    known: Mapping[str, Aggregate] = before.aggregates if before else {}
    lines = tuple(_aggregate(LineAggregate, line, known) for line in settings.lines)
    zones = {zone.zone_id: _aggregate(ZoneAggregate, zone.zone_id, known) for zone in settings.zones}
    counters = {
        counter.counter_id: _aggregate(CounterAggregate, counter.counter_id, known)
        for counter in settings.counters
    }
    if at:
        for name, zone in zones.items():
            if known.get(name) is not zone:
                zone.from_s = at.monotonic_s
    return RuleSet(
        settings,
        lines,
        zones,
        counters,
        _counter_rules(settings, zones, counters, before, at),
        {**{line.rule: line for line in lines}, **zones, **counters},
        {zone.zone_id: zone.settle_s for zone in settings.zones},
    )


def _counter_rules(
    settings: RuleSettings,
    zones: Mapping[str, ZoneAggregate],
    counters: Mapping[str, CounterAggregate],
    before: RuleSet | None,
    at: Instant | None,
) -> dict[str, CounterRule]:
    """A rule for each counter, the one so far where its staff's zone is still the same."""
    staff_of = {counter.counter_id: counter.staff for counter in before.settings.counters} if before else {}
    dwell_s = {zone.zone_id: zone.min_dwell_s for zone in settings.zones}
    rules = {}
    for counter in settings.counters:
        name, public = counter.counter_id, zones.get(counter.public or "")
        if before and at and staff_of.get(name) == counter.staff:
            rule = before.counter_rules[name]
            rule.change(counter, public, dwell_s[counter.staff], settings.hours, at)
        else:
            rule = CounterRule(
                counter, counters[name], zones[counter.staff], public, dwell_s[counter.staff], settings.hours
            )
        rules[name] = rule
    return rules


def _aggregate(kind: type[_Kept], rule: str, known: Mapping[str, Aggregate]) -> _Kept:
    before = known.get(rule)
    return before if isinstance(before, kind) else kind(rule)
