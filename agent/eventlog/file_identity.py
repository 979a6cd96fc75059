"""Identity of an open log's files: detects that they were removed, replaced or written by others.

SQLite goes on writing into a file that was deleted or renamed, and nothing of that outlives the process.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Literal

ENDS = ("", "-wal", "-shm")
_Ids = tuple[tuple[int, int], ...]
_Stamp = tuple[int, int]


def size_bytes(path: Path, *ends: str) -> int:
    """Size of these files of a log, which its agent may take away just now; what is not there has none.

    Args:
        path: of the log.
        ends: of the files' names, some of `ENDS`.
    """
    size = 0
    for end in ends:
        # Not asked for before: it may go between the two.
        with suppress(FileNotFoundError, NotADirectoryError):
            size += path.with_name(path.name + end).stat().st_size
    return size


class FileIdentity:
    """What was at a log's path when it was opened, compared with what is there now.

    Attributes:
        state: `kept`: the same files, written by nobody else; `written`: the same, but somebody else has
            written into the database; `gone`: one of them was removed, renamed or replaced.
    """

    def __init__(self, path: Path | None) -> None:
        """Take the path of a log; None: it is in memory, and is always kept."""
        self._index_name = f"{path}-shm" if path else None
        self._names = [f"{path}{end}" for end in ENDS] if path else []
        self._ids: _Ids = ()
        self._stamp: _Stamp = (0, 0)
        # Held until the database is closed: to close it would take SQLite's locks off that file.
        self._index = -1
        self._moved = b""
        self.state: Literal["kept", "written", "gone"] = "kept"

    def open(self) -> None:
        """Note what is there: the log was opened just now."""
        if self._index_name:
            with suppress(OSError):
                self._index = os.open(self._index_name, os.O_RDONLY | os.O_CLOEXEC)
        self._moved = self._moved_now()
        self._take(*self._seen())

    def close(self) -> None:
        """Let go of it, once the database is closed."""
        if self._index >= 0:
            os.close(self._index)
        self._index = -1

    def check(self) -> None:
        """See whether it is as it was after our last writing: three stats, a few µs."""
        if self._names and self.state == "kept":
            ids, stamp = self._seen()
            if ids != self._ids:
                self.state = "gone"
            elif stamp != self._stamp:
                self.state = "written"

    def written(self) -> None:
        """We have written; what was not kept before is not kept now.

        SQLite writes into the WAL, and into the database only what it moves there from the WAL. Where it
        moved nothing it was somebody else, since the last check, who wrote there.
        """
        if self._names and self.state == "kept":
            ids, stamp = self._seen()
            moved, self._moved = self._moved, self._moved_now()
            if ids == self._ids and stamp != self._stamp and moved and moved == self._moved:
                self.state = "written"
            else:
                self._take(ids, stamp)

    def accept(self) -> None:
        """What others have written is good."""
        self.state = "kept"
        self._moved = self._moved_now()
        self._take(*self._seen())

    def is_resized(self, size_bytes: int) -> bool:
        """Whether the database is neither as large as we left it nor so: others put another one there."""
        return self._seen()[1][0] not in {self._stamp[0], size_bytes}

    @property
    def has_database(self) -> bool:
        """Whether the database itself is where it was, whatever is beside it."""
        return bool(self._ids) and self._seen(1)[0] == self._ids[:1]

    def beside(self) -> list[Path]:
        """What is where it was of the files beside the database."""
        there = []
        for name, was in zip(self._names[1:], self._ids[1:], strict=False):
            with suppress(OSError):
                file = Path(name)
                stat = file.stat()
                if (stat.st_dev, stat.st_ino) == was:
                    there.append(file)
        return there

    def _take(self, ids: _Ids, stamp: _Stamp) -> None:
        if self._ids and ids != self._ids:
            self.state = "gone"
            return
        self._ids, self._stamp = ids, stamp

    def _moved_now(self) -> bytes:
        """Which WAL it is and how much of it was moved into the database: aSalt, nBackfill of the index.

        Its form is in SQLite's "WAL-mode File Format", 2; empty: it can't be read.
        """
        try:
            header = os.pread(self._index, 100, 0)
        except OSError:
            return b""
        return header[32:40] + header[96:100]

    def _seen(self, files: int = len(ENDS)) -> tuple[_Ids, _Stamp]:
        """Which files there are, and size and time of the database."""
        try:
            stats = [os.stat(name) for name in self._names[:files]]  # noqa: PTH116 - with each event
        except OSError:
            return (), (0, 0)
        ids = tuple((stat.st_dev, stat.st_ino) for stat in stats)
        return ids, (stats[0].st_size, stats[0].st_mtime_ns) if stats else (0, 0)


def contents(
    db: sqlite3.Connection, log_id: str, deleted: int, last_seq: int
) -> Literal["all", "other", "damaged"]:
    """Whether all events of a log can be read in a database, from its disk and not from memory.

    Args:
        db: it.
        log_id: of the log.
        deleted: its events up to this number are gone.
        last_seq: of its newest one.

    Returns:
        `other`: it is a good database, but not of this log, or of another time.

    Raises:
        sqlite3.Error: it can't be read at all.
    """
    db.execute("PRAGMA shrink_memory")
    if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        return "damaged"
    try:
        of = db.execute("SELECT value FROM meta WHERE key = 'log_id'").fetchone()
        found = db.execute("SELECT count(*) FROM event WHERE seq <= ?", (last_seq,)).fetchone()
    except sqlite3.OperationalError:
        return "other"
    return "all" if (of, found) == ((log_id,), (last_seq - deleted,)) else "other"


def written_copy(db: sqlite3.Connection, to: Path, last_seq: int) -> sqlite3.Connection:
    """Write a log that is open into a new file, without what came after a number; return that, open.

    Args:
        db: of the log.
        to: the new file.
        last_seq: the last number that is written.

    Raises:
        sqlite3.Error: it can't be read, or not be written.
    """
    copy = sqlite3.connect(to, isolation_level=None)
    try:
        db.backup(copy)
        copy.execute("DELETE FROM event WHERE seq > ?", (last_seq,))
    except BaseException:
        copy.close()
        raise
    return copy


def put_in_place(file: Path, path: Path) -> None:
    """Rename a file over another, or to where none is, past a power cut.

    Raises:
        OSError: it can't be done.
    """
    file.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
