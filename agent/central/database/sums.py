"""Quarters and days as rows of typed columns, from the events that agents publish.

A later event of the same span takes the place of the one before: after a step back of the clock a quarter
comes again, and the figures of a day may change. `changed_ms` says when that was; it is later than
`heard_ms`, when the first of its span came, only where a later one took its place.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_
from sqlalchemy.dialects import postgresql, sqlite

from agent.central.database.tables import COLUMNS, FIGURES, day, quarter
from agent.central.moments import ms_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table

    from agent.central.messages import EventMessage

Row = dict[str, Any]
_MOST: Final = 2**53
_LONGEST_DAY_S: Final = 100_000
_TABLES: Final = {"quarter": quarter, "day": day}
_EMPTY: Final = {COLUMNS.get(name, name) for names in FIGURES.values() for name in names}
_UNCHANGED: Final = ("agent", "rule", "start_ms", "date", "heard_ms")


class NoSumError(Exception):
    """An event that calls itself a sum, and is none."""


def table_of(kind: str) -> Table | None:
    """The table that events of this type have a row in; None: they have none."""
    rule_kind, _, span = kind.partition(".")
    return _TABLES.get(span) if rule_kind in FIGURES else None


def row_of(event: EventMessage, heard_ms: int) -> Row:
    """A quarter or day as a row.

    Args:
        event: of a type that has a table.
        heard_ms: when it came.

    Raises:
        NoSumError: a figure is none.
    """
    kind, _, span = event.type.partition(".")
    content = json.loads(event.body)
    row = {
        "agent": event.agent,
        "rule": event.rule,
        "kind": kind,
        "blind_s": _figure(content, "blind_s", needed=True),
        "log": event.log,
        "seq": event.seq,
        "ts_ms": ms_of(event.ts),
        "heard_ms": heard_ms,
        "changed_ms": heard_ms,
    }
    # Those of other kinds too: a rule may have been of another kind before.
    row |= dict.fromkeys(_EMPTY)
    row |= {COLUMNS.get(name, name): _figure(content, name) for name in FIGURES[kind]}
    return row | (_quarter(content) if span == "quarter" else _day(kind, content))


def _quarter(content: Row) -> Row:
    start_ms, end_ms = ms_of(content.get("start")), ms_of(content.get("end"))
    if not 0 < start_ms < end_ms:
        raise NoSumError
    return {"start_ms": start_ms, "end_ms": end_ms}


def _day(kind: str, content: Row) -> Row:
    try:
        found = date.fromisoformat(content["date"]).isoformat()
    except (LookupError, TypeError, ValueError):
        raise NoSumError from None
    row: Row = {"date": found, "length_s": _figure(content, "length_s", needed=True)}
    if row["length_s"] > _LONGEST_DAY_S:
        raise NoSumError
    row |= dict.fromkeys(("first_in_ms", "last_out_ms", "periods"))
    if kind != "line":
        return row
    periods = content.get("periods")
    return row | {
        "first_in_ms": ms_of(content.get("first_in")) or None,
        "last_out_ms": ms_of(content.get("last_out")) or None,
        "periods": json.dumps(periods) if isinstance(periods, list) else None,
    }


def _figure(content: Row, name: str, *, needed: bool = False) -> float | None:
    value = content.get(name)
    if value is None and not needed:
        return None
    # True is a number too, to Python.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise NoSumError
    return value if name.endswith("_s") else int(value)


def put_sums(connection: Connection, events: Iterable[EventMessage], heard_ms: int) -> list[EventMessage]:
    """Put the quarters and days among these events into their tables; return those that are none.

    Args:
        connection: in a transaction.
        events: of any types.
        heard_ms: when they came.
    """
    rows: dict[str, dict[tuple[object, ...], Row]] = {}
    wrong = []
    for event in events:
        if (table := table_of(event.type)) is None:
            continue
        try:
            row = row_of(event, heard_ms)
        except NoSumError:
            wrong.append(event)
            continue
        key = tuple(row[column.name] for column in table.primary_key)
        of_table = rows.setdefault(f"{table.name} {row['kind']}", {})
        # One statement changes a row once.
        if key not in of_table or _age(row) > _age(of_table[key]):
            of_table[key] = row
    for name, found in rows.items():
        _put(connection, _TABLES[name.split(" ")[0]], list(found.values()))
    return wrong


def _age(row: Row) -> tuple[int, int]:
    return row["ts_ms"], row["seq"]


def _put(connection: Connection, table: Table, rows: list[Row]) -> None:
    # Both know it, by the same words.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    new = statement.excluded
    is_later = or_(new.ts_ms > table.c.ts_ms, and_(new.ts_ms == table.c.ts_ms, new.seq > table.c.seq))
    changed = {name: new[name] for name in rows[0] if name not in _UNCHANGED}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed, where=is_later),
        rows,
    )
