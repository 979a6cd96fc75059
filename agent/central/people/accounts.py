"""Accounts of people: a name, a role, what may be seen, and a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from agent.central.people.access_log import append_access
from agent.central.people.passwords import check_password, hash_password
from agent.central.people.reach import Reach
from agent.central.people.tables import account, known, session
from agent.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agent.central.people.access_log import Actor
    from agent.central.people.database import PeopleDatabase
    from agent.central.people.reach import Role


@dataclass(frozen=True, slots=True)
class AccountKept:
    """An account, without its password."""

    id: int
    name: str
    role: Role
    reach: Reach


class Accounts:
    """The accounts; every change of them ends what was signed in with them."""

    def __init__(self, people: PeopleDatabase) -> None:
        """Take the database they are in."""
        self._people = people

    def add(self, by: Actor, name: str, role: Role, reach: Reach, password: str) -> None:
        """Make one.

        Args:
            by: who does it.
            name: a-z, 0-9 and '-'.
            role: what it may do.
            reach: what it may see.
            password: as chosen.

        Raises:
            ConfigError: there is one of that name, or the password or the reach will not do.
        """
        if role == "staff" and reach.sites is None:
            raise ConfigError("staff see their own place only: give it by --place site/name.")
        check_password(password, name)
        now_ms, hashed = self._people.now_ms(), hash_password(password)
        row = {"name": name, "role": role, "reach": reach.text(), "password": hashed}
        with self._people.writing() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(account.insert().values(**row, made_ms=now_ms, password_ms=now_ms))
            except IntegrityError:
                raise ConfigError(
                    f"there is a user {name} already; remove it, or give another name."
                ) from None
            append_access(connection, now_ms, by, "added", f"user {name} {role} {reach.text() or '*'}")

    def remove(self, by: Actor, name: str) -> None:
        """End one at once, with all that was signed in with it.

        Args:
            by: who does it.
            name: of the account.

        Raises:
            ConfigError: there is none.
        """
        with self._people.writing() as connection:
            number = _number(connection, name)
            connection.execute(delete(session).where(session.c.account == number))
            connection.execute(delete(known).where(known.c.account == number))
            connection.execute(delete(account).where(account.c.id == number))
            append_access(connection, self._people.now_ms(), by, "removed", f"user {name}")

    def set_password(self, by: Actor, name: str, password: str) -> None:
        """Give one another password; whoever was signed in has to do it again.

        Args:
            by: who does it.
            name: of the account.
            password: as chosen.

        Raises:
            ConfigError: there is no such account, or the password will not do.
        """
        check_password(password, name)
        now_ms, hashed = self._people.now_ms(), hash_password(password)
        with self._people.writing() as connection:
            number = _number(connection, name)
            connection.execute(delete(session).where(session.c.account == number))
            connection.execute(delete(known).where(known.c.account == number))
            changed = update(account).where(account.c.id == number)
            connection.execute(changed.values(password=hashed, password_ms=now_ms))
            append_access(connection, now_ms, by, "password", f"user {name}")

    def all(self) -> list[AccountKept]:
        """Read them, by name."""
        with self._people.reading() as connection:
            query = select(account.c.id, account.c.name, account.c.role, account.c.reach)
            return [
                AccountKept(row.id, row.name, row.role, Reach.kept(row.reach))
                for row in connection.execute(query.order_by(account.c.name))
            ]


def _number(connection: Connection, name: str) -> int:
    found = connection.execute(select(account.c.id).where(account.c.name == name)).scalar_one_or_none()
    if found is None:
        raise ConfigError(f"there is no user {name}; `presence-central user list` shows them.")
    return int(found)
