"""Lock file of an event log: one agent at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import IO, TYPE_CHECKING

from agent.errors import BusyError, LogError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.eventlog.disk_space import DiskReserve


def locked(path: Path, room: DiskReserve) -> IO[str]:
    """Hold a log, making its folder if need be; whoever closes what this returns lets go of it.

    Raises:
        BusyError: another agent holds it.
        LogError: its folder can't be made or written.
    """
    name = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = name.open("w")
        except OSError as error:
            if error.errno != errno.ENOSPC or not room.release():
                raise
            file = name.open("w")
    except OSError as error:
        raise LogError(f"the event log {path} can't be written ({error.strerror}).") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise BusyError(
            f"another agent already runs with the event log {path}; stop it first, or set another [log] path."
        ) from error
    return file


def is_lock_of(file: IO[str], path: Path) -> bool:
    """Whether the file that is held is the one that others would find."""
    try:
        found = path.with_name(f"{path.name}.lock").stat()
    except OSError:
        return False
    held = os.fstat(file.fileno())
    return (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino)
