"""Engine of the centre's database, for writing or for reading, and what goes wrong with it as a sentence."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import QueuePool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from agent.errors import ConfigError, LogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

DRIVERS: Final = ("sqlite", "postgresql+psycopg")
# PostgreSQL: a server that does not answer is away, and not waited for.
_CONNECT_S = 10
# A reader of SQLite's waits for a writer's commit, which is short.
_BUSY_S = 15
# Of a server: each may hold a connection.
_MOST_THREADS = 64


def database_url(text: str, password: str | None = None, table: str = "store") -> URL:
    """Parse the address of a database.

    Args:
        text: as in the configuration.
        password: PostgreSQL's, where it wants one; it stands in no file that others read.
        table: of the configuration, for the sentence.

    Raises:
        ConfigError: there is no such database.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in DRIVERS or not url.database:
        raise ConfigError(
            f'[{table}] url: give "sqlite:////var/lib/presence-central/store.db" with the path of a file, or '
            '"postgresql+psycopg://user@host/database".'
        )
    if url.password:
        raise ConfigError(
            f"[{table}] url: a password does not belong here; name a file with it as password_file."
        )
    return url.set(password=password) if password else url


def make_engine(url: URL, *, reading: bool) -> Engine:
    """Make the engine; it connects when it is used.

    Args:
        url: of `database_url`.
        reading: it can't write, whatever it is asked for.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(url.database or ""), reading=reading)
    options = "-c default_transaction_read_only=on" if reading else "-c synchronous_commit=on"
    return create_engine(
        url, pool_pre_ping=True, connect_args={"connect_timeout": _CONNECT_S, "options": options}
    )


def _sqlite(path: Path, *, reading: bool) -> Engine:
    uri = f"{path.absolute().as_uri()}?mode={'ro' if reading else 'rwc'}"
    # Python's own transactions are off: SQLAlchemy's BEGIN would come too late for what reads first.
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=_BUSY_S, check_same_thread=False
        ),
        # What SQLAlchemy takes for this address closes connections that another thread is at.
        poolclass=QueuePool,
        max_overflow=_MOST_THREADS,
    )

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        if not reading:
            # FULL: what a commit returned for is there after a power cut.
            connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")

    @event.listens_for(engine, "begin")
    def on_begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    return engine


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """What a database's library says becomes a LogError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        said = getattr(error, "orig", None) or error
        reason = " ".join(str(said).split())
        raise LogError(f"the store {shown(url)} can't be used ({reason}).") from error


def shown(url: URL) -> str:
    """The address without a password."""
    return url.render_as_string(hide_password=True)
