"""Versions, figures of machine and service, and counts of events: nothing of what was seen."""

from __future__ import annotations

import json
import os
import platform
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.device.machine import board_model, card_errors, card_hosts, under_voltage
from agent.device.machine import throttled as throttled_now
from agent.doctor.bundle.units import UnavailableError
from agent.doctor.checks_board import faulty_drive
from agent.doctor.kernel_log import kernel_lines
from agent.doctor.system import command_output
from agent.errors import AgentError
from agent.eventlog.reader import LogReader
from agent.health.camera_stats import NAME
from agent.install.commit import package_commit
from agent.install.manifest import load_manifest, models_directory
from agent.install.verify import verify
from agent.wire.events import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.models import Config
    from agent.doctor.system import System

_MB = 1_000_000
_MEMORY = ("MemTotal", "MemFree", "MemAvailable", "SwapTotal", "SwapFree", "CmaTotal", "CmaFree", "Dirty")
_OS = ("PRETTY_NAME", "VERSION_ID", "VERSION_CODENAME")
# Words of the kernel's command line that say how memory is bounded; the rest is not asked for.
_CMDLINE = re.compile(r"^(cgroup_\w+|swapaccount|systemd\.unified_cgroup_hierarchy)=[\w,]*$")
_UNDER_VOLTAGE = re.compile(r"under-?voltage|voltage normalised", re.IGNORECASE)
_KERNEL_LINES = 50
_ON_A_DEVICE = re.compile(r"extra == '(device|pi)'")
_PACKAGE = re.compile(r"^[A-Za-z0-9._-]+")
# What a file of figures may hold beside numbers: a word, or a moment.
_PLAIN = re.compile(r"^([a-z][a-z0-9_]{0,39}|0x[0-9a-f]{1,8}|\d{4}-\d\d-\d\dT[\d:.]+Z?)$")
_KIND = re.compile(r"^[a-z]{1,20}\.[a-z_]{1,30}$")
_MOST_BYTES = 65_536


def versions(machine: System) -> dict[str, Any]:
    """Of the agent and all below it; the weights with what is wrong with them."""
    try:
        directory = models_directory()
        found = verify(load_manifest(directory), directory)
        models: object = [f"{item.name}: {item.status}" for item in found]
    except AgentError as error:
        models = str(error)
    told = command_output("systemctl", "--version") or ""
    return {
        "agent": _version("presence-agent"),
        "commit": str(package_commit()),
        "contract": CONTRACT,
        "python": platform.python_version(),
        "system": {name: value for name, value in _os_release(machine) if name in _OS},
        "kernel": platform.release(),
        "processor": platform.machine(),
        "board": board_model(machine.root),
        "systemd": told.partition("\n")[0] or None,
        "libraries": {name: _version(name) for name in sorted(_libraries())},
        "weights": models,
    }


def figures(machine: System, config: Config | None) -> dict[str, Any]:
    """Disks, memory and the board."""
    places = {"/", "/boot/firmware", "/tmp", str(machine.runtime)}  # noqa: S108 - looked at only
    if config:
        places.add(str(config.log.path.parent))
    throttled = throttled_now(machine.root)
    return {
        "disks": {place: room for place in sorted(places) if (room := _room(Path(place)))},
        "memory_kb": dict(_memory(machine)),
        "swaps": [line.split()[0] for line in _lines(machine, "proc/swaps")[1:]],
        "load": (machine.read_words("proc/loadavg") or [])[:3],
        "uptime_s": next(iter(machine.read_words("proc/uptime") or ()), None),
        "temperature_milli_c": next(
            iter(machine.read_words("sys/class/thermal/thermal_zone0/temp") or ()), None
        ),
        "throttled": None if throttled is None else f"{throttled:#x}",
        "under_voltage": under_voltage(machine.root),
        "file_system_errors": card_errors(machine.root),
        "kernel_words": [word for word in machine.read_words("proc/cmdline") or [] if _CMDLINE.match(word)],
        "clock_synced": machine.synced(),
    }


