"""Retention of events in the central store.

Which numbers there were stays known, so that nothing old is asked for again.
"""

from __future__ import annotations

import json
import logging
from time import time
from typing import TYPE_CHECKING

from agent.central.moments import LAST_MS
from agent.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.central.kept import AgentKept, RetentionStore

_log = logging.getLogger(__name__)

# So many at once, so often: what comes in meanwhile is not to wait.
AT_ONCE = 500
_NEXT_S = 1.0
_EVERY_S = 3600.0
_DAY_MS = 86_400_000
_SUMS = (".quarter", ".day")


class StoreRetention:
    """Deletes what is too old, a page at a time.

    An event's age is that of its `ts`, if the agent knew the time, or else since it came. One is kept longer
    while a number before it in its log is still to be asked for, unless its agent is gone as long.
    """

    def __init__(
        self,
        store: RetentionStore,
        agents: Callable[[], Mapping[str, AgentKept]],
        newest_ms: Callable[[], int],
        *,
        keep_days: int,
        keep_sums_days: int,
        keep_tables_days: int = 0,
    ) -> None:
        """Take what to delete from.

        Args:
            store: open for writing.
            agents: what is known of them now.
            newest_ms: the newest `ts` of a health whose clock is synced; 0: there was none. Should the clock
                here jump years ahead, not everything goes.
            keep_days: of events; 0: for ever.
            keep_sums_days: of the events of quarters and days; 0: for ever.
            keep_tables_days: of tables of sums, where the store has them; 0: for ever.
        """
        self._store = store
        self._agents = agents
        self._newest_ms = newest_ms
        self._keep_days = keep_days
        self._keep_sums_days = keep_sums_days
        self._keep_tables_days = keep_tables_days
        self._due_s = 0.0
        self._pages: Iterator[int] | None = None

    def delete_due(self, now_s: float) -> None:
        """Delete one page, if it is time: all that is due once an hour. By the monotonic clock."""
        if now_s < self._due_s:
            return
        self._pages = self._pages or self._walk()
        try:
            gone = next(self._pages, None)
        except LogError as error:
            _log.warning("%s Old events are not deleted now; it is tried again in an hour", error)
            gone = None
        if gone is None:
            self._pages = None
        self._due_s = now_s + (_EVERY_S if gone is None else _NEXT_S)

    def _walk(self) -> Iterator[int]:
        """Go through all that is old, a page at each step; yield how many events of it went."""
        now_ms = int(time() * 1000)
        if newest_ms := self._newest_ms():
            # Anybody may publish any time: also the last there is.
            now_ms = min(now_ms, newest_ms + _DAY_MS)
        for kind in self._store.types():
            days = self._keep_sums_days if kind.endswith(_SUMS) else self._keep_days
            if days:
                before_ms = now_ms - days * _DAY_MS
                yield from self._range(kind, 0, before_ms, before_ms, by_clock=True)
                # Of a clock that was wrong.
                yield from self._range(kind, now_ms + _DAY_MS, LAST_MS + 1, before_ms, by_clock=False)
        if self._keep_tables_days:
            yield self._store.delete_sums(now_ms - self._keep_tables_days * _DAY_MS)

    def _range(
        self, kind: str, after_ms: int, until_ms: int, before_ms: int, *, by_clock: bool
    ) -> Iterator[int]:
        """Delete what is too old of a type between two times.

        Args:
            kind: the type.
            after_ms: from this `ts` on.
            until_ms: before this one.
            before_ms: what came before this is too old, whatever its `ts`.
            by_clock: what its agent, which knew the time, says is from then is too old as well.
        """
        complete = self._complete(before_ms)
        at = after_ms, -1
        while page := self._store.old_events(kind, at, until_ms, AT_ONCE):
            gone = [
                event.n
                for event in page
                if (before_ms > event.heard_ms or (by_clock and _knew_the_time(event.body)))
                and complete(event.agent, event.log, event.seq)
            ]
            if gone:
                self._store.delete_events(gone)
            at = page[-1].ts_ms, page[-1].n
            yield len(gone)

    def _complete(self, before_ms: int) -> Callable[[str, str, int], bool]:
        """Tell whether all numbers before one have ended, or nobody can be asked for them any more."""
        agents, lowest = self._agents(), dict[tuple[str, str], int | None]()

        def complete(agent: str, log: str, seq: int) -> bool:
            owner = agents.get(agent)
            kept = owner.logs.get(log) if owner else None
            if owner is None or kept is None or owner.heard_ms < before_ms:
                return True
            if (agent, log) not in lowest:
                gap = next(kept.missing, None)
                lowest[agent, log] = gap[0] if gap else None
            first = lowest[agent, log]
            return first is None or seq < first

        return complete


def _knew_the_time(body: str) -> bool:
    try:
        return bool(json.loads(body)["clock"] == "synced")
    except (ValueError, LookupError, TypeError, RecursionError):
        return False
