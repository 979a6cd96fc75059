"""Commands `presence-central web` and `presence-central token`: the API, and who may read it."""

from __future__ import annotations

from datetime import UTC, datetime

# Cyclopts reads annotations.
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from agent.cli.log import log_to_stderr
from agent.core.identifiers import identifier
from agent.errors import ConfigError
from agent.locale.language import reader_language

CENTRAL_CONFIG = Path("/etc/presence-central/central.toml")
CentralConfigOption = Annotated[
    Path, Parameter(name="--config", help="The centre's configuration file (TOML).")
]
_MOST_DAYS = 3660

token_app = App(name="token", help="Tokens with which programs read the API: each has its sites, and an end.")


def web(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Serve the API over HTTPS, until stopped; each caller needs a token of `presence-central token`.

    The store is only read. A token that was removed, or is over, is refused at once, in open streams too.
    """
    from agent.app.web import serve
    from agent.central.settings import load

    log_to_stderr()
    serve(load(config))
    return 0


@token_app.command
def add(
    name: Annotated[str, Parameter(help="Whose it is, such as board or statistics.")],
    *,
    site: Annotated[
        list[str] | None, Parameter(negative="", help="Only this site; again for each. Without it all.")
    ] = None,
    days: Annotated[int, Parameter(help="For how many days it is good.")] = 365,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Make a token, and print it: it is never shown again."""
    from agent.app.web import people_url
    from agent.central.settings import load
    from agent.central.tokens import TokenStore

    identifier("token", name)
    for one in site or ():
        identifier("--site", one)
    if not 1 <= days <= _MOST_DAYS:
        raise ConfigError(f"--days {days}: give a number from 1 to {_MOST_DAYS}.")
    tokens = TokenStore(people_url(load(config)))
    tokens.make()
    print(tokens.add(name, site or (), days))
    return 0


@token_app.command(name="list")
def list_(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Print whose tokens there are, what they may read, and until when."""
    from agent.app.web import people_url
    from agent.central.settings import load
    from agent.central.tokens import TokenStore

    tokens = TokenStore(people_url(load(config)))
    tokens.make()
    everything = reader_language().gettext("all sites")
    for token in tokens.all():
        ends = datetime.fromtimestamp(token.ends_ms / 1000, UTC)
        sites = everything if token.sites is None else " ".join(sorted(token.sites))
        print(f"{token.name}  {ends:%Y-%m-%d}  {sites}")
    return 0


@token_app.command
def remove(
    name: Annotated[str, Parameter(help="Whose it is.")], *, config: CentralConfigOption = CENTRAL_CONFIG
) -> int:
    """End a token: whoever comes with it is refused from now on."""
    from agent.app.web import people_url
    from agent.central.settings import load
    from agent.central.tokens import TokenStore

    tokens = TokenStore(people_url(load(config)))
    tokens.make()
    tokens.remove(name)
    return 0
