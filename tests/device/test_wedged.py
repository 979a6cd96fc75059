"""A camera that is wedged again and again, the real picamera2 under it; skipped without tests/device/rig.sh.

PRESENCE_TEST_WEDGES=100 does it a hundred times, with the patience of the agent: a quarter of an hour.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.core.frame import Frame, NoFrame
from agent.device.camera import CameraCounts, RecoveryPolicy, Timeouts
from agent.device.clock import Clock
from agent.device.frames import View
from agent.device.picamera import PiCamera
from agent.device.recovery import live_frames
from agent.errors import CameraError
from tests.device.rig import STALL, show
from tests.patience import BUSY_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# Of picamera2 itself.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

SIZE_PX = (640, 480)
WEDGES = int(os.environ.get("PRESENCE_TEST_WEDGES", "0"))
QUICK = Timeouts(
    lost_after_s=0.4, first_after_s=0.8, say_every_s=0.1, pauses_s=(0.1, 0.2, 0.4), close_s=2.0, end_s=1.5
)


class Wedging:
    """A camera on the rig, and the file that wedges it."""

    def __init__(self, stall: Path, patience: Timeouts) -> None:
        self.stall = stall
        self.counts = CameraCounts()
        clock = Clock()
        self.frames: Generator[Frame | NoFrame] = live_frames(
            PiCamera(SIZE_PX, 10.0, watch=clock.now), SIZE_PX, View, clock.now, Event(),
            RecoveryPolicy(patience, self.counts),
        )  # fmt: skip

    def wedge(self, for_s: float) -> tuple[int, float]:
        """Wedge it; return how often it was said that there is no frame, and when there was one again."""
        freed_s: list[float] = []

        def free() -> None:
            self.stall.unlink()
            freed_s.append(time.monotonic())

        self.stall.touch()
        Timer(for_s, free).start()
        said = 0
        for step in self.frames:
            said += isinstance(step, NoFrame)
            if freed_s and isinstance(step, Frame) and step.at.monotonic_s > freed_s[0]:
                break
        return said, time.monotonic() - freed_s[0]


@pytest.fixture
def stall(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    show(installed, np.full((480, 640, 3), 100, np.uint8))
    path = tmp_path / "stall"
    monkeypatch.setenv(STALL, str(path))
    return path


def test_wedged_and_freed(stall: Path) -> None:
    # What takes its time on a busy machine does not hang.
    patience = Timeouts() if WEDGES else replace(QUICK, close_s=PATIENCE_S, end_s=PATIENCE_S)
    wedging, chance = Wedging(stall, patience), random.Random(6)  # noqa: S311
    handles, waited_s = [], []
    with closing(wedging.frames):
        next(wedging.frames)
        for _ in range(WEDGES or 10):
            # Freed while it waits, closes, pauses or opens.
            said, back_s = wedging.wedge(patience.lost_after_s * (1 + 3 * chance.random()) + 0.5)
            waited_s.append(back_s)
            assert said >= 1
            assert back_s <= 10 + BUSY_S
            handles.append(len(list(Path("/proc/self/fd").iterdir())))
    wedges = len(waited_s)
    assert (wedging.counts.stalls, wedging.counts.recoveries, wedging.counts.hangs) == (wedges, wedges, 0)
    assert wedging.counts.closes >= wedges
    assert max(handles) <= handles[0] + 3
    print(
        f"wedged {wedges} times: frames again {np.median(waited_s):.1f} s after it was freed, at most"
        f" {max(waited_s):.1f} s; {wedging.counts}; {handles[0]} handles at first, {handles[-1]} at last"
    )


@pytest.fixture
def hanging_close(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:  # noqa: ARG001
    """Have the close of picamera2 hang, as on a loose cable, until the event is set."""
    import picamera2  # noqa: PLC0415

    freed, closed = Event(), Event()
    close = picamera2.Picamera2.close

    def hangs(camera: object) -> None:
        freed.wait(PATIENCE_S)
        close(camera)
        closed.set()

    monkeypatch.setattr(picamera2.Picamera2, "close", hangs)
    yield freed
    freed.set()
    assert closed.wait(PATIENCE_S)


@pytest.mark.usefixtures("hanging_close")
def test_close_that_hangs(stall: Path) -> None:
    wedging = Wedging(stall, QUICK)
    next(wedging.frames)
    stall.touch()
    gone_s = time.monotonic()
    steps: list[Frame | NoFrame] = []
    with pytest.raises(CameraError, match=r"the camera hangs: it could not be closed in 2 s; restart"):
        steps.extend(wedging.frames)
    assert time.monotonic() - gone_s < QUICK.lost_after_s + QUICK.close_s + QUICK.end_s + BUSY_S
    assert len([step for step in steps if isinstance(step, NoFrame)]) >= 5
    assert wedging.counts.hangs == 1
