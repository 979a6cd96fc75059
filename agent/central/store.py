"""What was received, in SQLite: the tables are what an integrator reads.

::

    event      n rises with each arrival (read on with WHERE n > the last you had); agent is site/name;
               log, seq, type, rule, ts; late 1: first sent long after ts; body: the JSON as it came;
               heard_ms: when that was, UTC. By type and time there are indexes: (type, ts) and (ts)
    info       what an agent is made of and set to, the last ten different ones: body, ts, heard_ms when it
               came last, digest of all in it but log, session and ts
    info_now   a view: the newest of each agent that is not retired
    span       numbers from first to last of a log: how = stored, dropped (the agent said that they never
               come) or gone (it could no longer give them); dropped and gone may overlap with stored
    log        an agent's logs: first_seq and last_seq as the agent told them; how many doubles were thrown
               away, how many replays were asked for and how many events came by them; ended 1: the agent has
               another log now, and nothing more in this one
    agent      state online|offline|retired, log, session and ts of its last status; heard_ms: its last sign
               of life, UTC
    state_now  a view: each rule's last state; known 0: what it says may no longer hold, show 'unknown'
    refused    what was none of these, by agent and reason
    own        what the subscriber keeps for itself: as whom it logs in, which nobody else is to know

Every number from 1 to last_seq ends in a span, and stays there when its event is too old to be kept.
One transaction a batch with synchronous=FULL; only what is in it is acknowledged to the broker.
"""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING, Literal, Self

from agent.central.intervals import IntervalSet
from agent.errors import BusyError, LogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from agent.central.messages import EventMessage, HealthMessage, InfoMessage, StateMessage, StatusMessage

How = Literal["stored", "dropped", "gone"]
STALE_S = 180
_APPLICATION_ID = 0x63656E74  # "cent" in ASCII
_VERSION = 2
_MOST_INFOS = 10
# What version 2 has beside what version 1 had; `event` also has `heard_ms`.
_SINCE_2 = """
CREATE TABLE info (
    n INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL, digest TEXT NOT NULL, ts TEXT NOT NULL,
    heard_ms INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (agent, digest)
) STRICT;
CREATE VIEW info_now AS
    SELECT i.agent, i.ts, i.heard_ms, i.body FROM info i LEFT JOIN agent a USING (agent)
    WHERE i.n = (SELECT max(n) FROM info WHERE agent = i.agent) AND coalesce(a.state, '') != 'retired';
CREATE TABLE own (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX event_by_type ON event (type, ts);
CREATE INDEX event_by_time ON event (ts);
PRAGMA user_version = 2;
"""
_SCHEMA = f"""
CREATE TABLE event (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    log TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    rule TEXT NOT NULL,
    ts TEXT NOT NULL,
    late INTEGER NOT NULL,
    body TEXT NOT NULL,
    heard_ms INTEGER NOT NULL,
    UNIQUE (agent, log, seq)
) STRICT;
CREATE TABLE span (
    agent TEXT NOT NULL, log TEXT NOT NULL, how TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (agent, log, how, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE log (
    agent TEXT NOT NULL, log TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    doubles INTEGER NOT NULL, asked INTEGER NOT NULL, replayed INTEGER NOT NULL, ended INTEGER NOT NULL,
    PRIMARY KEY (agent, log)
) STRICT, WITHOUT ROWID;
CREATE TABLE agent (
    agent TEXT PRIMARY KEY, state TEXT NOT NULL, why TEXT, log TEXT NOT NULL, session TEXT NOT NULL,
    ts TEXT, heard_ms INTEGER NOT NULL, health TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE state (
    agent TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, valid INTEGER NOT NULL, log TEXT NOT NULL,
    session TEXT NOT NULL, ts TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (agent, rule)
) STRICT, WITHOUT ROWID;
CREATE TABLE refused (
    agent TEXT NOT NULL, why TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (agent, why)
) STRICT, WITHOUT ROWID;
CREATE VIEW state_now AS
    SELECT s.agent, s.rule, s.kind, s.ts, s.body,
        coalesce(s.valid AND a.state = 'online' AND a.log = s.log AND a.session = s.session
            AND a.heard_ms > (strftime('%s', 'now') - {STALE_S}) * 1000, 0) AS known
    FROM state s LEFT JOIN agent a USING (agent);
PRAGMA application_id = {_APPLICATION_ID};
{_SINCE_2}
"""  # noqa: S608 - it is all written here


