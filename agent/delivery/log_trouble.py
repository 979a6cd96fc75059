"""What SQLite says of a file that is no log, or no more, and where a damaged one goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

DAMAGED = "is damaged; move it away and a new one is begun"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that what is in the file is not what was written."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))


def set_aside(path: Path) -> Path:
    """Rename a log and what SQLite has beside it, over nothing; return its new path."""
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (f"{path.name}.damaged-{now}{more}" for more in ("", *(f".{number}" for number in range(2, 99))))
    aside = next(found for name in names if not (found := path.with_name(name)).exists())
    # The file last: were the power cut in between, the new log must not meet the old one's WAL.
    for end in ("-wal", "-shm", ""):
        if (part := path.with_name(path.name + end)).exists():
            part.rename(aside.with_name(aside.name + end))
    return aside


def said(error: sqlite3.Error) -> str:
    """SQLite's words, and what to do about the commonest."""
    remedies = {
        "SQLITE_FULL": "the disk is full; make room",
        "SQLITE_READONLY": "the file or its disk is read-only; check the card and the rights",
        "SQLITE_CANTOPEN": "it can't be opened or made; check that the folder is there and writable",
        "SQLITE_NOTADB": "the file is not an event log; move it away and a new one is begun",
        "SQLITE_CORRUPT": f"the file {DAMAGED}",
        "SQLITE_IOERR": "the disk gives errors; check the card",
    }
    name = getattr(error, "sqlite_errorname", "")
    for known, remedy in remedies.items():
        if name.startswith(known):
            return remedy
    return str(error)
