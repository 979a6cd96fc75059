from __future__ import annotations

import json
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.core.event import EventsDropped
from agent.eventlog.log import EventLog
from agent.mqtt.outbox import Outbox
from tests.builders import make_at
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.eventlog.log import StoredEvent

WINDOW = 5


def make_dropped(from_seq: int, to_seq: int) -> EventsDropped:
    """What tells of a deletion."""
    return EventsDropped(rule="agent", at=make_at(7), cause="keep_mb", from_seq=from_seq, to_seq=to_seq)


def prefix_of(numbers: set[int]) -> int:
    """The last of 1, 2, 3, … that is in there without a gap."""
    return next(number for number in count(1) if number not in numbers) - 1


class Delivery(RuleBasedStateMachine):
    """A log, its outbox and a broker that answers as it likes, against sets of numbers.

    `live` and `backlog` are what is still to be sent on this connection, `in_flight` what was sent and
    not answered, by the number of its message, `held` what was refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.log = self.stack.enter_context(EventLog(SENDER, None))
        self.outbox = Outbox(self.log)
        self.taken: set[int] = set()
        self.ever_sent: set[int] = set()
        self.live: set[int] = set()
        self.backlog: set[int] = set()
        self.in_flight: dict[int, int] = {}
        self.held: set[int] = set()
        self.gone = 0
        self.told: dict[int, tuple[int, int]] = {}
        self.arrived: set[int] = set()

    def sent(self, limit: int) -> list[StoredEvent]:
        """Send as the publisher does, and judge what was chosen."""
        entries = self.outbox.next(limit)
        numbers = [entry.seq for entry in entries]
        assert len(numbers) <= limit
        # Live events first, none left out, then the oldest of the others; nothing a second time.
        first = sorted(self.live)[:limit]
        assert numbers[: len(first)] == first
        rest = numbers[len(first) :]
        assert rest == sorted(set(rest))
        assert set(rest) <= self.backlog
        for entry in entries:
            self.give(entry)
        self.live -= set(numbers)
        self.backlog -= set(numbers)
        self.ever_sent |= set(numbers)
        return entries

    def give(self, entry: StoredEvent) -> None:
        # A number of a message that is answered is used again at once.
        mid = next(mid for mid in count(1) if mid not in self.in_flight)
        self.outbox.sending(mid, entry)
        self.in_flight[mid] = entry.seq

    @rule(events=st.integers(1, 4))
    def append(self, events: int) -> None:
        before = self.log.last_seq
        self.log.append([make_entered()] * events)
        self.live |= set(range(before + 1, self.log.last_seq + 1))

    @rule(limit=st.integers(0, WINDOW))
    def send(self, limit: int) -> None:
        self.sent(limit)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        mid = data.draw(st.sampled_from(sorted(self.in_flight)))
        assert mid in self.outbox
        self.take(mid)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        mid = data.draw(st.sampled_from(sorted(self.in_flight)))
        seq = self.in_flight.pop(mid)
        self.outbox.refused(mid)
        if seq > self.gone:
            self.held.add(seq)

    @rule()
    def try_again(self) -> None:
        entry = self.outbox.held(lambda _: True)
        waiting = self.held - set(self.in_flight.values())
        assert (entry is not None) == bool(waiting)
        if entry:
            assert entry.seq in waiting
            self.give(entry)

    @rule(events=st.integers(0, 8), tells=st.sampled_from([True, True, True, False]))
    def delete(self, events: int, tells: bool) -> None:
        first, last, delivered = self.log.first_seq, self.log.last_seq, self.log.delivered
        through = min(first + events - 1, last - 1)
        gone, lost = self.log.delete(first + events - 1, make_dropped if tells else None)
        assert gone == max(0, through - first + 1)
        assert lost == max(0, through - max(first - 1, delivered))
        assert self.log.first_seq == max(through + 1, first, 1)
        self.gone = max(self.gone, through)
        self.taken |= set(range(1, self.gone + 1))
        self.live = {seq for seq in self.live if seq > self.gone}
        self.backlog = {seq for seq in self.backlog if seq > self.gone}
        self.held = {seq for seq in self.held if seq > self.gone}
        if lost and not tells:
            # As its user wishes, and is told in the journal.
            self.arrived |= set(range(1, through + 1))
        if lost and tells:
            assert self.log.last_seq == last + 1
            body = json.loads(self.log.read(last, 1)[0].body)
            self.told[last + 1] = body["from_seq"], body["to_seq"]
            self.live.add(last + 1)

    def take(self, mid: int) -> None:
        seq = self.in_flight.pop(mid)
        self.outbox.acknowledged(mid)
        self.taken.add(seq)
        self.held.discard(seq)
        self.arrived.add(seq)

    @rule()
    def reconnect(self) -> None:
        self.outbox.restart()
        self.in_flight.clear()
        self.live.clear()
        self.backlog = set(range(1, self.log.last_seq + 1)) - self.taken - self.held

    @rule()
    def keep(self) -> None:
        self.outbox.save()
        assert self.log.delivered == prefix_of(self.taken)

    @rule()
    def restart(self) -> None:
        # What was taken and not written down is sent again: receivers tell doubles by their id.
        self.outbox = Outbox(self.log)
        self.taken = set(range(1, max(self.gone, self.log.delivered) + 1))
        self.held.clear()
        self.reconnect()

    @invariant()
    def never_says_more_than_was_taken(self) -> None:
        assert self.log.delivered <= prefix_of(self.taken)
        assert self.outbox.pending == self.log.last_seq - len(self.taken)

    @invariant()
    def knows_what_is_under_way(self) -> None:
        assert self.outbox.in_flight == len(self.in_flight)
        assert all(mid in self.outbox for mid in self.in_flight)

    @invariant()
    def sent_seq_is_what_a_state_may_wait_for(self) -> None:
        # Of what is deleted nothing more is sent: that counts for both.
        expected = min(self.live) - 1 if self.live else self.log.last_seq
        assert max(self.outbox.sent_seq, self.gone) == max(expected, self.gone)

    def teardown(self) -> None:
        """In the end everything arrives, on this connection and within bounds."""
        for _ in range(2 * self.log.last_seq + 2):
            self.sent(WINDOW)
            self.try_again()
            for mid in [*self.in_flight]:
                self.take(mid)
        assert not self.outbox.pending
        # Each event arrived, or one that arrived tells that it never will.
        told = {
            seq
            for number, (first, last) in self.told.items()
            if number in self.arrived
            for seq in range(first, last + 1)
        }
        assert self.arrived | told == set(range(1, self.log.last_seq + 1))
        self.outbox.save()
        assert self.log.delivered == self.log.last_seq
        self.stack.close()


Delivery.TestCase.settings = settings(max_examples=120, stateful_step_count=25, deadline=None)
TestDelivery = Delivery.TestCase


@pytest.fixture
def log() -> Iterator[EventLog]:
    with EventLog(SENDER, None) as opened:
        yield opened


def appended(log: EventLog, events: int) -> None:
    log.append([make_entered()] * events)


def numbers_of(outbox: Outbox, limit: int) -> list[int]:
    """Send, message n carries event n."""
    chosen = outbox.next(limit)
    for entry in chosen:
        outbox.sending(entry.seq, entry)
    return [entry.seq for entry in chosen]


def test_next_backlog_oldest_first(log: EventLog) -> None:
    appended(log, 5)
    outbox = Outbox(log)
    assert [numbers_of(outbox, 2) for _ in range(4)] == [[1, 2], [3, 4], [5], []]


def test_next_live_before_backlog(log: EventLog) -> None:
    appended(log, 4)
    outbox = Outbox(log)
    assert numbers_of(outbox, 1) == [1]
    appended(log, 2)
    assert numbers_of(outbox, 3) == [5, 6, 2]
    assert numbers_of(outbox, 9) == [3, 4]


def test_next_without_room_skips_nothing(log: EventLog) -> None:
    outbox = Outbox(log)
    appended(log, 3)
    assert numbers_of(outbox, 0) == []
    assert outbox.sent_seq == 0
    assert numbers_of(outbox, 9) == [1, 2, 3]


def test_next_after_delivered_events(log: EventLog) -> None:
    appended(log, 5)
    log.delivered = 3
    assert numbers_of(Outbox(log), 9) == [4, 5]


def test_begin_sends_unanswered_again(log: EventLog) -> None:
    appended(log, 4)
    outbox = Outbox(log)
    assert numbers_of(outbox, 4) == [1, 2, 3, 4]
    outbox.acknowledged(1)
    outbox.acknowledged(3)
    outbox.restart()
    assert numbers_of(outbox, 9) == [2, 4]


def test_refused_is_only_tried(log: EventLog) -> None:
    appended(log, 4)
    outbox = Outbox(log)
    assert numbers_of(outbox, 9) == [1, 2, 3, 4]
    outbox.refused(2)
    assert outbox.in_flight == 3
    outbox.rewind()
    assert numbers_of(outbox, 9) == []
    entry = outbox.held(lambda _: True)
    assert entry
    assert entry.seq == 2


def test_passed_over_comes_when_it_may(log: EventLog) -> None:
    log.append([make_entered(rule=rule) for rule in ("a", "b", "a", "b", "a")])
    outbox = Outbox(log)
    chosen = outbox.next(9, lambda entry: entry.rule == "a")
    assert [entry.seq for entry in chosen] == [2, 4]
    for entry in chosen:
        outbox.sending(entry.seq, entry)
    outbox.acknowledged(2)
    newest = outbox.to_try(("a", "zone.entered"), untried=True)
    assert newest
    assert newest.seq == 5
    outbox.rewind()
    assert [entry.seq for entry in outbox.next(9)] == [1, 3, 5]


def test_passed_over_many_do_not_hide_the_others(log: EventLog) -> None:
    log.append([make_entered(rule="a")] * 3000)
    log.append([make_entered(rule="b")] * 3)
    outbox = Outbox(log)
    assert [entry.seq for entry in outbox.next(2, lambda entry: entry.rule == "a")] == [3001, 3002]


def test_taken_out_of_order_waits_for_older(log: EventLog) -> None:
    appended(log, 3)
    outbox = Outbox(log)
    numbers_of(outbox, 9)
    for left, (mid, expected) in zip((2, 1, 0), [(3, 0), (1, 1), (2, 3)], strict=True):
        outbox.acknowledged(mid)
        outbox.save()
        assert (log.delivered, outbox.pending) == (expected, left)


TOPIC = ("a", "zone.entered")


def test_refused_is_found_by_its_topic(log: EventLog) -> None:
    log.append([make_entered(rule=rule) for rule in ("b", "a")])
    outbox = Outbox(log)
    numbers_of(outbox, 9)
    outbox.refused(2)
    held = outbox.held(lambda topic: topic == TOPIC)
    assert held
    assert held.seq == 2
    assert outbox.held(lambda topic: topic != TOPIC) is None


def test_refused_after_it_was_deleted_is_not_held(log: EventLog) -> None:
    appended(log, 2)
    outbox = Outbox(log)
    numbers_of(outbox, 1)
    log.delete(1)
    assert outbox.delivered == 1
    outbox.refused(1)
    assert not outbox.holds


@pytest.mark.parametrize("untried", [False, True])
def test_passed_over_is_tried_by_the_newest(log: EventLog, untried: bool) -> None:
    log.append([make_entered(rule="a")] * 2)
    outbox = Outbox(log)
    log.append([make_entered(rule="a")])
    # Live ones are passed over first, the backlog afterwards.
    assert outbox.next(9, lambda entry: entry.rule == "a") == []
    tried = outbox.to_try(TOPIC, untried=untried)
    assert tried
    assert tried.seq == 3


def test_passed_over_is_tried_by_the_oldest_once_the_newest_was_refused(log: EventLog) -> None:
    log.append([make_entered(rule=rule) for rule in ("b", "a", "a")])
    outbox = Outbox(log)
    outbox.next(9, lambda entry: entry.rule == "a")
    newest = outbox.to_try(TOPIC, untried=True)
    assert newest
    outbox.sending(7, newest)
    outbox.refused(7)
    tried = outbox.to_try(TOPIC, untried=True)
    assert tried
    assert (newest.seq, tried.seq) == (3, 2)
