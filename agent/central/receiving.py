"""Loop of a receiver: what a broker passes on is stored, then acknowledged, and what is missing asked for."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from agent.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from agent.central.receiver import Receiver
    from agent.central.retention import StoreRetention
    from agent.mqtt.subscriber import Subscriber

_WAIT_S = 0.25
_AGAIN_S = 1.0


def receive(
    subscriber: Subscriber,
    receiver: Receiver,
    retention: StoreRetention,
    stop: Event,
    is_over: Callable[[], bool] = lambda: False,
) -> bool:
    """Store what comes and ask for what is missing, until told to stop; whether it was over before.

    Args:
        subscriber: of the broker.
        receiver: loaded.
        retention: of the same store.
        stop: ends it.
        is_over: asked after each batch.
    """
    while not stop.is_set():
        messages = subscriber.pump(_WAIT_S)
        try:
            if messages:
                receiver.receive(messages)
        except LogError as error:
            # Not acknowledged, so the broker sends it again on the next connection.
            subscriber.drop(f"{error} Nothing is lost: it stays with the broker")
            while not stop.wait(_AGAIN_S) and not _loaded(receiver):
                pass
            continue
        subscriber.acknowledge(messages)
        if subscriber.connected:
            for request in receiver.next_requests():
                subscriber.publish(request)
        retention.delete_due(monotonic())
        if is_over():
            return True
    return False


def _loaded(receiver: Receiver) -> bool:
    """Whether the store can be read again."""
    try:
        receiver.load()
    except LogError:
        return False
    return True
