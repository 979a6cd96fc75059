"""Doctor on a Raspberry Pi's own matters.

No Pi is here: each fault is a stand-in, a file at the place where firmware or kernel would have it (below
the folder of the test), a line as the kernel writes it, or a program that prints what the Pi's own prints.
Forms and places are those of the Raspberry Pi documentation, of its kernel's drivers and of lines that
people sent in; that a real board has them so is not shown here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.doctor.checks_board import board_checks
from agent.doctor.kernel_log import _from_kernel, kernel_lines
from agent.doctor.system import System
from agent.errors import CameraError
from tests.doctor.place import Place, codes
from tests.doctor.test_faults import Shown
from tests.locale.languages import ENGLISH, LANGUAGES, VIETNAMESE

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.doctor.report import Finding

PI_4, PI_5 = "Raspberry Pi 4 Model B Rev 1.5\0", "Raspberry Pi 5 Model B Rev 1.0\0"
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
WIRELESS = (
    "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
    " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n"
)
SENSOR = "imx708 10-001a: error -EREMOTEIO: failed to read chip id 708"


def kernel_says(place: Place, *lines: str) -> None:
    """Kernel lines in the journal; of the service there is nothing in it."""
    (place.folder / "kernel.out").write_text("".join(f"{line}\n" for line in lines))
    path = place.folder / "bin" / "journalctl"
    path.write_text(
        f"#!/bin/sh\ncase \"$*\" in *_TRANSPORT=kernel*) cat '{place.folder}/kernel.out' ;; esac\n"
    )
    path.chmod(0o755)


def route(name: str, metric: int = 100) -> str:
    return f"{name}\t00000000\t0101A8C0\t0003\t0\t0\t{metric}\t00000000\t0\t0\t0\n"


def wifi(level: str, *ways: str) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        signal = f" wlan0: 0000   40.  {level}  -256        0      0      0      3      0        0\n"
        place.write("proc/net/wireless", WIRELESS + signal)
        place.write("proc/net/route", ROUTES + "".join(ways))

    return make


def kernel(*lines: str) -> Callable[[Place], None]:
    return lambda place: kernel_says(place, *lines)


def mailbox(bits: str) -> Callable[[Place], None]:
    """A Pi 5's kernel has no file of it; what vcgencmd prints is what there is."""

    def make(place: Place) -> None:
        (place.root / "sys/devices/platform/soc/soc:firmware/get_throttled").unlink()
        place.program("vcgencmd", f"throttled={bits}\n")

    return make


def monitor_only(place: Place) -> None:
    (place.root / "sys/devices/platform/soc/soc:firmware/get_throttled").unlink()
    place.program("vcgencmd", "", 1)
    place.write("sys/class/hwmon/hwmon0/name", "rpi_volt\n")
    place.write("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")


def another_place_of_the_bits(place: Place) -> None:
    (place.root / "sys/devices/platform/soc/soc:firmware/get_throttled").unlink()
    folder = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware"
    place.write(f"{folder}/get_throttled", "50005\n")


def no_clock_chip(synced: bool) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.write("proc/device-tree/model", PI_4)
        place.synced = synced

    return make


def clock_chip(battery_uv: int, synced: bool) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.write("proc/device-tree/model", PI_5)
        place.write("sys/class/rtc/rtc0/battery_voltage", f"{battery_uv}\n")
        place.synced = synced

    return make


def counted(errors: int) -> Callable[[Place], None]:
    return lambda place: place.write("sys/fs/ext4/mmcblk0p2/errors_count", f"{errors}\n")


def hot(milli_c: int) -> Callable[[Place], None]:
    return lambda place: place.write("sys/class/thermal/thermal_zone0/temp", f"{milli_c}\n")


