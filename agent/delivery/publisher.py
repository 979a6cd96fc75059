"""Everything published, in one thread: who is there, what holds now, and what happened."""

from __future__ import annotations

import logging
import os
import random
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Condition, Event, Lock, Thread
from typing import TYPE_CHECKING, Literal

from agent.delivery.event_wire import CONTRACT
from agent.delivery.mqtt import MQTT_5, Connection, Message
from agent.delivery.outbox import Outbox
from agent.delivery.payload import StatusWire, made_late, state_json, utc_text
from agent.errors import DeliveryError, LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.delivery.event_log import Entry, EventLog
    from agent.delivery.mqtt import Broker, Taken
    from agent.delivery.payload import StateNow

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
# A card wears: how far delivery went is written at most this often, doubles are told by their id.
_KEEP_EVERY_S = 5.0
_STATE_EVERY_S = 1.0
_LATE_S = 30.0
_REFUSED_PAUSE_S = 30.0
_RIGHTS_S = 10.0
_LAST_WORD_S = 2.0


@dataclass(slots=True)
class _Talk:
    """What holds for one connection.

    Attributes:
        others: messages under way that are no events.
        refused: messages with events that the broker did not take; they are tried again later.
        proven: whether the broker is known to pass on what we publish. MQTT 3.1.1 acknowledges
            what it refuses, so there our own status must come back first.
    """

    connection: Connection
    outbox: Outbox
    session: str
    proven: bool
    others: set[int] = field(default_factory=set)
    states: dict[str, tuple[StateNow, float]] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    retry_at_s: float = 0.0
    keep_at_s: float = 0.0
    prove_by_s: float = field(default_factory=lambda: time.monotonic() + _RIGHTS_S)

    @property
    def free(self) -> int:
        """How many more messages may be under way."""
        under_way = len(self.others) + len(self.outbox) - len(self.refused)
        return max(0, self.connection.window - under_way)

    def other(self, message: Message) -> int:
        """Send what is no event."""
        mid = self.connection.publish(message)
        self.others.add(mid)
        return mid


