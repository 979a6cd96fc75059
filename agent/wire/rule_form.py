"""Form of a rule on the wire: what geometries and states of every kind have, and what a kind registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.wire.base import ClosedWire

# Pydantic reads annotations.
from agent.wire.fields import StateRule  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.core.rule_state import State
    from agent.wire.entities import Entity


class GeometryWire(ClosedWire):
    """What every rule in `info` has; `kind` is a constant of the kind."""

    kind: str
    rule: StateRule

    def absent(self) -> set[str]:
        """Names of the fields that it does not have, and that older agents lacked."""
        optional = {name for name, of in type(self).model_fields.items() if not of.is_required()}
        return {name for name in optional if getattr(self, name) is None}


@dataclass(frozen=True, slots=True)
class ExampleTimes:
    """Moments for examples.

    Attributes:
        at, since: now, and a while before.
        quarter, day: the fields that every quarter and day has, but for the rule and `at`.
    """

    at: Instant
    since: Instant
    quarter: dict[str, Any]
    day: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuleExamples:
    """Examples of a kind of rule, for the documents.

    Attributes:
        events: at least one of each type.
        state: one that is known.
        rules: as in `info`.
    """

    events: tuple[Event, ...]
    state: State
    rules: tuple[GeometryWire, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WireKind:
    """A kind of rule on the wire.

    Attributes:
        kind_id: of the kind, as in `kind` of its states and geometries.
        geometry: the model of a rule in `info`.
        state: of a rule; its model is made from it.
        entities: parts that Home Assistant shows.
        examples: makes the examples.
    """

    kind_id: str
    geometry: type[GeometryWire]
    state: type[State]
    entities: tuple[Entity, ...]
    examples: Callable[[ExampleTimes], RuleExamples]
