"""Stores of each kind, looked at by one test: the plain file, and the database on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from agent.central.database.engine import database_url, make_engine
from agent.central.database.reader import DatabaseReader
from agent.central.database.store import DatabaseStore
from agent.central.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from agent.central.kept import OverviewStore

Rows = list[tuple[Any, ...]]


class Backend(Protocol):
    """Where a store is, and how somebody else looks into it."""

    def close(self) -> None:
        """Whoever looks in from outside goes."""

    def store(self) -> Store | DatabaseStore:
        """One to write, not open yet."""

    def reader(self) -> AbstractContextManager[OverviewStore]:
        """One to read."""

    def execute(self, query: str, values: Sequence[object] = ()) -> Rows:
        """What another program asks, or does; ? stands for a value."""

    def full(self) -> AbstractContextManager[None]:
        """No event is taken."""

    def kept(self) -> AbstractContextManager[None]:
        """No event can be deleted."""


class PlainBackend:
    """The subscriber's file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def close(self) -> None:
        pass

    def store(self) -> Store:
        return Store(self.path)

    @contextmanager
    def reader(self) -> Iterator[OverviewStore]:
        with Store(self.path, reading=True) as reading:
            yield reading

    def execute(self, query: str, values: Sequence[object] = ()) -> Rows:
        with closing(sqlite3.connect(self.path)) as other, other:
            return other.execute(query, values).fetchall()

    @contextmanager
    def full(self) -> Iterator[None]:
        with refused_sqlite(self, "INSERT"):
            yield

    @contextmanager
    def kept(self) -> Iterator[None]:
        with refused_sqlite(self, "DELETE"):
            yield


class DatabaseBackend:
    """The centre's database."""

    def __init__(self, address: str) -> None:
        self.url = database_url(address)
        self._engine = make_engine(self.url, reading=False)

    def close(self) -> None:
        self._engine.dispose()

    @property
    def is_postgres(self) -> bool:
        return self.url.get_backend_name() == "postgresql"

    def store(self) -> DatabaseStore:
        return DatabaseStore(self.url)

    @contextmanager
    def reader(self) -> Iterator[OverviewStore]:
        with DatabaseReader(self.url) as reading:
            yield reading

    def execute(self, query: str, values: Sequence[object] = ()) -> Rows:
        with self._engine.begin() as connection:
            text = query.replace("?", "%s") if self.is_postgres else query
            done = connection.exec_driver_sql(text, tuple(values) or None)
            return [tuple(row) for row in done] if done.returns_rows else []

    @contextmanager
    def full(self) -> Iterator[None]:
        if not self.is_postgres:
            with refused_sqlite(self, "INSERT"):
                yield
            return
        self.execute('ALTER TABLE event ADD CONSTRAINT "full" CHECK (false) NOT VALID')
        try:
            yield
        finally:
            self.execute('ALTER TABLE event DROP CONSTRAINT "full"')

    @contextmanager
    def kept(self) -> Iterator[None]:
        if not self.is_postgres:
            with refused_sqlite(self, "DELETE"):
                yield
            return
        self.execute("CREATE RULE kept AS ON DELETE TO event DO INSTEAD SELECT 1 / 0")
        try:
            yield
        finally:
            self.execute("DROP RULE kept ON event")


@contextmanager
def refused_sqlite(backend: Backend, what: str) -> Iterator[None]:
    backend.execute(f"CREATE TRIGGER no BEFORE {what} ON event BEGIN SELECT raise(ABORT, 'full'); END")
    try:
        yield
    finally:
        backend.execute("DROP TRIGGER no")