def kernel(machine: System) -> str:
    """The kernel's last lines on card and supply.

    Raises:
        NotHadError: they are not for us to read.
    """
    lines = kernel_lines(machine)
    if lines is None:
        raise UnavailableError("the kernel's lines may not be read by this user; run it with sudo")
    cards = card_hosts(machine.root)
    told = [line for line in lines if faulty_drive(line, cards) or _UNDER_VOLTAGE.search(line)]
    return (
        "\n".join(told[-_KERNEL_LINES:])
        or "The kernel reported no fault of card or power supply in the last day."
    )


def numbers(machine: System) -> dict[str, Any]:
    """What the running service keeps of its sight: figures and words, whatever else is in the file.

    Raises:
        NotHadError: there is none, or it is not for us to read.
    """
    path = machine.runtime / NAME
    try:
        with path.open("rb") as file:
            body = json.loads(file.read(_MOST_BYTES))
    except FileNotFoundError:
        raise UnavailableError("there is none: the service does not run, or has no picture yet") from None
    except OSError as error:
        raise UnavailableError(f"{path} can't be read ({error.strerror}); run it with sudo") from None
    except (ValueError, RecursionError):
        raise UnavailableError(f"{path} is not as the service writes it") from None
    if not isinstance(body, dict):
        raise UnavailableError(f"{path} is not as the service writes it")
    return {name: _plain(value) for name, value in body.items() if _PLAIN.match(name)}


def events(config: Config) -> dict[str, Any]:
    """How many of each type the log has; nothing of any one of them.

    Raises:
        NotHadError: there is none, or it can't be read.
    """
    try:
        with LogReader(config.log.path) as log:
            head = log.head()
            rows = log.read(
                lambda db: db.execute(
                    "SELECT coalesce(CAST(type AS BLOB), x''), count(*) FROM event GROUP BY 1"
                ).fetchall()
            )
    except AgentError as error:
        raise UnavailableError(str(error)) from None
    counts: dict[str, int] = {}
    for kind, number in rows:
        name = kind.decode(errors="replace")
        name = name if _KIND.match(name) else "other"
        counts[name] = counts.get(name, 0) + number
    span = {"log": head.log_id, "first_seq": head.first_seq, "last_seq": head.last_seq}
    return {**span, "counts": dict(sorted(counts.items()))}


def files(config_path: Path, machine: System) -> Iterator[dict[str, Any]]:
    """Of the configuration, the secrets and the log who may read them; nothing of what is in them."""
    folder = machine.root / "etc/presence-agent"
    there = [config_path]
    with suppress(OSError):
        there += sorted(folder.iterdir())
    for path in dict.fromkeys((*there, folder, machine.root / "var/lib/presence-agent")):
        with suppress(OSError):
            found = path.stat()
            yield {"path": str(path), "mode": f"{found.st_mode & 0o7777:04o}", "uid": found.st_uid}


def _plain(value: object, depth: int = 2) -> object:
    if isinstance(value, list) and depth:
        return [_plain(item, depth - 1) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and _PLAIN.match(value) else "***"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _libraries() -> set[str]:
    """What the agent asks for, on this Python or not."""
    try:
        asked = requires("presence-agent") or []
    except PackageNotFoundError:
        return set()
    ours = [text for text in asked if "extra" not in text or _ON_A_DEVICE.search(text)]
    return {found[0] for text in ours if (found := _PACKAGE.match(text))}


def _os_release(machine: System) -> Iterator[tuple[str, str]]:
    for line in _lines(machine, "etc/os-release"):
        name, separator, value = line.partition("=")
        if separator:
            yield name, value.strip('"')


def _memory(machine: System) -> Iterator[tuple[str, int]]:
    for line in _lines(machine, "proc/meminfo"):
        name, _, value = line.partition(":")
        if name in _MEMORY:
            with suppress(ValueError, IndexError):
                yield name, int(value.split()[0])


def _room(place: Path) -> dict[str, Any] | None:
    try:
        room = os.statvfs(place)
    except OSError:
        return None
    return {
        "size_mb": room.f_blocks * room.f_frsize // _MB,
        "free_mb": room.f_bavail * room.f_frsize // _MB,
        "free_files": room.f_favail,
        "read_only": bool(room.f_flag & os.ST_RDONLY),
    }


def _lines(machine: System, path: str) -> list[str]:
    try:
        return (machine.root / path).read_text(errors="replace").splitlines()
    except OSError:
        return []
