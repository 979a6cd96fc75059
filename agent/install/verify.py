"""Verification of `models/` against its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.errors import ModelError
from agent.install.manifest import Weights, unreadable
from agent.install.prepare import prepared_model

if TYPE_CHECKING:
    from pathlib import Path

    from agent.install.manifest import Manifest, ManifestEntry


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One line of a listing; `state` is by size alone."""

    name: str
    kind: Literal["weights", "optional", "sample"]
    file: str
    size_bytes: int
    licence: str
    what: str
    state: Literal["there", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """Result of one file; `needed` is False for samples and optional weights.

    Status `closed`: this user may not read it.
    """

    name: str
    status: Literal["ok", "missing", "wrong", "closed"]
    needed: bool
    line: str


def listing(manifest: Manifest, directory: Path) -> list[ManifestRow]:
    """Rows of all entries, with what is there by size; the files are not read."""
    rows = []
    for entry in manifest.entries:
        path = directory / entry.file
        size = path.stat().st_size if path.is_file() else None
        state: Literal["there", "missing", "wrong"]
        state = "missing" if size is None else "there" if size == entry.size_bytes else "wrong"
        kind = "optional" if isinstance(entry, Weights) and entry.optional else entry.kind
        rows.append(
            ManifestRow(entry.name, kind, entry.file, entry.size_bytes, entry.licence, entry.what, state)
        )
    return rows


def verify(manifest: Manifest, directory: Path) -> list[FileCheck]:
    """Compare every file, and every model prepared from one, with its sha256.

    Optional weights that are there have to be prepared, too.
    """
    findings = []
    for entry in manifest.entries:
        findings.append(_verified(entry, directory))
        if isinstance(entry, Weights) and (not entry.optional or findings[-1].status != "missing"):
            findings.append(_verified_prepared(entry, directory))
    return findings


def _verified(entry: ManifestEntry, directory: Path) -> FileCheck:
    path = directory / entry.file
    again = f"get it with `presence-agent models fetch {entry.name}`"
    optional = isinstance(entry, Weights) and entry.optional
    needed = isinstance(entry, Weights) and not optional
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        whether = "is not there, and is optional" if optional else "is not there"
        return FileCheck(entry.name, "missing", needed, f"{path} {whether}: {again}")
    except OSError as error:
        status = _status(error, "wrong")
        return FileCheck(entry.name, status, needed, str(unreadable(directory, error)))
    if len(content) != entry.size_bytes:
        sizes = f"has {len(content):,} bytes instead of {entry.size_bytes:,}"
        return FileCheck(entry.name, "wrong", needed, f"{path} {sizes}: {again}")
    if not entry.is_content(content):
        return FileCheck(entry.name, "wrong", needed, f"{path} has another sha256 than it should: {again}")
    return FileCheck(entry.name, "ok", needed, f"{path} is whole, sha256 {entry.sha256}")


def _verified_prepared(entry: Weights, directory: Path) -> FileCheck:
    try:
        path = prepared_model(directory, entry)
    except ModelError as error:
        return FileCheck(entry.name, _status(error.__cause__, "missing"), True, str(error))
    return FileCheck(entry.name, "ok", True, f"{path} is whole")


def _status(
    error: BaseException | None, otherwise: Literal["missing", "wrong"]
) -> Literal["missing", "wrong", "closed"]:
    return "closed" if isinstance(error, PermissionError) else otherwise
