"""`presence-agent run` with a camera on the network that comes, goes and comes back: never offline."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.conftest import free_port, logged, wait_until, write_config
from tests.device.test_stream import _gstreamer as gstreamer
from tests.device.test_stream import address, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Agent, Listener, Mosquitto

__all__ = ["gstreamer"]
pytestmark = pytest.mark.usefixtures("weights")


def test_run_stays_online_without_its_camera(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    tmp_path: Path,
) -> None:
    port, listener = free_port(), listen(mosquitto.port)
    config = write_config(tmp_path, address(port), port=mosquitto.port)
    config.write_text(config.read_text().replace("[camera]", "[camera]\nsize = [640, 360]"))
    agent = start_agent(config)

    def types() -> list[object]:
        return [event["type"] for event in listener.numbered()]

    def last_of(topic: str) -> dict[str, object]:
        return [message.json for message in listener.heard() if message.topic.endswith(topic)][-1]

    wait_until(lambda: types() == ["agent.started", "camera.blind"])
    assert listener.numbered()[-1]["cause"] == "lost"
    wait_until(lambda: last_of("state/yard")["why"] == "lost")
    assert last_of("state/yard")["count"] is None
    for round_ in (1, 2):
        with serving(port):
            wait_until(lambda: types().count("camera.restored") == round_)  # noqa: B023 - waited for here
            wait_until(lambda: last_of("state/yard")["valid"] is True)
        wait_until(lambda: types().count("camera.blind") == round_ + 1)  # noqa: B023 - the same
        wait_until(lambda: last_of("state/yard")["why"] == "lost")
    assert agent.process.poll() is None
    assert agent.end(signal.SIGTERM) == 0, agent.said()
    online = [message.json["state"] for message in listener.heard() if message.topic.endswith("/status")]
    assert online == ["online", "offline"]
    assert [event["seq"] for event in logged(tmp_path).values()] == list(range(1, len(logged(tmp_path)) + 1))
    said = agent.said()
    # Each of its reasons is told once a time.
    assert 3 <= said.count("no pictures from the camera") <= 6
    assert said.count("the camera gives pictures again") == 2
    assert "rtsp" not in said.replace(address(port), "")
