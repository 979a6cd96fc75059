"""Working hours that the centre sets for whole sites: from a file to the broker, for each device."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import TYPE_CHECKING

from agent.app.central_calendar import CentralCalendar, calendar_wire, checked, hours_wire
from agent.app.receive import broker_of, store_url
from agent.central.database.calendars import CalendarNow, calendars_now
from agent.central.database.engine import translated
from agent.central.database.reader import DatabaseReader
from agent.config.messages import read_toml
from agent.errors import ConfigError, DeliveryError
from agent.mqtt.calendar_topic import NAME
from agent.mqtt.connection import Connection, Message, PubAck
from agent.wire.base import CONTRACT
from agent.wire.calendar import CalendarCommandWire
from agent.wire.payloads import utc_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from agent.central.settings import CentralConfig

_WAIT_S = 1.0


def calendar_of(path: Path, at: datetime) -> CentralCalendar:
    """Read a file with the tables [[hours]] and [calendar], as a device would take it.

    Args:
        path: of the file.
        at: it is set now, with its zone; a device keeps what was set later.

    Raises:
        ConfigError: it is not valid; a sentence for each problem.
        AgentError: the public holidays that it names can't be worked out here.
    """
    raw = read_toml(path)
    if "hours" not in raw:
        raise ConfigError(
            f"{path}: [[hours]] is missing: add working hours as in an agent's configuration; "
            "`hours = []` is always open."
        )
    command = checked(raw)
    wire = CalendarCommandWire(hours=hours_wire(command), calendar=calendar_wire(command), ts=utc_text(at))
    return CentralCalendar.read(wire.text())


def send_calendar(config: CentralConfig, sites: Sequence[str], text: str) -> Iterator[str]:
    """Publish a message for each device of these sites that the store knows; yield which the broker has.

    Args:
        config: names store and broker.
        sites: of which.
        text: the message; empty: the devices' own configurations hold again.

    Raises:
        ConfigError: the store knows no device of one of them, or there is no broker; nothing is sent.
        LogError: the store can't be read.
        DeliveryError: the broker can't be reached, refuses, or is lost.
    """
    broker, _ = broker_of(config, "calendar")
    agents = [now.agent for now in calendars_of(config, sites)]
    refused: list[str] = []
    with closing(Connection(broker, f"presence-calendar-{secrets.token_hex(4)}")) as connection:
        connection.open()
        waiting: dict[int, str] = {}
        while agents or waiting:
            while agents and len(waiting) < connection.window:
                message = Message(f"{CONTRACT}/{agents[0]}/{NAME}", text, retain=True)
                waiting[connection.publish(message)] = agents.pop(0)
            for report in connection.pump(_WAIT_S):
                if isinstance(report, PubAck) and report.mid in waiting:
                    agent = waiting.pop(report.mid)
                    if report.refusal:
                        refused.append(agent)
                    else:
                        yield agent
    if refused:
        names = ", ".join(sorted({agent.partition("/")[0] for agent in refused}))
        raise DeliveryError(
            f"the broker {broker} does not let this account set the working hours of {names}; "
            "under [mqtt] give one of `account.sh add-central` for all of these sites."
        )


def calendars_of(config: CentralConfig, sites: Sequence[str]) -> list[CalendarNow]:
    """What the devices of these sites say of their working hours; of all, where none is given.

    Raises:
        ConfigError: the store knows no device of one of them.
        LogError: the store can't be read.
    """
    url = store_url(config.store)
    with DatabaseReader(url) as reader, translated(url):
        found = calendars_now(reader.connection)
    for site in sites:
        if not any(now.agent.startswith(f"{site}/") for now in found):
            raise ConfigError(
                f"--site {site}: the store knows no device of it; `presence-central status` shows all "
                "it knows."
            )
    return [now for now in found if not sites or now.agent.partition("/")[0] in sites]
