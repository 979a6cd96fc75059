"""Whatever anybody publishes on an agent's own topics, it goes on, and answers who asks it properly."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.publish import multiple

from agent.eventlog.log import EventLog
from agent.mqtt.connection import Connection, Message, PubAck
from agent.mqtt.publish_state import Callbacks
from tests.mqtt.publishing import make_now, make_zone, publishing, to
from tests.patience import PATIENCE_S
from tests.samples import ROOT, SENDER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Mosquitto

TOPICS = (f"{ROOT}/status", f"{ROOT}/health", f"{ROOT}/cmd/replay", "homeassistant/status")
GOOD: dict[str, Any] = {
    "log": "5f3a9c21",
    "session": "c01dbeef",
    "from_seq": 1,
    "to_seq": 3,
    "request": "x",
    "last_seq": 9,
}
VALUES: list[Any] = [None, [], {}, -1, 2**70, 1e308, True, "", "a\nb", "\ud800", "\x1b[2J", "+/#", "x" * 400]
PAYLOADS = [
    b"",
    b"\xff\xfe\x00",
    b"\x00" * 1000,
    b"null",
    b"[" * 100_000,
    b'{"log":' * 50_000,
    b"9" * 100_000,
    b'"' + b"x" * 200_000 + b'"',
    *(json.dumps({**GOOD, key: value}).encode() for key in GOOD for value in VALUES),
]


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("protocol", [5, 311])
def test_hostile_payloads(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture, protocol: int, *, retain: bool
) -> None:
    discovery = Message("homeassistant/device/x/config", "{}", retain=True)
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_now(number) for number in range(3)])
        callbacks = Callbacks(discovery=lambda _: discovery)
        with publishing(
            to(mosquitto.port, protocol), log, make_zone("waiting", 1), callbacks=callbacks
        ) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
            say(mosquitto, [(topic, payload, retain) for topic in TOPICS for payload in PAYLOADS])
            answers = replayed(mosquitto, log.log_id)
            log.append([make_now(9)])
            publisher.update()
            assert publisher.wait_delivered(PATIENCE_S)
            assert publisher.failure is None
    assert [answer.get("seq") for answer in answers] == [1, 2, 3, None]
    assert answers[-1]["done"] is True
    # A terminal that shows the journal is safe from them.
    said = [record.getMessage() for record in caplog.records if record.name.startswith("agent")]
    assert any("a message on cmd/replay is ignored" in line for line in said)
    assert all(line.isprintable() for line in said)


def say(broker: Mosquitto, messages: list[tuple[str, bytes, bool]]) -> None:
    packets = [(topic, payload, 1, retain) for topic, payload, retain in messages]
    multiple([*packets], hostname="127.0.0.1", port=broker.port)


def replayed(broker: Mosquitto, log_id: str) -> list[dict[str, Any]]:
    """Ask properly, and wait for the four messages of the answer."""
    reader = Connection(to(broker.port), "presence-reader")
    reader.open()
    subscribed = reader.subscribe(f"{ROOT}/replay/after-all", needed=False)
    there, answers = False, list[str]()
    asked = {"log": log_id, "from_seq": 1, "to_seq": 3, "request": "after-all"}
    give_up_s = time.monotonic() + PATIENCE_S
    ask_at_s = 0.0
    while len(answers) < 4 and time.monotonic() < give_up_s:
        reports = reader.pump(0.1)
        answers += [report.payload for report in reports if isinstance(report, Message)]
        there = there or any(isinstance(report, PubAck) and report.mid == subscribed for report in reports)
        if there and not answers and time.monotonic() >= ask_at_s:
            # Some of the hostile ones are requests too; while they wait, there is no room for more.
            ask_at_s = time.monotonic() + 2
            say(broker, [(f"{ROOT}/cmd/replay", json.dumps(asked).encode(), False)])
    reader.close()
    return [json.loads(answer) for answer in answers[:4]]
