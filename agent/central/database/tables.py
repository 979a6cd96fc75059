"""Tables of the centre's store (SQLAlchemy Core), the same on SQLite and PostgreSQL.

::

    event        n rises with each arrival; agent is site/name; log, seq, type, rule, ts_ms; late: first sent
                 long after ts; body: the JSON as it came; heard_ms: when that was
    span         numbers from first to last of a log: how = stored, dropped (its agent reported that they
                 never come) or gone (it could no longer give them); both may overlap with stored
    log          an agent's logs: first_seq and last_seq as it reports them, doubles that were thrown away,
                 replays asked for and events that came by them; ended: nothing more comes in this one
    agent        state online|offline|retired, or unknown before its first status; why, log, session and ts_ms
                 of that; heard_ms: its last sign of life; health: the JSON as it came
    info         what an agent is made of and set to, the last ten different ones
    state        the last state of each rule, as it came; state_now is the view to read
    quarter, day a row a rule and span, a column a figure: see `sums`
    health_hour  what an agent's health was in an hour: see `health_hours`
    refused      what was no message of an agent's, by agent and reason
    store        one row: the id of this store, new after a restore, and since when it is there
    own          what the receiver keeps for itself; nobody else may read it

All times end in `_ms`: milliseconds since 1970, UTC. What is not known is NULL.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData()

# SQLite numbers rows by itself only where the type is called so.
_Number = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str, *, known: bool = True) -> Column[str]:
    return Column(name, Text, nullable=not known)


def _number(name: str, *, known: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=not known)


def _seconds(name: str, *, known: bool = True) -> Column[float]:
    return Column(name, Double, nullable=not known)


event: Final = Table(
    "event",
    metadata,
    Column("n", _Number, primary_key=True, autoincrement=True),
    _text("agent"),
    _text("log"),
    _number("seq"),
    _text("type"),
    _text("rule"),
    _number("ts_ms"),
    Column("late", Boolean, nullable=False),
    _number("heard_ms"),
    _text("body"),
    UniqueConstraint("agent", "log", "seq", name="event_of_log"),
    Index("event_by_type", "type", "ts_ms"),
    Index("event_by_agent", "agent", "ts_ms"),
    Index("event_by_time", "ts_ms"),
    # A number is never given twice, also where the newest event was deleted.
    sqlite_autoincrement=True,
)
span: Final = Table(
    "span",
    metadata,
    _text("agent"),
    _text("log"),
    _text("how"),
    _number("first"),
    _number("last"),
    PrimaryKeyConstraint("agent", "log", "how", "first", name="span_key"),
)
log: Final = Table(
    "log",
    metadata,
    _text("agent"),
    _text("log"),
    *map(_number, ("first_seq", "last_seq", "doubles", "asked", "replayed")),
    Column("ended", Boolean, nullable=False),
    PrimaryKeyConstraint("agent", "log", name="log_key"),
)
agent: Final = Table(
    "agent",
    metadata,
    Column("agent", Text, primary_key=True),
    _text("state"),
    _text("why", known=False),
    _text("log"),
    _text("session"),
    _number("ts_ms", known=False),
    _number("heard_ms"),
    _text("health", known=False),
)
info: Final = Table(
    "info",
    metadata,
    Column("n", _Number, primary_key=True, autoincrement=True),
    _text("agent"),
    _text("digest"),
    _number("ts_ms"),
    _number("heard_ms"),
    _text("body"),
    UniqueConstraint("agent", "digest", name="info_of_agent"),
    sqlite_autoincrement=True,
)
state: Final = Table(
    "state",
    metadata,
    _text("agent"),
    _text("rule"),
    _text("kind"),
    Column("valid", Boolean, nullable=False),
    _text("log"),
    _text("session"),
    _number("ts_ms"),
    _text("body"),
    PrimaryKeyConstraint("agent", "rule", name="state_key"),
)
refused: Final = Table(
    "refused",
    metadata,
    _text("agent"),
    _text("why"),
    _number("times"),
    PrimaryKeyConstraint("agent", "why", name="refused_key"),
)
store: Final = Table("store", metadata, Column("id", Text, primary_key=True), _number("made_ms"))
own: Final = Table("own", metadata, Column("key", Text, primary_key=True), _text("value"))

# Views, which migrations make.
VIEWS: Final = ("state_now", "info_now")

# Figures of quarters and days, as events name them, by the kind of rule; the words are the wire form's.
FIGURES: Final[dict[str, tuple[str, ...]]] = {
    "line": ("in", "out"),
    "zone": ("visits", "occupied_s", "max"),
    "counter": (
        *("attended_s", "unattended_s", "longest_unattended_s"),
        *("visits", "wait_p50_s", "wait_p90_s", "wait_max_s"),
    ),
}
# Words of SQL can't be names of columns.
COLUMNS: Final = {"in": "in_count", "out": "out_count", "max": "max_count"}


def _figures() -> list[Column[float] | Column[int]]:
    names = dict.fromkeys(COLUMNS.get(name, name) for names in FIGURES.values() for name in names)
    return [(_seconds if name.endswith("_s") else _number)(name, known=False) for name in names]


def _of_event() -> list[Column[int] | Column[str]]:
    """From which event a sum is, when the first of its span came, and when it last changed."""
    return [_text("log"), _number("seq"), _number("ts_ms"), _number("heard_ms"), _number("changed_ms")]


quarter: Final = Table(
    "quarter",
    metadata,
    _text("agent"),
    _text("rule"),
    _text("kind"),
    _number("start_ms"),
    _number("end_ms"),
    _seconds("blind_s"),
    *_figures(),
    *_of_event(),
    PrimaryKeyConstraint("agent", "rule", "start_ms", name="quarter_key"),
    Index("quarter_by_start", "start_ms"),
)
day: Final = Table(
    "day",
    metadata,
    _text("agent"),
    _text("rule"),
    _text("kind"),
    # Local, as 2026-11-22.
    _text("date"),
    _seconds("length_s"),
    _seconds("blind_s"),
    *_figures(),
    _number("first_in_ms", known=False),
    _number("last_out_ms", known=False),
    # JSON, as in the event: a line's working periods.
    _text("periods", known=False),
    *_of_event(),
    PrimaryKeyConstraint("agent", "rule", "date", name="day_key"),
    Index("day_by_date", "date"),
    Index("day_by_change", "changed_ms"),
)
health_hour: Final = Table(
    "health_hour",
    metadata,
    _text("agent"),
    _number("hour_ms"),
    # So many healths came, one a minute.
    _number("heard"),
    _number("degraded"),
    _number("failing"),
    # Every reason that was given, in order, with spaces between.
    _text("reasons"),
    PrimaryKeyConstraint("agent", "hour_ms", name="health_hour_key"),
    Index("health_hour_by_hour", "hour_ms"),
)
