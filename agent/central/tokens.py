"""Tokens of the API: who may read which sites, and until when; of each only a hash is kept.

A token is 256 random bits, so that a plain SHA-256 says nothing of it, and nobody guesses one. They are in a
database of their own: the process that serves the API can't write the store.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, delete, select
from sqlalchemy.exc import IntegrityError

from agent.central.database.engine import make_engine, translated
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Row
    from sqlalchemy.engine import URL

_PREFIX: Final = "presence-"
_DAY_S: Final = 86_400
_metadata = MetaData()
_token = Table(
    "token",
    _metadata,
    Column("name", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    # With spaces between; NULL: all.
    Column("sites", Text),
    Column("made_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TokenKept:
    """A token, without what opens anything.

    Attributes:
        sites: that it may read; None: all.
        ends_ms: when it is over.
    """

    name: str
    sites: frozenset[str] | None
    made_ms: int
    ends_ms: int


class TokenStore:
    """The tokens' database; it is asked anew for each request, so that an end is in force at once."""

    def __init__(self, url: URL) -> None:
        """Take where it is; it is made if it is not there."""
        self._url = url
        self._engine = make_engine(url, reading=False)

    def make(self) -> None:
        """Make its table where there is none.

        Raises:
            LogError: it can't be made.
        """
        with translated(self._url):
            _metadata.create_all(self._engine)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def add(self, name: str, sites: Collection[str], days: int) -> str:
        """Make a token, and return it: it is never seen again.

        Args:
            name: whose it is.
            sites: that it may read; none: all.
            days: for how long.

        Raises:
            ConfigError: there is one of that name.
            LogError: it can't be kept.
        """
        made = f"{_PREFIX}{secrets.token_urlsafe(32)}"
        now_ms = round(time() * 1000)
        row = {
            "name": name,
            "hash": _hash(made),
            "sites": " ".join(sorted(set(sites))) or None,
            "made_ms": now_ms,
            "ends_ms": now_ms + days * _DAY_S * 1000,
        }
        try:
            with translated(self._url), self._engine.begin() as connection:
                try:
                    connection.execute(_token.insert().values(row))
                except IntegrityError:
                    raise ConfigError(
                        f"there is a token {name} already; remove it, or give another name."
                    ) from None
        finally:
            self.close()
        return made

    def remove(self, name: str) -> None:
        """End a token at once; ConfigError: there is none of that name."""
        with translated(self._url), self._engine.begin() as connection:
            gone = connection.execute(delete(_token).where(_token.c.name == name)).rowcount
        self.close()
        if not gone:
            raise ConfigError(f"there is no token {name}; `presence-central token list` shows them.")

    def all(self) -> list[TokenKept]:
        """Read them, by name; LogError: they can't be read."""
        with translated(self._url), self._engine.begin() as connection:
            found = [_kept(row) for row in connection.execute(select(_token).order_by(_token.c.name))]
        self.close()
        return found

    def find(self, token: str) -> TokenKept | None:
        """Read whose token this is; None: it is nobody's, or is over.

        Raises:
            LogError: they can't be read.
        """
        query = select(_token).where(_token.c.hash == _hash(token))
        with translated(self._url), self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None or row.ends_ms <= time() * 1000 else _kept(row)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _kept(row: Row[tuple[object, ...]]) -> TokenKept:
    sites = None if row.sites is None else frozenset(row.sites.split(" "))
    return TokenKept(row.name, sites, row.made_ms, row.ends_ms)
