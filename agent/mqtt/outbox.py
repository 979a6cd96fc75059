"""Outbox: a cursor over the event log, and which events are in flight, refused or acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.mqtt.refused_events import topic_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.eventlog.log import EventLog, StoredEvent
    from agent.mqtt.refused_events import Topic

# Where much is passed over it is read in portions; the card serves others in between.
_PORTION = 500
_PORTIONS = 20


def _nothing(_entry: StoredEvent) -> bool:
    return False


@dataclass(slots=True)
class _Cursor:
    """How far a connection has come: the last number that was read, of live events and of the backlog."""

    live_seq: int
    backlog_seq: int
    backlog_end: int


class Outbox:
    """A cursor over the log, for the events of now beside the backlog.

    ::

        1 ── done ── delivered ── backlog ──▶ connected ── live ──▶ last_seq

    It holds numbers of events: those of messages are used again after 65,535.
    """

    def __init__(self, log: EventLog) -> None:
        """Take the log to send."""
        self._log = log
        # Acknowledged, but with an older one before them that is not.
        self._done: set[int] = set()
        self._sending: dict[int, tuple[int, Topic]] = {}
        # Refused; each is sent again by itself only, to try.
        self._held: dict[int, Topic] = {}
        # Of each topic that waits, the newest event that was passed over.
        self._passed: dict[Topic, int] = {}
        self._delivered = log.delivered
        self._cursor = _Cursor(log.last_seq, self._delivered, log.last_seq)

    def restart(self) -> None:
        """Restart for a new connection: what is in flight counts as not sent."""
        self._sending.clear()
        self._rewind(self._log.last_seq)

    def rewind(self) -> None:
        """What was passed over may go now."""
        self._rewind(self._cursor.live_seq)

    def _rewind(self, live_seq: int) -> None:
        self._advance()
        self._passed.clear()
        self._cursor = _Cursor(live_seq, self._delivered, live_seq)

    @property
    def sent_seq(self) -> int:
        """Live events up to this number were sent, or passed over."""
        return self._cursor.live_seq

    @property
    def delivered(self) -> int:
        """Everything up to this number was acknowledged by a broker, or is deleted."""
        self._advance()
        return self._delivered

    @property
    def log(self) -> EventLog:
        """The log to send."""
        return self._log

    @property
    def pending(self) -> int:
        """How many events no broker has acknowledged."""
        self._advance()
        return max(0, self._log.last_seq - self._delivered - len(self._done))

    @property
    def holds(self) -> bool:
        """Whether there are events that were refused."""
        return bool(self._held)

    def next(self, limit: int, refused: Callable[[StoredEvent], bool] = _nothing) -> list[StoredEvent]:
        """Choose the next events to send: live ones before the backlog.

        Args:
            limit: how many at most.
            refused: what would be refused, and is passed over.
        """
        live = self.live(limit, refused)
        return live + self.backlog(limit - len(live), refused)

    def live(self, limit: int, refused: Callable[[StoredEvent], bool] = _nothing) -> list[StoredEvent]:
        """The next events that happened since this connection was made."""
        last_seq = self._log.last_seq
        if limit <= 0 or self._cursor.live_seq >= last_seq:
            return []
        entries, self._cursor.live_seq = self._choose(self._cursor.live_seq, last_seq, limit, refused)
        return entries

    def backlog(self, limit: int, refused: Callable[[StoredEvent], bool] = _nothing) -> list[StoredEvent]:
        """The next events that happened before it."""
        cursor = self._cursor
        if limit <= 0 or cursor.backlog_seq >= cursor.backlog_end:
            return []
        self._advance()
        after = max(cursor.backlog_seq, self._delivered)
        entries, cursor.backlog_seq = self._choose(after, cursor.backlog_end, limit, refused)
        return entries

    def _choose(
        self, after: int, through: int, limit: int, refused: Callable[[StoredEvent], bool]
    ) -> tuple[list[StoredEvent], int]:
        """The next events that may be sent, and the last number that was read for them."""
        sending = {seq for seq, _ in self._sending.values()}
        chosen: list[StoredEvent] = []
        size = limit
        for _ in range(_PORTIONS):
            entries = self._log.read(after, size, through)
            for entry in entries:
                after = entry.seq
                if after in self._done or after in sending or after in self._held:
                    continue
                if refused(entry):
                    self._passed[topic_of(entry)] = max(after, self._passed.get(topic_of(entry), 0))
                    continue
                chosen.append(entry)
                if len(chosen) == limit:
                    return chosen, after
            if len(entries) < size:
                return chosen, through
            size = _PORTION
        return chosen, after

    def to_try(self, topic: Topic, *, untried: bool) -> StoredEvent | None:
        """One event to see by whether a topic is taken now.

        Args:
            topic: its topic.
            untried: rather one that was only passed over, which may be better than those that were refused.
        """
        entry = self._untried(topic) if untried else None
        return entry or self.held(lambda of: of == topic) or self._untried(topic)

    def held(self, wanted: Callable[[Topic], bool]) -> StoredEvent | None:
        """The event that was refused longest ago, of the topics that are wanted."""
        sending = {seq for seq, _ in self._sending.values()}
        for seq, topic in list(self._held.items()):
            if seq in sending or not wanted(topic):
                continue
            if entry := self._entry(seq):
                return entry
            del self._held[seq]
        return None

    def _untried(self, topic: Topic) -> StoredEvent | None:
        newest = self._passed.get(topic, 0)
        if newest and newest not in self._held and newest not in self._done:
            return self._entry(newest)
        entries, _ = self._choose(self._delivered, newest, 1, lambda entry: topic_of(entry) != topic)
        return entries[0] if entries else None

    def _entry(self, seq: int) -> StoredEvent | None:
        return next(iter(self._log.read(seq - 1, 1, seq)), None)

    def sending(self, mid: int, entry: StoredEvent) -> None:
        """Remember that the message of this number carries this event."""
        self._sending[mid] = entry.seq, topic_of(entry)

    def acknowledged(self, mid: int) -> Topic:
        """The broker has the event; return its topic."""
        seq, topic = self._sending.pop(mid)
        self._held.pop(seq, None)
        if seq > self._delivered:
            self._done.add(seq)
        self._advance()
        return topic

    def refused(self, mid: int) -> Topic:
        """The broker does not take it: it waits to be tried again; return its topic."""
        seq, topic = self._sending.pop(mid)
        # To the end, so that each has its turn.
        self._held.pop(seq, None)
        if seq > self._delivered:
            self._held[seq] = topic
        return topic

    def _advance(self) -> None:
        """Advance over what was acknowledged or deleted; the loss of deleted events is an event itself."""
        if self._delivered < self._log.deleted:
            self._delivered = self._log.deleted
            self._done = {seq for seq in self._done if seq > self._delivered}
            self._held = {seq: topic for seq, topic in self._held.items() if seq > self._delivered}
        while self._delivered + 1 in self._done:
            self._delivered += 1
            self._done.remove(self._delivered)

    @property
    def in_flight(self) -> int:
        """How many events are in flight."""
        return len(self._sending)

    def __contains__(self, mid: int) -> bool:
        return mid in self._sending

    def save(self) -> None:
        """Write down how far delivery went.

        Raises:
            LogError: the log can't be written.
        """
        self._advance()
        if self._delivered != self._log.delivered:
            self._log.delivered = self._delivered
