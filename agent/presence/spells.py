"""Moments and spells on a wall clock that may turn out to have been wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from agent.core.event import Era
    from agent.core.frame import Instant


@dataclass(slots=True)
class Mark:
    """A moment in seconds since 1970; it moves when the clock turns out to have been wrong.

    Attributes:
        utc_s: as the clock is understood now.
        monotonic_s: the same moment on the monotonic clock; None: from another run, it stays where it is.
    """

    utc_s: float
    monotonic_s: float | None

    def later(self, seconds: float) -> Mark:
        """So many seconds later."""
        return Mark(self.utc_s + seconds, None if self.monotonic_s is None else self.monotonic_s + seconds)

    def set_clock(self, offset_s: float) -> None:
        """Believe another clock: UTC is the monotonic clock and this."""
        if self.monotonic_s is not None:
            self.utc_s = self.monotonic_s + offset_s


def mark(moment: Instant, at: Instant, era: Era = "present") -> Mark:
    """The mark of a moment that was told at another."""
    if era == "nowhere":
        return Mark(-inf, None)
    moment = moment.by_clock_of(at)
    return Mark(moment.utc.timestamp(), moment.monotonic_s if era == "present" else None)


@dataclass(slots=True)
class Spell:
    """From a moment to a moment; `end` None: not over yet."""

    begin: Mark
    end: Mark | None = None

    @property
    def marks(self) -> Iterator[Mark]:
        """Begin, and end if there is one."""
        yield self.begin
        if self.end:
            yield self.end

    def cut(self, start_s: float, end_s: float) -> tuple[float, float]:
        """The part of it between two moments; where there is none it ends before it begins."""
        return max(self.begin.utc_s, start_s), min(self.end.utc_s if self.end else inf, end_s)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a summary is about: from `start_s` to `end_s`, since 1970, seen up to `until_s`."""

    start_s: float
    end_s: float
    until_s: float
    blind_s: float

    def quarter(self, rule: str, at: Instant) -> dict[str, Any]:
        """The fields that each rule's event of a quarter of an hour has."""
        start, end = (datetime.fromtimestamp(moment_s, UTC) for moment_s in (self.start_s, self.end_s))
        return {"rule": rule, "at": at, "start": start, "end": end, "blind_s": self.blind_s}

    def day(self, rule: str, at: Instant, date: date) -> dict[str, Any]:
        """The fields that each rule's event of a date has."""
        length_s = self.end_s - self.start_s
        return {"rule": rule, "at": at, "date": date, "length_s": length_s, "blind_s": self.blind_s}

    def covered(self, spells: Iterable[Spell]) -> list[tuple[float, float]]:
        """The parts of spells that lie in it, as they come."""
        parts = (spell.cut(self.start_s, min(self.end_s, self.until_s)) for spell in spells)
        return [(begin, end) for begin, end in parts if begin < end]


def union_s(parts: Iterable[tuple[float, float]]) -> float:
    """Seconds that lie in at least one part."""
    total, reached = 0.0, -inf
    for begin, end in sorted(parts):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def most_at_once(parts: Iterable[tuple[float, float]]) -> int:
    """How many parts overlap at most; one that ends when another begins does not."""
    steps = sorted((moment, step) for part in parts for moment, step in zip(part, (1, -1), strict=True))
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most
