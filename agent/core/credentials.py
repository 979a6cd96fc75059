"""Secrets that systemd hands the service, and the files that it takes them from, which can be fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

# By the unit's LoadCredential=; nobody can write a secret there.
HANDED: Final = Path("/run/credentials/presence-agent.service")
ORIGINS: Final = Path("/etc/presence-agent")


def origin(path: Path) -> Path:
    """The file that somebody can write, of one that the configuration names."""
    return ORIGINS / path.name if path.parent == HANDED else path
