"""What of the event log is still to be sent, being sent, or done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.delivery.event_log import Entry, EventLog


class Outbox:
    """A cursor over the log, for the events of now beside the backlog.

    ::

        1 ── done ── delivered ── backlog ──▶ connected ── live ──▶ last_seq
    """

    def __init__(self, log: EventLog) -> None:
        """Take the log to send."""
        self._log = log
        # Taken by a broker, but with an older one before them that is not.
        self._done: set[int] = set()
        self._sending: dict[int, int] = {}
        self._delivered = log.delivered
        self.begin()

    def begin(self) -> None:
        """Start over for a new connection: what is under way counts as not sent."""
        self._sending.clear()
        self._pass()
        self._backlog_at = self._delivered
        self._backlog_end = self._live_at = self._log.last_seq

    @property
    def sent_seq(self) -> int:
        """Live events up to this number were sent."""
        return self._live_at

    @property
    def delivered(self) -> int:
        """Everything up to this number was taken by a broker, or is deleted."""
        self._pass()
        return self._delivered

    @property
    def log(self) -> EventLog:
        """The log to send."""
        return self._log

    @property
    def pending(self) -> int:
        """How many events no broker has taken."""
        self._pass()
        return self._log.last_seq - self._delivered - len(self._done)

    def next(self, limit: int) -> list[Entry]:
        """What to send next: what happens now before what happened while nobody listened."""
        live = self.live(limit)
        return live + self.backlog(limit - len(live))

    def live(self, limit: int) -> list[Entry]:
        """The next events that happened since this connection began."""
        if limit <= 0 or self._live_at >= self._log.last_seq:
            return []
        entries = self._log.read(self._live_at, limit)
        self._live_at = entries[-1].seq if entries else self._log.last_seq
        return entries

    def backlog(self, limit: int) -> list[Entry]:
        """The next events that happened before it."""
        if limit <= 0 or self._backlog_at >= self._backlog_end:
            return []
        self._pass()
        older = self._log.read(max(self._backlog_at, self._delivered), limit, self._backlog_end)
        self._backlog_at = older[-1].seq if older else self._backlog_end
        sent = self._done.union(self._sending.values())
        return [entry for entry in older if entry.seq not in sent]

    def sending(self, mid: int, seq: int) -> None:
        """Remember that the message of this number carries this event."""
        self._sending[mid] = seq

    def taken(self, mid: int) -> None:
        """The broker has it."""
        seq = self._sending.pop(mid)
        if seq > self._delivered:
            self._done.add(seq)
        self._pass()

    def _pass(self) -> None:
        """Count on over what was taken, and what is deleted: of that the log tells by an event."""
        if self._delivered < self._log.deleted:
            self._delivered = self._log.deleted
            self._done = {seq for seq in self._done if seq > self._delivered}
        while self._delivered + 1 in self._done:
            self._delivered += 1
            self._done.remove(self._delivered)

    def refused(self, mid: int) -> None:
        """The broker does not take it: it goes back to the backlog."""
        seq = self._sending.pop(mid)
        self._backlog_at = min(self._backlog_at, seq - 1)
        self._backlog_end = max(self._backlog_end, seq)

    @property
    def under_way(self) -> int:
        """How many events are under way."""
        return len(self._sending)

    def __contains__(self, mid: int) -> bool:
        return mid in self._sending

    def keep(self) -> None:
        """Write down how far delivery went.

        Raises:
            LogError: the log can't be written.
        """
        self._pass()
        if self._delivered != self._log.delivered:
            self._log.delivered = self._delivered
