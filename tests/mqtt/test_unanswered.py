"""A link on which a message stays unanswered is given up, whatever else comes on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from agent.errors import DeliveryError
from agent.eventlog.log import EventLog
from agent.mqtt import connection
from agent.mqtt import publisher as publisher_module
from agent.mqtt.connection import Message, PubAck
from tests.conftest import wait_until
from tests.mqtt.misbehaving import SUCCESS, Misbehaving, misbehaving
from tests.mqtt.publishing import make_now, publishing, to
from tests.patience import PATIENCE_S
from tests.samples import ROOT, SENDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(SENDER, tmp_path / "events.db") as opened:
        yield opened


@pytest.mark.parametrize("topic", ["/event/", "/status", "/info"])
def test_link_that_talks_and_answers_nothing_is_given_up(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, topic: str
) -> None:
    monkeypatch.setattr(connection, "ANSWER_WITHIN_S", 0.5)
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.05)
    log.append([make_now(number) for number in range(3)])
    broker = Misbehaving(lambda one: None if topic in one.topic else SUCCESS)
    broker.chatter = f"{ROOT}/cmd/replay", b"no request"
    with misbehaving(broker), publishing(to(broker.port), log, stop_s=0) as publisher:
        wait_until(lambda: len(broker.connected_s) == 2)
        broker.judge = lambda _: SUCCESS
        assert publisher.wait_delivered(PATIENCE_S)
    assert any("unanswered for 0.5 s" in one.getMessage() for one in caplog.records)


def test_one_message_never_answered_gives_the_link_up(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    # All others are answered: silence would never be long enough.
    monkeypatch.setattr(connection, "ANSWER_WITHIN_S", 0.5)
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.05)
    log.append([make_now(number) for number in range(3)])
    broker = Misbehaving(lambda one: None if b'"seq":2,' in one.payload else SUCCESS)
    broker.chatter = "other", b"x"
    with misbehaving(broker), publishing(to(broker.port), log, stop_s=0) as publisher:
        give_up_s = time.monotonic() + PATIENCE_S
        while len(broker.connected_s) < 2 and time.monotonic() < give_up_s:
            log.append([make_now(1)])
            publisher.update()
            time.sleep(0.05)
        broker.judge = lambda _: SUCCESS
        assert publisher.wait_delivered(PATIENCE_S)


def test_subscriber_that_is_never_answered_gives_the_link_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_WITHIN_S", 0.5)
    broker = Misbehaving(lambda _: SUCCESS, chatter=("other", b"x"), answers_subscriptions=False)
    with misbehaving(broker):
        reader = connection.Connection(to(broker.port), "presence-reader")
        reader.open()
        reader.subscribe("presence/#")
        with pytest.raises(DeliveryError, match="unanswered for"):
            heard_for(reader, PATIENCE_S)


def heard_for(reader: connection.Connection, within_s: float) -> None:
    give_up_s = time.monotonic() + within_s
    while time.monotonic() < give_up_s:
        reader.pump(0.1)


def test_answer_that_waited_while_this_side_was_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_WITHIN_S", 2)
    broker = Misbehaving(lambda _: SUCCESS, chatter=("other", b"x"))
    with misbehaving(broker):
        writer = connection.Connection(to(broker.port), "presence-writer")
        writer.open()
        mid = writer.publish(Message("topic", "x"))
        wait_until(lambda: len(broker.got) == 1)
        # It is there by now, behind or before what the broker says besides.
        time.sleep(2.2)
        reports: list[PubAck | Message] = []
        while PubAck(mid, None) not in reports:
            reports += writer.pump(1)
        writer.close()
