"""Copy of an event log to try a version on; the log itself is not changed, and may be in use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agent.device import machine
from agent.eventlog.file_identity import ENDS, size_bytes
from agent.eventlog.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.eventlog.reader import Head

# What the log that is in use, and the rest of the machine, keep beside the copy. A Pi has little memory.
_LEFT_MB = 100
_PREFIX = ".trial-"
# No trial takes as long: whatever left this was killed.
_LEFT_BEHIND_S = 3600.0


@contextmanager
def trial_copy(path: Path, in_memory: Path | None) -> Iterator[tuple[Head, Path | None]]:
    """Copy a log as it is at this moment; give its head, and the copy, which is gone afterwards.

    Args:
        path: of the log.
        in_memory: folder of a file system in memory, taken where the card has no room; None: there is none.

    Yields:
        Head of the log, and path of the copy; None: there is no room for it.

    Raises:
        NoLogError: there is no file.
        ConfigError: it is no log of this agent's, or of a newer one's, or not this user's to read.
        LogError: it is damaged or can't be read or copied.
    """
    with LogReader(path) as log:
        head = log.head()
        folder = _folder_with_room(path, in_memory)
        if folder is None:
            yield head, None
            return
        with TemporaryDirectory(prefix=_PREFIX, dir=folder) as beside:
            copy = Path(beside) / path.name
            log.read(lambda db: _copy_to(copy, db))
            yield head, copy


def form_of(path: Path) -> int:
    """Number of the form in which a log at rest is written."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def _copy_to(copy: Path, db: sqlite3.Connection) -> None:
    # The writer goes on meanwhile: a reader of a WAL holds nobody up.
    with closing(sqlite3.connect(copy)) as target:
        db.backup(target)


def _folder_with_room(path: Path, in_memory: Path | None) -> Path | None:
    needed_mb = size_bytes(path, *ENDS) / 1e6 + _LEFT_MB
    free_mb = machine.disk_free_mb(path)
    if os.access(path.parent, os.W_OK) and free_mb is not None and free_mb >= needed_mb:
        _clear(path.parent)
        return path.parent
    free_mb = machine.mem_free_mb()
    if in_memory and os.access(in_memory, os.W_OK) and free_mb is not None and free_mb >= needed_mb:
        return in_memory
    return None


def _clear(folder: Path) -> None:
    """Delete copies that a killed trial, or a power cut, left."""
    for left in folder.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > _LEFT_BEHIND_S:
            shutil.rmtree(left, ignore_errors=True)
