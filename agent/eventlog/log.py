"""The event log: numbered, durable before anything is published, and the queue of the publisher.

One SQLite file in WAL mode with synchronous=FULL: after a commit returned, a power cut takes
nothing of it. Each log has a random id; a seq is never used twice in it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Self, cast

from agent.core.event import AgentStarted, EventsDropped
from agent.eventlog.clocks import EventClock, clock_at, clocks_after, clocks_text
from agent.eventlog.damage import finish_swap, next_path
from agent.eventlog.lasting import intervals_of, last_of_each
from agent.eventlog.schema import transaction
from agent.eventlog.watched_file import Row, WatchedFile
from agent.wire.payloads import event_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from agent.core.event import Event
    from agent.wire.payloads import Sender

_AT_ONCE = 500
_AFTER_ALL = 2**63 - 1
# Of the oldest events so many go at once where there is no room for new ones.
_RECYCLED = 100
# Of a damaged log, one by one.
_MOST_READABLE = 10_000
# In a log that was superseded: up to where its numbers belong to the same events everywhere.
SHARED = "shared"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept: `body` is its JSON, `ts_ms` its UTC in milliseconds since 1970."""

    seq: int
    ts_ms: int
    type: str
    rule: str
    body: str


class EventLog(WatchedFile):
    """Appends events and reads them back, from any thread."""

    def append(self, events: Sequence[Event], boot: str | None = None) -> int:
        """Number and store events, all or none; return the last number once they are on the card.

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
        with self._transaction():
            last_seq = self._insert(events, sender, self.last_seq)
        self._state.last_seq = last_seq
        return last_seq

    def _insert(self, events: Sequence[Event], sender: Sender, after_seq: int) -> int:
        rows = [
            (seq, _ms(event), event.TYPE, event.rule, event_json(event, sender, self.log_id, seq))
            for seq, event in enumerate(events, after_seq + 1)
        ]
        self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", rows)
        if not self.recorded:
            self._note_clocks(events, sender.boot, after_seq)
        return rows[-1][0]

    def _note_clocks(self, events: Sequence[Event], boot: str, after_seq: int) -> None:
        clocks = self._state.clocks
        for seq, event in enumerate(events, after_seq + 1):
            offset_s = event.at.utc.timestamp() - event.at.monotonic_s
            clocks = clocks_after(clocks, EventClock(seq, boot, round(offset_s, 3)))
        if clocks is not self._state.clocks:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('clocks', ?)", (clocks_text(clocks),))
            self._state.clocks = clocks

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        clocks = self._state.clocks
        try:
            self._inspect()
            with transaction(self._db):
                yield
            # Into a file that is no more nothing is kept.
            self._place.written()
            self._refuse_gone()
        except BaseException:
            self._state.clocks = clocks
            raise

    def age_s(self, entry: StoredEvent) -> float | None:
        """How long ago an event happened, whatever the wall clock said; None: before the present boot."""
        if self.recorded:
            return None
        now_s, clock = time.monotonic(), clock_at(self._state.clocks, entry.seq)
        if clock:
            return now_s - (entry.ts_ms / 1000 - clock.offset_s) if clock.boot == self._sender.boot else None
        # An earlier version, or another log that this one goes on from, kept it.
        with suppress(ValueError, RecursionError):
            match json.loads(entry.body):
                case {"boot": boot, "mono_s": int() | float() as mono_s} if boot == self._sender.boot:
                    return now_s - mono_s
        # Who reads the events says what is wrong with them.
        return None

    def _appended_instead(self, events: Sequence[Event], sender: Sender) -> int:
        """Append on a full disk: into the reserve, and once that is used up, in place of the oldest."""
        if not self._room.tight:
            self._tighten()
            with suppress(sqlite3.OperationalError):
                return self._appended(events, sender)
        portion = _RECYCLED
        while True:
            through = min(self._state.deleted + portion, self.last_seq - 1)
            try:
                with self._transaction():
                    _, lost, first = self._take_out(through)
                    last_seq = self._insert(events, sender, self.last_seq)
                    if lost:
                        at = events[-1].at
                        dropped = EventsDropped(
                            rule="agent", at=at, cause="disk_full", from_seq=first, to_seq=through
                        )
                        last_seq = self._insert([dropped], self._sender, last_seq)
            except sqlite3.Error as error:
                if not self._room.is_full(error) or through >= self.last_seq - 1:
                    raise
                portion *= 4
                continue
            self._state.last_seq = last_seq
            self._state.deleted = max(self._state.deleted, through)
            return last_seq

    def delete_after(self, seq: int) -> None:
        """Delete what was never acknowledged: it came after a number, and is kept in another log.

        Raises:
            LogError: it can't be written.
        """
        with self._lock, self._translated():
            with self._transaction():
                self._db.execute("DELETE FROM event WHERE seq > ?", (seq,))
            self._state.last_seq = min(self.last_seq, seq)
            self._state.opened_seq = min(self.opened_seq, seq)

    def superseded(self) -> Self:
        """Start a new log that has what came since this one was opened, under numbers of its own.

        From there on its numbers belong to other events too: the card was restored, and a broker knows what
        it held before. Whoever still reads this one finds in it only what is the same everywhere.

        Raises:
            LogError: it can't be written; this log goes on.
        """
        with self._lock, self._translated():
            if self._path is None:
                return self
            path, shared_seq = self._path, self._state.opened_seq
            # First of all: were the power cut in between, nobody must send the rest of it.
            self._set(f"note.{SHARED}", str(shared_seq))
            self._rebind(self._moved("superseded", shared_seq))
            with self._transaction():
                self._db.execute("DELETE FROM event WHERE seq > ?", (shared_seq,))
            self._state.last_seq = shared_seq
            return self._successor(path)

    def _moved(self, mark: str, after_seq: int) -> Path:
        """Put a new log into the file's place, with the events after a number; return where this one is."""
        path = cast("Path", self._path)
        finish_swap(path)
        with type(self)(self._sender, next_path(path), board=self._board, reserve=False) as other:
            rows = self._db.execute(
                "SELECT seq, ts_ms, type, rule, body FROM event WHERE seq > ? ORDER BY seq", (after_seq,)
            )
            other._take_over(rows, after_seq, restored=mark == "superseded")  # noqa: SLF001 - of the same class
        # In order: what is in the WAL is in the file then.
        self._db.close()
        aside = self._set_aside(mark)
        finish_swap(path)
        return aside

    def _is_renamed(self) -> bool:
        row = self._db.execute("SELECT body FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        try:
            match json.loads(row[0]) if row else None:
                case {"site": str(site), "device": str(device)}:
                    return (site, device) != (self._sender.site, self._sender.device)
        except (ValueError, TypeError, RecursionError):
            pass
        # Who reads the events says what is wrong with them.
        return False

    def _take_over(self, rows: Iterable[Row], after_seq: int = 0, *, restored: bool = False) -> None:
        """Store events of another log, renumbered as if that had started after a number of its own.

        Args:
            rows: seq, ts_ms, type, rule, body, in order.
            after_seq: this number of that log.
            restored: whether the first start among them gets the cause `new_log`: the card was put back.
        """

        def renumbered() -> Iterator[Row]:
            shift, start_is_told = after_seq, not restored
            for old_seq, ts_ms, kind, rule, text in rows:
                body, seq = json.loads(text), old_seq - shift
                if kind == EventsDropped.TYPE and body["to_seq"] <= after_seq:
                    # Of what is in that log only.
                    shift += 1
                    continue
                if kind == EventsDropped.TYPE:
                    body["from_seq"] = max(1, body["from_seq"] - after_seq)
                    body["to_seq"] -= after_seq
                if kind == AgentStarted.TYPE and not start_is_told:
                    body["cause"], start_is_told = "new_log", True
                body |= {"log": self.log_id, "seq": seq, "id": f"{self.log_id}/{seq}"}
                body |= {"site": self._sender.site, "device": self._sender.device}
                yield seq, ts_ms, kind, rule, json.dumps(body, ensure_ascii=False, separators=(",", ":"))

        with self._transaction():
            self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", renumbered())
        (last_seq,) = self._db.execute("SELECT max(seq) FROM event").fetchone()
        self._state.last_seq = int(last_seq or 0)

    def _readable(self) -> list[Row]:
        found: list[Row] = []
        first = max(self._state.delivered, self._state.deleted, self.last_seq - _MOST_READABLE) + 1
        for seq in range(first, self.last_seq + 1):
            with suppress(sqlite3.Error, ValueError, TypeError, RecursionError):
                row = self._db.execute(
                    "SELECT ts_ms, type, rule, body FROM event WHERE seq = ?", (seq,)
                ).fetchone()
                # Of this one, and no other that was put in its place.
                body = json.loads(row[3])
                if (body["log"], body["seq"], body["type"]) == (self.log_id, seq, row[1]) and (
                    row[1] != EventsDropped.TYPE
                ):
                    found.append((len(found) + 1, *row))
        return found

    def _take_out(self, through: int) -> tuple[int, int, int]:
        """Delete up to a number.

        Returns:
            How many went, how many of them no broker is known to have taken, and the first number that the
            event must name that reports them.
        """
        # Whoever missed an earlier report that goes too learns of its numbers from this one.
        lost, first, earlier = self._db.execute(
            "SELECT count(*), min(seq), min(json_extract(body, '$.from_seq')) "
            "FILTER (WHERE type = 'events.dropped') FROM event WHERE seq > ? AND seq <= ?",
            (self._state.delivered, through),
        ).fetchone()
        self._keep_intervals(through)
        gone = self._db.execute("DELETE FROM event WHERE seq <= ?", (through,)).rowcount
        return gone, lost, min(first, earlier or first) if lost else 0

    def delete(self, through_seq: int, report: Callable[[int, int], Event] | None = None) -> tuple[int, int]:
        """Delete the events up to a number but the last, from which numbers go on.

        Args:
            through_seq: the last to go.
            report: makes the event that reports, in the same transaction, those that no broker is known
                to have taken, from their first and last number. None: no event does.

        Returns:
            How many went, and how many of them no broker is known to have taken.

        Raises:
            LogError: it can't be written; nothing is deleted.
        """
        with self._lock, self._translated():
            last_seq, through = self.last_seq, min(through_seq, self.last_seq - 1)
            with self._transaction():
                gone, lost, first = self._take_out(through)
                if lost and report:
                    last_seq = self._insert([report(first, through)], self._sender, last_seq)
            self._state.last_seq = last_seq
            self._state.deleted = max(self._state.deleted, through)
            return gone, lost

    @property
    def size_bytes(self) -> int:
        """What the events take of the file; room that deleted ones left in it is used again."""
        with self._lock, self._translated():
            pages, free, page_bytes = (
                int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * page_bytes

    def read(self, after_seq: int, limit: int, through_seq: int | None = None) -> list[StoredEvent]:
        """The next events after a number, oldest first.

        Args:
            after_seq: 0 for all.
            limit: at most so many.
            through_seq: the last number; None: of the newest event.
        """
        with self._lock, self._translated():
            rows = self._db.execute(
                "SELECT seq, ts_ms, type, rule, body FROM event WHERE seq > ? AND seq <= ? "
                "ORDER BY seq LIMIT ?",
                (after_seq, self.last_seq if through_seq is None else through_seq, limit),
            )
            return [StoredEvent(*row) for row in rows]

    def newest(self) -> Iterator[StoredEvent]:
        """All events, newest first."""
        before = self.last_seq + 1
        while True:
            with self._lock, self._translated():
                rows = self._db.execute(
                    "SELECT seq, ts_ms, type, rule, body FROM event WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                    (before, _AT_ONCE),
                ).fetchall()
            yield from (StoredEvent(*row) for row in rows)
            if len(rows) < _AT_ONCE:
                return
            before = rows[-1][0]

    def last_intervals(self, before_seq: int) -> dict[tuple[str, str], StoredEvent]:
        """The newest event before a number that starts or ends each lasting interval of each rule.

        Such an event is known for as long as none comes after it, also when it is deleted.

        Args:
            before_seq: the number.

        Returns:
            Events by rule and name of the interval, oldest first.
        """
        with self._lock, self._translated():
            rows = self._db.execute("SELECT value FROM meta WHERE key GLOB 'spell.*'").fetchall()
            kept = [StoredEvent(*json.loads(value)) for (value,) in rows]
            noted = {
                (entry.rule, interval): entry
                for entry in sorted(kept, key=_seq)
                for interval in intervals_of(entry.type)
                if entry.seq < before_seq
            }
            found = noted | self._intervals(before_seq)
        return dict(sorted(found.items(), key=lambda item: _seq(item[1])))

    def _intervals(self, before_seq: int) -> dict[tuple[str, str], StoredEvent]:
        return {of: StoredEvent(*row) for of, row in last_of_each(self._db, before_seq).items()}

    def _keep_intervals(self, through: int) -> None:
        """Keep the last event of each interval among those to be deleted: it may last still.

        The first release had one note a rule, `spell.<rule>`, which is still read.
        """
        for (rule, interval), entry in self._intervals(_AFTER_ALL).items():
            if entry.seq <= through:
                row = json.dumps(astuple(entry), ensure_ascii=False)
                self._db.execute(
                    "INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"spell.{rule}.{interval}", row)
                )

    @property
    def first_seq(self) -> int:
        """Of the oldest event still kept; one more than the last when there is none."""
        with self._lock, self._translated():
            (first,) = self._db.execute("SELECT min(seq) FROM event").fetchone()
            return int(first) if first is not None else self.last_seq + 1


def _seq(entry: StoredEvent) -> int:
    return entry.seq


def _ms(event: Event) -> int:
    return int(event.at.utc.timestamp() * 1000)
