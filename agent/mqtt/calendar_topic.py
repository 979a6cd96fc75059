"""`cmd/calendar` on one connection: what comes on it, and that there is none any more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent.mqtt.connection import Message

NAME = "cmd/calendar"
# What the broker retains comes at once; some brokers need a moment to find it.
_RETAINED_S = 10.0


class CalendarListener(Protocol):
    """Who is told; from the publisher's thread."""

    def hear(self, text: str) -> None:
        """Take a message, which may be anything; empty: it was cleared."""

    def absent(self, known: str) -> None:
        """The broker has none; `known` is when the newest was said that it does have of this agent."""


@dataclass(slots=True)
class CalendarTopic:
    """Tells the listener, if there is one.

    Attributes:
        absent_at_s: when nothing has come until then, the broker has none.
    """

    listener: CalendarListener | None
    absent_at_s: float = math.inf
    _known: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What is to be read, below the agent's topic."""
        return (NAME,) if self.listener else ()

    def readable(self, topic: str, now_s: float) -> None:
        """The broker lets us read a topic."""
        if topic.endswith(f"/{NAME}"):
            self.absent_at_s = now_s + _RETAINED_S

    def note(self, own: Message) -> None:
        """Take a status or health of ours that the broker retained."""
        ts = own.content.get("ts")
        if own.retain and isinstance(ts, str):
            self._known = max(self._known, ts)

    def heed(self, message: Message) -> None:
        """Take a message."""
        self.absent_at_s = math.inf
        if self.listener:
            self.listener.hear(message.payload)

    def look(self, now_s: float) -> None:
        """See whether it is time to say that there is none."""
        if now_s >= self.absent_at_s:
            self.absent_at_s = math.inf
            if self.listener:
                self.listener.absent(self._known)
