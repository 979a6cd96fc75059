"""Rate limit of wrong passwords: each further one has to wait longer, also after a restart.

Counted are pairs of account and address, addresses, and accounts. Who guesses from many addresses at one
account can't keep its owner out: the account's counter says nothing to who was signed in from there before,
and nothing to the first tries from any other address. What was typed for an account that does not exist may
be a password: of that only 16 bits of a hash are kept.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select

from agent.central.people.tables import attempt, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_FORGOTTEN_MS: Final = 86_400_000
_KNOWN_MS: Final = 90 * _FORGOTTEN_MS
_BUCKET_LETTERS: Final = 4


@dataclass(frozen=True, slots=True)
class _Limit:
    """So many are free; then 2 s, twice as long with each further one, at most `most_s`."""

    free: int
    most_s: int

    def wait_ms(self, wrong: int) -> int:
        over = wrong - self.free
        return 0 if over <= 0 else min(self.most_s, 2 ** min(over, 20)) * 1000


# From each address, whatever others did to the account.
_FIRST: Final = 3
_PAIR, _ADDRESS, _ACCOUNT = _Limit(5, 900), _Limit(20, 900), _Limit(20, 60)


@dataclass(frozen=True, slots=True)
class Trial:
    """Somebody who tries: at which account, from which address.

    Attributes:
        keys: what is counted, each with its limit.
        address: as it is kept.
    """

    keys: tuple[tuple[str, _Limit], ...]
    address: str


def trial_of(connection: Connection, account: int | None, typed: str, address: str) -> Trial:
    """What is counted of a try to sign in.

    Args:
        connection: that reads.
        account: its number; None: there is none of that name.
        typed: the name.
        address: where it comes from.
    """
    where = network_of(address)
    who = f"#{account}" if account is not None else f"?{_bucket(typed)}"
    pair = (f"{who} {where}", _PAIR)
    if account is not None:
        query = select(known.c.last_ms).where(known.c.account == account, known.c.address == where)
        if connection.execute(query).one_or_none():
            return Trial((pair,), where)
    return Trial((pair, (where, _ADDRESS), (who, _ACCOUNT)), where)


def code_trial(address: str) -> Trial:
    """What is counted of a code that is tried: its address."""
    where = network_of(address)
    return Trial(((where, _ADDRESS),), where)


def wait_s(connection: Connection, trial: Trial, now_ms: int) -> int:
    """How long this has to wait; 0: it may be tried, and counts as wrong until `take_back`.

    Args:
        connection: that writes, in one transaction: many at once are counted as one after the other.
        trial: somebody's.
        now_ms: milliseconds since 1970.
    """
    rows = _rows(connection, [key for key, _ in trial.keys])
    first_tries = any(limit is _PAIR and rows.get(key, (0,))[0] < _FIRST for key, limit in trial.keys)
    # A clock that was put back does not make anybody wait for longer than the limit.
    waits = [
        min(rows[key][2] - now_ms, limit.most_s * 1000)
        for key, limit in trial.keys
        if key in rows and not (limit is _ACCOUNT and first_tries)
    ]
    if (longest := max(waits, default=0)) > 0:
        return -(-longest // 1000)
    connection.execute(delete(attempt).where(attempt.c.key.in_([key for key, _ in trial.keys])))
    for key, limit in trial.keys:
        wrong, last_ms, _ = rows.get(key, (0, now_ms, 0))
        wrong = 1 if now_ms - last_ms > _FORGOTTEN_MS else wrong + 1
        row = {"key": key, "wrong": wrong, "last_ms": now_ms, "until_ms": now_ms + limit.wait_ms(wrong)}
        connection.execute(attempt.insert().values(row))
    return 0


def take_back(connection: Connection, trial: Trial, account: int | None, now_ms: int) -> None:
    """It was right: its pair counts from 0, and from there this account is known.

    The counter of the address only goes back by this one: somebody with an account of his own could otherwise
    guess at others' for ever.

    Args:
        connection: that writes.
        trial: of `wait_s`.
        account: which one; None: a code.
        now_ms: milliseconds since 1970.
    """
    for key, limit in trial.keys:
        if limit is _PAIR:
            connection.execute(delete(attempt).where(attempt.c.key == key))
        else:
            fewer = attempt.update().where(attempt.c.key == key)
            connection.execute(fewer.values(wrong=attempt.c.wrong - 1, until_ms=now_ms))
    if account is not None:
        of = (known.c.account == account, known.c.address == trial.address)
        connection.execute(delete(known).where(*of))
        connection.execute(known.insert().values(account=account, address=trial.address, last_ms=now_ms))


def forget_old(connection: Connection, now_ms: int) -> None:
    """Delete what is no longer counted."""
    connection.execute(delete(attempt).where(attempt.c.last_ms < now_ms - _FORGOTTEN_MS))
    connection.execute(delete(known).where(known.c.last_ms < now_ms - _KNOWN_MS))


def network_of(address: str) -> str:
    """An address as it is counted: of IPv6 the network, for each of its users has as many as he likes."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "elsewhere"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _bucket(typed: str) -> str:
    return hashlib.sha256(typed.lower().encode()).hexdigest()[:_BUCKET_LETTERS]


def _rows(connection: Connection, keys: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    query = select(attempt).where(attempt.c.key.in_(keys))
    return {row.key: (row.wrong, row.last_ms, row.until_ms) for row in connection.execute(query)}
