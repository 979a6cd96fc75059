"""The file of an event log: opened, taken over, set aside, and what is noted in it beside the events."""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from threading import Lock
from typing import IO, TYPE_CHECKING, Self

from agent.core.log_messages import (
    LOG_DAMAGED,
    LOG_FULL,
    LOG_OTHER_BOARD,
    LOG_OTHER_NAME,
    LOG_ROOM,
    LOG_TIDIED,
)
from agent.errors import DamagedError, LogError
from agent.eventlog.clocks import clocks_of
from agent.eventlog.damage import DAMAGED, forget_oldest, is_damage, said, set_aside, swap
from agent.eventlog.disk_space import DiskReserve
from agent.eventlog.lock import locked
from agent.eventlog.schema import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from agent.eventlog.clocks import EventClock
    from agent.wire.payloads import Sender

_log = logging.getLogger(__name__)

# Another process that holds the file is waited for so long: the camera waits too.
_BUSY_S = 2.0
# In `meta`: never published, for whoever logs in under another's client id throws it out.
_CLIENT = "client"
_HEX8 = re.compile("[0-9a-f]{8}").fullmatch


class LogFile(ABC):
    """A log's file, and the numbers that go on from what is in it.

    Attributes:
        log_id: 8 random hex digits, made with the log.
        client_secret: 8 more of them, for the MQTT client id: on the card, and told to nobody.
        last_seq: of the newest event; 0 where there was none yet.
        ended_in_order: whether the last event told that the agent stops; None: there is no event.
        told_seq: the highest number that a broker was told, from this card.
        opened_seq: `last_seq` at the first opening since then. Whatever was told elsewhere under this log's
            id, as from the card of which this one is an old copy, is the same up to here.
    """

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
                aside. None: nobody knows.
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
        self._reset()

    def _reset(self) -> None:
        self._delivered = self._deleted = self._delivered_before = 0
        self._is_told = False
        self.log_id = self.client_secret = ""
        self._clocks: tuple[EventClock, ...] = ()
        self.last_seq = self.told_seq = self.opened_seq = 0
        self.ended_in_order: bool | None = None

    def __enter__(self) -> Self:
        """Open or make the log; one that is damaged, or another board's, is set aside and a new one begun.

        Raises:
            BusyError: another agent holds it.
            LogError: it can't be read, written or set aside, or is somebody else's.
        """
        if self._path:
            self._file_lock = locked(self._path, self._room)
            swap(self._path)
        try:
            try:
                with self._translated():
                    self._open()
                    foreign, renamed = self._is_foreign(), self._is_renamed()
            except DamagedError as error:
                self.begin_anew(error)
            else:
                if foreign:
                    self._leave_to_its_board()
                elif renamed:
                    self._leave_to_its_name()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._close()

    @property
    def path(self) -> Path | None:
        """The file; None: in memory only."""
        return self._path

    @property
    def tight(self) -> bool:
        """Whether its disk is full, so that the oldest events go for new ones."""
        return self._room.tight

    def settle(self) -> None:
        """See whether the disk has room: to be called now and then.

        Raises:
            LogError: the log can't be read.
        """
        with self._lock, self._translated():
            if not self._room.settle(self._db):
                return
        if self._room.tight:
            _log.warning(LOG_FULL, self._path)
        else:
            _log.info(LOG_ROOM, self._path)

    def begin_anew(self, why: DamagedError) -> None:
        """Set the file aside, damaged as it is, and begin a new log in its place, before anybody reads it.

        Raises:
            LogError: it can't be set aside, or no new one made.
        """
        if self._path is None:
            raise why
        with self._lock:
            # Open still: as it closes, SQLite would clear away the WAL beside it.
            aside = self._set_aside("damaged")
            self._db.close()
            self._new_id = secrets.token_hex(4)
            self._reset()
            with self._translated():
                self._open()
        _log.warning(LOG_DAMAGED, self._path, aside)

    def _successor(self) -> Self:
        """The log that is at this one's path now; this one holds it no longer."""
        other = type(self)(self._sender, self._path, board=self._board)
        other._file_lock, self._file_lock = self._file_lock, None  # noqa: SLF001 - of the same class
        try:
            with other._translated():  # noqa: SLF001
                other._open()  # noqa: SLF001
        except BaseException:
            other._close()  # noqa: SLF001
            raise
        return other

    def _set_aside(self, mark: str) -> Path:
        if self._path is None:
            raise LogError("there is no file of an event log in memory.")
        try:
            aside = set_aside(self._path, mark)
        except OSError as error:
            raise LogError(
                f"the event log {self._path} is {mark} and can't be moved away ({error.strerror}); "
                "move it away and a new one is begun."
            ) from error
        for gone in forget_oldest(self._path, mark):
            _log.info(LOG_TIDIED, gone)
        return aside

    def _is_foreign(self) -> bool:
        """Whether it was begun on another board; it takes this one's number where it has none."""
        if self._board is None:
            return False
        before = self._meta("board")
        if before is None:
            self._set("board", self._board)
        return before not in {None, self._board}

    def _leave_to_its_board(self) -> None:
        with self._lock:
            # In order: a copy of a card is a good log, and what is in it is still to be delivered.
            self._db.close()
            aside = self._set_aside("of")
            self._new_id = secrets.token_hex(4)
            self._reset()
            with self._translated():
                self._open()
                self._is_foreign()
        _log.warning(LOG_OTHER_BOARD, self._path, aside)

    @abstractmethod
    def _is_renamed(self) -> bool:
        """Whether its events are of a device that was called otherwise."""

    @abstractmethod
    def _moved(self, mark: str, after_seq: int) -> Path:
        """Put a new log into its place, with the events after a number."""

    def _leave_to_its_name(self) -> None:
        """Below the topics of a name there may be events of that name only."""
        with self._lock, self._translated():
            aside = self._moved("renamed", self._delivered)
            self._new_id = secrets.token_hex(4)
            self._reset()
            self._open()
        _log.warning(
            LOG_OTHER_NAME,
            aside,
            self.last_seq,
        )

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
        """Everything up to this number was taken by a broker."""
        return self._delivered

    @delivered.setter
    def delivered(self, seq: int) -> None:
        with self._lock, self._translated():
            self._set("delivered", str(seq))
            self._delivered = seq

    def _open(self) -> None:
        self._room.begin()
        try:
            self._connect()
        except sqlite3.OperationalError as error:
            if not (self._room.is_full(error) and self._room.give_up()):
                raise
            self._db.close()
            self._connect()
        try:
            meta = dict(self._db.execute("SELECT key, value FROM meta"))
            self.log_id = meta["log_id"]
            self._clocks = clocks_of(meta.get("clocks"))
            self._delivered = int(meta.get("delivered", "0"))
        except (KeyError, ValueError, sqlite3.OperationalError) as error:
            raise DamagedError(f"the event log {self._path} {DAMAGED}.") from error
        last = self._db.execute("SELECT seq, type FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        if last:
            self.last_seq = int(last[0])
            self.ended_in_order = last[1] == "agent.stopped"
            (first,) = self._db.execute("SELECT min(seq) FROM event").fetchone()
            self._deleted = int(first) - 1
        # A card is damaged by power cuts; what was found damaged while it ran is not ended either.
        if not self.ended_in_order and self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise DamagedError(f"the event log {self._path} {DAMAGED}.")
        self._room.settle(self._db)
        if self._room.tight:
            _log.warning(LOG_FULL, self._path)
        self.client_secret = self._own_secret()
        self._take_told(meta.get("told"))

    def _take_told(self, kept: str | None) -> None:
        """See up to where a broker was told of this log, and that it is opened now."""
        told, _, opened = (kept or str(self.last_seq)).partition(" ")
        try:
            # An earlier version does not count what it tells, but what is delivered.
            self.told_seq = max(int(told), self._delivered)
            self.opened_seq = min(int(opened or self.last_seq), self.last_seq)
        except ValueError as error:
            raise DamagedError(f"the event log {self._path} {DAMAGED}.") from error
        self._is_told = False
        if not opened:
            # Whoever can't keep this can't keep events either, and hears of it then.
            with suppress(sqlite3.OperationalError):
                self._set("told", f"{self.told_seq} {self.opened_seq}")

    def note_told(self) -> None:
        """Keep that a broker is told the number of the newest event: before it is sent.

        Raises:
            LogError: it can't be written.
        """
        with self._lock, self._translated():
            seq = self.last_seq
            if seq > self.told_seq or not self._is_told:
                self.told_seq = max(seq, self.told_seq)
                self._set("told", str(self.told_seq))
                self._is_told = True

    def _connect(self) -> None:
        self._db = sqlite3.connect(
            self._path or ":memory:", isolation_level=None, check_same_thread=False, timeout=_BUSY_S
        )
        prepare(self._db, self._path, {"log_id": self._new_id, _CLIENT: secrets.token_hex(4)})

    def _own_secret(self) -> str:
        """What is kept; a log of before, and one with something else there, gets it now."""
        kept = self._meta(_CLIENT)
        if kept is None or not _HEX8(kept):
            kept = secrets.token_hex(4)
            # On a card without any room it holds until the next start.
            with suppress(sqlite3.OperationalError):
                self._set(_CLIENT, kept)
        return kept

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
            raise kind(f"the event log {self._path or 'in memory'} can't be used: {said(error)}.") from error

    def _close(self) -> None:
        # Never under another thread's hands: SQLite would crash. Who comes later gets a LogError.
        with self._lock:
            if hasattr(self, "_db"):
                self._db.close()
                self._room.leave()
        if self._file_lock is not None:
            self._file_lock.close()
