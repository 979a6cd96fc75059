"""What a Pi's firmware tells of its power; None where it does not."""

from __future__ import annotations

from pathlib import Path

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
    """The firmware's bits."""
    files = (file for place in _THROTTLED for file in (root / _DEVICES).glob(place))
    return next((bits for file in files if (bits := bits_of(_text(file))) is not None), None)


def bits_of(text: str) -> int | None:
    """The firmware's bits, of the kernel's file or of what `vcgencmd get_throttled` prints."""
    try:
        bits = int(text.strip().removeprefix("throttled="), 16)
    except ValueError:
        return None
    return bits if 0 <= bits <= _MOST else None


def slowed_now(bits: int) -> bool:
    """Whether the processor runs slower than it could, now."""
    return bool(bits & _SLOWED_NOW)


def under_voltage(root: Path = Path("/")) -> bool | None:
    """Whether the supply is too weak: now, or as the kernel's monitor last saw it."""
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
