"""The lines of a day: a day and a night of pictures, half a minute apart, by a clock that is ahead."""

from __future__ import annotations

from datetime import timedelta
from math import cos, pi
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.app.build import random_track_ids, stages
from agent.app.publishing import delivery
from agent.app.run import StepReporter
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.frame import Instant
from agent.core.log_messages import LogMessage
from agent.device import clock
from agent.device.frames import frame_of
from tests.conftest import write_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.core.frame import Frame, NoFrame
    from tests.conftest import Mosquitto

pytestmark = pytest.mark.usefixtures("weights")

SIZE_PX = (320, 240)
STEP_S = 30
HOURS = """
[[hours]]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
periods = [["07:30", "17:00"]]

[attention]
heartbeat_s = 60.0
"""


def day_and_night(footage: Path, begin: Instant) -> Iterator[Frame | NoFrame]:
    """A place by daylight from six to six, with a sensor's noise, and people now and then."""
    capture = cv2.VideoCapture(str(footage))
    scenes = [cv2.resize(capture.read()[1], SIZE_PX, interpolation=cv2.INTER_AREA) for _ in range(200)]
    capture.release()
    nobody = np.median(np.stack(scenes[::5]), axis=0)
    rng = np.random.default_rng(1)
    noise = [rng.normal(0, 2, scenes[0].shape) for _ in range(7)]
    for index in range(24 * 3600 // STEP_S):
        utc = begin.utc + timedelta(seconds=index * STEP_S)
        local_h = (utc.hour + 7 + utc.minute / 60) % 24
        light = min(1.0, max(0.02, -1.5 * cos(local_h / 24 * 2 * pi)))
        # Now and then people walk through.
        scene = np.asarray(scenes[index % 200] if index % 60 < 5 else nobody, np.float32)
        image = np.clip(scene * light + noise[index % 7], 0, 255).astype(np.uint8)
        yield frame_of(index, Instant(begin.monotonic_s + index * STEP_S, utc), image)


def test_journal_of_a_day_without_faults(
    mosquitto: Mosquitto, vtest: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_config(tmp_path, "picamera2", port=mosquitto.port, more=HOURS)
    path.write_text(path.read_text().replace("[camera]", f"[camera]\nfps = {1 / STEP_S}"))
    config = load(path)
    now = clock.now()
    with caplog.at_level("INFO"):
        stage = stages(settings_of(config), SIZE_PX, random_track_ids())
        with delivery(settings_of(config), stage.ledger) as box:
            begin = Instant(now.monotonic_s, now.utc)
            reporter = StepReporter(stage, box, begin)
            steps = 0
            for step in stage.steps(day_and_night(vtest, begin)):
                reporter.report(step)
                steps += 1
            reporter.close()
    assert steps == 24 * 3600 / STEP_S
    lines = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
    assert 0 < len(lines) <= 100, lines
    assert all(isinstance(record.msg, LogMessage) for record in caplog.records), lines
    # Nobody has to mend anything: the night is no fault.
    assert not [line for line in lines if line.startswith(("ERROR", "CRITICAL"))]
    assert [line for line in lines if "it is dark" in line]
    assert "INFO the camera sees again" in lines
    print(*lines, f"{len(lines)} lines", sep="\n")
