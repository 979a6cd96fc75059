"""Sentences about what a broker refuses (rights, quota)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.mqtt.connection import Broker

_QUOTA = "Quota exceeded"


def is_quota(reason: str) -> bool:
    """Whether the broker accepts no more messages for now."""
    return reason == _QUOTA


def may_not_publish(broker: Broker, root: str, reason: str) -> str:
    """A message was refused.

    Args:
        broker: it.
        root: of the agent's topics.
        reason: MQTT's name of it.
    """
    if is_quota(reason):
        return (
            f"the broker {broker} takes no more for now ({reason}): a limit that it sets is reached; "
            "raise the limit, or see which subscriber that is away has it keep messages; "
            "events stay in the log"
        )
    return (
        f"the broker {broker} does not let this agent publish below {root} ({reason}); "
        "check the broker's rights (ACL); events stay in the log"
    )


def may_not_read(broker: Broker, topic: str, reason: str) -> str:
    """A subscription was refused.

    Args:
        broker: it.
        topic: that was asked for.
        reason: MQTT's name of it.
    """
    return (
        f"the broker {broker} does not let this agent read {topic} ({reason}): "
        "nobody can ask it for missing events, and two agents on one name are not noticed; "
        "check the broker's rights (ACL)"
    )
