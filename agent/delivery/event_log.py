"""The event log: numbered, durable before anything is published, and the queue of the publisher.

One SQLite file in WAL mode with synchronous=FULL: after a commit returned, a power cut takes
nothing of it. Each log has a random id; a seq is never used twice in it.
"""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Self

from agent.delivery.payload import event_json
from agent.errors import BusyError, LogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from agent.core.event import Event
    from agent.delivery.payload import Sender

_SCHEMA = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    rule TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_VERSION = 1
# Tells our files from other people's databases: "pres" in ASCII.
_APPLICATION_ID = 0x70726573
_DAMAGED = "is damaged; move it away and a new one is begun"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is kept: `body` is its JSON, `ts_ms` its UTC in milliseconds since 1970."""

    seq: int
    ts_ms: int
    type: str
    rule: str
    body: str


class EventLog:
    """Appends events and reads them back, from any thread.

    Attributes:
        log_id: 8 random hex digits, made with the log.
    """

    def __init__(self, sender: Sender, path: Path | None, *, log_id: str | None = None) -> None:
        """Take whose events these are and where they are kept.

        Args:
            sender: goes into each event.
            path: of the file; None: in memory only.
            log_id: of a new log; random if None.
        """
        self._sender = sender
        self._path = path
        self._lock = Lock()
        self._new_id = log_id or secrets.token_hex(4)
        self._delivered = 0
        self.log_id = ""
        self.last_seq = 0
        self.ended_in_order: bool | None = None

    def __enter__(self) -> Self:
        """Open or make the log.

        Raises:
            BusyError: another agent holds it.
            LogError: it can't be read or written, or is no event log.
        """
        if self._path is None:
            self._file_lock = None
        else:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file_lock = self._path.with_name(self._path.name + ".lock").open("w")
            except OSError as error:
                raise LogError(f"the event log {self._path} can't be written ({error.strerror}).") from error
            try:
                fcntl.flock(self._file_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                self._file_lock.close()
                raise BusyError(
                    f"another agent already runs with the event log {self._path}; "
                    "stop it first, or set another [log] path."
                ) from error
        try:
            with self._translated():
                self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._close()

    def append(self, events: Sequence[Event]) -> int:
        """Number and keep events, all or none; return the last number once they are on the card.

        Raises:
            LogError: they are not on the card.
        """
        if not events:
            return self.last_seq
        with self._lock, self._translated():
            rows = [
                (seq, _ms(event), event.TYPE, event.rule, event_json(event, self._sender, self.log_id, seq))
                for seq, event in enumerate(events, self.last_seq + 1)
            ]
            with self._transaction():
                self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", rows)
            self.last_seq = rows[-1][0]
            return self.last_seq

    def read(self, after_seq: int, limit: int, through_seq: int | None = None) -> list[Entry]:
        """The next events after a number, oldest first."""
        with self._lock, self._translated():
            rows = self._db.execute(
                "SELECT seq, ts_ms, type, rule, body FROM event WHERE seq > ? AND seq <= ? "
                "ORDER BY seq LIMIT ?",
                (after_seq, self.last_seq if through_seq is None else through_seq, limit),
            )
            return [Entry(*row) for row in rows]

    @property
    def first_seq(self) -> int:
        """Of the oldest event still kept; one more than the last when there is none."""
        with self._lock, self._translated():
            (first,) = self._db.execute("SELECT min(seq) FROM event").fetchone()
            return int(first) if first is not None else self.last_seq + 1

    @property
    def delivered(self) -> int:
        """Everything up to this number was taken by a broker."""
        return self._delivered

    @delivered.setter
    def delivered(self, seq: int) -> None:
        with self._lock, self._translated(), self._transaction():
            self._set("delivered", str(seq))
        self._delivered = seq

    def _open(self) -> None:
        self._db = sqlite3.connect(
            self._path or ":memory:", isolation_level=None, check_same_thread=False, timeout=5
        )
        # Nothing is changed in a file before it is known to be ours.
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION_ID and (application or version or tables):
            raise LogError(f"{self._path} is a database of something else; set another [log] path.")
        if application and version != _VERSION:
            raise LogError(
                f"the event log {self._path} was written by a newer agent "
                f"(form {version}, this one knows {_VERSION}); "
                "install that version again, or move the file away."
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if not application:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                self._set("log_id", self._new_id)
        try:
            meta = dict(self._db.execute("SELECT key, value FROM meta"))
            self.log_id = meta["log_id"]
            self._delivered = int(meta.get("delivered", "0"))
        except (KeyError, ValueError, sqlite3.OperationalError) as error:
            raise LogError(f"the event log {self._path} {_DAMAGED}.") from error
        last = self._db.execute("SELECT seq, type FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        if last:
            self.last_seq = int(last[0])
            self.ended_in_order = last[1] == "agent.stopped"

    def _set(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            raise LogError(f"the event log {self._path} {_DAMAGED}.") from error
        except sqlite3.Error as error:
            raise LogError(
                f"the event log {self._path or 'in memory'} can't be used: {_said(error)}."
            ) from error

    def _close(self) -> None:
        # Never under another thread's hands: SQLite would crash. Who comes later gets a LogError.
        with self._lock:
            if hasattr(self, "_db"):
                self._db.close()
        if self._file_lock is not None:
            self._file_lock.close()


def _ms(event: Event) -> int:
    return int(event.at.utc.timestamp() * 1000)


def _said(error: sqlite3.Error) -> str:
    """SQLite's words, and what to do about the commonest."""
    remedies = {
        "SQLITE_FULL": "the disk is full; make room",
        "SQLITE_READONLY": "the file or its disk is read-only; check the card and the rights",
        "SQLITE_CANTOPEN": "it can't be opened or made; check that the folder is there and writable",
        "SQLITE_NOTADB": "the file is not an event log; move it away and a new one is begun",
        "SQLITE_CORRUPT": f"the file {_DAMAGED}",
        "SQLITE_IOERR": "the disk gives errors; check the card",
    }
    name = getattr(error, "sqlite_errorname", "")
    for known, remedy in remedies.items():
        if name.startswith(known):
            return remedy
    return str(error)
