from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.install.prepare import prepared_model
from agent.vision.decode import iou, suppressed, yolox_persons, yunet_faces
from agent.vision.letterbox import Letterbox
from agent.vision.onnx_detector import YOLOX, YUNET
from tests.vision.conftest import weights_of
from tests.vision.opencv import assert_one_to_one, of_score, overlap, suppressed_by_opencv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.vision.letterbox import Shape
    from agent.vision.onnx_detector import NetworkKind
    from tests.vision.opencv import OpenCvFaces, OpenCvPersons, Scored

    Picture = NDArray[np.uint8]
    Outputs = tuple[Picture, list[NDArray[np.float32]]]
    """A network's input, and what it makes of it."""

whole_boxes = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 9), st.integers(0, 9)).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)


def outputs_of(
    directory: Path, name: str, kind: NetworkKind, shape: Shape, pictures: Iterable[Picture]
) -> list[Outputs]:
    session = ort.InferenceSession(prepared_model(directory, weights_of(directory, name)))
    (taken,) = session.get_inputs()
    found = []
    for image in pictures:
        fitted = Letterbox(shape, kind.pad)
        fitted.fill(image)
        found.append((fitted.pixels, list(session.run(kind.outputs, {taken.name: fitted.pixels}))))
    return found


@pytest.fixture(scope="module")
def person_outputs(weights: Path, pictures: dict[str, Picture]) -> list[Outputs]:
    return outputs_of(weights, "yolox_nano", YOLOX, (416, 416), pictures.values())


@pytest.fixture(scope="module")
def expected_persons(person_outputs: list[Outputs], opencv_persons: OpenCvPersons) -> list[Scored]:
    return [opencv_persons.found(pixels, 0.01) for pixels, _ in person_outputs]


@pytest.fixture(scope="module")
def face_outputs(weights: Path, pictures: dict[str, Picture]) -> list[Outputs]:
    return outputs_of(weights, "yunet", YUNET, (640, 640), pictures.values())


@pytest.mark.parametrize("min_score", [0.35, 0.14, 0.05, 0.01])
def test_yolox_persons_are_those_of_opencv(
    person_outputs: list[Outputs], expected_persons: list[Scored], min_score: float
) -> None:
    found = 0
    for (_, outputs), scored in zip(person_outputs, expected_persons, strict=True):
        xyxy, score = yolox_persons(outputs, 416, 416, min_score)
        expected = of_score(scored, min_score)
        assert_one_to_one(xyxy, score, expected)
        kept = suppressed((xyxy, score), 0.45)
        assert_one_to_one(xyxy[kept], score[kept], suppressed_by_opencv(expected, 0.45))
        found += len(kept)
    # A comparison of nothing with nothing would prove nothing.
    assert found > 50


@pytest.mark.parametrize("min_score", [0.6, 0.35, 0.14, 0.02])
def test_yunet_faces_are_those_of_opencv(
    face_outputs: list[Outputs], opencv_faces: OpenCvFaces, min_score: float
) -> None:
    found = 0
    for pixels, outputs in face_outputs:
        xyxy, score = yunet_faces(outputs, 640, 640, min_score)
        # On whole px, as OpenCV does it: among many tiny boxes that decides otherwise.
        kept = YUNET.suppress((xyxy, score))
        assert_one_to_one(xyxy[kept], score[kept], opencv_faces.found(pixels, min_score, 0.3))
        found += len(kept)
    assert found > 10


@pytest.mark.parametrize(
    ("height_px", "width_px"),
    # Square, oblong both ways, and one cell of the coarsest grid.
    [(64, 64), (32, 96), (128, 32), (32, 32)],
)
def test_decoded_boxes_lie_on_their_cells(height_px: int, width_px: int) -> None:
    cells = [
        (column, row, stride)
        for stride in (8, 16, 32)
        for row in range(height_px // stride)
        for column in range(width_px // stride)
    ]
    n = len(cells)
    rows = np.zeros((1, n, 85), np.float32)
    # The centre a quarter into the cell, twice and four times its stride wide and tall.
    rows[0, :, :4] = 0.25, 0.25, np.log(2), np.log(4)
    rows[0, :, 4], rows[0, :, 5] = 1, np.linspace(1, 0.5, n)
    ones = np.ones((1, n, 1), np.float32)
    for xyxy, _ in (
        yolox_persons([rows], height_px, width_px, 0.3),
        yunet_faces([ones, rows[:, :, :4]], height_px, width_px, 0.3),
    ):
        expected = [((c - 0.75) * s, (r - 1.75) * s, (c + 1.25) * s, (r + 2.25) * s) for c, r, s in cells]
        np.testing.assert_allclose(xyxy, np.array(expected), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("objectness", "person", "kept"),
    [
        # The score is the product; at the threshold it counts.
        (1.0, 0.5, True),
        (0.5, 1.0, True),
        (0.75, 0.75, True),
        (0.6, 0.6, False),
        (0.4, 1.0, False),
        (1.0, 0.4, False),
    ],
)
def test_yolox_persons_at_the_threshold(objectness: float, person: float, *, kept: bool) -> None:
    rows = np.zeros((1, 21, 85), np.float32)
    rows[0, 3, 4:6] = objectness, person
    # Other classes are not persons, however sure.
    rows[0, :, 4] = np.maximum(rows[0, :, 4], 0.3)
    rows[0, :, 6:] = 1
    _, score = yolox_persons([rows], 32, 32, 0.5)
    assert score.tolist() == pytest.approx([objectness * person] if kept else [])


@pytest.mark.parametrize(("score", "kept"), [(1.0, True), (0.5, True), (0.49, False), (0.0, False)])
def test_yunet_faces_at_the_threshold(score: float, *, kept: bool) -> None:
    scores, boxes = np.zeros((1, 21, 1), np.float32), np.zeros((1, 21, 4), np.float32)
    scores[0, 5] = score
    _, found = yunet_faces([scores, boxes], 32, 32, 0.5)
    assert found.tolist() == ([score] if kept else [])


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
