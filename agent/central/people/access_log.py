"""Access log: who signed in, who looked at which place, who gave rights to whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import delete, func, select, update

from agent.central.people.chain import TRIMMED, AccessEntry, ChainHead, check_chain
from agent.central.people.tables import access, access_head
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

    from agent.central.people.database import PeopleDatabase
    from agent.central.people.reach import Reach

Act = Literal[
    "looked", "signed in", "signed out", "refused", "screen set up", "added", "removed", "password", "trimmed"
]
Kind = Literal["account", "screen", "token", "command", "nobody"]
EVERYWHERE: Final = "*"
_MONTH_MS: Final = round(30.5 * 86_400_000)
_LONGEST: Final = 200
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does what is logged; `name` is that of the account, screen or token."""

    kind: Kind
    name: str


def append_access(
    connection: Connection, now_ms: int, actor: Actor, act: Act, what: str = "", places: Iterable[str] = ("",)
) -> None:
    """Append a row for each place, in the transaction that does what they say.

    Args:
        connection: of `PeopleDatabase.writing`, so that nobody else appends.
        now_ms: milliseconds since 1970.
        actor: who does it.
        act: what is done.
        what: to what.
        places: sites, site/name, or * for all.
    """
    head = _head(connection)
    n, digest = head.n, head.hash
    rows = []
    for place in places:
        n += 1
        entry = AccessEntry(n, now_ms, actor.kind, actor.name, act, what[:_LONGEST], place, digest, "")
        digest = entry.reckoned()
        names = ("n", "ts_ms", "kind", "who", "act", "what", "place", "before")
        rows.append({name: getattr(entry, name) for name in names} | {"hash": digest})
    if rows:
        connection.execute(access.insert(), rows)
        connection.execute(update(access_head).values(n=n, hash=digest))


class AccessLog:
    """Reads the access log, and deletes what is old of it."""

    def __init__(self, people: PeopleDatabase) -> None:
        """Take the database it is in."""
        self._people = people

    def append(self, actor: Actor, act: Act, what: str = "", places: Iterable[str] = ("",)) -> None:
        """Append a row for each place, in a transaction of their own; as `append_access`.

        Args:
            actor: who does it.
            act: what is done.
            what: to what.
            places: sites, site/name, or * for all.
        """
        with self._people.writing() as connection:
            append_access(connection, self._people.now_ms(), actor, act, what, places)

    def page(
        self, reach: Reach | None, before: int | None, most: int, place: str | None = None
    ) -> Sequence[AccessEntry]:
        """The newest rows, newest first.

        Args:
            reach: only what was looked at of these sites and places; None: everything.
            before: only rows with lower numbers; None: all.
            most: so many at the most.
            place: only of this site, or place as site/name.
        """
        query = select(access).order_by(access.c.n.desc()).limit(most)
        if reach is not None:
            query = query.where(access.c.act == "looked")
            if reach.sites is not None:
                query = query.where(access.c.place.in_(_named(reach)))
        if place is not None:
            site = place.partition("/")[0]
            query = query.where(access.c.place.in_({place, site, EVERYWHERE}))
        if before is not None:
            query = query.where(access.c.n < before)
        with self._people.reading() as connection:
            return [AccessEntry(*row) for row in connection.execute(query)]

    def head(self) -> ChainHead:
        """Number and hash of the last row."""
        with self._people.reading() as connection:
            return _head(connection)

    def verify(self, noted: ChainHead | None = None) -> list[str]:
        """Look for rows that were removed, changed or put elsewhere; return a sentence for each.

        Args:
            noted: head that somebody noted earlier.
        """
        with self._people.reading() as connection:
            rows = connection.execution_options(yield_per=_AT_ONCE).execute(
                select(access).order_by(access.c.n)
            )
            return check_chain((AccessEntry(*row) for row in rows), _head(connection), noted)

    def trim(self, keep_months: int) -> int:
        """Delete what is older than that; a row says so, which proves the first that is left.

        Args:
            keep_months: 0: for ever.

        Returns:
            How many rows went.
        """
        if not keep_months:
            return 0
        now_ms = self._people.now_ms()
        old = now_ms - keep_months * _MONTH_MS
        with self._people.writing() as connection:
            first = connection.execute(select(func.min(access.c.n))).scalar_one()
            kept = connection.execute(select(func.min(access.c.n)).where(access.c.ts_ms >= old)).scalar_one()
            last = kept - 1 if kept is not None else _head(connection).n
            if first is None or last < first:
                return 0
            digest = connection.execute(select(access.c.hash).where(access.c.n == last)).scalar_one()
            append_access(connection, now_ms, Actor("nobody", ""), TRIMMED, f"{last} {digest}")
            connection.execute(delete(access).where(access.c.n <= last))
        return int(last - first + 1)


def noted_head(text: str) -> ChainHead:
    """The head that somebody noted; ConfigError: it is none."""
    found = re.fullmatch(r"(\d{1,15}):([0-9a-f]{64})", text)
    if not found:
        raise ConfigError(
            "--noted: give number and hash as `presence-central access verify` prints them, 120:5f3a…"
        )
    return ChainHead(int(found[1]), found[2])


def _named(reach: Reach) -> Collection[str]:
    """How rows name what is within this reach: the site of a place, and all, include it."""
    sites = reach.sites or frozenset()
    of_places = {place.partition("/")[0] for place in reach.places}
    return {EVERYWHERE, *sites, *reach.places, *of_places}


def _head(connection: Connection) -> ChainHead:
    row = connection.execute(select(access_head.c.n, access_head.c.hash)).one()
    return ChainHead(row.n, row.hash)
