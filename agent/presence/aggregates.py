"""Aggregates of the events so far, one for each rule: quarters, days and states are made from them."""

from __future__ import annotations

from array import array
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

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
    ZoneCrowded,
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneQuarter,
    ZoneUncrowded,
    ZoneVacated,
)
from agent.presence.aggregate import Aggregate
from agent.presence.crowd import Peaks
from agent.presence.intervals import Intervals, WallMarks, mark, most_at_once, union_s
from agent.presence.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from agent.core.event import ClockEpoch, Day, Event, Quarter
    from agent.core.frame import Instant
    from agent.core.rule_state import CounterMode
    from agent.presence.hours import Period
    from agent.presence.intervals import WallMark, Window
    from agent.presence.waiting import Waits

_MODES: dict[type[Event], CounterMode] = {
    CounterAttended: "attended",
    CounterUnattended: "unattended",
    CounterClosed: "closed",
}


@dataclass(slots=True)
class LineAggregate(Aggregate):
    """Crossings of a line.

    Attributes:
        crossings: when they were, and `inward`: 1 for each that was.
        today: in and out since the start of the local day.
    """

    crossings: WallMarks = field(default_factory=WallMarks)
    inward: array[int] = field(default_factory=lambda: array("b"))
    today: tuple[int, int] = (0, 0)

    def apply(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event of this line."""
        if isinstance(event, LineCrossed) and epoch != "unknown":
            inward = event.direction == "in"
            self.crossings.append(mark(event.at, event.at, epoch))
            self.inward.append(inward)
            self.today = self.today[0] + inward, self.today[1] + (not inward)

    def start_day(self, start_s: float, end_s: float) -> None:
        """Recount the day: it is another one, or another clock."""
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
        """The event of a quarter of an hour; None: nothing happened in it."""
        ins, outs = self.counted(of.start_s, of.end_s)
        if not (ins or outs or of.blind_s):
            return None
        return LineQuarter(**of.quarter(self.rule, at), in_count=ins, out_count=outs)

    def day(self, at: Instant, date: date, of: Window, periods: Sequence[Period]) -> LineDay:
        """The event of a local date and its working periods.

        Args:
            at: now.
            date: the local date.
            of: the window of that date.
            periods: its working periods, in order.
        """
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
        """Each period with the crossings nearest to it: half-way between two the next one starts."""
        starts = [period.start.timestamp() for period in periods]
        ends = [period.end.timestamp() for period in periods]
        halves = [(ends[i - 1] + starts[i]) / 2 for i in range(1, len(periods))]
        borders = [of.start_s, *halves, of.end_s]
        for i, period in enumerate(periods):
            start_s, end_s = borders[i], borders[i + 1]
            before, _ = self.counted(start_s, min(starts[i], end_s))
            after, _ = self.counted(max(starts[i], start_s), end_s)
            _, early = self.counted(start_s, min(ends[i], end_s))
            _, late = self.counted(max(ends[i], start_s), end_s)
            yield PeriodCrossings(
                start=period.local[0],
                end=period.local[1],
                in_before_start=before,
                in_after_start=after,
                out_before_end=early,
                out_after_end=late,
            )


@dataclass(slots=True)
class ZoneAggregate(Aggregate):
    """Visits to a zone.

    Attributes:
        visits, open: those that were reported; those of them that go on.
        occupied: since when somebody is there; None: nobody is.
        crowded: since when there is a crowd; None: there is none.
        peaks: the counts of persons, for the most that there were in a crowd.
        last_seen: when somebody was there last, while nobody is.
        known: whether it is known who is there.
        from_s: since when the zone is watched, in monotonic seconds.
    """

    QUARTER: ClassVar[type[Quarter]] = ZoneQuarter
    DAY: ClassVar[type[Day]] = ZoneDay
    visits: Visits = field(default_factory=Visits)
    occupied: Instant | None = None
    crowded: Instant | None = None
    peaks: Peaks = field(default_factory=Peaks)
    last_seen: Instant | None = None
    known: bool = False
    from_s: float = -inf
    open: dict[str, tuple[Instant, WallMark]] = field(init=False)

    def __post_init__(self) -> None:
        """Have the open visits at hand: they are looked at in each frame."""
        self.open = self.visits.open

    def closings(self, last: Instant) -> Iterator[Event]:
        """The events that close all that is open, at the last moment that is known."""
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
        if self.crowded:
            yield ZoneUncrowded(
                rule=self.rule,
                at=last,
                since=self.crowded,
                crowded_s=_between_s(self.crowded, last),
                max_count=self.peaks.since(self.crowded),
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

    def apply(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event of this zone."""
        match event:
            case ZoneEntered():
                self.visits.start(event, epoch)
                self.peaks.note(event.at, event.count)
            case ZoneLeft():
                self.visits.end(event, epoch)
            case ZoneCrowded():
                self.crowded = event.since
                self.peaks.note(event.at, event.count)
            case ZoneUncrowded():
                self.crowded = None
            case ZoneOccupied():
                self.occupied = event.since
            case ZoneVacated():
                self.occupied, self.last_seen = None, event.since.shifted(event.occupied_s)

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        self.visits.set_clock(offset_s)

    def forget(self, before_s: float, *, past: bool) -> None:
        """Drop what is older; `past` False: nothing of earlier runs."""
        self.visits.forget(before_s, past=past)

    def figures(self, of: Window) -> dict[str, Any]:
        """Its own fields of a quarter, and of a day."""
        done = self.visits.done
        from_s = array("d", (start.utc_s for _, start in self.open.values()))
        both = (from_s, done.starts.utc_s)
        visits = sum(
            int(np.count_nonzero((of.start_s <= np.asarray(starts_s)) & (np.asarray(starts_s) < of.end_s)))
            for starts_s in both
        )
        not_over = array("d", [inf]) * len(from_s)
        parts = np.concatenate((of.covered(from_s, not_over), of.covered(done.starts.utc_s, done.ends.utc_s)))
        # Who was seen in one look only was there, for no time.
        most = max(most_at_once(parts), min(visits, 1))
        return {"visits": visits, "occupied_s": union_s(parts), "max_count": most}


@dataclass(slots=True)
class CounterAggregate(Aggregate):
    """How a counter was attended, and who waited before it.

    Attributes:
        intervals: when it was attended or not, and `attended`: 1 for each in which it was.
        mode: what was reported last, and `since` when that is so; None: nothing, or it was closed for
            another reason than the end of working hours.
        waits: in its public zone; None: it has none.
    """

    QUARTER: ClassVar[type[Quarter]] = CounterQuarter
    DAY: ClassVar[type[Day]] = CounterDay
    intervals: Intervals = field(default_factory=Intervals)
    attended: array[int] = field(default_factory=lambda: array("b"))
    mode: CounterMode | None = None
    since: Instant | None = None
    waits: Waits | None = None

    def closings(self, last: Instant) -> Iterator[Event]:
        """The event that closes what is open, at the last moment that is known."""
        if self.mode in {"attended", "unattended"}:
            yield CounterClosed(rule=self.rule, at=last, since=last, waiting=None, why="restarted")

    def apply(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event of this counter."""
        if not isinstance(event, CounterAttended | CounterUnattended | CounterClosed):
            return
        moment = mark(event.since, event.at, epoch)
        if self.intervals.open:
            self.intervals.end(moment)
        if isinstance(event, CounterClosed):
            known = event.why == "closed"
            self.mode, self.since = ("closed", event.since) if known else (None, None)
        else:
            self.mode, self.since = _MODES[type(event)], event.since
            self.intervals.start(moment)
            self.attended.append(self.mode == "attended")

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        self.intervals.set_clock(offset_s)

    def forget(self, before_s: float, *, past: bool) -> None:
        """Drop what is older; `past` False: nothing of earlier runs."""
        young = self.intervals.ends.young(before_s, past=past)
        if not young.all():
            self.intervals.keep(young)
            self.attended = array("b", np.asarray(self.attended)[young].tobytes())

    def figures(self, of: Window) -> dict[str, Any]:
        """Its own fields of a quarter, and of a day."""
        starts_s, ends_s = np.asarray(self.intervals.starts.utc_s), np.asarray(self.intervals.ends.utc_s)
        attended = np.asarray(self.attended) == 1
        unattended = of.covered(starts_s[~attended], ends_s[~attended])
        return {
            "attended_s": union_s(of.covered(starts_s[attended], ends_s[attended])),
            "unattended_s": union_s(unattended),
            "longest_unattended_s": float((unattended[:, 1] - unattended[:, 0]).max(initial=0.0)),
            **(asdict(self.waits.figures(of)) if self.waits else {}),
        }


def _between_s(start: Instant, end: Instant) -> float:
    return max(0.0, end.monotonic_s - start.monotonic_s)
