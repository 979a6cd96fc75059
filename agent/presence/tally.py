"""What the events say so far, a tally for each rule: what quarters, days and states are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from math import inf
from typing import TYPE_CHECKING, Any

from agent.core.event import (
    CounterAttended,
    CounterClosed,
    CounterDay,
    CounterQuarter,
    CounterUnattended,
    LineCrossed,
    LineDay,
    LineQuarter,
    PeriodCrossings,
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneQuarter,
    ZoneVacated,
)
from agent.presence.spells import Spell, mark, most_at_once, union_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from agent.core.event import CounterMode, Era, Event
    from agent.core.frame import Instant
    from agent.presence.hours import Period
    from agent.presence.spells import Mark, Stretch

_MODES: dict[type[Event], CounterMode] = {
    CounterAttended: "attended",
    CounterUnattended: "unattended",
    CounterClosed: "closed",
}
# A visit is told to have ended long before that at the most.
_TOLD_LATE_S = 3600.0


@dataclass(slots=True)
class LineTally:
    """Crossings of a line.

    Attributes:
        today: in and out since the begin of the day that was begun last.
    """

    rule: str
    crossings: list[tuple[Mark, bool]] = field(default_factory=list)
    today: tuple[int, int] = (0, 0)

    @property
    def marks(self) -> Iterator[Mark]:
        """Every moment in it."""
        return (moment for moment, _ in self.crossings)

    def take(self, event: Event, era: Era = "present") -> None:
        """Count an event of this line."""
        if isinstance(event, LineCrossed) and era != "nowhere":
            inward = event.direction == "in"
            self.crossings.append((mark(event.at, event.at, era), inward))
            self.today = self.today[0] + inward, self.today[1] + (not inward)

    def closings(self, last: Instant) -> Iterator[Event]:  # noqa: ARG002
        """Nothing of a line is ever open."""
        yield from ()

    def begin_day(self, start_s: float, end_s: float) -> None:
        """Count today's anew: it is another day, or another clock."""
        self.today = self.counted(start_s, end_s)

    def forget(self, before_s: float) -> None:
        """Drop what is older."""
        self.crossings = [crossing for crossing in self.crossings if crossing[0].utc_s >= before_s]

    def counted(self, start_s: float, end_s: float) -> tuple[int, int]:
        """In and out between two moments."""
        inward = [is_in for moment, is_in in self._since(start_s) if moment.utc_s < end_s]
        return sum(inward), len(inward) - sum(inward)

    def _since(self, start_s: float) -> Iterator[tuple[Mark, bool]]:
        """Those from a moment on, the newest first: a quarter must not cost as much as a day."""
        return takewhile(lambda crossing: crossing[0].utc_s >= start_s, reversed(self.crossings))

    def sort(self) -> None:
        """Bring what was told by several clocks in order."""
        self.crossings.sort(key=lambda crossing: crossing[0].utc_s)

    def quarter(self, at: Instant, of: Stretch) -> LineQuarter | None:
        """A quarter of an hour; None: nothing to say of it."""
        ins, outs = self.counted(of.start_s, of.end_s)
        if not (ins or outs or of.blind_s):
            return None
        return LineQuarter(**of.quarter(self.rule, at), in_count=ins, out_count=outs)

    def day(self, at: Instant, date: date, of: Stretch, periods: Sequence[Period]) -> LineDay:
        """A local date and its working periods."""
        there = [crossing for crossing in self._since(of.start_s) if crossing[0].utc_s < of.end_s]
        ins = [moment.utc_s for moment, is_in in there if is_in]
        outs = [moment.utc_s for moment, is_in in there if not is_in]
        return LineDay(
            **of.day(self.rule, at, date),
            in_count=len(ins),
            out_count=len(outs),
            first_in=datetime.fromtimestamp(min(ins), UTC) if ins else None,
            last_out=datetime.fromtimestamp(max(outs), UTC) if outs else None,
            periods=tuple(self._about(periods, of)),
        )

    def _about(self, periods: Sequence[Period], of: Stretch) -> Iterator[PeriodCrossings]:
        """Each period with the crossings nearest to it: half-way between two the next one begins."""
        starts = [period.start.timestamp() for period in periods]
        ends = [period.end.timestamp() for period in periods]
        halves = [(ends[i - 1] + starts[i]) / 2 for i in range(1, len(periods))]
        borders = [of.start_s, *halves, of.end_s]
        for i, period in enumerate(periods):
            begin_s, end_s = borders[i], borders[i + 1]
            before, _ = self.counted(begin_s, min(starts[i], end_s))
            after, _ = self.counted(max(starts[i], begin_s), end_s)
            _, early = self.counted(begin_s, min(ends[i], end_s))
            _, late = self.counted(max(ends[i], begin_s), end_s)
            yield PeriodCrossings(
                start=period.local[0],
                end=period.local[1],
                in_before_start=before,
                in_after_start=after,
                out_before_end=early,
                out_after_end=late,
            )


