"""What the events say so far, a tally for each rule: what quarters, days and states are made of."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

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
from agent.presence.intervals import Intervals, WallMarks, mark, most_at_once, union_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from agent.core.event import ClockEpoch, CounterMode, Event
    from agent.core.frame import Instant
    from agent.presence.hours import Period
    from agent.presence.intervals import WallMark, Window

_MODES: dict[type[Event], CounterMode] = {
    CounterAttended: "attended",
    CounterUnattended: "unattended",
    CounterClosed: "closed",
}


@dataclass(slots=True)
class LineAggregate:
    """Crossings of a line.

    Attributes:
        crossings: when they were, and `inward`: 1 for each that was.
        today: in and out since the begin of the day that was begun last.
    """

    rule: str
    crossings: WallMarks = field(default_factory=WallMarks)
    inward: array[int] = field(default_factory=lambda: array("b"))
    today: tuple[int, int] = (0, 0)

    def take(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event of this line."""
        if isinstance(event, LineCrossed) and epoch != "unknown":
            inward = event.direction == "in"
            self.crossings.append(mark(event.at, event.at, epoch))
            self.inward.append(inward)
            self.today = self.today[0] + inward, self.today[1] + (not inward)

    def closings(self, last: Instant) -> Iterator[Event]:  # noqa: ARG002
        """Nothing of a line is ever open."""
        yield from ()

    def begin_day(self, start_s: float, end_s: float) -> None:
        """Count today's anew: it is another day, or another clock."""
        self.today = self.counted(start_s, end_s)

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        self.crossings.set_clock(offset_s)

    def forget(self, before_s: float, *, past: bool) -> None:
        """Drop what is older; `past` False: nothing of earlier runs."""
        young = self.crossings.young(before_s, past=past)
        if not young.all():
            self.crossings.keep(young)
            self.inward = array("b", np.asarray(self.inward)[young].tobytes())

    def counted(self, start_s: float, end_s: float) -> tuple[int, int]:
        """In and out between two moments."""
        ins_s, outs_s = self._between(start_s, end_s)
        return len(ins_s), len(outs_s)

    def _between(self, start_s: float, end_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """When somebody went in and out, from a moment to before another."""
        utc_s, inward = np.asarray(self.crossings.utc_s), np.asarray(self.inward) == 1
        there = (start_s <= utc_s) & (utc_s < end_s)
        return utc_s[there & inward], utc_s[there & ~inward]

    def quarter(self, at: Instant, of: Window) -> LineQuarter | None:
        """A quarter of an hour; None: nothing to say of it."""
        ins, outs = self.counted(of.start_s, of.end_s)
        if not (ins or outs or of.blind_s):
            return None
        return LineQuarter(**of.quarter(self.rule, at), in_count=ins, out_count=outs)

    def day(self, at: Instant, date: date, of: Window, periods: Sequence[Period]) -> LineDay:
        """A local date and its working periods."""
        ins_s, outs_s = self._between(of.start_s, of.end_s)
        return LineDay(
            **of.day(self.rule, at, date),
            in_count=len(ins_s),
            out_count=len(outs_s),
            first_in=datetime.fromtimestamp(float(ins_s.min()), UTC) if len(ins_s) else None,
            last_out=datetime.fromtimestamp(float(outs_s.max()), UTC) if len(outs_s) else None,
            periods=tuple(self._about(periods, of)),
        )

    def _about(self, periods: Sequence[Period], of: Window) -> Iterator[PeriodCrossings]:
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
class ZoneAggregate:
    """Visits to a zone.

    Attributes:
        open: those that were told and not closed, by their track, with the instant they began.
        occupied: since when somebody is there; None: nobody is.
        last_seen: when somebody was there last, while nobody is.
        known: whether it is known who is there.
        begun_s: since when anybody is looked for there, in monotonic seconds.
    """

    rule: str
    done: Intervals = field(default_factory=Intervals)
    open: dict[str, tuple[Instant, WallMark]] = field(default_factory=dict)
    occupied: Instant | None = None
    last_seen: Instant | None = None
    known: bool = False
    begun_s: float = -inf

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

    def take(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event of this zone."""
        match event:
            case ZoneEntered():
                self.open[event.track] = event.since, mark(event.since, event.at, epoch)
            case ZoneLeft():
                self.open.pop(event.track, None)
                begin = mark(event.since, event.at, epoch)
                self.done.append(begin, begin.later(event.dwell_s))
            case ZoneOccupied():
                self.occupied = event.since
            case ZoneVacated():
                self.occupied, self.last_seen = None, event.since.shifted(event.occupied_s)

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        self.done.set_clock(offset_s)
        for _, begin in self.open.values():
            begin.set_clock(offset_s)

    def forget(self, before_s: float, *, past: bool) -> None:
        """Drop what is older; `past` False: nothing of earlier runs."""
        young = self.done.ends.young(before_s, past=past)
        if not young.all():
            self.done.keep(young)

    def _figures(self, of: Window) -> dict[str, Any]:
        begun_s = array("d", (begin.utc_s for _, begin in self.open.values()))
        both = (begun_s, self.done.begins.utc_s)
        visits = sum(
            int(np.count_nonzero((of.start_s <= np.asarray(begins_s)) & (np.asarray(begins_s) < of.end_s)))
            for begins_s in both
        )
        not_over = array("d", [inf]) * len(begun_s)
        parts = np.concatenate(
            (of.covered(begun_s, not_over), of.covered(self.done.begins.utc_s, self.done.ends.utc_s))
        )
        # Who was seen in one look only was there, for no time.
        most = max(most_at_once(parts), min(visits, 1))
        return {"visits": visits, "occupied_s": union_s(parts), "max_count": most}

    def quarter(self, at: Instant, of: Window) -> ZoneQuarter | None:
        """A quarter of an hour; None: nothing to say of it."""
        figures = self._figures(of)
        if not (figures["max_count"] or of.blind_s):
            return None
        return ZoneQuarter(**of.quarter(self.rule, at), **figures)

    def day(self, at: Instant, date: date, of: Window, periods: Sequence[Period]) -> ZoneDay:  # noqa: ARG002
        """A local date."""
        return ZoneDay(**of.day(self.rule, at, date), **self._figures(of))


@dataclass(slots=True)
class CounterAggregate:
    """How a counter was attended.

    Attributes:
        spells: when it was attended or not, and `attended`: 1 for each in which it was.
        mode: what was told last, and `since` when that is so; None: nothing, or it was closed for
            another reason than the end of working hours.
    """

    rule: str
    spells: Intervals = field(default_factory=Intervals)
    attended: array[int] = field(default_factory=lambda: array("b"))
    mode: CounterMode | None = None
    since: Instant | None = None

    def closings(self, last: Instant) -> Iterator[Event]:
        """What ends what is open at the last moment that is known."""
        if self.mode in {"attended", "unattended"}:
            yield CounterClosed(rule=self.rule, at=last, since=last, waiting=None, why="restarted")

    def take(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event of this counter."""
        if not isinstance(event, CounterAttended | CounterUnattended | CounterClosed):
            return
        moment = mark(event.since, event.at, epoch)
        if self.spells.open:
            self.spells.end(moment)
        if isinstance(event, CounterClosed):
            known = event.why == "closed"
            self.mode, self.since = ("closed", event.since) if known else (None, None)
        else:
            self.mode, self.since = _MODES[type(event)], event.since
            self.spells.begin(moment)
            self.attended.append(self.mode == "attended")

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        self.spells.set_clock(offset_s)

    def forget(self, before_s: float, *, past: bool) -> None:
        """Drop what is older; `past` False: nothing of earlier runs."""
        young = self.spells.ends.young(before_s, past=past)
        if not young.all():
            self.spells.keep(young)
            self.attended = array("b", np.asarray(self.attended)[young].tobytes())

    def _figures(self, of: Window) -> dict[str, Any]:
        begins_s, ends_s = np.asarray(self.spells.begins.utc_s), np.asarray(self.spells.ends.utc_s)
        attended = np.asarray(self.attended) == 1
        unattended = of.covered(begins_s[~attended], ends_s[~attended])
        return {
            "attended_s": union_s(of.covered(begins_s[attended], ends_s[attended])),
            "unattended_s": union_s(unattended),
            "longest_unattended_s": float((unattended[:, 1] - unattended[:, 0]).max(initial=0.0)),
        }

    def quarter(self, at: Instant, of: Window) -> CounterQuarter | None:
        """A quarter of an hour; None: nothing to say of it."""
        figures = self._figures(of)
        if not (any(figures.values()) or of.blind_s):
            return None
        return CounterQuarter(**of.quarter(self.rule, at), **figures)

    def day(self, at: Instant, date: date, of: Window, periods: Sequence[Period]) -> CounterDay:  # noqa: ARG002
        """A local date."""
        return CounterDay(**of.day(self.rule, at, date), **self._figures(of))


def _between_s(begin: Instant, end: Instant) -> float:
    return max(0.0, end.monotonic_s - begin.monotonic_s)


Tally = LineAggregate | ZoneAggregate | CounterAggregate
