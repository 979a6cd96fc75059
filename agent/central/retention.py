"""Retention of events in the central store.

Which numbers there were stays known, so that nothing old is asked for again.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from time import time
from typing import TYPE_CHECKING

from agent.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.central.store import AgentKept, Store

_log = logging.getLogger(__name__)

# So many at once, so often: what comes in meanwhile is not to wait.
AT_ONCE = 500
_NEXT_S = 1.0
_EVERY_S = 3600.0
_DAY = timedelta(days=1)
_SUMS = (".quarter", ".day")
_EVER = "~"
_PAGE = """
SELECT ts, n, agent, log, seq, heard_ms, body FROM event
WHERE type = ? AND (ts, n) > (?, ?) AND ts < ? ORDER BY ts, n LIMIT ?
"""


class StoreRetention:
    """Deletes what is too old, a page at a time.

    An event's age is that of its `ts`, if the agent knew the time, or else since it came. One is kept longer
    while a number before it in its log is still to be asked for, unless its agent is gone as long.
    """

    def __init__(
        self,
        store: Store,
        agents: Callable[[], Mapping[str, AgentKept]],
        newest_ms: Callable[[], int],
        *,
        keep_days: int,
        keep_sums_days: int,
    ) -> None:
        """Take what to delete from.

        Args:
            store: open for writing.
            agents: what is known of them now.
            newest_ms: the newest `ts` of a health whose clock is synced; 0: there was none. Should the clock
                here jump years ahead, not everything goes.
            keep_days: of events; 0: for ever.
            keep_sums_days: of quarters and days; 0: for ever.
        """
        self._store = store
        self._agents = agents
        self._newest_ms = newest_ms
        self._keep_days = keep_days
        self._keep_sums_days = keep_sums_days
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
        now_s = time()
        if newest_ms := self._newest_ms():
            # Anybody may publish any time: also the last there is.
            now_s = min(now_s, newest_ms / 1000 + _DAY.total_seconds())
        now = datetime.fromtimestamp(now_s, UTC)
        for kind in self._types():
            days = self._keep_sums_days if kind.endswith(_SUMS) else self._keep_days
            if days:
                yield from self._range(kind, "", now - days * _DAY, now - days * _DAY)
                # Of a clock that was wrong.
                yield from self._range(kind, _text(now + _DAY), None, now - days * _DAY)

    def _types(self) -> Iterator[str]:
        kind = ""
        while (
            found := self._store.rows("SELECT min(type) FROM event WHERE type > ?", (kind,))[0][0]
        ) is not None:
            kind = str(found)
            yield kind

    def _range(self, kind: str, after: str, until: datetime | None, before: datetime) -> Iterator[int]:
        """Delete what is too old of a type between two times."""
        at: tuple[object, object] = (after, 0)
        to = _text(until) if until else _EVER
        while rows := self._store.rows(_PAGE, (kind, *at, to, AT_ONCE)):
            complete = self._complete(before)
            gone = [
                (n,)
                for _, n, agent, log, seq, heard_ms, body in rows
                if (_ms(before) > int(str(heard_ms)) or (until and _knew_the_time(str(body))))
                and complete(str(agent), str(log), int(str(seq)))
            ]
            if gone:
                with self._store.transaction():
                    self._store.db.executemany("DELETE FROM event WHERE n = ?", gone)
            at = rows[-1][0], rows[-1][1]
            yield len(gone)

    def _complete(self, before: datetime) -> Callable[[str, str, int], bool]:
        """Tell whether all numbers before one have ended, or nobody can be asked for them any more."""
        agents, lowest = self._agents(), dict[tuple[str, str], int | None]()

        def complete(agent: str, log: str, seq: int) -> bool:
            owner = agents.get(agent)
            kept = owner.logs.get(log) if owner else None
            if owner is None or kept is None or owner.heard_ms < _ms(before):
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


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
