"""Check of the clock: synchronised, by which program, and visibly for the service."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.doctor.report import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.doctor.system import System

_TIMESYNCD = "systemd-timesyncd"
# As the kernel names the processes, and as Debian names the units.
_KEEPERS = {"systemd-timesyn", "chronyd", "ntpd", "ntpsec", "openntpd"}
_UNITS = (_TIMESYNCD, "chrony", "ntpsec", "openntpd", "ntp")


def clock_check(machine: System, shown: Mapping[str, str] | None) -> Finding:
    """Check whether the clock is known to be right.

    Args:
        machine: whose clock it is.
        shown: properties of the service's unit; None: there is no systemd.
    """
    keeper = _keeper(machine)
    values = {"keeper": keeper, "utc": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}
    if machine.synced():
        # In its sandbox it sees what systemd-timesyncd leaves, and nothing of other programs.
        if keeper != _TIMESYNCD and (shown or {}).get("ProtectClock") == "yes":
            return Finding("clock.not_for_service", values)
        return Finding("clock.ok" if keeper else "clock.right", values)
    if keeper:
        return Finding("clock.unsynced", values)
    for unit in _UNITS:
        if (machine.root / f"usr/lib/systemd/system/{unit}.service").exists():
            masked = (machine.root / f"etc/systemd/system/{unit}.service").is_symlink()
            unmask = f"sudo systemctl unmask {unit} && " if masked else ""
            return Finding("clock.not_started", {**values, "unit": unit, "unmask": unmask})
    return Finding("clock.nobody", values)


def _keeper(machine: System) -> str | None:
    """The program that keeps the clock right; None: none that is known here."""
    keeper = None
    for comm in (machine.root / "proc").glob("[0-9]*/comm"):
        with suppress(OSError, UnicodeDecodeError):
            if (name := comm.read_text().strip()) in _KEEPERS:
                keeper = _TIMESYNCD if _TIMESYNCD.startswith(name) else name
    return keeper
