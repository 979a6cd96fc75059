"""Figures of the kernel, compared with what other programs read."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.device import machine

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1_000_000


def kib(file: str, name: str) -> int:
    """A line of /proc such as `VmRSS:  123 kB`, in bytes."""
    (found,) = re.findall(rf"^{name}:\s+(\d+) kB$", Path(file).read_text(), re.MULTILINE)
    return int(found) * 1024


def test_rss() -> None:
    # Tests beside this one take and leave memory of their own; this process has its own.
    assert machine.rss_mb() == pytest.approx(kib("/proc/self/status", "VmRSS") / MB, rel=0.2)


def test_mem_free() -> None:
    total = kib("/proc/meminfo", "MemTotal") / MB
    found = machine.mem_free_mb()
    assert found is not None
    assert 0 < found < total
    # Others take and leave some between two readings.
    assert found == pytest.approx(kib("/proc/meminfo", "MemAvailable") / MB, abs=0.2 * total)


def test_disk_free(tmp_path: Path) -> None:
    room = shutil.disk_usage(tmp_path)
    found = machine.disk_free_mb(tmp_path / "events.db")
    assert found == pytest.approx(room.free / MB, abs=max(0.05 * room.total / MB, 1))


def test_disk_that_is_not_there(tmp_path: Path) -> None:
    assert machine.disk_free_mb(tmp_path / "nowhere" / "events.db") is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        # Thousandths of a degree.
        ("61345\n", 61.345),
        ("-5000\n", -5.0),
        ("", None),
        (None, None),
    ],
)
def test_temperature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, found: float | None
) -> None:
    path = tmp_path / "temp"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(machine, "_TEMPERATURE", path)
    assert machine.temp_c() == found


@pytest.mark.parametrize("tells", [machine.rss_mb, machine.mem_free_mb])
def test_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch, tells: Callable[[], int | None]) -> None:
    monkeypatch.setattr(machine, "_words", lambda _: [])
    assert tells() is None
