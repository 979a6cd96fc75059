"""The event log: numbered, durable before anything is published, and the queue of the publisher.

One SQLite file in WAL mode with synchronous=FULL: after a commit returned, a power cut takes
nothing of it. Each log has a random id; a seq is never used twice in it.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Self

from agent.core.event import EventsDropped
from agent.delivery.log_form import LAST_SPELL, RULES_WITH_SPELLS, prepare, transaction
from agent.delivery.log_lock import locked
from agent.delivery.log_room import Room
from agent.delivery.log_trouble import DAMAGED, is_damage, said, set_aside
from agent.delivery.payload import event_json
from agent.errors import DamagedError, LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from agent.core.event import Event
    from agent.delivery.payload import Sender

_log = logging.getLogger(__name__)

_AT_ONCE = 500
# Another process that holds the file is waited for so long: the camera waits too.
_BUSY_S = 2.0
_FULL = "the disk of the event log %s is full; make room. Until then the oldest events go for new ones"
# Of the oldest events so many go at once where there is no room for new ones.
_RECYCLED = 100


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
        self._room = Room(path)
        self._lock = Lock()
        self._new_id = log_id or secrets.token_hex(4)
        self._delivered = 0
        self._deleted = 0
        self.log_id = ""
        self.last_seq = 0
        self.ended_in_order: bool | None = None

    def __enter__(self) -> Self:
        """Open or make the log; a damaged one is set aside and a new one begun.

        Raises:
            BusyError: another agent holds it.
            LogError: it can't be read, written or set aside, or is somebody else's.
        """
        self._file_lock = locked(self._path, self._room) if self._path else None
        try:
            try:
                with self._translated():
                    self._open()
            except DamagedError as error:
                self.begin_anew(error)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._close()

    def begin_anew(self, why: DamagedError) -> None:
        """Set the file aside, damaged as it is, and begin a new log in its place.

        Raises:
            LogError: it can't be set aside, or no new one made.
        """
        if self._path is None:
            raise why
        with self._lock:
            try:
                # Open still: as it closes, SQLite would clear away the WAL beside it.
                aside = set_aside(self._path)
            except OSError as error:
                raise LogError(
                    f"the event log {self._path} is damaged and can't be moved away ({error.strerror}); "
                    "move it away and a new one is begun."
                ) from error
            self._db.close()
            self._new_id = secrets.token_hex(4)
            self._delivered = self._deleted = self.last_seq = 0
            self.ended_in_order = None
            with self._translated():
                self._open()
        _log.warning("the event log %s is damaged; it is now %s, and a new log was begun", self._path, aside)

    def append(self, events: Sequence[Event], boot: str | None = None) -> int:
        """Number and keep events, all or none; return the last number once they are on the card.

        Args:
            events: in order.
            boot: whose monotonic clock they have; None: the present one.

        Raises:
            LogError: they are not on the card.
        """
        if not events:
            return self.last_seq
        sender = replace(self._sender, boot=boot) if boot else self._sender
        with self._lock, self._translated():
            try:
                return self._appended(events, sender)
            except sqlite3.Error as error:
                if not self._room.is_full(error):
                    raise
            return self._appended_instead(events, sender)

    def _appended(self, events: Sequence[Event], sender: Sender) -> int:
        with transaction(self._db):
            last_seq = self._insert(events, sender, self.last_seq)
        self.last_seq = last_seq
        return last_seq

    def _insert(self, events: Sequence[Event], sender: Sender, after_seq: int) -> int:
        rows = [
            (seq, _ms(event), event.TYPE, event.rule, event_json(event, sender, self.log_id, seq))
            for seq, event in enumerate(events, after_seq + 1)
        ]
        self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", rows)
        return rows[-1][0]

    def _appended_instead(self, events: Sequence[Event], sender: Sender) -> int:
        """Append on a full disk: into the reserve, and once that is used up, in place of the oldest."""
        if not self._room.tight:
            self._tighten()
            with suppress(sqlite3.OperationalError):
                return self._appended(events, sender)
        portion = _RECYCLED
        while True:
            through = min(self._deleted + portion, self.last_seq - 1)
            try:
                with transaction(self._db):
                    _, lost, first = self._take_out(through)
                    last_seq = self._insert(events, sender, self.last_seq)
                    if lost:
                        at = events[-1].at
                        told = EventsDropped(
                            rule="agent", at=at, cause="disk_full", from_seq=first, to_seq=through
                        )
                        last_seq = self._insert([told], self._sender, last_seq)
            except sqlite3.Error as error:
                if not self._room.is_full(error) or through >= self.last_seq - 1:
                    raise
                portion *= 4
                continue
            self.last_seq = last_seq
            self._deleted = max(self._deleted, through)
            return last_seq

    def _take_out(self, through: int) -> tuple[int, int, int]:
        """Delete up to a number.

        Returns:
            How many went, how many of them no broker is known to have taken, and the first of which the
            event must tell that tells of them.
        """
        # Who did not learn what an earlier one tells, learns it from the one that tells of it.
        lost, first, earlier = self._db.execute(
            "SELECT count(*), min(seq), min(json_extract(body, '$.from_seq')) "
            "FILTER (WHERE type = 'events.dropped') FROM event WHERE seq > ? AND seq <= ?",
            (self._delivered, through),
        ).fetchone()
        gone = self._db.execute("DELETE FROM event WHERE seq <= ?", (through,)).rowcount
        return gone, lost, min(first, earlier or first) if lost else 0

    def settle(self) -> None:
        """See whether the disk has room: to be called now and then.

        Raises:
            LogError: the log can't be read.
        """
        with self._lock, self._translated():
            if not self._room.settle(self._db):
                return
        if self._room.tight:
            _log.warning(_FULL, self._path)
        else:
            _log.info("there is room again on the disk of the event log %s", self._path)

    def delete(self, through_seq: int, told: Callable[[int, int], Event] | None = None) -> tuple[int, int]:
        """Delete the events up to a number but the last, from which numbers go on.

        Args:
            through_seq: the last to go.
            told: makes the event that tells, in the same transaction, of those that no broker is known
                to have taken; from which number to which. None: nothing tells of them.

        Returns:
            How many went, and how many of them no broker is known to have taken.

        Raises:
            LogError: it can't be written; nothing is deleted.
        """
        with self._lock, self._translated():
            last_seq, through = self.last_seq, min(through_seq, self.last_seq - 1)
            with transaction(self._db):
                gone, lost, first = self._take_out(through)
                if lost and told:
                    last_seq = self._insert([told(first, through)], self._sender, last_seq)
            self.last_seq = last_seq
            self._deleted = max(self._deleted, through)
            return gone, lost

    @property
    def tight(self) -> bool:
        """Whether its disk is full, so that the oldest events go for new ones."""
        return self._room.tight

    @property
    def deleted(self) -> int:
        """There is no event up to this number any more."""
        return self._deleted

    @property
    def size_bytes(self) -> int:
        """What the events take of the file; room that deleted ones left in it is used again."""
        with self._lock, self._translated():
            pages, free, page_bytes = (
                int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * page_bytes

    def read(self, after_seq: int, limit: int, through_seq: int | None = None) -> list[Entry]:
        """The next events after a number, oldest first."""
        with self._lock, self._translated():
            rows = self._db.execute(
                "SELECT seq, ts_ms, type, rule, body FROM event WHERE seq > ? AND seq <= ? "
                "ORDER BY seq LIMIT ?",
                (after_seq, self.last_seq if through_seq is None else through_seq, limit),
            )
            return [Entry(*row) for row in rows]

    def newest(self) -> Iterator[Entry]:
        """All events, newest first."""
        before = self.last_seq + 1
        while True:
            with self._lock, self._translated():
                rows = self._db.execute(
                    "SELECT seq, ts_ms, type, rule, body FROM event WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                    (before, _AT_ONCE),
                ).fetchall()
            yield from (Entry(*row) for row in rows)
            if len(rows) < _AT_ONCE:
                return
            before = rows[-1][0]

    def last_spells(self, before_seq: int) -> list[Entry]:
        """Of each rule the newest event older than a number that begins or ends a spell of it."""
        found: list[Entry] = []
        with self._lock, self._translated():
            for (rule,) in self._db.execute(RULES_WITH_SPELLS).fetchall():
                row = self._db.execute(LAST_SPELL, (rule, before_seq)).fetchone()
                if row:
                    found.append(Entry(*row))
        return sorted(found, key=lambda entry: entry.seq)

    @property
    def path(self) -> Path | None:
        """The file; None: in memory only."""
        return self._path

    @property
    def alive(self) -> str | None:
        """What was noted last with `note_alive`, if no event was kept since."""
        with self._lock, self._translated():
            row = self._db.execute("SELECT value FROM meta WHERE key = 'alive'").fetchone()
        if row is None:
            return None
        seq, _, note = row[0].partition(" ")
        return note if seq == str(self.last_seq) else None

    def note_alive(self, note: str) -> None:
        """Keep that nothing has changed up to now: where a start after a kill finds what was open.

        Raises:
            LogError: it can't be written.
        """
        with self._lock, self._translated():
            self._set("alive", f"{self.last_seq} {note}")

    def note(self, key: str, value: str) -> None:
        """Keep a value beside the events, over what was kept under this key.

        Raises:
            LogError: it can't be written.
        """
        with self._lock, self._translated():
            self._set(f"note.{key}", value)

    def noted(self, key: str) -> str | None:
        """What was kept last under a key."""
        with self._lock, self._translated():
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (f"note.{key}",)).fetchone()
        return str(row[0]) if row else None

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
        with self._lock, self._translated():
            self._set("delivered", str(seq))
            self._delivered = seq

    def _open(self) -> None:
        self._room.begin()
        try:
            self._connect()
        except sqlite3.OperationalError as error:
            if not (self._room.is_full(error) and self._room.give_up()):
                raise
            self._db.close()
            self._connect()
        try:
            meta = dict(self._db.execute("SELECT key, value FROM meta"))
            self.log_id = meta["log_id"]
            self._delivered = int(meta.get("delivered", "0"))
        except (KeyError, ValueError, sqlite3.OperationalError) as error:
            raise DamagedError(f"the event log {self._path} {DAMAGED}.") from error
        last = self._db.execute("SELECT seq, type FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        if last:
            self.last_seq = int(last[0])
            self.ended_in_order = last[1] == "agent.stopped"
            (first,) = self._db.execute("SELECT min(seq) FROM event").fetchone()
            self._deleted = int(first) - 1
        # A card is damaged by power cuts; what was found damaged while it ran is not ended either.
        if not self.ended_in_order and self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise DamagedError(f"the event log {self._path} {DAMAGED}.")

        self._room.settle(self._db)
        if self._room.tight:
            _log.warning(_FULL, self._path)

    def _connect(self) -> None:
        self._db = sqlite3.connect(
            self._path or ":memory:", isolation_level=None, check_same_thread=False, timeout=_BUSY_S
        )
        prepare(self._db, self._path, {"log_id": self._new_id})

    def _set(self, key: str, value: str) -> None:
        try:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
        except sqlite3.Error as error:
            if self._room.tight or not self._room.is_full(error):
                raise
            self._tighten()
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _tighten(self) -> None:
        _log.warning(_FULL, self._path)
        self._room.tighten(self._db)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            raise DamagedError(f"the event log {self._path} {DAMAGED}.") from error
        except sqlite3.Error as error:
            kind = DamagedError if is_damage(error) else LogError
            raise kind(f"the event log {self._path or 'in memory'} can't be used: {said(error)}.") from error

    def _close(self) -> None:
        # Never under another thread's hands: SQLite would crash. Who comes later gets a LogError.
        with self._lock:
            if hasattr(self, "_db"):
                self._db.close()
                self._room.leave()
        if self._file_lock is not None:
            self._file_lock.close()


def _ms(event: Event) -> int:
    return int(event.at.utc.timestamp() * 1000)
