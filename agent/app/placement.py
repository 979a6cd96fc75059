"""Placement of rules and masks in the frames: they follow a view that is shifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.app.rule_kinds import RULE_KINDS
from agent.app.shapes import PlacedView
from agent.core.geometry import Line, Zone, scaled
from agent.core.shift import UNSHIFTED
from agent.device.frames import View
from agent.presence.following import SAME_RATIO, ViewFollower
from agent.vision.attention import Attention

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.config.models import Config
    from agent.core.frame import Instant
    from agent.core.geometry import Polygon, Shape
    from agent.core.shift import Shift
    from agent.core.visibility import Visibility
    from agent.presence.track_rule import AnyTrackRule
    from agent.vision.attention import Attending
    from agent.vision.tamper import Tamper
    from agent.wire.rule_form import GeometryWire


def shapes(
    config: Config, size_px: tuple[int, int], shift: Shift = UNSHIFTED
) -> dict[str, tuple[Shape, ...]]:
    """Where rules lie, px, by the ids of their kinds.

    Args:
        config: has them in fractions of the picture.
        size_px: width and height of the frames, px.
        shift: of the view against the one that they were drawn for.
    """
    at = PlacedView(size_px, shift)
    return {
        kind.kind_id: tuple(kind.placed.shape(table, at) for table in kind.tables(config))
        for kind in RULE_KINDS
        if kind.placed
    }


def geometry(
    config: Config, size_px: tuple[int, int], shift: Shift = UNSHIFTED
) -> tuple[tuple[Line, ...], tuple[Zone, ...]]:
    """Lines and areas in px, of rules of whatever kind; arguments as of `shapes`."""
    return _lines_and_zones(shapes(config, size_px, shift))


def _lines_and_zones(laid: Mapping[str, tuple[Shape, ...]]) -> tuple[tuple[Line, ...], tuple[Zone, ...]]:
    every = [shape for of_kind in laid.values() for shape in of_kind]
    lines = tuple(shape for shape in every if isinstance(shape, Line))
    return lines, tuple(shape for shape in every if isinstance(shape, Zone))


def regions(laid: Mapping[str, tuple[Shape, ...]]) -> list[Polygon]:
    """In which people stay, px."""
    return [shape.region for of_kind in laid.values() for shape in of_kind if shape.region is not None]


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
        *(
            tuple(kind.placed.drawn(table) for table in kind.tables(config))
            for kind in RULE_KINDS
            if kind.placed
        ),
    )


def rule_geometries(config: Config) -> Iterator[GeometryWire]:
    """All rules as `info` describes them, in fractions of the picture."""
    for kind in RULE_KINDS:
        yield from map(kind.geometry, kind.tables(config))


@dataclass(frozen=True, slots=True)
class _Placed:
    shapes: Mapping[str, tuple[Shape, ...]]
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
        rules: Sequence[AnyTrackRule],
        attending: Attending,
        tamper: Tamper,
    ) -> None:
        """Lay rules and masks for a view that is not shifted.

        Args:
            config: rules and masks as drawn, in fractions of the picture.
            size_px: width and height of the frames, px.
            rules: moved along; the list may change meanwhile.
            attending: gets the regions of a shifted view; its kind may change meanwhile.
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
    def shapes(self) -> Mapping[str, tuple[Shape, ...]]:
        """Where rules lie now, px, by the ids of their kinds."""
        return self._placed.shapes

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines as they lie now, px."""
        return _lines_and_zones(self.shapes)[0]

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones as they lie now, px."""
        return _lines_and_zones(self.shapes)[1]

    @property
    def regions(self) -> list[Polygon]:
        """In which people stay, px."""
        return regions(self.shapes)

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
        """Lay rules and masks by a reloaded configuration; the caller makes the rules."""
        self._config = config
        self._placed = self._place_now()

    def _cover(self) -> None:
        before = self.view
        self._placed = self._place_now()
        if self.view != before:
            self._tamper.mask(self.view.masks)

    def _place_now(self) -> _Placed:
        laid = shapes(self._config, self._size_px, self.shift)
        return _Placed(laid, view(self._config, self._following.covered, self._size_px))

    def _lay(self, at: Instant) -> None:
        laid = {shape.rule_id: shape for of_kind in self.shapes.values() for shape in of_kind}
        for rule in self.rules:
            rule.lay(laid[rule.shape.rule_id], at)
        if isinstance(self._attending.kind, Attention):
            self._attending.kind.set_zones(self.regions)
