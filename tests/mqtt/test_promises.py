"""Figures that those outside count on, as they meet them: a wrong one shows only after minutes or days."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from agent.central.schema import STALE_S
from agent.errors import DeliveryError
from agent.eventlog.failover import FailoverLog
from agent.eventlog.log import EventLog
from agent.eventlog.retention import Retention
from agent.mqtt import connection as mqtt
from agent.mqtt.connection import Broker, Connection, Message
from agent.mqtt.replays import Replays
from agent.mqtt.session import HEALTH_EVERY_S
from agent.mqtt.tls import tls_context
from agent.wire.client import KEEPALIVE_S
from tests.builders import make_at
from tests.mqtt.answering import listening
from tests.patience import PATIENCE_S
from tests.samples import ROOT, SENDER, make_entered

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

# --- what a broker is asked for ----------------------------------------------------------------------


def first_bytes(monkeypatch: pytest.MonkeyPatch, broker: Callable[[int], Broker], will: Message) -> bytes:
    """What a connection sends before anybody answered."""
    monkeypatch.setattr(mqtt, "_ANSWER_S", 0.5)
    came: list[bytes] = []
    done = threading.Event()

    def serve(server: socket.socket) -> None:
        with suppress(OSError), server.accept()[0] as connection:
            connection.settimeout(PATIENCE_S)
            came.append(connection.recv(4096))
            done.set()

    with listening(serve) as port:
        with pytest.raises(DeliveryError):
            Connection(broker(port), "presence-test", will).open()
        assert done.wait(PATIENCE_S)
    return came[0]


WILL = Message(f"{ROOT}/status", '{"state":"offline"}', retain=True)
_WILL, _WILL_QOS_1, _WILL_RETAIN = 0x04, 0x08, 0x20


@pytest.mark.parametrize("protocol", [5, 311])
def test_connect_asks_for_what_tells_that_the_agent_is_lost(
    monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    sent = first_bytes(monkeypatch, lambda port: Broker("127.0.0.1", port, protocol, tls=False), WILL)
    # After a packet's head and the protocol's name: its version, flags, and the keepalive in seconds.
    _, _, (version, flags, high, low, *_) = sent.partition(b"\x00\x04MQTT")
    assert version == (5 if protocol == 5 else 4)
    assert flags & (_WILL | _WILL_QOS_1 | _WILL_RETAIN) == _WILL | _WILL_QOS_1 | _WILL_RETAIN
    # A broker waits for one and a half of it: `offline` is there within 45 s.
    assert 256 * high + low == 30
    assert WILL.topic.encode() in sent


@pytest.mark.parametrize("protocol", [5, 311])
def test_connect_with_tls_says_nothing_before_it(monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    # Without a ca_file the system's authorities are asked; that is no reason to do without.
    sent = first_bytes(monkeypatch, lambda port: Broker("127.0.0.1", port, protocol, tls=True), WILL)
    handshake = 0x16
    assert sent[0] == handshake
    assert b"MQTT" not in sent


def test_tls_of_long_ago_is_not_spoken() -> None:
    context = tls_context(None, None, None)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_silent_broker_is_given_up_before_a_silent_agent() -> None:
    # Who waits for longer than the broker does would publish into a connection that is over.
    assert mqtt.ANSWER_WITHIN_S <= 1.5 * KEEPALIVE_S


def test_health_that_is_lost_once_or_twice_is_no_silence() -> None:
    assert 3 * HEALTH_EVERY_S <= STALE_S


# --- replays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [True, False])
def test_replays_one_at_a_time_and_at_most_four_wait(begun: bool) -> None:
    def ask(request: str) -> None:
        fields = {"log": "5f3a9c21", "from_seq": 1, "to_seq": 2, "request": request}
        replays.ask(Message(f"{ROOT}/cmd/replay", json.dumps(fields)))

    with EventLog(SENDER, None) as log:
        log.append([make_entered(1), make_entered(2)])
        replays = Replays(ROOT, lambda _: log)
        if begun:
            ask("begun")
            assert len(replays.next(1)) == 1
        # The first of them is the one whose turn it is.
        accepted = [f"waits-{number}" for number in range(4 if begun else 5)]
        refused = [f"too-much-{number}" for number in range(3)]
        for request in accepted + refused:
            ask(request)
        said = [(message.topic.rpartition("/")[2], message.payload) for message in replays.next(100)]
    assert [request for request, payload in said if '"refused":"busy"' in payload] == refused
    # Two events and a last word each.
    waited = [request for request in accepted for _ in range(3)]
    answered = [request for request, payload in said if "refused" not in payload]
    assert answered == (["begun"] * 2 if begun else []) + waited


# --- what a kill takes -------------------------------------------------------------------------------


def test_keeper_notes_each_minute_that_it_runs(tmp_path: Path) -> None:
    with (
        EventLog(SENDER, tmp_path / "events.db") as card,
        FailoverLog(card, SENDER, Retention(30, 200, delivers=False)) as keeper,
    ):
        keeper.append([make_entered(1, make_at(1000))], make_at(1000))
        notes = {}
        for second in range(1000, 1300):
            keeper.append([], make_at(second))
            notes[second] = card.alive
        # As long as nothing happens, a start after a kill finds a moment of the last minute.
        changes = [second for second, note in notes.items() if note != notes.get(second - 1)]
        assert [later - earlier for earlier, later in pairwise(changes)] == [60] * 4
        assert all(notes[second] for second in range(1060, 1300))
