"""Figures of the machine from the kernel: memory, disk, temperature, board, power supply and card."""

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
    """Memory available to programs (MemAvailable), megabytes."""
    words = _words(Path("/proc/meminfo"))
    with suppress(ValueError, IndexError):
        return int(words[words.index("MemAvailable:") + 1]) * 1024 // _MB
    return None


def disk_free_mb(path: Path) -> int | None:
    """Free space of the file system that a file is on, for this user, megabytes."""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize // _MB


def temp_c() -> float | None:
    """Temperature of the processor, °C; None: there is no sensor."""
    words = _words(_TEMPERATURE)
    return int(words[0]) / 1000 if words else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


# A Pi's device tree, then a PC's firmware. /etc/machine-id is copied with the card.
_PLACES = (
    "proc/device-tree/serial-number",
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/product_serial",
)
# Placeholders of firmware without a serial number.
_NONE = {"", "none", "default string", "to be filled by o.e.m.", "not specified", "system serial number"}


def serial_number(root: Path = Path("/")) -> str | None:
    """The board's serial number; None: it has none, or it is not to be read."""
    for place in _PLACES:
        try:
            text = (root / place).read_text(errors="replace").strip("\0 \t\r\n")
        except OSError:
            continue
        if text.lower() not in _NONE and set(text) - set("0-"):
            return text
    return None


def board_model(root: Path = Path("/")) -> str | None:
    """Model of the board, such as 'Raspberry Pi 5 Model B Rev 1.0'; None: it names none."""
    try:
        text = (root / "proc/device-tree/model").read_text(errors="replace").strip("\0 \t\r\n")
    except OSError:
        return None
    return text or None


# Up to the Pi 4, and where a Pi 5's kernel has it; without it there is the firmware's mailbox (vcgencmd).
_THROTTLED = ("soc/soc:firmware/get_throttled", "soc@*/soc@*:firmware/get_throttled")
_DEVICES = "sys/devices/platform"
_MONITORS = "sys/class/hwmon"
_NAME = "rpi_volt"
_MOST = 0xFFFFFFFF
# Under-voltage, capped, throttled, soft limit of temperature: now. The same 16 bits higher: since the start.
_SLOWED_NOW = 0b1110
_UNDER_VOLTAGE_NOW = 0b1


def throttled(root: Path = Path("/")) -> int | None:
    """The firmware's `get_throttled` bits, u32; None: the kernel has no such file."""
    files = (file for place in _THROTTLED for file in (root / _DEVICES).glob(place))
    return next((bits for file in files if (bits := bits_of(_text(file))) is not None), None)


def bits_of(text: str) -> int | None:
    """Parse the firmware's bits from the kernel's file or from the output of `vcgencmd get_throttled`."""
    try:
        bits = int(text.strip().removeprefix("throttled="), 16)
    except ValueError:
        return None
    return bits if 0 <= bits <= _MOST else None


def slowed_now(bits: int) -> bool:
    """Whether the processor runs slower than it could, now."""
    return bool(bits & _SLOWED_NOW)


def under_voltage(root: Path = Path("/")) -> bool | None:
    """Whether the supply is too weak now, or was when the kernel's monitor last looked; None: not known."""
    bits = throttled(root)
    alarms = [
        _text(folder / "in0_lcrit_alarm")
        for folder in sorted((root / _MONITORS).glob("hwmon*"))
        if _text(folder / "name") == _NAME
    ]
    if bits is None and not set(alarms) & {"0", "1"}:
        return None
    return "1" in alarms or bool((bits or 0) & _UNDER_VOLTAGE_NOW)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


_FILE_SYSTEMS = "sys/fs/ext4"
_HOSTS = "sys/class/mmc_host"
# The slot of a Pi, where the kernel lists no card. Its other host is the Wi-Fi's.
_USUAL_HOST = "mmc0"


def card_errors(root: Path = Path("/")) -> dict[str, int] | None:
    """Errors of each ext4 file system since it was last checked (fsck), by its device.

    The count is in the file system itself: it outlasts a restart. None: no ext4 file system is mounted.
    """
    counted = {}
    for file in sorted((root / _FILE_SYSTEMS).glob("*/errors_count")):
        with suppress(OSError, ValueError):
            counted[file.parent.name] = int(file.read_text())
    return counted or None


def card_hosts(root: Path = Path("/")) -> frozenset[str]:
    """Names of the controllers with a card in them, such as mmc0."""
    blocks = (root / _HOSTS).glob("mmc*/mmc*:*/block")
    return frozenset(block.parts[-3] for block in blocks) or frozenset({_USUAL_HOST})
