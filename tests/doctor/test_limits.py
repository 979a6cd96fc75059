"""Doctor tells whether the kernel holds the service's limits of memory, and which word is missing where."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from agent.doctor.checks_limits import memory_limits
from agent.doctor.system import System
from tests.doctor.place import CGROUP, SERVICE, Place, codes
from tests.locale.languages import ENGLISH, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Of Raspberry Pi OS, shortened: the first half comes from the firmware, the second from cmdline.txt.
FIRMWARE = (
    "reboot=w coherent_pool=1M cgroup_disable=memory numa_policy=interleave vc_mem.mem_size=0x40000000 "
)
CMDLINE = "console=tty1 root=PARTUUID=4d8097e2-02 rootfstype=ext4 fsck.repair=yes rootwait"
SWAP = "Filename Type Size Used Priority\n/dev/zram0 partition 524284 0 100\n"
NO_SWAP = "Filename Type Size Used Priority\n"


def without_controller(place: Place, started: str, file: str | None = CMDLINE) -> None:
    """As the kernel leaves it: no files of that controller."""
    for name in ("memory.max", "memory.swap.max"):
        (place.root / CGROUP / name).unlink()
    place.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n")
    place.write("proc/cmdline", f"{started}\n")
    if file is not None:
        place.write("boot/firmware/cmdline.txt", f"{file}\n")


def raspberry_pi_os(place: Place) -> None:
    without_controller(place, FIRMWARE + CMDLINE)


def only_the_old_word(place: Place) -> None:
    words = f"{CMDLINE} cgroup_memory=1"
    without_controller(place, FIRMWARE + words, words)


def older_place_of_the_file(place: Place) -> None:
    without_controller(place, FIRMWARE + CMDLINE, None)
    place.write("boot/cmdline.txt", CMDLINE)


def no_restart_yet(place: Place) -> None:
    without_controller(place, FIRMWARE + CMDLINE, f"{CMDLINE} cgroup_enable=cpuset,memory")


def kernel_without_the_word(place: Place) -> None:
    words = f"{CMDLINE} cgroup_memory=1 cgroup_enable=memory"
    without_controller(place, FIRMWARE + words, words)


def disabled_behind_it(place: Place) -> None:
    words = f"cgroup_enable=memory {CMDLINE} cgroup_disable=memory"
    without_controller(place, words, words)


def another_board(place: Place) -> None:
    without_controller(place, CMDLINE, None)


def older_hierarchy(place: Place) -> None:
    shutil.rmtree(place.root / "sys/fs/cgroup")
    place.write("sys/fs/cgroup/memory/system.slice/presence-agent.service/memory.limit_in_bytes", "471859200")


def unit_of_an_older_version(place: Place) -> None:
    place.write(f"{CGROUP}/memory.swap.max", "67108864\n")


def swap_without_end(place: Place) -> None:
    place.write(f"{CGROUP}/memory.swap.max", "max\n")


def memory_without_end(place: Place) -> None:
    place.write(f"{CGROUP}/memory.max", "max\n")


def swap_not_counted(place: Place) -> None:
    (place.root / CGROUP / "memory.swap.max").unlink()


FILE = "/boot/firmware/cmdline.txt"
# What is so, what is found, words of it, and words of the remedy in both languages.
CASES: list[tuple[Callable[[Place], None], str, str, tuple[str, ...]]] = [
    (raspberry_pi_os, "memory.controller_off", "cgroup_disable=memory", ("cgroup_enable=memory", FILE)),
    (only_the_old_word, "memory.controller_off", "cgroup_disable=memory", ("cgroup_enable=memory", FILE)),
    (
        older_place_of_the_file,
        "memory.controller_off",
        "firmware",
        ("cgroup_enable=memory", "/boot/cmdline.txt"),
    ),
    (disabled_behind_it, "memory.controller_off", "cgroup_disable=memory", ("cgroup_enable=memory", FILE)),
    (no_restart_yet, "memory.controller_waits", FILE, ()),
    (kernel_without_the_word, "memory.controller_refused", "cgroup_enable=memory", ()),
    (another_board, "memory.no_controller", "", ("cgroup_enable=memory", FILE)),
    (older_hierarchy, "memory.no_hierarchy", "", ("systemd.unified_cgroup_hierarchy=1", FILE)),
    (unit_of_an_older_version, "memory.swapped", "", ("presence-agent", "systemctl cat")),
    (swap_without_end, "memory.swapped", "", ("presence-agent", "systemctl restart")),
    (memory_without_end, "memory.unlimited", "", ("presence-agent", "systemctl restart")),
    (swap_not_counted, "memory.swap_not_counted", "", ("swapaccount=1", FILE)),
]


@pytest.mark.parametrize(("so", "code", "found", "remedy"), CASES, ids=[case[0].__name__ for case in CASES])
def test_limit_that_is_not_in_force(
    place: Place, so: Callable[[Place], None], code: str, found: str, remedy: tuple[str, ...]
) -> None:
    place.sight()
    so(place)
    report = place.examined()
    assert [other for other in codes(report) if other != "broker_name.none"] == [code]
    assert report.exit_code == 0
    (told,) = [item for item in report.findings if item.code == code]
    for language in LANGUAGES:
        assert found in told.found(language)
        assert all(word in str(told.remedy(language)) for word in remedy)
    # Said only where it was seen.
    assert ("cgroup_disable" in told.found(ENGLISH)) == (code == "memory.controller_off")


def found(place: Place, **shown: str) -> list[str]:
    unit = SERVICE | {"ActiveState": "active"} | shown
    return [finding.code for finding in memory_limits(unit, System(place.root, place.folder / "run"))]


@pytest.mark.parametrize(
    ("files", "codes_found"),
    [
        ({}, ["memory.limited"]),
        ({"proc/swaps": NO_SWAP}, ["memory.limited"]),
        ({f"{CGROUP}/memory.swap.max": None, "proc/swaps": NO_SWAP}, ["memory.limited"]),
        (
            {f"{CGROUP}/memory.max": "max", f"{CGROUP}/memory.swap.max": "max"},
            ["memory.swapped", "memory.unlimited"],
        ),
        ({f"{CGROUP}/memory.max": ""}, ["memory.limits_unknown"]),
        ({f"{CGROUP}/memory.swap.max": "many"}, ["memory.limits_unknown"]),
        ({"proc/swaps": None}, ["memory.limits_unknown"]),
    ],
)
def test_files_of_the_kernel(place: Place, files: dict[str, str | None], codes_found: list[str]) -> None:
    for path, content in {"proc/swaps": SWAP, **files}.items():
        if content is None:
            (place.root / path).unlink()
        else:
            place.write(path, content)
    assert found(place) == codes_found


@pytest.mark.parametrize(
    "shown",
    [
        {"ActiveState": "inactive"},
        {"ActiveState": "failed"},
        {"ControlGroup": ""},
        {"ControlGroup": "/"},
        # It ended between two looks.
        {"ControlGroup": "/system.slice/gone.service"},
    ],
)
def test_service_that_does_not_run_has_no_limits(place: Place, shown: dict[str, str]) -> None:
    assert found(place, **shown) == []


def test_machine_without_systemd(place: Place) -> None:
    assert list(memory_limits(None, System(place.root, place.folder / "run"))) == []


def test_limits_that_can_not_be_read(place: Place) -> None:
    (place.root / CGROUP / "memory.max").unlink()
    (place.root / CGROUP / "memory.max").mkdir()
    assert found(place) == ["memory.limits_unknown"]


def test_daily_check_that_is_off(place: Place, tmp_path: Path) -> None:
    place.sight()
    shown = "".join(f"{name}={value}\n" for name, value in (SERVICE | {"ActiveState": "active"}).items())
    program = tmp_path / "bin" / "systemctl"
    for timer, off in (
        (("active", "enabled"), False),
        (("inactive", "enabled"), True),
        (("active", "disabled"), True),
    ):
        program.write_text(
            f"#!/bin/sh\ncase $2 in\n*.timer) echo ActiveState={timer[0]}; echo UnitFileState={timer[1]} ;;\n"
            f"*) cat <<'END'\n{shown}END\n;;\nesac\n"
        )
        told = [item for item in place.examined().findings if item.code == "service.no_daily_check"]
        assert bool(told) == off, timer
        assert all("enable --now presence-agent-check.timer" in str(item.remedy(ENGLISH)) for item in told)
