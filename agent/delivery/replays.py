"""Answers to `cmd/replay`: events of a log once more, unchanged, on a topic of the request's own."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.journal import REPLAY_DONE, REPLAY_ENDS_EARLY, REPLAY_IGNORED
from agent.delivery.commands import MOST_EVENTS, ReplayDoneWire, replay_request
from agent.delivery.mqtt import Message
from agent.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.delivery.commands import ReplayRequestWire
    from agent.delivery.event_log import Entry, EventLog

_log = logging.getLogger(__name__)

_WAITING = 4


@dataclass(slots=True)
class _Answer:
    """How far a request is answered."""

    asked: ReplayRequestWire
    log: EventLog | None
    after_seq: int
    left: int = MOST_EVENTS
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

    @property
    def pending(self) -> bool:
        """Whether something is still to be answered."""
        return self._answer is not None or bool(self._asked)

    def ask(self, message: Message) -> None:
        """Take a request; what is none, or too much, is ignored with a line that says why."""
        if message.retain:
            return _ignored("it is retained, so it would come again at every connection; clear it there")
        try:
            asked = replay_request(message.payload)
        except ValueError as error:
            return _ignored(str(error))
        if len(self._asked) >= _WAITING:
            return _ignored(f"{_WAITING} others wait already; ask again later")
        self._asked.append(asked)
        return None

    def next(self, limit: int) -> list[Message]:
        """The next messages of the answer, at most so many."""
        messages: list[Message] = []
        while len(messages) < limit and (answer := self._current()):
            entries = self._read(answer, limit - len(messages))
            topic = f"{self._root}/replay/{answer.asked.request}"
            messages += [Message(topic, entry.body) for entry in entries]
            if not entries and len(messages) < limit:
                messages.append(Message(topic, _done(answer)))
                self._answer = None
        return messages

    def _current(self) -> _Answer | None:
        if self._answer is None and self._asked:
            asked = self._asked.popleft()
            self._answer = _Answer(asked, self._log_of(asked.log), asked.from_seq - 1)
        return self._answer

    @staticmethod
    def _read(answer: _Answer, limit: int) -> list[Entry]:
        """The next events; none: that was all, or they can't be read."""
        if answer.log is None:
            return []
        try:
            entries = answer.log.read(answer.after_seq, min(limit, answer.left), answer.asked.to_seq)
        except LogError as error:
            _log.warning(REPLAY_ENDS_EARLY, error)
            return []
        if entries:
            answer.first_seq = answer.first_seq or entries[0].seq
            answer.after_seq = answer.last_seq = entries[-1].seq
            answer.sent += len(entries)
            answer.left -= len(entries)
        return entries


def _done(answer: _Answer) -> str:
    _log.info(
        REPLAY_DONE,
        answer.sent,
        answer.asked.log,
        answer.asked.from_seq,
        answer.asked.to_seq,
    )
    done = ReplayDoneWire(sent=answer.sent, first_seq=answer.first_seq, last_seq=answer.last_seq)
    return done.model_dump_json()


def _ignored(why: str) -> None:
    _log.warning(REPLAY_IGNORED, why)
