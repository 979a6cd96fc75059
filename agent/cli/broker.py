"""Commands that log in to a broker as somebody else than an agent: `watch`, `retire`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from agent.cli.log import CONFIG, ConfigOption, log_to_stderr
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

ProtocolOption = Annotated[Literal[5, 311], Parameter(help="311 for a broker that supports only MQTT 3.1.1.")]
PasswordOption = Annotated[Path | None, Parameter(help="File with the user's password.")]
CertificateOption = Annotated[Path | None, Parameter(help="The user's certificate, instead of a password.")]
KeyOption = Annotated[Path | None, Parameter(help="The certificate's private key.")]
AuthorityOption = Annotated[Path | None, Parameter(help="The authority that signs the broker's certificate.")]


def watch(
    *,
    broker: Annotated[
        str, Parameter(help="mqtt://[user@]host[:port], or mqtts:// for TLS.")
    ] = "mqtt://127.0.0.1",
    site: Annotated[str | None, Parameter(help="Only this site's agents.")] = None,
    json_: Annotated[bool, Parameter(name="--json", help="Print the events as they are published.")] = False,
    protocol: ProtocolOption = 5,
    password_file: PasswordOption = None,
    ca_file: AuthorityOption = None,
    certificate_file: CertificateOption = None,
    key_file: KeyOption = None,
) -> int:
    """Subscribe to a broker and print its events, one a line, until interrupted."""
    log_to_stderr()
    from agent.app.watch import watched
    from agent.device.signals import stop_signals
    from agent.mqtt.subscriber import broker_from_url

    to = broker_from_url(broker, protocol, password_file, ca_file, certificate_file, key_file)
    with stop_signals() as stop:
        for line in watched(to, site, stop, as_json=json_):
            print(line, flush=True)
    return 0


def retire(
    *,
    site: Annotated[str, Parameter(help="The agent's site.")],
    name: Annotated[str, Parameter(help="The agent's name.")],
    rule: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="A rule it had, where the account may not read what is retained.",
        ),
    ] = (),
    broker: Annotated[
        str | None, Parameter(help="mqtt://[user@]host[:port], or mqtts://; otherwise [mqtt] of --config.")
    ] = None,
    config: ConfigOption = CONFIG,
    protocol: ProtocolOption = 5,
    password_file: PasswordOption = None,
    ca_file: AuthorityOption = None,
    certificate_file: CertificateOption = None,
    key_file: KeyOption = None,
) -> int:
    """Clear what a broker retains of an agent that is gone: its status, info, health, states and discovery.

    Stop that agent first. On its own device its configuration and account are used; elsewhere give
    --broker and an account that may write below its topics.
    """
    from agent.app.retire import retired
    from agent.core.identifiers import agent_name, identifier
    from agent.mqtt.subscriber import broker_from_url

    agent_name("--site", site, "--name", name)
    for one in rule:
        identifier("--rule", one)
    rules = list(rule)
    if broker is None:
        # Elsewhere than on a device there is none of this.
        from agent.app.settings import settings_of
        from agent.config.load import load

        settings = settings_of(load(config))
        to = settings.broker
        if to is None:
            raise ConfigError(f"{config} has no [mqtt]; give --broker mqtts://HOST:PORT.")
        if (settings.sender.site, settings.sender.device) == (site, name):
            rules += [one.rule_id for one in settings.rules]
    else:
        to = broker_from_url(broker, protocol, password_file, ca_file, certificate_file, key_file)
    for topic in retired(to, site, name, rules):
        print(f"cleared {topic}")
    return 0


broker_commands: tuple[Callable[..., int], ...] = (watch, retire)
