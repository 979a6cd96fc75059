"""Warnings before the agent's own certificate ends, with a real broker's authority."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from agent.health.certificate import CertificateHealth
from agent.mqtt.certificates import certificate_ends
from agent.wire.payloads import utc_text
from tests.broker import CentralBroker
from tests.conftest import wait_until, write_config
from tests.mqtt.test_certificates import made

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Agent, Listener


@pytest.mark.parametrize(
    ("days", "soon", "word"),
    [
        pytest.param(-31, False, None, id="good"),
        pytest.param(-30.0, True, "WARNING", id="thirty-days"),
        pytest.param(-1 / 24, True, "WARNING", id="an-hour"),
        pytest.param(0, True, "ERROR", id="now"),
        pytest.param(400, True, "ERROR", id="ended"),
    ],
)
def test_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: float, soon: bool, word: str | None
) -> None:
    health = CertificateHealth()
    assert health.ends_soon(datetime.now(UTC)) is False
    health.file = made(tmp_path, "-days", "90")
    now = certificate_ends(health.file) + timedelta(days=days)
    assert [health.ends_soon(now) for _ in range(3)] == [soon] * 3
    assert [record.levelname for record in caplog.records] == ([word] if word else [])


def test_end_is_told_again_and_is_over_with_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    health = CertificateHealth()
    health.file = made(tmp_path, "-days", "7")
    now = datetime.now(UTC)
    assert health.ends_soon(now)
    assert health.ends_soon(now + timedelta(days=8))
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    made(tmp_path, "-days", "90")
    assert health.ends_soon(now) is False
    health.file.unlink()
    assert health.ends_soon(now) is None


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(("days", "soon"), [(20, True), (2000, False)])
def test_run_with_a_certificate(
    start_agent: Callable[[Path], Agent],
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
    days: int,
    soon: bool,
) -> None:
    broker = CentralBroker(tmp_path)
    broker.start()
    try:
        account = broker.add_certified("test", "yard")
        broker.certificates("device", "test", "yard", "--days", str(days))
        reader = broker.add("reader", "dash")
        config = write_config(tmp_path, vtest, port=broker.certificate_port)
        config.write_text(
            config.read_text().replace(
                "tls = false",
                f'ca_file = "{broker.ca_file}"\ncertificate_file = "{account.certificate_file}"\n'
                f'key_file = "{account.key_file}"',
            )
        )
        words = ["--cafile", str(broker.ca_file), "-u", "dash", "-P", reader.password]
        listener = listen(broker.port, *words)
        agent = start_agent(config)

        def told(name: str) -> list[dict[str, object]]:
            return [one.json for one in listener.heard() if one.topic == f"presence/v1/test/yard/{name}"]

        wait_until(lambda: bool(told("health")))
        assert account.certificate_file
        ends = certificate_ends(account.certificate_file)
        assert abs(ends - datetime.now(UTC) - timedelta(days=days)) < timedelta(days=1)
        assert told("info")[-1]["certificate_ends"] == utc_text(ends)
        assert ("certificate_ends" in str(told("health")[-1]["reasons"])) == soon
        assert agent.end(signal.SIGTERM) == 0
        said = [line for line in agent.said().splitlines() if "have a new one made" in line]
        assert len(said) == soon
    finally:
        broker.stop()
