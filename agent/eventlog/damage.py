"""Damaged event logs: SQLite's errors as sentences, and the files that are set aside."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

# Of what was set aside so much is kept.
_KEPT = 3
DAMAGED = "is damaged; move it away and a new one is started"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that what is in the file is not what was written."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))


def set_aside(path: Path, mark: str) -> Path:
    """Rename a log and what SQLite has beside it, over nothing; return its new path."""
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    stamp = path.with_name(f"{path.name}.{mark}-{now}")
    before = [
        int(file.suffix[1:]) if file != stamp else 1 for file in asides(path, mark) if _same(file, stamp)
    ]
    aside = path.with_name(f"{stamp.name}.{max(before) + 1}") if before else stamp
    # The file last: were the power cut in between, the new log must not meet the old one's WAL.
    for end in ("-wal", "-shm", ""):
        if (part := path.with_name(path.name + end)).exists():
            part.rename(aside.with_name(aside.name + end))
    return aside


def _same(file: Path, stamp: Path) -> bool:
    return file == stamp or file.name.startswith(f"{stamp.name}.")


def asides(path: Path, mark: str) -> list[Path]:
    """The logs that were set aside at a path, newest first."""
    stamp = re.compile(re.escape(f"{path.name}.{mark}-") + r"(\d{8}T\d{6}Z)(?:\.(\d+))?")
    found = [
        (match[1], int(match[2] or 1), file)
        for file in path.parent.iterdir()
        if (match := stamp.fullmatch(file.name))
    ]
    return [file for *_, file in sorted(found, reverse=True)]


def delete_oldest(path: Path, mark: str) -> list[Path]:
    """Delete what was set aside, but the newest of it; return what is gone."""
    gone = asides(path, mark)[_KEPT:]
    for file in gone:
        delete(file)
    return gone


def delete(path: Path) -> None:
    """Delete a log's file and what is beside it, as far as that can be done."""
    for end in ("-wal", "-shm", "", ".lock"):
        with suppress(OSError):
            path.with_name(path.name + end).unlink(missing_ok=True)


def next_path(path: Path) -> Path:
    """Where the successor of a log is written before it takes that one's place."""
    return path.with_name(f"{path.name}.next")


def finish_swap(path: Path) -> None:
    """Let a successor whose log is moved away take its place; where the log is there still, delete it."""
    if not next_path(path).exists():
        return
    if path.exists():
        delete(next_path(path))
    else:
        next_path(path).rename(path)
        delete(next_path(path))


def sqlite_remedy(error: sqlite3.Error) -> str:
    """SQLite's words, and what to do about the commonest."""
    remedies = {
        "SQLITE_FULL": "the disk is full; free some space",
        "SQLITE_READONLY": "the file or its disk is read-only; check the card and the rights",
        "SQLITE_CANTOPEN": "it can't be opened or made; check that the folder is there and writable",
        "SQLITE_NOTADB": "the file is not an event log; move it away and a new one is started",
        "SQLITE_CORRUPT": f"the file {DAMAGED}",
        "SQLITE_BUSY": "another program holds it; close that",
        "SQLITE_IOERR": "the disk gives errors; check the card",
    }
    name = getattr(error, "sqlite_errorname", "")
    for known, advice in remedies.items():
        if name.startswith(known):
            return advice
    return str(error)
