"""Statements that insert or change rows, made once each: making one costs ten times what running it does."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

from agent.central.database.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Table


def insert(backend: str, table: Table) -> Any:  # noqa: ANN401 - SQLAlchemy's two kinds of an insert share no type
    """An insert that knows ON CONFLICT; both databases do, by the same words."""
    return (postgresql if backend == "postgresql" else sqlite).insert(table)


@cache
def insert_new(backend: str, table: str) -> Any:  # noqa: ANN401
    """Insert rows whose keys are not there yet."""
    return insert(backend, metadata.tables[table]).on_conflict_do_nothing()


@cache
def upsert(backend: str, table: str, names: tuple[str, ...], keep: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Insert rows, or give those with their keys these values.

    Args:
        backend: sqlite or postgresql.
        table: its name.
        names: of the columns.
        keep: those that stay as they are where the row is there.
    """
    key = [column.name for column in metadata.tables[table].primary_key]
    statement = insert(backend, metadata.tables[table])
    changed = {name: statement.excluded[name] for name in names if name not in key and name not in keep}
    return statement.on_conflict_do_update(index_elements=key, set_=changed)


@cache
def count(backend: str, table: str, name: str) -> Any:  # noqa: ANN401
    """Insert rows, or add to this column of those that are there."""
    of = metadata.tables[table]
    statement = insert(backend, of)
    return statement.on_conflict_do_update(
        index_elements=list(of.primary_key), set_={name: of.c[name] + statement.excluded[name]}
    )


def put(
    connection: Connection, table: Table, row: Mapping[str, object], *, keep: tuple[str, ...] = ()
) -> None:
    """Insert a row, or give the one with its key these values.

    Args:
        connection: in a transaction.
        table: where.
        row: by the names of the columns.
        keep: columns that stay as they are where the row is there.
    """
    connection.execute(upsert(connection.dialect.name, table.name, tuple(row), keep), row)