class Publisher:
    """Publishes a log and the states of its rules, for as long as it takes.

    On every connection: info, states, status, then events. It never stops because of a broker.
    """

    def __init__(
        self,
        broker: Broker,
        site: str,
        name: str,
        log: EventLog,
        info: Callable[[str, str], str],
        *,
        client_id: str,
    ) -> None:
        """Take what to publish and where.

        Args:
            broker: where to connect.
            site: of the agent, the second level of its topics.
            name: of the agent, the third.
            log: its event log.
            info: makes the info payload from the log's id and the session.
            client_id: MQTT client id, unique at the broker.
        """
        self._broker = broker
        self._root = f"{CONTRACT}/{site}/{name}"
        self._client_id = client_id
        self._info = info
        self._lock = Lock()
        self._new_log: EventLog | None = None
        self._log = log
        self._states: dict[str, StateNow] = {}
        self._stopping = Event()
        self._taken = Condition()
        self._taken_in = ("", 0)
        self._stop_by_s = 0.0
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._said: str | None = None
        self._thread = Thread(target=self._run, name="publisher", daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def tell(self, states: Iterable[StateNow] = ()) -> None:
        """There are new events in the log, and these states are new."""
        with self._lock:
            self._states |= {state.rule: state for state in states}
        os.eventfd_write(self._wake_fd, 1)

    def use_log(self, log: EventLog) -> None:
        """Go on with another log, on a connection of its own."""
        with self._lock:
            self._new_log = log
            # What was in the old log is in no state of the new one.
            self._states = {rule: replace(state, seq=0) for rule, state in self._states.items()}
        self.tell()

    def wait_delivered(self, timeout_s: float) -> bool:
        """Whether all that is in the log now was taken by the broker within this time."""
        with self._lock:
            log = self._new_log or self._log
        log_id, seq = log.log_id, log.last_seq

        def taken() -> bool:
            return self._taken_in[0] == log_id and self._taken_in[1] >= seq

        with self._taken:
            self._taken.wait_for(lambda: taken() or self.failure is not None, timeout_s)
        if self.failure:
            raise self.failure
        return taken()

    def stop(self, within_s: float) -> None:
        """Send what can be sent in this time, say that the agent stops, disconnect."""
        self._stop_by_s = time.monotonic() + within_s
        self._stopping.set()
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join(within_s + _LAST_WORD_S + 1.0)
        if not self._thread.is_alive():
            os.close(self._wake_fd)

    def _run(self) -> None:
        try:
            pause_s = _FIRST_PAUSE_S
            outbox = Outbox(self._log)
            while self._new_log is not None or not self._stopping.is_set():
                outbox = self._changed_log(outbox)
                begin_s = time.monotonic()
                self._serve(outbox)
                # A broker that lets us in and hangs up at once is not to be stormed.
                if time.monotonic() - begin_s > _LONGEST_PAUSE_S:
                    pause_s = _FIRST_PAUSE_S
                if self._new_log is not None:
                    continue
                # Many agents that lost one broker must not come back in one moment.
                self._stopping.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must not end in a silent thread
            with self._taken:
                self.failure = error
                self._taken.notify_all()

    def _changed_log(self, outbox: Outbox) -> Outbox:
        with self._lock:
            log, self._new_log = self._new_log, None
            if log is None:
                return outbox
            self._log = log
        return Outbox(log)

    def _serve(self, outbox: Outbox) -> None:
        """One connection from its begin to its end."""
        session = secrets.token_hex(4)
        will = StatusWire(state="offline", why="lost", log=self._log.log_id, session=session)
        connection = Connection(self._broker, self._client_id, self._status(will))
        try:
            connection.open()
        except DeliveryError as error:
            self._say(logging.WARNING, f"{error}; events stay in the log, trying again")
            return
        self._say(logging.INFO, f"connected to the broker {self._broker}")
        talk = _Talk(connection, outbox, session, proven=self._broker.protocol == MQTT_5)
        try:
            self._greet(talk)
            while self._new_log is None and not self._may_leave(outbox):
                self._send(talk)
                self._hear(talk)
            if self._new_log is None:
                self._part(talk)
                connection.close()
        except DeliveryError as error:
            self._say(logging.WARNING, f"{error}; events stay in the log, trying again")
        except LogError as error:
            self._say(logging.ERROR, str(error))
        finally:
            # Without a word of ours the broker says, by the will, that we are lost.
            connection.abandon()
            self._keep(outbox)

    def _may_leave(self, outbox: Outbox) -> bool:
        return self._stopping.is_set() and (not outbox.pending or time.monotonic() >= self._stop_by_s)

    def _greet(self, talk: _Talk) -> None:
        """Info, every state, then the status: whoever sees the status has the rest."""
        talk.outbox.begin()
        self._say_other(
            talk, Message(f"{self._root}/info", self._info(self._log.log_id, talk.session), retain=True)
        )
        with self._lock:
            states = list(self._states.values())
        for state in states:
            self._send_state(talk, state)
        if not talk.proven:
            talk.connection.subscribe(f"{self._root}/status")
        self._say_other(talk, self._present(talk.session, "online", None))

    def _send(self, talk: _Talk) -> None:
        now_s = time.monotonic()
        if talk.refused and now_s >= talk.retry_at_s:
            for mid in talk.refused:
                talk.outbox.refused(mid)
            talk.refused.clear()
        if talk.proven:
            for entry in talk.outbox.next(talk.free):
                talk.outbox.sending(talk.connection.publish(self._event(entry)), entry.seq)
        with self._lock:
            states = list(self._states.values())
        for state in states:
            sent, sent_s = talk.states.get(state.rule, (None, -_STATE_EVERY_S))
            # The event goes first, then the state that has it in.
            told = talk.outbox.sent_seq >= state.seq or not talk.proven
            if state is not sent and now_s - sent_s >= _STATE_EVERY_S and told and talk.free:
                self._send_state(talk, state)

    def _say_other(self, talk: _Talk, message: Message) -> int:
        """Send what is no event, as soon as the broker has room for it."""
        while not talk.free:
            self._hear(talk)
        return talk.other(message)

    def _send_state(self, talk: _Talk, state: StateNow) -> None:
        body = state_json(state, self._log.log_id, talk.session)
        self._say_other(talk, Message(f"{self._root}/state/{state.rule}", body, retain=True))
        talk.states[state.rule] = state, time.monotonic()

    def _hear(self, talk: _Talk) -> None:
        reports = talk.connection.pump(_STATE_EVERY_S / 2, self._wake_fd)
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        for report in reports:
            if isinstance(report, Message):
                talk.proven |= talk.session in report.payload
            elif report.mid in talk.outbox:
                self._judge_event(talk, report)
            else:
                talk.others.discard(report.mid)
                if report.refusal:
                    self._say(logging.WARNING, self._refusal(report.refusal))
                if not talk.others:
                    self._tell_taken(talk.outbox)
        if not talk.proven and time.monotonic() >= talk.prove_by_s:
            self._say(
                logging.WARNING, self._refusal("its status does not come back: it must be let read that too")
            )
        if time.monotonic() >= talk.keep_at_s:
            talk.keep_at_s = time.monotonic() + _KEEP_EVERY_S
            self._keep(talk.outbox)

    @staticmethod
    def _keep(outbox: Outbox) -> None:
        # Where it can't be written, events are sent again after the next start, and told by their id.
        with suppress(LogError):
            outbox.keep()

    def _judge_event(self, talk: _Talk, report: Taken) -> None:
        if report.refusal is None:
            talk.outbox.taken(report.mid)
            self._tell_taken(talk.outbox)
            return
        if not talk.refused:
            talk.retry_at_s = time.monotonic() + _REFUSED_PAUSE_S
        talk.refused.append(report.mid)
        self._say(logging.WARNING, self._refusal(report.refusal))

    def _tell_taken(self, outbox: Outbox) -> None:
        with self._taken:
            self._taken_in = self._log.log_id, outbox.delivered
            self._taken.notify_all()

    def _refusal(self, reason: str) -> str:
        return (
            f"the broker {self._broker} does not let this agent publish below {self._root} ({reason}); "
            "check the broker's rights (ACL); events stay in the log"
        )

    def _part(self, talk: _Talk) -> None:
        """Leave in order: nobody must wait for the will to learn it."""
        with self._lock:
            states = list(self._states.values())
        for state in states:
            if state is not talk.states.get(state.rule, (None, 0.0))[0]:
                self._send_state(talk, state)
        mid = self._say_other(talk, self._present(talk.session, "offline", "stopped"))
        by_s = time.monotonic() + _LAST_WORD_S
        while mid in talk.others and time.monotonic() < by_s:
            self._hear(talk)

    def _event(self, entry: Entry) -> Message:
        late = time.time() * 1000 - entry.ts_ms > _LATE_S * 1000
        topic = f"{self._root}/event/{entry.rule}/{entry.type.replace('.', '/')}"
        return Message(topic, made_late(entry.body) if late else entry.body)

    def _present(
        self, session: str, state: Literal["online", "offline"], why: Literal["stopped"] | None
    ) -> Message:
        return self._status(
            StatusWire(
                state=state,
                why=why,
                log=self._log.log_id,
                session=session,
                first_seq=self._log.first_seq,
                last_seq=self._log.last_seq,
                ts=utc_text(datetime.now(UTC)),
            )
        )

    def _say(self, level: int, sentence: str) -> None:
        """Log a transition; the same thing again is none."""
        if sentence != self._said:
            self._said = sentence
            _log.log(level, "%s", sentence)

    def _status(self, status: StatusWire) -> Message:
        # `why` is null while online; the will has no further fields.
        body = status.model_dump_json(exclude_none=status.why is not None)
        return Message(f"{self._root}/status", body, retain=True)
