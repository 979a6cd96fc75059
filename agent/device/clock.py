"""Wall clock and monotonic clock, and whether the wall clock is synchronised."""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.frame import Instant

if TYPE_CHECKING:
    from collections.abc import Callable

_STA_UNSYNC = 0x40
_STA_NANO = 0x2000
_TIME_ERROR = 5
# A quartz off by 20 ppm drifts by less than 2 s a day, 12 s in this time.
_HOLDS_S = 7 * 86_400.0
_STEP = timedelta(seconds=1)


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


# Touched at each answer of a time server; timesyncd polls every 34 minutes at the latest.
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
_TIMESYNCD_S = 2 * 3600
_libc = ctypes.CDLL(None)


def clock_synced() -> bool:
    """Whether the kernel counts its clock as synchronised (adjtimex with modes 0 only reads).

    Where a service may not call it (ProtectClock=): whether systemd-timesyncd has set the clock lately.
    """
    timex = _Timex()
    code = _libc.adjtimex(ctypes.byref(timex))
    if code == -1:
        return set_of_late()
    return code != _TIME_ERROR and not timex.status & _STA_UNSYNC


def set_of_late(trace: Path = _TIMESYNCD) -> bool:
    """Whether systemd-timesyncd had an answer of a time server in the last two hours."""
    try:
        return abs(time.time() - trace.stat().st_mtime) <= _TIMESYNCD_S
    except OSError:
        return False


def offset_ms() -> float | None:
    """Offset that the kernel is correcting, ms; None: it is unsynchronised, or may not be asked."""
    timex = _Timex()
    if _libc.adjtimex(ctypes.byref(timex)) in {-1, _TIME_ERROR} or timex.status & _STA_UNSYNC:
        return None
    offset = int(timex.offset)
    return round(offset / (1e6 if timex.status & _STA_NANO else 1e3), 3)


def now() -> Instant:
    """This moment."""
    return Instant(time.monotonic(), datetime.now(UTC), clock_synced())


class Clock:
    """Clock for events.

    Once synchronised it counts as such for 7 days without the network, though the kernel soon calls it
    unsynchronised; a step ends that. Where it is set back by up to a second, its UTC stands still until it
    has caught up, so that no event is older than the one before it.
    """

    def __init__(self, read: Callable[[], Instant] = now) -> None:
        """Take the function that reads the machine's clocks."""
        self._read = read
        self._before: Instant | None = None
        self._right_s: float | None = None

    def now(self) -> Instant:
        """This moment."""
        at, before = self._read(), self._before
        utc, synced = at.utc, at.synced
        if before:
            passed = timedelta(seconds=at.monotonic_s - before.monotonic_s)
            if abs(utc - before.utc - passed) > _STEP:
                self._right_s = None
            elif utc < before.utc:
                utc = before.utc
        if synced:
            self._right_s = at.monotonic_s
        elif self._right_s is not None and at.monotonic_s - self._right_s <= _HOLDS_S:
            synced = True
        self._before = Instant(at.monotonic_s, utc, synced)
        return self._before


def boot_id() -> str:
    """First 8 hex digits of the kernel's boot id, new with each start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:8]
