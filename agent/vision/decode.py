"""From a network's raw numbers to boxes: YOLOX, YuNet and non-maximum suppression. Pure numpy."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Boxes = tuple[NDArray[np.float32], NDArray[np.float32]]
"""xyxy f32[N, 4] in input px, score f32[N]."""

_STRIDES = (8, 16, 32)
# A threshold on one factor must not cut off what rounding puts at the threshold of the whole.
_ROUNDING = 1 - 1e-6
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


def _xyxy(center: NDArray[np.float32], size: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([center - size / 2, center + size / 2], axis=1)


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
    picked, score = rows[maybe[sure]], score[sure]
    cell = _grid(height_px, width_px)[maybe[sure]]
    stride = cell[:, 2:]
    return _xyxy((picked[:, 0:2] + cell[:, :2]) * stride, np.exp(picked[:, 2:4]) * stride), score


def yunet_faces(outputs: list[NDArray[np.float32]], height_px: int, width_px: int, min_score: float) -> Boxes:
    """Faces out of YuNet's raw outputs, before suppression; its landmarks are not read.

    Score and box as in Wu et al., YuNet, 2023, and OpenCV's FaceDetectorYN. A score is the
    geometric mean of two factors of at most 1, so rows with a `cls` below `min_score` squared need
    no further work.

    Args:
        outputs: cls, obj and bbox, each of strides 8, 16, 32: nine arrays f32[1, N, C].
        height_px: of the input.
        width_px: of the input.
        min_score: 0–1.
    """
    levels = [[output[0] for output in outputs[i : i + 3]] for i in (0, 3, 6)]
    maybe = [np.flatnonzero(cls[:, 0] >= min_score**2 * _ROUNDING) for cls in levels[0]]
    cls, obj, bbox = (
        np.concatenate([level[few] for level, few in zip(kind, maybe, strict=True)]) for kind in levels
    )
    starts = np.cumsum([0, *map(len, levels[0][:2])])
    cells = np.concatenate([few + start for few, start in zip(maybe, starts, strict=True)])
    score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    sure = np.flatnonzero(score >= min_score)
    cell, box = _grid(height_px, width_px)[cells[sure]], bbox[sure]
    stride = cell[:, 2:]
    return _xyxy((box[:, 0:2] + cell[:, :2]) * stride, np.exp(box[:, 2:4]) * stride), score[sure]


def suppressed(boxes: Boxes, max_iou: float) -> NDArray[np.int64]:
    """Indices of the boxes to keep, best first: none overlaps a better one by more than `max_iou`.

    Equal scores keep their order, so that the result is the same everywhere.
    """
    xyxy, score = boxes
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
