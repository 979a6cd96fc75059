from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.central.intervals import IntervalSet

some_spans = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))), max_size=12
)


def numbers(spans: IntervalSet) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


@given(some_spans)
def test_spans_are_a_set_of_numbers(added: list[tuple[int, int]]) -> None:
    spans, expected = IntervalSet(), set[int]()
    kept = set[tuple[int, int]]()
    for first, last in added:
        new, replaced = spans.add(first, last)
        expected |= set(range(first, last + 1))
        # What add() tells is enough to keep the same spans elsewhere.
        kept = {*kept.difference(replaced), new}
    assert numbers(spans) == expected
    assert kept == set(spans)
    assert spans.count == len(expected)
    assert spans.highest == max(expected, default=0)
    assert [number for number in range(80) if number in spans] == sorted(expected)
    # The fewest: between two of them there is always a number missing.
    rows = list(spans)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(rows))
    assert len(spans) == len(rows)


@given(some_spans, st.integers(1, 70), st.integers(1, 70))
def test_missing_is_the_rest(added: list[tuple[int, int]], first: int, last: int) -> None:
    spans = IntervalSet(added)
    missing = {number for span in spans.missing(first, last) for number in range(span[0], span[1] + 1)}
    assert missing == set(range(first, last + 1)) - numbers(spans)


def test_missing_of_huge_numbers_takes_no_time() -> None:
    spans = IntervalSet([(1, 5), (2**53, 2**53)])
    assert list(spans.missing(1, 2**53)) == [(6, 2**53 - 1)]
