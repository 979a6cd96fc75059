"""Signing in and sessions: made by a password, ended by sign-out, by rest, by age, or with the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import delete, or_, select, update

from agent.central.people.access_log import Actor, append_access
from agent.central.people.accounts import AccountKept
from agent.central.people.attempts import Trial, forget_old, take_back, trial_of, wait_s
from agent.central.people.passwords import hash_password, is_outdated, verify_password
from agent.central.people.reach import Reach
from agent.central.people.secret_hash import new_secret, secret_hash
from agent.central.people.tables import account, session

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agent.central.people.database import PeopleDatabase

# Not each request writes.
_NOTED_EVERY_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a try to sign in ended.

    Attributes:
        secret: of the new session; None: name or password are wrong, or it has to wait.
        wait_s: for how long; 0: it was tried.
    """

    secret: str | None
    wait_s: int = 0


class _Found(NamedTuple):
    """An account's number, and what is kept of its password."""

    id: int
    password: str


class Sessions:
    """The sessions of those who are signed in."""

    def __init__(self, people: PeopleDatabase, idle_s: float, longest_s: float) -> None:
        """Take the database they are in.

        Args:
            people: open.
            idle_s: a session ends when it was not used for so long.
            longest_s: and when it is so old.
        """
        self._people = people
        self._idle_ms, self._longest_ms = round(idle_s * 1000), round(longest_s * 1000)

    def sign_in(self, name: str, password: str, address: str, before: str | None = None) -> SignIn:
        """Make a session for who has the password.

        Args:
            name: of the account, as typed.
            password: as typed.
            address: of who tries.
            before: secret of the session that this browser had; it ends.

        Raises:
            BusyError: too many try at once.
            LogError: the database can't be used.
        """
        name = name.strip().lower()
        with self._people.writing() as connection:
            found = _account(connection, name)
            number = found.id if found else None
            trial = trial_of(connection, number, name, address)
            # It counts before it is looked at: many at once are no way around.
            if wait := wait_s(connection, trial, self._people.now_ms()):
                return SignIn(None, wait)
        if not verify_password(found.password if found else None, password) or found is None:
            if found is not None:
                with self._people.writing() as connection:
                    append_access(connection, self._people.now_ms(), Actor("account", name), "refused")
            return SignIn(None)
        hashed = hash_password(password) if is_outdated(found.password) else found.password
        with self._people.writing() as connection:
            # Removed, or with another password, since it was read: nobody is signed in.
            same = (account.c.id == found.id, account.c.password == found.password)
            if not connection.execute(update(account).where(*same).values(password=hashed)).rowcount:
                return SignIn(None)
            return SignIn(self._made(connection, found.id, name, trial, before))

    def _made(self, connection: Connection, number: int, name: str, trial: Trial, before: str | None) -> str:
        now_ms, secret = self._people.now_ms(), new_secret()
        take_back(connection, trial, number, now_ms)
        if before is not None:
            connection.execute(delete(session).where(session.c.hash == secret_hash(before)))
        connection.execute(
            session.insert().values(
                hash=secret_hash(secret), account=number, made_ms=now_ms, seen_ms=now_ms,
                ends_ms=now_ms + self._longest_ms,
            )
        )  # fmt: skip
        append_access(connection, now_ms, Actor("account", name), "signed in")
        return secret

    def find(self, secret: str, *, used: bool) -> AccountKept | None:
        """Whose session this is; None: nobody's, or it has ended.

        Args:
            secret: of the cookie.
            used: somebody does something with it, so that it does not end by rest.
        """
        now_ms, key = self._people.now_ms(), secret_hash(secret)
        query = (
            select(session.c.seen_ms, account.c.id, account.c.name, account.c.role, account.c.reach)
            .join(account, account.c.id == session.c.account)
            .where(
                session.c.hash == key, session.c.ends_ms > now_ms, session.c.seen_ms > now_ms - self._idle_ms
            )
        )
        with self._people.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if used and now_ms - row.seen_ms > min(_NOTED_EVERY_MS, self._idle_ms // 4):
            with self._people.writing() as connection:
                connection.execute(update(session).where(session.c.hash == key).values(seen_ms=now_ms))
        return AccountKept(row.id, row.name, row.role, Reach.kept(row.reach))

    def sign_out(self, secret: str) -> None:
        """End a session."""
        key = secret_hash(secret)
        query = select(account.c.name).join(session, account.c.id == session.c.account)
        with self._people.writing() as connection:
            name = connection.execute(query.where(session.c.hash == key)).scalar_one_or_none()
            if name is not None:
                connection.execute(delete(session).where(session.c.hash == key))
                append_access(connection, self._people.now_ms(), Actor("account", name), "signed out")

    def forget_ended(self) -> None:
        """Delete sessions that have ended, and wrong passwords that no longer count."""
        now_ms = self._people.now_ms()
        with self._people.writing() as connection:
            ended = or_(session.c.ends_ms <= now_ms, session.c.seen_ms <= now_ms - self._idle_ms)
            connection.execute(delete(session).where(ended))
            forget_old(connection, now_ms)


def _account(connection: Connection, name: str) -> _Found | None:
    query = select(account.c.id, account.c.password).where(account.c.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else _Found(row.id, row.password)
