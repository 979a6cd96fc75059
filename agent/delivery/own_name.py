"""Who speaks on an agent's own topics: itself, before or now, a copy of its card, or another.

The client id of an agent has a secret in it: a broker hangs up on whoever is there when another login, with
whatever rights, comes under the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agent.delivery.commands import Presence
    from agent.delivery.served import Served

Whose = Literal["own", "own_before", "earlier_start", "copied", "foreign", "foreign_will"]


def client_id(site: str, name: str, secret: str) -> str:
    """As whom an agent connects; `secret` is its log's `client_secret`."""
    return f"presence-{site}-{name}-{secret}"


def whose(said: Presence, session: str, served: Served, *, retained: bool) -> Whose:
    """Tell by its session and log who published a status or health.

    `own_before`: the will of a connection that the broker only now holds for lost, or what a broker that
    crashed had saved of an earlier start. `earlier_start`: what was there before this process's first
    connection. `copied`: a log had gone on further than was ever told from here.
    `foreign_will`: as it comes late from this very agent, killed just before; where it begins a new log its
    client id is another one too, and the broker holds the old connection until its keepalive is over.
    """
    if said.session in {session, *served.sessions}:
        return "own" if said.session == session else "own_before"
    ours = served.log_of(said.log)
    # What came into the log since it was opened is no proof: a card that was put back fills up, too.
    if retained and ours and said.last_seq > ours.told_seq:
        return "copied"
    if not served.sessions:
        return "earlier_start"
    if not said.online and said.session in served.met:
        return "foreign_will"
    if retained and ours:
        return "own_before"
    return "foreign" if said.online or ours is None else "foreign_will"


def two_agents(root: str, their_log: str, log: str) -> str:
    """What the journal says of a second agent."""
    return (
        f"another agent publishes below {root} (its log is {their_log}, this one's is {log}); "
        "give one of them another [device] name"
    )


def copied_log(told_seq: int, known_seq: int) -> str:
    """What the journal says of a log that is a copy."""
    return (
        f"the broker knows this event log up to number {known_seq}, from this card it was told {told_seq}: "
        "the card is a copy, or was put back; a new log is begun"
    )
