"""Image quality of a few pictures: brightness and focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WIDTH_PX = 640
_LIT_PERCENT = 95
_AGAIN_PX = 9
# Share of the change from pixel to pixel that is left when a picture is blurred once more: little of a sharp
# one.
_BLURRED_RATIO = 0.7
_LEAST_CHANGE = 0.5


def mean_light(grey: NDArray[np.uint8]) -> int:
    """Mean grey level, 0 to 255."""
    return round(float(grey.mean()))


def is_dark(grey: NDArray[np.uint8], level: float) -> bool:
    """Whether at most a twentieth of a picture u8[h, w] is brighter than this level, 0 to 255."""
    return float(np.percentile(grey, _LIT_PERCENT)) <= level


def is_blurred(greys: Sequence[NDArray[np.uint8]]) -> bool | None:
    """Whether pictures u8[h, w] are out of focus; None: they show too little to judge.

    A picture is blurred once more: one without fine structure changes little by that (Crete et al. 2007,
    The blur effect). The mean of several has no noise that looks like fine structure.
    """
    height, width = greys[-1].shape
    alike = [grey for grey in greys if grey.shape == (height, width)]
    mean = np.asarray(np.mean(np.stack(alike), axis=0), np.float32)
    size = _WIDTH_PX, max(_AGAIN_PX, round(height * _WIDTH_PX / width))
    mean = cv2.resize(mean, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    left = []
    for axis, kernel in ((0, (1, _AGAIN_PX)), (1, (_AGAIN_PX, 1))):
        sharp = np.abs(np.diff(mean, axis=axis))
        again = np.abs(np.diff(cv2.blur(mean, kernel), axis=axis))
        change = float(sharp.mean())
        if change < _LEAST_CHANGE:
            return None
        left.append(1 - float(np.maximum(sharp - again, 0).mean()) / change)
    return max(left) > _BLURRED_RATIO