@dataclass(slots=True)
class ZoneTally:
    """Visits to a zone.

    Attributes:
        open: those that were told and not closed, by their track, with the instant they began.
        occupied: since when somebody is there; None: nobody is.
        last_seen: when somebody was there last, while nobody is.
        known: whether it is known who is there.
        begun_s: since when anybody is looked for there, in monotonic seconds.
    """

    rule: str
    done: list[Spell] = field(default_factory=list)
    open: dict[str, tuple[Instant, Spell]] = field(default_factory=dict)
    occupied: Instant | None = None
    last_seen: Instant | None = None
    known: bool = False
    begun_s: float = -inf

    @property
    def marks(self) -> Iterator[Mark]:
        """Every moment in it."""
        return (moment for spell in self._spells() for moment in spell.marks)

    def closings(self, last: Instant) -> Iterator[Event]:
        """What ends all that is open at the last moment that is known."""
        for track, (since, _) in list(self.open.items()):
            yield ZoneLeft(
                rule=self.rule,
                at=last,
                since=since,
                count=len(self.open) - 1,
                track=track,
                dwell_s=_between_s(since, last),
                why="restarted",
            )
        if self.occupied:
            yield ZoneVacated(
                rule=self.rule,
                at=last,
                since=self.occupied,
                occupied_s=_between_s(self.occupied, last),
                why="restarted",
            )

    def _spells(self) -> Iterator[Spell]:
        yield from self.done
        yield from (spell for _, spell in self.open.values())

    def take(self, event: Event, era: Era = "present") -> None:
        """Count an event of this zone."""
        match event:
            case ZoneEntered():
                self.open[event.track] = event.since, Spell(mark(event.since, event.at, era))
            case ZoneLeft():
                self.open.pop(event.track, None)
                begin = mark(event.since, event.at, era)
                self.done.append(Spell(begin, begin.later(event.dwell_s)))
            case ZoneOccupied():
                self.occupied = event.since
            case ZoneVacated():
                self.occupied, self.last_seen = None, event.since.shifted(event.occupied_s)

    def forget(self, before_s: float) -> None:
        """Drop what is older."""
        self.done = [spell for spell in self.done if spell.end and spell.end.utc_s >= before_s]

    def _since(self, start_s: float) -> Iterator[Spell]:
        """Visits that may have ended after a moment: they are told in order, somewhat after they ended."""
        yield from (spell for _, spell in self.open.values())
        told = takewhile(
            lambda spell: spell.end is None or spell.end.utc_s >= start_s - _TOLD_LATE_S, reversed(self.done)
        )
        yield from told

    def sort(self) -> None:
        """Bring what was told by several clocks in order."""
        self.done.sort(key=lambda spell: spell.end.utc_s if spell.end else inf)

    def _figures(self, of: Stretch) -> dict[str, Any]:
        spells = list(self._since(of.start_s))
        visits = sum(of.start_s <= spell.begin.utc_s < of.end_s for spell in spells)
        parts = of.covered(spells)
        # Who was seen in one look only was there, for no time.
        most = max(most_at_once(parts), min(visits, 1))
        return {"visits": visits, "occupied_s": union_s(parts), "max_count": most}

    def quarter(self, at: Instant, of: Stretch) -> ZoneQuarter | None:
        """A quarter of an hour; None: nothing to say of it."""
        figures = self._figures(of)
        if not (figures["max_count"] or of.blind_s):
            return None
        return ZoneQuarter(**of.quarter(self.rule, at), **figures)

    def day(self, at: Instant, date: date, of: Stretch, periods: Sequence[Period]) -> ZoneDay:  # noqa: ARG002
        """A local date."""
        return ZoneDay(**of.day(self.rule, at, date), **self._figures(of))


@dataclass(slots=True)
class CounterTally:
    """How a counter was attended.

    Attributes:
        mode: what was told last, and `since` when that is so; None: nothing, or it was closed for
            another reason than the end of working hours.
    """

    rule: str
    spells: list[tuple[CounterMode, Spell]] = field(default_factory=list)
    mode: CounterMode | None = None
    since: Instant | None = None

    @property
    def marks(self) -> Iterator[Mark]:
        """Every moment in it."""
        return (moment for _, spell in self.spells for moment in spell.marks)

    def closings(self, last: Instant) -> Iterator[Event]:
        """What ends what is open at the last moment that is known."""
        if self.mode in {"attended", "unattended"}:
            yield CounterClosed(rule=self.rule, at=last, since=last, waiting=None, why="restarted")

    def sort(self) -> None:
        """One spell ends where the next one begins, by whatever clock."""

    def take(self, event: Event, era: Era = "present") -> None:
        """Count an event of this counter."""
        if not isinstance(event, CounterAttended | CounterUnattended | CounterClosed):
            return
        moment = mark(event.since, event.at, era)
        if self.spells and self.spells[-1][1].end is None:
            self.spells[-1][1].end = moment
        if isinstance(event, CounterClosed):
            known = event.why == "closed"
            self.mode, self.since = ("closed", event.since) if known else (None, None)
        else:
            self.mode, self.since = _MODES[type(event)], event.since
            self.spells.append((self.mode, Spell(moment)))

    def forget(self, before_s: float) -> None:
        """Drop what is older."""
        self.spells = [told for told in self.spells if told[1].end is None or told[1].end.utc_s >= before_s]

    def _figures(self, of: Stretch) -> dict[str, Any]:
        attended = of.covered(spell for mode, spell in self.spells if mode == "attended")
        unattended = of.covered(spell for mode, spell in self.spells if mode == "unattended")
        return {
            "attended_s": union_s(attended),
            "unattended_s": union_s(unattended),
            "longest_unattended_s": max((end - begin for begin, end in unattended), default=0.0),
        }

    def quarter(self, at: Instant, of: Stretch) -> CounterQuarter | None:
        """A quarter of an hour; None: nothing to say of it."""
        figures = self._figures(of)
        if not (any(figures.values()) or of.blind_s):
            return None
        return CounterQuarter(**of.quarter(self.rule, at), **figures)

    def day(self, at: Instant, date: date, of: Stretch, periods: Sequence[Period]) -> CounterDay:  # noqa: ARG002
        """A local date."""
        return CounterDay(**of.day(self.rule, at, date), **self._figures(of))


def _between_s(begin: Instant, end: Instant) -> float:
    return max(0.0, end.monotonic_s - begin.monotonic_s)


Tally = LineTally | ZoneTally | CounterTally
