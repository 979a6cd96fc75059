"""Sending of events on one connection: live ones, the backlog, and tries of refused ones."""

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
    publish_state: PublishState
    clock_synced: Callable[[], bool]
    tried: int | None = None
    _lone_first: bool = True

    def restart(self, now_s: float) -> None:
        """What was under way on an earlier connection counts as not sent."""
        for box in self.publish_state.boxes:
            box.restart()
        self.publish_state.refusals.connected(now_s)

    @property
    def in_flight(self) -> int:
        """How many events wait for the broker's acknowledgement."""
        return sum(box.in_flight for box in self.publish_state.boxes)

    def send_live(self, limit: int) -> None:
        """Send what happens now.

        Raises:
            LogError: the log can't be read.
        """
        self._send(self.publish_state.current, limit, live=True)

    def send_backlog(self, box: Outbox, limit: int) -> None:
        """Send what happened before.

        Raises:
            LogError: the current log can't be read; an earlier one is not served any more.
        """
        self._send(box, limit, live=False)

    def _send(self, box: Outbox, limit: int, *, live: bool) -> None:
        refusals = self.publish_state.refusals
        limit = int(min(limit, refusals.most_in_flight - self.in_flight))
        try:
            entries = (box.live if live else box.backlog)(limit, refusals.refuses)
        except LogError as error:
            self._drop(box, error)
            return
        for entry in entries:
            self._publish(box, entry)

    def try_again(self, now_s: float) -> None:
        """Send one event that was refused or passed over, if that is due."""
        refusals = self.publish_state.refusals
        if self.tried is not None or now_s < refusals.pauses.until_s or not self.publish_state.refuses_events:
            return
        # What is left of topics that are taken again has every second turn.
        self._lone_first = not self._lone_first
        if self._lone_first and self._try_lone():
            return
        for topic, untried in list(refusals.closed.items()):
            if self._try(partial(Outbox.to_try, topic=topic, untried=untried)):
                return
        if refusals.refusing:
            # All events to try with are deleted.
            refusals.open()
            self._rewind()
        self._try_lone()

    def _try_lone(self) -> bool:
        closed = self.publish_state.refusals.closed
        return self._try(lambda box: box.held(lambda topic: topic not in closed))

    def _try(self, choose: Callable[[Outbox], StoredEvent | None]) -> bool:
        for box in list(self.publish_state.boxes):
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
        if box is self.publish_state.current:
            raise error
        # It is read again at the next start; the present one must not wait for it.
        _log.warning(LOG_NOT_SERVED, error)
        if self.tried is not None and self.tried in box:
            self.tried = None
        self.publish_state.drop(box)

    def on_ack(self, report: PubAck, now_s: float) -> bool:
        """Handle the broker's acknowledgement of an event; return whether it ends a refusal."""
        refusals = self.publish_state.refusals
        box = self.publish_state.box_of(report.mid)
        assert box is not None  # noqa: S101
        self.publish_state.no_subscriber += report.no_subscriber
        tried = report.mid == self.tried
        if tried:
            self.tried = None
        if report.refusal is not None:
            everything = is_quota(report.refusal)
            topic = box.refused(report.mid)
            if refusals.refused(topic, now_s, everything=everything, tried=tried):
                self._rewind()
            return False
        refusal_ends = refusals.taken(box.acknowledged(report.mid))
        if tried:
            refusals.pauses.until_s = now_s
        if refusal_ends:
            self._rewind()
        return refusal_ends

    def _rewind(self) -> None:
        for box in self.publish_state.boxes:
            box.rewind()

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
