"""Quarters and days as rows of typed columns, from the events that agents publish.

A later event of the same span takes the place of the one before: after a step back of the clock a quarter
comes again, and the figures of a day may change. `changed_ms` says when that was; it is later than
`heard_ms`, when the first of its span came, only where a later one took its place. Of days it rises with each
write, whatever the clock does.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, or_, select

from agent.central.database.statements import insert
from agent.central.database.tables import COLUMNS, FIGURES, day, quarter
from agent.central.moments import ms_of

if TYPE_CHECKING:
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


class SumRows:
    """Rows of quarters and days to be written together; of each span the latest event's."""

    def __init__(self) -> None:
        # By table and kind, then by the key of the row.
        self._rows: dict[tuple[str, str], dict[tuple[object, ...], Row]] = {}

    def add(self, event: EventMessage, heard_ms: int) -> bool:
        """Take an event of any type; False: it calls itself a sum and is none."""
        if (table := table_of(event.type)) is None:
            return True
        try:
            row = row_of(event, heard_ms)
        except NoSumError:
            return False
        key = tuple(row[column.name] for column in table.primary_key)
        of_table = self._rows.setdefault((table.name, row["kind"]), {})
        before = of_table.get(key)
        # One statement changes a row once.
        if before is None:
            of_table[key] = row
        elif _age(row) > _age(before):
            of_table[key] = row | {"heard_ms": min(before["heard_ms"], heard_ms)}
        return True

    def write(self, connection: Connection) -> None:
        """Write them; the connection is in a transaction, and nobody else writes."""
        newest_ms = None
        for (table, _), found in self._rows.items():
            rows = list(found.values())
            if table == day.name:
                if newest_ms is None:
                    newest_ms = connection.execute(select(func.max(day.c.changed_ms))).scalar_one() or 0
                rows = [_behind(newest_ms, row) for row in rows]
            connection.execute(_put_later(connection.dialect.name, table, tuple(rows[0])), rows)


def _behind(newest_ms: int, row: Row) -> Row:
    """A day that changes later than all that were written before, though the clock stepped back since.

    Whoever reads on from the last change that it has misses none.
    """
    if row["changed_ms"] > newest_ms:
        return row
    return row | {"changed_ms": newest_ms + 1, "heard_ms": newest_ms + 1}


def _age(row: Row) -> tuple[int, int]:
    return row["ts_ms"], row["seq"]


@cache
def _put_later(backend: str, name: str, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - of SQLAlchemy
    """Insert rows, or change those that are there by what came later."""
    table = _TABLES[name]
    statement = insert(backend, table)
    new = statement.excluded
    is_later = or_(new.ts_ms > table.c.ts_ms, and_(new.ts_ms == table.c.ts_ms, new.seq > table.c.seq))
    changed = {name: new[name] for name in names if name not in _UNCHANGED}
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_=changed, where=is_later
    )
