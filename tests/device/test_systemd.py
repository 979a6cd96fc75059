from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from agent.device.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ABSTRACT = "abstract"
WATCHDOG = {"WATCHDOG_USEC": "90000000"}


class Listener:
    """A socket like systemd's, and a clock that the test sets."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.sock = sock
        self.now_s = 100.0
        self.environment = {"NOTIFY_SOCKET": name}

    def systemd(self, more: dict[str, str] | None = None) -> Systemd:
        return Systemd({**self.environment, **(more or {})}, lambda: self.now_s)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.sock.recv(4096).decode())
            except BlockingIOError:
                return messages


@contextmanager
def listening(name: str) -> Iterator[Listener]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        yield Listener(sock, name)


@pytest.fixture(params=["path", ABSTRACT])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    name = f"@presence-test-{os.getpid()}" if request.param == ABSTRACT else str(tmp_path / "notify")
    with listening(name) as made:
        yield made


def test_ready_said_once_with_status(listener: Listener) -> None:
    systemd = listener.systemd()
    assert systemd.ready("sees")
    assert systemd.ready("sees")
    assert listener.heard() == ["READY=1", "STATUS=sees"]


def test_status_several_lines_one(listener: Listener) -> None:
    systemd = listener.systemd()
    systemd.status("đèn\nREADY=1")
    systemd.status("đèn READY=1")
    assert listener.heard() == ["STATUS=đèn READY=1"]


def test_watchdog_fed_at_most_once_a_second(listener: Listener) -> None:
    systemd = listener.systemd(WATCHDOG)
    for _ in range(25):
        systemd.frame_went_through()
        listener.now_s += 0.1
    assert listener.heard() == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    "environment",
    [
        {},  # the unit has no watchdog
        {**WATCHDOG, "WATCHDOG_PID": "1"},  # it is another process's
        {"WATCHDOG_USEC": "soon"},
    ],
)
def test_watchdog_none_not_fed(listener: Listener, environment: dict[str, str]) -> None:
    systemd = listener.systemd(environment)
    systemd.ready()
    systemd.frame_went_through()
    systemd.waiting()
    assert listener.heard() == ["READY=1"]


def test_waiting_puts_off_start_then_watchdog(listener: Listener) -> None:
    systemd = listener.systemd(WATCHDOG)
    systemd.waiting(60)
    systemd.waiting(60)
    systemd.ready()
    listener.now_s += 1
    systemd.waiting(60)
    assert listener.heard() == ["EXTEND_TIMEOUT_USEC=60000000", "READY=1", "WATCHDOG_USEC=270000000"]


def test_reload_told_with_its_time(listener: Listener) -> None:
    systemd = listener.systemd()
    systemd.ready()
    before = time.monotonic_ns() // 1000
    systemd.reloading()
    systemd.reloaded()
    systemd.stopping()
    _, reloading, *after = listener.heard()
    first, stamp = reloading.split("\n")
    assert first == "RELOADING=1"
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    assert after == ["READY=1", "STOPPING=1"]


def test_reload_before_ready_says_nothing(listener: Listener) -> None:
    systemd = listener.systemd()
    systemd.reloading()
    systemd.reloaded()
    assert listener.heard() == []


@pytest.mark.parametrize("name", ["", "/nowhere/at/all", "@presence-nobody", "vsock:2:1234", "/" + "x" * 200])
def test_nobody_listens_goes_on(name: str) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": name, **WATCHDOG})
    assert not systemd.ready("sees")
    systemd.frame_went_through()
    systemd.waiting()
    systemd.reloading()
    systemd.reloaded()
    systemd.stopping()


def test_ready_unheard_said_again(listener: Listener) -> None:
    systemd = listener.systemd()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        name = listener.environment["NOTIFY_SOCKET"]
        other.connect(f"\0{name[1:]}" if name.startswith("@") else name)
        with suppress(BlockingIOError):
            while True:
                other.send(b"X=1")
    # The socket's queue is full: it is not waited for.
    assert not systemd.ready()
    listener.heard()
    assert systemd.ready()
    assert listener.heard() == ["READY=1"]
