"""Reload of a changed configuration: the parts that change, and the stages that go on with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.app.build import attention, rule_settings
from agent.app.networks import face_network
from agent.app.placement import is_redrawn
from agent.config.rule_tables import RULE_TABLES
from agent.presence.kinds import PRESENCE_KINDS
from agent.vision.attention import Attention, EveryFrame
from agent.vision.tamper import Tamper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.app.build import Stages
    from agent.app.settings import Settings, Way
    from agent.config.models import Config
    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.core.geometry import Shape
    from agent.presence.track_rule import AnyTrackRule
    from agent.vision.attention import Pace


@dataclass(frozen=True, slots=True)
class Changes:
    """How one configuration differs from another.

    Attributes:
        way: the least that applies it.
        names: tables, keys and rules that differ, as in the file, for the journal.
    """

    way: Way
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.names)


def changes(old: Settings, new: Settings) -> Changes:
    """How new settings differ from those in force."""
    return Changes(new.way_from(old), tuple(_differences(old.config, new.config)))


def _differences(old: Config, new: Config) -> Iterator[str]:
    for table in type(old).model_fields:
        before, after = getattr(old, table), getattr(new, table)
        if before != after:
            yield from _names(table, before, after)


def _names(table: str, before: object, after: object) -> Iterator[str]:
    if table in RULE_TABLES and isinstance(before, tuple) and isinstance(after, tuple):
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


def apply_settings(stage: Stages, new: Settings, at: Instant) -> list[Event]:
    """Give the stages new settings, between two frames.

    Persons keep their ids, and visits to zones that still exist go on. Settings that need a restart are not
    applied here, nor are the camera's masks themselves.

    Args:
        stage: changed in place.
        new: in force from now on.
        at: moment of the last frame.

    Returns:
        The events that the change itself makes, in order, to be kept before those of the next frame.

    Raises:
        ModelError: weights are missing or damaged; nothing was changed.
    """
    old = stage.settings
    if new.detector != old.detector:
        faces = stage.detector.faces if new.detector.faces else None
        if new.detector.faces and not faces:
            faces = face_network(stage.threads)
        unsure_ratio = stage.detector.networks[0].family.of_persons().unsure_ratio
        stage.detector.change(faces, unsure_ratio * new.detector.confidence, new.detector.face_confidence)
        stage.tracker.change(new.detector.confidence)
    stage.settings = new
    if isinstance(stage.tamper, Tamper):
        if new.tamper != old.tamper:
            stage.tamper.change(new.tamper)
        if is_redrawn(old.config, new.config) and (stage.tamper.sees or stage.tamper.is_away):
            # Whoever drew it saw the present view, which is the usual one from now on.
            stage.accept_view(at)
    before = stage.placing.regions
    stage.placing.apply_settings(new.config)
    if isinstance(stage.tamper, Tamper) and new.masks != old.masks:
        stage.tamper.mask(stage.placing.view.masks)
    stage.rules[:], closing, moved = with_rules(stage.rules, stage.placing.shapes, at)
    if (new.attention, stage.placing.regions) != (old.attention, before):
        _with_attention(stage, new.attention)
    return stage.ledger.change(rule_settings(new), closing, at, moved)


def with_rules(
    before: Sequence[AnyTrackRule], laid: Mapping[str, Sequence[Shape]], at: Instant
) -> tuple[list[AnyTrackRule], list[Event], list[str]]:
    """Rules for new shapes; one that can take its new shape goes on, and so do its visits.

    Args:
        before: the rules until now; changed in place where they go on.
        laid: the new shapes, px of the frame, by the ids of the rules' kinds.
        at: this moment.

    Returns:
        The rules, the closing events of those that are gone, and the ids of those that lie elsewhere.
    """
    known = {(type(rule), rule.shape.rule_id): rule for rule in before}
    rules: list[AnyTrackRule] = []
    moved = []
    makers = {kind.kind_id: kind.track_rule for kind in PRESENCE_KINDS if kind.track_rule}
    for kind_id, make in makers.items():
        for shape in laid.get(kind_id, ()):
            rule = known.get((make, shape.rule_id))
            if rule and rule.shape.points != shape.points:
                moved.append(shape.rule_id)
            if rule and rule.change(shape, at):
                del known[make, shape.rule_id]
                rules.append(rule)
            else:
                rules.append(make(shape, at.monotonic_s))
    closing = [event for gone in known.values() for event in gone.close(at, "stopped")]
    return rules, closing, moved


def _with_attention(stage: Stages, pace: Pace) -> None:
    polygons, kind = stage.placing.regions, stage.attention.kind
    if isinstance(kind, Attention) and not pace.always:
        kind.change(pace, polygons)
    elif isinstance(kind, EveryFrame) and pace.always:
        kind.change(pace.looks_per_s)
    else:
        stage.attention.kind = attention(pace, stage.detector.networks[0].scale(*stage.size_px), polygons)
