"""Schema of the event log (SQLite): identification, tables, migration of older forms."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.errors import LogError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Tells our files from other people's databases: "pres" in ASCII.
APPLICATION_ID = 0x70726573
# Types that start or end what may last longer than a start reads back.
INTERVALS = (
    "type IN ('camera.blind', 'camera.restored', 'zone.occupied', 'zone.vacated', "
    "'counter.attended', 'counter.unattended', 'counter.closed')"
)
# From each rule straight to the next one, past its thousands of events.
RULES_WITH_INTERVALS = f"""
WITH RECURSIVE found(rule) AS (
    SELECT min(rule) FROM event INDEXED BY spell WHERE {INTERVALS}
    UNION ALL
    SELECT (SELECT min(rule) FROM event INDEXED BY spell WHERE {INTERVALS} AND rule > found.rule)
    FROM found WHERE found.rule IS NOT NULL
)
SELECT rule FROM found WHERE rule IS NOT NULL
"""  # noqa: S608 - it is all written here
LAST_INTERVAL = f"""
SELECT seq, ts_ms, type, rule, body FROM event INDEXED BY spell
WHERE {INTERVALS} AND rule = ? AND seq < ? ORDER BY seq DESC LIMIT 1
"""  # noqa: S608
_FIRST_FORM = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    rule TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
"""
# What makes each form of the one before it: the first step makes form 2 of form 1.
_STEPS = (
    # A start asks for the last of few among many. Some logs of form 1 have it already.
    f"CREATE INDEX IF NOT EXISTS spell ON event (rule, seq) WHERE {INTERVALS}",
)
VERSION = 1 + len(_STEPS)


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
            for statement in (*_FIRST_FORM.split(";"), *_STEPS):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        return
    for number, step in enumerate(_STEPS[max(version, 1) - 1 :], max(version, 1) + 1):
        with transaction(db):
            db.execute(step)
            db.execute(f"PRAGMA user_version = {number}")
