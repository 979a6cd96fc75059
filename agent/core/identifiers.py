"""Checked values behind options: identifiers, names, moments and days."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from agent.errors import ConfigError

_FIRST_YEAR, _LAST_YEAR = 1970, 2200


def moment(text: str) -> datetime:
    """The start of a recording, RFC 3339, in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not _FIRST_YEAR < at.year < _LAST_YEAR:
        raise ConfigError(f"--start {text}: give a time as in 2026-01-05T00:00:00Z, with its zone.")
    return at.astimezone(UTC)


def bound(option: str, text: str) -> datetime | date:
    """The start or end of a time range: a moment, RFC 3339, or a day of the calendar."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            at: datetime | date | None = date.fromisoformat(text)
        else:
            at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if (
        at is None
        or not _FIRST_YEAR < at.year < _LAST_YEAR
        or (isinstance(at, datetime) and at.tzinfo is None)
    ):
        raise ConfigError(
            f"{option} {text}: give a date as in 2026-11-22, or a time with its zone, 2026-11-22T07:30:00Z."
        )
    return at


def local_day(text: str) -> date:
    """A day of the calendar."""
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        day = None
    if day is None or not _FIRST_YEAR < day.year < _LAST_YEAR:
        raise ConfigError(f"--day {text}: give a date as in 2026-11-22.")
    return day


def replay_name(name: str | None, *, publish: bool) -> str | None:
    """The device name under which a replay is published; None: it is not."""
    if publish != (name is not None):
        raise ConfigError(
            "--publish and --as NAME go together: a replay is published under a name of its own."
        )
    return None if name is None else identifier("--as", name)


def agent_name(site_option: str, site: str, name_option: str, name: str) -> tuple[str, str]:
    """The site and name of one agent, checked each and together.

    Args:
        site_option: the option or configuration key that the site came from, for the message.
        site: 1–32 of a-z, 0-9 and '-'.
        name_option: the same for the name.
        name: the device's, like the site.

    Raises:
        ConfigError: one of them is malformed, or they are too long together.
    """
    identifier(site_option, site)
    identifier(name_option, name)
    if is_too_long(site, name):
        raise ConfigError(
            f"{site_option} {site} and {name_option} {name} have {len(site) + len(name)} characters "
            f"together; an agent's have at most {LONGEST_SITE_AND_NAME}."
        )
    return site, name


def identifier(option: str, text: str) -> str:
    """A site, a device's name or a rule's id."""
    if not re.fullmatch(r"[a-z0-9-]{1,32}", text):
        raise ConfigError(f"{option} {text}: it has only a-z, 0-9 and '-', at most 32 of them.")
    return text


LONGEST_SITE_AND_NAME: Final = 60
"""Characters of both; a certificate's name has room for 64, the '/' between them included."""


def is_too_long(site: str, name: str) -> bool:
    """Whether these two can't be the name of one agent, though each may be good alone."""
    return len(site) + len(name) > LONGEST_SITE_AND_NAME
