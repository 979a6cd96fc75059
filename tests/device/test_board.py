from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.device.machine import serial_number

if TYPE_CHECKING:
    from pathlib import Path

TREE = "proc/device-tree/serial-number"
UUID = "sys/class/dmi/id/product_uuid"
SERIAL = "sys/class/dmi/id/product_serial"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({TREE: "10000000a1b2c3d4\0", UUID: "x"}, "10000000a1b2c3d4"),
        ({TREE: "\0", UUID: "4c4c4544-0042\n"}, "4c4c4544-0042"),
        # What a maker left as it was tells no board from another.
        ({TREE: "0000000000000000\0", SERIAL: "PF1\n"}, "PF1"),
        ({UUID: "00000000-0000-0000-0000-000000000000\n", SERIAL: "To Be Filled By O.E.M.\n"}, None),
        ({SERIAL: "Default string\n"}, None),
    ],
)
def test_serial_number(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert serial_number(tmp_path) == expected


def test_serial_number_of_this_board() -> None:
    assert serial_number() == serial_number()
