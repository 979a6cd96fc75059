"""Password for a broker, read again at each connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.credentials import origin
from agent.errors import DeliveryError

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 1024


def password_in(path: Path) -> str:
    """What is in a password_file.

    Raises:
        DeliveryError: it can't be read, or there is no password in it.
    """
    try:
        password = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DeliveryError(f"the password_file {path} can't be read ({why})") from error
    if not password or len(password) > _LONGEST or "\n" in password:
        # Systemd hands on an empty one where there is none.
        there = "has no password in it" if origin(path) == path else "is not there, or has no password in it"
        raise DeliveryError(f"the password_file {origin(path)} {there}; write it there, on one line")
    return password
