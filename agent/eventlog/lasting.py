"""Lasting events of an event log: those that start or end what may last longer than a start reads back.

They are found by a partial index, whose name carries a digest of what it holds: a version that knows another
list of types makes an index of its own, once, and drops those of other versions.

What holds between versions:

- Making and dropping are one transaction: a power cut leaves the log as it was or as it will be. Where there
  is no room for it, what is asked takes a scan of the log, and the next start tries again.
- 0.1.0, put back, asks for the index by the name `spell`, and makes it only in a log of form 1. A log without
  `spell` is therefore of form 1 again: 0.1.0 makes its own, the next version drops that. Events of types that
  it does not know as lasting it reads past, and keeps none of them when it deletes.
- Who only reads a log, as `log export` does, asks nothing of the index and changes nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from agent.core.event import lasting_types

if TYPE_CHECKING:
    import sqlite3

    # seq, ts_ms, type, rule and body of an event.
    Row = tuple[int, int, str, str, str]

_ROW = "SELECT seq, ts_ms, type, rule, body FROM event"


def is_indexed(db: sqlite3.Connection) -> bool:
    """Whether the log has the index of this version's lasting events, and no other's."""
    return _indexes(db) == {_index()}


def replace_index(db: sqlite3.Connection) -> None:
    """Make the index of this version's lasting events, and drop those of other versions.

    Reads the whole log; in a transaction of the caller's.

    Raises:
        sqlite3.Error: the log can't be read, or there is no room.
    """
    # The pages of the old ones are used again: the file hardly grows.
    for name in _indexes(db) - {_index()}:
        db.execute(f"DROP INDEX {name}")
    db.execute(f"CREATE INDEX IF NOT EXISTS {_index()} ON {_content()}")


def intervals() -> dict[str, tuple[str, ...]]:
    """Types of the events that begin or end each lasting interval, by its name: the index follows."""
    return {interval.name: tuple(kind.TYPE for kind in kinds) for interval, kinds in lasting_types().items()}


def intervals_of(kind: str) -> list[str]:
    """Names of the lasting intervals that events of a type begin or end."""
    return [name for name, types in intervals().items() if kind in types]


def last_of_each(db: sqlite3.Connection, before_seq: int) -> dict[tuple[str, str], Row]:
    """The newest event before a number of each lasting interval of each rule.

    Args:
        db: the log.
        before_seq: the number.

    Returns:
        Rows by rule and name of the interval. A rule may have several, each of which may be open.
    """
    seqs = _last_of_types(db, before_seq)
    found = {}
    for name, types in intervals().items():
        for rule in {rule for rule, _ in seqs}:
            seq = max(seqs.get((rule, kind), 0) for kind in types)
            if seq:
                found[rule, name] = db.execute(f"{_ROW} WHERE seq = ?", (seq,)).fetchone()
    return found


def _last_of_types(db: sqlite3.Connection, before_seq: int) -> dict[tuple[str, str], int]:
    """Number of the newest event before a number, by rule and lasting type."""
    if _index() not in _indexes(db):
        scan = f"SELECT rule, type, max(seq) FROM event WHERE {_where()} AND seq < ? GROUP BY rule, type"  # noqa: S608
        return {(rule, kind): seq for rule, kind, seq in db.execute(scan, (before_seq,))}
    last = (
        f"SELECT max(seq) FROM event INDEXED BY {_index()} "  # noqa: S608
        f"WHERE {_where()} AND rule = ? AND type = ? AND seq < ?"
    )
    found = {}
    for (rule,) in db.execute(_rules()).fetchall():
        for kind in _types():
            (seq,) = db.execute(last, (rule, kind, before_seq)).fetchone()
            if seq is not None:
                found[rule, kind] = seq
    return found


def _rules() -> str:
    """From each rule straight to the next one, past its thousands of events."""
    first = f"SELECT min(rule) FROM event INDEXED BY {_index()} WHERE {_where()}"  # noqa: S608
    return f"""
        WITH RECURSIVE found(rule) AS (
            {first} UNION ALL SELECT ({first} AND rule > found.rule) FROM found WHERE found.rule IS NOT NULL
        )
        SELECT rule FROM found WHERE rule IS NOT NULL
    """  # noqa: S608 - it is all written here


def _where() -> str:
    types = ", ".join(f"'{kind}'" for kind in _types())
    return f"type IN ({types})"


def _types() -> list[str]:
    return sorted({kind for types in intervals().values() for kind in types})


def _content() -> str:
    return f"event (rule, type, seq) WHERE {_where()}"


def _index() -> str:
    return f"spell_{hashlib.sha256(_content().encode()).hexdigest()[:12]}"


def _indexes(db: sqlite3.Connection) -> set[str]:
    """Names of the indexes of lasting events, of whatever version; the first had no digest."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'event'")
    return {name for (name,) in names if name == "spell" or name.startswith("spell_")}
