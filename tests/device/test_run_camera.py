"""`presence-agent run` on a Pi's camera, in software: from people before it to a plain subscriber."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, logged, wait_until, write_config
from tests.device.rig import HANGS, STALL, show
from tests.device.soak import footage
from tests.patience import BUSY_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Listener, Mosquitto

pytestmark = pytest.mark.usefixtures("weights", "vtest")


class Running:
    """An agent with the rig's camera, its broker, and who listens."""

    def __init__(self, folder: Path, port: int, listener: Listener, more: dict[str, str]) -> None:
        self.folder, self.stall, self.listener = folder, folder / "stall", listener
        config = write_config(folder, "picamera2", port=port)
        text = config.read_text().replace('"picamera2"', '"picamera2"\nsize = [768, 576]', 1)
        config.write_text(text)
        with (folder / "agent.err").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.device.rig", "run", "--config", config],
                env=os.environ | {STALL: str(self.stall)} | more,
                stderr=err,
                cwd=ROOT,
            )

    def types(self) -> list[object]:
        return [event["type"] for event in self.listener.numbered()]

    def states(self, rule: str) -> list[dict[str, object]]:
        return [heard.json for heard in self.listener.heard() if heard.topic.endswith(f"/state/{rule}")]

    def said(self) -> str:
        return (self.folder / "agent.err").read_text()


@pytest.fixture
def start(
    pictures: Path, tmp_path: Path, mosquitto: Mosquitto, listen: Callable[..., Listener]
) -> Iterator[Callable[..., Running]]:
    show(pictures, *footage(30))
    started = []

    def run(**more: str) -> Running:
        running = Running(tmp_path, mosquitto.port, listen(mosquitto.port), more)
        started.append(running)
        return running

    yield run
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait(PATIENCE_S)


def test_run_camera_with_people(start: Callable[..., Running]) -> None:
    running = start()
    wait_until(lambda: {"zone.entered", "line.crossed"} <= set(running.types()))
    stopped_s = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE_S) == 0, running.said()
    assert time.monotonic() - stopped_s < 5 + BUSY_S
    events = running.listener.numbered()
    assert events[0]["type"] == "agent.started"
    assert events[-1]["type"] == "agent.stopped"
    # Nothing that libcamera or picamera2 say of themselves gets into the journal.
    assert "picamera2" not in running.said().replace("watches picamera2", "")
    assert "libcamera" not in running.said()
    assert len(running.said().splitlines()) < 12, running.said()


def test_run_camera_wedged_and_freed(start: Callable[..., Running]) -> None:
    running = start()
    wait_until(lambda: "zone.entered" in running.types())
    running.stall.touch()
    wait_until(lambda: "camera.blind" in running.types())
    blind = running.listener.numbered()[running.types().index("camera.blind")]
    assert blind["cause"] == "lost"
    wait_until(lambda: running.states("yard")[-1]["valid"] is False)
    running.stall.unlink()
    wait_until(lambda: "camera.restored" in running.types())
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE_S) == 0, running.said()


def test_run_camera_that_can_not_be_closed(start: Callable[..., Running]) -> None:
    running = start(**{HANGS: "1"})
    wait_until(lambda: "agent.started" in running.types())
    wait_until(lambda: "the camera gives pictures" in running.said())
    running.stall.touch()
    # Its states are unknown, and systemd may start it anew: whatever hangs, the process ends.
    assert running.process.wait(PATIENCE_S) == 1, running.said()
    assert "the camera hangs" in running.said()
    events = [event["type"] for event in logged(running.folder).values()]
    assert "camera.blind" in events


def test_run_without_a_camera(start: Callable[..., Running]) -> None:
    running = start(LIBCAMERA_PIPELINES_MATCH_LIST="none")
    wait_until(lambda: "camera.blind" in running.types())
    assert "no camera is found" in running.said()
    online = [message.json for message in running.listener.heard() if message.topic.endswith("/status")]
    assert online[-1]["state"] == "online"
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE_S) == 0, running.said()


def test_run_stopped_while_the_camera_can_not_be_closed(start: Callable[..., Running]) -> None:
    running = start(**{HANGS: "1"})
    wait_until(lambda: "the camera gives pictures" in running.said())
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE_S) == 0, running.said()
    assert "camera did not close in time" in running.said()
    assert [event["type"] for event in logged(running.folder).values()][-1] == "agent.stopped"
