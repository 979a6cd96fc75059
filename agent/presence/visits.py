"""Visits to a zone: those that go on, and those that ended, as columns."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from agent.presence.intervals import Intervals, WallMark, mark

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.core.event import ClockEpoch, ZoneEntered, ZoneLeft
    from agent.core.frame import Instant
    from agent.presence.intervals import Column

_LEFT = frozenset({"seen", "lost"})


@dataclass(slots=True)
class Visits:
    """Visits to a zone, made from its events; a busy place has 100,000 in two days.

    Attributes:
        open: those that go on, by their track, with the instant they started.
        done: when those that ended were.
        dwell_ms: of each of them, to the millisecond, as it was reported and as the log has it.
        tracks: of each of them, a number that stands for its track in this process.
        left: 1 for each that ended because its visitor was seen leaving or was lost; 0: nobody knows how
            long they stayed.
        changes, ended: how many of these events there were, and how many of them were ends.
    """

    open: dict[str, tuple[Instant, WallMark]] = field(default_factory=dict)
    done: Intervals = field(default_factory=Intervals)
    dwell_ms: array[int] = field(default_factory=lambda: array("q"))
    tracks: array[int] = field(default_factory=lambda: array("q"))
    left: array[int] = field(default_factory=lambda: array("b"))
    changes: int = 0
    ended: int = 0

    def start(self, event: ZoneEntered, epoch: ClockEpoch = "this_boot") -> None:
        """One more starts."""
        self.open[event.track] = event.since, mark(event.since, event.at, epoch)
        self.changes += 1

    def end(self, event: ZoneLeft, epoch: ClockEpoch = "this_boot") -> None:
        """One is over."""
        self.open.pop(event.track, None)
        start = mark(event.since, event.at, epoch)
        self.done.append(start, start.later(event.dwell_s))
        self.dwell_ms.append(round(round(event.dwell_s, 3) * 1000))
        self.tracks.append(hash(event.track))
        self.left.append(event.why in _LEFT)
        self.changes += 1
        self.ended += 1

    def includes(self, track: str, after: int) -> bool:
        """Whether one of them is, or was, of a track; of those that ended only the ones after so many."""
        if track in self.open:
            return True
        new = self.ended - after
        return new > 0 and bool((np.asarray(self.tracks[-new:]) == hash(track)).any())

    def ends_ms(self) -> NDArray[np.float64]:
        """When those that ended did, f64[n], since 1970, as the log has it."""
        ends_ms: NDArray[np.float64] = logged_ms(self.done.starts.utc_s) + np.asarray(self.dwell_ms)
        return ends_ms

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        self.done.set_clock(offset_s)
        for _, start in self.open.values():
            start.set_clock(offset_s)

    def forget(self, before_s: float, *, past: bool) -> None:
        """Drop those that ended before a moment; `past` False: none of earlier runs."""
        young = self.done.ends.young(before_s, past=past)
        if not young.all():
            self.done.keep(young)
            self.dwell_ms = array("q", np.asarray(self.dwell_ms)[young].tobytes())
            self.tracks = array("q", np.asarray(self.tracks)[young].tobytes())
            self.left = array("b", np.asarray(self.left)[young].tobytes())


def logged_ms(moments_s: Column) -> NDArray[np.float64]:
    """Moments since 1970, f64[n], cut to the millisecond as the log has them."""
    # What is added up of an hour's events must be the same whether they are remembered or read back.
    moments_ms: NDArray[np.float64] = np.floor(np.rint(np.asarray(moments_s) * 1e6) / 1000)
    return moments_ms
