"""Persons in a building, by crossings and by stretches in which nobody was seen."""

from __future__ import annotations

import pytest

from agent.central.building import EMPTY_FOR_MS, CountedCrossing, count_inside, stretches_without

HALF = EMPTY_FOR_MS
ZERO, NOW = 1_000_000_000_000, 1_000_000_000_000 + 20 * HALF


def crossings(text: str) -> list[CountedCrossing]:
    """As `1+ 3-`: in after one half hour, out after three; each in its middle."""
    return [
        CountedCrossing(ZERO + int(word[:-1]) * HALF + HALF // 2, word.endswith("+")) for word in text.split()
    ]


@pytest.mark.parametrize(
    ("text", "empty", "persons", "since"),
    [
        ("", [], 0, 0),
        ("1+ 2+ 3-", [], 1, 0),
        # In whatever order they came.
        ("3- 2+ 1+", [], 1, 0),
        # Who goes out without having come in was there before, and nobody is below 0.
        ("1- 2- 3+", [], 1, 0),
        # Two cameras at one moment: nobody leaves before he came.
        ("1+ 1-", [], 0, 0),
        # Seen to be empty for long enough, from the crossing on.
        ("1+ 2+ 3-", [(4, 10)], 0, 10),
        ("1+ 2+ 3- 12+", [(4, 10)], 1, 10),
        ("1+ 2+ 3- 12+", [(0, 20)], 0, 20),
        # Not for long enough.
        ("1+ 2+ 3-", [(4, 4.9)], 1, 0),
        # For long, but somebody crossed in the middle.
        ("1+ 2+ 4+", [(4, 5.2)], 3, 0),
        # Two short ones are no long one.
        ("1+ 2+", [(4, 4.7), (4.8, 5.5)], 2, 0),
        # What is after now is nothing.
        ("1+", [(19.5, 40)], 1, 0),
    ],
)
def test_count(text: str, empty: list[tuple[float, float]], persons: int, since: float) -> None:
    stretches = [(ZERO + int(start * HALF), ZERO + int(end * HALF)) for start, end in empty]
    assert count_inside(crossings(text), stretches, ZERO, NOW) == (persons, ZERO + int(since * HALF))


@pytest.mark.parametrize(
    ("busy", "left"),
    [
        ([], [(0, 100)]),
        ([(10, 20)], [(0, 10), (20, 100)]),
        ([(30, 40), (10, 20), (15, 35)], [(0, 10), (40, 100)]),
        ([(-5, 3), (90, 200)], [(3, 90)]),
        ([(0, 100)], []),
        ([(200, 300)], [(0, 100)]),
        ([(50, 50)], [(0, 50), (50, 100)]),
    ],
)
def test_stretches_without(busy: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    assert stretches_without(busy, 0, 100) == left
