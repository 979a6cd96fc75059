"""Watch the rig's camera for long: are memory and file handles flat, and what does it take of a processor?

    python -m tests.device.soak [--minutes 10] [--bare]

It runs what `run` does between the camera and the event log, on footage with people; `--bare` takes frames
only. The verdict is the exit code.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.app import build
from agent.app.placement import view
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.frame import Frame, NoFrame
from agent.device.camera import CameraCounts, RecoveryPolicy
from agent.device.clock import Clock
from agent.device.picamera import PiCamera
from agent.device.recovery import live_frames
from agent.install.manifest import load_manifest, models_directory
from tests.conftest import write_config
from tests.device import rig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

GROWS_MB = 8.0


def footage(count: int) -> Iterator[NDArray[np.uint8]]:
    """Every fourth picture of vtest: the rig shows each four times."""
    directory = models_directory()
    capture = cv2.VideoCapture(str(directory / load_manifest(directory).named("vtest").file))
    for index in range(4 * count):
        _, image = capture.read()
        if index % 4 == 0:
            yield image.astype(np.uint8, copy=False)
    capture.release()


@dataclass(frozen=True, slots=True)
class Taken:
    """What this process takes of the machine."""

    rss_mb: float
    handles: int
    cpu_s: float

    @classmethod
    def now(cls) -> Taken:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(pages * 4096 / 1e6, len(list(Path("/proc/self/fd").iterdir())), time.process_time())


def main() -> int:
    """Say each minute what is taken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--bare", action="store_true")
    asked = parser.parse_args()
    if reason := rig.missing():
        print(reason)
        return 2
    with ExitStack() as stack:
        config = load(write_config(Path(stack.enter_context(tempfile.TemporaryDirectory())), "picamera2"))
        camera, clock, counts = config.camera, Clock(), CameraCounts()
        with rig.alone(), rig.pictures() as folder:
            rig.show(folder, *footage(15))
            rig.install()
            frames = stack.enter_context(closing(live_frames(
                PiCamera(camera.size, camera.fps, watch=clock.now), camera.size,
                lambda: view(config), clock.now, Event(), RecoveryPolicy(counts=counts),
            )))  # fmt: skip
            # The pictures are read when the camera is opened; then others may use the rig.
            next(frames)
        steps = (
            frames
            if asked.bare
            else build.stages(settings_of(config), camera.size, build.random_track_ids()).steps(frames)
        )
        rows = [row(steps) for _ in range(asked.minutes)]
        # The first minute fills what is kept for ever; the rig itself keeps its pictures, about 6 MB each.
        warm, last = rows[min(1, len(rows) - 1)], rows[-1]
        flat = last.rss_mb - warm.rss_mb < GROWS_MB and last.handles == warm.handles
        print(f"{counts}; memory and handles {'are flat' if flat else 'GROW'}")
        return 0 if flat and not counts.stalls else 1


def row(steps: Iterator[object]) -> Taken:
    """Run for a minute."""
    before, begin_s, seen, none, events = Taken.now(), time.monotonic(), 0, 0, 0
    while time.monotonic() - begin_s < 60:
        step = next(steps)
        frame = getattr(step, "frame", step)
        seen += isinstance(frame, Frame)
        none += isinstance(frame, NoFrame)
        events += len(getattr(step, "events", ()))
    taken, passed_s = Taken.now(), time.monotonic() - begin_s
    print(
        f"{seen / passed_s:.1f} frames a second, {none} without, {events} events; {taken.rss_mb:.1f} MB,"
        f" {taken.handles} handles, {100 * (taken.cpu_s - before.cpu_s) / passed_s:.0f} % of a processor",
        flush=True,
    )
    return taken


if __name__ == "__main__":
    sys.exit(main())
