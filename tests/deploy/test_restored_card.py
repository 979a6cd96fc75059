"""A card that comes back with its last events gone: what the central system stores of it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.publish import single

from agent.eventlog.damage import asides
from agent.eventlog.reader import LogReader
from tests.conftest import wait_until
from tests.deploy.test_subscriber import QUEUES, Central, subscribed
from tests.faults.sender import NAME, SITE
from tests.mqtt.going_on import going_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Mosquitto

# Before the card was copied, and what it had then.
BEFORE = 30


@pytest.fixture
def broker(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    return start_mosquitto(QUEUES)


@pytest.fixture
def central(tmp_path: Path, broker: Mosquitto) -> Iterator[Central]:
    with subscribed(tmp_path, broker.port) as made:
        yield made


def wait_stored(central: Central, expected: list[int]) -> None:
    """Until all of it is stored, and nothing is missing between."""
    wait_until(lambda: set(central.counts()) >= set(expected))
    wait_until(lambda: all(not log["missing"] for agent in central.seen()["agents"] for log in agent["logs"]))


@pytest.mark.parametrize("end", ["killed", "stopped"])
@pytest.mark.parametrize(
    ("lost", "new", "restarts"), [(5, 20, 0), (5, 5, 0), (20, 5, 0), (5, 0, 0), (5, 20, 1), (5, 3, 2)]
)
def test_restored_card(
    tmp_path: Path, broker: Mosquitto, central: Central, end: str, restarts: int, lost: int, new: int
) -> None:
    path, image = tmp_path / "card" / "events.db", tmp_path / "image"
    words = path, tmp_path / "memory", tmp_path / "agent.err"
    with going_on(*words) as agent:
        expected = agent.keep(1, BEFORE)
        agent.deliver_to(broker)
        with LogReader(path) as log:
            first_log = log.head().log_id
        if end == "killed":
            shutil.copytree(path.parent, image)
            agent.kill()
        else:
            agent.stop()
            shutil.copytree(path.parent, image)
    with going_on(*words) as agent:
        expected += agent.keep(BEFORE + 1, BEFORE + lost)
        agent.deliver_to(broker)
        agent.kill() if end == "killed" else agent.stop()
    shutil.rmtree(path.parent)
    shutil.copytree(image, path.parent)
    # Without a broker for a while; more comes than was lost, or not.
    for run in range(restarts + 1):
        with going_on(*words) as agent:
            if new:
                expected += agent.keep(1000 * (run + 1), 1000 * (run + 1) + new - 1)
            if run < restarts:
                agent.kill()
                continue
            agent.deliver_to(broker)
            expected += agent.keep(9000, 9009)
            agent.do("delivered")
            wait_stored(central, expected)
            agent.stop()
    assert Counter(central.counts()) == Counter(expected)
    # Each number once, and the new log tells that it is one.
    bodies = [json.loads(body) for (body,) in central.rows("SELECT body FROM event ORDER BY log, seq")]
    old, new_log = sorted({body["log"] for body in bodies}, key=lambda log: log != first_log)
    assert old == first_log
    begun = [body for body in bodies if body["log"] == new_log]
    assert [body["seq"] for body in begun] == list(range(1, len(begun) + 1))
    assert (begun[0]["type"], begun[0]["cause"]) == ("agent.started", "new_log")
    assert len(asides(path, "superseded")) == 1
    assert (tmp_path / "agent.err").read_text().count("the card was restored") == 1


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_ordinary_restarts_are_none(tmp_path: Path, broker: Mosquitto, central: Central, end: str) -> None:
    """With events before the connection and after it, without one, and with one that is cut in between."""
    expected: list[int] = []
    words = tmp_path / "events.db", tmp_path / "memory", tmp_path / "agent.err"
    for run in range(1, 5):
        with going_on(*words) as agent:
            expected += agent.keep(100 * run, 100 * run + 9)
            if run != 3:
                agent.deliver_to(broker)
                expected += agent.keep(100 * run + 20, 100 * run + 29)
                agent.do("delivered")
                # The next connection of the same run finds what this one told.
                single("x", client_id=f"presence-{SITE}-{NAME}", hostname="127.0.0.1", port=broker.port)
                expected += agent.keep(100 * run + 40, 100 * run + 49)
                agent.do("delivered")
            agent.kill() if end == "killed" else agent.stop()
    wait_until(lambda: set(central.counts()) >= set(expected))
    assert Counter(central.counts()) == Counter(expected)
    assert len(central.rows("SELECT DISTINCT log FROM event")) == 1
    assert asides(tmp_path / "events.db", "superseded") == []
