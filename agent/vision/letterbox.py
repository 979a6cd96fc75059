"""Letterbox: a picture of any shape scaled and padded to the input of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# So many px of a picture for each of the input, and giving all of them a fourth channel takes longer
# than OpenCV then saves: it scales four channels by up to a third faster than three, to the same bits.
_MANY_PX = 6

Shape = tuple[int, int]
"""Height and width of a network's input in px."""


def best_shape(shapes: Sequence[Shape], width_px: int, height_px: int) -> Shape:
    """The shape in which a picture is largest; of equals the one with the fewest px.

    Args:
        shapes: to choose from, at least one.
        width_px: of the picture.
        height_px: of the picture.
    """
    return max(shapes, key=lambda shape: (fitting_scale(shape, width_px, height_px), -shape[0] * shape[1]))


def fitting_scale(shape: Shape, width_px: int, height_px: int) -> float:
    """Input px for each px of a picture that fills a shape one way.

    Args:
        shape: of the input.
        width_px: of the picture.
        height_px: of the picture.
    """
    return min(shape[0] / height_px, shape[1] / width_px)


class Letterbox:
    """A network's input of one shape, filled with one picture after the other.

    ::

        ┌─────────────┬─────┐   ┌─────┬─────────────┬─────┐
        │ the picture │ pad │   │ pad │ the picture │ pad │   as large as fits, at the top left or centred
        └─────────────┴─────┘   └─────┴─────────────┴─────┘

    Attributes:
        pixels: u8[1, 3, h, w], BGR planes; the next picture overwrites them.
        corner: left and top of the picture in the input, px.
    """

    def __init__(self, shape: Shape, pad: int, *, centred: bool = False) -> None:
        """Make an empty input.

        Args:
            shape: of the input.
            pad: grey value of what a picture does not fill, 0–255.
            centred: the picture is put into the middle, and not at the top left.
        """
        self.pixels: NDArray[np.uint8] = np.full((1, 3, *shape), pad, np.uint8)
        self._shape = shape
        self._pad = pad
        self._centred = centred
        self.corner = 0, 0
        # Of blue, green and red; and one for a fourth channel, which nobody looks at.
        self._planes = [*self.pixels[0], np.empty(shape, np.uint8)]
        self._filled = self._planes

    def fill(self, image: NDArray[np.uint8]) -> float:
        """Scale a picture, u8[H, W, 3] BGR, into the input; input px for each px of the picture.

        INTER_LINEAR_EXACT gives the same bits on amd64 and aarch64.
        """
        height, width = image.shape[:2]
        scale = fitting_scale(self._shape, width, height)
        # A picture may be so narrow that it would vanish.
        size = max(1, int(width * scale)), max(1, int(height * scale))
        if self._filled[0].shape != (size[1], size[0]):
            self.pixels.fill(self._pad)
            rows, columns = self._shape
            left, top = ((columns - size[0]) // 2, (rows - size[1]) // 2) if self._centred else (0, 0)
            self.corner = left, top
            self._filled = [plane[top : top + size[1], left : left + size[0]] for plane in self._planes]
        if size == (width, height):
            cv2.split(image, self._filled[:3])
        elif width * height > _MANY_PX * size[0] * size[1]:
            cv2.split(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR_EXACT), self._filled[:3])
        else:
            four = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
            cv2.split(cv2.resize(four, size, interpolation=cv2.INTER_LINEAR_EXACT), self._filled)
        return scale
