"""Quarters of an hour and days, once all that belongs to them is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf, isfinite
from typing import TYPE_CHECKING

import numpy as np

from agent.core.event import AgentStarted, AgentStopped, CameraBlind, CameraRestored, Day, Quarter
from agent.presence.intervals import Intervals, WallMark, Window, mark, union_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from agent.core.event import ClockEpoch, Event
    from agent.core.frame import Instant
    from agent.presence.aggregate import Aggregate
    from agent.presence.hours import WorkingTime

_QUARTER_S = 900.0
_DAY_S = 86_400.0
# An agent that was away for longer reports its days, but not each quarter of them; and of no more days.
_AWAY_QUARTERS_S = _DAY_S
_AWAY_DAYS = 31
# Until the clock is known to be right nothing is summed up; this much is kept until then.
_UNSYNCED_S = 2 * _DAY_S + 3600.0


@dataclass(slots=True)
class _Due:
    """How far a rule's summaries have come.

    Attributes:
        aggregate: of the rule.
        wait_s: how late something of a quarter may still become known.
        quarter_s: start of the next quarter, in seconds since 1970; None: not known before the clock is.
        date: the next day.
        start: since when the rule is there; None: since the start. Before, it was blind.
    """

    aggregate: Aggregate
    wait_s: float
    quarter_s: float | None = None
    date: date | None = None
    start: WallMark | None = None


class Summaries:
    """Sums up quarters and days of all rules from their aggregates, and knows when the camera was watching.

    ::

        start    blind  restored        killed   start
          ├────────┤       ├──────────────┤        ├─────     watched
        ██         ████████                ████████           blind_s
    """

    def __init__(self, hours: WorkingTime) -> None:
        """Take the hours, which know where local days start."""
        self._due: list[_Due] = []
        # How far those of rules had come that are gone: should they come back, nothing is reported twice.
        self._ended: dict[tuple[type[Aggregate], str], tuple[float | None, date | None]] = {}
        self._hours = hours
        self._watched = Intervals()
        self._blind = False
        self._started: WallMark | None = None
        self._next_s = 0.0

    def change(
        self, aggregates: Sequence[tuple[Aggregate, float]], hours: WorkingTime, at: Instant | None
    ) -> None:
        """Sum up other rules from now on.

        Args:
            aggregates: of all rules, each with how many seconds late its past may become known.
            hours: which know where local days start.
            at: now; None: at a start.
        """
        before = {id(due.aggregate): due for due in self._due}
        self._due = [
            replace(due, wait_s=wait_s)
            if (due := before.get(id(aggregate)))
            else self._new(aggregate, wait_s, at)
            for aggregate, wait_s in aggregates
        ]
        self._hours = hours
        self._next_s = 0.0

    def _new(self, aggregate: Aggregate, wait_s: float, at: Instant | None) -> _Due:
        due = _Due(aggregate, wait_s, start=mark(at, at) if at else None)
        quarter_s, due.date = self._ended.pop((type(aggregate), aggregate.rule), (None, None))
        if at and quarter_s is not None:
            due.quarter_s = max(quarter_s, _floor(at.utc.timestamp()))
        return due

    def end(self, aggregates: Sequence[Aggregate], at: Instant) -> Iterator[Event]:
        """Yield the last sums of rules that are gone; nothing while the clock is not known to be right."""
        for due in self._due if at.synced else ():
            if any(due.aggregate is aggregate for aggregate in aggregates):
                yield from self._finish(due, at)
                self._ended[type(due.aggregate), due.aggregate.rule] = due.quarter_s, due.date

    def apply(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Note when the camera was not watching, and which summaries were reported before."""
        match event:
            case AgentStarted():
                if event.since:
                    self._end_watch(
                        mark(event.since, event.at, "earlier_boot" if epoch == "unknown" else epoch)
                    )
                if not self._blind:
                    self._start_watch(mark(event.at, event.at, epoch))
            case AgentStopped():
                self._end_watch(mark(event.at, event.at, epoch))
            case CameraBlind():
                self._blind = True
                self._end_watch(mark(event.since, event.at, epoch))
            case CameraRestored():
                # Its start may be older than all that was replayed.
                self._end_watch(mark(event.since, event.at, epoch))
                self._blind = False
                self._start_watch(mark(event.at, event.at, epoch))
            case Quarter() | Day():
                for due in self._due:
                    if due.aggregate.rule == event.rule:
                        self._was_reported(due, event)

    def resume_from(self, at: Instant, *, blind: bool) -> None:
        """Start with an older run, which goes on from here: whatever is applied next is later."""
        self._blind = blind
        self._started = mark(at, at, "earlier_boot")
        if not blind:
            # The quarter that it falls into was watched as well: else who was quiet would seem blind in it.
            self._start_watch(WallMark(_floor(at.utc.timestamp()), None))

    def watch(self, at: Instant) -> None:
        """There is a frame, and it can be seen."""
        if not len(self._watched) or not (self._watched.open or self._blind):
            self._start_watch(mark(at, at))

    def set_clock(self, offset_s: float, change_s: float | None, at: Instant) -> None:
        """Believe another clock: what was seen lies elsewhere now.

        Args:
            offset_s: UTC less the monotonic clock.
            change_s: by how much a clock stepped that was believed before; None: that one was not.
            at: now.
        """
        for due in self._due:
            if due.quarter_s is not None and change_s is not None:
                due.quarter_s = _floor(due.quarter_s + change_s)
                due.date = self._hours.date_of(datetime.fromtimestamp(due.quarter_s, UTC))
        self._watched.set_clock(offset_s)
        for moment in (self._started, *(due.start for due in self._due)):
            if moment:
                moment.set_clock(offset_s)
        self._next_s = min(self._next_s, at.utc.timestamp())

    def update(self, at: Instant) -> Iterator[Event]:
        """Yield the summaries that are due."""
        now_s = at.utc.timestamp()
        if now_s < self._next_s:
            return
        self._started = self._started or mark(at, at)
        if at.synced:
            for due in self._due:
                yield from self._report(due, at, now_s - due.wait_s)
        self._forget(now_s, past=at.synced)
        self._next_s = _floor(now_s) + _QUARTER_S
        for due in self._due if at.synced else ():
            if due.quarter_s is not None:
                self._next_s = min(self._next_s, due.quarter_s + _QUARTER_S + due.wait_s)

    def finish(self, at: Instant) -> Iterator[Event]:
        """Yield the sums that have started: there is nothing to come, what is left of them is blind."""
        self._end_watch(mark(at, at))
        for due in self._due:
            yield from self._finish(due, at)

    def _finish(self, due: _Due, at: Instant) -> Iterator[Event]:
        # The quarter that it ends in; none if it ends with one.
        yield from self._report(due, at, -_floor(-at.utc.timestamp()))
        if due.date is not None and self._hours.day(due.date)[0] < at.utc:
            yield self._day(due, due.date, at)
            due.date += timedelta(days=1)

    def _was_reported(self, due: _Due, event: Quarter | Day) -> None:
        if isinstance(event, Day):
            due.date = event.date + timedelta(days=1)
            return
        due.quarter_s = event.end.timestamp()
        due.date = due.date or self._hours.date_of(event.start)

    def _start_watch(self, moment: WallMark) -> None:
        if isfinite(moment.utc_s):
            self._started = self._started or replace(moment)
            self._watched.start(moment)

    def _end_watch(self, moment: WallMark) -> None:
        if not self._watched.open or not isfinite(moment.utc_s):
            return
        start = self._watched.starts.last
        # Both ends of an interval move together.
        start_moves = start.monotonic_s is not None
        end = WallMark(moment.utc_s, moment.monotonic_s if start_moves else None)
        self._watched.end(end if end.utc_s > start.utc_s else start)

    def _report(self, due: _Due, at: Instant, known_s: float) -> Iterator[Event]:
        """All quarters that end at a known moment or before, and the days that end with one of them."""
        if due.quarter_s is None:
            start = due.start or self._started
            if not start:
                return
            due.quarter_s = _floor(start.utc_s)
        if due.quarter_s > _floor(at.utc.timestamp()) + _QUARTER_S:
            # The clock of an earlier run was ahead of this one.
            due.quarter_s, due.date = _floor(at.utc.timestamp()), None
        if due.date is None:
            due.date = self._hours.date_of(datetime.fromtimestamp(due.quarter_s, UTC))
        while due.quarter_s + _QUARTER_S <= known_s:
            yield from self._days(due, at, due.quarter_s)
            if (back_s := self._away_until(due.quarter_s)) is not None:
                due.quarter_s = min(back_s, _floor(known_s))
                continue
            quarter = due.aggregate.quarter(
                at, self._window(due, due.quarter_s, due.quarter_s + _QUARTER_S, at)
            )
            if quarter:
                yield quarter
            due.quarter_s += _QUARTER_S
        yield from self._days(due, at, due.quarter_s)

    def _days(self, due: _Due, at: Instant, reached_s: float) -> Iterator[Event]:
        """The days that end at a moment or before."""
        while due.date is not None:
            start, end = (moment.timestamp() for moment in self._hours.day(due.date))
            if end > reached_s:
                return
            if (reached_s - end) / _DAY_S < _AWAY_DAYS or self._window(
                due, start, end, at
            ).blind_s < end - start:
                yield self._day(due, due.date, at)
            due.date += timedelta(days=1)

    def _day(self, due: _Due, date: date, at: Instant) -> Event:
        start, end = self._hours.day(date)
        of = self._window(due, start.timestamp(), end.timestamp(), at)
        return due.aggregate.day(at, date, of, self._hours.periods(date))

    def _window(self, due: _Due, start_s: float, end_s: float, at: Instant) -> Window:
        of = Window(start_s, end_s, at.utc.timestamp(), 0.0)
        from_s = due.start.utc_s if due.start else start_s
        seen = of.covered(self._watched.starts.utc_s, self._watched.ends.utc_s)
        seen = np.maximum(seen[seen[:, 1] > from_s], from_s)
        blind_s = max(0.0, end_s - start_s - union_s(seen))
        return Window(of.start_s, of.end_s, of.until_s, round(blind_s, 3))

    def _away_until(self, quarter_s: float) -> float | None:
        """For a quarter long after the last watching: the start of the one in which it goes on."""
        starts_s, ends_s = np.asarray(self._watched.starts.utc_s), np.asarray(self._watched.ends.utc_s)
        ended_s = ends_s[starts_s < quarter_s + _QUARTER_S]
        if (ended_s > quarter_s).any():
            return None
        last_s = float(ended_s.max()) if len(ended_s) else quarter_s
        back_s = float(starts_s[starts_s >= quarter_s].min(initial=inf))
        if back_s == inf or back_s - last_s <= _AWAY_QUARTERS_S:
            return None
        return _floor(back_s)

    def _forget(self, now_s: float, *, past: bool) -> None:
        """Drop what no sum can change any more.

        Until the clock is known nobody knows how old the events of earlier runs are: `past` False.
        """
        keep_s = now_s - _UNSYNCED_S
        dates = [due.date for due in self._due if due.date is not None]
        if dates:
            keep_s = min(keep_s, self._hours.day(min(dates))[0].timestamp())
        for due in self._due:
            due.aggregate.forget(keep_s, past=past)
        kept = self._watched.ends.young(keep_s, past=past) & np.isfinite(np.asarray(self._watched.ends.utc_s))
        kept[-1:] = True
        self._watched.keep(kept)


def _floor(moment_s: float) -> float:
    return moment_s - moment_s % _QUARTER_S
