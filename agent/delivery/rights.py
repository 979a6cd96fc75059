"""What is said where the broker's rights are not those that the agent needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.delivery.mqtt import Broker


def may_not_publish(broker: Broker, root: str, reason: str) -> str:
    """What is written is refused."""
    return (
        f"the broker {broker} does not let this agent publish below {root} ({reason}); "
        "check the broker's rights (ACL); events stay in the log"
    )


def may_not_read(broker: Broker, topic: str, reason: str) -> str:
    """A subscription is refused."""
    return (
        f"the broker {broker} does not let this agent read {topic} ({reason}): "
        "nobody can ask it for missing events, and two agents on one name are not noticed; "
        "check the broker's rights (ACL)"
    )
