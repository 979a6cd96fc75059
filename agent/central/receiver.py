"""Receiver: from messages to a store without gaps; what to keep, what to ask for, and when.

::

    messages ─▶ parse ─▶ one transaction ─▶ acknowledged
                              │
                     a number is missing ─▶ is it on its way? ─▶ cmd/replay ─▶ replay/<request> ─▶ messages
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Self

from agent.central.gap_filler import GapFiller
from agent.central.kept import AgentKept, LogKept
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
from agent.central.moments import ms_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agent.central.kept import How, ReceiverStore
    from agent.mqtt.connection import Message

# What an agent may fill our memory with; a camera has a handful of each.
_MOST_LOGS = 1000
_MOST_RULES = 500
_MOST_AGENTS = 100_000
# Names of no agent's under which refused messages are counted; those of others count under none.
_MOST_NAMES = 1000
_CHECK_EVERY_S = 0.25


def _now_ms() -> int:
    return time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of each agent, by site/name.

    Attributes:
        rules: those that have a state in the store.
        names: under which messages were refused, and which are no agent's.
    """

    agents: dict[str, AgentKept]
    rules: dict[str, set[str]]
    gap_fillers: dict[str, GapFiller]
    names: set[str]


class Receiver:
    """Stores what a broker passes on, and makes requests for what is missing; `load` comes first."""

    def __init__(
        self, store: ReceiverStore, *, settle_s: float = 3.0, now_ms: Callable[[], int] = _now_ms
    ) -> None:
        """Take the open store.

        Args:
            store: open for writing.
            settle_s: so long a number may be on its way before it is asked for, s.
            now_ms: tells when messages come, ms since 1970.
        """
        self._store = store
        self._now_ms = now_ms
        self._settle_s = settle_s
        self._check_at_s = 0.0
        # The newest `ts` of a health whose clock is synced, ms since 1970.
        self.newest_ms = 0
        self._known = _Known({}, {}, {}, set())

    def load(self) -> Self:
        """Go on from what is in the store: at the start, and where a batch could not be stored."""
        agents = self._store.load()
        rules: dict[str, set[str]] = {}
        for agent, rule in self._store.rules():
            rules.setdefault(agent, set()).add(rule)
        gap_fillers = {agent: GapFiller(agent, kept, self._settle_s) for agent, kept in agents.items()}
        names = {agent for agent, _, _ in self._store.refused() if agent not in agents}
        self._known = _Known(agents, rules, gap_fillers, names)
        return self

    @property
    def agents(self) -> dict[str, AgentKept]:
        """What is known of each agent, by site/name."""
        return self._known.agents

    def receive(self, messages: Sequence[Message]) -> None:
        """Store messages; when this returns they are on the disk, and may be acknowledged.

        Raises:
            LogError: nothing of it is stored; call `load` before anything else.
        """
        parsed = [parse(message) for message in messages]
        refused = Counter[tuple[str, str]]()
        answers: list[ReplayDoneMessage] = []
        with self._store.transaction():
            start = 0
            # Events that came one after the other are stored together, everything else in its turn.
            for at, message in enumerate([*parsed, None]):
                if isinstance(message, EventMessage):
                    continue
                self._store_events(
                    [event for event in parsed[start:at] if isinstance(event, EventMessage)], refused
                )
                start = at + 1
                if isinstance(message, RefusedMessage):
                    refused[message.agent, message.why] += 1
                    if message.replay and message.agent in self._known.gap_fillers:
                        self._known.gap_fillers[message.agent].count_refused(message.replay)
                elif isinstance(message, ReplayDoneMessage):
                    answers.append(message)
                elif message is not None and not self._store_report(message):
                    refused[message.agent, "too many"] += 1
            for done in answers:
                if not self._finish_replay(done):
                    refused[done.agent, "not asked for"] += 1
            self._store.put_refused(self._named(refused))

    def _named(self, refused: Mapping[tuple[str, str], int]) -> Counter[tuple[str, str]]:
        """The same by names that are known, so that whoever makes up names fills no table."""
        counted, names = Counter[tuple[str, str]](), self._known.names
        for (agent, why), times in refused.items():
            if agent not in self._known.agents and agent not in names and len(names) < _MOST_NAMES:
                names.add(agent)
            is_known = agent in self._known.agents or agent in names
            counted[agent if is_known else "", why] += times
        return counted

    def next_requests(self) -> list[Message]:
        """Make the requests that are due; it checks a few times a second, however often it is called."""
        now_s = monotonic()
        if now_s < self._check_at_s:
            return []
        self._check_at_s = now_s + _CHECK_EVERY_S
        return [request for filler in self._known.gap_fillers.values() if (request := filler.next(now_s))]

    def complete(self, log: str) -> bool:
        """Whether a log is known, and each of its numbers up to the last one has ended."""
        found = [kept for kept in self._known.agents.values() if log in kept.logs]
        return bool(found) and all(kept.complete(log) for kept in found)

    def _agent(self, agent: str) -> AgentKept | None:
        kept = self._known.agents.get(agent)
        if kept is None and len(self._known.agents) < _MOST_AGENTS:
            kept = self._known.agents[agent] = AgentKept()
            self._known.gap_fillers[agent] = GapFiller(agent, kept, self._settle_s)
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

    def _store_events(self, events: Iterable[EventMessage], refused: Counter[tuple[str, str]]) -> None:
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
            self._known.gap_fillers[agent].count(some)
            self._store.put_events(new.values(), self._now_ms())
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

    def _store_report(self, message: StatusMessage | HealthMessage | InfoMessage | StateMessage) -> bool:
        """Store what an agent reports about itself; False: it has too many logs or rules."""
        if isinstance(message, StateMessage | InfoMessage) and not message.body:
            # It clears what there may be, and makes no agent known.
            self._clear(message)
            return True
        is_new, owner = message.agent not in self._known.agents, self._agent(message.agent)
        if owner is None:
            return False
        if is_new:
            self._store.put_agent(message.agent)
        if isinstance(message, StateMessage):
            return self._store_state(message)
        now_ms = self._now_ms()
        if isinstance(message, InfoMessage):
            self._store.put_info(message, now_ms)
            return True
        # What is retained is older; an agent whose clock is wrong will publish again soon.
        heard_ms = now_ms if message.live else min(now_ms, ms_of(message.ts))
        owner.heard_ms = max(owner.heard_ms, heard_ms)
        if isinstance(message, StatusMessage):
            if message.state == "online" and message.session != owner.session:
                self._known.gap_fillers[message.agent].restart()
                self._check_at_s = 0.0
            owner.state, owner.log, owner.session = message.state, message.log, message.session
            self._store.put_status(message, owner.heard_ms)
        else:
            if message.live and message.knows_time:
                self.newest_ms = max(self.newest_ms, ms_of(message.ts))
            self._store.put_health(message, owner.heard_ms)
            # Nothing of them may ever have come; once known, they are asked for to their ends.
            for log in message.earlier:
                self._log(message.agent, log)
        return not message.log or self._store_bounds(message)

    def _store_bounds(self, message: StatusMessage | HealthMessage) -> bool:
        """Store the first and last number of a log, as its agent reports them."""
        kept = self._log(message.agent, message.log)
        if kept is None:
            return False
        first_seq, last_seq = max(kept.first_seq, message.first_seq), max(kept.last_seq, message.last_seq)
        if kept.ended or (first_seq, last_seq) != (kept.first_seq, kept.last_seq):
            # A log that the agent came back to goes on.
            kept.first_seq, kept.last_seq, kept.ended = first_seq, last_seq, False
            self._store.put_log(message.agent, message.log, kept)
            # Nobody has these any more; should one be on its way, it is stored all the same.
            self._store_ended(message.agent, message.log, kept, "gone", (1, first_seq - 1))
        return True

    def _store_state(self, state: StateMessage) -> bool:
        """Keep the last state of a rule."""
        rules = self._known.rules.setdefault(state.agent, set())
        if state.rule not in rules and len(rules) >= _MOST_RULES:
            return False
        rules.add(state.rule)
        self._store.put_state(state)
        return True

    def _clear(self, message: StateMessage | InfoMessage) -> None:
        """Forget the state of a rule that is gone; the last `info` stays."""
        if isinstance(message, StateMessage) and message.rule in self._known.rules.get(message.agent, ()):
            self._known.rules[message.agent].remove(message.rule)
            self._store.put_state(message)

    def _finish_replay(self, done: ReplayDoneMessage) -> bool:
        """A replay is over: what it should have brought and did not is lost."""
        gap_filler = self._known.gap_fillers.get(done.agent)
        if gap_filler is None or not gap_filler.answers(done.request):
            return False
        log, lost = gap_filler.finish(done, monotonic())
        # What is still missing is asked for at once.
        self._check_at_s = 0.0
        kept = self._known.agents[done.agent].logs[log]
        self._store.put_log(done.agent, log, kept)
        for span in lost:
            self._store_ended(done.agent, log, kept, "gone", span)
        return True

    def _store_ended(self, agent: str, log: str, kept: LogKept, how: How, among: tuple[int, int]) -> None:
        """Store how the missing ones among these numbers ended."""
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
