"""One MQTT session: what is published, and in which order, from connect to disconnect.

::

    read own status, health, commands ─▶ info ─▶ states ─▶ status online ─▶ health
        ─▶ events of now, states, health, replays, backlog ─▶ status offline
"""

from __future__ import annotations

import logging
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from agent.core.log_messages import BROKER_REFUSES, BROKER_TAKES
from agent.errors import LogError
from agent.mqtt.calendar_topic import NAME as CALENDAR
from agent.mqtt.calendar_topic import CalendarTopic
from agent.mqtt.connection import MQTT_5, Message
from agent.mqtt.identity import classify_sender, copied_log, two_agents
from agent.mqtt.refusals import may_not_publish, may_not_read
from agent.mqtt.replays import Replays
from agent.mqtt.retained_topics import RetainedTopics
from agent.mqtt.sending import Sending
from agent.wire.commands import presence
from agent.wire.home_assistant import HOME_ASSISTANT_STATUS
from agent.wire.payloads import StatusWire, state_json, utc_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.mqtt.connection import Connection, PubAck
    from agent.mqtt.identity import AgentIdentity
    from agent.mqtt.publish_state import PublishState
    from agent.wire.commands import Presence
    from agent.wire.payloads import StateNow

_log = logging.getLogger(__name__)

STATE_EVERY_S = 1.0
HEALTH_EVERY_S = 60.0
# A card wears: how far delivery went is written at most this often, receivers drop doubles by their id.
_SAVE_EVERY_S = 30.0
_RIGHTS_S = 10.0
_SIGN_OFF_S = 2.0
_OVERWRITE_EVERY_S = 10.0
# Of the messages in flight some are never events: states and health wait behind nothing.
_FOR_OTHERS = 2
_PUBLISHED = "published"
_READ_TOPICS = ("status", "health", "cmd/replay")


