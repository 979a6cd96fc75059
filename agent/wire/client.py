"""Client id and keepalive of an agent's connection to a broker."""

from __future__ import annotations

from typing import Final

KEEPALIVE_S: Final = 30


def client_id(site: str, name: str, secret: str) -> str:
    """Return the client id of an agent's connection.

    The secret keeps others out: a broker ends a connection when another login, with whatever rights, comes
    under the same client id.

    Args:
        site: The agent's site.
        name: The agent's name.
        secret: `client_secret` of its event log.
    """
    return f"presence-{site}-{name}-{secret}"
