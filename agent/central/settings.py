"""Configuration of the centre, central.toml."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from agent.config.messages import read_toml, sentences
from agent.config.models import BaseConfig
from agent.config.types import (
    FilePath,
    Host,
    Id,
    Label,
    Protocol,
    Switch,
    Text,
    listed,
    otherwise,
    tables,
)
from agent.errors import ConfigError

_Days = Annotated[int, Field(ge=0, le=36_500), otherwise("give a number of days; 0 is for ever")]
_Months = Annotated[int, Field(ge=0, le=1200), otherwise("give a number of months; 0 is for ever")]
_SessionDays = Annotated[int, Field(ge=1, le=60), otherwise("give a number of days, 1 to 60")]
_IdleMinutes = Annotated[int, Field(ge=1, le=1440), otherwise("give a number of minutes, 1 to 1440")]
_SessionHours = Annotated[int, Field(ge=1, le=168), otherwise("give a number of hours, 1 to 168")]
_Port = Annotated[int, Field(ge=1, le=65535), otherwise("give a whole number from 1 to 65535")]


class StoreConfig(BaseConfig):
    """[store]: where what agents publish is stored, and for how long."""

    url: Text = "sqlite:////var/lib/presence-central/store.db"
    """SQLite's file, or PostgreSQL as postgresql+psycopg://user@host/database."""
    password_file: FilePath | None = None
    """Holds PostgreSQL's password."""
    subscriber_file: FilePath | None = None
    """A file of deploy/central/subscriber.py; what is in it is taken over once, and it stays as it is."""
    keep_events_days: _Days = 90
    """Days after which an event may go."""
    keep_sums_months: _Months = 25
    """Months after which quarters, days and hours of health go."""


class BrokerConfig(BaseConfig):
    """[mqtt]: the broker that the receiver subscribes to."""

    host: Host = Field(examples=["broker.example"])
    """Name or address, without a scheme."""
    tls: Switch = True
    """Whether the connection is encrypted; nothing falls back to false."""
    port: _Port = 8883
    """Of the broker."""
    protocol: Protocol = 5
    """5 for MQTT 5, 311 for MQTT 3.1.1."""
    username: Text | None = None
    """An account of `account.sh add-central`."""
    password_file: FilePath | None = None
    """Holds the password."""
    ca_file: FilePath | None = None
    """Who signs the broker's certificate; otherwise the system's authorities."""
    session_days: _SessionDays = 7
    """How long the broker keeps messages while the receiver is away."""


class PeopleConfig(BaseConfig):
    """[people]: who may look: people, screens, tokens, and the log of who looked."""

    url: Text = "sqlite:////var/lib/presence-central-web/people.db"
    """SQLite's file, or PostgreSQL, as in [store]; the process of `presence-central web` writes it."""
    password_file: FilePath | None = None
    """Holds PostgreSQL's password."""
    keep_access_months: _Months = 12
    """Months after which it is forgotten who looked."""


class WebConfig(BaseConfig):
    """[web]: where pages and API are served, over HTTPS."""

    name: Host = Field(examples=["centre.example"])
    """Host name by which it is called, as in its certificate."""
    host: Host = "0.0.0.0"  # noqa: S104 - who calls comes from other machines
    """Address to listen at; 0.0.0.0: all."""
    port: _Port = 8443
    """Of HTTPS."""
    certificate_file: FilePath = Field(examples=["/etc/presence-central/web.pem"])
    """Certificate in PEM: the office's own, or of `certificates.sh web`."""
    key_file: FilePath = Field(examples=["/etc/presence-central/web.key"])
    """The key to it."""
    root_file: FilePath | None = None
    """Certificate of the authority that signed it, for /root; without it browsers must know it already."""
    session_idle_minutes: _IdleMinutes = 60
    """Minutes without use after which one has to sign in again."""
    session_hours: _SessionHours = 12
    """Hours after which one has to sign in again in any case."""


_LINES = 'give a list of lines as device/rule, for example ["gate/main"]'


def _lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    if not lines or not all(re.fullmatch(r"[a-z0-9-]{1,32}/[a-z0-9-]{1,32}", line) for line in lines):
        raise ValueError(_LINES)
    return tuple(dict.fromkeys(lines))


class BuildingConfig(BaseConfig):
    """[[building]]: a building whose persons are counted by the lines at its doors."""

    site: Id = Field(examples=["que-phong"])
    """Site of its agents."""
    name: Label = Field(examples=["main house"])
    """Label for people, in any language."""
    lines: Annotated[
        tuple[Annotated[str, otherwise(_LINES)], ...], listed(_LINES), AfterValidator(_lines)
    ] = Field(examples=[["gate/main"]])
    """Every way in or out, as device/rule."""


class CentralConfig(BaseConfig):
    """The whole file."""

    store: StoreConfig = StoreConfig()
    people: PeopleConfig = PeopleConfig()
    mqtt: BrokerConfig | None = None
    web: WebConfig | None = None
    building: Annotated[tuple[BuildingConfig, ...], tables("building")] = ()


def load(path: Path) -> CentralConfig:
    """Read central.toml; ConfigError with all problems, a sentence each."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file; `presence-central init` makes one.")
    return checked(read_toml(path))


def checked(raw: dict[str, Any]) -> CentralConfig:
    """The configuration of these tables; ConfigError as `load`."""
    try:
        return CentralConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(*sentences(error, CentralConfig, raw)) from None
