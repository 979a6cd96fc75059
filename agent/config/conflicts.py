"""What tables of the configuration say against each other, and what is valid but risky."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.config.messages import headed, shown
from agent.config.types import DAY_MIN, DAYS, MOST_PERIODS, period
from agent.core.geometry import contains
from agent.core.naming import LONGEST_SITE_AND_NAME, is_too_long

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.config.models import Camera, Config
    from agent.core.geometry import Polygon

_RULES = ("line", "zone", "counter")
_WEEK_MIN = len(DAYS) * DAY_MIN
# Zones that reach into each other by less than a hundredth of the picture are drawn well enough.
_GRID = 100
_MOST_OVERLAPS = 100


def conflicts(raw: Mapping[str, Any]) -> Iterator[str]:
    """What the file says against itself, as far as it can be read: also a file with other problems."""
    yield from _name_too_long(raw)
    yield from _ids_twice(raw)
    yield from _zones_unknown(raw)
    yield from _logins_incomplete(raw)
    yield from _hours_overlapping(raw)
    yield from _hours_too_many(raw)


def notices(config: Config) -> list[str]:
    """What is risky in the file."""
    return [*_risks(config)]


def _listed(raw: Mapping[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables of a kind, with their headers."""
    listed = raw.get(name)
    for index, table in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(table, dict):
            yield headed(name, index, table), table


def _table(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = raw.get(name)
    return table if isinstance(table, dict) else {}


def _name_too_long(raw: Mapping[str, Any]) -> Iterator[str]:
    match _table(raw, "device"):
        case {"site": str(site), "name": str(name)} if is_too_long(site, name):
            yield (
                f"[device] site = {shown(site)} and name = {shown(name)} have {len(site) + len(name)} "
                f"characters together, and at most {LONGEST_SITE_AND_NAME} fit into a certificate; "
                "shorten one of them."
            )


def _ids_twice(raw: Mapping[str, Any]) -> Iterator[str]:
    first: dict[str, str] = {}
    for header, table in (found for name in _RULES for found in _listed(raw, name)):
        match table.get("id"):
            case str(rule_id) if rule_id in first:
                yield (
                    f"{header} id = {shown(rule_id)}: {first[rule_id]} has it already; ids are unique over "
                    "lines, zones and counters, give another."
                )
            case str(rule_id):
                first[rule_id] = header


def _zones_unknown(raw: Mapping[str, Any]) -> Iterator[str]:
    zones = [table["id"] for _, table in _listed(raw, "zone") if isinstance(table.get("id"), str)]
    there = (
        f"the file has {', '.join(map(shown, zones))}" if zones else "the file has no [[zone]] yet, add it"
    )
    for header, table in _listed(raw, "counter"):
        for key in ("staff", "public"):
            zone = table.get(key)
            if isinstance(zone, str) and zone not in zones:
                yield f"{header} {key} = {shown(zone)}: no [[zone]] has this id; {there}."
        if isinstance(table.get("staff"), str) and table.get("staff") == table.get("public"):
            yield (
                f"{header} public = {shown(table['public'])}: this is the zone of the staff; give the zone "
                "in front of the desk, or leave public out."
            )


def _logins_incomplete(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in ("camera", "mqtt"):
        if "password_file" in _table(raw, name) and "username" not in _table(raw, name):
            yield f"[{name}] username is missing: add it, for there is a password_file."
    mqtt = _table(raw, "mqtt")
    for key, other in (("certificate_file", "key_file"), ("key_file", "certificate_file")):
        if key in mqtt and other not in mqtt:
            yield f"[mqtt] {other} is missing: add it beside {key}, each needs the other."
    if "certificate_file" in mqtt and "password_file" in mqtt:
        yield (
            "[mqtt] password_file: leave it out, for certificate_file stands instead of a password; "
            "or leave out certificate_file and key_file."
        )
    if mqtt.get("tls") is False:
        for key in ("ca_file", "certificate_file", "key_file"):
            if key in mqtt:
                yield (
                    f"[mqtt] {key} = {shown(mqtt[key])}: without TLS it has no use; give tls = true, "
                    f"or leave {key} out."
                )


class _Spell(NamedTuple):
    """A working period on a day of the week."""

    where: tuple[int, int]
    header: str
    day: str
    text: str
    start_min: int
    end_min: int

    def overlaps(self, other: _Spell) -> bool:
        """Whether both share a minute of some week; Sunday night runs into Monday."""
        return any(
            self.start_min < other.end_min + shift and other.start_min + shift < self.end_min
            for shift in (-_WEEK_MIN, 0, _WEEK_MIN)
        )


def _hours_overlapping(raw: Mapping[str, Any]) -> Iterator[str]:
    told: set[tuple[int, ...]] = set()
    for one, other in combinations(_spells(raw), 2):
        if one.where + other.where not in told and one.overlaps(other):
            told.add(one.where + other.where)
            if len(told) > _MOST_OVERLAPS:
                # They grow with the square of what is written.
                return
            first = f"{one.text} on {one.day}" + ("" if one.header == other.header else f" of {one.header}")
            yield (
                f"{other.header} periods: {other.text} on {other.day} overlaps {first}; "
                "let one end before the other begins."
            )


def _hours_too_many(raw: Mapping[str, Any]) -> Iterator[str]:
    spells = list(_spells(raw))
    if any(spell.where[1] >= MOST_PERIODS for spell in spells):
        # That table has too many itself, which is told there.
        return
    for number, day in enumerate(DAYS):
        begin = number * DAY_MIN
        date = _Spell((0, 0), "", day, "", begin, begin + DAY_MIN)
        there = sum(spell.overlaps(date) for spell in spells)
        if there > MOST_PERIODS:
            yield (
                f"[[hours]] periods: {there} of them touch {day}, with those that began the day before; "
                f"a day's figures have room for {MOST_PERIODS}, so join some or leave some out."
            )


def _spells(raw: Mapping[str, Any]) -> Iterator[_Spell]:
    for index, (header, table) in enumerate(_listed(raw, "hours")):
        days, periods = table.get("days"), table.get("periods")
        if not isinstance(days, list) or not isinstance(periods, list):
            continue
        for number, value in enumerate(periods):
            try:
                start, end = period(value)
            except ValueError:
                continue
            text = f"{value[0]}–{value[1]}"
            for day in (day for day in DAYS if day in days):
                begin = DAYS.index(day) * DAY_MIN
                end_min = begin + end + (DAY_MIN if end < start else 0)
                yield _Spell((index, number), header, day, text, begin + start, end_min)


def _camera_risks(camera: Camera) -> Iterator[str]:
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
            "[mqtt] username is given without password_file or certificate_file: the broker can't tell this "
            "agent from any other that uses the name."
        )


def _desks_unclear(config: Config) -> Iterator[str]:
    """Counters whose staff can't be told from the public."""
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
    """What the file names and this machine does not have, and what it says nothing of."""
    camera, mqtt = config.camera, config.mqtt
    if not config.line and not config.zone:
        yield "There is no [[line]] and no [[zone]]: nothing will be told but that the agent runs."
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
        # Who opens it says more.
        return True
    except (OSError, ValueError):
        # Not there, or longer than a path can be.
        return False
    return True
