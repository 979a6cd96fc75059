"""How soon a stream that repeats itself is found, and what is taken for one: python -m tests.bench.loops.

Streams are the clips of ../shared/data with noise that never repeats, live and then looped, as they are and
compressed: by JPEG before or after, or as H.264 after they were looped. And, never looped, the same scenes
with something periodic in them. The exit code is 1 when a figure is not reached.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from shutil import which
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.device.frames import frame_of
from agent.vision.tamper import Tamper
from tests.bench.edits import Scene, clip_scene, jpeg
from tests.bench.tamper import CLIPS, DATA
from tests.builders import make_at, make_tamper_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bench.edits import Picture

    Draw = Callable[[Picture, float], Picture]

WITHIN_S = 60.0
BEGIN_S = 34.0
LIVE_AGAIN_S = 15.0
RESTORED_S = 15.0
SINCE_S = 3.5
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
            there, read = capture.read()
            if not there:
                break
            yield read.astype(np.uint8, copy=False)
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
        still: one picture of the scene.
        is_reached: whether it must be found.
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
    is_reached: bool = True

    def pictures(self, scene: Scene) -> Iterator[Picture]:
        rng = np.random.default_rng(3)
        kept: deque[Picture] = deque(maxlen=max(1, round(self.loop_s * self.fps)))
        for index in range(round(self.seconds * self.fps)):
            time_s = index / self.fps
            if self.loop_s and BEGIN_S <= time_s < (self.until_s or self.seconds):
                picture = kept[0]
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
        tamper, told = Tamper(make_tamper_settings()), list[tuple[float, str | None, float]]()
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


def fan(picture: Picture, time_s: float) -> Picture:
    """It turns by exactly a blade in a second."""
    height, width = picture.shape[:2]
    for blade in range(3):
        angle = 2 * np.pi * (blade + time_s) / 3
        middle, reach = (width // 2, height // 2), height / 3
        end = round(middle[0] + reach * np.cos(angle)), round(middle[1] + reach * np.sin(angle))
        cv2.line(picture, middle, end, (200, 210, 220), height // 12)
    return picture


def flag(picture: Picture, time_s: float) -> Picture:
    height, width = picture.shape[:2]
    y, x = np.mgrid[height // 10 : height // 2, width // 10 : width // 2]
    wave = 130 + 80 * np.sin(x / 15 + y / 50 - 2 * np.pi * time_s)
    picture[height // 10 : height // 2, width // 10 : width // 2] = wave[..., None]
    return picture


def sign(picture: Picture, time_s: float) -> Picture:
    """It lights the whole scene."""
    if time_s % 2 < 1:
        picture = cv2.convertScaleAbs(picture, alpha=1.3, beta=10).astype(np.uint8, copy=False)
        picture[20:80, 40:160] = (40, 40, 250)
    return picture


def pendulum(picture: Picture, time_s: float) -> Picture:
    height, width = picture.shape[:2]
    end = round(width / 2 + width / 4 * np.sin(np.pi * time_s)), round(0.7 * height)
    cv2.line(picture, (width // 2, 0), end, (20, 20, 20), 3)
    cv2.circle(picture, end, height // 10, (60, 180, 220), -1)
    return picture


def rocks(picture: Picture, time_s: float) -> Picture:
    """Somebody close by, to and fro in 1.6 s."""
    height, width = picture.shape[:2]
    left = round(width / 3 + width / 20 * np.sin(2 * np.pi * time_s / 1.6))
    body = cv2.resize(picture, (width // 3, 4 * height // 5)) // 2
    picture[height - body.shape[0] :, left : left + body.shape[1]] = body
    return picture


LOOPS = [
    *(Stream(f"{loop_s} s, {fps} fps", loop_s, fps) for loop_s in (0.5, 2, 5, 10) for fps in (5, 10, 15)),
    Stream("2 s, JPEG 50", 2, quality=50),
    Stream("2 s, JPEG 70, then 50", 2, quality=70, again=50),
    Stream("10 s, JPEG 70, then 50, 5 fps", 10, 5, quality=70, again=50),
    Stream("2 s, noise 1", 2, noise=1.0),
    Stream("2 s, noise 4", 2, noise=4.0),
    Stream("2 s, jitter 30 ms, a tenth dropped", 2, jitter_s=0.03, dropped=0.1),
    *(Stream(f"{loop_s} s, H.264 crf 18", loop_s, crf=18) for loop_s in (0.5, 2, 5, 10)),
    Stream("2 s, H.264 crf 23, noise 2.5", 2, crf=23, noise=2.5),
    Stream("2 s, H.264 crf 23", 2, crf=23, is_reached=False),
    Stream("2 s, H.264 crf 28", 2, crf=28, is_reached=False),
    Stream("2 s, no noise", 2, noise=0.0, is_reached=False),
    Stream("2 s, live again after 30 s", 2, until_s=BEGIN_S + 30, seconds=BEGIN_S + 30 + LIVE_AGAIN_S),
]
HARMLESS = [
    Stream(f"{draw.__name__}, {name}", seconds=90, draw=draw, fps=5, still=True, **more)
    for draw in (fan, flag, sign, pendulum, rocks)
    for name, more in (
        ("noise 1.5", {}),
        ("no noise", {"noise": 0.0}),
        ("JPEG 50", {"quality": 50}),
        ("H.264 crf 18", {"crf": 18}),
        ("no noise, H.264 crf 23", {"noise": 0.0, "crf": 23}),
    )
]


def ran(number: int, path: Path) -> list[tuple[float, str | None, float]]:
    """What is told of a stream."""
    return (LOOPS + HARMLESS)[number].told(_scene(path))


@cache
def _scene(path: Path) -> Scene:
    return clip_scene(path, 15.0)


def is_right(stream: Stream, told: list[tuple[float, str | None, float]]) -> bool:
    """Whether a loop was found in time and, where it ends, its end, and nothing else."""
    if not stream.loop_s:
        return not any(cause for _, cause, _ in told)
    causes = [cause for _, cause, _ in told]
    if causes != (["frozen", None] if stream.until_s else ["frozen"]):
        return False
    in_time = BEGIN_S < told[0][0] <= BEGIN_S + WITHIN_S and abs(told[0][2] - BEGIN_S) <= SINCE_S
    return in_time and (not stream.until_s or told[1][0] <= stream.until_s + RESTORED_S)


def main(words: list[str]) -> int:
    """Print the table; 1 when a figure is not reached."""
    os.nice(5)
    streams = [
        (number, stream)
        for number, stream in enumerate(LOOPS + HARMLESS)
        if not words or any(word in stream.name for word in words)
    ]
    paths = [path for path in CLIPS if not words or path.stem in words] or CLIPS
    jobs = [(number, path) for number, _ in streams for path in paths]
    # A fork would inherit OpenCV's threads half dead.
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        results = iter(list(pool.map(ran, *zip(*jobs, strict=True))))
    reached = True
    print(f"{'stream':<40} {'right':>6}  {'told after s: median, most':>26}")
    for _, stream in streams:
        told = [(path, next(results)) for path in paths]
        right = sum(is_right(stream, each) for _, each in told)
        delays = sorted(each[0][0] - BEGIN_S for _, each in told if each)
        late = f"{delays[len(delays) // 2]:.1f}, {delays[-1]:.1f}" if delays else ""
        wrong = "; ".join(f"{path.stem}: {each}" for path, each in told if not is_right(stream, each))
        mark = "" if right == len(told) else "  NOT REACHED" if stream.is_reached else "  not asked for"
        print(f"{stream.name:<40} {right:>3}/{len(told):<3} {late:>26}{mark} {wrong}", flush=True)
        reached = reached and (right == len(told) or not stream.is_reached)
    return 0 if reached else 1


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    if not which("ffmpeg"):
        sys.exit("ffmpeg is not here: nothing to compress with")
    sys.exit(main(sys.argv[1:]))