# What is so, what is found, its status, words of it, and words of the remedy in both languages.
CASES: list[tuple[str, Callable[[Place], None], str, str, str, tuple[str, ...]]] = [
    ("mailbox", mailbox("0x50005"), "power.under", "fault", "0x50005", ()),
    ("mailbox, before", mailbox("0x10000"), "power.was_under", "warning", "0x10000", ()),
    ("mailbox, good", mailbox("0x0"), "power.ok", "ok", "", ()),
    ("mailbox, slow now", mailbox("0xe0008"), "power.slowed", "warning", "0xe0008", ()),
    ("mailbox, slow before", mailbox("0xe0000"), "power.was_slowed", "warning", "0xe0000", ()),
    ("mailbox, no answer", mailbox("error=1"), "power.unknown", "unknown", "", ()),
    ("monitor only", monitor_only, "power.under", "fault", "in0_lcrit_alarm", ()),
    ("another place", another_place_of_the_bits, "power.under", "fault", "0x50005", ()),
    ("84.9 °C", hot(84_900), "temperature.hot", "fault", "80", ()),
    ("85 °C", hot(85_000), "temperature.limit", "fault", "85", ()),
    ("no clock chip", no_clock_chip(True), "clock.no_rtc", "ok", "", ()),
    (
        "no clock chip, no time", no_clock_chip(False), "clock.no_rtc_unsynced", "warning", "",
        ("DS3231", "dtoverlay=i2c-rtc"),
    ),
    ("no battery", clock_chip(31_000, True), "clock.rtc_stops", "ok", "0.0 V", ()),
    (
        "no battery, no time", clock_chip(31_000, False), "clock.rtc_stops_unsynced", "warning", "0.0 V",
        ("J5", "rtc_bbat_vchg=3000000"),
    ),
    ("errors counted", counted(3), "card.counted", "fault", "mmcblk0p2", ()),
    (
        "I/O error",
        kernel("blk_update_request: I/O error, dev mmcblk0, sector 4321384 op 0x1:(WRITE)"),
        "card.told", "fault", "1 ", ("journalctl _TRANSPORT=kernel",),
    ),
    (
        "lines of a card",
        kernel(
            "mmc0: error -110 whilst initialising SD card",
            "mmcblk0: error -110 sending status command, retrying",
            "Buffer I/O error on dev mmcblk0p2, logical block 524813, lost async page write",
            "EXT4-fs error (device mmcblk0p2): ext4_iget:3921: inode #5515: comm udevd: bad extra_isize",
        ),
        "card.told", "fault", "4 ", ("journalctl _TRANSPORT=kernel",),
    ),
    ("a drive", kernel("I/O error, dev nvme0n1p2, sector 8"), "card.told", "fault", "nvme0n1", ()),
    (
        "other lines",
        kernel(
            "EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode",
            "I/O error, dev sr0, sector 0",
            # The Wi-Fi is on the other host.
            "mmc1: error -110 whilst initialising SDIO card",
        ),
        "card.ok", "ok", "", (),
    ),
    ("weak Wi-Fi", wifi("-71.", route("wlan0")), "network.wifi_weak", "warning", "-71 dBm", ()),
    ("good Wi-Fi", wifi("-70.", route("wlan0")), "network.wifi", "ok", "-70 dBm", ()),
    ("cable", wifi("-90.", route("wlan0", 600), route("eth0", 100)), "network.wired", "ok", "eth0", ()),
    (
        "cable is second", wifi("-90.", route("wlan0", 50), route("eth0")),
        "network.wifi_weak", "warning", "", (),
    ),
    ("no dBm", wifi("56.", route("wlan0")), "network.wifi_unknown", "unknown", "wlan0", ()),
    ("not connected", wifi("-256", route("wlan0")), "network.wifi_unknown", "unknown", "wlan0", ()),
    ("no network", lambda place: place.write("proc/net/route", ROUTES), "network.none", "unknown", "", ()),
]  # fmt: skip


def told(place: Place) -> list[Finding]:
    found: list[Finding] = []
    board_checks(System(place.root, place.folder / "run", lambda: place.synced), found.append)
    return found


