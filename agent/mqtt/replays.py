"""Answers to `cmd/replay`: events of a log once more, unchanged, on a topic of the request's own."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.log_messages import REPLAY_DONE, REPLAY_ENDS_EARLY, REPLAY_IGNORED, REPLAY_REFUSED
from agent.errors import LogError
from agent.mqtt.connection import Message
from agent.wire.commands import MOST_EVENTS, ReplayDoneWire, replay_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.eventlog.log import EventLog, StoredEvent
    from agent.wire.commands import RefusedWhy, ReplayRequestWire

_log = logging.getLogger(__name__)

_WAITING = 4
# Requests that come faster than the broker takes answers get none.
_MOST_REFUSED = 100


@dataclass(slots=True)
class _Answer:
    """How far a request is answered."""

    asked: ReplayRequestWire
    log: EventLog
    after_seq: int
    sent: int = 0
    first_seq: int | None = None
    last_seq: int | None = None


class Replays:
    """Requests of one connection, answered one after the other."""

    def __init__(self, root: str, log_of: Callable[[str], EventLog | None]) -> None:
        """Take the agent's topic, and where its logs are found by their ids."""
        self._root = root
        self._log_of = log_of
        self._asked: deque[ReplayRequestWire] = deque()
        self._answer: _Answer | None = None
        self._refused: deque[Message] = deque()

    @property
    def pending(self) -> bool:
        """Whether something is still to be answered."""
        return self._answer is not None or bool(self._asked) or bool(self._refused)

    def ask(self, message: Message) -> None:
        """Take a request, or answer why it can't be met; what is none is ignored, with a journal line."""
        if message.retain:
            return _ignored("it is retained, so it would come again at every connection; clear it there")
        try:
            asked = replay_request(message.payload)
        except ValueError as error:
            return _ignored(str(error))
        if len(self._refused) >= _MOST_REFUSED:
            return _ignored(f"{_MOST_REFUSED} others are to be refused already; ask more slowly")
        if why := self._why_not(asked):
            _log.info(REPLAY_REFUSED, asked.request, why)
            self._refused.append(self._done(asked, why))
        else:
            self._asked.append(asked)
        return None

    def _why_not(self, asked: ReplayRequestWire) -> RefusedWhy | None:
        """Why a request can't be met; a log that can't be read is found out as it is answered."""
        log = self._log_of(asked.log)
        if log is None:
            return "unknown_log"
        too_many = asked.to_seq - asked.from_seq >= MOST_EVENTS
        if too_many or asked.from_seq > log.last_seq or asked.to_seq <= log.deleted:
            return "range"
        return "busy" if len(self._asked) + (self._answer is not None) > _WAITING else None

    def cancel(self, topic: str) -> None:
        """End the answer on this topic, whose messages are refused; other requests are answered."""
        if self._answer and topic == self._topic(self._answer.asked):
            self._answer = None

    def next(self, limit: int) -> list[Message]:
        """The next messages of the answer, at most so many; refusals come first."""
        messages = [self._refused.popleft() for _ in range(min(limit, len(self._refused)))]
        while len(messages) < limit and (answer := self._current()):
            entries = self._read(answer, limit - len(messages))
            topic = self._topic(answer.asked)
            messages += [Message(topic, entry.body) for entry in entries]
            if not entries:
                messages.append(self._end(answer))
        return messages

    def _current(self) -> _Answer | None:
        while self._answer is None and self._asked:
            asked = self._asked.popleft()
            if log := self._log_of(asked.log):
                self._answer = _Answer(asked, log, asked.from_seq - 1)
            else:
                # It was there still when it was asked for.
                self._refused.append(self._done(asked, "unknown_log"))
        return self._answer

    @staticmethod
    def _read(answer: _Answer, limit: int) -> list[StoredEvent]:
        """The next events; none: that was all, or they can't be read."""
        try:
            entries = answer.log.read(answer.after_seq, limit, answer.asked.to_seq)
        except LogError as error:
            _log.warning(REPLAY_ENDS_EARLY, error)
            return []
        if entries:
            answer.first_seq = answer.first_seq or entries[0].seq
            answer.after_seq = answer.last_seq = entries[-1].seq
            answer.sent += len(entries)
        return entries

    def _end(self, answer: _Answer) -> Message:
        self._answer, asked = None, answer.asked
        _log.info(REPLAY_DONE, answer.sent, asked.log, asked.from_seq, asked.to_seq)
        done = ReplayDoneWire(sent=answer.sent, first_seq=answer.first_seq, last_seq=answer.last_seq)
        return Message(self._topic(asked), done.text())

    def _done(self, asked: ReplayRequestWire, why: RefusedWhy) -> Message:
        done = ReplayDoneWire(sent=0, first_seq=None, last_seq=None, refused=why)
        return Message(self._topic(asked), done.text())

    def _topic(self, asked: ReplayRequestWire) -> str:
        return f"{self._root}/replay/{asked.request}"


def _ignored(why: str) -> None:
    _log.warning(REPLAY_IGNORED, why)
