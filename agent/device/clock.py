"""What time it is, and whether that is known."""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.core.frame import Instant

_STA_UNSYNC = 0x40
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """The head of Linux's struct timex; the rest is room for the kernel (man 2 adjtimex)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


_libc = ctypes.CDLL(None)


def clock_synced() -> bool:
    """Whether the kernel says that something keeps its clock right; modes 0 only reads."""
    timex = _Timex()
    code = _libc.adjtimex(ctypes.byref(timex))
    return code not in {-1, _TIME_ERROR} and not timex.status & _STA_UNSYNC


def now() -> Instant:
    """This moment."""
    return Instant(time.monotonic(), datetime.now(UTC), clock_synced())


def boot_id() -> str:
    """8 hex digits that are new with every start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:8]
