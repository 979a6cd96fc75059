"""Bits of a Pi's firmware, in a made-up /sys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.device import machine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("bits", "alarm", "throttled", "slowed", "weak"),
    [
        (None, None, None, False, None),
        ("0\n", None, 0x0, False, False),
        ("50005\n", None, 0x50005, True, True),
        ("0x50000\n", "0\n", 0x50000, False, False),
        ("50000\n", "1\n", 0x50000, False, True),
        (None, "1\n", None, False, True),
        (None, "0\n", None, False, False),
        ("nothing\n", None, None, False, None),
        ("-1\n", None, None, False, None),
    ],
)
def test_power_told(
    tmp_path: Path,
    bits: str | None,
    alarm: str | None,
    throttled: int | None,
    slowed: bool,
    weak: bool | None,
) -> None:
    firmware = tmp_path / "sys/devices/platform/soc/soc:firmware"
    firmware.mkdir(parents=True)
    for number, name in enumerate(("cpu_thermal", "rpi_volt")):
        monitor = tmp_path / f"sys/class/hwmon/hwmon{number}"
        monitor.mkdir(parents=True)
        (monitor / "name").write_text(f"{name}\n")
    if bits is not None:
        (firmware / "get_throttled").write_text(bits)
    if alarm is not None:
        (tmp_path / "sys/class/hwmon/hwmon1/in0_lcrit_alarm").write_text(alarm)
    assert machine.throttled(tmp_path) == throttled
    assert machine.slowed_now(throttled or 0) == slowed
    assert machine.under_voltage(tmp_path) == weak
