"""Frames as the stages get them: upright, masked, and on a clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.frame import LUMA_WIDTH_PX, Frame, Instant
from agent.core.geometry import scaled
from agent.core.log_messages import RECORDING_TOO_FAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from threading import Event

    from numpy.typing import NDArray

    from agent.core.geometry import Polygon
    from agent.device.recording import Recording

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """Rotation of a camera, and privacy masks.

    Attributes:
        rotation: 0 or 180 degrees.
        masks: polygons in fractions of the upright picture.
        margin_ratio: width of the black margin around each mask, as a part of the picture's width.
    """

    rotation: int = 0
    masks: tuple[Polygon, ...] = ()
    margin_ratio: float = 0.0

    def of(self, image: NDArray[np.uint8], margin_px: int = 0) -> NDArray[np.uint8]:
        """The picture upright, its masked parts and a margin black; the given one is left as it is."""
        if self.rotation:
            image = cv2.rotate(image, cv2.ROTATE_180).astype(np.uint8, copy=False)
        if not self.masks:
            return image
        image = image.copy()
        size_px = image.shape[1], image.shape[0]
        margin_px += ceil(self.margin_ratio * size_px[0])
        for mask in self.masks:
            corners = np.rint(scaled(mask, size_px)).astype(np.int32)
            cv2.fillPoly(image, [corners], (0, 0, 0))
            if margin_px:
                cv2.polylines(image, [corners], True, (0, 0, 0), 2 * margin_px + 1)
        return image


def frame_of(index: int, at: Instant, image: NDArray[np.uint8]) -> Frame:
    """Make a frame of a picture that is upright and masked already; computes its small grey view.

    Args:
        index: number of the frame, from 0.
        at: of its exposure.
        image: u8[H, W, 3], BGR.
    """
    height, width = image.shape[:2]
    small = min(width, LUMA_WIDTH_PX)
    size = small, max(1, round(height * small / width))
    # Nearest neighbour: the same bits on each processor, and the fastest.
    picked = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    return Frame(index, at, image, cv2.cvtColor(picked, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False))


def viewed(
    index: int, at: Instant, view: View, image: NDArray[np.uint8], luma: NDArray[np.uint8] | None
) -> Frame:
    """Turn and mask a camera's picture, and make a frame of it.

    Args:
        index: number of the frame, from 0.
        at: of its exposure.
        view: rotation and masks.
        image: u8[H, W, 3], BGR, as the camera gave it.
        luma: u8[h, w], the same view small and grey, as the camera gave it; None: it is computed.
    """
    if luma is None:
        return frame_of(index, at, view.of(image))
    # A px of luma averages many: on a mask's border it has light from behind the mask, hence the margin.
    return Frame(index, at, view.of(image), view.of(luma, margin_px=1))


def recorded_frames(recording: Recording, view: Callable[[], View], start: datetime) -> Iterator[Frame]:
    """Yield all frames on the recording's own time.

    Args:
        recording: is open.
        view: gives rotation and masks, called for each frame.
        start: UTC of the first frame; monotonic seconds count from it.
    """
    for index, (time_s, image) in enumerate(recording.frames()):
        utc = start + timedelta(milliseconds=round(time_s * 1000))
        yield frame_of(index, Instant(time_s, utc), view().of(image))


def played_frames(
    recording: Recording, view: Callable[[], View], now: Callable[[], Instant], stop: Event
) -> Iterator[Frame]:
    """Play a recording as if it were a camera: at its own rate, on the machine's clock.

    A consumer that is slower than that gets the newest frame, as from a camera; those before it are dropped.

    Args:
        recording: is open.
        view: gives rotation and masks, called for each frame.
        now: gives this moment.
        stop: ends it, also between two frames.
    """
    begin_s, left_out = now().monotonic_s, 0
    for index, (time_s, image) in enumerate(recording.frames()):
        wait_s = begin_s + time_s - now().monotonic_s
        if stop.wait(max(0.0, wait_s)):
            break
        if wait_s < -1 / recording.fps:
            left_out += 1
            continue
        yield frame_of(index, now(), view().of(image))
    if left_out:
        _log.warning(RECORDING_TOO_FAST, left_out)
