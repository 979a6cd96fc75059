"""Shared libraries that compiled files ask Debian for, read from their ELF headers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_MAGIC: Final = b"\x7fELF"
# Section types and tags of the ELF standard and of GNU's symbol versions.
_DYNAMIC, _VERSIONS_NEEDED = 6, 0x6FFFFFFE
_TAG_NEEDED, _TAG_NAME = 1, 14
# Debian's package for each library that PEP 600 lets a wheel take from the system.
_PACKAGES: Final = {
    "ld-linux-aarch64.so.1": "libc6",
    "ld-linux-x86-64.so.2": "libc6",
    "libc.so.6": "libc6",
    "libdl.so.2": "libc6",
    "libgcc_s.so.1": "libgcc-s1",
    "libm.so.6": "libc6",
    "libpthread.so.0": "libc6",
    "librt.so.1": "libc6",
    "libstdc++.so.6": "libstdc++6",
    "libutil.so.1": "libc6",
    "libz.so.1": "zlib1g",
}


class UnknownLibraryError(Exception):
    """A library that is neither brought along nor in the table of Debian's."""


def is_elf(path: Path) -> bool:
    """Whether a file is compiled for a processor."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def depends(files: Iterable[Path]) -> list[str]:
    """Debian's packages, with the C library's version, that these files can't run without.

    Raises:
        UnknownLibraryError: one asks for a library that is not among them, and none that is known of Debian.
    """
    needed: dict[str, Path] = {}
    brought: set[str] = set()
    newest = (0, 0)
    for path in files:
        own_name, names, versions = _read(path)
        brought |= {path.name, own_name}
        needed |= dict.fromkeys(names, path)
        newest = max([newest, *versions])
    packages = set()
    for name in sorted(needed.keys() - brought):
        if name not in _PACKAGES:
            raise UnknownLibraryError(f"{needed[name]} needs {name}: no package of Debian's is known for it.")
        packages.add(_PACKAGES[name])
    return [
        f"{package} (>= {newest[0]}.{newest[1]})" if package == "libc6" else package
        for package in sorted(packages)
    ]


def _read(path: Path) -> tuple[str, list[str], list[tuple[int, int]]]:
    """A file's own name (or nothing), the names that it needs, the versions of glibc that it asks for."""
    content = path.read_bytes()
    if content[4:6] != b"\x02\x01":
        raise UnknownLibraryError(f"{path} is not for a 64-bit little-endian processor.")
    (start,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    # Of each section: type, offset, size, and the section that it refers to.
    sections = [
        (kind, offset, length, link)
        for _, kind, _, _, offset, length, link in (
            struct.unpack_from("<IIQQQQI", content, start + index * size) for index in range(count)
        )
    ]

    def text(link: int, offset: int) -> str:
        begin = sections[link][1] + offset
        return content[begin : content.index(b"\0", begin)].decode()

    own_name, names, versions = "", [], []
    for kind, offset, length, link in sections:
        if kind == _DYNAMIC:
            for tag, value in struct.iter_unpack("<QQ", content[offset : offset + length]):
                if tag == _TAG_NEEDED:
                    names.append(text(link, value))
                elif tag == _TAG_NAME:
                    own_name = text(link, value)
        elif kind == _VERSIONS_NEEDED:
            asked = (text(link, place) for place in _version_names(content, offset))
            versions += [
                (int(major), int(minor.partition(".")[0]))
                for major, _, minor in (
                    name.removeprefix("GLIBC_").partition(".") for name in asked if name.startswith("GLIBC_2")
                )
            ]
    return own_name, names, versions


def _version_names(content: bytes, offset: int) -> Iterator[int]:
    """Places, in the table of names, of all versions of symbols that are asked for."""
    while True:
        _, count, _, first, following = struct.unpack_from("<HHIII", content, offset)
        entry = offset + first
        for _ in range(count):
            _, _, _, name, step = struct.unpack_from("<IHHII", content, entry)
            yield name
            entry += step
        if not following:
            return
        offset += following
