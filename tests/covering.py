"""Fake tamper stages and footage of a covered camera."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.visibility import Visibility
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.core.frame import Frame
    from agent.core.track import Track
    from agent.core.visibility import BlindCause

FPS = 10


class Judge:
    """Takes black frames for blindness, once they were black for so long; names causes by the time.

    Until it is sure it says that it suspects something, or nothing at all.
    """

    def __init__(
        self, causes: Sequence[tuple[float, BlindCause]], sure_s: float, *, suspects: bool = False
    ) -> None:
        self._causes = causes
        self._sure_s = sure_s
        self._suspects = suspects
        self._black: bool | None = None
        self._turned = self._sight = Visibility(None, make_at(-1))

    def update(self, frame: Frame, tracks: Sequence[Track]) -> Visibility:  # noqa: ARG002
        black = bool(frame.luma.mean() < 5)
        if black != self._black:
            self._black, self._turned = black, Visibility(None, frame.at)
        if frame.at.monotonic_s - self._turned.since.monotonic_s >= self._sure_s - 1e-6:
            names = [cause for begin_s, cause in self._causes if begin_s <= frame.at.monotonic_s]
            self._sight = Visibility(names[-1] if black else None, self._turned.since)
        elif black and self._suspects:
            self._sight = replace(self._sight, suspected=True)
        return self._sight


def write_clip(path: Path, people: Path, *, black_s: float, light_s: float, end_s: float) -> None:
    """People until `black_s` and from `light_s` to `end_s`, black in between."""
    capture = cv2.VideoCapture(str(people))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (768, 576))
    for index in range(round(end_s * FPS)):
        is_black = black_s <= index / FPS < light_s
        writer.write(np.zeros((576, 768, 3), np.uint8) if is_black else capture.read()[1])
    writer.release()
    capture.release()


class Suspicious:
    """Suspects something until a moment."""

    def __init__(self, until_s: float) -> None:
        self._until_s = until_s

    def update(self, frame: Frame, tracks: Sequence[Track]) -> Visibility:  # noqa: ARG002
        return Visibility(None, make_at(0), suspected=frame.at.monotonic_s < self._until_s)
