"""Cells of strides 8, 16 and 32, without anchors: the boxes of rows, each of one cell."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRIDES = (8, 16, 32)


@cache
def cells(height_px: int, width_px: int) -> NDArray[np.float32]:
    """Column, row and stride of each cell, f32[N, 3]: strides in order, row-major."""
    levels = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height_px // stride, : width_px // stride]
        level = np.stack([columns, rows, np.full_like(rows, stride)], axis=-1)
        levels.append(level.reshape(-1, 3))
    return np.concatenate(levels).astype(np.float32)


def corners(box: NDArray[np.float32], cell: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes f32[N, 4] as xyxy, from x, y from their cells' corner and the logarithms of width and height."""
    stride = cell[:, 2:]
    center, half = (box[:, :2] + cell[:, :2]) * stride, np.exp(box[:, 2:4]) * stride / 2
    return np.concatenate([center - half, center + half], axis=1)
