"""Number of persons in a building: its crossings in and out since the night, never below nobody.

The night's zero is the place's local midnight. The number stays at 0 where more go out than came in. Within
the day it goes back to 0 only after half an hour in which everything was seen, nobody was there, and nobody
crossed a line: nothing else proves that what is left of the count is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EMPTY_FOR_MS: Final = 30 * 60_000
Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CountedCrossing:
    """A person over a line at a time, ms since 1970."""

    at_ms: int
    inward: bool


def count_inside(
    crossings: Iterable[CountedCrossing], empty: Sequence[Stretch], zero_ms: int, now_ms: int
) -> tuple[int, int]:
    """Count who is inside; return that, and the time from which it counts: the last at which nobody was.

    Args:
        crossings: of all lines since the zero, in any order.
        empty: stretches from one time to another in which everything was seen, and nobody.
        zero_ms: local midnight.
        now_ms: until when; both in ms since 1970.
    """
    persons, since_ms, quiet_ms = 0, zero_ms, zero_ms
    # Of two at one moment who comes in counts first: nobody leaves before.
    for crossing in sorted(crossings, key=lambda one: (one.at_ms, not one.inward)):
        if (at_ms := _last_empty(empty, quiet_ms, crossing.at_ms)) is not None:
            persons, since_ms = 0, at_ms
        persons = max(persons + (1 if crossing.inward else -1), 0)
        quiet_ms = crossing.at_ms
    if (at_ms := _last_empty(empty, quiet_ms, now_ms)) is not None:
        persons, since_ms = 0, at_ms
    return persons, since_ms


def _last_empty(empty: Sequence[Stretch], quiet_ms: int, until_ms: int) -> int | None:
    """The last moment between two crossings at which it had been empty for long; None: there is none."""
    ends = [
        min(end_ms, until_ms)
        for start_ms, end_ms in empty
        if min(end_ms, until_ms) - max(start_ms, quiet_ms) >= EMPTY_FOR_MS
    ]
    return max(ends, default=None)


def stretches_without(busy: Iterable[Stretch], start_ms: int, end_ms: int) -> list[Stretch]:
    """What is left of a time without these stretches, in order.

    Args:
        busy: stretches, in any order; they may overlap.
        start_ms: of the whole time.
        end_ms: of it.
    """
    left, at_ms = list[Stretch](), start_ms
    for first_ms, last_ms in sorted(busy):
        if at_ms < min(first_ms, end_ms):
            left.append((at_ms, min(first_ms, end_ms)))
        at_ms = max(at_ms, last_ms)
    if at_ms < end_ms:
        left.append((at_ms, end_ms))
    return left
