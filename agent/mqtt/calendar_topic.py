"""`cmd/calendar` on one connection: its messages, and that the broker has none any more."""

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
    """Receiver of central calendars; called from the publisher's thread."""

    def receive(self, text: str) -> None:
        """Take a message, which may be anything; empty: it was cleared."""

    def absent(self, known: str) -> None:
        """The broker has none; `known`: the newest `ts` of what it retained of this agent."""


@dataclass(slots=True)
class CalendarTopic:
    """Passes messages to the listener, if there is one.

    Attributes:
        absent_at_s: when nothing has come until then, the broker has none.
    """

    listener: CalendarListener | None
    absent_at_s: float = math.inf
    _known: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Topics to subscribe to, below the agent's."""
        return (NAME,) if self.listener else ()

    def subscribed(self, topic: str, now_s: float) -> None:
        """A subscription was granted."""
        if topic.endswith(f"/{NAME}"):
            self.absent_at_s = now_s + _RETAINED_S

    def note(self, own: Message) -> None:
        """Note a status or health of ours that the broker retained."""
        ts = own.content.get("ts")
        if own.retain and isinstance(ts, str):
            self._known = max(self._known, ts)

    def handle(self, message: Message) -> None:
        """Take a message."""
        self.absent_at_s = math.inf
        if self.listener:
            self.listener.receive(message.payload)

    def check(self, now_s: float) -> None:
        """Report that there is none, if it is time."""
        if now_s >= self.absent_at_s:
            self.absent_at_s = math.inf
            if self.listener:
                self.listener.absent(self._known)
