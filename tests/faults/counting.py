"""A subscriber that is not ours: mosquitto_sub, whose lines are read."""

from __future__ import annotations

import subprocess
from threading import Thread
from typing import TYPE_CHECKING, Self

from agent.mqtt.connection import Broker, Connection, Message
from tests.faults.processes import listens, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_READY = Message("ready", "ready", retain=True)
# Who sends may have ended; then nothing more comes, and that is not waited for for ever.
_MOST_S = 900


class MosquittoSub:
    """Subscribed from enter to exit to all events at a broker on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        wait_until(lambda: listens(self._port), 10, "mosquitto listens")
        connection = Connection(Broker("127.0.0.1", self._port, 5, tls=False), "presence-ready")
        connection.open()
        connection.publish(_READY)
        while not connection.pump(1.0):
            pass
        connection.close()
        # Filters are taken in their order: with the retained message of the last, the first one holds.
        self._process = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self._port), "-V", "5", "-q", "1",
             "-W", str(_MOST_S), "-t", "presence/v1/+/+/event/#", "-t", _READY.topic, "-F", "%p"],
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
        self._process.wait()
        if self._thread:
            self._thread.join()
        if self._process.stdout:
            self._process.stdout.close()

    def payloads(self) -> Iterator[bytes]:
        """Of each event, as they come."""
        assert self._process.stdout
        while line := self._process.stdout.readline():
            yield line

    def each(self, take: Callable[[bytes], None]) -> None:
        """Have the payload of each event taken by a thread."""

        def taking() -> None:
            for payload in self.payloads():
                take(payload)

        self._thread = Thread(target=taking)
        self._thread.start()
