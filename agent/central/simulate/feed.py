"""Feed of a made-up province: into a store through the receiver, or through a broker as agents' messages."""

from __future__ import annotations

import secrets
from collections import deque
from itertools import chain, islice
from time import monotonic
from typing import TYPE_CHECKING, Final

from agent.central.receiver import Receiver
from agent.mqtt.connection import Connection, Message, PubAck
from agent.wire.commands import MOST_EVENTS, ReplayDoneWire, replay_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.central.kept import ReceiverStore
    from agent.central.simulate.agent import SimulatedAgent, SimulatedMessage
    from agent.central.simulate.province import SimulatedProvince
    from agent.mqtt.connection import Broker
    from agent.wire.commands import RefusedWhy, ReplayRequestWire

_BATCH: Final = 1000
# A receiver would have had them in one transaction at the most.
_BATCH_MS: Final = 120_000
_BATCHES_AT_ONCE: Final = 50
_REQUESTS: Final = "presence/v1/+/+/cmd/replay"
_ROOT_LEVELS: Final = 4
_WAIT_S = 0.25


def feed_store(messages: Iterable[SimulatedMessage], store: ReceiverStore) -> int:
    """Store what a province publishes, each message at its made-up moment; return how many there were.

    Args:
        messages: in time order.
        store: open.

    Raises:
        LogError: the store can't be written.
    """
    now_ms = 0
    receiver = Receiver(store, now_ms=lambda: now_ms).load()
    sent = 0
    batches = _batches(messages)
    for first in batches:
        # Nobody waits for an acknowledgement: the disk does not have to have each batch for itself.
        with store.transaction():
            for batch in chain([first], islice(batches, _BATCHES_AT_ONCE - 1)):
                now_ms = batch[-1][0]
                receiver.receive([message for _, message in batch])
                sent += len(batch)
    return sent


def _batches(messages: Iterable[SimulatedMessage]) -> Iterator[list[tuple[int, Message]]]:
    """Messages as they come to who subscribes, with their moments; a batch lies within two minutes."""
    batch: list[tuple[int, Message]] = []
    for one in messages:
        if batch and (len(batch) >= _BATCH or one.when_ms // _BATCH_MS != batch[0][0] // _BATCH_MS):
            yield batch
            batch = []
        # A subscriber sees what is retained as such only where it was there before.
        batch.append((one.when_ms, Message(one.topic, one.payload)))
    if batch:
        yield batch


class BrokerFeed:
    """Publishes as agents do, over one connection of an account that may write for all of them.

    Their events stay at hand: who asks for some again gets them, also while others are still published.
    """

    def __init__(self, province: SimulatedProvince, broker: Broker) -> None:
        """Take what is published, and where; the province's agents must keep their events."""
        self._province = province
        self._agents = {agent.root: agent for agent in province.agents}
        self._connection = Connection(broker, f"presence-simulate-{secrets.token_hex(4)}")
        self._in_flight = 0
        self._answers: deque[Message] = deque()
        self._asked_s = 0.0

    def run(self, linger_s: float) -> int:
        """Publish everything, then answer until nobody has asked for so long; return how many were sent.

        Args:
            linger_s: s.

        Raises:
            DeliveryError: the broker can't be reached, refuses, or is lost.
        """
        self._connection.open()
        try:
            self._connection.subscribe(_REQUESTS)
            sent = 0
            for one in self._province.messages():
                self._publish(Message(one.topic, one.payload, one.retain))
                sent += 1
            self._asked_s = monotonic()
            while self._in_flight or self._answers or monotonic() - self._asked_s < linger_s:
                self._pump(_WAIT_S)
                self._answer()
        finally:
            self._connection.close()
        return sent

    def _publish(self, message: Message) -> None:
        while self._in_flight >= self._connection.window:
            self._pump(_WAIT_S)
        self._connection.publish(message)
        self._in_flight += 1

    def _pump(self, timeout_s: float) -> None:
        for report in self._connection.pump(timeout_s):
            if isinstance(report, PubAck):
                self._in_flight -= 1
            else:
                self._take(report)

    def _take(self, request: Message) -> None:
        agent = self._agents.get("/".join(request.topic.split("/")[:_ROOT_LEVELS]))
        if agent is None or request.retain:
            return
        try:
            asked = replay_request(request.payload)
        except ValueError:
            return
        self._asked_s = monotonic()
        self._answers.extend(replayed(agent, asked))

    def _answer(self) -> None:
        while self._answers:
            self._publish(self._answers.popleft())


def replayed(agent: SimulatedAgent, asked: ReplayRequestWire) -> list[Message]:
    """The answer to a request, as the agent gives it.

    Args:
        agent: that keeps its events.
        asked: of it.
    """
    topic = f"{agent.root}/replay/{asked.request}"
    refused: RefusedWhy | None = None
    events = [entry for entry in agent.events if asked.from_seq <= entry.seq <= asked.to_seq]
    if asked.log != agent.log_id:
        refused = "unknown_log"
    elif asked.to_seq - asked.from_seq >= MOST_EVENTS or not events:
        refused = "range"
    if refused:
        done = ReplayDoneWire(sent=0, first_seq=None, last_seq=None, refused=refused)
        return [Message(topic, done.text())]
    done = ReplayDoneWire(sent=len(events), first_seq=events[0].seq, last_seq=events[-1].seq)
    return [*(Message(topic, entry.body) for entry in events), Message(topic, done.text())]
