"""What feeds systemd's watchdog: frames that went through, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.app.run import _Run
from agent.config.load import load
from agent.core.frame import NoFrame
from agent.device.signals import Asked
from tests.builders import make_at, make_frame
from tests.conftest import write_config
from tests.device.test_systemd import WATCHDOG, listening

if TYPE_CHECKING:
    from pathlib import Path


def test_no_frame_feeds_no_watchdog(tmp_path: Path) -> None:
    config = load(write_config(tmp_path, "x.avi"))
    with listening(str(tmp_path / "notify")) as systemd:
        watch = _Run(config, lambda: config, Asked(), systemd.systemd(WATCHDOG), lambda: None)
        # Before the first frame it asks for more time to start.
        watch._notify_systemd(NoFrame(make_at(0), make_at(0)))
        (asked,) = systemd.heard()
        assert asked.startswith("EXTEND_TIMEOUT_USEC=")
        watch._notify_systemd(make_frame(1))
        assert systemd.heard() == ["READY=1", "WATCHDOG=1"]
        for seconds in range(2, 92):
            systemd.now_s += 1
            watch._notify_systemd(NoFrame(make_at(seconds), make_at(1)))
        # Once, the camera has longer to come back than a process that hangs.
        assert systemd.heard() == ["WATCHDOG_USEC=270000000"]
        watch._notify_systemd(make_frame(92))
        systemd.now_s += 1
        watch._notify_systemd(make_frame(93))
        assert systemd.heard() == ["WATCHDOG_USEC=90000000", "WATCHDOG=1"]


@pytest.mark.parametrize(("fps", "said"), [(0.5, "WATCHDOG=1"), (0.05, "WATCHDOG_USEC=270000000")])
def test_rare_frames_are_waited_for(tmp_path: Path, fps: float, said: str) -> None:
    path = write_config(tmp_path, "x.avi")
    path.write_text(path.read_text().replace("[camera]", f"[camera]\nfps = {fps}"))
    config = load(path)
    with listening(str(tmp_path / "notify")) as systemd:
        watch = _Run(config, lambda: config, Asked(), systemd.systemd(WATCHDOG), lambda: None)
        for seconds in range(3):
            systemd.now_s += 1
            watch._notify_systemd(make_frame(seconds))
        assert systemd.heard() == ["READY=1", said, said, said]
