"""Journal handler with fields of its own; without a journal, lines on standard error."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from agent.core.log_messages import HELD_BACK, LogMessage

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import RLock

SOCKET: Final = "/run/systemd/journal/socket"
_SEND_TIMEOUT_S: Final = 0.5
# So that a journald that does not answer does not delay each line.
_PAUSE_S: Final = 10.0
# The last suppressed line of a group is logged once none came for so long.
_QUIET_S: Final = 60.0
# Lines without a MESSAGE_ID may have any number of texts.
_MOST_KEYS: Final = 256
_OTHERS: Final = "others"
_FIELDS: Final = {"rule": "PRESENCE_RULE", "reason": "PRESENCE_REASON"}


@dataclass(frozen=True, slots=True)
class _Suppressed:
    """Number of suppressed lines of a group; the last one, and its monotonic time."""

    count: int
    record: logging.LogRecord
    at_s: float


def log_lines() -> BurstGuard:
    """Send all that is logged to the journal where standard error is the journal, else there as lines."""
    # A separate descriptor: standard error itself is silenced at times, because of libraries.
    lines = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    target: logging.Handler
    if is_journal(os.environ.get("JOURNAL_STREAM"), sys.stderr.fileno()):
        target = JournalHandler(lines)
    else:
        target = logging.StreamHandler(lines)
        target.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    guard = BurstGuard(target, lines)
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
    """Rate limit: passes on at most `most` lines of a MESSAGE_ID within `within_s`.

    The last suppressed line of a group is logged once there is room again, or none came for a minute, so
    that the journal ends with the present state; a newer one takes its place.
    """

    def __init__(
        self,
        target: logging.Handler,
        stream: TextIO | None = None,
        most: int = 10,
        within_s: float = 600.0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with no lines counted.

        Args:
            target: gets the lines that pass.
            stream: closed after `target`, as that one's own; None: there is none to close.
            most: lines of one MESSAGE_ID (or text, without one) within `within_s`.
            within_s: length of that window, seconds.
            now_s: monotonic clock, seconds.
        """
        super().__init__()
        self.target = target
        self._stream = stream
        self._most, self._within_s, self._now_s = most, within_s, now_s
        self._passed: dict[str, deque[float]] = {}
        self._suppressed: dict[str, _Suppressed] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line on, or suppress it."""
        group = _group(record)
        suppressed = self._suppressed.pop(group, None)
        count = suppressed.count if suppressed else 0
        if self._has_room(_key(record)):
            self._pass_on(count, record)
        else:
            self._suppressed[group] = _Suppressed(count + 1, record, self._now_s())

    def flush_due(self) -> None:
        """Log suppressed lines that are due; to be called about once a second."""
        with self._locked():
            now_s = self._now_s()
            for group, suppressed in list(self._suppressed.items()):
                if now_s - suppressed.at_s >= _QUIET_S or self._has_room(_key(suppressed.record)):
                    del self._suppressed[group]
                    self._pass_on(suppressed.count - 1, suppressed.record)
            self._passed = {
                key: passed for key, passed in self._passed.items() if now_s - passed[-1] < self._within_s
            }

    def close(self) -> None:
        """Log all suppressed lines, and close the target and the stream."""
        with self._locked():
            for suppressed in self._suppressed.values():
                self._pass_on(suppressed.count - 1, suppressed.record)
            self._suppressed.clear()
            self.target.close()
            if self._stream:
                self._stream.close()
        super().close()

    def _locked(self) -> RLock:
        return self.lock  # type: ignore[return-value]  # a handler that was made has one

    def _has_room(self, key: str) -> bool:
        passed = self._passed.get(key, ())
        return sum(self._now_s() - moment_s < self._within_s for moment_s in passed) < self._most

    def _pass_on(self, count: int, record: logging.LogRecord) -> None:
        """Pass a line on; before it, the number of suppressed ones, if any."""
        key = _key(record)
        if key not in self._passed and len(self._passed) >= _MOST_KEYS:
            key = _OTHERS
        self._passed.setdefault(key, deque(maxlen=self._most)).append(self._now_s())
        if count:
            note = logging.LogRecord(__name__, logging.WARNING, __file__, 0, HELD_BACK, (count,), None)
            self.target.handle(note)
        self.target.handle(record)


class JournalHandler(logging.Handler):
    """Handler for journald (systemd.io/JOURNAL_NATIVE_PROTOCOL); plain lines while that fails."""

    def __init__(
        self, lines: TextIO, path: str = SOCKET, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Open nothing yet: the socket is opened with the first line.

        Args:
            lines: gets the lines while journald does not listen.
            path: of journald's socket.
            now_s: monotonic clock, seconds.
        """
        super().__init__()
        self._always = {"SYSLOG_IDENTIFIER": "presence-agent"}
        self._lines, self._path, self._now_s = lines, path, now_s
        self._socket: socket.socket | None = None
        self._silent_until_s = float("-inf")

    def belong_to(self, site: str, device: str) -> None:
        """Add PRESENCE_SITE and PRESENCE_DEVICE to each line from now on."""
        self._always |= {"PRESENCE_SITE": site, "PRESENCE_DEVICE": device}

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line; never raises."""
        try:
            message, priority = self.format(record), _priority(record.levelno)
            fields = {"MESSAGE": message, "PRIORITY": priority, **self._always}
            if isinstance(record.msg, LogMessage):
                fields["MESSAGE_ID"] = record.msg.message_id
            for name, field in _FIELDS.items():
                value = getattr(record, name, None)
                if value is not None:
                    fields[field] = str(value)
            if not self._sent(datagram(fields)):
                # Journald reads <N> before a line of standard error as its priority.
                for line in message.splitlines():
                    self._lines.write(f"<{priority}>{line}\n")
        except Exception:  # noqa: BLE001 - a line that can't be sent must not end the agent (logging's own rule)
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._drop()
        super().close()

    def _sent(self, packet: bytes) -> bool:
        if self._now_s() < self._silent_until_s:
            return False
        # The second try is for a journald that was restarted: its old socket refuses.
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
    return record.msg.message_id if isinstance(record.msg, LogMessage) else f"{record.name} {record.msg}"


def _group(record: logging.LogRecord) -> str:
    return (isinstance(record.msg, LogMessage) and record.msg.group) or _key(record)


def _priority(level: int) -> str:
    steps = ((logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, "4"), (logging.INFO, "6"))
    return next((priority for least, priority in steps if level >= least), "7")
