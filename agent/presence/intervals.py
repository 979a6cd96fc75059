"""Moments and intervals on a wall clock that may turn out to have been wrong."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from agent.core.event import ClockEpoch
    from agent.core.frame import Instant

    Column = array[float] | NDArray[np.float64]
    # Start and end of each, f64[n, 2].
    Parts = NDArray[np.float64] | Sequence[tuple[float, float]]


@dataclass(slots=True)
class WallMark:
    """A moment in seconds since 1970; it moves when the clock turns out to have been wrong.

    Attributes:
        utc_s: as the clock is understood now.
        monotonic_s: the same moment on the monotonic clock; None: from another run, it stays where it is.
    """

    utc_s: float
    monotonic_s: float | None

    def later(self, seconds: float) -> WallMark:
        """So many seconds later."""
        return WallMark(
            self.utc_s + seconds, None if self.monotonic_s is None else self.monotonic_s + seconds
        )

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        if self.monotonic_s is not None:
            self.utc_s = self.monotonic_s + offset_s


def mark(moment: Instant, at: Instant, epoch: ClockEpoch = "this_boot") -> WallMark:
    """The mark of a moment.

    Args:
        moment: to be marked.
        at: when it was reported, by whose wall clock it is understood.
        epoch: of both.
    """
    if epoch == "unknown":
        return WallMark(-inf, None)
    moment = moment.by_clock_of(at)
    return WallMark(moment.utc.timestamp(), moment.monotonic_s if epoch == "this_boot" else None)


@dataclass(slots=True)
class WallMarks:
    """Marks as columns of 8 bytes each: a busy place has 100,000 in two days.

    `monotonic_s` is NaN where a mark is from another run.
    """

    utc_s: array[float] = field(default_factory=lambda: array("d"))
    monotonic_s: array[float] = field(default_factory=lambda: array("d"))

    def append(self, moment: WallMark) -> None:
        """Take one more."""
        self.utc_s.append(moment.utc_s)
        self.monotonic_s.append(nan if moment.monotonic_s is None else moment.monotonic_s)

    @property
    def last(self) -> WallMark:
        """The newest one."""
        monotonic_s = self.monotonic_s[-1]
        return WallMark(self.utc_s[-1], None if isnan(monotonic_s) else monotonic_s)

    def replace_last(self, moment: WallMark) -> None:
        """Have another one in place of the newest."""
        del self.utc_s[-1], self.monotonic_s[-1]
        self.append(moment)

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        monotonic_s = np.asarray(self.monotonic_s)
        moves = ~np.isnan(monotonic_s)
        np.asarray(self.utc_s)[moves] = monotonic_s[moves] + offset_s

    def keep(self, wanted: NDArray[np.bool_]) -> None:
        """Drop all others."""
        self.utc_s = array("d", np.asarray(self.utc_s)[wanted].tobytes())
        self.monotonic_s = array("d", np.asarray(self.monotonic_s)[wanted].tobytes())

    def young(self, before_s: float, *, past: bool) -> NDArray[np.bool_]:
        """Which are not older than a moment; `past` False: those of other runs never are."""
        young = np.asarray(self.utc_s) >= before_s
        return young if past else young | np.isnan(np.asarray(self.monotonic_s))


@dataclass(slots=True)
class Intervals:
    """From a moment to a moment each; the last one may not be over yet, which is an end at infinity."""

    starts: WallMarks = field(default_factory=WallMarks)
    ends: WallMarks = field(default_factory=WallMarks)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.starts.utc_s)

    @property
    def open(self) -> bool:
        """Whether the last one is not over."""
        return bool(self.ends.utc_s) and self.ends.utc_s[-1] == inf

    def start(self, moment: WallMark) -> None:
        """One more starts."""
        self.append(moment, WallMark(inf, None))

    def append(self, start: WallMark, end: WallMark) -> None:
        """Take one more."""
        self.starts.append(start)
        self.ends.append(end)

    def end(self, moment: WallMark) -> None:
        """The last one is over."""
        self.ends.replace_last(moment)

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        self.starts.set_clock(offset_s)
        self.ends.set_clock(offset_s)

    def keep(self, wanted: NDArray[np.bool_]) -> None:
        """Drop all others."""
        self.starts.keep(wanted)
        self.ends.keep(wanted)


@dataclass(frozen=True, slots=True)
class Window:
    """The window of a summary: from `start_s` to `end_s`, since 1970, seen up to `until_s`."""

    start_s: float
    end_s: float
    until_s: float
    blind_s: float

    def quarter(self, rule: str, at: Instant) -> dict[str, Any]:
        """The fields that each rule's event of a quarter of an hour has."""
        start, end = (datetime.fromtimestamp(moment_s, UTC) for moment_s in (self.start_s, self.end_s))
        return {"rule": rule, "at": at, "start": start, "end": end, "blind_s": self.blind_s}

    def day(self, rule: str, at: Instant, date: date) -> dict[str, Any]:
        """The fields that each rule's event of a local date has.

        Args:
            rule: its id.
            at: now.
            date: the local date that the window is.
        """
        length_s = self.end_s - self.start_s
        return {"rule": rule, "at": at, "date": date, "length_s": length_s, "blind_s": self.blind_s}

    def covered(self, starts_s: Column, ends_s: Column) -> NDArray[np.float64]:
        """The parts of intervals that lie in it, f64[n, 2], as they come."""
        start_s = np.maximum(np.asarray(starts_s), self.start_s)
        end_s = np.minimum(np.asarray(ends_s), min(self.end_s, self.until_s))
        there = start_s < end_s
        return np.column_stack((start_s[there], end_s[there]))


def union_s(parts: Parts) -> float:
    """Seconds that lie in at least one part."""
    start_s, end_s = _columns(parts)
    order = np.lexsort((end_s, start_s))
    total, reached = 0.0, -inf
    for start, end in zip(
        array("d", start_s[order].tobytes()), array("d", end_s[order].tobytes()), strict=True
    ):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def most_at_once(parts: Parts) -> int:
    """How many parts overlap at most; one that ends when another starts does not."""
    start_s, end_s = _columns(parts)
    steps = np.repeat(np.array([1, -1], np.int8), len(start_s))
    order = np.lexsort((steps, np.concatenate((start_s, end_s))))
    return int(np.cumsum(steps[order], dtype=np.int32).max(initial=0))


def _columns(parts: Parts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    start_s, end_s = np.asarray(parts, np.float64).reshape(-1, 2).T
    return np.ascontiguousarray(start_s), np.ascontiguousarray(end_s)
