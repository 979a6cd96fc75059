"""First form of the centre's store.

Written out, not taken from `tables`: what a form was does not change with the tables of later ones.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_FORM = sa.MetaData()

sa.Table(
    "agent",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("state", sa.Text(), nullable=False),
    sa.Column("why", sa.Text(), nullable=True),
    sa.Column("log", sa.Text(), nullable=False),
    sa.Column("session", sa.Text(), nullable=False),
    sa.Column("ts_ms", sa.BigInteger(), nullable=True),
    sa.Column("heard_ms", sa.BigInteger(), nullable=False),
    sa.Column("health", sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint("agent"),
)
sa.Table(
    "day",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("rule", sa.Text(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("date", sa.Text(), nullable=False),
    sa.Column("length_s", sa.Double(), nullable=False),
    sa.Column("blind_s", sa.Double(), nullable=False),
    sa.Column("in_count", sa.BigInteger(), nullable=True),
    sa.Column("out_count", sa.BigInteger(), nullable=True),
    sa.Column("visits", sa.BigInteger(), nullable=True),
    sa.Column("occupied_s", sa.Double(), nullable=True),
    sa.Column("max_count", sa.BigInteger(), nullable=True),
    sa.Column("attended_s", sa.Double(), nullable=True),
    sa.Column("unattended_s", sa.Double(), nullable=True),
    sa.Column("longest_unattended_s", sa.Double(), nullable=True),
    sa.Column("wait_p50_s", sa.Double(), nullable=True),
    sa.Column("wait_p90_s", sa.Double(), nullable=True),
    sa.Column("wait_max_s", sa.Double(), nullable=True),
    sa.Column("first_in_ms", sa.BigInteger(), nullable=True),
    sa.Column("last_out_ms", sa.BigInteger(), nullable=True),
    sa.Column("periods", sa.Text(), nullable=True),
    sa.Column("log", sa.Text(), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False),
    sa.Column("ts_ms", sa.BigInteger(), nullable=False),
    sa.Column("heard_ms", sa.BigInteger(), nullable=False),
    sa.Column("changed_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("agent", "rule", "date", name="day_key"),
    sa.Index("day_by_change", "changed_ms"),
    sa.Index("day_by_date", "date"),
)
sa.Table(
    "event",
    _FORM,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("log", sa.Text(), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False),
    sa.Column("type", sa.Text(), nullable=False),
    sa.Column("rule", sa.Text(), nullable=False),
    sa.Column("ts_ms", sa.BigInteger(), nullable=False),
    sa.Column("late", sa.Boolean(), nullable=False),
    sa.Column("heard_ms", sa.BigInteger(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("n"),
    sa.UniqueConstraint("agent", "log", "seq", name="event_of_log"),
    sa.Index("event_by_agent", "agent", "ts_ms"),
    sa.Index("event_by_time", "ts_ms"),
    sa.Index("event_by_type", "type", "ts_ms"),
    sqlite_autoincrement=True,
)
sa.Table(
    "health_hour",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("hour_ms", sa.BigInteger(), nullable=False),
    sa.Column("heard", sa.BigInteger(), nullable=False),
    sa.Column("degraded", sa.BigInteger(), nullable=False),
    sa.Column("failing", sa.BigInteger(), nullable=False),
    sa.Column("reasons", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("agent", "hour_ms", name="health_hour_key"),
    sa.Index("health_hour_by_hour", "hour_ms"),
)
sa.Table(
    "info",
    _FORM,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("digest", sa.Text(), nullable=False),
    sa.Column("ts_ms", sa.BigInteger(), nullable=False),
    sa.Column("heard_ms", sa.BigInteger(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("n"),
    sa.UniqueConstraint("agent", "digest", name="info_of_agent"),
    sqlite_autoincrement=True,
)
sa.Table(
    "log",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("log", sa.Text(), nullable=False),
    sa.Column("first_seq", sa.BigInteger(), nullable=False),
    sa.Column("last_seq", sa.BigInteger(), nullable=False),
    sa.Column("doubles", sa.BigInteger(), nullable=False),
    sa.Column("asked", sa.BigInteger(), nullable=False),
    sa.Column("replayed", sa.BigInteger(), nullable=False),
    sa.Column("ended", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("agent", "log", name="log_key"),
)
sa.Table(
    "own",
    _FORM,
    sa.Column("key", sa.Text(), nullable=False),
    sa.Column("value", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("key"),
)
sa.Table(
    "quarter",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("rule", sa.Text(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("start_ms", sa.BigInteger(), nullable=False),
    sa.Column("end_ms", sa.BigInteger(), nullable=False),
    sa.Column("blind_s", sa.Double(), nullable=False),
    sa.Column("in_count", sa.BigInteger(), nullable=True),
    sa.Column("out_count", sa.BigInteger(), nullable=True),
    sa.Column("visits", sa.BigInteger(), nullable=True),
    sa.Column("occupied_s", sa.Double(), nullable=True),
    sa.Column("max_count", sa.BigInteger(), nullable=True),
    sa.Column("attended_s", sa.Double(), nullable=True),
    sa.Column("unattended_s", sa.Double(), nullable=True),
    sa.Column("longest_unattended_s", sa.Double(), nullable=True),
    sa.Column("wait_p50_s", sa.Double(), nullable=True),
    sa.Column("wait_p90_s", sa.Double(), nullable=True),
    sa.Column("wait_max_s", sa.Double(), nullable=True),
    sa.Column("log", sa.Text(), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False),
    sa.Column("ts_ms", sa.BigInteger(), nullable=False),
    sa.Column("heard_ms", sa.BigInteger(), nullable=False),
    sa.Column("changed_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("agent", "rule", "start_ms", name="quarter_key"),
    sa.Index("quarter_by_start", "start_ms"),
)
sa.Table(
    "refused",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("why", sa.Text(), nullable=False),
    sa.Column("times", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("agent", "why", name="refused_key"),
)
sa.Table(
    "span",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("log", sa.Text(), nullable=False),
    sa.Column("how", sa.Text(), nullable=False),
    sa.Column("first", sa.BigInteger(), nullable=False),
    sa.Column("last", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("agent", "log", "how", "first", name="span_key"),
)
sa.Table(
    "state",
    _FORM,
    sa.Column("agent", sa.Text(), nullable=False),
    sa.Column("rule", sa.Text(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("valid", sa.Boolean(), nullable=False),
    sa.Column("log", sa.Text(), nullable=False),
    sa.Column("session", sa.Text(), nullable=False),
    sa.Column("ts_ms", sa.BigInteger(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("agent", "rule", name="state_key"),
)
sa.Table(
    "store",
    _FORM,
    sa.Column("id", sa.Text(), nullable=False),
    sa.Column("made_ms", sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint("id"),
)

# A state holds while it is valid, its agent is online in the same log and session, and was heard of in the
# last 180 s; `why` it is not known otherwise. A state that is not valid says itself why, in its body.
_STATE_NOW = """
CREATE VIEW state_now AS
SELECT s.agent, s.rule, s.kind, s.ts_ms, s.body,
    CASE
        WHEN a.agent IS NULL OR a.state = 'unknown' THEN 'never_online'
        WHEN a.state <> 'online' THEN a.state
        WHEN a.log <> s.log OR a.session <> s.session THEN 'restarted'
        WHEN a.heard_ms <= ({now_s} - 180) * 1000 THEN 'silent'
        WHEN NOT s.valid THEN 'not_valid'
    END AS why
FROM state s LEFT JOIN agent a ON a.agent = s.agent
"""
_NOW_S = {"sqlite": "CAST(strftime('%s', 'now') AS INTEGER)", "postgresql": "EXTRACT(EPOCH FROM now())"}
_INFO_NOW = """
CREATE VIEW info_now AS
SELECT i.agent, i.ts_ms, i.heard_ms, i.body FROM info i LEFT JOIN agent a ON a.agent = i.agent
WHERE i.n = (SELECT max(n) FROM info WHERE agent = i.agent) AND coalesce(a.state, '') <> 'retired'
"""


def upgrade() -> None:
    """Make the tables and views."""
    connection = op.get_bind()
    _FORM.create_all(connection)
    op.execute(_STATE_NOW.format(now_s=_NOW_S[connection.dialect.name]))
    op.execute(_INFO_NOW)
