"""Still background of a film, and the parts of a picture in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Small = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float32]

_BIN_LEVELS = 4
_BINS = 256 // _BIN_LEVELS
# Counts are halved before the u16 overflows; their shares stay as they are.
_MOST_COUNTED = 60_000
# A cell this many grey levels off the background is foreground; more where it always moves, as leaves do.
_LEVELS = 7.0
_RESTLESS_FACTOR = 4.0
_MOST_LEVELS = 24.0
_CHANGE_BINS = 16
# At least so many of 3 x 3 cells differ together: one alone, or a thin edge, is noise.
_TOGETHER = 4
# A change of the whole picture's brightness by a factor within these is the camera's gain.
_LEAST_GAIN, _MOST_GAIN = 0.5, 2.0
_DARK_LEVEL = 16


class Background:
    """Histogram of the colours of each cell over a whole film; keeps no picture but the last."""

    def __init__(self, first: Small) -> None:
        """Take the means of the first picture's cells, u8[rows, columns, 3]."""
        self._first = first.astype(np.float32)
        self._counts = np.zeros((*first.shape, _BINS), np.uint16)
        self._index = tuple(np.ogrid[tuple(map(slice, first.shape))])
        self._counted = 0
        self._before = self._first
        self._changes = np.zeros((*first.shape[:2], _CHANGE_BINS), np.uint16)

    def add(self, small: Small) -> None:
        """Count a picture."""
        seen = evened(small, self._first)
        self._counts[(*self._index, (seen / _BIN_LEVELS).astype(np.intp))] += 1
        change = np.minimum(np.abs(seen - self._before).max(axis=-1), _CHANGE_BINS - 1)
        rows, columns, _ = self._index
        self._changes[(rows[..., 0], columns[..., 0], change.astype(np.intp))] += 1
        self._before = seen
        self._counted += 1
        if self._counted >= _MOST_COUNTED:
            self._counts >>= 1
            self._changes >>= 1
            self._counted //= 2

    def usual(self) -> Floats:
        """Most frequent colour of each cell, f32[rows, columns, 3] BGR, 0–255."""
        found = np.empty(self._first.shape, np.float32)
        centers = (np.arange(-1, _BINS + 1, dtype=np.float32) + 0.5) * _BIN_LEVELS
        for row, counts in enumerate(self._counts):
            near = np.zeros((*counts.shape[:2], _BINS + 2), np.float32)
            near[..., 1:-1] = counts
            best = (near[..., :-2] + near[..., 1:-1] + near[..., 2:]).argmax(axis=-1)
            three = best[..., None] + np.arange(3)
            often = np.take_along_axis(near, three, axis=-1)
            found[row] = (often * centers[three]).sum(axis=-1) / np.maximum(often.sum(axis=-1), 1)
        return found

    def tolerance(self) -> Floats:
        """Difference from the usual colour that is noise, f32[rows, columns], grey levels."""
        seldom = np.cumsum(self._changes, axis=-1, dtype=np.int64) * 2 < self._counted
        restless = _RESTLESS_FACTOR * np.count_nonzero(seldom, axis=-1)
        levels: Floats = np.clip(restless, _LEVELS, _MOST_LEVELS).astype(np.float32)
        return levels


def evened(small: Small, to: Floats) -> Floats:
    """Scale each colour of a picture to the brightness of another one, by the median over the cells."""
    seen = small.astype(np.float32)
    for channel in range(3):
        ours, theirs = seen[::2, ::2, channel], to[::2, ::2, channel]
        lit = (ours >= _DARK_LEVEL) & (theirs >= _DARK_LEVEL)
        if np.count_nonzero(lit) * 2 >= lit.size:
            gain = float(np.median(theirs[lit] / ours[lit]))
            seen[..., channel] *= min(max(gain, _LEAST_GAIN), _MOST_GAIN)
    return np.minimum(seen, 255.0)


def in_front(small: Small, usual: Floats, tolerance: Floats) -> Flags:
    """Foreground cells, bool[rows, columns].

    Args:
        small: the picture's cells, u8[rows, columns, 3] BGR.
        usual: the background, f32[rows, columns, 3] BGR, 0–255.
        tolerance: difference from it that is noise, f32[rows, columns], grey levels.
    """
    off = np.abs(evened(small, usual) - usual).max(axis=-1)
    different = (off > tolerance).astype(np.uint8)
    near = cv2.boxFilter(different, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    found: Flags = (different > 0) & (near >= _TOGETHER)
    return found
