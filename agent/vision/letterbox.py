"""A picture of any shape as the input of a network, and its boxes back again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A picture scaled to fit at the top left of a network's input.

    Attributes:
        pixels: u8[1, 3, h, w], BGR planes.
        scale: input px for each px of the picture.
    """

    pixels: NDArray[np.uint8]
    scale: float


def letterbox(image: NDArray[np.uint8], height_px: int, width_px: int, pad: int) -> Letterbox:
    """Scale a picture, its proportions kept, into an input of this size; the rest is `pad`.

    INTER_LINEAR_EXACT gives the same bits on amd64 and aarch64.

    Args:
        image: u8[H, W, 3] BGR.
        height_px: of the input.
        width_px: of the input.
        pad: grey value of what the picture does not fill, 0–255.
    """
    height, width = image.shape[:2]
    scale = min(height_px / height, width_px / width)
    # A picture may be so narrow that it would vanish.
    size = max(1, int(width * scale)), max(1, int(height * scale))
    resized = (
        image if size == (width, height) else cv2.resize(image, size, interpolation=cv2.INTER_LINEAR_EXACT)
    )
    pixels = np.full((1, 3, height_px, width_px), pad, np.uint8)
    pixels[0, :, : size[1], : size[0]] = resized.transpose(2, 0, 1)
    return Letterbox(pixels, scale)
