"""Which way up a camera hangs, by the faces before it; of a face nothing but that it is there is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.onnx_detector import Network

_SURE = 0.7


class Orientation:
    """Counts faces as the picture is, and turned by half."""

    def __init__(self, network: Network) -> None:
        """Take the network that finds faces."""
        self._network = network

    def faces(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        """How many there are in u8[H, W, 3] BGR upright, and upside down; one of both is 0.

        Some are found either way up: the way that they are surer counts.
        """
        turned = cv2.rotate(image, cv2.ROTATE_180).astype(np.uint8, copy=False)
        upright, upside_down = (self._network.boxes(view, _SURE)[1] for view in (image, turned))
        if upright.sum() >= upside_down.sum():
            return len(upright), 0
        return 0, len(upside_down)
