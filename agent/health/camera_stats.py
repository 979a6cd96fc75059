"""Figures of the running camera's picture for `doctor`: light, focus, rate and which way up; no pixels."""

from __future__ import annotations

import json
import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.frame import Frame
from agent.wire.payloads import utc_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.frame import NoFrame
    from agent.core.visibility import BlindCause
    from agent.health.monitor import HealthMonitor
    from agent.vision.onnx_detector import Network

NAME = "sight.json"
_EVERY_S = 10.0
_FACES_S = 3600.0
_USUAL_S = 1800.0
_FACES_EVERY_S = 60.0


class CameraStats:
    """Writer of `sight.json`: each 10 s, and at once when visibility, health or configuration change."""

    def __init__(self, folder: Path | None, orientation: Orientation | None) -> None:
        """Take the service's folder in memory (None: write nothing), and the counter of faces, if any."""
        self._folder = folder
        self._orientation = orientation
        self._usual: float | None = None
        self._written_s = self._looked_s = float("-inf")
        self._written: object = None
        self._faces: deque[tuple[float, int, int]] = deque()

    def update(
        self, taken: Frame | NoFrame, cause: BlindCause | None, health: HealthMonitor, *, somebody: bool
    ) -> None:
        """Write the file if it is due.

        Args:
            taken: the frame that went through the stages, or that there was none.
            cause: of blindness; None: the camera sees.
            health: its verdict, reasons, rates and digest are written too.
            somebody: there are tracks in the frame, so that faces may be found.
        """
        now_s = taken.at.monotonic_s
        now = (cause, health.verdict, health.reasons, health.config_digest)
        passed_s = now_s - self._written_s
        if self._folder is None or (passed_s < _EVERY_S and now == self._written):
            return
        self._written_s, self._written = now_s, now
        frame = taken if isinstance(taken, Frame) else None
        sharpness = _sharpness(frame) if frame else None
        if frame and sharpness is not None and cause is None:
            before = sharpness if self._usual is None else self._usual
            self._usual = before + min(1.0, passed_s / _USUAL_S) * (sharpness - before)
            self._count(frame, now_s, somebody=somebody)
        numbers = {
            "v": 1,
            "ts": utc_text(taken.at.utc),
            "process": os.getpid(),
            "verdict": health.verdict,
            "reasons": health.reasons,
            "config_digest": health.config_digest,
            "size": frame.size_px if frame else None,
            "brightness": round(float(frame.luma.mean())) if frame else None,
            "sharpness": None if sharpness is None else round(sharpness, 3),
            "usual_sharpness": None if self._usual is None else round(self._usual, 3),
            "faces_upright": sum(upright for _, upright, _ in self._faces),
            "faces_upside_down": sum(turned for _, _, turned in self._faces),
            "fps": health.frames_per_s,
            "camera": cause or "ok",
        }
        # A full memory file system shows elsewhere; only `doctor` reads this file.
        with suppress(OSError):
            new = self._folder / f".{NAME}"
            new.write_text(json.dumps(numbers))
            new.replace(self._folder / NAME)

    def _count(self, frame: Frame, now_s: float, *, somebody: bool) -> None:
        while self._faces and now_s - self._faces[0][0] > _FACES_S:
            self._faces.popleft()
        if self._orientation and somebody and now_s - self._looked_s >= _FACES_EVERY_S:
            self._looked_s = now_s
            self._faces.append((now_s, *self._orientation.faces(frame.image)))


def _sharpness(frame: Frame) -> float:
    """Mean absolute horizontal gradient over the standard deviation, ≥ 0: falls out of focus."""
    luma = frame.luma.astype(np.float32)
    return float(np.abs(np.diff(luma, axis=1)).mean() / max(float(luma.std()), 1.0))


class Orientation:
    """Counter of faces in the picture as it is, and turned by 180°."""

    def __init__(self, network: Network) -> None:
        """Take the face network."""
        self._network = network
        self._clear = network.family.calibration.clear

    def faces(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        """Numbers of faces in u8[H, W, 3] BGR that are upright, and upside down; one of both is 0.

        Some are found either way up: the way with the higher sum of scores counts.
        """
        turned = cv2.rotate(image, cv2.ROTATE_180).astype(np.uint8, copy=False)
        upright, upside_down = (self._network.boxes(view, self._clear)[1] for view in (image, turned))
        if upright.sum() >= upside_down.sum():
            return len(upright), 0
        return 0, len(upside_down)
