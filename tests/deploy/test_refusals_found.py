"""With MQTT 3.1.1 a refused publish looks like success: counting event numbers finds it, and asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.eventlog.log import EventLog
from tests.conftest import wait_until
from tests.deploy.test_refusals import Place, said, without_rights
from tests.deploy.test_subscriber import Central, subscriber_of
from tests.mqtt.publishing import make_now, publishing
from tests.patience import PATIENCE_S
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.broker import CentralBroker

__all__ = ["subscriber_of"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("protocol", [5, 311])
def test_rights_taken_while_connected(
    central: CentralBroker,
    subscriber_of: Callable[..., Central],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("agent.mqtt.refused_events.FIRST_PAUSE_S", 1.0)
    place = Place(central, tmp_path, certified=False)
    assert place.hub.password_file
    receiver = subscriber_of(
        central.port, "--broker", f"mqtts://hub@127.0.0.1:{central.port}",
        "--password-file", place.hub.password_file, "--ca-file", central.ca_file,
    )  # fmt: skip
    receiver.started()
    with (
        EventLog(SENDER, tmp_path / "events.db") as log,
        publishing(place.seen(protocol), log) as publisher,
    ):
        log.append([make_now(number) for number in range(3)])
        publisher.update()
        wait_until(lambda: receiver.seqs(log.log_id) == [1, 2, 3])

        without_rights(central, "/event/#")
        log.append([make_now(number) for number in range(3, 8)])
        publisher.update()
        if protocol == 5:
            wait_until(lambda: any("does not let this agent publish" in line for line in said(caplog)))
        else:
            # The broker said that it has them.
            assert publisher.wait_delivered(PATIENCE_S)
            assert said(caplog) == []
        assert receiver.seqs(log.log_id) == [1, 2, 3]

        central.account("rights")
        log.append([make_now(8)])
        publisher.update()
        wait_until(lambda: receiver.seqs(log.log_id) == list(range(1, 10)))
