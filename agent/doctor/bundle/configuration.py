"""The configuration as written, limited to an allowed list: a new key is hidden until it is added there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from agent.config.load import load
from agent.config.messages import read_toml
from agent.config.models import digest
from agent.doctor.bundle.redaction import HIDDEN
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Paths of secrets may be seen, user names may not: a camera's is half of its login.
_SHOWN = {
    "device": "site name place timezone",
    "camera": "size fps rotation masks night password_file ca_file fingerprint",
    "detector": "model confidence faces face_confidence",
    "attention": "looks_per_s heartbeat_s zone_heartbeat_s zoom always",
    "tamper": (
        "covered_ratio covered_after_s dark_level dark_after_s blurred_ratio blurred_after_s moved_ratio "
        "moved_after_s frozen_ratio frozen_after_s identical_after_s restored_after_s reference_s "
        "accept_new_view_s"
    ),
    "hours": "days periods",
    "calendar": "country holidays workdays date like",
    "line": "id start end inside kinds used_by",
    "zone": "id polygon min_dwell_s overstay_s crowd crowd_after_s kinds",
    "counter": "id staff public unattended_after_s",
    "mqtt": "host tls port protocol password_file ca_file certificate_file key_file discovery",
    "log": "path keep_days keep_mb",
}
_LISTED = frozenset((table, key) for table, keys in _SHOWN.items() for key in keys.split())
_PLAIN_NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_LOCAL = re.compile(r"^(picamera2$|/)")


def is_shown(table: str, key: str) -> bool:
    """Whether the value under a key may be seen by whoever helps."""
    return (table, key) in _LISTED


def written(path: Path) -> tuple[dict[str, Any] | None, str]:
    """What a configuration file has, and its text; None: it is no TOML. Empty where it can't be read."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError:
        return None, ""
    try:
        return read_toml(path), text
    except ConfigError:
        return None, text


def configuration(path: Path, raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """The file for whoever helps: what is on the list, and the names of the rest.

    Args:
        path: of the file.
        raw: what it has; None: it is no TOML, or can't be read.
    """
    try:
        config = load(path)
    except ConfigError as error:
        said: dict[str, Any] = {"valid": False, "problems": list(error.problems)}
    else:
        said = {"valid": True, "digest": digest(config)}
    shown = {name: _table(name, value) for name, value in (raw or {}).items() if _PLAIN_NAME.match(name)}
    return {"path": str(path), **said, "written": shown if raw is not None else None}


def _table(table: str, value: object) -> object:
    if isinstance(value, list):
        return [_table(table, item) for item in value]
    if not isinstance(value, dict):
        return HIDDEN
    return {key: _value(table, key, item) for key, item in value.items() if _PLAIN_NAME.match(key)}


def _value(table: str, key: str, value: object) -> object:
    if (table, key) == ("camera", "source"):
        return _source(value)
    if isinstance(value, dict | list) and not is_shown(table, key):
        return HIDDEN
    match value:
        case dict():
            return {
                name: _value(table, name, item) for name, item in value.items() if _PLAIN_NAME.match(name)
            }
        case list():
            return [_value(table, key, item) for item in value]
    if not is_shown(table, key):
        return HIDDEN
    return value if isinstance(value, bool | int | float | str) else str(value)


def _source(value: object) -> str:
    """A device or file as it is; of an address the host."""
    if not isinstance(value, str):
        return HIDDEN
    scheme, separator, rest = value.partition("://")
    if not separator:
        return value if _LOCAL.match(value) else HIDDEN
    host = re.split(r"[/?#]", rest.rpartition("@")[2])[0]
    return f"{scheme}://{HIDDEN if '@' in rest else host}/{HIDDEN}"
