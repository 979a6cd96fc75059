"""File access: why this user can't read a path, and the command after which it can."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Final

# What systemd hides from a service by ProtectHome=yes: folders without any right.
_HIDDEN: Final = (Path("/home"), Path("/root"), Path("/run/user"))
# Where the service has folders of its own by PrivateTmp=yes.
_OWN_TMP: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - nothing is put there


def user() -> str:
    """Name of the user that this process runs as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"number {os.geteuid()}"


def remedy(path: Path, error: OSError, *, place: str, name: str, otherwise: str) -> str:
    """The remedy for a path that could not be read, a sentence without its full stop.

    Args:
        path: as it is configured.
        error: that reading it raised.
        place: a folder that the service can read, for what lies where it can't.
        name: of the key in the configuration, as `source under [camera]`.
        otherwise: what to do where rights are not what is missing.
    """
    real = Path(os.path.realpath(path))
    if isinstance(error, FileNotFoundError) and "CREDENTIALS_DIRECTORY" in os.environ:
        for tmp in _OWN_TMP:
            if tmp in real.parents:
                return f"the service has a {tmp} of its own: {_moved(path, place, name)}"
    if not isinstance(error, PermissionError):
        return otherwise
    if (folder := _closed_folder(real)) is None:
        rights = "a+rx" if os.path.isdir(real) else "a+r"  # noqa: PTH112 - never raises
        return f"run `sudo chmod {rights} {path}`, so that the user {user()} may read it"
    if folder in _HIDDEN and not stat.S_IMODE(folder.stat().st_mode):
        return f"nothing in {folder} is there for the service: {_moved(path, place, name)}"
    return f"run `sudo chmod a+x {folder}`, so that the user {user()} gets through it"


def _moved(path: Path, place: str, name: str) -> str:
    return f"run `sudo install -D -m 644 {path} {place}/{path.name}` and set {name} to {place}/{path.name}"


def _closed_folder(real: Path) -> Path | None:
    """The first folder on the way that this user does not get through."""
    for folder in reversed(real.parents):
        if not os.access(folder, os.X_OK, effective_ids=True):
            return folder
    return None
