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
    """Serve pages and API over HTTPS, until stopped, to people, screens and programs.

    They are added by `presence-central user`, `screen` and `token`; who was removed is refused at once, in
    open streams too. The store is only read.
    """
    from agent.app.web import serve
    from agent.central.settings import load

    log_to_stderr()
    serve(load(config))
    return 0
