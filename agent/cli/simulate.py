"""Command `presence-central simulate`: a made-up office or province, for screens and tests."""

from __future__ import annotations

# Cyclopts reads annotations.
from typing import Annotated

from cyclopts import Parameter

from agent.cli.broker import AuthorityOption, PasswordOption, ProtocolOption  # noqa: TC001 - the same
from agent.cli.log import log_to_stderr
from agent.core.identifiers import bound
from agent.errors import ConfigError
from agent.locale.language import reader_language


def simulate(
    *,
    sites: Annotated[int, Parameter(help="Offices, with five devices each.")] = 1,
    days: Annotated[int, Parameter(help="Days that are made up, the last one included.")] = 31,
    seed: Annotated[int, Parameter(help="The same number makes the same offices.")] = 1,
    until: Annotated[
        str | None, Parameter(help="The last day, 2026-11-30, or a time with its zone; without it now.")
    ] = None,
    db: Annotated[
        str | None, Parameter(help="Database to fill, as in [store] url; it must be empty.")
    ] = None,
    broker: Annotated[
        str | None,
        Parameter(help="Broker to publish to instead, mqtt://[user@]host[:port], or mqtts:// for TLS."),
    ] = None,
    protocol: ProtocolOption = 5,
    password_file: PasswordOption = None,
    ca_file: AuthorityOption = None,
) -> int:
    """Make up offices with people, holidays, blind cameras, a power cut and an outage, from a seed.

    They are called office-001, office-002 and so on; a month of one takes about a minute. Through a broker
    the account must be one that may write for all agents; who asks for events again gets them, and
    the command ends once nobody has asked for 15 seconds.
    """
    from agent.app.simulate import simulate_broker, simulate_store, simulation
    from agent.mqtt.subscriber import broker_from_url

    log_to_stderr()
    if (db is None) == (broker is None):
        raise ConfigError("simulate: give --db or --broker, one of them.")
    end = None if until is None else bound("--until", until)
    made_up = simulation(sites, days, seed, end, keep=broker is not None)
    if db is not None:
        sent = simulate_store(made_up, db)
    else:
        to = broker_from_url(broker or "", protocol, password_file, ca_file)
        sent = simulate_broker(made_up, to)
    print(reader_language().gettext("{sent} messages.").format(sent=sent))
    return 0
