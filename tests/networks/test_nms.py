from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.networks.nms import iou, suppressed
from tests.vision.opencv import overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

whole_boxes = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 9), st.integers(0, 9)).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)


def exact_overlap(one: tuple[int, ...], other: tuple[int, ...]) -> Fraction:
    width = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    both = width * height
    return Fraction(both, areas - both) if both else Fraction(0)


def boxes_of(boxes: list[tuple[int, ...]]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)


@given(
    st.lists(st.tuples(whole_boxes, st.sampled_from([0.2, 0.5, 0.9])), max_size=14),
    st.sampled_from([30, 45, 50, 70]),
)
@settings(deadline=None, max_examples=200)
def test_suppressed_agrees_with_brute_force(
    scored: list[tuple[tuple[int, ...], float]], percent: int
) -> None:
    # Few scores, so that many are equal: among those the first goes first.
    boxes, scores = boxes_of([box for box, _ in scored]), np.array([s for _, s in scored], np.float32)
    assert suppressed((boxes, scores), percent / 100).tolist() == kept_by_brute_force(scored, percent)


def kept_by_brute_force(scored: list[tuple[tuple[int, ...], float]], percent: int) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(scored)), key=lambda i: -scored[i][1]):
        if all(exact_overlap(scored[i][0], scored[k][0]) <= Fraction(percent, 100) for k in kept):
            kept.append(i)
    return kept


def test_suppressed_many() -> None:
    # More than are compared at once; each overlaps some of all others.
    rng = np.random.default_rng(5)
    corners = rng.integers(0, 60, (300, 2))
    boxes = np.concatenate([corners, corners + rng.integers(5, 40, (300, 2))], axis=1)
    scores = rng.choice([0.2, 0.5, 0.7, 0.9], 300)
    scored = [(tuple(box), score) for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)]
    kept = suppressed((boxes.astype(np.float32), scores.astype(np.float32)), 0.3)
    assert kept.tolist() == kept_by_brute_force(scored, 30)
    assert len(kept) > 10


def test_suppressed_equal_scores_keep_their_order() -> None:
    # Far more than a sort that is stable only for short lists would bear.
    boxes = boxes_of([(20 * i, 0, 20 * i + 10, 10) for i in range(500)])
    assert suppressed((boxes, np.full(500, 0.5, np.float32)), 0.45).tolist() == list(range(500))


@pytest.mark.parametrize(
    ("boxes", "scores", "kept"),
    [
        ([], [], []),
        ([(0, 0, 10, 10)], [0.1], [0]),
        # The same box twice, the better one second.
        ([(0, 0, 10, 10), (0, 0, 10, 10)], [0.5, 0.6], [1]),
        # The middle one is suppressed, and does not suppress the third.
        ([(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)], [0.9, 0.8, 0.7], [0, 2]),
        # Best first, whatever the order of the input.
        ([(0, 0, 5, 5), (20, 0, 25, 5), (40, 0, 45, 5)], [0.2, 0.9, 0.5], [1, 2, 0]),
        # A small one inside a large one overlaps it only a little.
        ([(0, 0, 100, 100), (10, 10, 20, 20)], [0.9, 0.8], [0, 1]),
    ],
)
def test_suppressed(boxes: list[tuple[int, ...]], scores: list[float], kept: list[int]) -> None:
    given_scores = np.array(scores, np.float32)
    assert suppressed((boxes_of(boxes), given_scores), 0.4).tolist() == kept


@pytest.mark.parametrize(
    ("width", "max_iou", "kept"),
    # A part of the first box, exactly at the limit and 1 px beyond: so much is still allowed.
    [(50, 0.5, 2), (51, 0.5, 1), (25, 0.25, 2), (26, 0.25, 1), (100, 1.0, 2)],
)
def test_suppressed_at_the_limit(width: int, max_iou: float, kept: int) -> None:
    boxes = boxes_of([(0, 0, 100, 10), (0, 0, width, 10)])
    assert len(suppressed((boxes, np.array([0.9, 0.8], np.float32)), max_iou)) == kept


@given(st.lists(whole_boxes, max_size=6), st.lists(whole_boxes, max_size=6))
@settings(deadline=None)
def test_iou_of_each_pair(one: list[tuple[int, ...]], other: list[tuple[int, ...]]) -> None:
    ratio = iou(boxes_of(one), boxes_of(other))
    expected = np.array([[float(exact_overlap(a, b)) for b in other] for a in one])
    assert ratio.shape == (len(one), len(other))
    np.testing.assert_allclose(ratio, expected.reshape(ratio.shape), atol=1e-6)
    np.testing.assert_array_equal(ratio.T, iou(boxes_of(other), boxes_of(one)))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1),
        ((0, 0, 10, 10), (0, 5, 10, 15), 1 / 3),
        # Touching edges have nothing in common; nor have boxes apart in both ways.
        ((0, 0, 10, 10), (10, 0, 20, 10), 0),
        ((0, 0, 10, 10), (20, 20, 30, 30), 0),
        # Boxes without an area.
        ((5, 5, 5, 5), (5, 5, 5, 5), 0),
        ((0, 0, 10, 10), (5, 5, 5, 5), 0),
    ],
)
def test_iou(one: tuple[int, ...], other: tuple[int, ...], expected: float) -> None:
    assert float(iou(boxes_of([one]), boxes_of([other]))[0, 0]) == pytest.approx(expected)
    assert overlap(one, other) == pytest.approx(expected)
