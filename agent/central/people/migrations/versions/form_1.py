"""First form of the people database.

Written out, not taken from `tables`: what a form was does not change with the tables of later ones.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_FORM = sa.MetaData()
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

sa.Table(
    "account",
    _FORM,
    sa.Column("id", _Number, autoincrement=True, nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("role", sa.Text(), nullable=False),
    sa.Column("reach", sa.Text(), nullable=True),
    sa.Column("password", sa.Text(), nullable=False),
    sa.Column("made_ms", sa.BigInteger(), nullable=False),
    sa.Column("password_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("name"),
    sqlite_autoincrement=True,
)
sa.Table(
    "session",
    _FORM,
    sa.Column("hash", sa.Text(), nullable=False),
    sa.Column("account", sa.BigInteger(), nullable=False),
    sa.Column("made_ms", sa.BigInteger(), nullable=False),
    sa.Column("seen_ms", sa.BigInteger(), nullable=False),
    sa.Column("ends_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("hash"),
    sa.ForeignKeyConstraint(["account"], ["account.id"]),
    sa.Index("session_by_account", "account"),
)
sa.Table(
    "screen",
    _FORM,
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("reach", sa.Text(), nullable=True),
    sa.Column("code", sa.Text(), nullable=False),
    sa.Column("code_ends_ms", sa.BigInteger(), nullable=False),
    sa.Column("cookie", sa.Text(), nullable=True),
    sa.Column("made_ms", sa.BigInteger(), nullable=False),
    sa.Column("used_ms", sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint("name"),
    sa.UniqueConstraint("code"),
    sa.UniqueConstraint("cookie"),
)
sa.Table(
    "token",
    _FORM,
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("hash", sa.Text(), nullable=False),
    sa.Column("reach", sa.Text(), nullable=True),
    sa.Column("made_ms", sa.BigInteger(), nullable=False),
    sa.Column("ends_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("name"),
    sa.UniqueConstraint("hash"),
)
sa.Table(
    "attempt",
    _FORM,
    sa.Column("key", sa.Text(), nullable=False),
    sa.Column("wrong", sa.BigInteger(), nullable=False),
    sa.Column("last_ms", sa.BigInteger(), nullable=False),
    sa.Column("until_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("key"),
    sa.Index("attempt_by_time", "last_ms"),
)
sa.Table(
    "known",
    _FORM,
    sa.Column("account", sa.BigInteger(), nullable=False),
    sa.Column("address", sa.Text(), nullable=False),
    sa.Column("last_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("account", "address"),
    sa.ForeignKeyConstraint(["account"], ["account.id"]),
)
sa.Table(
    "access",
    _FORM,
    sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column("ts_ms", sa.BigInteger(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("who", sa.Text(), nullable=False),
    sa.Column("act", sa.Text(), nullable=False),
    sa.Column("what", sa.Text(), nullable=False),
    sa.Column("place", sa.Text(), nullable=False),
    sa.Column("before", sa.Text(), nullable=False),
    sa.Column("hash", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("n"),
    sa.Index("access_by_place", "place", "n"),
)
sa.Table(
    "access_head",
    _FORM,
    sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column("n", sa.BigInteger(), nullable=False),
    sa.Column("hash", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("id"),
)


def upgrade() -> None:
    """Make the tables, and the head of a log without rows."""
    connection = op.get_bind()
    _FORM.create_all(connection)
    connection.execute(_FORM.tables["access_head"].insert().values(id=1, n=0, hash="0" * 64))
