"""SQLite connection of an event log, and the notes that it holds beside the events."""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import IO, TYPE_CHECKING, cast

from agent.core.log_messages import LOG_FULL
from agent.errors import DamagedError, LogError
from agent.eventlog.damage import DAMAGED, is_damage, sqlite_remedy
from agent.eventlog.disk_space import DiskReserve
from agent.eventlog.file_identity import FileIdentity
from agent.eventlog.lock import is_lock_of, locked
from agent.eventlog.schema import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.eventlog.clocks import EventClock
    from agent.wire.payloads import Sender

_log = logging.getLogger(__name__)

# Another process that holds the file is waited for so long: the camera waits too.
_BUSY_S = 2.0
# In `meta`: never published, for whoever logs in under another's client id throws it out.
_CLIENT = "client"
_HEX8 = re.compile("[0-9a-f]{8}").fullmatch
# The key in `meta`.
_REPORTED = "told"


@dataclass(slots=True)
class LogState:
    """Numbers and names of an open log; fresh whenever another file is opened.

    Attributes:
        log_id: 8 random hex digits, made with the log.
        client_secret: 8 more of them, for the MQTT client id: on the card, and never published.
        last_seq: of the newest event; 0 where there was none yet.
        ended_in_order: whether the last event tells that the agent stops; None: there is no event.
        reported_seq: the highest number that a broker was sent, from this card.
        opened_seq: `last_seq` at the first opening since then. Whatever was sent elsewhere under this log's
            id, as from the card of which this one is an old copy, is the same up to here.
        delivered: a broker acknowledged everything up to this number.
        deleted: there is no event up to this number any more.
        clocks: of the events, by their numbers.
        is_reported: whether `reported_seq` was written since the log was opened.
    """

    log_id: str = ""
    client_secret: str = ""
    last_seq: int = 0
    ended_in_order: bool | None = None
    reported_seq: int = 0
    opened_seq: int = 0
    delivered: int = 0
    deleted: int = 0
    clocks: tuple[EventClock, ...] = ()
    is_reported: bool = False


