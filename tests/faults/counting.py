"""A subscriber that is not ours: mosquitto_sub, whose lines are read."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

from agent.delivery.mqtt import Broker, Connection, Message
from tests.faults.processes import listens, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_READY = Message("ready", "ready", retain=True)


class MosquittoSub:
    """Subscribed from enter to exit to all events at a broker on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __enter__(self) -> Self:
        wait_until(lambda: listens(self._port), 10, "mosquitto listens")
        connection = Connection(Broker("127.0.0.1", self._port, tls=False), "presence-ready")
        connection.open()
        connection.publish(_READY)
        while not connection.pump(1.0):
            pass
        connection.close()
        # Filters are taken in their order: with the retained message of the last, the first one holds.
        self._process = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self._port), "-V", "5", "-q", "1",
             "-t", "presence/v1/+/+/event/#", "-t", _READY.topic, "-F", "%p"],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout
        first = self._process.stdout.readline()
        assert first == f"{_READY.payload}\n".encode(), first
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def payloads(self) -> Iterator[bytes]:
        """Of each event, until the process is ended."""
        assert self._process.stdout
        yield from self._process.stdout

    def end(self) -> None:
        """No more payloads."""
        self._process.kill()
