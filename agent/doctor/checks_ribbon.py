"""Causes of a Pi's own camera not being found: firmware settings, and what the kernel sees on the ribbon."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.doctor.kernel_log import kernel_lines
from agent.doctor.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from agent.config.models import Config
    from agent.doctor.system import System

# Where Raspberry Pi OS has it, first the newer place; the other one then only says where it went.
_FILES = ("boot/firmware/config.txt", "boot/config.txt")
# Overlays of sensors and of what stands in for one, as overlays/README of the firmware has them.
_SENSOR = re.compile(r"^(imx\d{3}|ov\w*\d|arducam|ar\d{4}|adv72|tc358743|irs1125|veye|cam\d)", re.IGNORECASE)
_SILENT = re.compile(
    r"\b(?P<sensor>[a-z]+\d+\w*) \d+-[0-9a-f]{4}: .*failed to (?:read|find|check) (?:chip|sensor)"
)
_FOUND = re.compile(r"^(?:imx|ov|ar)\w*\d \d+-[0-9a-f]{4}$")


def ribbon_checks(config: Config, found: Iterable[Finding], machine: System) -> Iterator[Finding]:
    """Find the cause where a Pi's own camera gives no pictures; nothing where none is known.

    Args:
        config: whether it is a Pi's own camera.
        found: what doctor found of the camera so far.
        machine: whose firmware and kernel are read.
    """
    wrong = any(finding.check == "camera" and finding.status == "fault" for finding in found)
    if config.camera.source != "picamera2" or not wrong:
        return
    for line in reversed(kernel_lines(machine) or []):
        if silent := _SILENT.search(line):
            yield Finding("camera.sensor_silent", {"sensor": silent["sensor"]})
            return
    file = next((file for file in _FILES if (machine.root / file).is_file()), None)
    settings = _settings(machine.root / file) if file else None
    if settings is None or _kernel_has_one(machine.root):
        return
    overlays = [value.partition(",")[0] for key, value in settings if key == "dtoverlay"]
    sensors = [overlay for overlay in overlays if _SENSOR.match(overlay)]
    last = dict(settings)
    if last.get("start_x", "0") != "0":
        code = "camera.old_software"
    elif sensors:
        code = "camera.overlay"
    else:
        code = "camera.none_seen" if last.get("camera_auto_detect") == "1" else "camera.not_looked_for"
    yield Finding(code, {"file": f"/{file}", "overlay": ", ".join(sensors)})


def _settings(file: Path) -> list[tuple[str, str]] | None:
    """Settings in their order, without those under [none], which no board uses."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return None
    settings, section = [], ""
    for line in lines:
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = text
        elif "=" in text and section != "[none]":
            key, _, value = text.partition("=")
            settings.append((key.strip(), value.strip()))
    return settings


def _kernel_has_one(root: Path) -> bool:
    """Whether the kernel has a sensor; then the ribbon is not what is wrong."""
    for file in (root / "sys/class/video4linux").glob("v4l-subdev*/name"):
        try:
            if _FOUND.match(file.read_text(errors="replace").strip()):
                return True
        except OSError:
            continue
    return False
