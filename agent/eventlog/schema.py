"""Schema of the event log (SQLite): identification, tables, index; logs of other forms are taken over."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.errors import LogError
from agent.eventlog.lasting import is_indexed, replace_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Tells our files from other people's databases: "pres" in ASCII.
APPLICATION_ID = 0x70726573
_TABLES = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    rule TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
"""
# The form that is written, and the newest that is known: form 2 had an index by a name of its own as well
# (lasting.py). The next one is form 3.
FORM = 1
VERSION = 2


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and on the card once it is over."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def prepare(db: sqlite3.Connection, path: Path | None, meta: Mapping[str, str]) -> None:
    """Make an empty file a log with these notes in it; migrate a log of an older form.

    Args:
        db: its connection.
        path: for sentences; None: in memory.
        meta: notes of a new log.

    Raises:
        LogError: it is no log, or a newer agent's; nothing is changed in it.
        sqlite3.Error: it can't be read or written.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise LogError(f"{path} is a database of something else; set another [log] path.")
    if application and version > VERSION:
        raise LogError(
            f"the event log {path} was written by a newer agent "
            f"(form {version}, this one knows {VERSION}); "
            "install that version again, or move the file away."
        )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if not application:
        with transaction(db):
            for statement in _TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {FORM}")
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    if version != FORM or not is_indexed(db):
        # On a full disk it goes on without: the room that is left is for events.
        with suppress(sqlite3.OperationalError), transaction(db):
            replace_index(db)
            db.execute(f"PRAGMA user_version = {FORM}")