@dataclass(slots=True)
class LogKept:
    """What is known of a log.

    Attributes:
        stored: numbers of events that were stored, whether or not they are still in the table.
        settled: those, and the ones that never come.
        first_seq: the oldest that the agent still has, as it told.
        last_seq: the newest that it told of.
        ended: the agent has another log now, and nothing after the highest number here.
    """

    first_seq: int = 0
    last_seq: int = 0
    doubles: int = 0
    asked: int = 0
    replayed: int = 0
    ended: bool = False
    stored: IntervalSet = field(default_factory=IntervalSet)
    dropped: IntervalSet = field(default_factory=IntervalSet)
    gone: IntervalSet = field(default_factory=IntervalSet)
    settled: IntervalSet = field(default_factory=IntervalSet)

    def of(self, how: How) -> IntervalSet:
        """The numbers that ended so."""
        return {"stored": self.stored, "dropped": self.dropped, "gone": self.gone}[how]

    @property
    def highest(self) -> int:
        """The highest number that is known to exist."""
        return max(self.last_seq, self.settled.highest)

    @property
    def missing(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers that have not ended in any way, as spans."""
        return self.settled.missing(1, self.highest)

    @property
    def complete(self) -> bool:
        """Whether every number up to the last one has ended, as far as the agent told."""
        return (self.last_seq > 0 or self.ended) and next(self.missing, None) is None


@dataclass(slots=True)
class AgentKept:
    """What is known of an agent; `log` and `session` are those of now."""

    state: str = "unknown"
    log: str = ""
    session: str = ""
    heard_ms: int = 0
    logs: dict[str, LogKept] = field(default_factory=dict)

    def complete(self, log: str) -> bool:
        """Whether a log has come as far as the agent told; an older one also to its end."""
        kept = self.logs[log]
        return kept.complete and (log == self.log or kept.ended)


class Store:
    """The file; one writer at a time."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Take where it is, and whether it is only read: as it is at one moment, beside who writes it."""
        self._path = path
        self._reading = reading

    def __enter__(self) -> Self:
        """Open or make it.

        Raises:
            BusyError: another subscriber writes it.
            LogError: it can't be opened, or is none of ours.
        """
        with self._translated(), ExitStack() as failing:
            if self._reading:
                self.db = sqlite3.connect(
                    f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
                )
                failing.callback(self.db.close)
                # All that is read is of the moment of the first reading.
                self.db.execute("BEGIN")
            else:
                self._lock()
                failing.callback(self._lock_file.close)
                self.db = sqlite3.connect(self._path, isolation_level=None)
                failing.callback(self.db.close)
                # FULL: what a commit returned for is there after a power cut.
                self.db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
                if self.db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
                    self.db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            self._check()
            if not self._reading and self._version() == 1:
                self._renew()
            failing.pop_all()
        return self

    def __exit__(self, *_about: object) -> None:
        """Close the file."""
        self.db.close()
        if not self._reading:
            self._lock_file.close()

    def _lock(self) -> None:
        self._lock_file = self._path.with_name(f"{self._path.name}.lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock_file.close()
            raise BusyError(f"another subscriber already stores to {self._path}; stop it first.") from None

    def _version(self) -> int:
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _renew(self) -> None:
        """Make a store of version 1 one of now, or leave it as it is; nobody knows when its events came."""
        now_ms = time_ns() // 1_000_000
        column = f"ALTER TABLE event ADD COLUMN heard_ms INTEGER NOT NULL DEFAULT {now_ms}"
        self.db.executescript(f"BEGIN IMMEDIATE; {column}; {_SINCE_2} COMMIT;")

    def _check(self) -> None:
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION_ID or not 1 <= self._version() <= _VERSION:
            raise LogError(f"{self._path} is not a store of this subscriber; give another file.")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            hint = "; move it away: what agents still have is asked for again" if _is_damage(error) else ""
            raise LogError(f"the store {self._path} can't be used ({error}){hint}.") from error
        except (BusyError, LogError):
            raise
        except OSError as error:
            raise LogError(f"the store {self._path} can't be opened ({error.strerror}).") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; it is on the disk when this ends.

        Raises:
            LogError: nothing of it is kept.
        """
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
        """What was known when it was last written."""
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
        """As whom its subscriber logs in: made once and kept.

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

    def put_events(self, events: Iterable[EventMessage], heard_ms: int) -> None:
        """Keep events that are not there yet."""
        self.db.executemany(
            "INSERT OR IGNORE INTO event (agent, log, seq, type, rule, ts, late, body, heard_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((e.agent, e.log, e.seq, e.type, e.rule, e.ts, e.late, e.body, heard_ms) for e in events),
        )

    def put_info(self, info: InfoMessage, heard_ms: int) -> None:
        """What an agent is made of and set to; what it was before stays, the last few."""
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
        """Numbers ended; `kept` is told too."""
        kept.settled.add(*span)
        (first, last), replaced = kept.of(how).add(*span)
        self.db.executemany(
            "DELETE FROM span WHERE agent = ? AND log = ? AND how = ? AND first = ?",
            [(agent, log, how, old) for old, _ in replaced if old != first],
        )
        self.db.execute("INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?, ?)", (agent, log, how, first, last))

    def put_log(self, agent: str, log: str, kept: LogKept) -> None:
        """What is known of a log besides its spans."""
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

    def put_status(self, status: StatusMessage, heard_ms: int) -> None:
        """Whether an agent is there."""
        self.db.execute(
            "INSERT INTO agent VALUES (?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (agent) DO UPDATE SET "
            "state = excluded.state, why = excluded.why, log = excluded.log, session = excluded.session, "
            "ts = excluded.ts, heard_ms = excluded.heard_ms",
            (status.agent, status.state, status.why, status.log, status.session, status.ts, heard_ms),
        )

    def put_health(self, health: HealthMessage, heard_ms: int) -> None:
        """How an agent is; whether it is there only its status tells."""
        self.db.execute(
            "INSERT INTO agent VALUES (?, 'unknown', NULL, '', '', NULL, ?, ?) "
            "ON CONFLICT (agent) DO UPDATE SET health = excluded.health, heard_ms = excluded.heard_ms",
            (health.agent, heard_ms, health.body),
        )

    def put_state(self, state: StateMessage) -> None:
        """What holds for a rule; one without a body is forgotten."""
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

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Read whatever is asked for."""
        with self._translated():
            return self.db.execute(query, values).fetchall()


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether what is in the file is not what was written."""
    return getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
