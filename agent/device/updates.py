"""Archive that this device takes updates from, as apt has it: its suite, and when its index was signed."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

# Both by deploy/archive/device.sh and deploy/archive.sh.
SOURCES: Final = "etc/apt/sources.list.d/presence-agent.sources"
_ORIGIN: Final = "presence-agent"
_LISTS: Final = "var/lib/apt/lists"
_SUITE: Final = re.compile(r"[a-z0-9-]{1,32}")


def followed_suite(root: Path = Path("/")) -> str | None:
    """Suite that updates come from, like `trixie-canary`; None: this device has no archive."""
    fields = _fields(root / SOURCES)
    suite = fields.get("suites", "")
    if fields.get("enabled", "yes").lower() in {"no", "false", "off", "0"} or not _SUITE.fullmatch(suite):
        return None
    return suite


def index_signed_at(suite: str, root: Path = Path("/")) -> datetime | None:
    """When the newest index of a suite of ours that apt has was signed, UTC; None: it has none.

    apt puts there only what the archive's key has signed.
    """
    signed = []
    for name in ("InRelease", "Release"):
        for path in (root / _LISTS).glob(f"*_dists_{suite}_{name}"):
            fields = _fields(path)
            with suppress(ValueError):
                if fields.get("origin") == _ORIGIN:
                    signed.append(parsedate_to_datetime(fields.get("date", "")).astimezone(UTC))
    return max(signed, default=None)


def _fields(path: Path) -> dict[str, str]:
    """Fields of the first lines of a file in Debian's form, in lower case; none where it can't be read."""
    fields: dict[str, str] = {}
    with suppress(OSError, UnicodeDecodeError):
        for line in path.read_text("utf-8").splitlines():
            name, colon, value = line.partition(":")
            if colon and name and not name[0].isspace() and not name.startswith("#"):
                fields.setdefault(name.lower(), value.strip())
    return fields
