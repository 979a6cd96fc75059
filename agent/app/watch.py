"""`presence-agent watch`: events from a broker, one line each, for people."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.core.identifiers import identifier, is_too_long
from agent.mqtt.subscriber import received
from agent.render.sentences import harmless, sentence
from agent.wire.events import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from agent.mqtt.connection import Broker


def watched(broker: Broker, site: str | None, stop: Event, *, as_json: bool) -> Iterator[str]:
    """Yield a line for each event, and for agents that come and go.

    Args:
        broker: to subscribe to.
        site: whose agents are shown; None: those of all sites.
        stop: ends it.
        as_json: yield events as they were published, and nothing of agents that come and go.

    Raises:
        DeliveryError: the broker can't be reached, or refuses.
    """
    if site is not None:
        identifier("--site", site)
    root = f"{CONTRACT}/{site or '+'}/+"
    places: dict[str, tuple[str, str]] = {}
    for message in received(broker, [f"{root}/info", f"{root}/status", f"{root}/event/#"], stop):
        payload = message.content
        levels = message.topic.split("/")
        agent, kind = "/".join(levels[2:4]), levels[4]
        if is_too_long(*levels[2:4]):
            continue
        if kind == "info":
            places[agent] = str(payload.get("place", "")), str(payload.get("timezone", ""))
        elif payload and kind == "event" and as_json:
            # On one line and harmless to a terminal, whoever published it.
            yield message.payload if message.payload.isprintable() else json.dumps(payload)
        elif payload and not as_json:
            place, timezone = places.get(agent, ("", ""))
            name = f"{agent} {place}".rstrip()
            when = _local(payload.get("ts"), timezone)
            words = sentence(payload, timezone)
            yield harmless(f"{when}  {name}  {words}  [{message.topic.split('/', 4)[4]}]")


def _local(ts: object, timezone: str) -> str:
    """HH:MM:SS at the agent; the reader's present time if the payload has none."""
    try:
        moment = datetime.fromisoformat(str(ts))
        return f"{moment.astimezone(ZoneInfo(timezone) if timezone else None):%H:%M:%S}"
    except (ValueError, OSError, LookupError, OverflowError):
        return f"{datetime.now().astimezone():%H:%M:%S}"
