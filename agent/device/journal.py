"""What is logged goes to the journal with fields of its own, or to standard error as lines."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from agent.core.journal import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

SOCKET: Final = "/run/systemd/journal/socket"
_SEND_TIMEOUT_S: Final = 0.5
_FIELDS: Final = {"rule": "PRESENCE_RULE", "reason": "PRESENCE_REASON"}

HELD_BACK = Entry("%d lines like this one were held back: %s", "4d2384d89b9e4e1ebddbd8c22d1ceb22")


def datagram(fields: dict[str, str]) -> bytes:
    """Fields in the form of journald's own protocol; each value may have line breaks."""
    parts = []
    for name, value in fields.items():
        raw = value.encode(errors="backslashreplace")
        parts.append(b"%s\n%s%s\n" % (name.encode(), len(raw).to_bytes(8, "little"), raw))
    return b"".join(parts)


def is_journal(stream_variable: str | None, stderr_fd: int) -> bool:
    """Whether standard error is the journal: JOURNAL_STREAM names its device and inode."""
    if not stream_variable:
        return False
    try:
        stat = os.fstat(stderr_fd)
    except OSError:
        return False
    return stream_variable == f"{stat.st_dev}:{stat.st_ino}"


class BurstGuard(logging.Filter):
    """Holds back an entry that comes too often; `due` gives the last that was, so no final state is lost."""

    def __init__(
        self, most: int = 10, within_s: float = 600.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Let `most` of an entry pass within so many seconds."""
        super().__init__()
        self._most, self._within_s, self._now_s = most, within_s, now_s
        self._lock = threading.Lock()  # a filter is asked before the handler locks
        self._passed: dict[str, deque[float]] = {}
        self._held: dict[str, tuple[int, logging.LogRecord]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be said now."""
        key = _key(record)
        now_s = self._now_s()
        with self._lock:
            return self._may_pass(key, record, now_s)

    def _may_pass(self, key: str, record: logging.LogRecord, now_s: float) -> bool:
        passed = self._passed.setdefault(key, deque())
        self._forget(passed, now_s)
        if len(passed) >= self._most:
            self._held[key] = (self._held.get(key, (0, record))[0] + 1, record)
            return False
        passed.append(now_s)
        return True

    def due(self) -> list[tuple[int, logging.LogRecord]]:
        """How many of an entry were held back, and the last of them, once it may be said again."""
        now_s = self._now_s()
        ready = []
        with self._lock:
            for key in list(self._held):
                passed = self._passed[key]
                self._forget(passed, now_s)
                if len(passed) < self._most:
                    passed.append(now_s)
                    ready.append(self._held.pop(key))
        return ready

    def _forget(self, passed: deque[float], now_s: float) -> None:
        while passed and now_s - passed[0] >= self._within_s:
            passed.popleft()


class JournalHandler(logging.Handler):
    """Sends each line to journald; what it does not take goes to standard error as a line."""

    def __init__(self, site: str, device: str, lines: TextIO, path: str = SOCKET) -> None:
        """Nothing is opened before the first line."""
        super().__init__()
        self._always = {
            "SYSLOG_IDENTIFIER": "presence-agent",
            "PRESENCE_SITE": site,
            "PRESENCE_DEVICE": device,
        }
        self._lines, self._path = lines, path
        self._socket: socket.socket | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line; never raises."""
        try:
            message = self.format(record)
            fields = {"MESSAGE": message, "PRIORITY": _priority(record.levelno), **self._always}
            if isinstance(record.msg, Entry):
                fields["MESSAGE_ID"] = record.msg.message_id
            for name, field in _FIELDS.items():
                value = getattr(record, name, None)
                if value is not None:
                    fields[field] = str(value)
            if not self._sent(datagram(fields)):
                self._lines.write(f"{record.levelname} {message}\n")
        except Exception:  # noqa: BLE001 - a line that can't be said must not end the agent (logging's own rule)
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._drop()
        super().close()

    def _sent(self, packet: bytes) -> bool:
        # The second try is for a journald that was started anew: its old socket refuses.
        for _ in range(2):
            try:
                if self._socket is None:
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                    self._socket.settimeout(_SEND_TIMEOUT_S)
                    self._socket.connect(self._path)
                self._socket.send(packet)
            except OSError:
                self._drop()
            else:
                return True
        return False

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def log_lines(site: str, device: str) -> logging.Handler:
    """The handler for this process: the journal's where standard error is the journal, else lines."""
    # A descriptor of its own: what libraries write to standard error is silenced now and then.
    lines = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    if is_journal(os.environ.get("JOURNAL_STREAM"), sys.stderr.fileno()):
        return JournalHandler(site, device, lines)
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    return handler


def say_held_back(handler: logging.Handler, guard: BurstGuard) -> None:
    """Say how many lines of an entry were held back, then the last of them; to be called now and then."""
    for count, last in guard.due():
        words = last.getMessage()
        note = logging.LogRecord(__name__, logging.WARNING, __file__, 0, HELD_BACK, (count, words), None)
        for record in (note, last):
            with handler.lock or threading.RLock():
                handler.emit(record)


def _key(record: logging.LogRecord) -> str:
    return record.msg.message_id if isinstance(record.msg, Entry) else f"{record.name} {record.msg}"


def _priority(level: int) -> str:
    steps = ((logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, "4"), (logging.INFO, "6"))
    return next((priority for least, priority in steps if level >= least), "7")
