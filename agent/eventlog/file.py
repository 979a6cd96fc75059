"""File of an event log: opening, setting aside a damaged or foreign one, closing."""

from __future__ import annotations

import logging
import sqlite3
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

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
from agent.eventlog.damage import DAMAGED, delete_oldest, finish_swap, set_aside
from agent.eventlog.database import LogDatabase
from agent.eventlog.lock import locked

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


_log = logging.getLogger(__name__)


class LogFile(LogDatabase, ABC):
    """A log's file, opened as a context manager."""

    def __enter__(self) -> Self:
        """Open or make the log; one that is damaged, or another board's, is set aside and a new one started.

        Raises:
            BusyError: another agent holds it.
            LogError: it can't be read, written or set aside, or is somebody else's.
        """
        if self._path:
            self._take_lock(locked(self._path, self._room))
            finish_swap(self._path)
        try:
            try:
                with self._translated():
                    self._open()
                    foreign, renamed = self._is_foreign(), self._is_renamed()
            except DamagedError as error:
                self.restart(error)
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

    def restart(self, why: DamagedError) -> None:
        """Set the file aside, damaged as it is, and start a new log in its place, before anything reads it.

        Raises:
            LogError: it can't be set aside, or no new one made.
        """
        if self._path is None:
            raise why
        with self._lock:
            # Open still: as it closes, SQLite would clear away the WAL beside it.
            aside = self._set_aside("damaged")
            self._db.close()
            self._renew()
            with self._translated():
                self._open()
        _log.warning(LOG_DAMAGED, self._path, aside)

    def _successor(self, path: Path | None) -> Self:
        """Open the log that is at this one's path now; its lock is handed over."""
        other = type(self)(self._sender, path, board=self._board)
        self._hand_lock_to(other)
        try:
            with other._translated():  # noqa: SLF001 - of the same class
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
                "move it away and a new one is started."
            ) from error
        for gone in delete_oldest(self._path, mark):
            _log.info(LOG_TIDIED, gone)
        return aside

    def _is_foreign(self) -> bool:
        """Whether it was started on another board; it takes this one's number where it has none."""
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
            self._renew()
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
            aside = self._moved("renamed", self._state.delivered)
            self._renew()
            self._open()
        _log.warning(LOG_OTHER_NAME, aside, self.last_seq)

    def _open(self) -> None:
        self._room.prepare()
        try:
            self._connect()
        except sqlite3.OperationalError as error:
            if not (self._room.is_full(error) and self._room.release()):
                raise
            self._db.close()
            self._connect()
        state = self._state
        try:
            meta = dict(self._db.execute("SELECT key, value FROM meta"))
            state.log_id = meta["log_id"]
            state.clocks = clocks_of(meta.get("clocks"))
            state.delivered = int(meta.get("delivered", "0"))
        except (KeyError, ValueError, sqlite3.OperationalError) as error:
            raise DamagedError(f"the event log {self._path} {DAMAGED}.") from error
        last = self._db.execute("SELECT seq, type FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        if last:
            state.last_seq = int(last[0])
            state.ended_in_order = last[1] == "agent.stopped"
            (first,) = self._db.execute("SELECT min(seq) FROM event").fetchone()
            state.deleted = int(first) - 1
        # A card is damaged by power cuts; what was found damaged while it ran is not ended either.
        if not state.ended_in_order and self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise DamagedError(f"the event log {self._path} {DAMAGED}.")
        self._room.settle(self._db)
        if self._room.tight:
            _log.warning(LOG_FULL, self._path)
        state.client_secret = self._own_secret()
        self._read_reported(meta.get("told"))
