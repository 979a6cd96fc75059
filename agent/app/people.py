"""People database as central.toml names it, and whoever changes it by a command."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from agent.central.database.engine import database_url
from agent.central.people.access_log import Actor
from agent.central.people.database import PeopleDatabase
from agent.errors import ConfigError, DeliveryError
from agent.mqtt.password import password_in

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from agent.central.settings import CentralConfig, WebConfig

_HTTPS = 443


def people_url(config: CentralConfig) -> URL:
    """Where people, screens and tokens are; ConfigError: there is no such database."""
    people = config.people
    try:
        password = password_in(people.password_file) if people.password_file else None
    except DeliveryError as error:
        raise ConfigError(f"[people] password_file: {error}.") from error
    return database_url(people.url, password, table="people")


def people_of(config: CentralConfig) -> PeopleDatabase:
    """The people database, not open yet."""
    return PeopleDatabase(people_url(config))


def web_of(config: CentralConfig) -> WebConfig:
    """The table [web]; ConfigError: there is none."""
    if config.web is None:
        raise ConfigError("[web] is missing: add this table, with name, certificate_file and key_file in it.")
    return config.web


def address_of(web: WebConfig) -> str:
    """By which browsers call it."""
    return f"https://{web.name}" if web.port == _HTTPS else f"https://{web.name}:{web.port}"


def whoever_types() -> Actor:
    """The user of this machine who gives the command; behind sudo, the one before it."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return Actor("command", name[:64])
