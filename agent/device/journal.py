"""What is logged goes to the journal with fields of its own, or to standard error as lines."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from agent.core.journal import HELD_BACK, Entry

if TYPE_CHECKING:
    from collections.abc import Callable

SOCKET: Final = "/run/systemd/journal/socket"
_SEND_TIMEOUT_S: Final = 0.5
# A journald that does not answer must not hold up each line.
_PAUSE_S: Final = 10.0
_FIELDS: Final = {"rule": "PRESENCE_RULE", "reason": "PRESENCE_REASON"}


def log_lines() -> BurstGuard:
    """Send all that is logged to the journal where standard error is the journal, else there as lines."""
    # A descriptor of its own: what libraries write to standard error is silenced now and then.
    lines = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    target: logging.Handler
    if is_journal(os.environ.get("JOURNAL_STREAM"), sys.stderr.fileno()):
        target = JournalHandler(lines)
    else:
        target = logging.StreamHandler(lines)
        target.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    guard = BurstGuard(target)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(guard)
    return guard


def is_journal(stream_variable: str | None, stderr_fd: int) -> bool:
    """Whether standard error is the journal: JOURNAL_STREAM names its device and inode."""
    if not stream_variable:
        return False
    try:
        stat = os.fstat(stderr_fd)
    except OSError:
        return False
    return stream_variable == f"{stat.st_dev}:{stat.st_ino}"


def datagram(fields: dict[str, str]) -> bytes:
    """Fields in the form of journald's own protocol; each value may have line breaks."""
    parts = []
    for name, value in fields.items():
        raw = value.encode(errors="backslashreplace")
        parts.append(b"%s\n%s%s\n" % (name.encode(), len(raw).to_bytes(8, "little"), raw))
    return b"".join(parts)


class BurstGuard(logging.Handler):
    """Hands lines on, but not more than `most` alike within a time.

    Alike are those of one group. Of what is held back the last is said as soon as there is room again, so
    that whoever reads sees what holds.
    """

    def __init__(
        self,
        target: logging.Handler,
        most: int = 10,
        within_s: float = 600.0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where lines go to."""
        super().__init__()
        self.target = target
        self._most, self._within_s, self._now_s = most, within_s, now_s
        self._passed: dict[str, deque[float]] = {}
        self._held: dict[str, tuple[int, logging.LogRecord]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a line on, or hold it back."""
        key = _key(record)
        count, _ = self._held.pop(key, (0, record))
        if self._has_room(key):
            self._say(key, count, record)
        else:
            self._held[key] = count + 1, record

    def tick(self) -> None:
        """Say what was held back, where there is room again; to be called about once a second."""
        with self.lock:  # type: ignore[union-attr]
            for key in [key for key in self._held if self._has_room(key)]:
                count, record = self._held.pop(key)
                self._say(key, count - 1, record)
            for key in [key for key in self._passed if self._has_room(key) and not self._passed[key]]:
                del self._passed[key]

    def close(self) -> None:
        """Say what is held back still."""
        for key, (count, record) in self._held.items():
            self._say(key, count - 1, record)
        self._held.clear()
        self.target.close()
        super().close()

    def _has_room(self, key: str) -> bool:
        passed, now_s = self._passed.setdefault(key, deque()), self._now_s()
        while passed and now_s - passed[0] >= self._within_s:
            passed.popleft()
        return len(passed) < self._most

    def _say(self, key: str, count: int, record: logging.LogRecord) -> None:
        """Hand a line on, after word of how many before it were not."""
        self._passed.setdefault(key, deque()).append(self._now_s())
        if count:
            level = logging.WARNING
            note = logging.LogRecord(__name__, level, __file__, 0, HELD_BACK, (count,), None)
            self.target.handle(note)
        self.target.handle(record)


class JournalHandler(logging.Handler):
    """Speaks to journald (systemd.io/JOURNAL_NATIVE_PROTOCOL); where it does not listen, as lines."""

    def __init__(
        self, lines: TextIO, path: str = SOCKET, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is opened before the first line."""
        super().__init__()
        self._always = {"SYSLOG_IDENTIFIER": "presence-agent"}
        self._lines, self._path, self._now_s = lines, path, now_s
        self._socket: socket.socket | None = None
        self._silent_until_s = float("-inf")

    def belong_to(self, site: str, device: str) -> None:
        """From now on each line names its agent."""
        self._always |= {"PRESENCE_SITE": site, "PRESENCE_DEVICE": device}

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line; never raises."""
        try:
            message, priority = self.format(record), _priority(record.levelno)
            fields = {"MESSAGE": message, "PRIORITY": priority, **self._always}
            if isinstance(record.msg, Entry):
                fields["MESSAGE_ID"] = record.msg.message_id
            for name, field in _FIELDS.items():
                value = getattr(record, name, None)
                if value is not None:
                    fields[field] = str(value)
            if not self._sent(datagram(fields)):
                # Journald reads what stands before a line of standard error as its priority.
                self._lines.write(f"<{priority}>{message}\n")
        except Exception:  # noqa: BLE001 - a line that can't be said must not end the agent (logging's own rule)
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._drop()
        super().close()

    def _sent(self, packet: bytes) -> bool:
        if self._now_s() < self._silent_until_s:
            return False
        # The second try is for a journald that was started anew: its old socket refuses.
        for _ in range(2):
            try:
                if self._socket is None:
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                    self._socket.settimeout(_SEND_TIMEOUT_S)
                    self._socket.connect(self._path)
                self._socket.send(packet)
            except TimeoutError:
                self._drop()
                break
            except OSError:
                self._drop()
            else:
                return True
        self._silent_until_s = self._now_s() + _PAUSE_S
        return False

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _key(record: logging.LogRecord) -> str:
    if isinstance(record.msg, Entry):
        return record.msg.group or record.msg.message_id
    return f"{record.name} {record.msg}"


def _priority(level: int) -> str:
    steps = ((logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, "4"), (logging.INFO, "6"))
    return next((priority for least, priority in steps if level >= least), "7")
