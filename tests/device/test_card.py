"""What the kernel counts of the card, in a made-up /sys; a stand-in for a card that goes bad."""

from __future__ import annotations

from pathlib import Path

from agent.device import machine


def test_no_ext4(tmp_path: Path) -> None:
    assert machine.card_errors(tmp_path) is None


def test_errors_of_each_file_system(tmp_path: Path) -> None:
    for name, content in {"mmcblk0p2": "3\n", "sda1": "0\n", "odd": "many\n"}.items():
        (tmp_path / "sys/fs/ext4" / name).mkdir(parents=True)
        (tmp_path / "sys/fs/ext4" / name / "errors_count").write_text(content)
    # It is in the folder, and no file system.
    (tmp_path / "sys/fs/ext4/features").mkdir()
    assert machine.card_errors(tmp_path) == {"mmcblk0p2": 3, "sda1": 0}


def test_errors_of_this_machine() -> None:
    there = list(Path("/sys/fs/ext4").glob("*/errors_count"))
    assert set(machine.card_errors() or {}) == {file.parent.name for file in there}


def test_hosts_with_a_card(tmp_path: Path) -> None:
    assert machine.card_hosts(tmp_path) == {"mmc0"}
    (tmp_path / "sys/class/mmc_host/mmc1/mmc1:aaaa/block").mkdir(parents=True)
    (tmp_path / "sys/class/mmc_host/mmc0/mmc0:0001").mkdir(parents=True)
    assert machine.card_hosts(tmp_path) == {"mmc1"}
