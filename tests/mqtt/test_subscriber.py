from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.publish import multiple, single

from agent.errors import DeliveryError
from agent.mqtt import subscriber as subscriber_module
from agent.mqtt.connection import Connection
from agent.mqtt.subscriber import Subscriber
from tests.conftest import Mosquitto, free_port, wait_until
from tests.mqtt.answering import answering
from tests.mqtt.publishing import to
from tests.patience import BUSY_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.mqtt.connection import Message

PROTOCOLS = pytest.mark.parametrize("protocol", [5, 311])


def say(broker: Mosquitto, *numbers: int) -> None:
    multiple(
        [("presence/test", str(number), 1, False) for number in numbers],
        hostname="127.0.0.1",
        port=broker.port,
    )


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.payload for message in messages]


def heard(subscriber: Subscriber, count: int, within_s: float = PATIENCE_S) -> list[Message]:
    messages: list[Message] = []
    give_up_s = time.monotonic() + within_s
    while len(messages) < count:
        assert time.monotonic() < give_up_s, texts(messages)
        messages += subscriber.pump(0.2)
    return messages


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_module, "_PAUSE_S", 0.1)


def make_subscriber(port: int, *, protocol: int = 5, keep_session_s: int | None = 600) -> Subscriber:
    return Subscriber(
        to(port, protocol), "central", ["presence/test"], threading.Event(), keep_session_s=keep_session_s
    )


@pytest.fixture
def subscribed(mosquitto: Mosquitto) -> Iterator[Subscriber]:
    subscriber = make_subscriber(mosquitto.port)
    subscriber.open()
    subscriber.pump(0.2)
    yield subscriber
    subscriber.close()


def test_kept_session_keeps_what_comes_meanwhile(mosquitto: Mosquitto, subscribed: Subscriber) -> None:
    subscribed.close()
    say(mosquitto, 1, 2)
    subscribed.open()
    assert texts(heard(subscribed, 2)) == ["1", "2"]


def test_no_session_keeps_nothing(mosquitto: Mosquitto) -> None:
    subscriber = make_subscriber(mosquitto.port, keep_session_s=None)
    subscriber.open()
    subscriber.pump(0.2)
    subscriber.close()
    say(mosquitto, 1)
    subscriber.open()
    assert subscriber.pump(0.5) == []
    say(mosquitto, 2)
    assert texts(heard(subscriber, 1)) == ["2"]
    subscriber.close()


@pytest.mark.usefixtures("quick")
@PROTOCOLS
def test_only_what_is_acknowledged_does_not_come_again(mosquitto: Mosquitto, protocol: int) -> None:
    subscriber = make_subscriber(mosquitto.port, protocol=protocol)
    subscriber.open()
    subscriber.pump(0.2)
    say(mosquitto, *range(30))
    # mosquitto has 20 on their way at once.
    first = heard(subscriber, 10)
    subscriber.acknowledge(first[:10])
    rest = heard(subscriber, 20 - len(first) + 10)
    assert texts([*first, *rest])[:30] == [str(number) for number in range(30)]
    subscriber.drop("to see what comes again")
    again = heard(subscriber, 20)
    assert texts(again) == [str(number) for number in range(10, 30)]
    # What came on the old connection can't be acknowledged on the new one by mistake.
    subscriber.acknowledge(again)
    subscriber.pump(0.2)
    subscriber.drop("once more")
    late: list[Message] = []
    while not subscriber.connected:
        late += subscriber.pump(0.1)
    assert [*late, *subscriber.pump(0.5)] == []
    subscriber.close()


def test_pauses_grow(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(subscriber_module, "_PAUSE_S", 0.2)
    monkeypatch.setattr(subscriber_module, "_LONGEST_PAUSE_S", 1.0)
    came: list[float] = []
    with answering(None, came=came) as port:
        subscriber = make_subscriber(port)
        give_up_s = time.monotonic() + PATIENCE_S
        while len(came) < 7:
            assert time.monotonic() < give_up_s
            assert subscriber.pump(0.05) == []
    pauses = [after - before for before, after in pairwise(came)]
    for pause, most_s in zip(pauses, (0.2, 0.4, 0.8, 1.0, 1.0, 1.0), strict=True):
        assert pause < most_s + BUSY_S
    # At least half of each; were they all as the first, they would be less than half of this.
    assert came[-1] - came[0] > 2.0
    # However often it fails, it is said once.
    assert len(caplog.records) == 1


def test_stop_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_module, "_PAUSE_S", 60)
    monkeypatch.setattr(subscriber_module, "_LONGEST_PAUSE_S", 60)
    stop = threading.Event()
    subscriber = Subscriber(to(free_port()), "central", [], stop)
    assert subscriber.pump(1) == []
    threading.Timer(0.2, stop.set).start()
    begin_s = time.monotonic()
    assert subscriber.pump(600) == []
    assert time.monotonic() - begin_s < PATIENCE_S


def test_open_without_broker() -> None:
    with pytest.raises(DeliveryError, match="nothing listens"):
        make_subscriber(free_port()).open()


@pytest.mark.usefixtures("quick")
def test_what_came_before_the_connection_broke_is_given(mosquitto: Mosquitto, subscribed: Subscriber) -> None:
    say(mosquitto, 1, 2, 3)
    time.sleep(0.3)
    mosquitto.stop()
    assert texts(subscribed.pump(1)) == ["1", "2", "3"]
    assert subscribed.pump(0) == []
    assert not subscribed.connected
    mosquitto.start()
    wait_until(lambda: subscribed.pump(0.1) == [] and subscribed.connected)
    single("presence/test", "4", 1, hostname="127.0.0.1", port=mosquitto.port)
    assert texts(heard(subscribed, 1)) == ["4"]


def test_messages_at_once_are_bounded(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_module, "_AT_ONCE", 5)
    subscriber = make_subscriber(mosquitto.port, keep_session_s=None)
    subscriber.open()
    subscriber.pump(0.2)
    say(mosquitto, *range(12))
    time.sleep(0.3)
    assert [len(subscriber.pump(0.2)) for _ in range(3)] == [5, 5, 2]
    subscriber.close()


@pytest.mark.usefixtures("quick")
@PROTOCOLS
def test_taken_connection_is_told_in_one_line(
    mosquitto: Mosquitto, protocol: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subscriber_module, "_LONGEST_PAUSE_S", 0.2)
    caplog.set_level("INFO", "agent")
    subscriber = make_subscriber(mosquitto.port, protocol=protocol)

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name.startswith("agent.")]

    for _ in range(8):
        wait_until(lambda: not subscriber.pump(0.02) and subscriber.connected)
        taker = Connection(to(mosquitto.port, protocol), "central")
        taker.open()
        wait_until(lambda: not subscriber.pump(0.02) and not subscriber.connected)
        taker.close()
    # How long it takes until that counts as over is not as it will be.
    monkeypatch.setattr("agent.mqtt.drops.QUIET_S", 0.5)
    wait_until(lambda: not subscriber.pump(0.02) and said()[-1].startswith("connected"))
    say(mosquitto, 1)
    assert texts(heard(subscriber, 1)) == ["1"]
    subscriber.close()
    (at,) = [number for number, line in enumerate(said()) if "taken or dropped 3 times" in line]
    assert at == 5
    assert len(said()) == at + 2
