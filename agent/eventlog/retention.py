"""Retention of events by age and size: `[log] keep_days` and `keep_mb`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.event import EventsDropped
from agent.core.log_messages import EVENTS_DROPPED, EVENTS_OVER_SIZE, EVENTS_TOO_OLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.event import DropCause, Event
    from agent.core.frame import Instant
    from agent.eventlog.log import EventLog, StoredEvent

_log = logging.getLogger(__name__)

# A card wears, and no frame is to wait long: little at a time, now and then.
AT_ONCE = 2000
_EVERY_S = 3600.0
_NEXT_S = 1.0
_DAY_MS = 86_400_000
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class _Limits:
    """How much is kept, and whether there is a broker that takes events."""

    keep_ms: int
    keep_bytes: int
    delivers: bool

    @classmethod
    def of(cls, keep_days: int, keep_mb: int, *, delivers: bool) -> _Limits:
        return cls(keep_days * _DAY_MS, keep_mb * _MB, delivers)


class Retention:
    """Deletes the oldest events of a log, a portion at a time.

    An event reports the loss of what no broker has acknowledged; without a broker only the journal does.
    """

    def __init__(self, keep_days: int, keep_mb: int, *, delivers: bool) -> None:
        """Take how much is kept.

        Args:
            keep_days: no event is kept for longer, days.
            keep_mb: the log may be this large, MB of 10**6 bytes.
            delivers: whether there is a broker that takes events.
        """
        self._limits = _Limits.of(keep_days, keep_mb, delivers=delivers)
        self._due_s: float | None = None
        # Of each log by its id: up to here nothing tells how old it is.
        self._undated: dict[str, int] = {}

    def before_ms(self, at: Instant) -> int:
        """The oldest moment that is kept; UTC in ms since 1970."""
        return int(at.utc.timestamp() * 1000) - self._limits.keep_ms

    def apply_settings(self, keep_days: int, keep_mb: int, *, delivers: bool) -> None:
        """Keep so much from now on; the next `delete_due` deletes.

        Args:
            keep_days: as at the start.
            keep_mb: as at the start.
            delivers: as at the start.
        """
        self._limits = _Limits.of(keep_days, keep_mb, delivers=delivers)
        self._due_s = None

    def delete_due(self, log: EventLog, at: Instant) -> None:
        """Delete a portion of what is due: at the start, each hour, and after 1 s where there is more.

        Raises:
            LogError: the log can't be read or written.
        """
        if self._due_s is not None and at.monotonic_s < self._due_s:
            return
        self._due_s = at.monotonic_s + _EVERY_S
        if self.delete(log, at):
            self._due_s = at.monotonic_s + _NEXT_S

    def delete(self, log: EventLog, at: Instant, *, reports: bool = True) -> bool:
        """Delete a portion of what is due; return whether there may be more.

        Args:
            log: whose events.
            at: now.
            reports: whether an event of that log may report it; not where its number would be another's.

        Raises:
            LogError: the log can't be read or written.
        """
        oldest = log.read(log.deleted, AT_ONCE)
        excess_bytes = log.size_bytes - self._limits.keep_bytes
        through = _taking(oldest, excess_bytes) if excess_bytes > 0 else 0
        cause: DropCause = "keep_mb"
        more = False
        # While it is not known what time it is, nothing is too old.
        if not through and at.synced:
            cause = "keep_days"
            through, more = self._too_old(log, oldest, self.before_ms(at))
        if through:
            more = self._deleted(log, through, cause, at, reports=reports) > 0
        return more

    def _too_old(self, log: EventLog, oldest: Sequence[StoredEvent], before_ms: int) -> tuple[int, bool]:
        """The last of the oldest events that is too old, and whether there may be more.

        What is unsynced may say any time: it is as old as the next that is not.
        """
        undated = max(self._undated.get(log.log_id, 0), log.deleted)
        page = oldest if undated == log.deleted else log.read(undated, AT_ONCE)
        dated = [entry for entry in page if '"clock":"synced"' in entry.body]
        if not dated:
            self._undated[log.log_id] = page[-1].seq if page else undated
            return 0, len(page) == AT_ONCE
        through = max((entry.seq for entry in dated if entry.ts_ms < before_ms), default=0)
        return min(through, oldest[-1].seq), False

    def _deleted(self, log: EventLog, through: int, cause: DropCause, at: Instant, *, reports: bool) -> int:
        def dropped(from_seq: int, to_seq: int) -> Event:
            return EventsDropped(rule="agent", at=at, cause=cause, from_seq=from_seq, to_seq=to_seq)

        gone, lost = log.delete(through, dropped if self._limits.delivers and reports else None)
        if lost and self._limits.delivers:
            _log.warning(EVENTS_DROPPED, lost, through, cause)
        elif gone and cause == "keep_mb":
            _log.info(EVENTS_OVER_SIZE, gone, through, cause)
        elif gone and not self._limits.delivers:
            _log.info(EVENTS_TOO_OLD, gone)
        return gone


def _taking(oldest: Sequence[StoredEvent], excess_bytes: int) -> int:
    """The last of the oldest events that together take this much."""
    for entry in oldest:
        excess_bytes -= len(entry.body)
        if excess_bytes <= 0:
            return entry.seq
    return oldest[-1].seq if oldest else 0
