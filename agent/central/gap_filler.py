"""When an agent is asked for what is missing: one request at a time, and not for what is on its way."""

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
    from agent.central.messages import EventMessage, ReplayDoneMessage
    from agent.central.store import AgentKept, LogKept

_log = logging.getLogger(__name__)

MOST_EVENTS = 1000
_NO_PROGRESS_S = 10.0
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 300.0
# So often the agent says that it has not got what it should have, before that is believed.
_DOUBTS = 3


@dataclass(slots=True)
class _Request:
    """What is asked for now.

    Attributes:
        beyond: these numbers come after the last that is known, and perhaps there are none.
        heard_s: when something of the answer was last there.
    """

    request: str
    log: str
    first: int
    last: int
    beyond: bool
    heard_s: float
    came: int = 0


@dataclass(slots=True)
class _Watched:
    """The lowest missing number of a log, and since when nothing filled gaps but replays."""

    lowest: int
    since_s: float


class GapFiller:
    """Asks one agent."""

    def __init__(self, agent: str, kept: AgentKept, settle_s: float) -> None:
        """Take what is known of the agent, and how long numbers may be on their way."""
        self._agent = agent
        self._kept = kept
        self._settle_s = settle_s
        self._request: _Request | None = None
        self._watched: dict[str, _Watched] = {}
        self._doubts: dict[str, tuple[int, int]] = {}
        self._progress = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """The agent is there again: what it was asked before it may have forgotten."""
        self._pause_s = _FIRST_PAUSE_S
        self._ask_at_s = 0.0
        self._request = None

    def answered_badly(self, request: str | None) -> None:
        """What came in a replay can't be taken: it counts as come, and as missing."""
        if self._request and request == self._request.request:
            self._request.came += 1
            self._progress = True

    def heard(self, events: Sequence[EventMessage]) -> None:
        """Events came, by themselves or in a replay."""
        for event in events:
            if self._request and event.replay == self._request.request:
                self._request.came += 1
                self._progress = True
                continue
            watched = self._watched.get(event.log)
            # The backlog comes in order: while it fills the gap, nothing need be asked for.
            if event.replay is None and watched and event.seq == watched.lowest:
                watched.lowest = 0

    def answers(self, request: str) -> bool:
        """Whether this is what was asked."""
        return self._request is not None and self._request.request == request

    def next(self, now_s: float) -> Message | None:
        """The next request, if one is due."""
        if self._request:
            if self._progress:
                self._progress, self._request.heard_s = False, now_s
            if now_s - self._request.heard_s < _NO_PROGRESS_S:
                return None
            _log.warning(
                "%s does not answer: events of its log %s are missing", self._agent, self._request.log
            )
            self._request = None
            self._wait(now_s)
        if self._kept.state != "online":
            return None
        due = self._due(now_s)
        if due is None or now_s < self._ask_at_s:
            return None
        log, (first, last) = due
        last = min(last, first + MOST_EVENTS - 1)
        kept = self._kept.logs[log]
        kept.asked += 1
        self._request = _Request(secrets.token_hex(8), log, first, last, first > kept.highest, now_s)
        _log.info("asking %s for events %d to %d of log %s", self._agent, first, last, log)
        asked = {"log": log, "from_seq": first, "to_seq": last, "request": self._request.request}
        return Message(f"{ROOT}/{self._agent}/cmd/replay", json.dumps(asked))

    def over(self, done: ReplayDoneMessage, now_s: float) -> tuple[str, list[Span]]:
        """The answer is complete; which log it was of, and which numbers will never come."""
        request = self._request
        assert request is not None  # noqa: S101
        self._request = None
        kept = self._kept.logs[request.log]
        if done.later:
            self._wait(now_s)
            return request.log, []
        if request.beyond:
            if done.sent == 0:
                kept.ended = True
            elif request.came < done.sent:
                self._wait(now_s)
            return request.log, []
        missing = list(kept.settled.missing(request.first, request.last))
        if not missing:
            self._pause_s = _FIRST_PAUSE_S
            return request.log, []
        if request.came < done.sent:
            # The broker lost some of it.
            self._wait(now_s)
            return request.log, []
        if self._believed(request, kept, missing[0][0]):
            return request.log, missing
        self._wait(now_s)
        return request.log, []

    def _believed(self, request: _Request, kept: LogKept, lowest: int) -> bool:
        """Whether the agent will not have it the next time either."""
        if request.log != self._kept.log or lowest < kept.first_seq:
            return True
        # It says itself that it has these: perhaps the card could not be read just now.
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
        """The lowest missing numbers; of a log that no status tells about any more also what is after it."""
        gap = next(kept.missing, None)
        if gap is None and log != self._kept.log and not kept.ended:
            return kept.highest + 1, kept.highest + MOST_EVENTS
        return gap

    def _wait(self, now_s: float) -> None:
        self._ask_at_s = now_s + self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
