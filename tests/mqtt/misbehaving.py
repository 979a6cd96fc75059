"""A broker (MQTT 5) that refuses, forgets to answer, or talks without being asked, as a test tells it."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.mqtt.answering import listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUCCESS, UNSPECIFIED, NOT_AUTHORIZED, QUOTA, BAD_PAYLOAD = 0x00, 0x80, 0x87, 0x97, 0x99
_CONNECT, _PUBLISH, _SUBSCRIBE, _PINGREQ, _DISCONNECT = 1, 3, 8, 12, 14


@dataclass(slots=True)
class Published:
    """One message of a client: when, and what."""

    at_s: float
    topic: str
    payload: bytes


@dataclass
class Misbehaving:
    """What the broker does, and what it got.

    Attributes:
        judge: the reason code with which a message is answered; None: with nothing. Tests change it.
        chatter: a topic and payload that are sent ten times a second to whoever is connected.
        connected_s: when each client came.
    """

    judge: Callable[[Published], int | None]
    chatter: tuple[str, bytes] | None = None
    answers_subscriptions: bool = True
    port: int = 0
    got: list[Published] = field(default_factory=list)
    connected_s: list[float] = field(default_factory=list)
    bytes_in: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def events(self) -> list[Published]:
        return [one for one in list(self.got) if "/event/" in one.topic]

    def serve(self, server: socket.socket) -> None:
        threads = []
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=self._serve, args=[client]))
            threads[-1].start()
        self._done.set()
        for thread in threads:
            thread.join(10)

    def _serve(self, client: socket.socket) -> None:
        self.connected_s.append(time.monotonic())
        with client, suppress(OSError, EOFError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self._done.is_set():
                if select.select([client], [], [], 0.1)[0]:
                    self._answer(client, *self._packet(client))
                elif self.chatter:
                    topic, payload = self.chatter
                    body = struct.pack(">H", len(topic)) + topic.encode() + b"\0" + payload
                    client.sendall(b"\x30" + _length(len(body)) + body)

    def _packet(self, client: socket.socket) -> tuple[int, bytes]:
        head = self._read(client, 1)[0]
        length, shift = 0, 0
        while True:
            byte = self._read(client, 1)[0]
            length += (byte & 127) << shift
            shift += 7
            if byte < 128:
                return head >> 4, self._read(client, length)

    def _read(self, client: socket.socket, size: int) -> bytes:
        found = b""
        while len(found) < size:
            if not (more := client.recv(size - len(found))):
                raise EOFError
            found += more
        self.bytes_in += size
        return found

    def _answer(self, client: socket.socket, kind: int, body: bytes) -> None:
        if kind == _CONNECT:
            client.sendall(b"\x20\x03\0\0\0")
        elif kind == _SUBSCRIBE and self.answers_subscriptions:
            client.sendall(b"\x90\x04" + body[:2] + b"\0\x01")
        elif kind == _PINGREQ:
            client.sendall(b"\xd0\0")
        elif kind == _DISCONNECT:
            raise EOFError
        elif kind == _PUBLISH:
            size = struct.unpack(">H", body[:2])[0] + 2
            one = Published(time.monotonic(), body[2:size].decode(), body[size + 3 :])
            self.got.append(one)
            if (code := self.judge(one)) is not None:
                client.sendall(b"\x40\x04" + body[size : size + 2] + bytes([code, 0]))


def _length(number: int) -> bytes:
    found = b""
    while True:
        number, low = divmod(number, 128)
        found += bytes([low | (128 if number else 0)])
        if not number:
            return found


@contextmanager
def misbehaving(broker: Misbehaving) -> Iterator[Misbehaving]:
    """Run it on a port of loopback."""
    with listening(broker.serve) as port:
        broker.port = port
        yield broker
