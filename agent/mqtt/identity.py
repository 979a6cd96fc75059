"""Identity of an agent at the broker, and of whoever else publishes on its topics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.mqtt.connection import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.core.log_messages import LogMessage
    from agent.mqtt.connection import Broker
    from agent.mqtt.publish_state import Callbacks, PublishState
    from agent.wire.commands import Presence
    from agent.wire.payloads import StatusWire

SenderKind = Literal["own", "own_before", "earlier_start", "copied", "foreign", "foreign_will"]


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """An agent at the broker.

    Attributes:
        root: of its topics.
        info: makes the info payload from the log's id and the session.
        log_once: writes a transition into the journal; the same again is not written.
    """

    broker: Broker
    root: str
    info: Callable[[str, str], str]
    callbacks: Callbacks
    log_once: Callable[[int, LogMessage, object], None]

    def status(self, status: StatusWire) -> Message:
        """Make the retained status; `why` is null while online, and the will has no further fields."""
        body = status.model_dump_json(exclude_none=status.why is not None)
        return Message(f"{self.root}/status", body, retain=True)


def classify_sender(
    presence: Presence, session: str, publish_state: PublishState, *, retained: bool
) -> SenderKind:
    """Classify who published on this agent's topics: this run, an earlier one, a cloned card, another agent.

    `own_before`: the will of a connection that the broker only now holds for lost, or what a broker that
    crashed had saved of an earlier start. `earlier_start`: what was there before this process's first
    connection. `copied`: a log had gone on further than was ever sent from here.
    `foreign_will`: as it comes late from this very agent, killed just before; where it starts a new log its
    client id is another one too, and the broker holds the old connection until its keepalive is over.

    Args:
        presence: its sender, as the payload names it.
        session: of this connection.
        publish_state: with the logs and earlier sessions of this process.
        retained: whether it was there before the subscription.
    """
    if presence.session in {session, *publish_state.sessions}:
        return "own" if presence.session == session else "own_before"
    ours = publish_state.log_of(presence.log)
    # What came into the log since it was opened is no proof: a card that was put back fills up, too.
    if retained and ours and presence.last_seq > ours.reported_seq:
        return "copied"
    if not publish_state.sessions:
        return "earlier_start"
    if not presence.online and presence.session in publish_state.met:
        return "foreign_will"
    if retained and ours:
        return "own_before"
    return "foreign" if presence.online or ours is None else "foreign_will"


def two_agents(root: str, their_log: str, log: str) -> str:
    """Make the journal's sentence about a second agent.

    Args:
        root: of the topics of both.
        their_log: id of its log.
        log: id of this agent's.
    """
    return (
        f"another agent publishes below {root} (its log is {their_log}, this one's is {log}); "
        "give one of them another [device] name"
    )


def copied_log(sent_seq: int, known_seq: int) -> str:
    """Make the journal's sentence about a log that is a copy."""
    return (
        f"the broker knows this event log up to number {known_seq}, this card published up to {sent_seq}: "
        "the card is a copy, or was restored; a new log is started"
    )
