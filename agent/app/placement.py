"""Placement of lines, zones and masks in the frames: they follow a view that is shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.geometry import Line, Zone, scaled
from agent.core.shift import UNSHIFTED
from agent.device.frames import View
from agent.presence.following import SAME_RATIO, ViewFollower
from agent.presence.line import LineRule
from agent.presence.zone import ZoneRule
from agent.vision.attention import Attention
from agent.wire.counter import CounterGeometryWire
from agent.wire.line import LineGeometryWire
from agent.wire.zone import ZoneGeometryWire

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.config.models import Config
    from agent.core.frame import Instant
    from agent.core.geometry import Point, Polygon
    from agent.core.shift import Shift
    from agent.core.visibility import Visibility
    from agent.pipeline import RuleStage
    from agent.vision.attention import Attending
    from agent.vision.tamper import Tamper
    from agent.wire.rule_form import GeometryWire

# Nearer to the picture's edge than this means the edge itself; people draw no better.
_EDGE = 0.015
_BEYOND_RATIO = 0.2


def geometry(
    config: Config, size_px: tuple[int, int], shift: Shift = UNSHIFTED
) -> tuple[tuple[Line, ...], tuple[Zone, ...]]:
    """Lines and zones in px.

    Args:
        config: has them in fractions of the picture.
        size_px: width and height of the frames, px.
        shift: of the view against the one that they were drawn for.
    """
    lines = tuple(
        Line(line.id, *shift.of(scaled((*_prolonged(line.start, line.end), line.inside), size_px), size_px))
        for line in config.line
    )
    # What reaches the edge of the picture still does when it was moved away from it.
    reach = _EDGE + shift.apart_ratio(UNSHIFTED, size_px) * max(1.0, size_px[0] / size_px[1])
    zones = tuple(
        Zone(
            zone.id,
            shift.of(scaled(tuple(_reaching(corner, reach) for corner in zone.polygon), size_px), size_px),
            zone.min_dwell_s,
        )
        for zone in config.zone
    )
    return lines, zones


def _prolonged(start: Point, end: Point) -> tuple[Point, Point]:
    """A line that ends at the picture's edge goes on beyond it: there people are cut off, not stopped."""

    def beyond(tip: Point, tail: Point) -> Point:
        if all(_EDGE <= v <= 1 - _EDGE for v in tip):
            return tip
        return tip[0] + (tip[0] - tail[0]) * _BEYOND_RATIO, tip[1] + (tip[1] - tail[1]) * _BEYOND_RATIO

    return beyond(start, end), beyond(end, start)


def _reaching(corner: Point, reach: float) -> Point:
    """A corner at the picture's edge reaches beyond it, as does somebody whom the edge cuts off."""
    x, y = (-reach if v < _EDGE else 1 + reach if v > 1 - _EDGE else v for v in corner)
    return x, y


def view(config: Config, shifts: Sequence[Shift] = (), size_px: tuple[int, int] = (1, 1)) -> View:
    """Rotation and masks of the camera.

    Args:
        config: has them.
        shifts: of the view; at each the masks are added once more, beside the configured places.
        size_px: width and height of the frames, px, by which shifts are turned into fractions.
    """
    masks = list(config.camera.masks)
    for shift in shifts:
        if shift != UNSHIFTED:
            masks += [_shifted(mask, shift, size_px) for mask in config.camera.masks]
    # A view that is less than this elsewhere counts as where it was: what a mask hides is hidden there too.
    return View(config.camera.rotation, tuple(masks), SAME_RATIO)


def _shifted(mask: Polygon, shift: Shift, size_px: tuple[int, int]) -> Polygon:
    width, height = size_px
    return tuple((x / width, y / height) for x, y in shift.of(scaled(mask, size_px), size_px))


def shifted_ratio(shift: Shift, size_px: tuple[int, int]) -> float:
    """By how much of the width a corner of the picture is elsewhere; 0 where rules would not be moved."""
    ratio = shift.apart_ratio(UNSHIFTED, size_px)
    return ratio if ratio > SAME_RATIO else 0.0


