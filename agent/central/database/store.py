"""Store of received messages in the centre's database: what a receiver writes, one writer at a time."""

from __future__ import annotations

import fcntl
import secrets
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import time_ns
from typing import IO, TYPE_CHECKING, Self

from sqlalchemy import Connection, bindparam, delete, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from agent.central.database import tables
from agent.central.database.agents import load_agents
from agent.central.database.batch import WriteBatch, unknown
from agent.central.database.engine import make_engine, translated
from agent.central.database.migrations import migrate
from agent.central.database.statements import count, insert_new, put
from agent.central.kept import OldEvent
from agent.central.moments import ms_of, text_of
from agent.errors import BusyError, LogError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.engine import URL

    from agent.central.kept import AgentKept, How, LogKept
    from agent.central.messages import EventMessage, HealthMessage, InfoMessage, StateMessage, StatusMessage

_MOST_INFOS = 10
_BESIDE = ("-wal", "-shm")
_DAY_MS = 86_400_000
# Events in memory: as many as a receiver's batch has, and not the whole file that is taken over.
_MOST_AT_ONCE = 5000
# Of PostgreSQL's locks that a program names: "presence" as a number of 64 bits.
_LOCK = int.from_bytes(b"presence")


class DatabaseStore:
    """The centre's store, open for writing; `with` makes what is not there yet."""

    def __init__(self, url: URL) -> None:
        """Take where it is."""
        self._url = url
        self._engine = make_engine(url, reading=False)
        self._connection: Connection | None = None
        self._lock: IO[str] | Connection | None = None
        self._batch = WriteBatch()

    def __enter__(self) -> Self:
        """Connect, make or migrate the tables.

        Raises:
            BusyError: another receiver writes it.
            LogError: it can't be used.
        """
        with ExitStack() as failing:
            failing.callback(self.close)
            with translated(self._url):
                self._lock = self._locked()
                migrate(self._engine)
                with self.transaction():
                    if self._db.execute(select(tables.store.c.id)).one_or_none() is None:
                        made = {"id": secrets.token_hex(8), "made_ms": time_ns() // 1_000_000}
                        self._db.execute(tables.store.insert().values(made))
            failing.pop_all()
        return self

    def __exit__(self, *_about: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the database and the lock."""
        if isinstance(self._lock, Connection):
            self._lock.close()
        self._engine.dispose()
        if self._lock is not None and not isinstance(self._lock, Connection):
            # SQLite takes them away, and whoever may only read can't make them: without them nothing is read.
            for name in _BESIDE:
                Path(f"{self._url.database}{name}").touch()
            self._lock.close()

    def _locked(self) -> IO[str] | Connection:
        if self._backend == "postgresql":
            # It ends with its connection, however that ends.
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if connection.execute(select(func.pg_try_advisory_lock(_LOCK))).scalar_one():
                return connection
            connection.close()
            raise _busy()
        path = Path(f"{self._url.database}.lock")
        try:
            file = path.open("w")
        except OSError as error:
            raise LogError(f"the store {self._url.database} can't be opened ({error.strerror}).") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise _busy() from None
        return file

    @property
    def _backend(self) -> str:
        return self._url.get_backend_name()

    @property
    def _db(self) -> Connection:
        assert self._connection is not None  # noqa: S101 - all is written in a transaction
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; it is on the disk when this ends. One within another is a part of that.

        Raises:
            LogError: nothing of it is kept.
        """
        if self._connection is not None:
            yield
            return
        with translated(self._url):
            self._hold()
            with self._engine.begin() as connection:
                self._connection = connection
                try:
                    yield
                    self._batch.write(connection)
                finally:
                    self._connection, self._batch = None, WriteBatch()

    def _hold(self) -> None:
        """See that PostgreSQL's lock is ours; a server that was restarted knows nothing of it."""
        if not isinstance(self._lock, Connection):
            return
        try:
            self._lock.execute(select(1))
        except SQLAlchemyError:
            with suppress(SQLAlchemyError):
                self._lock.close()
            self._lock = self._locked()

    def load(self) -> dict[str, AgentKept]:
        """Read what is known of each agent, by site/name."""
        with self.transaction():
            return load_agents(self._db)

    def rules(self) -> list[tuple[str, str]]:
        """Agent and rule of each state that is there."""
        with self.transaction():
            return [(row.agent, row.rule) for row in self._db.execute(select(tables.state))]

    def own(self, key: str, first: str) -> str:
        """What the receiver keeps for itself under this name; `first` where there is nothing yet."""
        with self.transaction():
            made = {"key": key, "value": first}
            self._db.execute(insert_new(self._backend, tables.own.name), made)
            found = self._db.execute(select(tables.own.c.value).where(tables.own.c.key == key))
            return str(found.scalar_one())

    def put_own(self, key: str, value: str) -> None:
        """Keep something under this name."""
        put(self._db, tables.own, {"key": key, "value": value})

    def client_id(self) -> str:
        """The client id of its subscriber: made once and kept; it is a secret."""
        return self.own("client_id", f"presence-central-{secrets.token_hex(8)}")

    def put_events(self, events: Collection[EventMessage], heard_ms: int) -> None:
        """Store events that are not there yet, and the rows of quarters and days."""
        wrong = self._batch.add_events(events, heard_ms)
        self.put_refused(Counter((one.agent, "figures") for one in wrong))
        if self._batch.events >= _MOST_AT_ONCE:
            self._batch.write(self._db)

    def put_info(self, info: InfoMessage, heard_ms: int) -> None:
        """Store what an agent is made of and set to, beside the last few different ones."""
        if not info.body:
            return
        table = tables.info
        # It gets a new number: the newest is the one with the highest.
        self._db.execute(delete(table).where(table.c.agent == info.agent, table.c.digest == info.digest))
        row = {"agent": info.agent, "digest": info.digest, "ts_ms": ms_of(info.ts)}
        self._db.execute(table.insert().values(**row, heard_ms=heard_ms, body=info.body))
        newest = select(table.c.n).where(table.c.agent == info.agent).order_by(table.c.n.desc())
        kept = [n for (n,) in self._db.execute(newest.limit(_MOST_INFOS))]
        self._db.execute(delete(table).where(table.c.agent == info.agent, table.c.n < kept[-1]))

    def put_span(self, agent: str, log: str, how: How, kept: LogKept, span: tuple[int, int]) -> None:
        """Store how some numbers ended, and note it in `kept`.

        Args:
            agent: site/name.
            log: its id.
            how: they ended.
            kept: what is known of the log.
            span: their first and last.
        """
        self._batch.add_span(agent, log, how, kept, span)

    def put_log(self, agent: str, log: str, kept: LogKept) -> None:
        """Store what is known of a log besides its spans.

        Args:
            agent: site/name.
            log: its id.
            kept: what is known of it.
        """
        self._batch.add_log(agent, log, kept)

    def put_agent(self, agent: str) -> None:
        """Store that an agent is known, though no status or event of it came yet."""
        self._db.execute(insert_new(self._backend, tables.agent.name), unknown(agent, 0))

    def put_status(self, status: StatusMessage, heard_ms: int) -> None:
        """Store whether an agent is online."""
        row = {
            "agent": status.agent,
            "state": status.state,
            "why": status.why,
            "log": status.log,
            "session": status.session,
            "ts_ms": ms_of(status.ts) or None,
            "heard_ms": heard_ms,
        }
        self._batch.write_health(self._db, status.agent)
        put(self._db, tables.agent, row)

    def put_health(self, health: HealthMessage, heard_ms: int) -> None:
        """Store how an agent is; whether it is online only its status tells."""
        self._batch.add_health(health, heard_ms)

    def put_state(self, state: StateMessage) -> None:
        """Store the state of a rule; one without a body is deleted."""
        if not state.body:
            table = tables.state
            self._db.execute(delete(table).where(table.c.agent == state.agent, table.c.rule == state.rule))
            return
        names = ("agent", "rule", "kind", "valid", "log", "session", "body")
        row = {name: getattr(state, name) for name in names} | {"ts_ms": ms_of(state.ts)}
        put(self._db, tables.state, row)

    def refused(self) -> list[tuple[str, str, int]]:
        """What was no message of an agent's: whose, why, and how often."""
        with self.transaction():
            return [(row.agent, row.why, row.times) for row in self._db.execute(select(tables.refused))]

    def put_refused(self, refused: Mapping[tuple[str, str], int]) -> None:
        """Count what was no message of an agent's."""
        if refused:
            rows = [{"agent": agent, "why": why, "times": times} for (agent, why), times in refused.items()]
            self._db.execute(count(self._backend, tables.refused.name, "times"), rows)

    def types(self) -> Iterator[str]:
        """Types of the events that are there."""
        kind: str | None = ""
        query = select(func.min(tables.event.c.type)).where(tables.event.c.type > bindparam("kind"))
        while True:
            with self.transaction():
                kind = self._db.execute(query, {"kind": kind}).scalar_one()
            if kind is None:
                return
            yield kind

    def old_events(self, kind: str, after: tuple[int, int], until_ms: int, most: int) -> list[OldEvent]:
        """Events of a type in the order of `ts`.

        Args:
            kind: their type.
            after: `ts_ms` and `n` that they come behind.
            until_ms: before this `ts`.
            most: at most so many.
        """
        event = tables.event.c
        query = (
            select(event.n, event.ts_ms, event.agent, event.log, event.seq, event.heard_ms, event.body)
            .where(event.type == kind, event.ts_ms < until_ms)
            .where(tuple_(event.ts_ms, event.n) > after)
            .order_by(event.ts_ms, event.n)
            .limit(most)
        )
        with self.transaction():
            return [OldEvent(*row) for row in self._db.execute(query)]

    def delete_events(self, numbers: Sequence[int]) -> None:
        """Delete the events of these arrivals, in a transaction."""
        with self.transaction():
            self._db.execute(delete(tables.event).where(tables.event.c.n.in_(numbers)))

    def delete_sums(self, before_ms: int) -> int:
        """Delete quarters, days and hours of health from before this time; return how many rows went.

        Of a clock that was wrong are those of long after they came: they go by when that was.
        """
        quarter, day, hour = tables.quarter, tables.day, tables.health_hour
        tomorrow = text_of(time_ns() // 1_000_000 + 2 * _DAY_MS)[:10]
        early_quarter = (quarter.c.start_ms > quarter.c.changed_ms + _DAY_MS) & (
            quarter.c.changed_ms < before_ms
        )
        early_day = (day.c.date > tomorrow) & (day.c.changed_ms < before_ms)
        with self.transaction():
            return sum(
                self._db.execute(delete(table).where(old)).rowcount
                for table, old in (
                    (quarter, (quarter.c.start_ms < before_ms) | early_quarter),
                    (day, (day.c.date < text_of(before_ms)[:10]) | early_day),
                    (hour, hour.c.hour_ms < before_ms),
                )
            )


def _busy() -> BusyError:
    return BusyError("another receiver already stores to this database; stop it first.")