@pytest.mark.parametrize(
    ("so", "code", "status", "words", "remedy"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_board(
    place: Place, so: Callable[[Place], None], code: str, status: str, words: str, remedy: tuple[str, ...]
) -> None:
    so(place)
    found = told(place)
    (one,) = [item for item in found if item.code == code]
    assert one.status == status
    # What is good says nothing else is wrong.
    others = [item.code for item in found if item.status in {"warning", "fault"} and item is not one]
    assert others == []
    for language in LANGUAGES:
        assert words in one.found(language)
        assert all(word in str(one.remedy(language)) for word in remedy)


def test_tunnel_goes_through_wifi(place: Place) -> None:
    wifi("-88.", route("wg0", 10))(place)
    place.write("sys/class/net/wg0/type", "65534\n")
    assert [item.code for item in told(place) if item.check == "network"] == ["network.wifi_weak"]


def test_other_machines_have_a_clock(place: Place) -> None:
    assert [item.code for item in told(place) if item.check == "clock"] == []
    clock_chip(3_100_000, True)(place)
    assert [item.code for item in told(place) if item.check == "clock"] == []


def test_wifi_on_the_first_host(place: Place) -> None:
    place.write("sys/class/mmc_host/mmc1/mmc1:aaaa/block/mmcblk1/size", "")
    place.write("sys/class/mmc_host/mmc0/mmc0:0001/type", "SDIO\n")
    kernel_says(place, "mmc0: error -110 whilst initialising SDIO card")
    assert "card.ok" in [item.code for item in told(place)]
    kernel_says(place, "mmc1: error -84 whilst initialising SD card")
    (one,) = [item for item in told(place) if item.check == "card"]
    assert "mmcblk1" in one.found(ENGLISH)


def test_kernel_without_a_journal(place: Place) -> None:
    (place.root / "var/log/journal/0123/system.journal").unlink()
    machine = System(place.root, place.folder / "run", lambda: True)
    assert kernel_lines(machine) is None
    assert "card.unknown" in [item.code for item in told(place)]
    place.write("dev/kmsg", "6,339,5140900,-;mmc0: error -110\n SUBSYSTEM=mmc\n4,340,5140901,-;next; line\n")
    assert kernel_lines(machine) == ["mmc0: error -110", "next; line"]
    assert "card.told" in [item.code for item in told(place)]


def test_kernel_of_this_machine_ends() -> None:
    """The real /dev/kmsg never ends by itself: what is there is read and no more is waited for."""
    path = Path("/dev/kmsg")
    lines = _from_kernel(path)
    if os.access(path, os.R_OK) and lines is not None:
        assert lines
        assert not any(line.startswith(("<", " SUBSYSTEM=")) for line in lines)


# --- a camera on the ribbon -----------------------------------------------------------------------------

CONFIG = "boot/firmware/config.txt"
LOOK = "camera_auto_detect=1"
PI_OS = "# of Raspberry Pi OS\ncamera_auto_detect=1\ndtoverlay=vc4-kms-v3d\n\n[all]\n"
RIBBON: list[tuple[str, str, str, str | None, str, tuple[str, ...]]] = [
    # What config.txt has, the kernel's line, what is found, its words, and words of the remedy.
    ("none on the ribbon", PI_OS, "", "camera.none_seen", "firmware", ("ribbon", "dtoverlay=")),
    ("not looked for", "camera_auto_detect=0\n", "", "camera.not_looked_for", CONFIG, (LOOK,)),
    ("line is gone", "dtoverlay=vc4-kms-v3d\n", "", "camera.not_looked_for", CONFIG, (LOOK,)),
    ("commented out", "#camera_auto_detect=1\n", "", "camera.not_looked_for", CONFIG, ()),
    ("for no board", "[none]\ncamera_auto_detect=1\n", "", "camera.not_looked_for", CONFIG, ()),
    ("last one holds", f"{PI_OS}camera_auto_detect=0\n", "", "camera.not_looked_for", CONFIG, ()),
    ("another sensor", "camera_auto_detect=0\ndtoverlay=imx219,cam0\n", "", "camera.overlay", "imx219", ()),
    ("old software", "start_x=1\ngpu_mem=128\n", "", "camera.old_software", "start_x", ("start_x",)),
    ("silent", PI_OS, SENSOR, "camera.sensor_silent", "imx708", ("dtoverlay=",)),
    ("no file", "", "", None, "", ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "code", "words", "remedy"),
    [case[1:] for case in RIBBON],
    ids=[case[0] for case in RIBBON],
)
def test_camera_on_the_ribbon(
    place: Place, text: str, line: str, code: str | None, words: str, remedy: tuple[str, ...]
) -> None:
    place.camera["source"] = "picamera2"
    place.camera_of = lambda _camera, _now: Shown(None, CameraError("no camera is connected."))
    if text:
        place.write(CONFIG, text)
    kernel_says(place, *([line] if line else []))
    report = place.examined()
    faults = [item for item in report.findings if item.status == "fault"]
    # The cause goes before what came of it.
    assert [item.code for item in faults] == [*([code] if code else []), "camera.not_opened"]
    if code:
        assert words in faults[0].found(ENGLISH)
        assert all(word in str(faults[0].remedy(ENGLISH)) for word in remedy)
        assert faults[0].remedy(VIETNAMESE)


def test_sensor_that_the_kernel_has(place: Place) -> None:
    place.camera["source"] = "picamera2"
    place.camera_of = lambda _camera, _now: Shown(None, CameraError("another program holds it."))
    place.write(CONFIG, PI_OS)
    place.write("sys/class/video4linux/v4l-subdev0/name", "imx708 10-001a\n")
    assert [code for code in codes(place.examined()) if code.startswith("camera.")] == ["camera.not_opened"]


def test_camera_lost_while_the_service_runs(place: Place) -> None:
    place.camera["source"] = "picamera2"
    place.write(CONFIG, PI_OS)
    place.sight(camera="lost", brightness=None, sharpness=None)
    assert [code for code in codes(place.examined()) if code.startswith("camera.")] == [
        "camera.none_seen",
        "camera.lost",
    ]


def test_network_camera_has_no_ribbon(place: Place) -> None:
    place.camera["source"] = "rtsp://127.0.0.1:1/x"
    place.write(CONFIG, "camera_auto_detect=0\n")
    kernel_says(place, SENSOR)
    assert [code for code in codes(place.examined()) if code.startswith("camera.")] == ["camera.not_reached"]
