from __future__ import annotations

import numpy as np
import pytest

from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET


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
        YOLOX.decode([rows], height_px, width_px, 0.3),
        YUNET.decode([ones, rows[:, :, :4]], height_px, width_px, 0.3),
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
    _, score = YOLOX.decode([rows], 32, 32, 0.5)
    assert score.tolist() == pytest.approx([objectness * person] if kept else [])


@pytest.mark.parametrize(("score", "kept"), [(1.0, True), (0.5, True), (0.49, False), (0.0, False)])
def test_yunet_faces_at_the_threshold(score: float, *, kept: bool) -> None:
    scores, boxes = np.zeros((1, 21, 1), np.float32), np.zeros((1, 21, 4), np.float32)
    scores[0, 5] = score
    _, found = YUNET.decode([scores, boxes], 32, 32, 0.5)
    assert found.tolist() == ([score] if kept else [])
