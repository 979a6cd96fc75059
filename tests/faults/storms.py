"""Variants of the plain storm: TLS and logins, MQTT 3.1.1, a log that is too small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.broker import script
from tests.faults.network import BROKER_AT
from tests.faults.processes import PORT, broker_command, mosquitto
from tests.faults.sender import NAME, SITE

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from pathlib import Path

_SMALL_MB = 1
_CENTRAL = "central"
# Where deploy/broker/mosquitto.sh has logins with a password, and those with a certificate.
_PASSWORD_PORT, _CERTIFICATE_PORT = 8883, 8884


@dataclass(frozen=True, slots=True)
class Storm:
    """How the two ends talk, and how much the agent's log keeps.

    Attributes:
        tls: a broker of deploy/broker with an authority of its own; the device logs in with a certificate,
            the receiver with a password, and each may do what the scripts let it.
        protocol: of both ends: 5 or 311.
        small_log: it keeps a megabyte, and the broker is away ten times as long: events must be dropped.
    """

    tls: bool = False
    protocol: int = 5
    small_log: bool = False

    def __str__(self) -> str:
        """Differences from the plain storm."""
        names = {"TLS": self.tls, "MQTT 3.1.1": self.protocol == 311, "small log": self.small_log}
        return ", ".join(name for name, holds in names.items() if holds)

    def broker(self, folder: Path, *, persistence: bool) -> Sequence[str | Path]:
        """Starts the broker, whose files are made here."""
        if not self.tls:
            return broker_command(folder, persistence=persistence)
        central = folder / "broker"
        names = [word for address in BROKER_AT.values() for word in ("--name", address)]
        _ran("mosquitto", "--dir", central, *names)
        _ran("account", "add-device", SITE, NAME, "--certificate", "--dir", central)
        password = central / f"{_CENTRAL}.password"
        _ran("account", "add-central", _CENTRAL, "--password-file", password, "--dir", central)
        config = central / "mosquitto.conf"
        if not persistence:
            text = config.read_text()
            assert text.count("\npersistence true\n") == 1
            config.write_text(text.replace("\npersistence true\n", "\npersistence false\n"))
        return [mosquitto(), "-c", config]

    def agent(self, folder: Path) -> list[str | Path]:
        """Further arguments of the sender: where it connects, and how."""
        words: list[str | Path] = ["--protocol", str(self.protocol)]
        if self.small_log:
            words += ["--keep-mb", str(_SMALL_MB)]
        if not self.tls:
            return [BROKER_AT["agent"], str(PORT), *words]
        issued = folder / "broker" / "issued" / f"{SITE}_{NAME}"
        words += ["--ca-file", folder / "broker" / "ca.pem"]
        words += ["--certificate-file", issued.with_suffix(".pem"), "--key-file", issued.with_suffix(".key")]
        return [BROKER_AT["agent"], str(_CERTIFICATE_PORT), *words]

    def receiver(self, folder: Path) -> list[str | Path]:
        """The same for the subscriber."""
        at, protocol = BROKER_AT["receiver"], ["--protocol", str(self.protocol)]
        if not self.tls:
            return ["--broker", f"mqtt://{at}:{PORT}", *protocol]
        central = folder / "broker"
        return [
            "--broker", f"mqtts://{_CENTRAL}@{at}:{_PASSWORD_PORT}", *protocol,
            "--ca-file", central / "ca.pem", "--password-file", central / f"{_CENTRAL}.password",
        ]  # fmt: skip


def storm_options(parser: ArgumentParser) -> None:
    """What makes a run another one than the plain one; together too."""
    parser.add_argument(
        "--tls", action="store_true", help="over TLS, with logins and rights of deploy/broker"
    )
    parser.add_argument("--protocol", type=int, choices=(5, 311), default=5, help="of both ends")
    parser.add_argument("--small-log", action="store_true", help="events must be dropped: none in silence")


def storm_of(given: Namespace) -> Storm:
    """The storm that was asked for."""
    return Storm(given.tls, given.protocol, given.small_log)


def _ran(name: str, *words: str | Path) -> None:
    done = script(name, *words)
    assert done.returncode == 0, done.stderr
