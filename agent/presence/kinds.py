"""Registry of the kinds of rules: each is registered once, with what makes it.

The other rooms register what they have of a kind under the same id: its table in the configuration, its form
on the wire, its words. `app/rule_kinds.py` puts them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent.core import event
from agent.core.registry import Registry
from agent.presence.aggregates import CounterAggregate, LineAggregate, ZoneAggregate
from agent.presence.counter import CounterRule
from agent.presence.ledger_rules import LineInLedger, ZoneInLedger
from agent.presence.line import LineRule
from agent.presence.zone import ZoneRule

if TYPE_CHECKING:
    from agent.core.event import Event
    from agent.presence.aggregate import Aggregate
    from agent.presence.ledger_rule import LedgerRule
    from agent.presence.track_rule import AnyTrackRule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PresenceKind:
    """A kind of rule.

    Attributes:
        kind_id: of the kind; the types of its events begin with it.
        events: of its rules, its quarter and day among them.
        aggregate: of one rule's events; made with the rule's id.
        rule: of the ledger.
        track_rule: what makes events of tracks; None: all its events follow from those of other rules.
    """

    kind_id: str
    events: tuple[type[Event], ...]
    aggregate: type[Aggregate]
    rule: type[LedgerRule[Any, Any]]
    track_rule: type[AnyTrackRule] | None = None


PRESENCE_KINDS: Final[Registry[PresenceKind]] = Registry(
    lambda kind: kind.kind_id,
    (
        PresenceKind(
            kind_id="line",
            events=(event.LineCrossed, event.LineQuarter, event.LineDay),
            aggregate=LineAggregate,
            rule=LineInLedger,
            track_rule=LineRule,
        ),
        PresenceKind(
            kind_id="zone",
            events=(
                event.ZoneEntered,
                event.ZoneLeft,
                event.ZoneOverstayed,
                event.ZoneCrowded,
                event.ZoneUncrowded,
                event.ZoneOccupied,
                event.ZoneVacated,
                event.ZoneQuarter,
                event.ZoneDay,
            ),
            aggregate=ZoneAggregate,
            rule=ZoneInLedger,
            track_rule=ZoneRule,
        ),
        PresenceKind(
            kind_id="counter",
            events=(
                event.CounterAttended,
                event.CounterUnattended,
                event.CounterClosed,
                event.CounterQuarter,
                event.CounterDay,
            ),
            aggregate=CounterAggregate,
            rule=CounterRule,
        ),
    ),
)
"""Every kind, in the order in which rules report; a kind that follows others comes after them."""
