"""What a program writes to a log's files, or a folder's, and when it synchronises, by strace; disks of it.

A disk after a power cut holds all that was written to a file before the last synchronisation of it that
returned, and any part of what was written later: whole writes or single sectors of them. Names come and
go in order, and those before the last synchronisation of anything are there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.samples import CHECKOUT

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

CALLS = (
    "openat,pwrite64,write,fdatasync,fsync,syncfs,ftruncate,unlink,unlinkat,rename,renameat,renameat2,"
    "symlink,symlinkat"
)
SECTOR = 512
# What a link holds begins so.
LINK = b"link to "
_LINE = re.compile(r"(?:\d+ +)?(?P<call>\w+)\((?P<arguments>.*)\) = (?P<result>\d+)(?:<[^>]*>)?$")
_HEX = re.compile(r"\\x([0-9a-f]{2})")
# Made anew after each start, or nothing is ever read from them.
_NOT_KEPT = ("-shm", ".lock", ".reserve")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that did what it was asked for; `name` of the file, without its folder.

    Attributes:
        offset: where it writes; None: at the end.
        to: the other name, of a `rename`.
    """

    call: str
    name: str
    data: bytes = b""
    offset: int | None = 0
    to: str = ""


def record(trace: Path, log: Path | str, *arguments: str) -> list[Call]:
    """Run a module of tests with a log's path and these arguments; return what it wrote, in order.

    Args:
        trace: where strace writes.
        log: what the paths start with.
        arguments: the module, and what it gets after the log's path.
    """
    strace = ["strace", "-f", "-y", "-xx", "-s", "1000000", "-qq", "-o", str(trace), "-e", f"trace={CALLS}"]
    module, *rest = arguments
    words = [*strace, sys.executable, "-m", module, str(log), *rest]
    subprocess.run(words, check=True, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    with trace.open() as lines:
        return list(_calls(lines, str(log)))


def _text(words: str) -> bytes:
    return bytes.fromhex("".join(_HEX.findall(words)))


def _calls(lines: Iterator[str], log: str) -> Iterator[Call]:
    for line in lines:
        match = _LINE.match(line.rstrip())
        found = _call(match["call"], match["arguments"], log) if match else None
        if found:
            yield found


def _call(call: str, arguments: str, log: str) -> Call | None:
    strings = [_text(text) for text in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments)]
    if call == "write" and arguments.startswith("1<"):
        return Call("said", "", strings[0])
    if call == "syncfs":
        return Call("sync_all", "")
    if call.startswith(("rename", "symlink", "unlink")) or (call == "openat" and "O_CREAT" in arguments):
        paths = [text.decode() for text in strings]
        return _naming(call.removesuffix("2").removesuffix("at"), paths, log)
    descriptor = re.match(r"\d+<((?:\\x[0-9a-f]{2})*)>", arguments)
    target = _text(descriptor[1]).decode() if descriptor else ""
    if call in {"fsync", "fdatasync"}:
        if target == log.rpartition("/")[0]:
            return Call("sync_folder", "")
        return Call("sync", target[len(log) :]) if target.startswith(log) else None
    return _writing(call, target, arguments, strings, log)


def _naming(call: str, paths: list[str], log: str) -> Call | None:
    if not paths[-1].startswith(log):
        return None
    name = paths[-1][len(log) :]
    match call:
        case "rename":
            return Call(call, paths[0][len(log) :], to=name)
        case "symlink":
            return Call(call, name, LINK + paths[0].encode())
    return Call(call, name)


def _writing(call: str, target: str, arguments: str, strings: list[bytes], log: str) -> Call | None:
    if not target.startswith(log):
        return None
    name, last = target[len(log) :], arguments.rpartition(", ")[2]
    if call == "ftruncate":
        return Call("truncate", name, offset=int(last))
    return Call("write", name, strings[0], int(last) if call == "pwrite64" else None)


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    later: list[Call] = field(default_factory=list)

    def sync(self) -> None:
        for call in self.later:
            _apply(self.synced, call, None)
        self.later.clear()

    def after_cut(self, chance: random.Random) -> bytes:
        content = bytearray(self.synced)
        share = chance.choice([0.0, 0.2, 0.5, 0.8, 1.0])
        torn = chance.random() < 0.5
        # What was written first is more often there than not.
        kept = len(self.later) if chance.random() < 0.5 else chance.randint(0, len(self.later))
        for call in self.later[:kept]:
            if chance.random() < share or share == 1:
                _apply(content, call, chance if torn and chance.random() < 0.5 else None)
        return bytes(content)


def _apply(content: bytearray, call: Call, tearing: random.Random | None) -> None:
    start = len(content) if call.offset is None else call.offset
    if call.call == "truncate":
        content[:] = content[:start].ljust(start, b"\0")
        return
    at = start
    while at < start + len(call.data):
        end = min(start + len(call.data), (at // SECTOR + 1) * SECTOR)
        if tearing is None or tearing.random() < 0.5:
            if len(content) < end:
                content.extend(bytes(end - len(content)))
            content[at:end] = call.data[at - start : end - start]
        at = end


class Disk:
    """Files as they come to be, call by call."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}
        # Names that may be what is on the disk, oldest first.
        self._namings: list[dict[str, _File]] = [{}]

    def do(self, call: Call) -> None:
        """Take the next call."""
        if call.name.endswith(_NOT_KEPT):
            return
        match call.call:
            case "open" | "unlink" | "symlink" | "rename":
                self._rename(call)
            case "sync" | "sync_folder" | "sync_all":
                for name, file in self._names.items():
                    if call.call == "sync_all" or name == call.name:
                        file.sync()
                self._namings = [self._names]
            case "write" | "truncate":
                if call.name in self._names:
                    self._names[call.name].later.append(call)

    def _rename(self, call: Call) -> None:
        there = self._names.get(call.name)
        if call.call == "open" and there:
            return
        names = {name: file for name, file in self._names.items() if name != call.name}
        match call.call:
            case "open":
                names[call.name] = _File()
            case "symlink":
                names[call.name] = _File(bytearray(call.data))
            case "rename" if there:
                names[call.to] = there
        self._names = names
        self._namings.append(names)

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """What each file holds if the power is cut now."""
        return {name: file.after_cut(chance) for name, file in chance.choice(self._namings).items()}
