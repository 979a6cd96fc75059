"""Values of a configuration that are still an example's: reserved addresses, gaps to fill, drawings, names.

A value is reported only if it can't be meant: an address reserved for examples, a placeholder such as <name>,
a drawing that equals an example's point for point. An office may really have the site, name and place of an
example, so these are reported only beside such a value.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.config.examples import PLACES, example
from agent.config.messages import headed, shown
from agent.config.models import CameraConfig, DeviceConfig, LineConfig, ZoneConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.models import Config

# RFC 2606 and 6761; a machine of an office may be called just `test`.
_RESERVED_HOSTS = re.compile(
    r"((.+\.)?example(\.(com|net|org))?|.+\.(test|invalid))\.?", re.IGNORECASE | re.DOTALL
)
# RFC 5737, 3849 and 9637.
_RESERVED_NETWORKS = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
)
# A whole level of a path or address.
_GAP = re.compile(r"(^|/)(…|\.\.\.|<[^<>/]+>)(/|$)")
_BROKER = "give the name or address of your broker"
_CAMERA = "give the address of your camera"
_FILL = "write what belongs there instead of it"
_DRAW = "draw it on what this camera sees"
_MASK = "blank what this camera must not see, or leave masks out"
_OFFICE = "give your office's own if it is another"
_THIS_CAMERA = "give this camera's own if it is another, once in its site"
_LABEL = "say where this camera is if it is elsewhere"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A value that is still an example's.

    Attributes:
        where: table and key, as `[mqtt] host`.
        value: as the file would write it, shortened.
        right: what to do instead, in English.
    """

    where: str
    value: str
    right: str

    def __str__(self) -> str:
        """Return one sentence for `check`."""
        return f"{self.where} = {self.value}: still an example's; {self.right}."


def leftovers(config: Config) -> list[Leftover]:
    """Return what is still an example's, in the order of the file; the file may be valid all the same."""
    examples = _Examples.read()
    sure = [*_camera(config), *_drawings(config, examples), *_broker(config)]
    return [*_names(config.device, examples), *sure] if sure else []


@dataclass(frozen=True, slots=True)
class _Examples:
    """Values of the examples: those of `check --example` and of the configuration's own fields."""

    names: frozenset[tuple[str, str]]
    labels: frozenset[str]
    masks: frozenset[Any]
    lines: frozenset[Any]
    polygons: frozenset[Any]

    @classmethod
    def read(cls) -> _Examples:
        files = [tomllib.loads(example(place)) for place in PLACES]
        devices = [file["device"] for file in files]
        lines = [line for file in files for line in file.get("line", ())]
        zones = [zone for file in files for zone in file.get("zone", ())]
        site, name, label = (_of_field(DeviceConfig, key) for key in ("site", "name", "place"))
        ends = [_of_field(LineConfig, key) for key in ("start", "end", "inside")]
        return cls(
            frozenset([*zip(site, name, strict=True), *((it["site"], it["name"]) for it in devices)]),
            frozenset([*label, *(device["place"] for device in devices)]),
            frozenset(_frozen(mask) for masks in _of_field(CameraConfig, "masks") for mask in masks),
            frozenset(map(_frozen, [*zip(*ends, strict=True), *map(_ends, lines)])),
            frozenset(
                map(_frozen, [*_of_field(ZoneConfig, "polygon"), *(zone["polygon"] for zone in zones)])
            ),
        )


def _of_field(table: type[Any], key: str) -> list[Any]:
    return table.model_fields[key].examples or []


def _ends(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["start"], line["end"], line["inside"]


def _frozen(value: object) -> object:
    """TOML's lists as the tuples that the configuration has."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _names(device: DeviceConfig, examples: _Examples) -> Iterator[Leftover]:
    if device.site not in {site for site, _ in examples.names}:
        return
    yield Leftover("[device] site", shown(device.site), _OFFICE)
    if (device.site, device.name) in examples.names:
        yield Leftover("[device] name", shown(device.name), _THIS_CAMERA)
    if device.place in examples.labels:
        yield Leftover("[device] place", shown(device.place), _LABEL)


def _camera(config: Config) -> Iterator[Leftover]:
    camera = config.camera
    if "://" in camera.source and _is_reserved(urlsplit(camera.source).hostname or ""):
        yield Leftover("[camera] source", shown(camera.source), _CAMERA)
    else:
        yield from _gaps("camera", camera, "source")
    yield from _gaps("camera", camera, "username", "password_file")


def _drawings(config: Config, examples: _Examples) -> Iterator[Leftover]:
    if masks := [mask for mask in config.camera.masks if _frozen(mask) in examples.masks]:
        yield Leftover("[camera] masks", _points(masks), _MASK)
    for index, line in enumerate(config.line):
        ends = (line.start, line.end, line.inside)
        if _frozen(ends) in examples.lines:
            where = f"{headed('line', index, line.model_dump())} start, end, inside"
            yield Leftover(where, ", ".join(map(_points, ends)), _DRAW)
    for index, zone in enumerate(config.zone):
        if _frozen(zone.polygon) in examples.polygons:
            where = f"{headed('zone', index, zone.model_dump())} polygon"
            yield Leftover(where, _points(zone.polygon), _DRAW)


def _broker(config: Config) -> Iterator[Leftover]:
    if config.mqtt is None:
        return
    if _is_reserved(config.mqtt.host):
        yield Leftover("[mqtt] host", shown(config.mqtt.host), _BROKER)
    keys = ("host", "username", "password_file", "ca_file", "certificate_file", "key_file")
    yield from _gaps("mqtt", config.mqtt, *keys)


def _gaps(name: str, table: object, *keys: str) -> Iterator[Leftover]:
    for key in keys:
        value = getattr(table, key)
        if isinstance(value, str | Path) and _GAP.search(str(value)):
            yield Leftover(f"[{name}] {key}", shown(str(value)), _FILL)


def _is_reserved(host: str) -> bool:
    """Whether a name or address can never be anybody's broker or camera."""
    if _RESERVED_HOSTS.fullmatch(host):
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _RESERVED_NETWORKS)


def _points(value: object) -> str:
    return shown(value, depth=4)
