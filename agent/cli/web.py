"""Command `presence-central web`."""

from __future__ import annotations

# Cyclopts reads annotations.
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from agent.cli.log import log_to_stderr

CENTRAL_CONFIG = Path("/etc/presence-central/central.toml")
CentralConfigOption = Annotated[
    Path, Parameter(name="--config", help="The centre's configuration file (TOML).")
]


def web(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Serve the API over HTTPS, until stopped; each caller needs a token of `presence-central token`.

    The store is only read. A token that was removed, or is over, is refused at once, in open streams too.
    """
    from agent.app.web import serve
    from agent.central.settings import load

    log_to_stderr()
    serve(load(config))
    return 0
