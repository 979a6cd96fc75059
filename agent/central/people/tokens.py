"""Tokens of the API: which programs may read what, and until when; of each only a hash is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from agent.central.people.access_log import append_access
from agent.central.people.reach import Reach
from agent.central.people.secret_hash import new_secret, secret_hash
from agent.central.people.tables import token
from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.central.people.access_log import Actor
    from agent.central.people.database import PeopleDatabase

_PREFIX: Final = "presence-"
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class TokenKept:
    """A token, without what opens anything; `ends_ms`: when it is over."""

    name: str
    reach: Reach
    made_ms: int
    ends_ms: int


class Tokens:
    """The tokens; they are asked for at each request, so that an end is in force at once."""

    def __init__(self, people: PeopleDatabase) -> None:
        """Take the database they are in."""
        self._people = people

    def add(self, by: Actor, name: str, reach: Reach, days: int) -> str:
        """Make a token, and return it: it is never seen again.

        Args:
            by: who does it.
            name: whose it is.
            reach: what it may read.
            days: for how long.

        Raises:
            ConfigError: there is one of that name.
        """
        made, now_ms = f"{_PREFIX}{new_secret()}", self._people.now_ms()
        row = {"name": name, "hash": secret_hash(made), "reach": reach.text(), "made_ms": now_ms}
        with self._people.writing() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(token.insert().values(**row, ends_ms=now_ms + days * _DAY_MS))
            except IntegrityError:
                raise ConfigError(
                    f"there is a token {name} already; remove it, or give another name."
                ) from None
            append_access(connection, now_ms, by, "added", f"token {name} {reach.text() or '*'}")
        return made

    def remove(self, by: Actor, name: str) -> None:
        """End a token at once.

        Args:
            by: who does it.
            name: whose it is.

        Raises:
            ConfigError: there is none.
        """
        with self._people.writing() as connection:
            if not connection.execute(delete(token).where(token.c.name == name)).rowcount:
                raise ConfigError(f"there is no token {name}; `presence-central token list` shows them.")
            append_access(connection, self._people.now_ms(), by, "removed", f"token {name}")

    def all(self) -> list[TokenKept]:
        """Read them, by name."""
        with self._people.reading() as connection:
            return [
                TokenKept(row.name, Reach.kept(row.reach), row.made_ms, row.ends_ms)
                for row in connection.execute(select(token).order_by(token.c.name))
            ]

    def find(self, text: str) -> TokenKept | None:
        """Whose token this is; None: it is nobody's, or is over."""
        query = select(token).where(
            token.c.hash == secret_hash(text), token.c.ends_ms > self._people.now_ms()
        )
        with self._people.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else TokenKept(row.name, Reach.kept(row.reach), row.made_ms, row.ends_ms)
