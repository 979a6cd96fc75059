"""What the kernel tells of this machine; None where it does not."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_MB = 1_000_000
_TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")


def rss_mb() -> int | None:
    """Memory of this process, megabytes."""
    pages = _words(Path("/proc/self/statm"))
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") // _MB if pages else None


def mem_free_mb() -> int | None:
    """Memory that programs could still have, megabytes."""
    words = _words(Path("/proc/meminfo"))
    with suppress(ValueError, IndexError):
        return int(words[words.index("MemAvailable:") + 1]) * 1024 // _MB
    return None


def disk_free_mb(path: Path) -> int | None:
    """Room on the disk that a file is on, for this user, megabytes."""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize // _MB


def temp_c() -> float | None:
    """Of the processor."""
    words = _words(_TEMPERATURE)
    return int(words[0]) / 1000 if words else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
