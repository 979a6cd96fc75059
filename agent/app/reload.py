"""Reload of a changed configuration: the parts that change, and the stages that go on with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.app.build import UNSURE_RATIO, attention, face_network, pace, terms
from agent.app.placement import is_drawn_anew
from agent.presence.line import LineRule
from agent.presence.zone import ZoneRule
from agent.vision.attention import Attention, EveryFrame
from agent.vision.tamper import Tamper, TamperSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.app.build import Stages
    from agent.config.models import Config
    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.core.geometry import Line, Zone
    from agent.pipeline import RuleStage

Way = Literal["nothing", "live", "delivery", "anew"]
# What is known by its id, and may be there more than once.
_RULES = ("line", "zone", "counter")
# These begin anew: another camera, another log, another agent.
_ANEW = {
    "device": ("site", "name"),
    "camera": ("source", "size", "fps", "rotation", "username", "password_file"),
    "detector": ("model",),
    "log": ("path",),
}


@dataclass(frozen=True, slots=True)
class Changes:
    """How one configuration differs from another.

    Attributes:
        way: what taking it over asks for, each with all that the ones before it ask for: `live`, the stages
            go on; `delivery`, a new publisher too; `anew`, an end and a begin of everything.
        names: what differs, as in the file, for the journal.
    """

    way: Way
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.names)


def changes(old: Config, new: Config) -> Changes:
    """How a new configuration differs from the one in force."""
    names: list[str] = []
    way: Way = "nothing"
    for table in type(old).model_fields:
        before, after = getattr(old, table), getattr(new, table)
        if before == after:
            continue
        asks: Way = "live"
        if table == "mqtt":
            asks = "delivery"
        elif any(getattr(before, key) != getattr(after, key) for key in _ANEW.get(table, ())):
            asks = "anew"
        way = max(way, asks, key=("nothing", "live", "delivery", "anew").index)
        names += _names(table, before, after)
    return Changes(way, tuple(names))


def _names(table: str, before: object, after: object) -> Iterator[str]:
    if table in _RULES and isinstance(before, tuple) and isinstance(after, tuple):
        one, other = ({rule.id: rule for rule in rules} for rules in (before, after))
        changed = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        yield from (f'{table} "{name}"' for name in changed)
        if not changed:
            yield f"order of [[{table}]]"
    elif isinstance(before, tuple):
        yield f"[[{table}]]"
    else:
        keys = () if before is None or after is None else type(before).model_fields  # type: ignore[attr-defined]
        differ = [key for key in keys if getattr(before, key) != getattr(after, key)]
        yield f"[{table}] {' and '.join(differ)}" if differ else f"[{table}]"


def go_on(stage: Stages, new: Config, at: Instant) -> list[Event]:
    """Have the stages go on by another configuration, between two frames.

    Persons keep their ids, and visits to zones that there are still go on. What begins anew is not taken
    over here, nor are the camera's masks themselves.

    Returns:
        The events that the change itself makes, in order, to be kept before those of the next frame.

    Raises:
        ModelError: weights are missing or damaged; nothing was changed.
    """
    old = stage.config
    if new.detector != old.detector:
        faces = stage.detector.faces if new.detector.faces else None
        if new.detector.faces and not faces:
            faces = face_network(new.detector, stage.threads)
        stage.detector.change(faces, UNSURE_RATIO * new.detector.confidence, new.detector.face_confidence)
        stage.tracker.change(new.detector.confidence)
    stage.config = new
    if isinstance(stage.tamper, Tamper):
        if new.tamper != old.tamper:
            stage.tamper.change(TamperSettings(**new.tamper.model_dump()))
        if is_drawn_anew(old, new) and (stage.tamper.sees or stage.tamper.is_away):
            # Who draws sees what is there now, whatever it was before; and what was masked is no other view.
            stage.accept_view(at)
    stage.placing.change(new)
    if isinstance(stage.tamper, Tamper) and new.camera.masks != old.camera.masks:
        stage.tamper.mask(stage.placing.view.masks)
    stage.rules[:], told, moved = with_rules(stage.rules, stage.placing.lines, stage.placing.zones, at)
    if (new.attention, new.zone) != (old.attention, old.zone):
        _with_attention(stage, new)
    return stage.ledger.change(terms(new), told, at, moved)


def with_rules(
    before: Sequence[RuleStage], lines: Sequence[Line], zones: Sequence[Zone], at: Instant
) -> tuple[list[LineRule | ZoneRule], list[Event], list[str]]:
    """The rules of other lines and zones, in px; a zone that there is still goes on in the same rule.

    Returns:
        The rules, the closing events of those that there are no more, and the zones that lie elsewhere now.
    """
    line_rules = {rule.line.line_id: rule for rule in before if isinstance(rule, LineRule)}
    zone_rules = {rule.zone.zone_id: rule for rule in before if isinstance(rule, ZoneRule)}
    rules: list[LineRule | ZoneRule] = []
    moved = []
    for line in lines:
        same = line_rules.get(line.line_id)
        rules.append(same if same and same.line == line else LineRule(line, at.monotonic_s))
    for zone in zones:
        rule = zone_rules.pop(zone.zone_id, None)
        if rule is None:
            rule = ZoneRule(zone, at.monotonic_s)
        elif rule.zone != zone:
            if rule.zone.polygon != zone.polygon:
                moved.append(zone.zone_id)
            rule.change(zone, at)
        rules.append(rule)
    told = [event for gone in zone_rules.values() for event in gone.close(at, "stopped")]
    return rules, told, moved


def _with_attention(stage: Stages, new: Config) -> None:
    polygons = [zone.polygon for zone in stage.placing.zones]
    kind, often = stage.attention.kind, pace(new)
    if isinstance(kind, Attention) and not new.attention.always:
        kind.change(often, polygons)
    elif isinstance(kind, EveryFrame) and new.attention.always:
        kind.change(often.looks_per_s)
    else:
        stage.attention.kind = attention(new, stage.detector.networks[0].scale(*stage.size_px), polygons)
