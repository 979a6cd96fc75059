"""Shapes of rules in px: where what is configured in fractions of the picture lies in the frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.geometry import scaled
from agent.core.shift import UNSHIFTED

if TYPE_CHECKING:
    from agent.core.geometry import Point, Polygon
    from agent.core.shift import Shift

# Nearer to the picture's edge than this means the edge itself; people draw no better.
_EDGE = 0.015
_BEYOND_RATIO = 0.2


@dataclass(frozen=True, slots=True)
class PlacedView:
    """A view of some size that may be shifted against the one that rules were drawn for.

    Attributes:
        size_px: width and height of the frames, px.
        shift: of the view.
    """

    size_px: tuple[int, int]
    shift: Shift = UNSHIFTED

    def segment(self, start: Point, end: Point, *others: Point) -> Polygon:
        """A line in px, and other points; it goes on beyond the picture's edge if it ends there."""
        return self.shift.of(scaled((*_prolonged(start, end), *others), self.size_px), self.size_px)

    def region(self, polygon: Polygon) -> Polygon:
        """An area in px; what reaches the picture's edge goes on beyond it."""
        # It still does when it was moved away from the edge.
        width, height = self.size_px
        reach = _EDGE + self.shift.apart_ratio(UNSHIFTED, self.size_px) * max(1.0, width / height)
        corners = tuple(_reaching(corner, reach) for corner in polygon)
        return self.shift.of(scaled(corners, self.size_px), self.size_px)


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
