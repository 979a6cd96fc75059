"""`presence-agent watch`: what a broker passes on, a line an event, for people."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from agent.delivery.event_wire import CONTRACT
from agent.delivery.subscriber import broker_from_url, received
from agent.errors import ConfigError
from agent.words import harmless, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from agent.delivery.mqtt import Broker, Message

__all__ = ["broker_from_url", "watched"]


def watched(broker: Broker, site: str | None, stop: Event, *, as_json: bool) -> Iterator[str]:
    """Yield a line for each event, and for agents that come and go; as JSON only the events.

    Raises:
        DeliveryError: the broker can't be reached, or refuses.
    """
    if site is not None and not re.fullmatch(r"[a-z0-9-]{1,32}", site):
        raise ConfigError(f"--site {site}: a site's name has only a-z, 0-9 and '-', at most 32 of them.")
    root = f"{CONTRACT}/{site or '+'}/+"
    places: dict[str, tuple[str, str]] = {}
    for message in received(broker, [f"{root}/info", f"{root}/status", f"{root}/event/#"], stop):
        payload = _parsed(message)
        levels = message.topic.split("/")
        agent, kind = "/".join(levels[2:4]), levels[4]
        if kind == "info":
            places[agent] = str(payload.get("place", "")), str(payload.get("timezone", ""))
        elif payload and kind == "event" and as_json:
            # On one line and harmless to a terminal, whoever published it.
            yield message.payload if message.payload.isprintable() else json.dumps(payload)
        elif payload and not as_json:
            place, timezone = places.get(agent, ("", ""))
            name = f"{agent} {place}".rstrip()
            when = _local(payload.get("ts"), timezone)
            said = sentence(payload, timezone)
            yield harmless(f"{when}  {name}  {said}  [{message.topic.split('/', 4)[4]}]")


def _parsed(message: Message) -> dict[str, Any]:
    """What was published; anybody may publish anything, so nothing is taken for granted."""
    try:
        payload = json.loads(message.payload)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _local(ts: object, timezone: str) -> str:
    """Local time at the agent; what has no time is shown at the reader's."""
    try:
        moment = datetime.fromisoformat(str(ts))
        return f"{moment.astimezone(ZoneInfo(timezone) if timezone else None):%H:%M:%S}"
    except (ValueError, OSError, LookupError, OverflowError):
        return f"{datetime.now().astimezone():%H:%M:%S}"
