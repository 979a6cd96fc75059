"""Licences of all that a package holds, as SPDX expressions and in Debian's machine-readable form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from pathlib import Path, PurePosixPath

    from deploy.debian.wheels import Library

# What wheels of before PEP 639 write.
_WRITTEN: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",  # python-dateutil
    "MIT": "MIT",
    "MIT License": "MIT",
    "License :: OSI Approved :: MIT License": "MIT",
}
# Libraries in the folders *.libs of wheels; those of FFmpeg are built without its GPL parts.
_BUNDLED: Final = {
    "libaom": "BSD-2-Clause",
    "libavcodec": "LGPL-2.1-or-later",
    "libavformat": "LGPL-2.1-or-later",
    "libavif": "BSD-2-Clause",
    "libavutil": "LGPL-2.1-or-later",
    "libcrypto": "OpenSSL",
    "libdrm": "MIT",
    "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libopenblasp": "BSD-3-Clause",
    "libpng16": "libpng-2.0",
    "libquadmath": "LGPL-2.1-or-later",
    "libscipy_openblas64_": "BSD-3-Clause",
    "libssl": "OpenSSL",
    "libswresample": "LGPL-2.1-or-later",
    "libswscale": "LGPL-2.1-or-later",
    "libvpx": "BSD-3-Clause",
}
_BUNDLED_NAME: Final = re.compile(
    r"(?P<name>lib\w+?)(-r(?P<release>\d+))?(-[0-9a-f]{8})+(?P<inner>\.[\d.]+)?\.so(\.(?P<version>.+))?"
)
_LICENCE_FILE: Final = re.compile(
    r"(.*/)?(LICEN[CS]E|COPYING|NOTICE|ThirdPartyNotices|edl-|epl-)[^/]*", re.IGNORECASE
)
# Above it a text is named, not copied: two wheels carry collections of hundreds of kB.
_COPIED_BYTES: Final = 60_000


class UnknownLicenceError(Exception):
    """Something whose licence is not known, so that it must not be given away."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """A library of others in a wheel.

    Attributes:
        version: as its file's name has it; None where that has none.
    """

    path: PurePosixPath
    name: str
    version: str | None
    licence: str


def licence_of(metadata: Message) -> str:
    """SPDX expression of a wheel.

    Raises:
        UnknownLicenceError: it writes none, or one that this module does not know.
    """
    if expression := metadata.get("License-Expression"):
        return str(expression)
    written = [str(metadata.get("License", "")), *map(str, metadata.get_all("Classifier", []))]
    for words in written:
        if words in _WRITTEN:
            return _WRITTEN[words]
    raise UnknownLicenceError(f"{metadata['Name']} {metadata['Version']}: licence not known.")


def bundled(path: PurePosixPath) -> Bundled:
    """What a file in a folder *.libs is.

    Raises:
        UnknownLicenceError: it is not in the table above.
    """
    match = _BUNDLED_NAME.fullmatch(path.name)
    if match is None or match["name"] not in _BUNDLED:
        raise UnknownLicenceError(f"{path}: licence not known.")
    version = f"{match['release']}{match['inner']}" if match["inner"] else match["version"]
    return Bundled(path, match["name"], version, _BUNDLED[match["name"]])


def copyright_file(
    libraries: Iterable[Library], modules: Path, below: str, own: str, weights: Iterable[tuple[str, str, str]]
) -> str:
    """Debian's copyright file, machine-readable.

    Args:
        libraries: the wheels.
        modules: folder that they were laid out in.
        below: that folder's path in the package.
        own: text of the project's own licence.
        weights: of each file of weights its name, SPDX licence and text.
    """
    head = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
        "Upstream-Name: presence-agent",
        "Comment: The libraries of Python are as their projects publish them.",
    ]
    all_else = ["Files: *", "Copyright: the authors of presence-agent", _licence("Apache-2.0", [own])]
    parts = ["\n".join(head), "\n".join(all_else)]
    for library in libraries:
        if library.name == "presence-agent":
            continue
        parts.append(_of_library(library, modules, below))
        if library.bundled:
            parts.append(_of_bundled(library, below))
    for name, licence, text in weights:
        files = f"Files: {below}/share/presence-agent/models/*{name}*"
        parts.append(f"{files}\nCopyright: {_holders([text])}\n{_licence(licence, [text])}")
    return "\n\n".join(parts) + "\n"


def _of_library(library: Library, modules: Path, below: str) -> str:
    files = [
        f"{below}/{name}" if name.endswith(".py") else f"{below}/{name}/*"
        for name in sorted({path.parts[0] for path in library.files})
        if not name.endswith(".libs")
    ]
    texts, named, seen = [], [], set()
    for path in library.files:
        if not _LICENCE_FILE.fullmatch(str(path)) or path.suffix == ".py":
            continue
        text = (modules / path).read_text("utf-8", errors="replace")
        if text in seen:
            continue
        seen.add(text)
        if len(text.encode()) > _COPIED_BYTES:
            named.append(f"/{below}/{path}")
        else:
            texts.append(text)
    if not texts and licence_of(library.metadata) == "Apache-2.0":
        texts = ["The text is in /usr/share/common-licenses/Apache-2.0."]
    if not texts:
        raise UnknownLicenceError(f"{library.wheel} brings no text of its licence.")
    comment = [f"{library.name} {library.version}."]
    if named:
        comment.append(f"Parts of others, and their licences: {', '.join(named)}")
    lines = [
        "Files: " + "\n ".join(files),
        f"Copyright: {_holders(texts)}",
        _licence(licence_of(library.metadata), texts),
        "Comment: " + " ".join(comment),
    ]
    return "\n".join(lines)


def _of_bundled(library: Library, below: str) -> str:
    folder = library.bundled[0].parts[0]
    found = [bundled(path) for path in library.bundled]
    licences = sorted({f"({item.licence})" if " " in item.licence else item.licence for item in found})
    rows = [f" {item.name} {item.version or ''}: {item.licence}".rstrip() for item in found]
    return "\n".join(
        [
            f"Files: {below}/{folder}/*",
            "Copyright: the authors of each",
            f"License: {' AND '.join(licences)}",
            f" Shared libraries that the wheel of {library.name} carries, unchanged; who wants to may put",
            " others of the same name in their place. Their texts are in that wheel's licence files,",
            " those of the GPL and LGPL also in /usr/share/common-licenses:",
            *rows,
        ]
    )


def _holders(texts: Iterable[str]) -> str:
    """Lines of copyright in licences, each once."""
    lines = dict.fromkeys(
        " ".join(line.split()).strip("*# ")
        for text in texts
        for line in text.splitlines()
        if re.match(r"\W*(copyright\b.*(\d{4}|\(c\))|©)", line, re.IGNORECASE)
    )
    return "\n  ".join(lines) or "the authors of it"


def _licence(name: str, texts: Iterable[str]) -> str:
    text = "\n\n----\n\n".join(part.strip("\n") for part in texts)
    rows = [f" {row.rstrip()}" if row.strip() else " ." for row in text.expandtabs().splitlines()]
    return "\n".join([f"License: {name}", *rows])
