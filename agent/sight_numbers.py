"""What the running agent knows of its camera's picture, in numbers, for `doctor`: no px of it."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from agent.delivery.payload import utc_text

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.frame import Frame
    from agent.core.sight import BlindCause
    from agent.vision.orientation import Orientation

NAME = "sight.json"
_EVERY_S = 10.0
_FACES_S = 3600.0
_USUAL_S = 1800.0
_FACES_EVERY_S = 60.0


class SightNumbers:
    """Writes them each ten seconds; without a folder it does nothing."""

    def __init__(self, folder: Path | None, orientation: Orientation | None) -> None:
        """Take the service's folder in memory, and who counts faces, if anybody does."""
        self._folder = folder
        self._orientation = orientation
        self._usual: float | None = None
        self._written_s = self._looked_s = float("-inf")
        self._faces: deque[tuple[float, int, int]] = deque()

    def see(self, frame: Frame, cause: BlindCause | None, fps: float | None, *, somebody: bool) -> None:
        """Take a frame that went through."""
        now_s = frame.at.monotonic_s
        if self._folder is None or now_s - self._written_s < _EVERY_S:
            return
        passed_s = min(now_s - self._written_s, _USUAL_S)
        self._written_s = now_s
        sharpness = _sharpness(frame)
        if cause is None:
            before = sharpness if self._usual is None else self._usual
            self._usual = before + min(1.0, passed_s / _USUAL_S) * (sharpness - before)
            self._count(frame, now_s, somebody=somebody)
        numbers = {
            "v": 1,
            "ts": utc_text(frame.at.utc),
            "size": frame.size_px,
            "brightness": round(float(frame.luma.mean())),
            "sharpness": round(sharpness, 3),
            "usual_sharpness": None if self._usual is None else round(self._usual, 3),
            "faces_upright": sum(upright for _, upright, _ in self._faces),
            "faces_upside_down": sum(turned for _, _, turned in self._faces),
            "fps": fps,
            "camera": cause or "ok",
        }
        # A full memory is told elsewhere; these are looked at by hand only.
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
    """Mean change from px to px, in parts of the contrast: falls when the lens is out of focus."""
    luma = frame.luma.astype(np.float32)
    return float(np.abs(np.diff(luma, axis=1)).mean() / max(float(luma.std()), 1.0))
