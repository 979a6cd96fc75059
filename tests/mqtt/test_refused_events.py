"""What a broker refuses is tried now and then, never sent again and again, and goes out once it is taken."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from itertools import count, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.eventlog.log import EventLog
from agent.mqtt import connection as mqtt
from agent.mqtt import publisher as publisher_module
from agent.mqtt import refused_events, session
from agent.mqtt.addresses import Client
from agent.mqtt.connection import Message, PubAck
from agent.mqtt.outbox import Outbox
from agent.mqtt.publish_state import Callbacks, DeliveryFacts, PublishState
from agent.mqtt.refused_events import RetryPauses
from agent.mqtt.sending import Sending
from tests.conftest import wait_until
from tests.mqtt.misbehaving import (
    BAD_PAYLOAD,
    NOT_AUTHORIZED,
    QUOTA,
    SUCCESS,
    Misbehaving,
    Published,
    misbehaving,
)
from tests.mqtt.publishing import make_now, make_zone, publishing, to
from tests.patience import PATIENCE_S
from tests.samples import ROOT, SENDER, is_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agent.mqtt.connection import Connection

# 20 s are 200 ms here.
FASTER = 100
# Of the messages under way so many are events.
WINDOW = mqtt.WINDOW - 2


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(SENDER, tmp_path / "events.db") as opened:
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses so much shorter."""
    for name in ("FIRST_PAUSE_S", "LONGEST_PAUSE_S", "LONGEST_PAUSE_OF_ALL_S"):
        monkeypatch.setattr(refused_events, name, getattr(refused_events, name) / FASTER)
    # It is looked so often whether a pause is over.
    monkeypatch.setattr(session, "STATE_EVERY_S", 0.01)
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.05)


