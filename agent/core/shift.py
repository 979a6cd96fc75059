"""Shift and rotation of a camera's view. Pure, standard library."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, radians, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.geometry import Polygon


@dataclass(frozen=True, slots=True)
class Shift:
    """A view turned about the picture's centre, then shifted.

    Attributes:
        dx_ratio: to the right, as a part of the picture's width.
        dy_ratio: down, as a part of the picture's width, too.
        degrees: clockwise as one sees it.
    """

    dx_ratio: float = 0.0
    dy_ratio: float = 0.0
    degrees: float = 0.0

    def of(self, points: Sequence[tuple[float, float]], size_px: tuple[int, int]) -> Polygon:
        """The points of the unshifted picture where they are now; both in px of a picture of this size."""
        width, height = size_px
        turned, rising = cos(radians(self.degrees)), sin(radians(self.degrees))
        x0, y0 = width / 2, height / 2
        dx, dy = x0 + self.dx_ratio * width, y0 + self.dy_ratio * width
        return tuple(
            (
                turned * (x - x0) - rising * (y - y0) + dx,
                rising * (x - x0) + turned * (y - y0) + dy,
            )
            for x, y in points
        )

    def then(self, other: Shift) -> Shift:
        """This one, and another one after it."""
        turned, rising = cos(radians(other.degrees)), sin(radians(other.degrees))
        return Shift(
            turned * self.dx_ratio - rising * self.dy_ratio + other.dx_ratio,
            rising * self.dx_ratio + turned * self.dy_ratio + other.dy_ratio,
            self.degrees + other.degrees,
        )

    @property
    def far_ratio(self) -> float:
        """How far the centre went, as a part of the width."""
        return hypot(self.dx_ratio, self.dy_ratio)

    def apart_ratio(self, other: Shift, size_px: tuple[int, int]) -> float:
        """The longest way between where the two lay a corner of the picture, as a part of its width."""
        if self == other:
            return 0.0
        width, height = size_px
        corners = (0.0, 0.0), (width, 0.0), (0.0, height), (width, height)
        pairs = zip(self.of(corners, size_px), other.of(corners, size_px), strict=True)
        return max(hypot(x1 - x2, y1 - y2) for (x1, y1), (x2, y2) in pairs) / width


UNSHIFTED = Shift()
