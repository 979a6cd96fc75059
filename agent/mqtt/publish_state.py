"""State of publishing that outlives a single connection: logs, states, refusals."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from agent.errors import LogError
from agent.mqtt.outbox import Outbox
from agent.mqtt.refused_events import RefusedEvents, RetryPauses, pauses_of_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.eventlog.log import EventLog
    from agent.mqtt.calendar_topic import CalendarListener
    from agent.mqtt.connection import Message
    from agent.wire.payloads import StateNow

# A will that comes later than so many connections counts as a foreign one.
_SESSIONS = 100


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """How delivery stands, for `health`.

    Attributes:
        earlier: logs of before that are still served.
        pending: events that no broker has taken, of all logs.
        no_subscriber: events since the start that nobody subscribed to; None: this broker never tells.
        refused: whether the broker refuses some of them, or refused anything of ours in the last minute.
        refusals_seen: whether a refusal would be noticed: not with MQTT 3.1.1.
    """

    log: EventLog
    session: str
    earlier: tuple[EventLog, ...]
    pending: int
    no_subscriber: int | None
    refused: bool
    refusals_seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Functions of a running agent that the publisher calls; from its thread.

    Attributes:
        health: makes its payload.
        discovery: makes the message for Home Assistant, from the kinds and ids of rules that are gone.
        superseded: called with a log and a number: this log had gone on to there, in another place, before
            this copy of it was taken up. Returns whether nothing of it may be sent until another is used.
        clock_synced: whether the wall clock is known to be right now.
        calendar: receives the messages on `cmd/calendar`.
    """

    health: Callable[[DeliveryFacts], str] | None = None
    discovery: Callable[[list[tuple[str, str]]], Message] | None = None
    superseded: Callable[[EventLog, int], bool] | None = None
    clock_synced: Callable[[], bool] = lambda: True
    calendar: CalendarListener | None = None


@dataclass(slots=True)
class PublishState:
    """Logs and states; other threads hand logs in, which the publisher's thread adopts with `adopt_logs`.

    Attributes:
        boxes: of the present log, and of earlier ones, whose events are sent too and replayed.
        sessions: of this process's last connections.
        met: sessions of earlier processes, of which the broker retained something.
        no_subscriber: events that nobody subscribed to.
        refusals: of events.
        pauses: until status, info and states are published again after a refusal.
        rules: version of the rules, which rises with each change of the configuration.
    """

    boxes: list[Outbox]
    sessions: deque[str] = field(default_factory=lambda: deque(maxlen=_SESSIONS))
    met: deque[str] = field(default_factory=lambda: deque(maxlen=_SESSIONS))
    no_subscriber: int = 0
    refusals: RefusedEvents = field(default_factory=RefusedEvents)
    pauses: RetryPauses = field(default_factory=pauses_of_all)
    rules: int = 0
    _lock: Lock = field(default_factory=Lock)
    _given_up: bool = False
    _coming: list[EventLog] = field(default_factory=list)
    _states: dict[str, StateNow] = field(default_factory=dict)

    @property
    def current(self) -> Outbox:
        """Of the log that events go to now."""
        return self.boxes[-1]

    @property
    def log(self) -> EventLog:
        """The log that events go to now, as far as this is known to the publisher's thread."""
        return self.current.log

    @property
    def newest_log(self) -> EventLog:
        """The log that events go to now."""
        with self._lock:
            return self._coming[-1] if self._coming else self.log

    @property
    def another_log(self) -> bool:
        """Whether another log is to be taken up."""
        return bool(self._coming)

    def use_logs(self, *logs: EventLog) -> None:
        """Go on with the last of these logs; what is left of the others, and of earlier ones, is sent too."""
        with self._lock:
            self._coming += logs
            # What was in the old log is in no state of the new one.
            self._states = {rule: replace(state, seq=0) for rule, state in self._states.items()}

    def adopt_logs(self) -> None:
        """Make the newest of the logs that were handed in the current one."""
        with self._lock:
            coming, self._coming = self._coming, []
        if coming and self._given_up:
            self._given_up = False
            self.boxes.pop()
        for log in coming:
            before = [box for box in self.boxes if box.log is log]
            others = [box for box in self.boxes if box.log is not log]
            self.boxes = [*others, *(before or [Outbox(log)])]

    def give_up(self, log: EventLog) -> None:
        """A log is not to be served any more; the present one from when there is another."""
        if log is self.log:
            self._given_up = True
        else:
            self.boxes = [box for box in self.boxes if box.log is not log]

    def log_of(self, log_id: str) -> EventLog | None:
        """The log with this id."""
        return next((box.log for box in self.boxes if box.log.log_id == log_id), None)

    def box_of(self, mid: int) -> Outbox | None:
        """What the message of this number was taken from, if it is an event."""
        return next((box for box in self.boxes if mid in box), None)

    def drop(self, box: Outbox) -> None:
        """Serve an earlier log no longer: it can't be read, or is closed."""
        self.boxes.remove(box)

    @property
    def refuses_events(self) -> bool:
        """Whether there are events that the broker refused, and has not taken since."""
        return self.refusals.refusing or any(box.holds for box in self.boxes)

    def refused(self, now_s: float) -> bool:
        """Whether the broker refuses events, or refused anything in the last minute."""
        return self.refuses_events or self.refusals.pauses.is_recent(now_s) or self.pauses.is_recent(now_s)

    @property
    def pending(self) -> int:
        """Events that no broker has taken."""
        return sum(box.pending for box in self.boxes)

    def facts(self, session: str, *, refused: bool, refusals_seen: bool) -> DeliveryFacts:
        """How delivery stands on a connection.

        Args:
            session: of it.
            refused: whether the broker refuses what is none of these.
            refusals_seen: whether it can say so.
        """
        return DeliveryFacts(
            log=self.log,
            session=session,
            earlier=tuple(box.log for box in self.boxes[:-1]),
            pending=self.pending,
            no_subscriber=self.no_subscriber if refusals_seen else None,
            refused=refused or self.refused(time.monotonic()),
            refusals_seen=refusals_seen,
        )

    def note_reported(self) -> None:
        """Note that a broker is sent the last number; a start that finds less runs on a restored card."""
        with suppress(LogError):
            self.log.note_reported()

    def update(self, states: Iterable[StateNow]) -> None:
        """Take new states of rules."""
        with self._lock:
            self._states |= {state.rule: state for state in states}

    def use_rules(self, starting: Iterable[StateNow]) -> None:
        """These are the rules from now on; rules that were there before keep their state."""
        with self._lock:
            self.rules += 1
            self._states = {
                state.rule: before
                if (before := self._states.get(state.rule)) and before.kind == state.kind
                else state
                for state in starting
            }

    def states(self) -> list[StateNow]:
        """The newest state of each rule."""
        with self._lock:
            return list(self._states.values())

    def save(self) -> None:
        """Write down how far delivery went.

        Where it can't be written, events are sent again after the next start; their ids tell the doubles.
        """
        for box in self.boxes:
            with suppress(LogError):
                box.save()
