"""Decoding of raw outputs into boxes: YOLOX, YuNet and non-maximum suppression. Pure numpy."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Boxes = tuple[NDArray[np.float32], NDArray[np.float32]]
"""xyxy f32[N, 4] in input px, score f32[N]."""

_STRIDES = (8, 16, 32)
_BLOCK = 64


@cache
def _grid(height_px: int, width_px: int) -> NDArray[np.float32]:
    """Column, row and stride of each cell, f32[N, 3]: strides in order, row-major."""
    levels = []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: height_px // stride, : width_px // stride]
        cells = np.stack([columns, rows, np.full_like(rows, stride)], axis=-1)
        levels.append(cells.reshape(-1, 3))
    return np.concatenate(levels).astype(np.float32)


def _xyxy(box: NDArray[np.float32], cell: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners of boxes from x, y from their cells' corner and the logarithms of width and height."""
    stride = cell[:, 2:]
    center, half = (box[:, :2] + cell[:, :2]) * stride, np.exp(box[:, 2:4]) * stride / 2
    return np.concatenate([center - half, center + half], axis=1)


def yolox_persons(
    outputs: list[NDArray[np.float32]], height_px: int, width_px: int, min_score: float
) -> Boxes:
    """Persons out of YOLOX's raw output, before suppression.

    Each row is x, y, w, h, objectness and the class scores, persons first, both already through a
    sigmoid (Ge et al., YOLOX, 2021; decoding of the upstream release 0.1.1rc0). A score is never
    above its objectness, so rows below `min_score` there need no further work.

    Args:
        outputs: one f32[1, N, 6 or more] of an input of height_px × width_px.
        height_px: of the input.
        width_px: of the input.
        min_score: 0–1.
    """
    rows = outputs[0][0]
    maybe = np.flatnonzero(rows[:, 4] >= min_score)
    score = rows[maybe, 4] * rows[maybe, 5]
    sure = score >= min_score
    found = maybe[sure]
    return _xyxy(rows[found], _grid(height_px, width_px)[found]), score[sure]


def yunet_faces(outputs: list[NDArray[np.float32]], height_px: int, width_px: int, min_score: float) -> Boxes:
    """Faces out of YuNet's raw outputs, before suppression.

    Boxes as in Wu et al., YuNet, 2023, and OpenCV's FaceDetectorYN.

    Args:
        outputs: scores f32[1, N, 1] and boxes f32[1, N, 4] of an input of height_px × width_px.
        height_px: of the input.
        width_px: of the input.
        min_score: 0–1.
    """
    score, box = outputs[0][0, :, 0], outputs[1][0]
    found = np.flatnonzero(score >= min_score)
    return _xyxy(box[found], _grid(height_px, width_px)[found]), score[found]


def suppressed(boxes: Boxes, max_iou: float) -> NDArray[np.int64]:
    """Indices of the boxes to keep, best first: none overlaps a better one by more than `max_iou`.

    Equal scores keep their order, so that the result is the same everywhere.
    """
    xyxy, score = boxes
    if len(score) < 2:  # noqa: PLR2004 - most looks of a day
        return np.arange(len(score))
    order = np.argsort(-score, kind="stable")
    kept = []
    while len(order):
        # So many at once as a usual picture has: one call for all of them.
        block = order[:_BLOCK]
        clear_of = iou(xyxy[block], xyxy[order]) <= max_iou
        left = np.ones(len(order), np.bool_)
        for i, best in enumerate(block):
            if left[i]:
                kept.append(best)
                left &= clear_of[i]
        order = order[_BLOCK:][left[_BLOCK:]]
    return np.array(kept, np.int64)


def iou(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each pair: xyxy f32[N, 4] and f32[M, 4] give f32[N, M]."""
    left, top, right, bottom = one.T[:, :, None]
    left_, top_, right_, bottom_ = other.T[:, None, :]
    width = np.minimum(right, right_) - np.maximum(left, left_)
    height = np.minimum(bottom, bottom_) - np.maximum(top, top_)
    both = np.maximum(width, 0) * np.maximum(height, 0)
    union = (right - left) * (bottom - top) + (right_ - left_) * (bottom_ - top_) - both
    ratio: NDArray[np.float32] = both / np.maximum(union, np.float32(1e-9))
    return ratio
