"""Events that a broker refuses: which topics wait, when one event is tried, how fast it goes on then."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.eventlog.log import StoredEvent

# A rule's id and an event's type, which make its topic.
Topic = tuple[str, str]

FIRST_PAUSE_S = 5.0
# With 1 kB for a try, its answer and what carries them, 30 kB an hour.
LONGEST_PAUSE_S = 120.0
# Info, states and status of an agent with 60 rules are 40 kB.
LONGEST_PAUSE_OF_ALL_S = 300.0
# A refusal so long after the one before has another reason.
_APART_S = 600.0
# Health reports a refusal for so long: what comes and goes in between is not 'ok'.
_RECENT_S = 60.0


def topic_of(entry: StoredEvent) -> Topic:
    """The topic of an event, by which a broker's rights differ."""
    return entry.rule, entry.type


@dataclass(slots=True)
class RetryPauses:
    """Pauses that double from refusal to refusal; moments are in monotonic seconds.

    Attributes:
        longest_s: they grow up to this.
        until_s: the pause that runs ends then.
        refused_s: when the last refusal came.
    """

    longest_s: float
    until_s: float = -math.inf
    refused_s: float = -math.inf
    _next_s: float = 0.0

    def refused(self, now_s: float) -> None:
        """Something was refused; while a pause runs, one refusal more changes nothing."""
        if now_s - self.refused_s > _APART_S:
            self._next_s = FIRST_PAUSE_S
        self.refused_s = now_s
        if now_s >= self.until_s:
            self.until_s = now_s + self._next_s
            self._next_s = min(2 * self._next_s, self.longest_s)

    def is_recent(self, now_s: float) -> bool:
        """Whether there was a refusal in the last minute."""
        return now_s - self.refused_s <= _RECENT_S


def pauses_of_all() -> RetryPauses:
    """Pauses between publishing info, states and status, all of them each time."""
    return RetryPauses(LONGEST_PAUSE_OF_ALL_S)


@dataclass(slots=True)
class RefusedEvents:
    """A broker's refusals, over all connections to it.

    A topic is closed when an event of it is refused: those that follow are passed over. After a pause one
    event is tried; if it is taken all topics are open again, and those that are still refused close at the
    cost of an event each. From a refusal on as many events may be in flight as were taken since, and one.

    Attributes:
        closed: topics that wait, the one to be tried next first; each by an event that was refused before
            and by another in turn: it may be that the broker dislikes an event only.
        everything: no event is accepted for now, of any topic.
        pauses: when the next event is tried.
        taken_since: events that were taken since the last refusal that was no try; None: there was none.
    """

    closed: dict[Topic, bool] = field(default_factory=dict)
    everything: bool = False
    pauses: RetryPauses = field(default_factory=lambda: RetryPauses(LONGEST_PAUSE_S))
    taken_since: int | None = None

    @property
    def refusing(self) -> bool:
        """Whether a topic waits."""
        return self.everything or bool(self.closed)

    @property
    def most_in_flight(self) -> float:
        """So many events may wait for an acknowledgement."""
        return math.inf if self.taken_since is None else 1 + self.taken_since

    def refuses(self, entry: StoredEvent) -> bool:
        """Whether an event is not to be sent now."""
        return self.everything or topic_of(entry) in self.closed

    def connected(self, now_s: float) -> None:
        """A new connection: the broker may have other rights now, so it is tried at once."""
        self.pauses.until_s = min(self.pauses.until_s, now_s)

    def refused(self, topic: Topic, now_s: float, *, everything: bool, tried: bool) -> bool:
        """An event was refused; return whether others may go that waited.

        Args:
            topic: its topic.
            now_s: now.
            everything: the broker would have refused any other one too.
            tried: it was sent to see whether it is taken now.
        """
        self.pauses.refused(now_s)
        others = self.everything and not everything
        self.everything = everything
        # One event that the broker never takes must not hold up those that it does take.
        if topic in self.closed or not tried:
            self.closed[topic] = not self.closed.pop(topic, False)
        if not tried:
            self.taken_since = 0
        return others

    def taken(self, topic: Topic) -> bool:
        """An event was taken; return whether this ends a refusal, so that what was passed over may go."""
        if self.taken_since is not None:
            self.taken_since += 1
        if not self.everything and topic not in self.closed:
            return False
        self.open()
        return True

    def open(self) -> None:
        """Let all events go."""
        self.everything = False
        self.closed.clear()
