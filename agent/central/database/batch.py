"""Batch of what a transaction stores: events, spans, logs and health of many agents, a table at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete

from agent.central.database import tables
from agent.central.database.health_hours import HealthHours
from agent.central.database.statements import insert_new, upsert
from agent.central.database.sums import SumRows
from agent.central.moments import ms_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from agent.central.kept import How, LogKept
    from agent.central.messages import EventMessage, HealthMessage

_OF_LOG = ("first_seq", "last_seq", "doubles", "asked", "replayed", "ended")
_SPAN = tuple(column.name for column in tables.span.columns)
_LOG = tuple(column.name for column in tables.log.columns)
_OF_STATUS = ("state", "log", "session")
_DELETE_SPAN = delete(tables.span).where(
    *(column == bindparam(f"of_{column.name}") for column in tables.span.primary_key)
)


class WriteBatch:
    """Rows to be written; `write` writes them, and nothing is read of them before."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._sums = SumRows()
        # By agent, log, how and first: the last number; None: the row goes.
        self._spans: dict[tuple[str, str, str, int], int | None] = {}
        self._logs: dict[tuple[str, str], dict[str, Any]] = {}
        # By agent: the newest.
        self._health: dict[str, dict[str, Any]] = {}
        self._hours = HealthHours()

    @property
    def events(self) -> int:
        """So many are not written yet."""
        return len(self._events)

    def add_events(self, events: Iterable[EventMessage], heard_ms: int) -> list[EventMessage]:
        """Take events and their figures; return those whose figures are none."""
        wrong = []
        for one in events:
            self._events.append(
                {
                    "agent": one.agent,
                    "log": one.log,
                    "seq": one.seq,
                    "type": one.type,
                    "rule": one.rule,
                    "ts_ms": ms_of(one.ts),
                    "late": one.late,
                    "heard_ms": heard_ms,
                    "body": one.body,
                }
            )
            if not self._sums.add(one, heard_ms):
                wrong.append(one)
        return wrong

    def add_span(self, agent: str, log: str, how: How, kept: LogKept, span: tuple[int, int]) -> None:
        """Take how some numbers ended, and note it in `kept`.

        Args:
            agent: site/name.
            log: its id.
            how: they ended.
            kept: what is known of the log.
            span: their first and last.
        """
        kept.settled.add(*span)
        (first, last), replaced = kept.of(how).add(*span)
        for old, _ in replaced:
            self._spans[agent, log, how, old] = None
        self._spans[agent, log, how, first] = last

    def add_log(self, agent: str, log: str, kept: LogKept) -> None:
        """Take what is known of a log besides its spans.

        Args:
            agent: site/name.
            log: its id.
            kept: what is known of it.
        """
        row = {"agent": agent, "log": log} | {name: getattr(kept, name) for name in _OF_LOG}
        self._logs[agent, log] = row

    def add_health(self, health: HealthMessage, heard_ms: int) -> None:
        """Take how an agent is; whether it is online only its status tells."""
        self._health[health.agent] = unknown(health.agent, heard_ms) | {"health": health.body}
        if health.live:
            self._hours.add(health, heard_ms)

    def write_health(self, connection: Connection, *agents: str) -> None:
        """Write the newest health of these agents, before what came after it is written."""
        rows = [self._health.pop(agent) for agent in agents if agent in self._health]
        if rows:
            statement = upsert(connection.dialect.name, tables.agent.name, tuple(rows[0]), _OF_STATUS)
            connection.execute(statement, rows)

    def write(self, connection: Connection) -> None:
        """Write all of it; the connection is in a transaction, and the batch is empty afterwards."""
        backend = connection.dialect.name
        if self._events:
            connection.execute(insert_new(backend, tables.event.name), self._events)
        self._sums.write(connection)
        gone = [key for key, last in self._spans.items() if last is None]
        if gone:
            names = [f"of_{column.name}" for column in tables.span.primary_key]
            connection.execute(_DELETE_SPAN, [dict(zip(names, key, strict=True)) for key in gone])
        spans = [(*key, last) for key, last in self._spans.items() if last is not None]
        if spans:
            rows = [dict(zip(_SPAN, row, strict=True)) for row in spans]
            connection.execute(upsert(backend, tables.span.name, _SPAN), rows)
        if self._logs:
            connection.execute(upsert(backend, tables.log.name, _LOG), list(self._logs.values()))
        self.write_health(connection, *self._health)
        self._hours.write(connection)
        self._hours = HealthHours()
        self._events, self._sums, self._spans, self._logs = [], SumRows(), {}, {}


def unknown(agent: str, heard_ms: int) -> dict[str, Any]:
    """Row of an agent whose status has not come yet."""
    return {"agent": agent, "state": "unknown", "log": "", "session": "", "heard_ms": heard_ms}
