"""Sending of events on one connection: of now, of before, and one of those that the broker refused."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agent.core.log_messages import LOG_NOT_SERVED
from agent.errors import LogError
from agent.mqtt.connection import Message
from agent.mqtt.outbox import Outbox
from agent.mqtt.refusals import is_quota
from agent.wire.payloads import made_late

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.eventlog.log import EventLog, StoredEvent
    from agent.mqtt.connection import Connection, PubAck
    from agent.mqtt.publish_state import PublishState

_log = logging.getLogger(__name__)

_LATE_S = 30.0


@dataclass(slots=True)
class Sending:
    """The events of one connection.

    Attributes:
        root: the agent's topic.
        clock_synced: whether the wall clock is known to be right now.
        tried: the message with an event that is sent to see whether it is taken now.
    """

    root: str
    connection: Connection
    served: PublishState
    clock_synced: Callable[[], bool]
    tried: int | None = None
    _lone_first: bool = True

    def begin(self, now_s: float) -> None:
        """What was under way on an earlier connection counts as not sent."""
        for box in self.served.boxes:
            box.begin()
        self.served.refusals.connected(now_s)

    @property
    def under_way(self) -> int:
        """How many events wait for the broker's word."""
        return sum(box.under_way for box in self.served.boxes)

    def send_live(self, limit: int) -> None:
        """Send what happens now.

        Raises:
            LogError: the log can't be read.
        """
        self._send(self.served.current, limit, live=True)

    def send_backlog(self, box: Outbox, limit: int) -> None:
        """Send what happened before.

        Raises:
            LogError: the current log can't be read; an earlier one is not served any more.
        """
        self._send(box, limit, live=False)

    def _send(self, box: Outbox, limit: int, *, live: bool) -> None:
        refusals = self.served.refusals
        limit = int(min(limit, refusals.most_under_way - self.under_way))
        try:
            entries = (box.live if live else box.backlog)(limit, refusals.refuses)
        except LogError as error:
            self._drop(box, error)
            return
        for entry in entries:
            self._publish(box, entry)

    def try_again(self, now_s: float) -> None:
        """Send one event that was refused or passed over, if that is due."""
        refusals = self.served.refusals
        if self.tried is not None or now_s < refusals.pauses.until_s or not self.served.refuses_events:
            return
        # What is left of topics that are taken again has every second turn.
        self._lone_first = not self._lone_first
        if self._lone_first and self._try_lone():
            return
        for topic, untried in list(refusals.closed.items()):
            if self._try(partial(Outbox.to_try, topic=topic, untried=untried)):
                return
        if refusals.refusing:
            # All events that could tell are deleted.
            refusals.open()
            self._look_again()
        self._try_lone()

    def _try_lone(self) -> bool:
        closed = self.served.refusals.closed
        return self._try(lambda box: box.held(lambda topic: topic not in closed))

    def _try(self, choose: Callable[[Outbox], StoredEvent | None]) -> bool:
        for box in list(self.served.boxes):
            try:
                entry = choose(box)
            except LogError as error:
                self._drop(box, error)
                continue
            if entry:
                self.tried = self._publish(box, entry)
                return True
        return False

    def _publish(self, box: Outbox, entry: StoredEvent) -> int:
        mid = self.connection.publish(self._message(box.log, entry))
        box.sending(mid, entry)
        return mid

    def _drop(self, box: Outbox, error: LogError) -> None:
        if box is self.served.current:
            raise error
        # It is read again at the next start; the present one must not wait for it.
        _log.warning(LOG_NOT_SERVED, error)
        if self.tried is not None and self.tried in box:
            self.tried = None
        self.served.drop(box)

    def judge(self, report: PubAck, now_s: float) -> bool:
        """Take the broker's word on an event; return whether it ends a refusal."""
        refusals = self.served.refusals
        box = self.served.box_of(report.mid)
        assert box is not None  # noqa: S101
        self.served.unheard += report.unheard
        tried = report.mid == self.tried
        if tried:
            self.tried = None
        if report.refusal is not None:
            everything = is_quota(report.refusal)
            topic = box.refused(report.mid)
            if refusals.refused(topic, now_s, everything=everything, tried=tried):
                self._look_again()
            return False
        over = refusals.taken(box.taken(report.mid))
        if tried:
            refusals.pauses.until_s = now_s
        if over:
            self._look_again()
        return over

    def _look_again(self) -> None:
        for box in self.served.boxes:
            box.look_again()

    def _message(self, log: EventLog, entry: StoredEvent) -> Message:
        late = self._is_late(log, entry)
        topic = f"{self.root}/event/{entry.rule}/{entry.type.replace('.', '/')}"
        return Message(topic, made_late(entry.body) if late else entry.body)

    def _is_late(self, log: EventLog, entry: StoredEvent) -> bool:
        """Whether it is sent long after it happened; within one boot no wrong clock deceives."""
        age_s = log.age_s(entry)
        if age_s is not None:
            return age_s > _LATE_S
        if time.time() - entry.ts_ms / 1000 > _LATE_S:
            return True
        # It is of an earlier boot: where one of the two clocks was wrong nobody knows how long ago that was.
        return not (log.recorded or ('"clock":"synced"' in entry.body and self.clock_synced()))
