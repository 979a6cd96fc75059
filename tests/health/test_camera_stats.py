"""What the service writes down of its camera's picture, and doctor reads."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.app.networks import face_network
from agent.core.frame import Instant, NoFrame
from agent.device.clock import now
from agent.device.frames import frame_of
from agent.doctor.service_numbers import read_numbers
from agent.health.camera_stats import NAME, CameraStats, Orientation
from agent.health.monitor import HealthMonitor

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.frame import Frame

pytestmark = pytest.mark.usefixtures("weights")


def frames_of(path: Path, *, turned: bool, count: int = 3) -> list[Frame]:
    """A portrait, twenty seconds from one to the next, up to now."""
    image = cv2.imread(str(path))
    assert image is not None
    if turned:
        image = cv2.rotate(image, cv2.ROTATE_180)
    moments = [now().shifted(-20.0 * index) for index in reversed(range(count))]
    return [frame_of(n, at, image.astype(np.uint8, copy=False)) for n, at in enumerate(moments)]


@pytest.mark.parametrize("turned", [False, True])
def test_doctor_reads_what_is_written(astronaut: Path, tmp_path: Path, turned: bool) -> None:
    numbers = CameraStats(tmp_path, Orientation(face_network(1)))
    for frame in frames_of(astronaut, turned=turned):
        numbers.update(frame, None, HealthMonitor(tmp_path), somebody=True)
    read = read_numbers(tmp_path)
    assert read is not None
    assert (read.upright, read.upside_down) == ((0, 1) if turned else (1, 0))
    assert (read.verdict, read.reasons, read.process) == ("ok", (), os.getpid())
    assert read.age_s < 60
    assert read.camera == "ok"
    assert read.sharpness is not None
    assert read.sharpness == pytest.approx(read.usual_sharpness, rel=0.01)
    assert read.brightness is not None
    assert 60 < read.brightness < 180


def test_blurred_is_less_sharp_than_usual(vtest: Path, tmp_path: Path) -> None:
    capture = cv2.VideoCapture(str(vtest))
    sharp = capture.read()[1]
    capture.release()
    begin = Instant(1000.0, now().utc)
    numbers = CameraStats(tmp_path, None)
    for n, image in enumerate([sharp] * 5 + [cv2.GaussianBlur(sharp, (0, 0), 6)]):
        at = Instant(begin.monotonic_s + 20 * n, begin.utc + timedelta(seconds=20 * n))
        frame = frame_of(n, at, image.astype(np.uint8, copy=False))
        numbers.update(frame, None, HealthMonitor(tmp_path), somebody=False)
    content = json.loads((tmp_path / NAME).read_text())
    assert content["sharpness"] < 0.6 * content["usual_sharpness"]
    # Numbers only: nothing of the picture.
    assert all(isinstance(value, int | float | str | list | None) for value in content.values())
    assert len((tmp_path / NAME).read_bytes()) < 400


def test_without_a_folder_nothing_is_written(astronaut: Path, tmp_path: Path) -> None:
    for frame in frames_of(astronaut, turned=False):
        CameraStats(None, None).update(frame, None, HealthMonitor(tmp_path), somebody=True)
    assert not list(tmp_path.iterdir())


def test_a_change_is_written_at_once(astronaut: Path, tmp_path: Path) -> None:
    (frame,) = frames_of(astronaut, turned=False, count=1)
    numbers, health = CameraStats(tmp_path, None), HealthMonitor(tmp_path)
    health.update(frame.at, None, night=False)
    numbers.update(frame, None, health, somebody=False)
    before = read_numbers(tmp_path)
    # The camera is gone: a second later whoever reads knows, and that it is a fault.
    later = frame.at.shifted(1.0)
    health.update(later, "lost", night=False, seen=False)
    numbers.update(NoFrame(later, frame.at), "lost", health, somebody=False)
    after = read_numbers(tmp_path)
    assert before is not None
    assert after is not None
    assert (before.camera, before.brightness is None) == ("ok", False)
    assert (after.camera, after.verdict, after.brightness) == ("lost", "failing", None)
    assert "camera_lost" in after.reasons
    # Another configuration is in force.
    health.config_digest = "0123456789abcdef"
    numbers.update(NoFrame(later, frame.at), "lost", health, somebody=False)
    changed = read_numbers(tmp_path)
    assert changed is not None
    assert changed.config_digest == "0123456789abcdef"
