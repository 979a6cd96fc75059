"""Fetching of what the manifest names; a file is put in place only if its digest is right."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.install.atomic import file_for_all, folder_for_all, write_atomically, writing
from agent.install.download import AttemptError
from agent.install.manifest import MANIFEST, DebianSource, PypiSource, UrlSource, Weights
from agent.install.prepare import prepare
from agent.install.sources import (
    announced,
    from_debian,
    from_directory,
    from_pypi,
    from_url,
    megabytes,
    package_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.install.manifest import Manifest, ManifestEntry, Source

    Progress = Callable[[int, int], None]
    Say = Callable[[str], None]

WORK = ".fetch-"


def fetch(
    manifest: Manifest,
    directory: Path,
    names: Sequence[str] = (),
    *,
    from_dir: Path | None = None,
    say: Say = lambda _: None,
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Put the named files into a directory, and prepare the weights; everybody may read them.

    If none is named, all weights; of the optional ones those that are there.

    Args:
        manifest: what can be fetched, and from where.
        directory: where it is put; made if it is not there.
        names: names of entries.
        from_dir: a directory to take everything from instead of the network.
        say: takes a line on each thing that is done, and on why one did not work.
        progress: takes bytes done and bytes in all; for packages both are near enough.

    Raises:
        ConfigError: the manifest has no such name.
        ModelError: a file can't be had (the others are there then), or the disk refuses.
    """
    directory = directory.resolve()
    wanted = [manifest.named(name) for name in names] or _usual(manifest, directory)
    failures = []
    with _alone_in(directory):
        if (own := directory / MANIFEST).exists():
            with writing(directory):
                file_for_all(own)
        for entry in wanted:
            try:
                _provide(entry, directory, from_dir, say, progress)
            except AttemptError as error:
                failures.append(f"{entry.name} could not be fetched: {error}")
                continue
            if isinstance(entry, Weights):
                prepare(directory, entry, say)
    if failures:
        raise ModelError("\n".join(failures))


def _usual(manifest: Manifest, directory: Path) -> list[ManifestEntry]:
    there = [entry for entry in manifest.optional_weights if (directory / entry.file).exists()]
    return [*manifest.weights, *there]


def _provide(
    entry: ManifestEntry, directory: Path, from_dir: Path | None, say: Say, progress: Progress
) -> None:
    path = directory / entry.file
    if path.exists():
        with writing(directory):
            whole = entry.is_content(path.read_bytes())
            if whole:
                file_for_all(path)
            else:
                path.unlink()
        if whole:
            say(f"{entry.name}: already there, {path} ({megabytes(entry.size_bytes)}).")
            return
        say(f"{entry.name}: {path} was damaged or another file; getting it again.")
    if from_dir is not None:
        content = from_directory(entry, from_dir, say)
        if content is None:
            raise AttemptError(f"it is not in {from_dir}; put there {_would_do(entry)}")
    else:
        content = _from_sources(entry, directory, say, progress)
    write_atomically(path, content)
    say(f"{entry.name}: in place, {path} ({megabytes(entry.size_bytes)}).")


def _from_sources(entry: ManifestEntry, directory: Path, say: Say, progress: Progress) -> bytes:
    part = directory / f"{entry.file}.part"
    for number, source in enumerate(entry.sources, start=1):
        say(f"{entry.name}: {announced(source, entry)}.")
        try:
            content = _from_source(source, entry, part, say, progress)
        except AttemptError as error:
            then = "trying the next source" if number < len(entry.sources) else "that was the last source"
            say(f"{entry.name}: that did not work ({error}); {then}.")
            continue
        with writing(directory):
            part.unlink(missing_ok=True)
        return content
    raise AttemptError(
        "no source of it worked. Connect this machine to the network and try again, "
        f"or use --from with a directory that holds {_would_do(entry)}"
    )


def _would_do(entry: ManifestEntry) -> str:
    file = f"{entry.file} (any name, {entry.size_bytes:,} bytes)"
    return ", or ".join([file, *package_files(entry)])


def _from_source(source: Source, entry: ManifestEntry, part: Path, say: Say, progress: Progress) -> bytes:
    if isinstance(source, UrlSource):
        return from_url(source, entry, part, progress)
    free_mb = shutil.disk_usage(part.parent).free / 1e6
    if free_mb < source.download_mb:
        raise AttemptError(f"only {free_mb:.0f} MB are free in {part.parent}")
    with writing(part.parent):
        aside = TemporaryDirectory(dir=part.parent, prefix=WORK)
    with aside as work:
        match source:
            case PypiSource():
                content = from_pypi(source, entry, Path(work), progress)
            case DebianSource():
                content = from_debian(source, entry, Path(work), say, progress)
    if not entry.is_content(content):
        raise AttemptError("what is in it is not the file that the manifest names")
    return content


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Lock the directory against a second fetch, and remove leftovers of a killed one."""
    with writing(directory):
        folder_for_all(directory)
        held = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f"Another fetch into {directory} is running; wait until it is done.") from error
        for left in directory.glob(f"{WORK}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(held)
