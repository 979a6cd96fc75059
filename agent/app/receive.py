"""The centre's receiver as a service: broker, database, retention put together from central.toml."""

from __future__ import annotations

import logging
from dataclasses import asdict
from time import time_ns
from typing import TYPE_CHECKING, Any

from agent.central.database.buildings import inside_now
from agent.central.database.engine import database_url, shown, translated
from agent.central.database.reader import DatabaseReader
from agent.central.database.store import DatabaseStore
from agent.central.database.takeover import take_over
from agent.central.messages import ROOT
from agent.central.overview import overview
from agent.central.receiver import Receiver
from agent.central.receiving import receive as receive_from
from agent.central.retention import StoreRetention
from agent.device.signals import stop_signals
from agent.device.systemd import Systemd
from agent.errors import ConfigError, DeliveryError
from agent.mqtt.connection import Broker
from agent.mqtt.password import password_in
from agent.mqtt.subscriber import Subscriber

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from agent.central.settings import BrokerConfig, CentralConfig, StoreConfig

_log = logging.getLogger(__name__)

_DAY_S = 86_400
# A month for whom sums are kept is 30 days and a half.
_MONTH_DAYS = 30.5
_TOPICS = ("event/#", "replay/#", "state/#", "info", "health", "status")


def store_url(store: StoreConfig) -> URL:
    """Where the store is.

    Raises:
        ConfigError: there is no such database, or its password can't be read.
    """
    try:
        password = password_in(store.password_file) if store.password_file else None
    except DeliveryError as error:
        raise ConfigError(f"[store] password_file: {error}.") from error
    return database_url(store.url, password)


def broker_of(config: CentralConfig, command: str) -> tuple[Broker, BrokerConfig]:
    """The broker, which a command needs; ConfigError: there is none in the configuration."""
    mqtt = config.mqtt
    if mqtt is None:
        raise ConfigError(
            f"[mqtt] is missing: add this table, with host in it; `{command}` needs the broker."
        )
    broker = Broker(
        mqtt.host, mqtt.port, mqtt.protocol, mqtt.tls, mqtt.username, mqtt.password_file, mqtt.ca_file
    )
    return broker, mqtt


def receive(config: CentralConfig) -> None:
    """Store what agents publish, until told to stop.

    Raises:
        ConfigError: there is no broker in the configuration, or a database that can't be.
        BusyError: another receiver stores to it.
        LogError: the store can't be opened.
    """
    broker, mqtt = broker_of(config, "receive")
    url, systemd = store_url(config.store), Systemd()
    with stop_signals() as stop, DatabaseStore(url) as store:
        if config.store.subscriber_file:
            take_over(store, config.store.subscriber_file)
        receiver = Receiver(store).load()
        retention = StoreRetention(
            store,
            lambda: receiver.agents,
            lambda: receiver.newest_ms,
            keep_days=config.store.keep_events_days,
            # Sums stay in tables of their own, whatever becomes of the events that brought them.
            keep_sums_days=config.store.keep_events_days,
            keep_tables_days=round(config.store.keep_sums_months * _MONTH_DAYS),
        )
        subscriber = Subscriber(
            broker,
            store.client_id(),
            [f"{ROOT}/+/+/{name}" for name in _TOPICS],
            stop,
            keep_session_s=mqtt.session_days * _DAY_S,
        )
        _log.info("storing to %s what agents publish", shown(url))
        systemd.ready(f"storing to {shown(url)}")
        try:
            receive_from(subscriber, receiver, retention, stop)
        finally:
            subscriber.close()


def status(config: CentralConfig) -> dict[str, Any]:
    """What is stored, and what is missing (`agent.central.overview`), and who is in each building.

    ::

        "buildings": [{"site", "name", "persons", "why", "line", "since_ms", "blind_s"}]
    """
    url, now_ms = store_url(config.store), time_ns() // 1_000_000
    with DatabaseReader(url) as reader, translated(url):
        inside = [
            {"site": building.site, "name": building.name}
            | asdict(inside_now(reader.connection, building, now_ms))
            for building in config.building
        ]
        return overview(reader) | {"buildings": inside}


def check(config: CentralConfig) -> None:
    """Read what the configuration names: ConfigError where something of it can't be so."""
    store_url(config.store)
    if config.mqtt and config.mqtt.password_file:
        try:
            password_in(config.mqtt.password_file)
        except DeliveryError as error:
            raise ConfigError(f"[mqtt] password_file: {error}.") from error
    if config.mqtt and config.mqtt.ca_file and not config.mqtt.ca_file.is_file():
        raise ConfigError(f"[mqtt] ca_file: there is no {config.mqtt.ca_file}.")
