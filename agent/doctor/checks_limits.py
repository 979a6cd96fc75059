"""Check of the running service's memory limits: does the kernel enforce what the unit asks for?

A Raspberry Pi's firmware starts the kernel with `cgroup_disable=memory`; what cmdline.txt has comes behind,
and the last word wins: `cgroup_enable=memory` (raspberrypi/linux, issue 6980). `cgroup_memory=1`, often named
beside it, means nothing to kernels from 6.12 on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from agent.doctor.report import Finding
from agent.doctor.system import exists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.doctor.system import System

_MIB = 1 << 20
_CGROUPS = "sys/fs/cgroup"
_RUNNING = {"active", "activating", "reloading"}
# Where Raspberry Pi OS has it, first the newer place.
_BOOT_FILES = ("boot/firmware/cmdline.txt", "boot/cmdline.txt")
_UNLIMITED = math.inf


def memory_limits(shown: dict[str, str] | None, machine: System) -> Iterator[Finding]:
    """Check the memory limits of the running service; nothing while it does not run under systemd.

    Args:
        shown: properties of the unit; None: there is no systemd.
        machine: whose control groups are read.
    """
    group = (shown or {}).get("ControlGroup", "").strip("/")
    if not group or (shown or {}).get("ActiveState") not in _RUNNING:
        return
    try:
        yield from _limits(machine.root / _CGROUPS / group, machine)
    except (OSError, ValueError):
        yield Finding("memory.limits_unknown")


def _limits(folder: Path, machine: System) -> Iterator[Finding]:
    if not exists(machine.root / _CGROUPS / "cgroup.controllers"):
        # Of the older hierarchies, for which systemd has no limit of swap.
        yield Finding("memory.no_hierarchy", {"file": _boot_file(machine)})
        return
    if not exists(folder):
        # It ended meanwhile.
        return
    memory, swap = _limit(folder / "memory.max"), _limit(folder / "memory.swap.max")
    if memory is None:
        yield _without_controller(machine)
        return
    has_swap = len((machine.root / "proc/swaps").read_text().splitlines()) > 1
    never_swapped = swap == 0 or (swap is None and not has_swap)
    if swap:
        yield Finding("memory.swapped")
    elif not never_swapped:
        yield Finding("memory.swap_not_counted", {"file": _boot_file(machine)})
    if memory == _UNLIMITED:
        yield Finding("memory.unlimited")
    elif never_swapped:
        yield Finding("memory.limited", {"most_mib": f"{memory / _MIB:.0f}"})


def _limit(path: Path) -> float | None:
    """Bytes; None: this kernel has no such limit."""
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        return None
    return _UNLIMITED if text == "max" else int(text)


def _without_controller(machine: System) -> Finding:
    values = {"file": _boot_file(machine)}
    started = _asked_for(machine.read_words("proc/cmdline"))
    if started:
        return Finding("memory.controller_refused", values)
    if any(_asked_for(machine.read_words(file)) for file in _BOOT_FILES):
        return Finding("memory.controller_waits", values)
    return Finding("memory.no_controller" if started is None else "memory.controller_off", values)


def _asked_for(words: list[str] | None) -> bool | None:
    """Whether these kernel parameters switch the memory controller on or off; None: neither."""
    asked = None
    for word in words or ():
        name, _, value = word.partition("=")
        if name in {"cgroup_enable", "cgroup_disable"} and "memory" in value.split(","):
            asked = name == "cgroup_enable"
    return asked


def _boot_file(machine: System) -> str:
    there = [file for file in _BOOT_FILES if (machine.root / file).exists()]
    return f"/{(there or _BOOT_FILES)[0]}"
