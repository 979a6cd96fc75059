"""Layout of a centre: what somebody asks for, where its files are, and what central.toml says of them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Of the broker; a name that no subscriber of an office has already.
ACCOUNT: Final = "presence-central"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The broker of a province, which hears what the agents of one site say.

    Attributes:
        host: its name or address.
        port: for logins with a password, over TLS.
        site: which site.
        login: the office's account there, of `account.sh add-office`.
        password_file: holds its password.
        ca_file: certificate of the authority that signs its certificate.
    """

    host: str
    port: int
    site: str
    login: str
    password_file: Path
    ca_file: Path


@dataclass(frozen=True, slots=True)
class CentreWanted:
    """What somebody asks for.

    Attributes:
        name: host name by which browsers and devices reach this machine.
        folder: all of it goes in here, without root; None: into the system, as root.
        port: of pages and API.
        broker_port: for logins with a password.
        certificate_port: for logins with a certificate.
        upstream: None: nothing of it is changed.
    """

    name: str
    folder: Path | None
    port: int
    broker_port: int
    certificate_port: int
    upstream: Upstream | None = None


@dataclass(frozen=True, slots=True)
class CentreLayout:
    """Where everything is."""

    folder: Path
    broker: Path
    store: Path
    people: Path
    is_system: bool

    @property
    def config(self) -> Path:
        """central.toml, which everybody may read."""
        return self.folder / "central.toml"

    @property
    def password(self) -> Path:
        """The receiver's at the broker."""
        return self.folder / "broker-password"

    @property
    def certificate(self) -> Path:
        """Of pages and API."""
        return self.folder / "web.pem"

    @property
    def key(self) -> Path:
        """To that certificate."""
        return self.folder / "web.key"

    @property
    def authority(self) -> Path:
        """Who signed it, and the broker's."""
        return self.broker / "ca.pem"

    @property
    def broker_config(self) -> Path:
        """As `mosquitto.sh` writes it."""
        return (
            Path("/etc/mosquitto/conf.d/presence.conf") if self.is_system else self.broker / "mosquitto.conf"
        )


def layout_of(folder: Path | None) -> CentreLayout:
    """Where everything goes; `folder`: all of it in there, None: into the system."""
    if folder is None:
        return CentreLayout(
            Path("/etc/presence-central"),
            Path("/etc/mosquitto/presence"),
            Path("/var/lib/presence-central/store.db"),
            Path("/var/lib/presence-central-web/people.db"),
            is_system=True,
        )
    own = folder.absolute()
    return CentreLayout(own, own / "broker", own / "store.db", own / "people.db", is_system=False)


def broker_at(wanted: CentreWanted, layout: CentreLayout) -> tuple[str, int, int]:
    """Name of the broker on this machine, and its ports for passwords and certificates.

    One that is there keeps what it was set up with.

    Args:
        wanted: what is asked for.
        layout: where everything is.
    """
    names, ports = ["localhost"], [wanted.broker_port, wanted.certificate_port]
    with suppress(OSError):
        told = (layout.broker / "ca" / "server-names").read_text("utf-8").strip()
        names = [name.partition(":")[2] for name in told.split(",")]
    with suppress(OSError):
        found = re.findall(r"^listener (\d+)", layout.broker_config.read_text("utf-8"), re.MULTILINE)
        ports = [int(number) for number in found[:2]] if len(found) > 1 else ports
    return "localhost" if "localhost" in names else names[0], ports[0], ports[1]


def tables_of(wanted: CentreWanted, layout: CentreLayout) -> dict[str, dict[str, str | int]]:
    """The tables of central.toml, for the broker that is there or will be.

    Args:
        wanted: what is asked for.
        layout: where everything is.
    """
    host, port, _ = broker_at(wanted, layout)
    return {
        "store": {"url": f"sqlite:///{layout.store}"},
        "people": {"url": f"sqlite:///{layout.people}"},
        "mqtt": {
            "host": host, "port": port, "username": ACCOUNT,
            "password_file": str(layout.password), "ca_file": str(layout.authority),
        },
        "web": {
            "name": wanted.name, "port": wanted.port, "certificate_file": str(layout.certificate),
            "key_file": str(layout.key), "root_file": str(layout.authority),
        },
    }  # fmt: skip
