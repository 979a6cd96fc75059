"""Gap filler: asks an agent for missing events, one request at a time, and not for what is on its way."""

from __future__ import annotations

import json
import logging
import random
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.central.messages import ROOT
from agent.mqtt.connection import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.central.intervals import Span
    from agent.central.kept import AgentKept, LogKept
    from agent.central.messages import EventMessage, ReplayDoneMessage

_log = logging.getLogger(__name__)

MOST_EVENTS = 1000
_NO_PROGRESS_S = 10.0
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 300.0
# So often the agent answers that it lacks what it should have, before that is believed.
_DOUBTS = 3


@dataclass(slots=True)
class _Backoff:
    """The pause after the next failure, and until when none is asked (monotonic seconds)."""

    pause_s: float = _FIRST_PAUSE_S
    ask_at_s: float = 0.0

    def wait(self, now_s: float) -> None:
        self.ask_at_s = now_s + self.pause_s * random.uniform(0.5, 1.0)  # noqa: S311
        self.pause_s = min(2 * self.pause_s, _LONGEST_PAUSE_S)


@dataclass(slots=True)
class _Request:
    """The request that is not answered yet.

    Attributes:
        beyond: these numbers come after the last that is known, and perhaps there are none.
        progress_s: when something of the answer was last received, monotonic seconds.
        received: so many messages of the answer.
    """

    request: str
    log: str
    first: int
    last: int
    beyond: bool
    progress_s: float
    received: int = 0


@dataclass(slots=True)
class _Watched:
    """The lowest missing number of a log, and since when nothing filled gaps but replays."""

    lowest: int
    since_s: float


class GapFiller:
    """Asks one agent for its missing events."""

    def __init__(self, agent: str, kept: AgentKept, settle_s: float) -> None:
        """Take whom to ask.

        Args:
            agent: site/name.
            kept: what is known of it, kept up to date by the caller.
            settle_s: so long numbers may be on their way, s.
        """
        self._agent = agent
        self._kept = kept
        self._settle_s = settle_s
        self._request: _Request | None = None
        self._watched: dict[str, _Watched] = {}
        self._doubts: dict[str, tuple[int, int]] = {}
        self._progress = False
        self._backoff = _Backoff()

    def restart(self) -> None:
        """The agent has a new session: it may have forgotten the last request."""
        self._backoff = _Backoff()
        self._request = None

    def count_refused(self, request: str | None) -> None:
        """A message of a replay was refused: it counts as received, and its event as missing."""
        if self._request and request == self._request.request:
            self._request.received += 1
            self._progress = True

    def count(self, events: Sequence[EventMessage]) -> None:
        """Events were received, by themselves or in a replay."""
        for event in events:
            if self._request and event.replay == self._request.request:
                self._request.received += 1
                self._progress = True
                continue
            watched = self._watched.get(event.log)
            # The backlog comes in order: while it fills the gap, nothing need be asked for.
            if event.replay is None and watched and event.seq == watched.lowest:
                watched.lowest = 0

    def answers(self, request: str) -> bool:
        """Whether this is the request that is not answered yet."""
        return self._request is not None and self._request.request == request

    def next(self, now_s: float) -> Message | None:
        """The next request, if one is due."""
        if self._request:
            if self._progress:
                self._progress, self._request.progress_s = False, now_s
            if now_s - self._request.progress_s < _NO_PROGRESS_S:
                return None
            _log.warning(
                "%s does not answer: events of its log %s are missing", self._agent, self._request.log
            )
            self._request = None
            self._backoff.wait(now_s)
        if self._kept.state != "online":
            return None
        due = self._due(now_s)
        if due is None or now_s < self._backoff.ask_at_s:
            return None
        log, (first, last) = due
        last = min(last, first + MOST_EVENTS - 1)
        kept = self._kept.logs[log]
        kept.asked += 1
        self._request = _Request(secrets.token_hex(8), log, first, last, first > kept.highest, now_s)
        _log.info("asking %s for events %d to %d of log %s", self._agent, first, last, log)
        request = {"log": log, "from_seq": first, "to_seq": last, "request": self._request.request}
        return Message(f"{ROOT}/{self._agent}/cmd/replay", json.dumps(request))

    def finish(self, done: ReplayDoneMessage, now_s: float) -> tuple[str, list[Span]]:
        """Take the end of the answer.

        Returns:
            Of which log it was, and which of its numbers will never come.
        """
        request = self._request
        assert request is not None  # noqa: S101
        self._request = None
        kept = self._kept.logs[request.log]
        if done.later:
            self._backoff.wait(now_s)
            return request.log, []
        if request.beyond:
            if done.sent == 0:
                kept.ended = True
            elif request.received < done.sent:
                self._backoff.wait(now_s)
            return request.log, []
        missing = list(kept.settled.missing(request.first, request.last))
        if not missing:
            self._backoff.pause_s = _FIRST_PAUSE_S
            return request.log, []
        if request.received < done.sent:
            # The broker lost some of it.
            self._backoff.wait(now_s)
            return request.log, []
        if self._believed(request, kept, missing[0][0]):
            return request.log, missing
        self._backoff.wait(now_s)
        return request.log, []

    def _believed(self, request: _Request, kept: LogKept, lowest: int) -> bool:
        """Whether the agent will not have it the next time either."""
        if request.log != self._kept.log or lowest < kept.first_seq:
            return True
        # It reported that it has these: perhaps the card could not be read just now.
        before, times = self._doubts.get(request.log, (0, 0))
        times = times + 1 if before == lowest else 1
        self._doubts[request.log] = lowest, times
        return times >= _DOUBTS

    def _due(self, now_s: float) -> tuple[str, Span] | None:
        """The lowest gap that nothing fills by itself; of the agent's present log before its older ones."""
        logs = sorted(self._kept.logs.items(), key=lambda item: item[0] != self._kept.log)
        for log, kept in logs:
            gap = self._wanted(log, kept)
            if gap is None:
                self._watched.pop(log, None)
                continue
            watched = self._watched.get(log)
            if watched is None or watched.lowest == 0:
                self._watched[log] = _Watched(gap[0], now_s)
                continue
            watched.lowest = gap[0]
            if now_s - watched.since_s >= self._settle_s:
                return log, gap
        return None

    def _wanted(self, log: str, kept: LogKept) -> Span | None:
        """The lowest missing numbers; of a log that no status names any more also what is after it."""
        gap = next(kept.missing, None)
        if gap is None and log != self._kept.log and not kept.ended:
            return kept.highest + 1, kept.highest + MOST_EVENTS
        return gap
