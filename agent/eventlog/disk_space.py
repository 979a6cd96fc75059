"""Disk space of the event log: a reserve file, which is given up when the disk is full."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from agent.eventlog.schema import transaction

RESERVE_BYTES = 1_048_576
# With less than this nothing can be started: SQLite's shared index alone takes 32 kB, and would kill us where
# its blocks are not to be had (SIGBUS).
_NO_ROOM_BYTES = 131_072
_PAGE_BYTES = 4096
# What the log claims of the reserve: a WAL that need not grow, and pages for events.
_WAL_BYTES = (524_288, 262_144, 131_072, 65_536)
_FREE_PAGES = 64
# The WAL is written back into the file before it holds more.
_WAL_PAGES = 100
# A closed log lets go of its WAL: that is kept for the next start.
_LEFT_BYTES = (RESERVE_BYTES, 524_288, 393_216, 262_144, 131_072)
_FILLED_BYTES = (_WAL_PAGES + 4) * (_PAGE_BYTES + 24)
_NO_LIMIT = 2**32 - 2


class DiskReserve:
    """The disk on which a log is, as far as it is full or not.

    While it is full the file does not grow: whatever comes takes the place of what goes. Pages that are
    only in the WAL could not be written back, and the WAL would grow for ever.

    Attributes:
        tight: whether the disk is full.
    """

    def __init__(self, path: Path | None) -> None:
        """Take the log's file; None: it is in memory, and nothing of all this is done."""
        self._path = path
        self._reserve = path.with_name(f"{path.name}.reserve") if path else None
        self.tight = False

    def is_full(self, error: sqlite3.Error | OSError) -> bool:
        """Whether it says that there is no room; SQLite calls that an I/O error in some places."""
        if self._path is None:
            return False
        name = getattr(error, "sqlite_errorname", "SQLITE_IOERR")
        if name.startswith("SQLITE_FULL"):
            return True
        return name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and self._free_bytes() < _NO_ROOM_BYTES

    def prepare(self) -> None:
        """The log is about to be opened: there must be room for what SQLite puts beside it."""
        if self._path and self._free_bytes() < _NO_ROOM_BYTES:
            self.release()

    def release(self) -> bool:
        """Give the reserve's room to the log; return whether there was one."""
        if self._reserve is None:
            return False
        try:
            self._reserve.unlink()
        except OSError:
            return False
        # ext4 lets nobody have what was freed before that is written down itself.
        with suppress(OSError):
            folder = os.open(self._reserve.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return True

    def settle(self, db: sqlite3.Connection) -> bool:
        """Make the reserve, or, where there is no room for it, live without; return whether that is new.

        Raises:
            sqlite3.Error: the log can't be read.
        """
        if self._path is None:
            return False
        if self._make(RESERVE_BYTES, 2 * RESERVE_BYTES):
            new, self.tight = self.tight, False
            db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            db.execute(f"PRAGMA max_page_count = {_NO_LIMIT}")
            self._fill_wal()
            return new
        if self.tight:
            return False
        self.tighten(db)
        return True

    def tighten(self, db: sqlite3.Connection) -> None:
        """The disk is full: give up the reserve, claim its room at once, and grow no more.

        Raises:
            sqlite3.Error: the log can't be read.
        """
        self.tight = True
        self.release()
        wal_pages = self._claim_wal() // (_PAGE_BYTES + 24)
        self._claim_pages(db, min(_FREE_PAGES, wal_pages // 2))
        # A transaction must fit in beside what is not written back yet.
        db.execute(f"PRAGMA wal_autocheckpoint = {max(4, wal_pages * 2 // 5)}")
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {max(1, int(pages))}")

    def close(self) -> None:
        """The log is closed: keep the room that it took beside the file for the next start."""
        if self.tight:
            # A disk tells late what was freed on it, but finds it when it is asked for.
            any(self._make(size_bytes, 0) for size_bytes in _LEFT_BYTES)

    def _fill_wal(self) -> None:
        """Let the WAL be as large as it gets: while a file grows, each event is in the disk's journal too."""
        with suppress(OSError), Path(f"{self._path}-wal").open("r+b") as wal:
            size_bytes = os.fstat(wal.fileno()).st_size
            if size_bytes < _FILLED_BYTES:
                os.pwrite(wal.fileno(), bytes(_FILLED_BYTES - size_bytes), size_bytes)
                os.fsync(wal.fileno())
                # In one piece in memory, all of it might be written for a page of it.
                os.posix_fadvise(wal.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _claim_wal(self) -> int:
        """Let the WAL have its blocks, so that another's writing can't take them; return how many bytes."""
        # It is SQLite's own file, but no lock is ever on this one that closing it here could lift.
        for size_bytes in _WAL_BYTES:
            with suppress(OSError), Path(f"{self._path}-wal").open("r+b") as wal:
                os.posix_fallocate(wal.fileno(), 0, size_bytes)
                return size_bytes
        return 0

    def _claim_pages(self, db: sqlite3.Connection, pages: int) -> None:
        """Write what is in the WAL back, and let the file have free pages that are really on the disk."""
        with suppress(sqlite3.OperationalError):
            db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            db.execute(f"PRAGMA max_page_count = {_NO_LIMIT}")
            (free,) = db.execute("PRAGMA freelist_count").fetchone()
            # What could not be written back would keep the WAL from ever being restarted.
            if free < pages // 2 and self._make(2 * pages * _PAGE_BYTES, 0) and self.release():
                with transaction(db):
                    fill = "INSERT OR REPLACE INTO meta VALUES ('fill', hex(zeroblob(?)))"
                    db.execute(fill, ((pages - free) * _PAGE_BYTES // 2,))
                with transaction(db):
                    db.execute("DELETE FROM meta WHERE key = 'fill'")
            db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _make(self, size_bytes: int, free_bytes: int) -> bool:
        """Make the reserve this large where so much is free; return whether it is there."""
        if self._reserve is None:
            return False
        try:
            if self._reserve.exists() and self._reserve.stat().st_blocks * 512 >= size_bytes:
                return True
            if self._free_bytes() < free_bytes:
                return False
            with self._reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError:
            self.release()
            return False
        return True

    def _free_bytes(self) -> int:
        try:
            disk = os.statvfs(self._path.parent if self._path else "/")
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize
