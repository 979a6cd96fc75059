"""Motion gate: changes of the picture since the last look at each place, at almost no cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CELL_PX = 8
# Grey levels of the halved luma plane that are no noise: at least so many, and by so much more than
# two frames differ on average when nothing happens.
_LEVELS = 12
_NOISE_FACTOR = 5.0
_MOST_LEVELS = 40
_NOISE_RISE = 0.02
# Within these a different mean brightness is the camera's gain or the light, not what is in the picture.
_LEAST_GAIN, _MOST_GAIN = 0.5, 2.0
_GAIN_STEP = 0.01
# A cell changed when this many of its px did; a person 20 px tall in the luma plane covers twice as many.
_CELL_CHANGED_PX = 4


@dataclass(frozen=True, slots=True)
class Motion:
    """The cells in which a frame differs from what was last looked at.

    Attributes:
        changed: bool[rows, columns], cells of the picture.
        cell_ratio: height and width of a cell as a part of the picture's.
    """

    changed: NDArray[np.bool_]
    cell_ratio: tuple[float, float]

    @property
    def ratio(self) -> float:
        """Part of the picture that changed, 0–1."""
        return float(np.count_nonzero(self.changed)) / self.changed.size


class MotionGate:
    """Compares the luma plane with what it was at the last look at each place.

    Not the frame before and no running average: nobody is too slow for it, nobody who stays becomes
    background, and when nothing changed another look would find what the last one found.
    """

    def __init__(self) -> None:
        self._seen: NDArray[np.uint8] | None = None
        self._now: NDArray[np.uint8] | None = None
        self._seen_mean = 1.0
        self._noise = 0.0

    def update(self, luma: NDArray[np.uint8]) -> Motion:
        """Compare a luma plane u8[h, w] with what was looked at; all of the first one is new."""
        height, width = luma.shape
        rows, columns = max(1, height // 2 // _CELL_PX), max(1, width // 2 // _CELL_PX)
        size = columns * _CELL_PX, rows * _CELL_PX
        # Whole cells only: what is left over at the right and below is less than one.
        halved = cv2.resize(luma[: 2 * size[1], : 2 * size[0]], size, interpolation=cv2.INTER_AREA)
        self._now = now = halved.astype(np.uint8, copy=False)
        cell_ratio = 2 * _CELL_PX / height, 2 * _CELL_PX / width
        if self._seen is None or self._seen.shape != now.shape:
            self._remember(now.copy())
            return Motion(np.ones((rows, columns), np.bool_), cell_ratio)
        gain = cv2.mean(now)[0] / self._seen_mean
        seen = self._seen
        if abs(gain - 1) > _GAIN_STEP:
            gain = min(max(gain, _LEAST_GAIN), _MOST_GAIN)
            seen = cv2.convertScaleAbs(seen, alpha=gain).astype(np.uint8, copy=False)
        difference = cv2.absdiff(now, seen).astype(np.uint8, copy=False)
        _, different = cv2.threshold(difference, self._levels(difference), 255, cv2.THRESH_BINARY)
        if cv2.countNonZero(different) < _CELL_CHANGED_PX:
            return Motion(np.zeros((rows, columns), np.bool_), cell_ratio)
        share = cv2.resize(different, (columns, rows), interpolation=cv2.INTER_AREA)
        return Motion(share >= 255 * _CELL_CHANGED_PX // _CELL_PX**2, cell_ratio)

    def _levels(self, difference: NDArray[np.uint8]) -> float:
        """The threshold: noise is what quiet frames differ by, so it falls at once and rises slowly."""
        mean = cv2.mean(difference)[0]
        self._noise = min(mean, self._noise + _NOISE_RISE * (mean - self._noise))
        return min(max(_LEVELS, _NOISE_FACTOR * self._noise), _MOST_LEVELS)

    def looked(self, left: float, top: float, right: float, bottom: float) -> None:
        """Take the last frame as looked at in a region: what changes from now on is new.

        Args:
            left: of the region, as a part of the picture's width, 0–1.
            top: as a part of its height.
            right: as a part of its width.
            bottom: as a part of its height.
        """
        if self._now is None or self._seen is None:
            return
        height, width = self._now.shape
        rows = slice(int(top * height), round(bottom * height))
        columns = slice(int(left * width), round(right * width))
        self._seen[rows, columns] = self._now[rows, columns]
        self._remember(self._seen)

    def _remember(self, seen: NDArray[np.uint8]) -> None:
        self._seen = seen
        self._seen_mean = max(cv2.mean(seen)[0], 1.0)

    def reset(self) -> None:
        """Forget everything: the next frame is all new."""
        self._seen = None
