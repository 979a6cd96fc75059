"""How soon a stream that repeats itself is found, and what is taken for one: python -m tests.bench.loops.

Streams are the clips of ../shared/data with noise that never repeats, live and then looped, as they are and
compressed, by JPEG or as a video, each picture once more after it was looped; and, never looped, scenes in
which something is periodic. The exit code is 1 when a figure is not reached.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.device.frames import frame_of
from agent.vision.tamper import Tamper, TamperSettings
from tests.bench.edits import Scene, clip_scene, jpeg
from tests.bench.tamper import CLIPS, DATA
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tests.bench.edits import Picture

    Draw = Callable[[Picture, float], Picture]

WITHIN_S = 60.0
BEGIN_S = 34.0
LIVE_AGAIN_S = 15.0
RESTORED_S = 15.0
# H.264 as a camera has it: a key frame each two seconds.
_VIDEO = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -crf"


def noisy(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """With a sensor's noise, drawn anew: what repeats it is a loop."""
    if not sigma:
        return picture
    noise = rng.standard_normal(picture.shape, np.float32) * np.float32(sigma)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def filmed(pictures: Iterator[Picture], fps: float, crf: int) -> Iterator[Picture]:
    """The pictures after they were a video."""
    first = next(pictures)
    size = f"{first.shape[1]}x{first.shape[0]}"
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/film.mkv"
        command = f"ffmpeg -v error -f rawvideo -pix_fmt bgr24 -s {size} -r {fps} -i - {_VIDEO} {crf}".split()
        command += ["-g", str(round(2 * fps)), path]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
            assert encoder.stdin
            for picture in (first, *pictures):
                encoder.stdin.write(picture.tobytes())
            encoder.stdin.close()
        capture = cv2.VideoCapture(path)
        while True:
            there, picture = capture.read()
            if not there:
                break
            yield picture.astype(np.uint8, copy=False)
        capture.release()


@dataclass(frozen=True)
class Stream:
    """A stream of one camera.

    Attributes:
        loop_s: what it repeats from BEGIN_S on; 0: nothing.
        until_s: when it is live again; None: never.
        noise: of the sensor, sigma in grey levels.
        quality: of JPEG before it is looped, 1–100; 0: not compressed.
        again: of JPEG after it was looped.
        crf: of H.264 after it was looped; None: not compressed.
        draw: what is to be seen in it beside the scene, by the time.
        jitter_s, dropped: of the times of pictures, and which part of them never comes.
    """

    name: str
    loop_s: float = 0.0
    fps: float = 10.0
    seconds: float = BEGIN_S + 40
    until_s: float | None = None
    noise: float = 1.5
    quality: int = 0
    again: int = 0
    crf: int | None = None
    draw: Draw | None = None
    jitter_s: float = 0.0
    dropped: float = 0.0
    still: bool = False

    def pictures(self, scene: Scene) -> Iterator[Picture]:
        rng = np.random.default_rng(3)
        kept: list[Picture] = []
        for index in range(round(self.seconds * self.fps)):
            time_s = index / self.fps
            if self.loop_s and BEGIN_S <= time_s < (self.until_s or self.seconds):
                # Backwards from where it began, in pictures: a loop is a whole number of them.
                loop = max(1, round(self.loop_s * self.fps))
                first = round(BEGIN_S * self.fps) - loop
                picture = kept[first + (index - first) % loop]
            else:
                picture = scene.at(0.0 if self.still else time_s).copy()
                if self.draw:
                    picture = self.draw(picture, time_s)
                picture = noisy(picture, self.noise, rng)
                if self.quality:
                    picture = jpeg(picture, self.quality)
            kept.append(picture)
            yield jpeg(picture, self.again) if self.again else picture

    def told(self, scene: Scene) -> list[tuple[float, str | None, float]]:
        """Each change of sight as (seconds, cause, since)."""
        tamper, told = Tamper(TamperSettings()), list[tuple[float, str | None, float]]()
        pictures = self.pictures(scene)
        if self.crf is not None:
            pictures = filmed(pictures, self.fps, self.crf)
        rng = np.random.default_rng(4)
        for index, picture in enumerate(pictures):
            late_s, is_dropped = rng.uniform(0, self.jitter_s), rng.random() < self.dropped
            if is_dropped:
                continue
            time_s = index / self.fps + late_s
            sight = tamper.update(frame_of(index, make_at(time_s), picture), ())
            if sight.cause != (told[-1][1] if told else None):
                told.append((round(time_s, 1), sight.cause, round(sight.since.monotonic_s, 1)))
        return told