class LogDatabase:
    """A log's SQLite file, its numbers, and the notes (table `meta`) that stand beside its events."""

    def __init__(
        self,
        sender: Sender,
        path: Path | None,
        *,
        log_id: str | None = None,
        board: str | None = None,
        reserve: bool = True,
        recorded: bool = False,
    ) -> None:
        """Take whose events these are and where they are kept.

        Args:
            sender: goes into each event.
            path: of the file; None: in memory only.
            log_id: of a new log; random if None.
            board: the serial number of this machine; a log that has another one is a copy, and is set
                aside. None: not known.
            reserve: whether room is kept so that it goes on when the disk is full.
            recorded: its events have a recording's time, of which the monotonic clock here tells nothing.
        """
        self._sender = sender
        self._path = path
        self._board = board
        self.recorded = recorded
        self._room = DiskReserve(path if reserve else None)
        self._lock = Lock()
        self._new_id = log_id or secrets.token_hex(4)
        self._file_lock: IO[str] | None = None
        self._connection: sqlite3.Connection | None = None
        self._place = FileIdentity(None)
        self._state = LogState()

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._connection is not None  # noqa: S101 - a log is used while it is open
        return self._connection

    @property
    def path(self) -> Path | None:
        """The file; None: in memory only."""
        return self._path

    @property
    def tight(self) -> bool:
        """Whether its disk is full, so that the oldest events go for new ones."""
        return self._room.tight

    @property
    def log_id(self) -> str:
        """8 random hex digits, made with the log."""
        return self._state.log_id

    @property
    def client_secret(self) -> str:
        """8 more of them, for the MQTT client id."""
        return self._state.client_secret

    @property
    def last_seq(self) -> int:
        """Number of the newest event; 0 where there was none yet."""
        return self._state.last_seq

    @property
    def ended_in_order(self) -> bool | None:
        """Whether the last event tells that the agent stops; None: there is no event."""
        return self._state.ended_in_order

    @property
    def reported_seq(self) -> int:
        """The highest number that a broker was sent, from this card."""
        return self._state.reported_seq

    @property
    def opened_seq(self) -> int:
        """`last_seq` at the first opening since then."""
        return self._state.opened_seq

    @property
    def deleted(self) -> int:
        """There is no event up to this number any more."""
        return self._state.deleted

    def _renew(self) -> None:
        """The next file that is opened is another log."""
        self._new_id = secrets.token_hex(4)
        self._state = LogState()

    def _rebind(self, path: Path) -> None:
        """Go on with the same log where it was moved to."""
        self._path = path
        self._connect()

    def _connect(self) -> None:
        self._place.close()
        self._connection = sqlite3.connect(
            self._path or ":memory:", isolation_level=None, check_same_thread=False, timeout=_BUSY_S
        )
        prepare(self._db, self._path, {"log_id": self._new_id, _CLIENT: secrets.token_hex(4)})
        self._place = FileIdentity(self._path)
        self._place.open()

    def _own_secret(self) -> str:
        """The secret in the file; a log without a valid one gets it now."""
        kept = self._meta(_CLIENT)
        if kept is None or not _HEX8(kept):
            kept = secrets.token_hex(4)
            # On a card without any room it holds until the next start.
            with suppress(sqlite3.OperationalError):
                self._set(_CLIENT, kept)
        return kept

    def _take_lock(self, lock: IO[str]) -> None:
        self._file_lock = lock

    def _hand_lock_to(self, other: LogDatabase) -> None:
        """Let another log hold this one's lock file, at the same path."""
        other._file_lock, self._file_lock = self._file_lock, None

    def _lock_again(self) -> None:
        """Hold the lock file, which may have gone with the rest."""
        path = cast("Path", self._path)
        if self._file_lock is None or not is_lock_of(self._file_lock, path):
            lock = locked(path, self._room)
            if self._file_lock:
                self._file_lock.close()
            self._file_lock = lock

    def note(self, key: str, value: str) -> None:
        """Keep a value beside the events, over what was kept under this key.

        Raises:
            LogError: it can't be written.
        """
        with self._lock, self._translated():
            self._set(f"note.{key}", value)

    def noted(self, key: str) -> str | None:
        """What was kept last under a key."""
        with self._lock, self._translated():
            return self._meta(f"note.{key}")

    @property
    def alive(self) -> str | None:
        """What was noted last with `note_alive`, if no event was kept since."""
        with self._lock, self._translated():
            kept = self._meta("alive")
        seq, _, note = (kept or "").partition(" ")
        return note if seq == str(self.last_seq) else None

    def note_alive(self, note: str) -> None:
        """Keep that nothing has changed up to now: where a start after a kill finds what was open.

        Raises:
            LogError: it can't be written.
        """
        with self._lock, self._translated():
            self._set("alive", f"{self.last_seq} {note}")

    @property
    def delivered(self) -> int:
        """A broker acknowledged everything up to this number."""
        return self._state.delivered

    @delivered.setter
    def delivered(self, seq: int) -> None:
        with self._lock, self._translated():
            self._set("delivered", str(seq))
            self._state.delivered = seq

    def _read_reported(self, kept: str | None) -> None:
        """Read up to where a broker knows this log, and note that it is opened now."""
        state = self._state
        reported, _, opened = (kept or str(state.last_seq)).partition(" ")
        try:
            # An earlier version does not count what it sends, but what is delivered.
            state.reported_seq = max(int(reported), state.delivered)
            state.opened_seq = min(int(opened or state.last_seq), state.last_seq)
        except ValueError as error:
            raise DamagedError(f"the event log {self._path} {DAMAGED}.") from error
        if not opened:
            # Where this can't be written events can't be either, and then the caller gets the error.
            with suppress(sqlite3.OperationalError):
                self._set(_REPORTED, f"{state.reported_seq} {state.opened_seq}")

    def note_reported(self) -> None:
        """Note that a broker is about to be sent the number of the newest event.

        Raises:
            LogError: it can't be written.
        """
        with self._lock, self._translated():
            state = self._state
            if state.last_seq > state.reported_seq or not state.is_reported:
                state.reported_seq = max(state.last_seq, state.reported_seq)
                self._set(_REPORTED, str(state.reported_seq))
                state.is_reported = True

    def _meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def _set(self, key: str, value: str) -> None:
        try:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
        except sqlite3.Error as error:
            if self._room.tight or not self._room.is_full(error):
                raise
            self._tighten()
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _tighten(self) -> None:
        _log.warning(LOG_FULL, self._path)
        self._room.tighten(self._db)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            raise DamagedError(f"the event log {self._path} {DAMAGED}.") from error
        except sqlite3.Error as error:
            kind = DamagedError if is_damage(error) else LogError
            where = self._path or "in memory"
            raise kind(f"the event log {where} can't be used: {sqlite_remedy(error)}.") from error

    def _close(self) -> None:
        # Never under another thread's hands: SQLite would crash. Who comes later gets a LogError.
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._room.close()
        self._place.close()
        if self._file_lock is not None:
            self._file_lock.close()