@pytest.fixture
def short_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of messages are used again after 60, not after 65,535."""
    numbers = count()
    monkeypatch.setattr(Client, "_mid_generate", lambda _: next(numbers) % 60 + 1)


def events_refused(code: int) -> Callable[[Published], int]:
    return lambda one: code if "/event/" in one.topic else SUCCESS


def sent_of(broker: Misbehaving, rule: str) -> int:
    return sum(f"/event/{rule}/" in one.topic for one in broker.events())


@contextmanager
def refusing(code: int) -> Iterator[Misbehaving]:
    with misbehaving(Misbehaving(events_refused(code))) as broker:
        yield broker


# --- all events --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick", "short_ids")
@pytest.mark.parametrize("code", [NOT_AUTHORIZED, QUOTA])
def test_backlog_is_not_sent_again_and_again(log: EventLog, code: int) -> None:
    log.append([make_now(number) for number in range(1000)])
    with refusing(code) as broker, publishing(to(broker.port), log, stop_s=0) as publisher:
        wait_until(lambda: len(broker.events()) >= WINDOW + 8)
        assert not publisher.failure
        assert log.delivered == 0
    # What was under way when the first was refused, and then one after each pause.
    tries = [one.at_s for one in broker.events()][WINDOW - 1 :]
    pauses = [later - before for before, later in pairwise(tries)]
    expected = [5, 10, 20, 40, 80, 120, 120, 120]
    assert all(pause >= 0.9 * at_least / FASTER for pause, at_least in zip(pauses, expected, strict=False))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("code", [NOT_AUTHORIZED, QUOTA])
def test_backlog_goes_out_at_full_speed_once_it_is_taken(log: EventLog, code: int) -> None:
    log.append([make_now(number) for number in range(3000)])
    with refusing(code) as broker, publishing(to(broker.port), log) as publisher:
        wait_until(lambda: len(broker.events()) >= WINDOW + 3)
        before = len(broker.events())
        log.append([make_now(9)])
        publisher.update()
        broker.judge = lambda _: SUCCESS
        assert publisher.wait_delivered(PATIENCE_S)
        # Each once: of those that were refused nothing is sent twice either.
        assert len(broker.events()) - before <= 3001 + 3
    assert log.delivered == 3001


@pytest.mark.usefixtures("quick")
def test_new_connection_is_tried_at_once(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PAUSE_S", "LONGEST_PAUSE_S"):
        monkeypatch.setattr(refused_events, name, 600)
    log.append([make_now(number) for number in range(200)])
    with (
        EventLog(SENDER, None) as other,
        refusing(NOT_AUTHORIZED) as broker,
        publishing(to(broker.port), log, stop_s=0) as publisher,
    ):
        box = publisher._publish_state.current
        wait_until(lambda: box.holds and not box.in_flight)
        sent = len(broker.events())
        assert sent <= WINDOW
        publisher.use_logs(other)
        wait_until(lambda: len(broker.connected_s) == 2)
        wait_until(lambda: len(broker.events()) == sent + 1)
        broker.judge = lambda _: SUCCESS
        publisher.use_logs(log)
        assert publisher.wait_delivered(PATIENCE_S)


@pytest.mark.usefixtures("quick")
def test_quota_has_its_own_sentence(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log.append([make_now(1)])
    with refusing(QUOTA) as broker, publishing(to(broker.port), log) as publisher:
        wait_until(lambda: len(broker.events()) > 3)
        broker.judge = lambda _: SUCCESS
        assert publisher.wait_delivered(PATIENCE_S)
    (sentence,) = [one.getMessage() for one in caplog.records if "Quota exceeded" in one.getMessage()]
    assert is_sentence(sentence)
    assert "limit" in sentence
    assert "ACL" not in sentence
    assert any("accepts events again" in one.getMessage() for one in caplog.records)


@pytest.mark.usefixtures("quick")
def test_quota_that_takes_some_wastes_no_more_than_it_takes(log: EventLog) -> None:
    log.append([make_now(number) for number in range(80)])
    left = 0

    def some(one: Published) -> int:
        nonlocal left
        if "/event/" not in one.topic:
            return SUCCESS
        left -= 1
        return SUCCESS if left >= 0 else QUOTA

    with misbehaving(Misbehaving(some)) as broker, publishing(to(broker.port), log) as publisher:
        give_up_s = time.monotonic() + PATIENCE_S
        while not publisher.wait_delivered(0.05):
            assert time.monotonic() < give_up_s
            left = 10
    assert log.delivered == 80
    assert len(broker.events()) <= WINDOW + 3 * 80


# --- some of them ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick", "short_ids")
def test_one_topic_refused_holds_up_no_other(log: EventLog) -> None:
    log.append([make_now(number, "yard" if number % 2 else "waiting") for number in range(2000)])

    def no_yard(one: Published) -> int:
        return NOT_AUTHORIZED if "/event/yard/" in one.topic else SUCCESS

    with misbehaving(Misbehaving(no_yard)) as broker, publishing(to(broker.port), log) as publisher:
        wait_until(lambda: sent_of(broker, "waiting") == 1000)
        log.append([make_now(7)])
        publisher.update()
        wait_until(lambda: sent_of(broker, "waiting") == 1001)
        assert sent_of(broker, "yard") < mqtt.WINDOW + 100
        broker.judge = lambda _: SUCCESS
        assert publisher.wait_delivered(PATIENCE_S)
        assert sent_of(broker, "waiting") == 1001
    assert log.delivered == 2001


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("which", [1, 50, 100])
def test_one_event_never_taken_holds_up_no_other(log: EventLog, which: int) -> None:
    log.append([make_now(number) for number in range(100)])

    def never(one: Published) -> int:
        return BAD_PAYLOAD if f'"seq":{which},'.encode() in one.payload else SUCCESS

    with misbehaving(Misbehaving(never)) as broker, publishing(to(broker.port), log, stop_s=0) as publisher:
        wait_until(lambda: taken(broker, never) == 99)
        for number in range(10):
            log.append([make_now(number)])
            publisher.update()
            wait_until(lambda expected=100 + number: taken(broker, never) == expected)  # type: ignore[misc]
        assert len(broker.events()) < 600
    assert log.delivered == which - 1


def taken(broker: Misbehaving, judge: Callable[[Published], int]) -> int:
    return len({one.payload for one in broker.events() if judge(one) == SUCCESS})


# --- what is said of the agent -----------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_health_says_refused_all_the_time(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HEALTH_EVERY_S", 0.01)
    said: list[DeliveryFacts] = []

    def health(facts: DeliveryFacts) -> str:
        said.append(facts)
        return "{}"

    log.append([make_now(number) for number in range(5)])
    callbacks = Callbacks(health=health)
    with (
        refusing(NOT_AUTHORIZED) as broker,
        publishing(to(broker.port), log, callbacks=callbacks) as publisher,
    ):
        wait_until(lambda: len(broker.events()) >= 12)
        refused = [facts.refused for facts in said]
        first = refused.index(True)
        assert all(refused[first:])
        assert len(refused) - first >= 12
        # Also when the connection is another one, and when it has just begun to take them.
        with EventLog(SENDER, None) as other:
            before = len(said)
            publisher.use_logs(other)
            wait_until(lambda: len(broker.connected_s) == 2 and len(said) > before + 3)
            assert all(facts.refused for facts in said[before:])
            broker.judge = lambda _: SUCCESS
            wait_until(lambda: said[-1].pending == 0)
            assert said[-1].refused
            monkeypatch.setattr(refused_events, "_RECENT_S", 0.0)
            wait_until(lambda: not said[-1].refused)


def test_health_says_refused_at_once(log: EventLog) -> None:
    said: list[bool] = []

    def health(facts: DeliveryFacts) -> str:
        said.append(facts.refused)
        return "{}"

    log.append([make_now(number) for number in range(50)])
    callbacks = Callbacks(health=health)
    with refusing(NOT_AUTHORIZED) as broker, publishing(to(broker.port), log, callbacks=callbacks, stop_s=0):
        wait_until(lambda: said == [False, True])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("topic", ["info", "state/waiting", "health", "status"])
def test_what_is_said_of_the_agent_refused(log: EventLog, topic: str) -> None:
    said: list[DeliveryFacts] = []

    def health(facts: DeliveryFacts) -> str:
        said.append(facts)
        return "{}"

    def no(one: Published) -> int:
        return NOT_AUTHORIZED if one.topic == f"{ROOT}/{topic}" else SUCCESS

    def all_of_it() -> int:
        return sum(one.topic == f"{ROOT}/{topic}" for one in broker.got)

    log.append([make_now(1)])
    with (
        misbehaving(Misbehaving(no)) as broker,
        publishing(
            to(broker.port), log, make_zone("waiting", 1), callbacks=Callbacks(health=health)
        ) as publisher,
    ):
        begin_s = time.monotonic()
        while all_of_it() < 6:
            # Events flow all the same; a state that changes meanwhile waits like the others.
            log.append([make_now(2)])
            publisher.update([make_zone("waiting", 2, log.last_seq)])
            assert publisher.wait_delivered(PATIENCE_S)
            time.sleep(0.002)
        took_s = time.monotonic() - begin_s
        assert any(facts.refused for facts in said)
        assert took_s >= 0.9 * sum([5, 10, 20, 40, 80]) / FASTER
        broker.judge = lambda _: SUCCESS
        before = all_of_it()
        wait_until(lambda: all_of_it() > before)


def test_replay_refused_ends(log: EventLog) -> None:
    log.append([make_now(number) for number in range(900)])
    asked = f'{{"log":"{log.log_id}","from_seq":1,"to_seq":900,"request":"r"}}'

    def no_replay(one: Published) -> int:
        return NOT_AUTHORIZED if "/replay/" in one.topic else SUCCESS

    with misbehaving(Misbehaving(no_replay)) as broker, publishing(to(broker.port), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        broker.chatter = f"{ROOT}/cmd/replay", asked.encode()
        wait_until(lambda: any("/replay/" in one.topic for one in broker.got))
        broker.chatter = None
        log.append([make_now(1)])
        publisher.update()
        assert publisher.wait_delivered(PATIENCE_S)
        assert sum("/replay/" in one.topic for one in broker.got) <= 4 * mqtt.WINDOW


# --- whatever a broker does --------------------------------------------------------------------------


class Line:
    """A connection that gives numbers to messages, few, so that they are used again soon."""

    def __init__(self) -> None:
        self.out: dict[int, Message] = {}
        self.sent = 0

    def publish(self, message: Message) -> int:
        mid = next(mid for mid in count(1) if mid not in self.out)
        self.out[mid] = message
        self.sent += 1
        return mid


RULES = ("a", "b", "c")


class Refusing(RuleBasedStateMachine):
    """What is sent, against a broker whose rights change as they like, and that dislikes some events."""

    def __init__(self) -> None:
        super().__init__()
        self.log = EventLog(SENDER, None)
        self.log.__enter__()
        self.publish_state = PublishState([Outbox(self.log)])
        self.now_s = 1000.0
        self.taken: set[int] = set()
        self.rights = frozenset(RULES)
        self.full = False
        self.disliked: set[int] = set()
        self.reconnect()

    @rule()
    def reconnect(self) -> None:
        self.line = Line()
        connection: Connection = self.line  # type: ignore[assignment]
        self.sending = Sending(ROOT, connection, self.publish_state, lambda: True)
        self.sending.restart(self.now_s)

    @rule(rules=st.lists(st.sampled_from(RULES), min_size=1, max_size=5), disliked=st.booleans())
    def append(self, rules: list[str], *, disliked: bool) -> None:
        self.log.append([make_now(1, rule) for rule in rules])
        if disliked:
            self.disliked.add(self.log.last_seq)

    @rule(room=st.integers(0, 5), pass_s=st.sampled_from([0.0, 1.0, 30.0, 1000.0]))
    def send(self, room: int, pass_s: float) -> None:
        self.now_s += pass_s
        self.sending.send_live(room)
        self.sending.send_backlog(self.publish_state.current, room)
        if room:
            self.sending.try_again(self.now_s)

    @precondition(lambda self: self.line.out)
    @rule()
    def answer(self) -> None:
        mid = min(self.line.out)
        message = self.line.out.pop(mid)
        seq = int(message.payload.split('"seq":')[1].split(",")[0])
        refusal = None
        if self.full:
            refusal = "Quota exceeded"
        elif message.topic.split("/")[5] not in self.rights:
            refusal = "Not authorized"
        elif seq in self.disliked:
            refusal = "Payload format invalid"
        else:
            self.taken.add(seq)
        self.sending.on_ack(PubAck(mid, refusal), self.now_s)

    @rule(rights=st.frozensets(st.sampled_from(RULES)), full=st.booleans())
    def change(self, rights: frozenset[str], *, full: bool) -> None:
        self.rights, self.full = rights, full

    @rule(events=st.integers(1, 5))
    def delete(self, events: int) -> None:
        self.log.delete(self.log.deleted + events)
        self.taken |= set(range(1, self.log.deleted + 1))

    @invariant()
    def what_is_pending_was_not_taken(self) -> None:
        assert self.publish_state.pending == self.log.last_seq - len(
            self.taken | set(range(1, self.log.deleted + 1))
        )
        assert self.sending.in_flight == len(self.line.out)

    @invariant()
    def refused_for_long_is_little(self) -> None:
        """A broker that takes nothing gets what is under way, one of each topic, and one after each pause."""
        if self.publish_state.refusals.taken_since == 0 and len(self.publish_state.refusals.closed) == len(
            RULES
        ):
            before = self.line.sent
            self.sending.send_live(5)
            self.sending.send_backlog(self.publish_state.current, 5)
            assert self.line.sent == before

    def missing(self) -> set[int]:
        return set(range(self.log.deleted + 1, self.log.last_seq + 1)) - self.taken

    def teardown(self) -> None:
        """Once it takes them all arrives; while it dislikes some, all others do."""
        self.change(frozenset(RULES), full=False)
        for dislikes in (True, False):
            if not dislikes:
                self.disliked.clear()
            for _ in range(6 * self.log.last_seq + 12):
                if self.missing() <= self.disliked:
                    break
                self.send(5, 150.0)
                while self.line.out:
                    self.answer()
            assert self.missing() <= self.disliked
        assert not self.publish_state.pending
        # Where all that was refused is deleted, the next look finds that.
        self.send(5, 150.0)
        assert not self.publish_state.refused(self.now_s + 61)
        self.log.__exit__(None, None, None)


Refusing.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestRefusing = Refusing.TestCase


def test_pauses_grow_and_begin_short_again() -> None:
    pauses, now_s = RetryPauses(refused_events.LONGEST_PAUSE_S), 100.0
    seen = []
    for _ in range(8):
        pauses.refused(now_s)
        pauses.refused(now_s + 1)
        seen.append(pauses.until_s - now_s)
        now_s = pauses.until_s
    assert seen == [5, 10, 20, 40, 80, 120, 120, 120]
    now_s += 1000
    pauses.refused(now_s)
    assert pauses.until_s - now_s == 5


def test_an_hour_of_refusals_is_little() -> None:
    pauses, now_s, tries = RetryPauses(refused_events.LONGEST_PAUSE_S), 0.0, 0
    while now_s < 3600:
        pauses.refused(now_s)
        now_s, tries = pauses.until_s, tries + 1
    # A try with all that carries it is below 2 kB (test_backlog_… counts what is sent).
    assert tries * 2 <= 100