@dataclass(slots=True)
class PublishSession:
    """What is published and received on one connection.

    Attributes:
        proven: whether the broker is known to pass on what we publish. MQTT 3.1.1 acknowledges what it
            refuses, so there our own status must come back first.
        others: topics of messages in flight that are neither events of ours nor replays.
        replaying: topics of those that are replays.
        refused: topics of those that the broker refused; all of them are published again later.
        pending_subscriptions: topics by the number of the request.
        overwrite_due: another agent published on our topics.
        rules: version of the rules that was published last.
        halted: this log went on elsewhere: nothing of it may be sent.
    """

    identity: AgentIdentity
    connection: Connection
    publish_state: PublishState
    session_id: str
    on_acknowledged: Callable[[], None]
    wake_fd: int
    proven: bool = field(init=False)
    replays: Replays = field(init=False)
    events: Sending = field(init=False)
    calendar: CalendarTopic = field(init=False)
    others: dict[int, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    replaying: dict[int, str] = field(default_factory=dict)
    pending_subscriptions: dict[int, str] = field(default_factory=dict)
    states: dict[str, tuple[StateNow, float]] = field(default_factory=dict)
    rules: int = 0
    overwrite_due: bool = False
    halted: bool = False
    online: bool = False
    discovery_due: bool = False
    save_at_s: float = 0.0
    health_at_s: float = 0.0
    overwrite_at_s: float = 0.0
    announce_at_s: float = math.inf
    prove_by_s: float = field(default_factory=lambda: time.monotonic() + _RIGHTS_S)

    def __post_init__(self) -> None:
        self.proven = self.identity.broker.protocol == MQTT_5
        self.replays = Replays(self.identity.root, self.publish_state.log_of)
        synced = self.identity.callbacks.clock_synced
        self.events = Sending(self.identity.root, self.connection, self.publish_state, synced)
        self.calendar = CalendarTopic(self.identity.callbacks.calendar)

    def announce(self) -> None:
        """Publish info, every state, then the status: whoever receives the status has the rest.

        What the broker retained of ours is read first: it comes before the answers to what we publish.
        """
        self.events.restart(time.monotonic())
        wanted = [f"{self.identity.root}/{name}" for name in (*_READ_TOPICS, *self.calendar.names)]
        if self.identity.callbacks.discovery:
            wanted.append(HOME_ASSISTANT_STATUS)
        for topic in wanted:
            self.pending_subscriptions[self.connection.subscribe(topic, needed=False)] = topic
        self._publish(self._info())
        self.rules = self.publish_state.rules
        self._clear_gone(states := self.publish_state.states())
        for state in states:
            self._send_state(state)
        while self.others or self.pending_subscriptions:
            self.poll()
        if self.halted:
            return
        self.publish_state.sessions.append(self.session_id)
        self._publish(self._status("online", None))
        self.online = True
        self._send_health(time.monotonic())

    def apply_settings(self, identity: AgentIdentity) -> None:
        """Publish info for a changed configuration, clear what is gone; every state is due again."""
        self.identity, self.states = identity, {}
        if not self.halted:
            self._publish(self._info())
            self.rules = self.publish_state.rules
            self._clear_gone(self.publish_state.states())

    def _announce_again(self) -> None:
        """Publish all of it again after a refusal; the rights may be right by now."""
        self.announce_at_s = math.inf
        self.refused.clear()
        self._publish(self._info())
        for state in self.publish_state.states():
            self._send_state(state)
        self._publish(self._status("online", None))
        self.health_at_s, self.discovery_due = 0.0, True

    def _clear_gone(self, states: list[StateNow]) -> None:
        """Clear what an earlier configuration left at the broker; the log notes what was published."""
        discovery = self.identity.callbacks.discovery
        log = self.publish_state.log
        with suppress(LogError):
            before = RetainedTopics.of(log.noted(_PUBLISHED))
            present = RetainedTopics({state.rule: state.kind for state in states}, before.discovery)
            gone = [(kind, rule) for rule, kind in before.rules.items() if present.rules.get(rule) != kind]
            message = discovery(gone) if discovery else None
            present = replace(present, discovery=message.topic if message else None)
            # Should the power fail before it is done, what is to be cleared is known still.
            both = RetainedTopics({**before.rules, **present.rules}, present.discovery or before.discovery)
            self._note(both, before)
            for rule in before.rules.keys() - present.rules:
                self._publish(Message(f"{self.identity.root}/state/{rule}", "", retain=True))
            if before.discovery not in {None, present.discovery}:
                self._publish(Message(str(before.discovery), "", retain=True))
            if message:
                self._publish(message)
            while self.others:
                self.poll()
            self._note(present, both)

    def _note(self, published: RetainedTopics, before: RetainedTopics) -> None:
        if published != before:
            self.publish_state.log.note(_PUBLISHED, published.text())

    def send(self) -> None:
        """Send what is due: what happens now, states and health before answers and the backlog."""
        now_s = time.monotonic()
        sending = self.proven and not self.halted
        if sending:
            self.events.send_live(self._free(_FOR_OTHERS))
        self._send_states(now_s)
        if self.online and not self.halted:
            self._send_reports(now_s)
        if sending:
            self._replay()
            for box in list(self.publish_state.boxes):
                self.events.send_backlog(box, self._free(_FOR_OTHERS))
            if self._free(_FOR_OTHERS):
                self.events.try_again(now_s)

    def _send_states(self, now_s: float) -> None:
        if self.rules != self.publish_state.rules:
            # The new rules are announced first, or their states would never be cleared.
            return
        for state in self.publish_state.states():
            sent, sent_s = self.states.get(state.rule, (None, -STATE_EVERY_S))
            # The event goes first, then the state that has it in.
            event_sent = self.publish_state.current.sent_seq >= state.seq or not self.proven
            due = state is not sent and now_s - sent_s >= STATE_EVERY_S and event_sent
            if due and self._state_topic(state) not in self.refused and self._free():
                self._send_state(state)

    def _send_reports(self, now_s: float) -> None:
        """Publish what is due about the agent itself: status, health, discovery."""
        if now_s >= self.announce_at_s:
            self._announce_again()
        if now_s >= self.health_at_s and self._free():
            self._send_health(now_s)
        if self.overwrite_due and now_s >= self.overwrite_at_s and self._free():
            self.overwrite_due = False
            self.overwrite_at_s = now_s + _OVERWRITE_EVERY_S
            self._publish(self._status("online", None))
            self._send_health(now_s)
        if self.discovery_due and self.identity.callbacks.discovery and self._free():
            self.discovery_due = False
            self._publish(self.identity.callbacks.discovery([]))

    def poll(self) -> None:
        """Receive and handle messages and acknowledgements, waiting up to half a second for one."""
        reports = self.connection.pump(STATE_EVERY_S / 2, self.wake_fd)
        with suppress(BlockingIOError):
            os.eventfd_read(self.wake_fd)
        for report in reports:
            if isinstance(report, Message):
                self._handle(report)
            else:
                self._on_ack(report)
        now_s = time.monotonic()
        if not self.proven and now_s >= self.prove_by_s:
            self._announce_later("its status does not come back: it must be let read that too")
            self.prove_by_s = self.announce_at_s + _RIGHTS_S
        self.calendar.check(now_s)
        if now_s >= self.save_at_s:
            self.save_at_s = now_s + _SAVE_EVERY_S
            self.publish_state.save()

    def sign_off(self) -> None:
        """Publish the last states and `offline`: subscribers need not wait for the will."""
        if self.halted:
            # Its retained status must go on telling how far this log went.
            return
        for state in self.publish_state.states():
            if state is not self.states.get(state.rule, (None, 0.0))[0]:
                self._send_state(state)
        mid = self._publish(self._status("offline", "stopped"))
        by_s = time.monotonic() + _SIGN_OFF_S
        while mid in self.others and time.monotonic() < by_s:
            self.poll()

    def _free(self, kept: int = 0) -> int:
        """How many more messages may be in flight, if some places are kept."""
        in_flight = self.events.in_flight + len(self.others) + len(self.replaying)
        return max(0, max(1, self.connection.window - kept) - in_flight)

    def _publish(self, message: Message) -> int:
        """Send what is no event, as soon as the broker has room for it."""
        while not self._free():
            self.poll()
        mid = self.connection.publish(message)
        self.others[mid] = message.topic
        return mid

    def _send_state(self, state: StateNow) -> None:
        body = state_json(state, self.publish_state.log.log_id, self.session_id)
        self._publish(Message(self._state_topic(state), body, retain=True))
        self.states[state.rule] = state, time.monotonic()

    def _state_topic(self, state: StateNow) -> str:
        return f"{self.identity.root}/state/{state.rule}"

    def _send_health(self, now_s: float) -> None:
        self.health_at_s = now_s + HEALTH_EVERY_S
        if self.identity.callbacks.health:
            refused = bool(self.refused) or not self.proven
            seen = self.identity.broker.protocol == MQTT_5
            facts = self.publish_state.facts(self.session_id, refused=refused, refusals_seen=seen)
            body = self.identity.callbacks.health(facts)
            self.publish_state.note_reported()
            self._publish(Message(f"{self.identity.root}/health", body, retain=True))

    def _replay(self) -> None:
        # Beside a backlog half of the way is for those who ask.
        most = max(1, self.connection.window // 2) - len(self.replaying)
        for message in self.replays.next(min(most, self._free(_FOR_OTHERS))):
            self.replaying[self.connection.publish(message)] = message.topic

    def _handle(self, message: Message) -> None:
        """Handle a message of others, or our own that comes back."""
        if message.topic == HOME_ASSISTANT_STATUS:
            # At a connection it is sent anyhow.
            self.discovery_due |= message.payload == "online" and self.online
            return
        name = message.topic.removeprefix(f"{self.identity.root}/")
        if name == "cmd/replay":
            self.replays.ask(message)
        elif name == CALENDAR:
            self.calendar.handle(message)
        elif report := presence(message.payload):
            self.calendar.note(message)
            self._handle_presence(name, report, retained=message.retain)
        elif self.online:
            self._warn(f"somebody publishes on {message.topic} what is no {name}; it is overwritten")
            self.overwrite_due = True

    def _handle_presence(self, name: str, report: Presence, *, retained: bool) -> None:
        publish_state = self.publish_state
        match classify_sender(report, self.session_id, publish_state, retained=retained):
            case "own":
                self.proven |= name == "status"
            case "earlier_start":
                publish_state.met.append(report.session)
            case "own_before" | "foreign_will":
                self.overwrite_due |= self.online
            case "foreign":
                self._warn(two_agents(self.identity.root, report.log, publish_state.log.log_id))
                self.overwrite_due |= self.online
            case "copied" if log := publish_state.log_of(report.log):
                superseded = self.identity.callbacks.superseded
                if superseded and superseded(log, report.last_seq):
                    self.halted |= log is publish_state.log
                    publish_state.give_up(log)
                    self._warn(copied_log(log.reported_seq, report.last_seq))
            case _:
                pass

    def _on_ack(self, report: PubAck) -> None:
        """Handle the broker's answer to a message or a subscription."""
        if self.publish_state.box_of(report.mid):
            self._on_event_ack(report)
        elif report.mid in self.pending_subscriptions:
            self._on_subscription_ack(self.pending_subscriptions.pop(report.mid), report)
        elif topic := self.replaying.pop(report.mid, None):
            if report.refusal:
                self.replays.cancel(topic)
                self._warn(self._refusal(report.refusal))
        elif topic := self.others.pop(report.mid, None):
            if report.refusal:
                self.refused.add(topic)
                self._announce_later(report.refusal)
            if not self.others:
                self.on_acknowledged()

    def _on_event_ack(self, report: PubAck) -> None:
        now_s = time.monotonic()
        if report.refusal and not self.publish_state.refused(now_s):
            # Health reports it at once, not in a minute.
            self.health_at_s = now_s
        if self.events.on_ack(report, now_s):
            self.identity.log_once(logging.INFO, BROKER_TAKES, self.identity.broker)
        if report.refusal:
            self._warn(self._refusal(report.refusal))
        else:
            self.on_acknowledged()

    def _announce_later(self, reason: str) -> None:
        """After a refusal publish info, states and status again, once a pause is over."""
        self.publish_state.pauses.refused(time.monotonic())
        self.announce_at_s = self.publish_state.pauses.until_s
        self._warn(self._refusal(reason))

    def _on_subscription_ack(self, topic: str, report: PubAck) -> None:
        if not report.refusal:
            self.calendar.subscribed(topic, time.monotonic())
        elif self.proven:
            self._warn(may_not_read(self.identity.broker, topic, report.refusal))

    def _refusal(self, reason: str) -> str:
        return may_not_publish(self.identity.broker, self.identity.root, reason)

    def _warn(self, sentence: str) -> None:
        self.identity.log_once(logging.WARNING, BROKER_REFUSES, sentence)

    def _info(self) -> Message:
        body = self.identity.info(self.publish_state.log.log_id, self.session_id)
        return Message(f"{self.identity.root}/info", body, retain=True)

    def _status(self, state: Literal["online", "offline"], why: Literal["stopped"] | None) -> Message:
        log = self.publish_state.log
        message = self.identity.status(
            StatusWire(
                state=state,
                why=why,
                log=log.log_id,
                session=self.session_id,
                first_seq=log.first_seq,
                last_seq=log.last_seq,
                ts=utc_text(datetime.now(UTC)),
            )
        )
        self.publish_state.note_reported()
        return message
