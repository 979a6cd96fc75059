"""Command `presence-central init`."""

from __future__ import annotations

import re

# Cyclopts reads annotations.
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agent.core.identifiers import identifier
from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.app.centre_layout import Upstream

_MQTTS = 8883
_MOST_PORT = 65535
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def init(
    *,
    name: Annotated[
        str, Parameter(help="Host name or address by which browsers and devices reach this machine.")
    ],
    dir_: Annotated[
        Path | None,
        Parameter(name="--dir", help="Everything into this folder, without root and without services."),
    ] = None,
    port: Annotated[int, Parameter(help="Of pages and API.")] = 8443,
    broker_port: Annotated[int, Parameter(help="Of the broker, for logins with a password.")] = _MQTTS,
    certificate_port: Annotated[int, Parameter(help="Of the broker, for logins with a certificate.")] = 8884,
    upstream: Annotated[
        str | None,
        Parameter(help="The province's broker: what the devices of --site publish goes there too."),
    ] = None,
    site: Annotated[str | None, Parameter(help="The office's site, with --upstream.")] = None,
    upstream_port: Annotated[int, Parameter(help="Of that broker.")] = _MQTTS,
    upstream_login: Annotated[
        str | None, Parameter(help="The office's account there, of `account.sh add-office`.")
    ] = None,
    upstream_password_file: Annotated[Path | None, Parameter(help="File with its password.")] = None,
    upstream_ca: Annotated[
        Path | None, Parameter(help="The authority that signs that broker's certificate.")
    ] = None,
) -> int:
    """Set up the centre on this machine: broker, authority, accounts, central.toml, first user, services.

    It does what is not done yet, and changes nothing else: it may be repeated. It says each step, and what to
    do next.
    """
    from agent.app.centre_init import initialise
    from agent.app.centre_layout import CentreWanted

    for option, number in (
        ("--port", port),
        ("--broker-port", broker_port),
        ("--certificate-port", certificate_port),
        ("--upstream-port", upstream_port),
    ):
        if not 1 <= number <= _MOST_PORT:
            raise ConfigError(f"{option} {number}: give a number from 1 to {_MOST_PORT}.")
    if not _HOST.fullmatch(name):
        raise ConfigError(f"--name {name}: give only a host name or an address, for example centre.example.")
    above = _above(upstream, upstream_port, site, upstream_login, upstream_password_file, upstream_ca)
    initialise(CentreWanted(name, dir_, port, broker_port, certificate_port, above), print)
    return 0


def _above(
    host: str | None,
    port: int,
    site: str | None,
    login: str | None,
    password_file: Path | None,
    ca_file: Path | None,
) -> Upstream | None:
    """The broker of the province; None: there is none."""
    from agent.app.centre_layout import Upstream

    needed = {
        "--site": site, "--upstream-login": login,
        "--upstream-password-file": password_file, "--upstream-ca": ca_file,
    }  # fmt: skip
    if host is None:
        if given := [option for option, value in needed.items() if value is not None]:
            raise ConfigError(f"{given[0]} goes with --upstream HOST only.")
        return None
    if site is None or login is None or password_file is None or ca_file is None:
        missing = next(option for option, value in needed.items() if value is None)
        raise ConfigError(
            f"--upstream {host}: {missing} is missing; whoever runs that broker gives it to the office "
            "(`account.sh add-office`)."
        )
    for path in (password_file, ca_file):
        if not path.is_file():
            raise ConfigError(f"--upstream {host}: there is no {path}.")
    return Upstream(
        host, port, identifier("--site", site), identifier("--upstream-login", login), password_file, ca_file
    )
