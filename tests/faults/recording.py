"""What a program writes to a log's files and when it synchronises, recorded by strace; disks made of it.

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

CALLS = "openat,pwrite64,write,fdatasync,fsync,ftruncate,unlink,rename"
SECTOR = 512
_LINE = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\) = (?P<result>\d+)(?:<[^>]*>)?$")
_HEX = re.compile(r"\\x([0-9a-f]{2})")
# Made anew after each start, or nothing is ever read from them.
_NOT_KEPT = ("-shm", ".lock", ".reserve")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that did what it was asked for; `name` of the file, without its folder."""

    call: str
    name: str
    data: bytes = b""
    offset: int = 0


def record(trace: Path, log: Path, *arguments: str) -> list[Call]:
    """Run a module of tests with a log's path and these arguments; return what it wrote, in order."""
    strace = ["strace", "-y", "-xx", "-s", "1000000", "-qq", "-o", str(trace), "-e", f"trace={CALLS}"]
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
    descriptor = re.match(r"\d+<((?:\\x[0-9a-f]{2})*)>", arguments)
    target = _text(descriptor[1]).decode() if descriptor else ""
    if call == "write" and arguments.startswith("1<"):
        return Call("said", "", strings[0])
    if call == "unlink" or (call == "openat" and "O_CREAT" in arguments):
        path = strings[0].decode()
        return Call(call, path[len(log) :]) if path.startswith(log) else None
    if call in {"fsync", "fdatasync"} and target == log.rpartition("/")[0]:
        return Call("sync_folder", "")
    if not target.startswith(log):
        return None
    name, last = target[len(log) :], arguments.rpartition(", ")[2]
    if call == "ftruncate":
        return Call("truncate", name, offset=int(last))
    return Call("write", name, strings[0], int(last)) if call == "pwrite64" else Call("sync", name)


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
    if call.call == "truncate":
        content[:] = content[: call.offset].ljust(call.offset, b"\0")
        return
    at = call.offset
    while at < call.offset + len(call.data):
        end = min(call.offset + len(call.data), (at // SECTOR + 1) * SECTOR)
        if tearing is None or tearing.random() < 0.5:
            if len(content) < end:
                content.extend(bytes(end - len(content)))
            content[at:end] = call.data[at - call.offset : end - call.offset]
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
            case "openat":
                if call.name not in self._names:
                    self._rename({**self._names, call.name: _File()})
            case "unlink":
                self._rename({name: file for name, file in self._names.items() if name != call.name})
            case "sync" | "sync_folder":
                if call.call == "sync" and call.name in self._names:
                    self._names[call.name].sync()
                self._namings = [self._names]
            case "write" | "truncate":
                if call.name in self._names:
                    self._names[call.name].later.append(call)

    def _rename(self, names: dict[str, _File]) -> None:
        self._names = names
        self._namings.append(names)

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """What each file holds if the power is cut now."""
        return {name: file.after_cut(chance) for name, file in chance.choice(self._namings).items()}
