"""From messages to a store without gaps: what to keep, what to ask for, and when.

::

    messages ─▶ read ─▶ one transaction ─▶ acknowledged
                              │
                     a number is missing ─▶ is it on its way? ─▶ cmd/replay ─▶ replay/<request> ─▶ messages
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from time import monotonic, time_ns
from typing import TYPE_CHECKING

from agent.central.gap_filler import GapFiller
from agent.central.messages import (
    EventMessage,
    HealthMessage,
    InfoMessage,
    RefusedMessage,
    ReplayDoneMessage,
    StateMessage,
    StatusMessage,
    parse,
)
from agent.central.store import AgentKept, LogKept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.central.store import How, Store
    from agent.mqtt.connection import Message

# What an agent may fill our memory with; a camera has a handful of each.
_MOST_LOGS = 1000
_MOST_RULES = 500
_MOST_AGENTS = 100_000
_LOOK_EVERY_S = 0.25


class Receiver:
    """Takes what a broker passes on, and tells what to ask for."""

    def __init__(self, store: Store, *, settle_s: float = 3.0) -> None:
        """Take the open store, and how long a number may be on its way before it is asked for."""
        self._store = store
        self._settle_s = settle_s
        self._look_at_s = 0.0
        # The newest time that an agent told whose clock is right.
        self.newest_ms = 0
        self.load()

    def load(self) -> None:
        """Go on from what is in the store: at the begin, and where a batch could not be stored."""
        self.agents = self._store.load()
        self._rules = Counter(str(agent) for (agent,) in self._store.rows("SELECT agent FROM state"))
        self._asking = {agent: GapFiller(agent, kept, self._settle_s) for agent, kept in self.agents.items()}

    def take(self, messages: Sequence[Message]) -> None:
        """Store what came; when this returns it is on the disk, and may be acknowledged.

        Raises:
            LogError: nothing of it is stored; call `load` before anything else.
        """
        things = [parse(message) for message in messages]
        refused = Counter[tuple[str, str]]()
        answers: list[ReplayDoneMessage] = []
        with self._store.transaction():
            begin = 0
            # Events that came one after the other are stored together, everything else in its turn.
            for at, thing in enumerate([*things, None]):
                if isinstance(thing, EventMessage):
                    continue
                self._happened(
                    [thing for thing in things[begin:at] if isinstance(thing, EventMessage)], refused
                )
                begin = at + 1
                if isinstance(thing, RefusedMessage):
                    refused[thing.agent, thing.why] += 1
                    if thing.replay and thing.agent in self._asking:
                        self._asking[thing.agent].answered_badly(thing.replay)
                elif isinstance(thing, ReplayDoneMessage):
                    answers.append(thing)
                elif thing is not None and not self._said(thing):
                    refused[thing.agent, "too many"] += 1
            for done in answers:
                if not self._answered(done):
                    refused[done.agent, "not asked for"] += 1
            self._store.put_refused(refused)

    def due(self) -> list[Message]:
        """What to ask agents for now; it looks a few times a second, however often it is called."""
        now_s = monotonic()
        if now_s < self._look_at_s:
            return []
        self._look_at_s = now_s + _LOOK_EVERY_S
        return [message for asking in self._asking.values() if (message := asking.next(now_s))]

    def complete(self, log: str) -> bool:
        """Whether a log is known, and each of its numbers up to the last one told has ended."""
        found = [kept for kept in self.agents.values() if log in kept.logs]
        return bool(found) and all(kept.complete(log) for kept in found)

    def _agent(self, agent: str) -> AgentKept | None:
        kept = self.agents.get(agent)
        if kept is None and len(self.agents) < _MOST_AGENTS:
            kept = self.agents[agent] = AgentKept()
            self._asking[agent] = GapFiller(agent, kept, self._settle_s)
        return kept

    def _log(self, agent: str, log: str) -> LogKept | None:
        """A log's numbers; None: there are too many."""
        owner = self._agent(agent)
        if owner is None:
            return None
        kept = owner.logs.get(log)
        if kept is None and len(owner.logs) < _MOST_LOGS:
            kept = owner.logs[log] = LogKept()
            self._store.put_log(agent, log, kept)
        return kept

    def _happened(self, events: Iterable[EventMessage], refused: Counter[tuple[str, str]]) -> None:
        by_log: dict[tuple[str, str], list[EventMessage]] = {}
        for event in events:
            by_log.setdefault((event.agent, event.log), []).append(event)
        for (agent, log), some in by_log.items():
            kept = self._log(agent, log)
            if kept is None:
                refused[agent, "too many"] += len(some)
                continue
            new: dict[int, EventMessage] = {}
            for event in some:
                if event.seq not in kept.stored:
                    new.setdefault(event.seq, event)
            self._asking[agent].heard(some)
            self._store.put_events(new.values(), time_ns() // 1_000_000)
            for span in _spans(sorted(new)):
                self._store.put_span(agent, log, "stored", kept, span)
            for event in new.values():
                if event.dropped:
                    self._store.put_span(agent, log, "dropped", kept, event.dropped)
            replayed = sum(event.replay is not None for event in new.values())
            if replayed or len(new) < len(some):
                kept.doubles += len(some) - len(new)
                kept.replayed += replayed
                self._store.put_log(agent, log, kept)

    def _said(self, thing: StatusMessage | HealthMessage | InfoMessage | StateMessage) -> bool:
        """Keep what an agent says of itself; False: it says too much."""
        if isinstance(thing, StateMessage | InfoMessage) and not thing.body:
            # It clears what there may be, and makes no agent known.
            self._clear(thing)
            return True
        is_new, owner = thing.agent not in self.agents, self._agent(thing.agent)
        if owner is None:
            return False
        if is_new:
            self._store.put_agent(thing.agent)
        if isinstance(thing, StateMessage):
            return self._state(thing)
        now_ms = time_ns() // 1_000_000
        if isinstance(thing, InfoMessage):
            self._store.put_info(thing, now_ms)
            return True
        # What is retained was said at some time before; an agent whose clock is wrong is heard again soon.
        heard_ms = now_ms if thing.live else min(now_ms, _ms(thing.ts))
        owner.heard_ms = max(owner.heard_ms, heard_ms)
        if isinstance(thing, StatusMessage):
            if thing.state == "online" and thing.session != owner.session:
                self._asking[thing.agent].begin_anew()
                self._look_at_s = 0.0
            owner.state, owner.log, owner.session = thing.state, thing.log, thing.session
            self._store.put_status(thing, owner.heard_ms)
        else:
            if thing.live and thing.knows_time:
                self.newest_ms = max(self.newest_ms, _ms(thing.ts))
            self._store.put_health(thing, owner.heard_ms)
            # Nothing of them may ever have come; once known, they are asked for to their ends.
            for log in thing.earlier:
                self._log(thing.agent, log)
        return not thing.log or self._told(thing)

    def _told(self, thing: StatusMessage | HealthMessage) -> bool:
        """An agent told from where to where its log goes."""
        kept = self._log(thing.agent, thing.log)
        if kept is None:
            return False
        first_seq, last_seq = max(kept.first_seq, thing.first_seq), max(kept.last_seq, thing.last_seq)
        if kept.ended or (first_seq, last_seq) != (kept.first_seq, kept.last_seq):
            # A log that the agent came back to goes on.
            kept.first_seq, kept.last_seq, kept.ended = first_seq, last_seq, False
            self._store.put_log(thing.agent, thing.log, kept)
            # Nobody has these any more; should one be on its way, it is stored all the same.
            self._end(thing.agent, thing.log, kept, "gone", (1, first_seq - 1))
        return True

    def _state(self, state: StateMessage) -> bool:
        """Keep the last state of a rule."""
        if not self._has_state(state):
            if self._rules[state.agent] >= _MOST_RULES:
                return False
            self._rules[state.agent] += 1
        self._store.put_state(state)
        return True

    def _clear(self, message: StateMessage | InfoMessage) -> None:
        """Forget the state of a rule that is gone; the last `info` stays."""
        if isinstance(message, StateMessage) and self._has_state(message):
            self._rules[message.agent] -= 1
            self._store.put_state(message)

    def _has_state(self, state: StateMessage) -> bool:
        query = "SELECT 1 FROM state WHERE agent = ? AND rule = ?"
        return bool(self._store.rows(query, (state.agent, state.rule)))

    def _answered(self, done: ReplayDoneMessage) -> bool:
        """A replay is over: what it should have brought and did not is no longer to be had."""
        asking = self._asking.get(done.agent)
        if asking is None or not asking.answers(done.request):
            return False
        log, lost = asking.over(done, monotonic())
        # What is still missing is asked for at once.
        self._look_at_s = 0.0
        kept = self.agents[done.agent].logs[log]
        self._store.put_log(done.agent, log, kept)
        for span in lost:
            self._end(done.agent, log, kept, "gone", span)
        return True

    def _end(self, agent: str, log: str, kept: LogKept, how: How, among: tuple[int, int]) -> None:
        """The missing ones among these numbers have ended."""
        for span in list(kept.settled.missing(*among)):
            self._store.put_span(agent, log, how, kept, span)


def _spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Rising numbers as spans."""
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return spans


def _ms(ts: str | None) -> int:
    """Milliseconds since 1970 of what looks like a time; 0: it is none."""
    try:
        return int(datetime.fromisoformat(ts or "").timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
