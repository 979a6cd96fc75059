"""The other end: what a broker passes on, for as long as it is wanted."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from agent.delivery.mqtt import Connection, Message
from agent.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from threading import Event

    from agent.delivery.mqtt import Broker

_log = logging.getLogger(__name__)

_PAUSE_S = 2.0


def received(broker: Broker, topics: Sequence[str], stop: Event) -> Iterator[Message]:
    """Yield messages until told to stop; a connection that is lost later is made again.

    Raises:
        DeliveryError: there is no connection to begin with.
    """
    been_there = False
    while not stop.is_set():
        connection = Connection(broker, f"presence-watch-{secrets.token_hex(4)}")
        try:
            connection.open()
        except DeliveryError:
            if not been_there:
                raise
            stop.wait(_PAUSE_S)
            continue
        been_there = True
        _log.info("connected to the broker %s", broker)
        try:
            for topic in topics:
                connection.subscribe(topic)
            while not stop.is_set():
                for report in connection.pump(0.5):
                    if isinstance(report, Message):
                        yield report
        except DeliveryError as error:
            _log.warning("%s; trying again", error)
            stop.wait(_PAUSE_S)
        finally:
            connection.close()