def is_redrawn(old: Config, new: Config) -> bool:
    """Whether lines, zones, masks or the camera were changed, that is, drawn on the present view."""
    return drawing(old) != drawing(new)


def drawing(config: Config) -> tuple[object, ...]:
    """Lines, zones and masks as drawn, and the camera settings that they were drawn for."""
    camera = config.camera
    return (
        (camera.source, camera.size, camera.rotation, camera.masks),
        tuple((line.id, line.start, line.end, line.inside) for line in config.line),
        tuple((zone.id, zone.polygon) for zone in config.zone),
    )


def rule_geometries(config: Config) -> Iterator[GeometryWire]:
    """All rules as `info` describes them, in fractions of the picture."""
    for line in config.line:
        yield LineGeometryWire(rule=line.id, start=line.start, end=line.end, inside=line.inside)
    for zone in config.zone:
        yield ZoneGeometryWire(rule=zone.id, polygon=zone.polygon, min_dwell_s=zone.min_dwell_s)
    for counter in config.counter:
        yield CounterGeometryWire(
            rule=counter.id,
            staff=counter.staff,
            public=counter.public,
            unattended_after_s=counter.unattended_after_s,
        )


@dataclass(frozen=True, slots=True)
class _Placed:
    lines: tuple[Line, ...]
    zones: tuple[Zone, ...]
    view: View


class Placement:
    """Stage that moves rules and masks along with a shifted view.

    Attributes:
        rules: all of them; the same list throughout.
    """

    def __init__(
        self,
        config: Config,
        size_px: tuple[int, int],
        rules: Sequence[RuleStage],
        attending: Attending,
        tamper: Tamper,
    ) -> None:
        """Lay rules and masks for a view that is not shifted.

        Args:
            config: lines, zones and masks as drawn, in fractions of the picture.
            size_px: width and height of the frames, px.
            rules: moved along; the list may change meanwhile.
            attending: gets the zones of a shifted view; its kind may change meanwhile.
            tamper: gets the masks of a shifted view.
        """
        self._config = config
        self._size_px = size_px
        self.rules = rules
        self._attending = attending
        self._tamper = tamper
        self._following = ViewFollower(size_px)
        self._placed = self._place_now()

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines as they lie now, px."""
        return self._placed.lines

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones as they lie now, px."""
        return self._placed.zones

    @property
    def view(self) -> View:
        """Rotation and masks of the frames to come."""
        return self._placed.view

    @property
    def shift(self) -> Shift:
        """The shift that rules lie at now."""
        return self._following.placed

    def update(self, sight: Visibility, at: Instant) -> None:
        """Follow the view that was seen at a frame, if its shift lasts."""
        before = self.shift
        if self._following.update(sight, at.monotonic_s):
            self._cover()
            if self.shift != before:
                self._lay(at)

    def place(self, shift: Shift, at: Instant) -> None:
        """Move rules and masks to this shift at once."""
        self._following.place(shift)
        self._cover()
        self._lay(at)

    def apply_settings(self, config: Config) -> None:
        """Lay lines, zones and masks by a reloaded configuration; the caller makes the rules."""
        self._config = config
        self._placed = self._place_now()

    def _cover(self) -> None:
        before = self.view
        self._placed = self._place_now()
        if self.view != before:
            self._tamper.mask(self.view.masks)

    def _place_now(self) -> _Placed:
        lines, zones = geometry(self._config, self._size_px, self.shift)
        return _Placed(lines, zones, view(self._config, self._following.covered, self._size_px))

    def _lay(self, at: Instant) -> None:
        lines = {line.line_id: line for line in self.lines}
        zones = {zone.zone_id: zone for zone in self.zones}
        for rule in self.rules:
            if isinstance(rule, LineRule):
                rule.lay(lines[rule.line.line_id])
            elif isinstance(rule, ZoneRule):
                rule.change(zones[rule.zone.zone_id], at)
        if isinstance(self._attending.kind, Attention):
            self._attending.kind.set_zones([zone.polygon for zone in self.zones])
