"""Interval sets of whole numbers that come mostly in rows: 1–18230 is one pair, not 18,230 numbers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Span = tuple[int, int]


class IntervalSet:
    """A set of whole numbers, as the fewest spans (first, last) that hold them, in order."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        """Take what is in it at the start."""
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in spans:
            self.add(first, last)

    def __iter__(self) -> Iterator[Span]:
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """How many spans it takes."""
        return len(self._firsts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IntervalSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"IntervalSet({list(self)})"

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def highest(self) -> int:
        """The highest number; 0 where there is none."""
        return self._lasts[-1] if self._lasts else 0

    def add(self, first: int, last: int) -> tuple[Span, list[Span]]:
        """Put these numbers in; return the span that holds them now, and those that it replaces."""
        # Spans that touch are one: from the first that ends at first - 1 or later …
        start = bisect_left(self._lasts, first - 1)
        # … to the last that starts at last + 1 or before.
        end = bisect_right(self._firsts, last + 1)
        replaced = list(zip(self._firsts[start:end], self._lasts[start:end], strict=True))
        if replaced:
            first, last = min(first, replaced[0][0]), max(last, replaced[-1][1])
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]
        return (first, last), replaced

    def missing(self, first: int, last: int) -> Iterator[Span]:
        """Yield the spans between these two numbers, both included, that are not in it."""
        at = bisect_left(self._lasts, first)
        while first <= last:
            if at == len(self._firsts) or self._firsts[at] > last:
                yield first, last
                return
            if self._firsts[at] > first:
                yield first, self._firsts[at] - 1
            first = self._lasts[at] + 1
            at += 1
