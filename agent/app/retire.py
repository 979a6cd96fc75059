"""`presence-agent retire`: clears the retained topics of an agent that is gone."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from agent.errors import DeliveryError
from agent.mqtt.connection import Connection, Message
from agent.wire.events import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.mqtt.connection import Broker

# Retained messages come one after the other; so long after the last there are no more.
_QUIET_S = 1.0
_LONGEST_S = 20.0
_ALWAYS = ("status", "info", "health")


def retired(broker: Broker, site: str, name: str, rules: Sequence[str]) -> list[str]:
    """Clear the retained topics of an agent; return those that were cleared.

    An account with the agent's own rights reads only a part of them, so rules may be named.

    Args:
        broker: to clear it at.
        site: the agent's.
        name: the agent's.
        rules: ids of rules it may have had.

    Raises:
        DeliveryError: the broker can't be reached or refuses, or the agent is still online.
    """
    root = f"{CONTRACT}/{site}/{name}"
    home = f"homeassistant/device/{site}_{name}/config"
    found = _retained(broker, root, home)
    if _content(found, f"{root}/status").get("state") == "online":
        raise DeliveryError(
            f"{site}/{name} is online at {broker} and would publish it all again; stop that agent first."
        )
    known_rules = _content(found, f"{root}/info").get("rules")
    rules = [*rules, *(str(rule.get("rule")) for rule in known_rules or () if isinstance(rule, dict))]
    known = {f"{root}/{topic}" for topic in (*_ALWAYS, *(f"state/{rule}" for rule in rules))}
    topics = sorted({*known, *found, home})
    refused = list(_cleared(broker, topics))
    # There may be no discovery message, and an agent's account can't read whether there is one.
    missed = [topic for topic in refused if topic != home] or sorted(_retained(broker, root, home))
    if missed:
        remedy = "use the agent's own account, or one that may write below its topics"
        if all(topic.startswith(f"{root}/cmd/") for topic in missed):
            remedy = "all else is cleared; for what the centre left there use its account, or an admin's"
        raise DeliveryError(
            f"the broker {broker} does not let this account clear {', '.join(missed)}; {remedy}."
        )
    return [topic for topic in topics if topic not in refused]


def _retained(broker: Broker, root: str, home: str) -> dict[str, Message]:
    """Retained messages of an agent, as far as this account may read them."""
    found: dict[str, Message] = {}
    with _Open(broker) as connection:
        for topic in (f"{root}/#", *(f"{root}/{one}" for one in _ALWAYS), f"{root}/state/#", home):
            connection.subscribe(topic, needed=False)
        begin_s = quiet_s = time.monotonic()
        while (now_s := time.monotonic()) - quiet_s < _QUIET_S and now_s - begin_s < _LONGEST_S:
            for report in connection.pump(_QUIET_S / 4):
                if isinstance(report, Message) and report.retain and report.payload:
                    found[report.topic] = report
                    quiet_s = time.monotonic()
    return found


def _cleared(broker: Broker, topics: Iterable[str]) -> Iterator[str]:
    """Clear each topic by an empty retained message; yield those that the broker refuses."""
    with _Open(broker) as connection:
        for topic in topics:
            mid = connection.publish(Message(topic, "", retain=True))
            taken = False
            while not taken:
                for report in connection.pump(_QUIET_S):
                    if not isinstance(report, Message) and report.mid == mid:
                        taken = True
                        if report.refusal:
                            yield topic


class _Open:
    """A connection of its own, closed in order."""

    def __init__(self, broker: Broker) -> None:
        self._connection = Connection(broker, f"presence-retire-{secrets.token_hex(4)}")

    def __enter__(self) -> Connection:
        self._connection.open()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _content(found: Mapping[str, Message], topic: str) -> dict[str, Any]:
    return found[topic].content if topic in found else {}
