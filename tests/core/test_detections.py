from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from agent.core.detections import FACE, PERSON, Detections
from tests.builders import make_detections

if TYPE_CHECKING:
    from numpy.typing import NDArray


def shaped(xyxy: tuple[int, ...], confidence: tuple[int, ...], class_id: tuple[int, ...]) -> Detections:
    return Detections(
        np.zeros(xyxy, np.float32), np.zeros(confidence, np.float32), np.zeros(class_id, np.int64)
    )


def mixed() -> Detections:
    """A person, a face, a person."""
    return Detections(
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.array([0.9, 0.8, 0.7], np.float32),
        np.array([PERSON, FACE, PERSON]),
    )


def kinds(detections: Detections) -> list[str]:
    return [str(array.dtype) for array in (detections.xyxy, detections.confidence, detections.class_id)]


@pytest.mark.parametrize("n", [0, 1, 7])
def test_detections(n: int) -> None:
    assert len(shaped((n, 4), (n,), (n,))) == n


@pytest.mark.parametrize(
    ("xyxy", "confidence", "class_id"),
    [
        # One of the three is of another length.
        ((2, 4), (3,), (3,)),
        ((3, 4), (2,), (3,)),
        ((3, 4), (3,), (2,)),
        ((0, 4), (1,), (1,)),
        # Boxes with too many numbers, too few, in a row, or in a batch.
        ((3, 5), (3,), (3,)),
        ((3, 3), (3,), (3,)),
        ((12,), (3,), (3,)),
        ((1, 3, 4), (3,), (3,)),
        # Columns in place of rows.
        ((3, 4), (3, 1), (3,)),
        ((3, 4), (3,), (3, 1)),
        ((0, 4), (0, 1), (0,)),
        ((0,), (0,), (0,)),
    ],
)
def test_detections_wrong_shape(
    xyxy: tuple[int, ...], confidence: tuple[int, ...], class_id: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="unequal shapes"):
        shaped(xyxy, confidence, class_id)


def test_empty() -> None:
    empty = Detections.empty()
    # Looked and saw nobody: a value of its own, never to be mistaken for None.
    assert empty is not None
    assert len(empty) == 0
    assert empty.xyxy.shape == (0, 4)
    assert kinds(empty) == ["float32", "float32", "int64"]


def test_joined() -> None:
    one, other = make_detections((1, 2, 3, 4)), make_detections((5, 6, 7, 8), confidence=0.5, class_id=FACE)
    together = Detections.joined([one, Detections.empty(), other])
    assert together.xyxy.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert together.confidence.tolist() == pytest.approx([0.77, 0.5])
    assert together.class_id.tolist() == [PERSON, FACE]
    assert kinds(together) == ["float32", "float32", "int64"]


@pytest.mark.parametrize("parts", [[], [Detections.empty()], [Detections.empty(), Detections.empty()]])
def test_joined_of_nothing(parts: list[Detections]) -> None:
    together = Detections.joined(parts)
    assert len(together) == 0
    assert kinds(together) == ["float32", "float32", "int64"]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        # Masks keep the order, indices make one.
        (np.array([True, False, True]), [0.9, 0.7]),
        (np.array([False, False, False]), []),
        (np.array([2, 0]), [0.7, 0.9]),
        (np.array([1, 1]), [0.8, 0.8]),
        (np.array([], np.int64), []),
    ],
)
def test_where(keep: NDArray[Any], expected: list[float]) -> None:
    detections = mixed()
    picked = detections.where(keep)
    assert picked.confidence.tolist() == pytest.approx(expected)
    np.testing.assert_array_equal(picked.xyxy, detections.xyxy[keep])
    np.testing.assert_array_equal(picked.class_id, detections.class_id[keep])
    assert len(detections) == 3


def test_of_class() -> None:
    assert mixed().of_class(PERSON).confidence.tolist() == pytest.approx([0.9, 0.7])
    assert mixed().of_class(FACE).confidence.tolist() == pytest.approx([0.8])
    assert len(mixed().of_class(PERSON).of_class(FACE)) == 0
