"""Manifest of `models/`: weights and samples, with their sources and digests."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.core.file_access import remedy, user
from agent.errors import ConfigError, ModelError
from agent.install.atomic import digest
from agent.networks.registry import family_of

if TYPE_CHECKING:
    from agent.networks.family import NetworkFamily

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
Side = Annotated[int, Field(gt=0, strict=True)]
# TOML has lists only, which are no tuples to the strict.
Shape = Annotated[tuple[Side, Side], Field(strict=False)]


class _ManifestEntry(_Frozen):
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


class Weights(_ManifestEntry):
    """Weights of a network.

    Attributes:
        network: name of its family, which decides how it is prepared, fed and decoded; `input` and `decoding`
            say it in words.
        shapes: heights and widths of its input in px, multiples of the family's; a picture is looked at in
            the one that fits it best.
        optional: fetched only when it is asked for by name.
    """

    kind: Literal["weights"]
    network: str
    input: str
    decoding: str
    shapes: Annotated[list[Shape], Field(min_length=1)]
    optional: bool = False

    @property
    def family(self) -> NetworkFamily:
        """The family that `network` names; ModelError: there is none."""
        return family_of(self.network)


class Sample(_ManifestEntry):
    """Footage to try the agent out with; nothing needs it in service."""

    kind: Literal["sample"]


ManifestEntry = Weights | Sample


class Manifest(_Frozen):
    """Everything that can be fetched."""

    entries: Annotated[list[Annotated[ManifestEntry, Field(discriminator="kind")]], Field(alias="entry")]

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Weights that the agent needs."""
        return tuple(entry for entry in self._all_weights if not entry.optional)

    @property
    def optional_weights(self) -> tuple[Weights, ...]:
        """Weights that it can use instead."""
        return tuple(entry for entry in self._all_weights if entry.optional)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Footage to try it out."""
        return tuple(entry for entry in self.entries if isinstance(entry, Sample))

    @property
    def _all_weights(self) -> tuple[Weights, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Weights))

    def named(self, name: str) -> ManifestEntry:
        """The entry of this name.

        Raises:
            ConfigError: there is none.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        names = ", ".join(entry.name for entry in self.entries)
        raise ConfigError(f"There is no model or sample called {name}; there are {names}.")


def models_directory() -> Path:
    """Directory of the weights: PRESENCE_AGENT_MODELS, or that of the manifest shipped with the agent."""
    named = os.environ.get("PRESENCE_AGENT_MODELS")
    return Path(named) if named else _shipped()


def load_manifest(directory: Path) -> Manifest:
    """Read a directory's manifest, or the one that came with the agent where it has none.

    Raises:
        ModelError: there is no manifest, or it is not valid, or names a network family that is not known.
    """
    own = directory / MANIFEST
    # Not Path.is_file, which raises where a folder is closed.
    path = own if os.path.isfile(own) else _shipped() / MANIFEST  # noqa: PTH113
    try:
        manifest = Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except PermissionError as error:
        raise unreadable(path.parent, error) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} can't be used, install presence-agent again: {reason}") from error
    for entry in (*manifest.weights, *manifest.optional_weights):
        if reason := _unfit(entry):
            raise ModelError(f"{path} can't be used, install presence-agent again: {entry.name}: {reason}.")
    return manifest


def _unfit(entry: Weights) -> str:
    """Why a family can't be fed with an entry's weights; empty: it can."""
    try:
        multiple_px = entry.family.feeding.multiple_px
    except ModelError as error:
        return str(error)
    wrong = [
        f"{height} × {width}" for height, width in entry.shapes if height % multiple_px or width % multiple_px
    ]
    return f"shapes {', '.join(wrong)}: sides must be multiples of {multiple_px} px" if wrong else ""


def unreadable(directory: Path, error: OSError) -> ModelError:
    """Error for weights that can't be read, with the command that fixes it."""
    return ModelError(
        f"{error.filename} can't be read ({error.strerror}); {weights_remedy(directory, error)}"
    )


def weights_remedy(directory: Path, error: OSError) -> str:
    """Command after which they can be read."""
    if isinstance(error, PermissionError) and os.access(directory.parent, os.X_OK, effective_ids=True):
        return f"run `sudo chmod -R a+rX {directory}`, so that the user {user()} may read them"
    fetch = "run `sudo presence-agent models fetch`"
    return remedy(directory, error, place="/srv", name="PRESENCE_AGENT_MODELS", otherwise=fetch)


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
