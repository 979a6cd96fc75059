from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from paho.mqtt.publish import single

from tests.conftest import Mosquitto, Ran, write_config
from tests.mqtt.test_session import retained, status
from tests.samples import info_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROOT = "presence/v1/test/yard"
HOME = "homeassistant/device/test_yard/config"


def leave_behind(broker: Mosquitto, *, state: str = "offline", info: bool = True) -> None:
    """What an agent that is gone has left."""
    kept = {f"{ROOT}/status": status("5f3a9c21", state=state), f"{ROOT}/health": "{}", HOME: "{}",
            f"{ROOT}/state/gate": "{}", f"{ROOT}/state/desk": "{}"}  # fmt: skip
    if info:
        kept[f"{ROOT}/info"] = info_text("5f3a9c21", "0a0b0c0d")
    for topic, payload in {**kept, "presence/v1/test/yard-2/status": "{}"}.items():
        single(topic, payload.encode(), 1, retain=True, hostname="127.0.0.1", port=broker.port)


def url(broker: Mosquitto) -> str:
    return f"mqtt://127.0.0.1:{broker.port}"


def test_retire(mosquitto: Mosquitto, presence_agent: Callable[..., Ran]) -> None:
    leave_behind(mosquitto)
    ran = presence_agent("retire", "--site", "test", "--name", "yard", "--broker", url(mosquitto))
    assert (ran.code, ran.err) == (0, "")
    assert f"cleared {ROOT}/state/desk" in ran.out
    assert list(retained(mosquitto)) == ["presence/v1/test/yard-2/status"]


@pytest.mark.parametrize("protocol", ["5", "311"])
def test_retire_with_the_rights_of_the_agent(
    start_mosquitto: Callable[..., Mosquitto],
    presence_agent: Callable[..., Ran],
    tmp_path: Path,
    protocol: str,
) -> None:
    # It may write its states and not read them: their rules are in its configuration.
    acl = tmp_path / "acl"
    acl.write_text("".join(f"topic write {ROOT}/{one}\n" for one in ("status", "info", "health", "state/#"))
                   + f"topic read {ROOT}/status\ntopic read {ROOT}/health\ntopic write {HOME}\n")  # fmt: skip
    acl.chmod(0o600)
    broker = start_mosquitto(f"allow_anonymous true\nacl_file {acl}")
    leave_behind(broker)
    config = write_config(tmp_path, "x.avi", port=broker.port, more=f"protocol = {protocol}")
    ran = presence_agent("retire", "--site", "test", "--name", "yard", "--config", config)
    assert (ran.code, ran.err) == (0, "")
    assert [line.removeprefix("cleared ").removeprefix(f"{ROOT}/") for line in ran.out.splitlines()] == [
        HOME, "health", "info", "state/gate", "state/yard", "status",
    ]  # fmt: skip


@pytest.mark.parametrize("protocol", ["5", "311"])
def test_retire_leaves_the_hours_of_the_centre_to_it(
    start_mosquitto: Callable[..., Mosquitto],
    presence_agent: Callable[..., Ran],
    tmp_path: Path,
    protocol: str,
) -> None:
    # Whoever gets the name next would go by them.
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite presence/#\n")
    acl.chmod(0o600)
    broker = start_mosquitto(f"allow_anonymous true\nacl_file {acl}")
    hours = f"{ROOT}/cmd/calendar"
    leave_behind(broker)
    single(hours, b'{"v":1,"hours":[]}', 1, retain=True, hostname="127.0.0.1", port=broker.port)
    rights = "".join(f"topic write {ROOT}/{one}\n" for one in ("status", "info", "health", "state/#"))
    acl.write_text(f"{rights}topic read presence/#\ntopic write {HOME}\n")
    broker.reload()
    words = ("retire", "--site", "test", "--name", "yard", "--broker", url(broker), "--protocol", protocol)
    ran = presence_agent(*words)
    assert ran.code == 1
    assert f"clear {hours}; all else is cleared" in ran.err
    acl.write_text("topic readwrite #\n")
    broker.reload()
    ran = presence_agent(*words)
    assert (ran.code, ran.err) == (0, "")
    assert hours not in retained(broker)


def test_retire_while_online(mosquitto: Mosquitto, presence_agent: Callable[..., Ran]) -> None:
    leave_behind(mosquitto, state="online")
    ran = presence_agent("retire", "--site", "test", "--name", "yard", "--broker", url(mosquitto))
    assert ran.code == 1
    assert "stop that agent first" in ran.err
    assert f"{ROOT}/status" in retained(mosquitto)


@pytest.mark.parametrize("protocol", ["5", "311"])
def test_retire_refused(
    start_mosquitto: Callable[..., Mosquitto],
    presence_agent: Callable[..., Ran],
    tmp_path: Path,
    protocol: str,
) -> None:
    # With MQTT 3.1.1 the refusal is seen only by what is still there.
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite presence/#\n")
    acl.chmod(0o600)
    broker = start_mosquitto(f"allow_anonymous true\nacl_file {acl}")
    leave_behind(broker)
    acl.write_text("topic read presence/#\n")
    broker.reload()
    ran = presence_agent("retire", "--site", "test", "--name", "yard", "--broker", url(broker),
                         "--protocol", protocol)  # fmt: skip
    assert ran.code == 1
    assert "does not let this account clear" in ran.err
    assert f"{ROOT}/status" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["--site", "Test", "--name", "yard"],
        ["--site", "test", "--name", "#"],
        ["--site", "test", "--name", "yard", "--rule", "+"],
        ["--site", "test", "--name", "yard", "--broker", "http://x"],
    ],
)
def test_retire_bad_arguments(presence_agent: Callable[..., Ran], words: list[str]) -> None:
    ran = presence_agent("retire", *words)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(("name", "told"), [("n" * 32, True), ("n" * 31, False)])
def test_retire_names_too_long_together(
    mosquitto: Mosquitto, presence_agent: Callable[..., Ran], name: str, *, told: bool
) -> None:
    ran = presence_agent("retire", "--site", "s" * 29, "--name", name, "--broker", url(mosquitto))
    assert ("61 characters together" in ran.err) == told
    assert ran.code == (2 if told else 0)


def test_retire_without_broker(presence_agent: Callable[..., Ran], tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi")
    ran = presence_agent("retire", "--site", "test", "--name", "yard", "--config", config)
    assert ran.code == 2
    assert "no [mqtt]" in ran.err
