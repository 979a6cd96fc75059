"""Atomic writing of files: whole under their name, also after a power cut."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def digest(content: bytes) -> str:
    """Sha256 in hex."""
    return hashlib.sha256(content).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Put a file under its name, readable for everybody, or leave what was there as it was.

    Raises:
        ModelError: the directory can't be written, or its disk is full.
    """
    with writing(path.parent):
        replace_atomically(path, content, 0o644)


def folder_for_all(path: Path) -> None:
    """Make a folder, and those above it, that everybody may read, whatever this user's umask.

    Raises:
        OSError: it can't be made, or is another user's and closed.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in {path, *made}:
        _open_to_all(folder, 0o555)


def file_for_all(path: Path) -> None:
    """Let everybody read a file.

    Raises:
        OSError: it is another user's, and closed.
    """
    _open_to_all(path, 0o444)


def _open_to_all(path: Path, rights: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode | rights != mode:
        path.chmod(mode | rights)


def replace_atomically(path: Path, content: bytes, mode: int) -> None:
    """Replace a file so that after a power cut it is either the new one, whole, or the old one.

    Args:
        path: of the file; written beside it as `.NAME.new` first.
        content: of the file.
        mode: its permissions, such as 0o600; left as they are where the file system has none (FAT).

    Raises:
        OSError: it can't be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        # Nobody else reads it while it is written.
        with open(new, "wb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A stick with FAT has no modes, and refuses them: there it is as it was mounted.
        with suppress(PermissionError):
            new.chmod(mode)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def remove_durably(path: Path) -> None:
    """Remove a file so that it stays removed after a power cut; one that is not there is no error.

    Raises:
        OSError: it can't be removed.
    """
    path.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what a disk refuses into one sentence.

    Raises:
        ModelError: an OSError came from within.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            remedy = "free some space there"
        else:
            remedy = "make it writable for this user, or name another one in PRESENCE_AGENT_MODELS"
        raise ModelError(f"{directory} can't be written: {error.strerror or error}; {remedy}") from error
