"""Prepared models, made from the upstream files when these are fetched.

A file is called NAME-UPSTREAM-rRECIPE-ortVERSION-CONTENT.onnx, with the first digits of two
sha256: of the upstream file, and of its own content. So nothing is used that was made of another
file, by another recipe or another onnxruntime, or that is damaged.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.install.atomic import digest, file_for_all, folder_for_all, write_atomically, writing
from agent.install.graph import derive, optimised
from agent.install.manifest import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.install.manifest import Weights

# Raise it with every change of `derive`, `optimised` or what a family prepares that changes a model.
RECIPE = 3


def prepared_model(directory: Path, entry: Weights) -> Path:
    """The model that takes bytes and pictures of any shape, whole, for `onnxruntime.InferenceSession`.

    Raises:
        ModelError: it was not prepared, not by this agent with this onnxruntime, or is damaged.
    """
    damaged = False
    try:
        # A folder that is closed to us looks empty.
        with suppress(FileNotFoundError), os.scandir(directory / "prepared"):
            pass
        for path in _candidates(directory, entry):
            if _certified(path) == digest(path.read_bytes())[:16]:
                return path
            damaged = True
        others = bool(_of_entry(directory, entry))
    except OSError as error:
        raise unreadable(directory, error) from error
    how = (
        "is damaged"
        if damaged
        else "was made by another version of presence-agent or onnxruntime than is installed now"
        if others
        else "is missing"
    )
    raise ModelError(
        f"The prepared model {entry.name} {how} in {directory / 'prepared'}: "
        f"run `presence-agent models fetch {entry.name}`"
    )


def has_prepared(directory: Path, entry: Weights) -> bool:
    """Whether that model is there and whole."""
    try:
        prepared_model(directory, entry)
    except ModelError:
        return False
    return True


def prepare(directory: Path, entry: Weights, say: Callable[[str], None]) -> None:
    """Make an entry's prepared model if it is missing, and remove those of other versions.

    Args:
        directory: with the upstream files; the model is put below it, in `prepared`.
        entry: the network.
        say: takes a line once the model is made.

    Raises:
        ModelError: the upstream file is not there or not whole, or the disk refuses.
    """
    folder = directory / "prepared"
    with writing(directory):
        folder_for_all(folder)
        for path in _candidates(directory, entry):
            file_for_all(path)
    if not has_prepared(directory, entry):
        for path in _candidates(directory, entry):
            _remove(path)
        content = optimised(derive(_upstream(directory, entry), entry.family))
        write_atomically(folder / f"{_stem(entry)}-{digest(content)[:16]}.onnx", content)
        say(f"{entry.name}: prepared.")
    for path in set(_of_entry(directory, entry)) - set(_candidates(directory, entry)):
        _remove(path)


def _stem(entry: Weights) -> str:
    import onnxruntime as ort  # noqa: PLC0415 - not needed to list what is there

    return f"{entry.name}-{entry.sha256[:12]}-r{RECIPE}-ort{ort.__version__}"


def _candidates(directory: Path, entry: Weights) -> list[Path]:
    return sorted((directory / "prepared").glob(f"{_stem(entry)}-*.onnx"))


def _of_entry(directory: Path, entry: Weights) -> list[Path]:
    return sorted((directory / "prepared").glob(f"{entry.name}-*.onnx"))


def _certified(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def _upstream(directory: Path, entry: Weights) -> bytes:
    path = directory / entry.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(directory, error) from error
    if not entry.is_content(content):
        raise ModelError(f"{path} is damaged: run `presence-agent models fetch`")
    return content


def _remove(path: Path) -> None:
    with writing(path.parent):
        path.unlink(missing_ok=True)
