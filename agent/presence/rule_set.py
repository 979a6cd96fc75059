"""Rules of one configuration, each with the aggregate of its events; a changed one keeps what it can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.presence.aggregates import ZoneAggregate
from agent.presence.kinds import PRESENCE_KINDS
from agent.presence.ledger_rule import LedgerRule, RuleContext

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.core.frame import Instant
    from agent.presence.aggregate import Aggregate
    from agent.presence.settings import OneRuleSettings, RuleSettings

AnyRule = LedgerRule[Any, Any]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that there are.

    Attributes:
        settings: what they were made from.
        rules, aggregates: by the rules' ids.
        following: those of the rules that follow the others at each frame.
        settling: those that are known only after some time.
    """

    settings: RuleSettings
    rules: Mapping[str, AnyRule]
    aggregates: Mapping[str, Aggregate]
    following: tuple[AnyRule, ...]
    settling: tuple[AnyRule, ...]

    def waits(self) -> list[tuple[Aggregate, float]]:
        """Each aggregate, and how many seconds late something of its past may become known."""
        return [(rule.aggregate, self.settings.wait_s + rule.late_s) for rule in self.rules.values()]

    def zones(self) -> Iterator[ZoneAggregate]:
        """The aggregates that know whose visits are open."""
        return (zone for zone in self.aggregates.values() if isinstance(zone, ZoneAggregate))

    def ended_by(self, settings: RuleSettings) -> Iterator[AnyRule]:
        """The rules that don't go on with other settings."""
        named = {one.rule_id: one for one in settings.rules}
        for rule_id, rule in self.rules.items():
            if not _goes_on(rule, named.get(rule_id)):
                yield rule


def arranged(settings: RuleSettings, before: RuleSet | None = None, at: Instant | None = None) -> RuleSet:
    """The rules by these settings.

    Args:
        settings: from now on.
        before: the rules so far, whose aggregates stay where the rule is still there; None: a start.
        at: now; None: a start.
    """
    known: Mapping[str, Aggregate] = before.aggregates if before else {}
    aggregates = {one.rule_id: _aggregate(one, known) for one in settings.rules}
    context = RuleContext({one.rule_id: one for one in settings.rules}, aggregates, settings.hours)
    rules: dict[str, AnyRule] = {}
    for one in settings.rules:
        rule_id = one.rule_id
        rule = before.rules.get(rule_id) if before else None
        if rule and at and _goes_on(rule, one):
            rule.change(one, context, at)
        else:
            rule = PRESENCE_KINDS[one.KIND].rule(one, aggregates[rule_id], context)
        if at and known.get(rule_id) is not aggregates[rule_id]:
            rule.move(at)
        rules[rule_id] = rule
    # Each frame costs time: what a kind did not override is not called.
    following = tuple(rule for rule in rules.values() if type(rule).update is not LedgerRule.update)
    settling = tuple(rule for rule in rules.values() if type(rule).settle is not LedgerRule.settle)
    return RuleSet(settings, rules, aggregates, following, settling)


def _goes_on(rule: AnyRule, settings: OneRuleSettings | None) -> bool:
    return settings is not None and type(settings) is type(rule.settings) and rule.goes_on(settings)


def _aggregate(settings: OneRuleSettings, known: Mapping[str, Aggregate]) -> Aggregate:
    kind, before = PRESENCE_KINDS[settings.KIND].aggregate, known.get(settings.rule_id)
    return before if isinstance(before, kind) else kind(settings.rule_id)
