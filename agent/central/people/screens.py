"""Screens on a wall: an address is exchanged once for a cookie, and nobody signs in there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from agent.central.people.access_log import Actor, append_access
from agent.central.people.attempts import code_trial, take_back, wait_s
from agent.central.people.reach import Reach
from agent.central.people.secret_hash import code_of, new_code, new_secret, secret_hash
from agent.central.people.tables import screen
from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.central.people.database import PeopleDatabase

# Whoever finds the address on a note next month does nothing with it.
_CODE_GOOD_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class ScreenKept:
    """A screen, without what opens anything; `used_ms`: since when its address is used up."""

    name: str
    reach: Reach
    made_ms: int
    used_ms: int | None


@dataclass(frozen=True, slots=True)
class ScreenExchange:
    """How an exchange ended: the cookie's secret, or None; `wait_s`: it has to wait for so long."""

    secret: str | None
    wait_s: int = 0


class Screens:
    """The screens."""

    def __init__(self, people: PeopleDatabase) -> None:
        """Take the database they are in."""
        self._people = people

    def add(self, by: Actor, name: str, reach: Reach) -> str:
        """Make one, and return the code of its address: it is never seen again.

        Args:
            by: who does it.
            name: a-z, 0-9 and '-'.
            reach: what it shows.

        Raises:
            ConfigError: there is one of that name.
        """
        code, now_ms = new_code(), self._people.now_ms()
        row = {"name": name, "reach": reach.text(), "code": secret_hash(code), "made_ms": now_ms}
        with self._people.writing() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(screen.insert().values(**row, code_ends_ms=now_ms + _CODE_GOOD_MS))
            except IntegrityError:
                raise ConfigError(
                    f"there is a screen {name} already; remove it, or give another name."
                ) from None
            append_access(connection, now_ms, by, "added", f"screen {name} {reach.text() or '*'}")
        return code

    def remove(self, by: Actor, name: str) -> None:
        """End one at once.

        Args:
            by: who does it.
            name: of the screen.

        Raises:
            ConfigError: there is none.
        """
        with self._people.writing() as connection:
            if not connection.execute(delete(screen).where(screen.c.name == name)).rowcount:
                raise ConfigError(f"there is no screen {name}; `presence-central screen list` shows them.")
            append_access(connection, self._people.now_ms(), by, "removed", f"screen {name}")

    def all(self) -> list[ScreenKept]:
        """Read them, by name."""
        with self._people.reading() as connection:
            return [
                ScreenKept(row.name, Reach.kept(row.reach), row.made_ms, row.used_ms)
                for row in connection.execute(select(screen).order_by(screen.c.name))
            ]

    def exchange(self, typed: str, address: str) -> ScreenExchange:
        """Exchange a code for a cookie, once.

        Args:
            typed: as in the address.
            address: of who tries.
        """
        now_ms, secret, trial = self._people.now_ms(), new_secret(), code_trial(address)
        with self._people.writing() as connection:
            if wait := wait_s(connection, trial, now_ms):
                return ScreenExchange(None, wait)
            unused = (
                screen.c.code == secret_hash(code_of(typed)),
                screen.c.used_ms.is_(None),
                screen.c.code_ends_ms > now_ms,
            )
            name = connection.execute(select(screen.c.name).where(*unused)).scalar_one_or_none()
            if name is None:
                return ScreenExchange(None)
            changed = update(screen).where(*unused).values(cookie=secret_hash(secret), used_ms=now_ms)
            if not connection.execute(changed).rowcount:
                return ScreenExchange(None)
            take_back(connection, trial, None, now_ms)
            append_access(connection, now_ms, Actor("screen", name), "screen set up")
        return ScreenExchange(secret)

    def find(self, secret: str) -> ScreenKept | None:
        """Whose cookie this is; None: nobody's."""
        query = select(screen).where(screen.c.cookie == secret_hash(secret))
        with self._people.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else ScreenKept(row.name, Reach.kept(row.reach), row.made_ms, row.used_ms)
