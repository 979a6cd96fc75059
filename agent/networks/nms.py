"""Non-maximum suppression. Pure numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.networks.family import Boxes

_BLOCK = 64


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
