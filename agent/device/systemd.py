"""Notifications to systemd (man 3 sd_notify); none where no systemd listens."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STEP_S = 1.0
# Factor of the watchdog's time while the camera gives no pictures: recovery takes longer than a hang may.
LONGER = 3
# If fewer frame periods fit into the watchdog's time, the longer time holds throughout.
_FEWEST = 6
_START_S = 90.0
# Prefix of the status line of a service that ended because of a fault.
ENDED = "ended: "


class Systemd:
    """The service's side of `Type=notify`; never waits and never raises.

    The watchdog is fed by frames that went through and by nothing else. When there are no more, `no_frame`
    gives the camera thrice its time to come back, once. While it can't even be opened, `waiting` puts off
    the end of systemd's patience: with the start before READY, the watchdog's afterwards.
    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Take from the environment where systemd listens, and its watchdog's time."""
        address = environment.get("NOTIFY_SOCKET", "")
        # An abstract socket, which has no file, is written with an '@'.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_usec = _watchdog_usec(environment)
        self._now_s = now_s
        self._ready = False
        self._reloading = False
        self._longer = False
        self._fed_s = self._waited_s = float("-inf")
        self._status: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether READY=1 was sent."""
        return self._ready

    def ready(self, status: str | None = None) -> bool:
        """Send READY=1, and the status line if given; return whether READY=1 was sent, now or before."""
        if not self._ready:
            self._ready = self._send("READY=1")
        if status is not None:
            self.status(status)
        return self._ready

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows; sent only when it changes."""
        line = " ".join(text.split())
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def frame_went_through(self, every_s: float = 0.0) -> None:
        """Feed the watchdog, at most once a second; `every_s`: seconds from frame to frame."""
        now_s = self._now_s()
        if not self._watchdog_usec or now_s - self._fed_s < _STEP_S:
            return
        # Setting WATCHDOG_USEC restarts the watchdog's time.
        if every_s >= self._watchdog_usec / 1e6 / _FEWEST:
            sent = self._longer = self._wait_longer()
        elif self._longer:
            sent = self._send(f"WATCHDOG_USEC={self._watchdog_usec}")
            self._longer = not sent
        else:
            sent = self._send("WATCHDOG=1")
        if sent:
            self._fed_s = now_s

    def no_frame(self) -> None:
        """Set the longer watchdog time: frames have stopped, or will be missing for a while."""
        if self._watchdog_usec and self._ready and not self._longer:
            self._longer = self._wait_longer()

    def waiting(self, seconds: float = _START_S) -> None:
        """Extend the start timeout, or the watchdog's time: the camera can't be opened yet.

        To be called more often than each `seconds`.
        """
        now_s = self._now_s()
        if now_s - self._waited_s < _STEP_S:
            return
        if not self._ready:
            sent = self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")
        else:
            sent = self._longer = bool(self._watchdog_usec) and self._wait_longer()
        if sent:
            self._waited_s = now_s

    def reloading(self) -> None:
        """A changed configuration is being read; `reloaded` must follow."""
        # RELOADING=1 with READY=1 after it would declare a starting service ready.
        if self._ready:
            # systemd 253 and later need the time; 252 ignores it.
            self._reloading = self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """The configuration is read, or the old one kept."""
        if self._reloading:
            self._reloading = not self._send("READY=1")

    def stopping(self) -> None:
        """Send STOPPING=1."""
        self._send("STOPPING=1")

    def _wait_longer(self) -> bool:
        return self._send(f"WATCHDOG_USEC={LONGER * self._watchdog_usec}")

    def _send(self, message: str) -> bool:
        if not self._address.startswith(("/", "\0")):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(message.encode(), self._address)
            except (OSError, ValueError):
                # No listener, or its queue is full: what matters is sent again later.
                return False
        return True


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder in memory that systemd gives a service; it outlives a kill."""
    folder = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder) if folder else None


def _watchdog_usec(environment: Mapping[str, str]) -> int:
    """What systemd waits for the watchdog, microseconds; 0: it has none for this process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) if text.isdecimal() else 0
