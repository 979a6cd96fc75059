"""Tables of the people database (SQLAlchemy Core), the same on SQLite and PostgreSQL.

::

    account      a person who may sign in: role, what may be seen, argon2's hash of the password
    session      somebody signed in: hash of the cookie's secret; ends when it is not used, or at ends_ms
    screen       a screen without a person: hash of the code in its address, which is good once, and of the
                 cookie that it was exchanged for
    token        a program: hash of its token, and when it ends
    attempt      wrong passwords by account, by address and by both, and until when the next one has to wait
    known        addresses from which an account was signed in: others' wrong passwords don't slow those down
    access       who looked at what, a row each, with the hash of the row before
    access_head  one row: number and hash of the last row of access

What somebody may see (`reach`) is a list of sites, and of places as site/name, with spaces between; NULL is
all.
All times end in `_ms`: milliseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, Table, Text

metadata: Final = MetaData()

# SQLite numbers rows by itself only where the type is called so.
_Number = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str, *, known: bool = True, unique: bool = False) -> Column[str]:
    return Column(name, Text, nullable=not known, unique=unique)


def _number(name: str, *, known: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=not known)


account: Final = Table(
    "account",
    metadata,
    # Never used twice, so that a session of one who is gone is nobody else's.
    Column("id", _Number, primary_key=True, autoincrement=True),
    _text("name", unique=True),
    _text("role"),
    _text("reach", known=False),
    _text("password"),
    _number("made_ms"),
    _number("password_ms"),
    sqlite_autoincrement=True,
)
session: Final = Table(
    "session",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account", BigInteger, ForeignKey("account.id"), nullable=False),
    _number("made_ms"),
    _number("seen_ms"),
    _number("ends_ms"),
    Index("session_by_account", "account"),
)
screen: Final = Table(
    "screen",
    metadata,
    Column("name", Text, primary_key=True),
    _text("reach", known=False),
    _text("code", unique=True),
    _number("code_ends_ms"),
    _text("cookie", known=False, unique=True),
    _number("made_ms"),
    _number("used_ms", known=False),
)
token: Final = Table(
    "token",
    metadata,
    Column("name", Text, primary_key=True),
    _text("hash", unique=True),
    _text("reach", known=False),
    _number("made_ms"),
    _number("ends_ms"),
)
attempt: Final = Table(
    "attempt",
    metadata,
    Column("key", Text, primary_key=True),
    _number("wrong"),
    _number("last_ms"),
    _number("until_ms"),
    Index("attempt_by_time", "last_ms"),
)
known: Final = Table(
    "known",
    metadata,
    Column("account", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("address", Text, primary_key=True),
    _number("last_ms"),
)
access: Final = Table(
    "access",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    _number("ts_ms"),
    _text("kind"),
    _text("who"),
    _text("act"),
    _text("what"),
    # A site, a place as site/name, * for all; empty where no place is meant.
    Column("place", Text, nullable=False),
    _text("before"),
    _text("hash"),
    Index("access_by_place", "place", "n"),
)
access_head: Final = Table(
    "access_head",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _number("n"),
    _text("hash"),
)
