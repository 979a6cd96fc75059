"""State of an agent's logs as a receiver knows it, and the stores that it needs, as protocols.

One store is a plain SQLite file (`store`), the other the centre's database (`database`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from agent.central.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from agent.central.messages import EventMessage, HealthMessage, InfoMessage, StateMessage, StatusMessage

How = Literal["stored", "dropped", "gone"]


@dataclass(slots=True)
class LogKept:
    """What is known of a log.

    Attributes:
        stored: numbers of events that were stored, whether or not they are still in the table.
        settled: those, and the ones that never come.
        first_seq: the oldest that the agent still has, as it reports.
        last_seq: the newest that it reports.
        ended: the agent has another log now, and nothing after the highest number here.
    """

    first_seq: int = 0
    last_seq: int = 0
    doubles: int = 0
    asked: int = 0
    replayed: int = 0
    ended: bool = False
    stored: IntervalSet = field(default_factory=IntervalSet)
    dropped: IntervalSet = field(default_factory=IntervalSet)
    gone: IntervalSet = field(default_factory=IntervalSet)
    settled: IntervalSet = field(default_factory=IntervalSet)

    def of(self, how: How) -> IntervalSet:
        """The numbers that ended so."""
        return {"stored": self.stored, "dropped": self.dropped, "gone": self.gone}[how]

    @property
    def highest(self) -> int:
        """The highest number that is known to exist."""
        return max(self.last_seq, self.settled.highest)

    @property
    def missing(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers that have not ended in any way, as spans."""
        return self.settled.missing(1, self.highest)

    @property
    def complete(self) -> bool:
        """Whether every number up to the last one has ended, as far as the agent reported."""
        return (self.last_seq > 0 or self.ended) and next(self.missing, None) is None


@dataclass(slots=True)
class AgentKept:
    """What is known of an agent; `log` and `session` are those of now."""

    state: str = "unknown"
    log: str = ""
    session: str = ""
    heard_ms: int = 0
    logs: dict[str, LogKept] = field(default_factory=dict)

    def complete(self, log: str) -> bool:
        """Whether a log is complete up to the last number reported; an older one also to its end."""
        kept = self.logs[log]
        return kept.complete and (log == self.log or kept.ended)


class ReceiverStore(Protocol):
    """Store of received messages, open for writing; each method raises LogError where it can't be used."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing; it is on the disk when this ends. One within another is a part of that."""

    def load(self) -> dict[str, AgentKept]:
        """Read what is known of each agent, by site/name."""

    def rules(self) -> Iterable[tuple[str, str]]:
        """Agent and rule of each state that is there."""

    def put_events(self, events: Collection[EventMessage], heard_ms: int) -> None:
        """Store events that are not there yet."""

    def put_info(self, info: InfoMessage, heard_ms: int) -> None:
        """Store what an agent is made of and set to."""

    def put_span(self, agent: str, log: str, how: How, kept: LogKept, span: tuple[int, int]) -> None:
        """Store how some numbers ended, and note it in `kept`.

        Args:
            agent: site/name.
            log: its id.
            how: they ended.
            kept: what is known of the log.
            span: their first and last.
        """

    def put_log(self, agent: str, log: str, kept: LogKept) -> None:
        """Store what is known of a log besides its spans.

        Args:
            agent: site/name.
            log: its id.
            kept: what is known of it.
        """

    def put_agent(self, agent: str) -> None:
        """Store that an agent is known, though no status or event of it came yet."""

    def put_status(self, status: StatusMessage, heard_ms: int) -> None:
        """Store whether an agent is online."""

    def put_health(self, health: HealthMessage, heard_ms: int) -> None:
        """Store how an agent is."""

    def put_state(self, state: StateMessage) -> None:
        """Store the state of a rule; one without a body is deleted."""

    def refused(self) -> Iterable[tuple[str, str, int]]:
        """What was no message of an agent's: whose, why, and how often."""

    def put_refused(self, refused: Mapping[tuple[str, str], int]) -> None:
        """Count what was no message of an agent's, by agent and reason."""


@dataclass(frozen=True, slots=True)
class OldEvent:
    """An event that may be deleted.

    Attributes:
        n: of its arrival.
        ts_ms: when it happened, as its agent says; ms since 1970.
        heard_ms: when it came.
    """

    n: int
    ts_ms: int
    agent: str
    log: str
    seq: int
    heard_ms: int
    body: str


class RetentionStore(Protocol):
    """Store from which old events are deleted."""

    def types(self) -> Iterable[str]:
        """Types of the events that are there."""

    def old_events(self, kind: str, after: tuple[int, int], until_ms: int, most: int) -> Sequence[OldEvent]:
        """Events of a type in the order of `ts`.

        Args:
            kind: their type.
            after: `ts_ms` and `n` that they come behind.
            until_ms: before this `ts`.
            most: at most so many.
        """

    def delete_events(self, numbers: Sequence[int]) -> None:
        """Delete the events of these arrivals, in a transaction."""

    def delete_sums(self, before_ms: int) -> int:
        """Delete rows from before this time of its tables of sums, if it has any; return how many went."""


@dataclass(frozen=True, slots=True)
class StoredState:
    """The last state of a rule; `why` it may no longer hold, None: it holds."""

    agent: str
    rule: str
    body: str
    why: str | None


class OverviewStore(Protocol):
    """Store that is read, as it is at one moment."""

    def load(self) -> dict[str, AgentKept]:
        """Read what is known of each agent, by site/name."""

    def states_now(self) -> Iterable[StoredState]:
        """The last state of each rule, in the order of agents and rules."""

    def infos_now(self) -> Mapping[str, str]:
        """The newest `info` of each agent that is not retired."""

    def refused(self) -> Iterable[tuple[str, str, int]]:
        """What was no message of an agent's: whose, why, and how often."""
