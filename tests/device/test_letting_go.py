"""How long a camera is waited for, by default, and what of it is no fault."""

from __future__ import annotations

import re
import time
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from threading import Event
from typing import TYPE_CHECKING

import pytest

from agent.core.log_messages import CAMERA_HANGS
from agent.device.camera import Timeouts
from agent.device.systemd import LONGER
from tests.conftest import ROOT
from tests.device.test_recovery import QUICK, Scripted, Watched

if TYPE_CHECKING:
    from collections.abc import Callable


def setting_s(name: str) -> float:
    """Of the service's unit, in seconds."""
    text = (ROOT / "systemd" / "presence-agent.service").read_text()
    (value,) = re.findall(rf"^{name}=(\d+)$", text, re.MULTILINE)
    return float(value)


class Closing(Scripted):
    """A camera that is closed a moment after it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = Event()

    def close(self) -> None:
        super().close()
        # No condition to wait for: it is the camera that takes its time.
        time.sleep(QUICK.end_s / 8)
        self.is_closed.set()


PROMISES: list[tuple[str, Callable[[Timeouts], bool]]] = [
    # Nobody is counted on a picture that stands still; a slow one of a busy machine is no stall.
    ("lost_after_s", lambda waits: 2 <= waits.lost_after_s <= 5),
    # Cameras on the network begin with a key frame, which may be some seconds away.
    ("first_after_s", lambda waits: waits.lost_after_s < waits.first_after_s <= 10),
    # Whoever looks at the state learns that there is nothing, sooner than systemd asks.
    ("say_every_s", lambda waits: waits.say_every_s <= 1),
    # A camera whose plug is put back is there within seconds, however long it was out.
    ("pauses_s", lambda waits: min(waits.pauses_s) >= 0.5 and max(waits.pauses_s) <= 5),
    ("pauses_s rise", lambda waits: list(waits.pauses_s) == sorted(waits.pauses_s)),
    # A camera that is being started is not told as lost at once, nor is one that is missing kept quiet.
    ("begin_s", lambda waits: waits.first_after_s <= waits.begin_s <= 15),
    # What hangs is given up by the agent itself, before the watchdog does it, which then waits longer.
    ("open_s", lambda waits: waits.first_after_s < waits.open_s < LONGER * setting_s("WatchdogSec")),
    ("close_s", lambda waits: waits.close_s < setting_s("WatchdogSec")),
    ("blank_s", lambda waits: 30 <= waits.blank_s < LONGER * setting_s("WatchdogSec")),
    # Events are sent and the broker is told in what is left.
    ("end_s", lambda waits: waits.end_s <= setting_s("TimeoutStopSec") / 5),
]


@pytest.mark.parametrize("holds", [pytest.param(holds, id=name) for name, holds in PROMISES])
def test_patience_by_default(holds: Callable[[Timeouts], bool]) -> None:
    assert holds(Timeouts())


def test_close_that_takes_its_time_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    # A real camera takes some tenths of a second; there are 1.5.
    camera = Closing()
    watched = Watched(camera, patience=QUICK)
    with closing(watched.frames):
        watched.frame()
    assert camera.did == ["open", "close"]
    assert camera.is_closed.is_set()
    assert watched.counts.hangs == 0
    assert CAMERA_HANGS not in [record.msg for record in caplog.records]


def test_nothing_is_said_no_more_often_than_it_should() -> None:
    watched = Watched(Scripted(), patience=replace(QUICK, say_every_s=0.4, blank_s=60.0))
    with closing(watched.frames):
        watched.frame()
        watched.camera.gives = False
        said = [watched.nothing().at.monotonic_s for _ in range(4)]
    assert all(later - earlier >= 0.4 for earlier, later in pairwise(said))
