"""Rule in the ledger: its aggregate, what follows from the aggregates, and its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from agent.presence.aggregate import Aggregate
from agent.presence.settings import OneRuleSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.rule_state import State
    from agent.presence.hours import WorkingTime

_Settings = TypeVar("_Settings", bound=OneRuleSettings)
_Aggregate = TypeVar("_Aggregate", bound=Aggregate)
_AnySettings = TypeVar("_AnySettings", bound=OneRuleSettings)
_AnyAggregate = TypeVar("_AnyAggregate", bound=Aggregate)


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule may look at beside itself: the other rules of its configuration.

    Attributes:
        settings, aggregates: of all rules, by their ids.
        hours: the working hours.
    """

    settings: Mapping[str, OneRuleSettings]
    aggregates: Mapping[str, Aggregate]
    hours: WorkingTime

    def settings_of(self, kind: type[_AnySettings], rule_id: str) -> _AnySettings:
        """The settings of a rule that is there and of this kind.

        Raises:
            LookupError: it is not.
        """
        found = self.settings.get(rule_id)
        if not isinstance(found, kind):
            raise LookupError(f"no {kind.KIND} is called {rule_id}")  # noqa: TRY004 - it is not there
        return found

    def aggregate_of(self, kind: type[_AnyAggregate], rule_id: str) -> _AnyAggregate:
        """The aggregate of a rule that is there and of this kind.

        Raises:
            LookupError: it is not.
        """
        found = self.aggregates.get(rule_id)
        if not isinstance(found, kind):
            raise LookupError(f"{rule_id} has no {kind.__name__}")  # noqa: TRY004 - it is not there
        return found


class LedgerRule(Generic[_Settings, _Aggregate]):
    """A rule in the ledger; a kind of rule overrides what it needs."""

    def __init__(self, settings: _Settings, aggregate: _Aggregate, context: RuleContext) -> None:
        """Take the settings and the aggregate of the rule, and the other rules."""
        self.settings, self.aggregate, self.context = settings, aggregate, context

    @property
    def late_s(self) -> float:
        """How much later than a sighting what it says of that may become known, seconds."""
        return 0.0

    @property
    def needs_clock(self) -> bool:
        """Whether its state can't be known while the clock is not known to be right."""
        return False

    def goes_on(self, settings: _Settings) -> bool:  # noqa: ARG002
        """Whether it can take other settings; otherwise it is closed, and another is made."""
        return True

    def change(self, settings: _Settings, context: RuleContext, at: Instant) -> None:  # noqa: ARG002
        """Go by other settings from now on; what was reported stands."""
        self.settings, self.context = settings, context

    def move(self, at: Instant) -> None:
        """It lies elsewhere from now on, or is new among others that are not."""

    def settle(self, seen_from: Instant | None, at: Instant, *, suspected: bool) -> None:
        """Take how long the camera sees.

        Args:
            seen_from: since when it sees, without a sign of blindness; None: it does not.
            at: now.
            suspected: there is a sign of blindness now.
        """

    def update(self, at: Instant) -> Iterable[Event]:  # noqa: ARG002
        """What follows from the aggregates up to this frame, in which the camera sees."""
        return ()

    def close(self, since: Instant, at: Instant, why: EndedWhy) -> Iterable[Event]:  # noqa: ARG002
        """The end of what `update` opened; until the next update nothing is known.

        Args:
            since: since when nothing is known.
            at: now.
            why: what ends it.
        """
        return ()

    def start_day(self, start_s: float, end_s: float) -> None:
        """The local day is another one, or is to be counted again; from and to, in seconds since 1970."""

    def state(self, before: State | None, at: Instant, *, sees: bool) -> State | None:
        """What holds now; None: that is not known.

        Args:
            before: what it said at the frame before; the same object where nothing changed.
            at: now.
            sees: whether the camera has seen, without a sign of blindness, since it last started to.
        """
        raise NotImplementedError
