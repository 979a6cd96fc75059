"""Risks of a configuration that is valid, and files that it names and that are missing."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config.messages import shown
from agent.config.rule_tables import rule_tables
from agent.core.geometry import contains

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.models import CameraConfig, Config
    from agent.core.geometry import Polygon

# Zones that reach into each other by less than a hundredth of the picture are drawn well enough.
_GRID = 100
_MOST_OVERLAPS = 100


def notices(config: Config) -> list[str]:
    """Sentences on risky settings of a valid file."""
    return [*_risks(config)]


def _camera_risks(camera: CameraConfig) -> Iterator[str]:
    if "://" in camera.source:
        yield (
            f"[camera] source = {shown(camera.source)}: pictures and login cross the network unencrypted, "
            "unlike a Pi's own camera's; keep that network apart."
        )
    elif camera.username or camera.password_file:
        yield "[camera] username and password_file are not used: only an rtsp:// source has a login."
    if camera.source.startswith("/dev/video"):
        yield (
            f"[camera] source = {shown(camera.source)}: this number may be another camera's after a restart; "
            "give the name that ls /dev/v4l/by-id shows."
        )


def _risks(config: Config) -> Iterator[str]:
    camera, device, mqtt = config.camera, config.device, config.mqtt
    if "calendar" in config.model_fields_set and not config.hours:
        yield "[calendar] has no use without [[hours]]: where there are no working hours it is always open."
    yield from _desks_unclear(config)
    yield from _camera_risks(camera)
    if config.tamper.accept_new_view_s is not None:
        yield (
            "[tamper] accept_new_view_s is no longer used: a camera that was moved counts again once it is "
            "put back, or `presence-agent accept-view` says that its view is right now; take the line out."
        )
    if mqtt is None:
        return
    if not mqtt.tls:
        yield "[mqtt] tls = false: anybody on the network can read the password and all events."
    own = f"{device.site}/{device.name}"
    if mqtt.username is not None and mqtt.username != own:
        yield (
            f"[mqtt] username = {shown(mqtt.username)} is not {shown(own)}, the <site>/<name> of [device]: "
            "the supplied broker rights are a pattern on it and will refuse this agent's topics."
        )
    if mqtt.username is not None and mqtt.password_file is None and mqtt.certificate_file is None:
        yield (
            "[mqtt] username is given without password_file or certificate_file: the broker can't "
            "distinguish this agent from any other that uses the name."
        )


def _desks_unclear(config: Config) -> Iterator[str]:
    """Counters whose zones of staff and public overlap."""
    zones = {zone.id: zone.polygon for zone in config.zone}
    for number, counter in enumerate(config.counter, start=1):
        if counter.public and _overlap(zones[counter.staff], zones[counter.public]):
            yield (
                f'[[counter]] {number} "{counter.id}": its zones {shown(counter.staff)} and '
                f"{shown(counter.public)} overlap; who stands in both is staff and waiting too. "
                "Draw them apart."
            )


def _overlap(one: Polygon, other: Polygon) -> bool:
    """Whether zones share more than an edge: any point of a grid over the picture."""
    grid = [(number + 0.5) / _GRID for number in range(_GRID)]
    return any(contains(one, point) and contains(other, point) for point in product(grid, grid))


def absences(config: Config) -> Iterator[str]:
    """Sentences on files and cameras that are named and missing, and on a file without any rule."""
    camera, mqtt = config.camera, config.mqtt
    if not any(rules for _, rules in rule_tables(config)):
        yield "There is no [[line]] and no [[zone]]: nothing will be published but that the agent runs."
    if not camera.is_live and not _exists(Path(camera.source)):
        yield f"[camera] source = {shown(camera.source)}: there is no such file or folder yet."
    if camera.source.startswith("/dev/") and not _exists(Path(camera.source)):
        yield f"[camera] source = {shown(camera.source)}: there is no such camera now; plug it in."
    if camera.password_file and _is_missing(camera.password_file):
        yield f"[camera] password_file = {shown(str(camera.password_file))}: there is no such file yet."
    for key in ("password_file", "ca_file", "certificate_file", "key_file"):
        path = getattr(mqtt, key, None)
        if path and _is_missing(path):
            yield f"[mqtt] {key} = {shown(str(path))}: there is no such file yet."


def _is_missing(path: Path) -> bool:
    # systemd puts credentials there when the service starts.
    return not path.is_relative_to("/run/credentials") and not _exists(path)


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        # It exists; opening it will report the permission.
        return True
    except (OSError, ValueError):
        # Not there, or longer than a path can be.
        return False
    return True
