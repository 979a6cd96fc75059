"""Simulation as a command: a made-up province into a database of its own, or through a broker."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from agent.central.database.engine import database_url
from agent.central.database.store import DatabaseStore
from agent.central.simulate.feed import BrokerFeed, feed_store
from agent.central.simulate.plan import ZONE
from agent.central.simulate.province import MOST_DAYS, MOST_SITES, SimulatedProvince, SimulationSettings
from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.mqtt.connection import Broker

_LINGER_S: Final = 15.0


def simulation(sites: int, days: int, seed: int, until: date | None, *, keep: bool) -> SimulationSettings:
    """What is made up: so many days, the last of which may not be over.

    Args:
        sites: how many offices, 1–500.
        days: for how long, 1–800.
        seed: of the random numbers.
        until: the end, with its zone, or the last day; None: now.
        keep: the agents' events stay at hand.

    Raises:
        ConfigError: there can't be so many.
    """
    if not 1 <= sites <= MOST_SITES:
        raise ConfigError(f"--sites {sites}: give a number from 1 to {MOST_SITES}.")
    if not 1 <= days <= MOST_DAYS:
        raise ConfigError(f"--days {days}: give a number from 1 to {MOST_DAYS}.")
    end = until or datetime.now(UTC)
    if not isinstance(end, datetime):
        end = datetime.combine(end, time.max, ZONE)
    first = end.astimezone(ZONE).date() - timedelta(days=days - 1)
    return SimulationSettings(sites, days, seed, first, round(end.timestamp() * 1000), keep=keep)


def simulate_store(settings: SimulationSettings, address: str) -> int:
    """Fill a database that has nothing of an agent yet; return how many messages that took.

    Args:
        settings: what is made up.
        address: of the database, as in `[store] url`.

    Raises:
        ConfigError: there is no such database, or it has agents.
        LogError: it can't be written.
    """
    with DatabaseStore(database_url(address)) as store:
        if store.load():
            raise ConfigError("--db: this store has agents already; give the address of an empty one.")
        return feed_store(SimulatedProvince(settings).messages(), store)


def simulate_broker(settings: SimulationSettings, broker: Broker) -> int:
    """Publish it as agents do, and answer who asks again; return how many messages there were.

    Args:
        settings: what is made up; its agents keep their events.
        broker: where; its account may write for all of them.

    Raises:
        DeliveryError: the broker can't be reached, refuses, or is lost.
    """
    return BrokerFeed(SimulatedProvince(settings), broker).run(_LINGER_S)
