"""SQLite store of received messages (one writer, any number of readers); its tables are in `schema`."""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from contextlib import ExitStack, contextmanager
from time import time_ns
from typing import IO, TYPE_CHECKING, Self

from agent.central.kept import AgentKept, LogKept, OldEvent, StoredState
from agent.central.moments import LAST_MS, ms_of, text_of
from agent.central.schema import APPLICATION_ID, SCHEMA, SINCE_2, VERSION
from agent.errors import BusyError, LogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from agent.central.kept import How
    from agent.central.messages import EventMessage, HealthMessage, InfoMessage, StateMessage, StatusMessage

_MOST_INFOS = 10
# Behind every time.
_EVER = "~"
_OLD = """
SELECT n, ts, agent, log, seq, heard_ms, body FROM event
WHERE type = ? AND (ts, n) > (?, ?) AND ts < ? ORDER BY ts, n LIMIT ?
"""


class Store:
    """The store's file; one writer at a time."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Take where it is, and whether it is only read: as it is at one moment, beside who writes it."""
        self._path = path
        self._reading = reading
        self._db: sqlite3.Connection | None = None
        self._lock_file: IO[str] | None = None

    @property
    def db(self) -> sqlite3.Connection:
        """The open file."""
        assert self._db is not None  # noqa: S101 - a store is used while it is open
        return self._db

    def __enter__(self) -> Self:
        """Open or make it.

        Raises:
            BusyError: another subscriber writes it.
            LogError: it can't be opened, or is none of ours.
        """
        with self._translated(), ExitStack() as failing:
            if self._reading:
                uri = f"{self._path.absolute().as_uri()}?mode=ro"
                self._db = db = sqlite3.connect(uri, uri=True, isolation_level=None)
                failing.callback(db.close)
                # All that is read is of the moment of the first reading.
                db.execute("BEGIN")
            else:
                self._lock_file = self._locked()
                failing.callback(self._lock_file.close)
                self._db = db = sqlite3.connect(self._path, isolation_level=None)
                failing.callback(db.close)
                # FULL: what a commit returned for is there after a power cut.
                db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
                if db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
                    db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            self._check()
            if not self._reading and self._version() == 1:
                self._renew()
            failing.pop_all()
        return self

    def __exit__(self, *_about: object) -> None:
        """Close the file."""
        self.db.close()
        if self._lock_file:
            self._lock_file.close()

    def _locked(self) -> IO[str]:
        file = self._path.with_name(f"{self._path.name}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise BusyError(f"another subscriber already stores to {self._path}; stop it first.") from None
        return file

    def _version(self) -> int:
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _renew(self) -> None:
        """Make a store of version 1 one of now, or leave it as it is; when its events came is not known."""
        now_ms = time_ns() // 1_000_000
        column = f"ALTER TABLE event ADD COLUMN heard_ms INTEGER NOT NULL DEFAULT {now_ms}"
        self.db.executescript(f"BEGIN IMMEDIATE; {column}; {SINCE_2} COMMIT;")

    def _check(self) -> None:
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID or not 1 <= self._version() <= VERSION:
            raise LogError(f"{self._path} is not a store of this subscriber; give another file.")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if _is_damage(error):
                raise LogError(
                    f"the store {self._path} can't be used ({error}); move it away: what agents still have "
                    "is asked for again."
                ) from error
            raise LogError(f"the store {self._path} can't be used ({error}).") from error
        except (BusyError, LogError):
            raise
        except OSError as error:
            raise LogError(f"the store {self._path} can't be opened ({error.strerror}).") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; it is on the disk when this ends. One within another is a part of that.

        Raises:
            LogError: nothing of it is kept.
        """
        is_within = self.db.in_transaction
        if is_within:
            yield
            return
        with self._translated():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def load(self) -> dict[str, AgentKept]:
        """Read what is known of each agent, by site/name."""
        agents: dict[str, AgentKept] = {}
        with self._translated():
            for name, state, log, session, heard_ms in self.db.execute(
                "SELECT agent, state, log, session, heard_ms FROM agent"
            ):
                agents[name] = AgentKept(state, log, session, heard_ms)
            for name, log, ended, *figures in self.db.execute(
                "SELECT agent, log, ended, first_seq, last_seq, doubles, asked, replayed FROM log"
            ):
                kept = agents.setdefault(name, AgentKept()).logs[log] = LogKept(*figures)
                kept.ended = bool(ended)
            for name, log, how, first, last in self.db.execute(
                "SELECT agent, log, how, first, last FROM span ORDER BY first"
            ):
                kept = agents[name].logs[log]
                kept.of(how).add(first, last)
                kept.settled.add(first, last)
        return agents

    def client_id(self) -> str:
        """The client id of its subscriber: made once and kept.

        Whoever comes to the broker under the same id, with whatever rights, empties the queue that waits
        there; so nobody can guess it.

        Raises:
            LogError: it can't be kept.
        """
        with self.transaction():
            made = (f"presence-central-{secrets.token_hex(8)}",)
            self.db.execute("INSERT OR IGNORE INTO own VALUES ('client_id', ?)", made)
            (kept,) = self.db.execute("SELECT value FROM own WHERE key = 'client_id'").fetchone()
        return str(kept)

    def rules(self) -> list[tuple[str, str]]:
        """Agent and rule of each state that is there."""
        return [(str(agent), str(rule)) for agent, rule in self.rows("SELECT agent, rule FROM state")]

    def put_events(self, events: Iterable[EventMessage], heard_ms: int) -> None:
        """Store events that are not there yet."""
        self.db.executemany(
            "INSERT OR IGNORE INTO event (agent, log, seq, type, rule, ts, late, body, heard_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((e.agent, e.log, e.seq, e.type, e.rule, e.ts, e.late, e.body, heard_ms) for e in events),
        )

    def put_info(self, info: InfoMessage, heard_ms: int) -> None:
        """Store what an agent is made of and set to, beside the last few different ones."""
        if not info.body:
            return
        self.db.execute(
            "INSERT OR REPLACE INTO info (agent, digest, ts, heard_ms, body) VALUES (?, ?, ?, ?, ?)",
            (info.agent, info.digest, info.ts, heard_ms, info.body),
        )
        self.db.execute(
            "DELETE FROM info WHERE agent = ? AND n NOT IN "
            "(SELECT n FROM info WHERE agent = ? ORDER BY n DESC LIMIT ?)",
            (info.agent, info.agent, _MOST_INFOS),
        )

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
        self.db.executemany(
            "DELETE FROM span WHERE agent = ? AND log = ? AND how = ? AND first = ?",
            [(agent, log, how, old) for old, _ in replaced if old != first],
        )
        self.db.execute("INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?, ?)", (agent, log, how, first, last))

    def put_log(self, agent: str, log: str, kept: LogKept) -> None:
        """Store what is known of a log besides its spans.

        Args:
            agent: site/name.
            log: its id.
            kept: what is known of it.
        """
        self.db.execute(
            "INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                agent,
                log,
                kept.first_seq,
                kept.last_seq,
                kept.doubles,
                kept.asked,
                kept.replayed,
                kept.ended,
            ),
        )

    def put_agent(self, agent: str) -> None:
        """Store that an agent is known, though no status or event of it came yet."""
        self.db.execute(
            "INSERT OR IGNORE INTO agent VALUES (?, 'unknown', NULL, '', '', NULL, 0, NULL)", (agent,)
        )

    def put_status(self, status: StatusMessage, heard_ms: int) -> None:
        """Store whether an agent is online."""
        self.db.execute(
            "INSERT INTO agent VALUES (?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (agent) DO UPDATE SET "
            "state = excluded.state, why = excluded.why, log = excluded.log, session = excluded.session, "
            "ts = excluded.ts, heard_ms = excluded.heard_ms",
            (status.agent, status.state, status.why, status.log, status.session, status.ts, heard_ms),
        )

    def put_health(self, health: HealthMessage, heard_ms: int) -> None:
        """Store how an agent is; whether it is online only its status tells."""
        self.db.execute(
            "INSERT INTO agent VALUES (?, 'unknown', NULL, '', '', NULL, ?, ?) "
            "ON CONFLICT (agent) DO UPDATE SET health = excluded.health, heard_ms = excluded.heard_ms",
            (health.agent, heard_ms, health.body),
        )

    def put_state(self, state: StateMessage) -> None:
        """Store the state of a rule; one without a body is deleted."""
        if not state.body:
            self.db.execute("DELETE FROM state WHERE agent = ? AND rule = ?", (state.agent, state.rule))
            return
        self.db.execute(
            "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                state.agent,
                state.rule,
                state.kind,
                state.valid,
                state.log,
                state.session,
                state.ts,
                state.body,
            ),
        )

    def put_refused(self, refused: Mapping[tuple[str, str], int]) -> None:
        """Count what was no message of an agent's."""
        self.db.executemany(
            "INSERT INTO refused VALUES (?, ?, ?) ON CONFLICT (agent, why) DO UPDATE SET times = times + ?",
            [(agent, why, times, times) for (agent, why), times in refused.items()],
        )

    def states_now(self) -> list[StoredState]:
        """The last state of each rule, in the order of agents and rules."""
        rows = self.rows("SELECT agent, rule, body, known FROM state_now ORDER BY agent, rule")
        return [
            StoredState(str(agent), str(rule), str(body), None if known else "unknown")
            for agent, rule, body, known in rows
        ]

    def infos_now(self) -> dict[str, str]:
        """The newest `info` of each agent that is not retired."""
        # A store of before version 2 has none.
        there = self.rows("SELECT 1 FROM sqlite_schema WHERE name = 'info_now'")
        rows = self.rows("SELECT agent, body FROM info_now") if there else []
        return {str(agent): str(body) for agent, body in rows}

    def refused(self) -> list[tuple[str, str, int]]:
        """What was no message of an agent's: whose, why, and how often."""
        rows = self.rows("SELECT agent, why, times FROM refused ORDER BY agent, why")
        return [(str(agent), str(why), int(str(times))) for agent, why, times in rows]

    def types(self) -> Iterator[str]:
        """Types of the events that are there."""
        kind = ""
        query = "SELECT min(type) FROM event WHERE type > ?"
        while (found := self.rows(query, (kind,))[0][0]) is not None:
            kind = str(found)
            yield kind

    def old_events(self, kind: str, after: tuple[int, int], until_ms: int, most: int) -> list[OldEvent]:
        """Events of a type in the order of `ts`.

        Args:
            kind: their type.
            after: `ts_ms` and `n` that they come behind.
            until_ms: before this `ts`.
            most: at most so many.
        """
        until = text_of(until_ms) if until_ms <= LAST_MS else _EVER
        rows = self.rows(_OLD, (kind, text_of(after[0]), after[1], until, most))
        return [OldEvent(n, ms_of(ts), *rest) for n, ts, *rest in rows]  # type: ignore[arg-type]

    def delete_events(self, numbers: Sequence[int]) -> None:
        """Delete the events of these arrivals, in a transaction."""
        with self.transaction():
            self.db.executemany("DELETE FROM event WHERE n = ?", [(n,) for n in numbers])

    def delete_sums(self, before_ms: int) -> int:  # noqa: ARG002 - as the protocol has it
        """Nothing: its sums are events."""
        return 0

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run a query."""
        with self._translated():
            return self.db.execute(query, values).fetchall()


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether what is in the file is not what was written."""
    return getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
