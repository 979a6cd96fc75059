"""From a network's raw numbers to boxes: YOLOX, YuNet and non-maximum suppression. Pure numpy."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Boxes = tuple[NDArray[np.float32], NDArray[np.float32]]
"""xyxy f32[N, 4] in input px, score f32[N]."""

_STRIDES = (8, 16, 32)


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

    Each row is x, y, w, h, objectness and the class scores, both already through a sigmoid (Ge et
    al., YOLOX, 2021; decoding of the upstream release 0.1.1rc0). A score is never above its
    objectness, so rows below `min_score` there need no further work.

    Args:
        outputs: one f32[1, N, 85] of an input of height_px × width_px.
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

    Score and box as in Wu et al., YuNet, 2023, and OpenCV's FaceDetectorYN.

    Args:
        outputs: cls, obj and bbox, each of strides 8, 16, 32: nine arrays f32[1, N, C].
        height_px: of the input.
        width_px: of the input.
        min_score: 0–1.
    """
    cls, obj, bbox = (np.concatenate([level[0] for level in outputs[i : i + 3]]) for i in (0, 3, 6))
    score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
    sure = np.flatnonzero(score >= min_score)
    cell, box = _grid(height_px, width_px)[sure], bbox[sure]
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
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[iou(xyxy[best : best + 1], xyxy[order])[0] <= max_iou]
    return np.array(kept, np.int64)


def iou(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each pair: xyxy f32[N, 4] and f32[M, 4] give f32[N, M]."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1) for xyxy in (one, other)]
    union = areas[0][:, None] + areas[1][None, :] - both
    ratio: NDArray[np.float32] = both / np.maximum(union, np.float32(1e-9))
    return ratio
