"""What is said on one connection to the broker, from its first word to its last.

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
# A card wears: how far delivery went is written at most this often, doubles are told by their id.
_KEEP_EVERY_S = 30.0
_RIGHTS_S = 10.0
_LAST_WORD_S = 2.0
_OVERWRITE_EVERY_S = 10.0
# Of the messages under way some are never events: states and health wait behind nothing.
_FOR_OTHERS = 2
_PUBLISHED = "published"
_READ_TOPICS = ("status", "health", "cmd/replay")


@dataclass(slots=True)
class PublishSession:
    """One connection.

    Attributes:
        proven: whether the broker is known to pass on what we publish. MQTT 3.1.1 acknowledges what it
            refuses, so there our own status must come back first.
        others: topics of messages under way that are no events of ours and no replays.
        replaying: topics of those that are replays.
        refused: topics of what the broker did not take of them; all of it is said again later.
        foreign: what another agent says on our name, to be overwritten.
        rules: which of the configurations so far this was said by.
        halted: this log went on elsewhere: nothing of it may be sent.
    """

    speaker: AgentIdentity
    connection: Connection
    served: PublishState
    session: str
    on_taken: Callable[[], None]
    wake_fd: int
    proven: bool = field(init=False)
    replays: Replays = field(init=False)
    events: Sending = field(init=False)
    calendar: CalendarTopic = field(init=False)
    others: dict[int, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    replaying: dict[int, str] = field(default_factory=dict)
    wishes: dict[int, str] = field(default_factory=dict)
    states: dict[str, tuple[StateNow, float]] = field(default_factory=dict)
    rules: int = 0
    foreign: bool = False
    halted: bool = False
    online: bool = False
    discovery_due: bool = False
    keep_at_s: float = 0.0
    health_at_s: float = 0.0
    overwrite_at_s: float = 0.0
    introduce_at_s: float = math.inf
    prove_by_s: float = field(default_factory=lambda: time.monotonic() + _RIGHTS_S)

    def __post_init__(self) -> None:
        self.proven = self.speaker.broker.protocol == MQTT_5
        self.replays = Replays(self.speaker.root, self.served.log_of)
        synced = self.speaker.extras.clock_synced
        self.events = Sending(self.speaker.root, self.connection, self.served, synced)
        self.calendar = CalendarTopic(self.speaker.extras.calendar)

    def greet(self) -> None:
        """Info, every state, then the status: whoever sees the status has the rest.

        What the broker retained of our own is read first; it came before the word on what we say after it.
        """
        self.events.begin(time.monotonic())
        wanted = [f"{self.speaker.root}/{name}" for name in (*_READ_TOPICS, *self.calendar.names)]
        if self.speaker.extras.discovery:
            wanted.append(HOME_ASSISTANT_STATUS)
        for topic in wanted:
            self.wishes[self.connection.subscribe(topic, needed=False)] = topic
        self._say(self._info())
        self.rules = self.served.rules
        self._clear_gone(states := self.served.states())
        for state in states:
            self._send_state(state)
        while self.others or self.wishes:
            self.hear()
        if self.halted:
            return
        self.served.sessions.append(self.session)
        self._say(self._present("online", None))
        self.online = True
        self._send_health(time.monotonic())

    def introduce_anew(self, speaker: AgentIdentity) -> None:
        """The configuration changed: say who this is, clear what is gone; every state is due again."""
        self.speaker, self.states = speaker, {}
        if not self.halted:
            self._say(self._info())
            self.rules = self.served.rules
            self._clear_gone(self.served.states())

    def _introduce_again(self) -> None:
        """What was refused of who we are; the rights may have been mended meanwhile."""
        self.introduce_at_s = math.inf
        self.refused.clear()
        self._say(self._info())
        for state in self.served.states():
            self._send_state(state)
        self._say(self._present("online", None))
        self.health_at_s, self.discovery_due = 0.0, True

    def _clear_gone(self, states: list[StateNow]) -> None:
        """What an earlier configuration left at the broker goes; the log remembers what was published."""
        discovery = self.speaker.extras.discovery
        log = self.served.log
        with suppress(LogError):
            before = RetainedTopics.of(log.noted(_PUBLISHED))
            present = RetainedTopics({state.rule: state.kind for state in states}, before.discovery)
            gone = [(kind, rule) for rule, kind in before.rules.items() if present.rules.get(rule) != kind]
            message = discovery(gone) if discovery else None
            present = replace(present, discovery=message.topic if message else None)
            # Should the power go before it is done, what is to be cleared is known still.
            both = RetainedTopics({**before.rules, **present.rules}, present.discovery or before.discovery)
            self._note(both, before)
            for rule in before.rules.keys() - present.rules:
                self._say(Message(f"{self.speaker.root}/state/{rule}", "", retain=True))
            if before.discovery not in {None, present.discovery}:
                self._say(Message(str(before.discovery), "", retain=True))
            if message:
                self._say(message)
            while self.others:
                self.hear()
            self._note(present, both)

    def _note(self, published: RetainedTopics, before: RetainedTopics) -> None:
        if published != before:
            self.served.log.note(_PUBLISHED, published.text())

    def send(self) -> None:
        """Send what is due: what happens now, states and health before answers and the backlog."""
        now_s = time.monotonic()
        sending = self.proven and not self.halted
        if sending:
            self.events.send_live(self._free(_FOR_OTHERS))
        self._send_states(now_s)
        if self.online and not self.halted:
            self._send_words(now_s)
        if sending:
            self._replay()
            for box in list(self.served.boxes):
                self.events.send_backlog(box, self._free(_FOR_OTHERS))
            if self._free(_FOR_OTHERS):
                self.events.try_again(now_s)

    def _send_states(self, now_s: float) -> None:
        if self.rules != self.served.rules:
            # Of a rule that nobody was told of nothing would be cleared one day; that comes first.
            return
        for state in self.served.states():
            sent, sent_s = self.states.get(state.rule, (None, -STATE_EVERY_S))
            # The event goes first, then the state that has it in.
            told = self.served.current.sent_seq >= state.seq or not self.proven
            due = state is not sent and now_s - sent_s >= STATE_EVERY_S and told
            if due and self._state_topic(state) not in self.refused and self._free():
                self._send_state(state)

    def _send_words(self, now_s: float) -> None:
        """What is said of the agent itself."""
        if now_s >= self.introduce_at_s:
            self._introduce_again()
        if now_s >= self.health_at_s and self._free():
            self._send_health(now_s)
        if self.foreign and now_s >= self.overwrite_at_s and self._free():
            self.foreign = False
            self.overwrite_at_s = now_s + _OVERWRITE_EVERY_S
            self._say(self._present("online", None))
            self._send_health(now_s)
        if self.discovery_due and self.speaker.extras.discovery and self._free():
            self.discovery_due = False
            self._say(self.speaker.extras.discovery([]))

    def hear(self) -> None:
        """Take what comes, waiting a little for it."""
        reports = self.connection.pump(STATE_EVERY_S / 2, self.wake_fd)
        with suppress(BlockingIOError):
            os.eventfd_read(self.wake_fd)
        for report in reports:
            if isinstance(report, Message):
                self._heed(report)
            else:
                self._judge(report)
        now_s = time.monotonic()
        if not self.proven and now_s >= self.prove_by_s:
            self._say_again("its status does not come back: it must be let read that too")
            self.prove_by_s = self.introduce_at_s + _RIGHTS_S
        self.calendar.look(now_s)
        if now_s >= self.keep_at_s:
            self.keep_at_s = now_s + _KEEP_EVERY_S
            self.served.keep()

    def part(self) -> None:
        """Leave in order: nobody must wait for the will to learn it."""
        if self.halted:
            # Its retained status must go on telling how far this log went.
            return
        for state in self.served.states():
            if state is not self.states.get(state.rule, (None, 0.0))[0]:
                self._send_state(state)
        mid = self._say(self._present("offline", "stopped"))
        by_s = time.monotonic() + _LAST_WORD_S
        while mid in self.others and time.monotonic() < by_s:
            self.hear()

    def _free(self, kept: int = 0) -> int:
        """How many more messages may be under way, if some places are kept."""
        under_way = self.events.under_way + len(self.others) + len(self.replaying)
        return max(0, max(1, self.connection.window - kept) - under_way)

    def _say(self, message: Message) -> int:
        """Send what is no event, as soon as the broker has room for it."""
        while not self._free():
            self.hear()
        mid = self.connection.publish(message)
        self.others[mid] = message.topic
        return mid

    def _send_state(self, state: StateNow) -> None:
        body = state_json(state, self.served.log.log_id, self.session)
        self._say(Message(self._state_topic(state), body, retain=True))
        self.states[state.rule] = state, time.monotonic()

    def _state_topic(self, state: StateNow) -> str:
        return f"{self.speaker.root}/state/{state.rule}"

    def _send_health(self, now_s: float) -> None:
        self.health_at_s = now_s + HEALTH_EVERY_S
        if self.speaker.extras.health:
            refused = bool(self.refused) or not self.proven
            seen = self.speaker.broker.protocol == MQTT_5
            facts = self.served.facts(self.session, refused=refused, refusals_seen=seen)
            body = self.speaker.extras.health(facts)
            self.served.note_reported()
            self._say(Message(f"{self.speaker.root}/health", body, retain=True))

    def _replay(self) -> None:
        # Beside a backlog half of the way is for those who ask.
        most = max(1, self.connection.window // 2) - len(self.replaying)
        for message in self.replays.next(min(most, self._free(_FOR_OTHERS))):
            self.replaying[self.connection.publish(message)] = message.topic

    def _heed(self, message: Message) -> None:
        """What others say, or we ourselves."""
        if message.topic == HOME_ASSISTANT_STATUS:
            # At a connection it is sent anyhow.
            self.discovery_due |= message.payload == "online" and self.online
            return
        name = message.topic.removeprefix(f"{self.speaker.root}/")
        if name == "cmd/replay":
            self.replays.ask(message)
        elif name == CALENDAR:
            self.calendar.heed(message)
        elif said := presence(message.payload):
            self.calendar.note(message)
            self._heed_presence(name, said, retained=message.retain)
        elif self.online:
            self._warn(f"somebody publishes on {message.topic} what is no {name}; it is overwritten")
            self.foreign = True

    def _heed_presence(self, name: str, said: Presence, *, retained: bool) -> None:
        served = self.served
        match classify_sender(said, self.session, served, retained=retained):
            case "own":
                self.proven |= name == "status"
            case "earlier_start":
                served.met.append(said.session)
            case "own_before" | "foreign_will":
                self.foreign |= self.online
            case "foreign":
                self._warn(two_agents(self.speaker.root, said.log, served.log.log_id))
                self.foreign |= self.online
            case "copied" if log := served.log_of(said.log):
                superseded = self.speaker.extras.superseded
                if superseded and superseded(log, said.last_seq):
                    self.halted |= log is served.log
                    served.give_up(log)
                    self._warn(copied_log(log.reported_seq, said.last_seq))
            case _:
                pass

    def _judge(self, report: PubAck) -> None:
        """The broker's word on what was sent, or on a wish to read."""
        if self.served.box_of(report.mid):
            self._judge_event(report)
        elif report.mid in self.wishes:
            self._judge_wish(self.wishes.pop(report.mid), report)
        elif topic := self.replaying.pop(report.mid, None):
            if report.refusal:
                self.replays.give_up(topic)
                self._warn(self._refusal(report.refusal))
        elif topic := self.others.pop(report.mid, None):
            if report.refusal:
                self.refused.add(topic)
                self._say_again(report.refusal)
            if not self.others:
                self.on_taken()

    def _judge_event(self, report: PubAck) -> None:
        now_s = time.monotonic()
        if report.refusal and not self.served.refused(now_s):
            # Health says so at once, not in a minute.
            self.health_at_s = now_s
        if self.events.judge(report, now_s):
            self.speaker.say(logging.INFO, BROKER_TAKES, self.speaker.broker)
        if report.refusal:
            self._warn(self._refusal(report.refusal))
        else:
            self.on_taken()

    def _say_again(self, reason: str) -> None:
        """Something of who we are was refused: after a pause all of it is said again."""
        self.served.pauses.refused(time.monotonic())
        self.introduce_at_s = self.served.pauses.until_s
        self._warn(self._refusal(reason))

    def _judge_wish(self, topic: str, report: PubAck) -> None:
        if not report.refusal:
            self.calendar.readable(topic, time.monotonic())
        elif self.proven:
            self._warn(may_not_read(self.speaker.broker, topic, report.refusal))

    def _refusal(self, reason: str) -> str:
        return may_not_publish(self.speaker.broker, self.speaker.root, reason)

    def _warn(self, sentence: str) -> None:
        self.speaker.say(logging.WARNING, BROKER_REFUSES, sentence)

    def _info(self) -> Message:
        body = self.speaker.info(self.served.log.log_id, self.session)
        return Message(f"{self.speaker.root}/info", body, retain=True)

    def _present(self, state: Literal["online", "offline"], why: Literal["stopped"] | None) -> Message:
        log = self.served.log
        message = self.speaker.status(
            StatusWire(
                state=state,
                why=why,
                log=log.log_id,
                session=self.session,
                first_seq=log.first_seq,
                last_seq=log.last_seq,
                ts=utc_text(datetime.now(UTC)),
            )
        )
        self.served.note_reported()
        return message
