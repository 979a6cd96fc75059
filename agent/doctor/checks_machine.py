"""Checks of the machine: clock, disk, log, power, heat, memory, service and journal."""

from __future__ import annotations

import os
import pwd
import stat
from typing import TYPE_CHECKING

from agent.delivery.log_asides import damaged_asides
from agent.device.power import throttled, under_voltage
from agent.doctor.checks_clock import clock_check
from agent.doctor.checks_journal import journal_checks
from agent.doctor.checks_limits import memory_limits
from agent.doctor.checks_service import service_checks
from agent.doctor.report import Finding
from agent.doctor.surroundings import unit_shown, writer_of_removed

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config import Config
    from agent.doctor.surroundings import Surroundings, Tell

_MB = 1_000_000
_FULL_MB = 50
_LOW_MB = 60
_WARM_C, _HOT_C = 70.0, 80.0
_SQLITE = b"SQLite format 3\0"
# Bits of the Raspberry Pi's get_throttled; those of "since the start" are 16 higher.
_UNDER_VOLTAGE, _SLOWED = 0x1, 0xE
_SINCE_START = 16


def machine_checks(machine: Surroundings, tell: Tell) -> None:
    """What does not depend on the configuration."""
    shown = unit_shown()
    tell(clock_check(machine, shown))
    tell(_power(machine))
    tell(_temperature(machine))
    tell(_memory(machine))
    for finding in (
        *memory_limits(shown, machine),
        *service_checks(shown, machine),
        *journal_checks(machine, shown),
    ):
        tell(finding)


def log_checks(
    config: Config, machine: Surroundings, process: int | None, user: str | None, tell: Tell
) -> None:
    """The disk that the log is on, and the log.

    Args:
        config: names it.
        machine: where to look.
        process: writes it; None: nobody does.
        user: as whom the service runs; None: that is not known.
        tell: takes what is found.
    """
    path = config.log.path
    try:
        tell(_disk(path.parent, config.log.keep_mb, user))
    except OSError:
        tell(Finding("disk.unknown", {"path": path.parent}))
    try:
        if removed_by := writer_of_removed(path, machine):
            tell(Finding("log.removed", {"path": path, "process": removed_by}))
        else:
            tell(_log(path, process))
        for aside in damaged_asides(path) if _exists(path.parent) else ():
            tell(Finding("log.set_aside", {"path": aside}))
    except OSError:
        tell(Finding("log.unknown", {"path": path}))


def _disk(folder: Path, keep_mb: int, user: str | None) -> Finding:
    there = folder
    while not _exists(there):
        there = there.parent
    room = os.statvfs(there)
    free_mb = room.f_bavail * room.f_frsize // _MB
    values = {"path": there, "free_mb": free_mb, "keep_mb": keep_mb}
    if room.f_flag & os.ST_RDONLY or not there.stat().st_mode & 0o222:
        return Finding("disk.read_only", values)
    if user and there == folder and not _may_write(user, there.stat()):
        return Finding("disk.not_for_service", {**values, "user": user})
    if free_mb < _FULL_MB:
        return Finding("disk.full", values)
    return Finding("disk.small" if free_mb < keep_mb else "disk.ok", values)


def _may_write(user: str, folder: os.stat_result) -> bool:
    """Whether a user may make files in a folder."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        # Nobody has that name here; systemd would say so.
        return True
    if entry.pw_uid in {0, folder.st_uid}:
        return entry.pw_uid == 0 or bool(folder.st_mode & stat.S_IWUSR)
    if folder.st_gid in os.getgrouplist(user, entry.pw_gid):
        return bool(folder.st_mode & stat.S_IWGRP)
    return bool(folder.st_mode & stat.S_IWOTH)


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _log(path: Path, process: int | None) -> Finding:
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
            log_mb = f"{os.fstat(file.fileno()).st_size / _MB:.1f}"
    except FileNotFoundError:
        return Finding("log.none", {"path": path})
    if head not in {b"", _SQLITE}:
        return Finding("log.damaged", {"path": path})
    if process is None:
        return Finding("log.ok", {"path": path, "log_mb": log_mb})
    return Finding("log.running", {"path": path, "log_mb": log_mb, "process": process})


def _power(machine: Surroundings) -> Finding:
    bits = throttled(machine.root)
    if bits is None:
        return Finding("power.unknown")
    values = {"throttled": f"{bits:#x}"}
    if under_voltage(machine.root):
        return Finding("power.under", values)
    if bits >> _SINCE_START & _UNDER_VOLTAGE:
        return Finding("power.was_under", values)
    slowed = (bits | bits >> _SINCE_START) & _SLOWED
    return Finding("power.slowed" if slowed else "power.ok", values)


def _temperature(machine: Surroundings) -> Finding:
    words = machine.words("sys/class/thermal/thermal_zone0/temp")
    try:
        temp_c = int(words[0]) / 1000 if words else None
    except ValueError:
        temp_c = None
    if temp_c is None:
        return Finding("temperature.unknown")
    kind = "hot" if temp_c >= _HOT_C else "warm" if temp_c >= _WARM_C else "ok"
    return Finding(f"temperature.{kind}", {"temp_c": f"{temp_c:.0f}"})


def _memory(machine: Surroundings) -> Finding:
    words = machine.words("proc/meminfo") or []
    try:
        free_mb = int(words[words.index("MemAvailable:") + 1]) * 1024 // _MB
    except (ValueError, IndexError):
        return Finding("memory.unknown")
    return Finding("memory.low" if free_mb < _LOW_MB else "memory.ok", {"free_mb": free_mb})
