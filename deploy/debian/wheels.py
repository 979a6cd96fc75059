"""Wheels laid out as one folder of modules, without an installer: the same files from the same wheels."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from zipfile import ZipFile

if TYPE_CHECKING:
    from email.message import Message

# Tests of the libraries: a tenth of what would go over the line, and of no use on a device.
_LEFT_OUT: Final = re.compile(r"numpy/(.+/)?tests/|onnx/(backend/)?test/")


@dataclass(frozen=True, slots=True)
class Library:
    """A wheel that was laid out.

    Attributes:
        wheel: name of its file.
        sha256: of that file, in hex.
        metadata: its METADATA.
        files: what it brought, below the folder of modules.
    """

    name: str
    version: str
    wheel: str
    sha256: str
    metadata: Message
    files: tuple[PurePosixPath, ...]

    @property
    def bundled(self) -> list[PurePosixPath]:
        """Shared libraries of others that the wheel carries in its folder *.libs."""
        return [path for path in self.files if path.parts[0].endswith(".libs")]


def lay_out(wheel: Path, folder: Path) -> Library:
    """Put a wheel's files into a folder of modules, and take its record along.

    Args:
        wheel: the file; whether it is the one that a lock names was checked when it was fetched.
        folder: of the modules; there already.

    Raises:
        FileExistsError: another wheel brought a file of the same name and other content.
    """
    with ZipFile(wheel) as archive:
        (notes,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        places = {
            name: place
            for name in sorted(archive.namelist())
            if not name.endswith("/") and (place := _place(name)) is not None
        }
        for name, place in places.items():
            _put(folder / place, archive.read(name))
        record = io.StringIO(archive.read(f"{notes}/RECORD").decode())
        rows = [[str(places[name]), *rest] for name, *rest in csv.reader(record) if name in places]
        metadata = Parser().parsestr(archive.read(f"{notes}/METADATA").decode(), headersonly=True)
    kept = io.StringIO()
    csv.writer(kept, lineterminator="\n").writerows(sorted(rows))
    (folder / notes / "RECORD").write_text(kept.getvalue(), "utf-8")
    return Library(
        name=str(metadata["Name"]),
        version=str(metadata["Version"]),
        wheel=wheel.name,
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        metadata=metadata,
        files=tuple(sorted(places.values())),
    )


def _place(name: str) -> PurePosixPath | None:
    """Where a wheel's file goes; None: nowhere, as its commands and the libraries' tests."""
    path = PurePosixPath(name)
    if not path.parts[0].endswith(".data"):
        return None if _LEFT_OUT.match(name) else path
    kind = path.parts[1]
    return PurePosixPath(*path.parts[2:]) if kind in {"purelib", "platlib", "data"} else None


def _put(path: Path, content: bytes) -> None:
    if path.exists():
        # Namespace packages may share an empty file.
        if path.read_bytes() != content:
            raise FileExistsError(f"{path} is in two wheels.")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
