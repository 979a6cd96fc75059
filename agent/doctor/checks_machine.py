"""Checks of the machine: clock, disk, log, memory, service and journal."""

from __future__ import annotations

import os
import pwd
import stat
from typing import TYPE_CHECKING

from agent.doctor.checks_board import board_checks
from agent.doctor.checks_clock import clock_check
from agent.doctor.checks_journal import journal_checks
from agent.doctor.checks_limits import memory_limits
from agent.doctor.checks_service import is_foreign, service_checks
from agent.doctor.checks_updates import updates_check
from agent.doctor.report import Finding
from agent.doctor.system import exists, unit_properties, writer_of_removed
from agent.eventlog.set_aside import damaged_asides

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.models import Config
    from agent.doctor.system import Emit, System

_MB = 1_000_000
_FULL_MB = 50
_LOW_MB = 60
_SQLITE = b"SQLite format 3\0"


def machine_checks(machine: System, emit: Emit) -> None:
    """Run the checks that need no configuration."""
    shown = unit_properties()
    emit(clock_check(machine, shown))
    board_checks(machine, emit)
    emit(_memory(machine))
    for finding in (
        *memory_limits(shown, machine),
        *service_checks(shown, machine),
        *journal_checks(machine, shown),
    ):
        emit(finding)
    updates_check(machine, emit)


def log_checks(
    config: Config, machine: System, process: int | None, unit: dict[str, str], emit: Emit
) -> None:
    """Check the disk that the log is on, and the log.

    Args:
        config: names it.
        machine: where to look.
        process: id of the process that writes it; None: there is none.
        unit: properties of the service's unit.
        emit: takes each finding.
    """
    path = config.log.path
    try:
        emit(_disk(path.parent, config.log.keep_mb, unit.get("User")))
    except OSError:
        emit(Finding("disk.unknown", {"path": path.parent}))
    try:
        if removed_by := writer_of_removed(path, machine):
            emit(Finding("log.removed", {"path": path, "process": removed_by}))
        elif is_foreign(process, unit):
            emit(Finding("log.another", {"path": path, "process": process}))
        else:
            emit(_log(path, process))
        for aside in damaged_asides(path) if exists(path.parent) else ():
            emit(Finding("log.set_aside", {"path": aside}))
    except OSError:
        emit(Finding("log.unknown", {"path": path}))


def _disk(folder: Path, keep_mb: int, user: str | None) -> Finding:
    there = folder
    while not exists(there):
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
        # There is no such user here; systemd would report that.
        return True
    if entry.pw_uid in {0, folder.st_uid}:
        return entry.pw_uid == 0 or bool(folder.st_mode & stat.S_IWUSR)
    if folder.st_gid in os.getgrouplist(user, entry.pw_gid):
        return bool(folder.st_mode & stat.S_IWGRP)
    return bool(folder.st_mode & stat.S_IWOTH)


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


def _memory(machine: System) -> Finding:
    words = machine.read_words("proc/meminfo") or []
    try:
        free_mb = int(words[words.index("MemAvailable:") + 1]) * 1024 // _MB
    except (ValueError, IndexError):
        return Finding("memory.unknown")
    return Finding("memory.low" if free_mb < _LOW_MB else "memory.ok", {"free_mb": free_mb})
