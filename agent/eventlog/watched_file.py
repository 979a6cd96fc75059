"""Watched file of an event log: detects that it was removed or overwritten, and writes it back."""

from __future__ import annotations

import logging
import sqlite3
from abc import abstractmethod
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Literal, Self, cast

from agent.core.log_messages import LOG_DAMAGED
from agent.errors import DamagedError, LogError
from agent.eventlog.damage import DAMAGED, delete, is_damage, next_path
from agent.eventlog.file import LogFile
from agent.eventlog.file_identity import ENDS, contents, put_in_place, written_copy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_log = logging.getLogger(__name__)

# Of an event: seq, ts_ms, type, rule, body.
Row = tuple[int, int, str, str, str]
REMOVED = "was removed or replaced while the agent ran; stop the agent before you move or restore it"


class WatchedFile(LogFile):
    """A log's file.

    What is written counts as kept only if the file can be found afterwards; what it holds can be read from
    the open descriptors even where it can't.
    """

    def _open(self) -> None:
        super()._open()
        self._place.written()

    def _set(self, key: str, value: str) -> None:
        with self._writing():
            super()._set(key, value)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._place.check()
        yield
        self._place.written()

    @property
    def is_gone(self) -> bool:
        """Whether its file is known to be no longer where it was."""
        return self._place.state == "gone"

    def watch(self) -> None:
        """See whether its file is where it was, and what is in it; to be called with each frame.

        Raises:
            DamagedError: it was overwritten, and can't be read any more.
            LogError: it was removed or replaced; what was in it can still be read here.
        """
        with self._lock, self._translated():
            self._inspect()

    def _inspect(self) -> None:
        self._place.check()
        if self._place.state == "written":
            # By a technician's shell, which leaves it whole, by cp, or by what was meant for another file.
            match self._found():
                case "all":
                    self._place.accept()
                case "other":
                    self._place.state = "gone"
                case "damaged":
                    raise DamagedError(f"the event log {self._path} {DAMAGED}.")
        self._refuse_gone()

    def _refuse_gone(self) -> None:
        if self.is_gone:
            raise LogError(f"the event log {self._path} {REMOVED}.")

    def _found(self) -> Literal["all", "other", "damaged"]:
        """What is in the file now, into which others have written."""
        pages, page_bytes = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size")
        )
        resized = self._place.is_resized(pages * page_bytes)
        try:
            found = contents(self._db, self.log_id, self._state.deleted, self.last_seq)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            found = "damaged"
        return "other" if resized and found == "damaged" else found

    def settle(self) -> None:
        """See whether the disk has room: to be called now and then.

        Raises:
            LogError: its file is gone, or it can't be read.
        """
        self.watch()
        with self._writing():
            super().settle()

    def put_back(self) -> Path | None:
        """Write the log back to where it was, from what is open of it; whoever reads it goes on with that.

        Returns:
            Where what was in its place is now; None: there was nothing.

        Raises:
            BusyError: another agent has taken its place.
            DamagedError: not all of it can be read any more.
            LogError: it can't be written there.
        """
        path = cast("Path", self._path)
        with self._lock, self._translated():
            try:
                self._lock_again()
                aside = None
                if self._place.has_database:
                    self._bring_home()
                else:
                    aside = self._copied_back()
                    put_in_place(next_path(path), path)
                self._db.close()
                for end in ENDS[1:]:
                    path.with_name(path.name + end).unlink(missing_ok=True)
            except OSError as error:
                raise LogError(f"the event log {path} can't be written back ({error.strerror}).") from error
            finally:
                delete(next_path(path))
            self._connect()
            self._db.execute("DELETE FROM event WHERE seq > ?", (self.last_seq,))
            self._place.written()
            return aside

    def _bring_home(self) -> None:
        """Write what is in the WAL, which may be no file any more, into the database, which is."""
        (busy, *_) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LogError(f"the event log {self._path} can't be used: another program holds it; close that.")

    def _copied_back(self) -> Path | None:
        """Write all of it beside its place, and set aside what is there."""
        path = cast("Path", self._path)
        delete(next_path(path))
        with closing(written_copy(self._db, next_path(path), self.last_seq)) as copy:
            if contents(copy, self.log_id, self._state.deleted, self.last_seq) != "all":
                raise DamagedError(f"the event log {path} {DAMAGED}.")
        # A WAL that is ours would be written over what others have put beside it, when that is opened.
        for file in self._place.beside():
            file.unlink(missing_ok=True)
        return self._set_aside("replaced") if self._is_anything_there() else None

    def _is_anything_there(self) -> bool:
        path = cast("Path", self._path)
        return any(path.with_name(path.name + end).exists() for end in ENDS)

    def replaced(self) -> Self:
        """Set the file aside, damaged as it is, and start a new log in its place that others go on with.

        What was not delivered and can still be read is in that one, under its numbers. Whoever still reads
        this one gets a LogError.

        Raises:
            BusyError: another agent has taken its place.
            LogError: it can't be set aside, or no new one made.
        """
        with self._lock:
            rows = self._readable()
            self._lock_again()
            aside = self._set_aside("damaged") if self._is_anything_there() else "gone"
            self._db.close()
            other = self._successor(self._path)
            with suppress(LogError), other._translated():  # noqa: SLF001 - of the same class
                other._take_over(rows)  # noqa: SLF001
        _log.warning(LOG_DAMAGED, other.path, aside)
        return other

    @abstractmethod
    def _readable(self) -> list[Row]:
        """What of the newest undelivered events can still be read in a damaged file, numbered from 1."""

    @abstractmethod
    def _take_over(self, rows: Iterable[Row], after_seq: int = 0, *, restored: bool = False) -> None:
        """Keep events of another log."""
