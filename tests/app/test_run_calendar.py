"""The service and a real broker: working hours that the centre sets, over restarts and without it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.publish import single

from agent.app.central_calendar import digest_of, kept_at
from agent.config.load import load
from agent.config.models import digest
from tests.conftest import wait_until, write_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Agent, Listener, Mosquitto

pytestmark = pytest.mark.usefixtures("weights")

ROOT = "presence/v1/test/yard"
REFUSED = "received on cmd/calendar were refused"
FILE = """
[[hours]]
days = ["mon"]
periods = [["08:00", "12:00"]]
"""
FILE_HOURS = [{"days": ["mon"], "periods": [["08:00", "12:00"]]}]
NO_DAYS: dict[str, object] = {"country": None, "holidays": [], "workdays": []}
HOURS = [{"days": ["mon", "sun"], "periods": [["07:15", "11:45"], ["13:00", "16:30"]]}]
CENTRE = json.dumps({"v": 1, "hours": HOURS, "calendar": {"holidays": ["2027-01-08"]}})
OTHER = json.dumps({"v": 1, "hours": []})


def send(broker: Mosquitto, text: str | bytes) -> None:
    single(f"{ROOT}/cmd/calendar", text, 1, retain=True, hostname="127.0.0.1", port=broker.port)


def infos(listener: Listener) -> list[dict[str, Any]]:
    return [message.json for message in listener.heard() if message.topic == f"{ROOT}/info"]


def in_force(listener: Listener) -> tuple[object, ...] | None:
    told = infos(listener)
    return (told[-1]["hours"], told[-1]["calendar"], told[-1].get("calendar_digest")) if told else None


AS_IN_FILE = (FILE_HOURS, NO_DAYS, None)
AS_THE_CENTRE_SET = (HOURS, {**NO_DAYS, "holidays": ["2027-01-08"]}, digest_of(CENTRE))


def last_health(said: str) -> str:
    return said.rpartition("health verdict=")[2].partition("\n")[0]


def test_calendar_over_restarts(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, vtest, port=mosquitto.port, more=FILE)
    listener = listen(mosquitto.port)
    agent = start_agent(config)
    wait_until(lambda: in_force(listener) == AS_IN_FILE)
    # In force without a restart.
    send(mosquitto, CENTRE)
    wait_until(lambda: in_force(listener) == AS_THE_CENTRE_SET)
    assert infos(listener)[-1]["calendar_since"] >= infos(listener)[-2]["ts"]
    assert {info["session"] for info in infos(listener)} == {infos(listener)[0]["session"]}
    # After a kill, and without a broker.
    agent.end(signal.SIGKILL)
    mosquitto.stop()
    agent = start_agent(config)
    wait_until(lambda: agent.said().count("are what the centre set") == 2)
    # A broker that was set up again has nothing; which is no word of the centre's.
    mosquitto.start()
    later = listen(mosquitto.port)
    wait_until(lambda: in_force(later) == AS_THE_CENTRE_SET)
    since = infos(listener)[-1]["calendar_since"]
    assert infos(later)[-1]["calendar_since"] == since
    send(mosquitto, OTHER)
    wait_until(lambda: in_force(later) == ([], NO_DAYS, digest_of(OTHER)))
    send(mosquitto, b"")
    wait_until(lambda: in_force(later) == AS_IN_FILE)
    assert "calendar_since" not in infos(later)[-1]
    assert not kept_at(load(config).log.path).exists()
    assert {info["config_digest"] for info in infos(later)} == {digest(load(config))}
    assert agent.end(signal.SIGTERM) == 0
    # What happened once was said once.
    told = [info.get("calendar_digest") for info in infos(later)]
    assert told == [digest_of(CENTRE), digest_of(OTHER), None]


def test_calendar_that_comes_again_at_each_connection(
    start_agent: Callable[[Path], Agent],
    start_mosquitto: Callable[..., Mosquitto],
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
) -> None:
    broker = start_mosquitto(
        f"allow_anonymous true\npersistence true\npersistence_location {tmp_path}/\nautosave_interval 1"
    )
    send(broker, CENTRE)
    config = write_config(tmp_path, vtest, port=broker.port, more=FILE)
    listener = listen(broker.port)
    agent = start_agent(config)
    wait_until(lambda: in_force(listener) == AS_THE_CENTRE_SET)
    written_ns = kept_at(load(config).log.path).stat().st_mtime_ns
    for restarts in (2, 3):
        broker.stop()
        broker.start()
        wait_until(lambda restarts=restarts: agent.said().count("connected to the broker") >= restarts)  # type: ignore[misc]
    later = listen(broker.port)
    wait_until(lambda: in_force(later) == AS_THE_CENTRE_SET)
    assert agent.end(signal.SIGTERM) == 0
    assert agent.said().count("are what the centre set") == 1
    assert kept_at(load(config).log.path).stat().st_mtime_ns == written_ns


@pytest.mark.parametrize("protocol", [5, 311])
def test_calendar_that_was_cleared_while_the_agent_was_away(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
    protocol: int,
) -> None:
    config = write_config(tmp_path, vtest, port=mosquitto.port, more=f"protocol = {protocol}{FILE}")
    listener = listen(mosquitto.port)
    send(mosquitto, CENTRE)
    agent = start_agent(config)
    wait_until(lambda: in_force(listener) == AS_THE_CENTRE_SET)
    assert agent.end(signal.SIGTERM) == 0
    send(mosquitto, b"")
    agent = start_agent(config)
    wait_until(lambda: in_force(listener) == AS_IN_FILE)
    assert agent.end(signal.SIGTERM) == 0
    assert "the centre cleared what it had set" in agent.said()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "not JSON", id="no-json"),
        pytest.param(
            json.dumps({"v": 1, "hours": HOURS, "log": {"keep_days": 1}}), "[log] is unknown", id="key"
        ),
        pytest.param("[" * 1_000_000, "longer than 64 kB", id="hostile"),
    ],
)
def test_calendar_that_is_not_valid(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
    text: str | bytes,
    words: str,
) -> None:
    config = write_config(tmp_path, vtest, port=mosquitto.port, more=FILE)
    listener = listen(mosquitto.port)
    send(mosquitto, CENTRE)
    agent = start_agent(config)
    wait_until(lambda: in_force(listener) == AS_THE_CENTRE_SET)
    send(mosquitto, text)
    # The machine may have other troubles, too.
    wait_until(lambda: "calendar_refused" in agent.said())
    (said,) = [line for line in agent.said().splitlines() if REFUSED in line]
    assert words in said
    # It is retained, so that whoever starts hears it too: in health at once.
    assert agent.end(signal.SIGTERM) == 0
    before = len(agent.said())
    agent = start_agent(config)
    wait_until(lambda: agent.said().count(REFUSED) == 2)
    # What is mended before health is judged again, within a second, is never told by it.
    wait_until(lambda: "calendar_refused" in last_health(agent.said()[before:]))
    assert "health verdict=degraded" in agent.said()[before:]
    assert in_force(listener) == AS_THE_CENTRE_SET
    send(mosquitto, OTHER)
    wait_until(lambda: in_force(listener) == ([], NO_DAYS, digest_of(OTHER)))
    wait_until(lambda: "calendar_refused" not in last_health(agent.said()))
    assert agent.end(signal.SIGTERM) == 0


def test_calendar_wins_over_a_file_that_is_read_again(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, vtest, port=mosquitto.port, more=FILE)
    listener = listen(mosquitto.port)
    send(mosquitto, CENTRE)
    agent = start_agent(config)
    wait_until(lambda: in_force(listener) == AS_THE_CENTRE_SET)
    write_config(tmp_path, vtest, port=mosquitto.port, more=FILE.replace("08:00", "09:00"))
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: infos(listener)[-1]["config_digest"] == digest(load(config)))
    assert in_force(listener) == AS_THE_CENTRE_SET
    send(mosquitto, b"")
    wait_until(
        lambda: in_force(listener) == ([{"days": ["mon"], "periods": [["09:00", "12:00"]]}], NO_DAYS, None)
    )
    assert agent.end(signal.SIGTERM) == 0
