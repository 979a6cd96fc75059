"""Lines of the kernel's own log: from the journal, or from the kernel where there is none."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.doctor.system import command_output, journals

if TYPE_CHECKING:
    from pathlib import Path

    from agent.doctor.system import System

_MOST_BYTES = 4_000_000
_RECORD_BYTES = 8192
# "6,339,5140900,-;text", and behind it lines of keys that begin with a space.
_RECORD = re.compile(r"^\d+,\d+,\d+,[^;]*;(.*)$")


def kernel_lines(machine: System) -> list[str] | None:
    """Kernel lines of the last day, over restarts where the journal is kept; oldest first.

    None: this user may not read them.
    """
    there = journals(machine)
    if any(os.access(file, os.R_OK) for file in there):
        # Not --dmesg, which means this start only: a bad card is one of the reasons for another.
        said = command_output(
            "journalctl", "-q", "_TRANSPORT=kernel", "--since", "-25h", "-o", "cat", "-n", "50000"
        )
        if said is not None:
            return said.splitlines()
    return _from_kernel(machine.root / "dev/kmsg")


def _from_kernel(path: Path) -> list[str] | None:
    """Lines in the kernel's buffer: since its start, as far as they fit."""
    try:
        device = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    parts, length = [], 0
    try:
        while length < _MOST_BYTES:
            try:
                part = os.read(device, _RECORD_BYTES)
            except BrokenPipeError:
                # Written over while it was read: what follows is there.
                continue
            if not part:
                break
            parts.append(part)
            length += len(part)
    except BlockingIOError:
        # There is no more.
        pass
    except OSError:
        return None
    finally:
        with suppress(OSError):
            os.close(device)
    lines = b"".join(parts).decode(errors="replace").split("\n")
    return [found[1] for line in lines if (found := _RECORD.match(line))]
