"""Store of received messages in the centre's database: what a receiver writes, one writer at a time."""

from __future__ import annotations

import fcntl
import secrets
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import time_ns
from typing import IO, TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, bindparam, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from agent.central.database import tables
from agent.central.database.agents import load_agents
from agent.central.database.engine import make_engine, translated
from agent.central.database.health_hours import put_health_hour
from agent.central.database.migrations import migrate
from agent.central.database.sums import put_sums
from agent.central.kept import OldEvent
from agent.central.moments import ms_of, text_of
from agent.errors import BusyError, LogError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Table
    from sqlalchemy.engine import URL

    from agent.central.kept import AgentKept, How, LogKept
    from agent.central.messages import EventMessage, HealthMessage, InfoMessage, StateMessage, StatusMessage

_MOST_INFOS = 10
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
        if self._lock is not None:
            self._lock.close()
        self._engine.dispose()

    def _locked(self) -> IO[str] | Connection:
        if self._url.get_backend_name() == "postgresql":
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
    def _db(self) -> Connection:
        assert self._connection is not None  # noqa: S101 - all is written in a transaction
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; it is on the disk when this ends.

        Raises:
            LogError: nothing of it is kept.
        """
        with translated(self._url):
            self._hold()
            with self._engine.begin() as connection:
                self._connection = connection
                try:
                    yield
                finally:
                    self._connection = None

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

    def _upsert(self, table: Table) -> Any:  # noqa: ANN401 - SQLAlchemy's two kinds of an insert share no type
        module = postgresql if self._url.get_backend_name() == "postgresql" else sqlite
        return module.insert(table)

    def _put(self, table: Table, row: Mapping[str, object], *, keep: Collection[str] = ()) -> None:
        """Insert a row, or give the one with its key these values; those named in `keep` stay."""
        key = [column.name for column in table.primary_key]
        statement = self._upsert(table).values(row)
        changed = {name: statement.excluded[name] for name in row if name not in key and name not in keep}
        self._db.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))

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
            self._db.execute(self._upsert(tables.own).values(key=key, value=first).on_conflict_do_nothing())
            found = self._db.execute(select(tables.own.c.value).where(tables.own.c.key == key))
            return str(found.scalar_one())

    def put_own(self, key: str, value: str) -> None:
        """Keep something under this name."""
        self._put(tables.own, {"key": key, "value": value})

    def client_id(self) -> str:
        """The client id of its subscriber: made once and kept; it is a secret."""
        return self.own("client_id", f"presence-central-{secrets.token_hex(8)}")

    def put_events(self, events: Collection[EventMessage], heard_ms: int) -> None:
        """Store events that are not there yet, and the rows of quarters and days."""
        if not events:
            return
        self._db.execute(
            self._upsert(tables.event).on_conflict_do_nothing(),
            [
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
                for one in events
            ],
        )
        self.put_refused(Counter((one.agent, "figures") for one in put_sums(self._db, events, heard_ms)))

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
        kept.settled.add(*span)
        (first, last), replaced = kept.of(how).add(*span)
        key = {"agent": agent, "log": log, "how": how}
        if gone := [old for old, _ in replaced if old != first]:
            table = tables.span
            this = tuple_(table.c.agent, table.c.log, table.c.how) == (agent, log, how)
            self._db.execute(delete(table).where(this, table.c.first.in_(gone)))
        self._put(tables.span, {**key, "first": first, "last": last})

    def put_log(self, agent: str, log: str, kept: LogKept) -> None:
        """Store what is known of a log besides its spans.

        Args:
            agent: site/name.
            log: its id.
            kept: what is known of it.
        """
        names = ("first_seq", "last_seq", "doubles", "asked", "replayed", "ended")
        self._put(tables.log, {"agent": agent, "log": log} | {name: getattr(kept, name) for name in names})

    def put_agent(self, agent: str) -> None:
        """Store that an agent is known, though no status or event of it came yet."""
        self._db.execute(self._upsert(tables.agent).values(_unknown(agent, 0)).on_conflict_do_nothing())

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
        self._put(tables.agent, row)

    def put_health(self, health: HealthMessage, heard_ms: int) -> None:
        """Store how an agent is; whether it is online only its status tells."""
        row = _unknown(health.agent, heard_ms) | {"health": health.body}
        self._put(tables.agent, row, keep=("state", "log", "session"))
        if health.live:
            put_health_hour(self._db, health, heard_ms)

    def put_state(self, state: StateMessage) -> None:
        """Store the state of a rule; one without a body is deleted."""
        if not state.body:
            table = tables.state
            self._db.execute(delete(table).where(table.c.agent == state.agent, table.c.rule == state.rule))
            return
        names = ("agent", "rule", "kind", "valid", "log", "session", "body")
        self._put(tables.state, {name: getattr(state, name) for name in names} | {"ts_ms": ms_of(state.ts)})

    def put_refused(self, refused: Mapping[tuple[str, str], int]) -> None:
        """Count what was no message of an agent's."""
        table = tables.refused
        for (agent, why), times in refused.items():
            statement = self._upsert(table).values(agent=agent, why=why, times=times)
            changed = {"times": table.c.times + statement.excluded.times}
            self._db.execute(statement.on_conflict_do_update(index_elements=["agent", "why"], set_=changed))

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
        """Delete quarters, days and hours of health from before this time; return how many rows went."""
        quarter, day, hour = tables.quarter, tables.day, tables.health_hour
        with self.transaction():
            return sum(
                self._db.execute(delete(table).where(old)).rowcount
                for table, old in (
                    (quarter, quarter.c.start_ms < before_ms),
                    (day, day.c.date < text_of(before_ms)[:10]),
                    (hour, hour.c.hour_ms < before_ms),
                )
            )


def _busy() -> BusyError:
    return BusyError("another receiver already stores to this database; stop it first.")


def _unknown(agent: str, heard_ms: int) -> dict[str, Any]:
    """Row of an agent whose status has not come yet."""
    return {"agent": agent, "state": "unknown", "log": "", "session": "", "heard_ms": heard_ms}
