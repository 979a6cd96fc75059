"""The people database, open for reading and for writing; one transaction after the other writes."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Self

from sqlalchemy import func, select

from agent.central.database.engine import make_engine, translated
from agent.central.people.migrations import migrate
from agent.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL


# Of PostgreSQL's locks that a program names: "people" as a number.
_LOCK = int.from_bytes(b"people")


def _now_ms() -> int:
    return round(time() * 1000)


class PeopleDatabase:
    """Accounts and all that belongs to them; `with` makes what is not there yet.

    Attributes:
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(self, url: URL, now_ms: Callable[[], int] = _now_ms) -> None:
        """Take where it is.

        Args:
            url: of `database_url`.
            now_ms: the clock.
        """
        self._url = url
        self.now_ms = now_ms
        self._writing = make_engine(url, reading=False)
        self._reading = make_engine(url, reading=True)

    def __enter__(self) -> Self:
        """Make or migrate the tables; LogError: it can't be used."""
        with ExitStack() as failing:
            failing.callback(self.close)
            if self._url.get_backend_name() == "sqlite":
                _make_private(Path(self._url.database or ""))
            with translated(self._url):
                migrate(self._writing)
            failing.pop_all()
        return self

    def __exit__(self, *_about: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._reading.dispose()
        self._writing.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment of it; LogError: it can't be read."""
        with translated(self._url), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """All or nothing; it is on the disk when this ends; LogError: nothing of it is kept."""
        with translated(self._url), self._writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                # SQLite has one writer at a time by itself; it ends with the transaction.
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield connection


def _make_private(path: Path) -> None:
    """Make SQLite's file so that only its owner reads it: hashes of passwords are in it.

    What root makes belongs to whom the folder belongs, as the service that uses it does not run as root.
    """
    with suppress(FileExistsError):
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            raise
        except OSError as error:
            raise LogError(f"the store {path} can't be opened ({error.strerror}).") from error
        try:
            if os.geteuid() == 0:
                folder = path.absolute().parent.stat()
                os.fchown(file, folder.st_uid, folder.st_gid)
        finally:
            os.close(file)
