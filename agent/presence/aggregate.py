"""Aggregate of one rule's events so far: what every kind's can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from agent.core.event import ClockEpoch, Day, Event, Quarter
    from agent.core.frame import Instant
    from agent.presence.hours import Period
    from agent.presence.intervals import Window


@dataclass(slots=True)
class Aggregate:
    """Events of a rule, counted; quarters, days and the state are made from it.

    `QUARTER` and `DAY` are the events of its sums.
    """

    QUARTER: ClassVar[type[Quarter]]
    DAY: ClassVar[type[Day]]
    rule: str

    def apply(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event of this rule."""
        raise NotImplementedError

    def closings(self, last: Instant) -> Iterable[Event]:  # noqa: ARG002
        """The events that close all that is open, at the last moment that is known; none by default."""
        return ()

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        raise NotImplementedError

    def forget(self, before_s: float, *, past: bool) -> None:
        """Drop what is older; `past` False: nothing of earlier runs."""
        raise NotImplementedError

    def figures(self, of: Window) -> dict[str, Any]:
        """The own fields of the event of a quarter, and of a day; a quarter in which all are 0 is empty."""
        raise NotImplementedError

    def quarter(self, at: Instant, of: Window) -> Quarter | None:
        """The event of a quarter of an hour; None: nothing happened in it."""
        figures = self.figures(of)
        if not (any(figures.values()) or of.blind_s):
            return None
        return self.QUARTER(**of.quarter(self.rule, at), **figures)

    def day(self, at: Instant, date: date, of: Window, periods: Sequence[Period]) -> Day:  # noqa: ARG002
        """The event of a local date and its working periods.

        Args:
            at: now.
            date: the local date.
            of: the window of that date.
            periods: its working periods, in order.
        """
        return self.DAY(**of.day(self.rule, at, date), **self.figures(of))
