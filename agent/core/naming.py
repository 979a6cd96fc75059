"""Length of an agent's name: site and name, two levels of its topics and one name in its certificate."""

from __future__ import annotations

from typing import Final

LONGEST_SITE_AND_NAME: Final = 60
"""Characters of both; a certificate's name has room for 64, the '/' between them included."""


def is_too_long(site: str, name: str) -> bool:
    """Whether these two can't be the name of one agent, though each may be good alone."""
    return len(site) + len(name) > LONGEST_SITE_AND_NAME
