"""Who speaks on a connection, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.delivery.mqtt import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.core.journal import Entry
    from agent.delivery.mqtt import Broker
    from agent.delivery.payload import StatusWire
    from agent.delivery.served import Extras


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, and how: `root` of its topics, `info` and extras it publishes, `say` for the journal."""

    broker: Broker
    root: str
    info: Callable[[str, str], str]
    extras: Extras
    say: Callable[[int, Entry, object], None]

    def status(self, status: StatusWire) -> Message:
        """Who is there; `why` is null while online, and the will has no further fields."""
        body = status.model_dump_json(exclude_none=status.why is not None)
        return Message(f"{self.root}/status", body, retain=True)
