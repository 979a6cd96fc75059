"""Plane geometry in px or fractions, x to the right and y down. Pure, standard library."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import hypot
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]
Polygon = tuple[Point, ...]


class Shape(Protocol):
    """Where a rule lies in the picture."""

    @property
    def rule_id(self) -> str:
        """Id of the rule that lies there."""

    @property
    def points(self) -> Polygon:
        """By which it is known whether it lies elsewhere."""

    @property
    def region(self) -> Polygon | None:
        """In which people stay, so that they are looked for there; None: in none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A directed gate across the picture.

    ::

        start
          |
          |   * inside     a crossing towards `inside` is "in"
          |
         end
    """

    line_id: str
    start: Point
    end: Point
    inside: Point

    @property
    def rule_id(self) -> str:
        """Id of the rule that lies there."""
        return self.line_id

    @property
    def points(self) -> Polygon:
        """All of them, with the one inside."""
        return self.start, self.end, self.inside

    @property
    def region(self) -> None:
        """Nobody stays on a line."""
        return


@dataclass(frozen=True, slots=True)
class Zone:
    """An area.

    Attributes:
        zone_id: its id.
        polygon: at least three corners; it does not cross itself.
        min_dwell_s: shorter visits are of passers-by.
        overstay_s: longer visits are reported while they last; None: none is.
        crowd: so many persons are a crowd; None: none are.
        crowd_after_s: once they have been there for so long.
    """

    zone_id: str
    polygon: Polygon
    min_dwell_s: float
    overstay_s: float | None = None
    crowd: int | None = None
    crowd_after_s: float = 0.0

    @property
    def rule_id(self) -> str:
        """Id of the rule that lies there."""
        return self.zone_id

    @property
    def points(self) -> Polygon:
        """Its corners."""
        return self.polygon

    @property
    def region(self) -> Polygon:
        """People stay in all of it."""
        return self.polygon


def turn(a: Point, b: Point, c: Point) -> float:
    """Side of a line that a point is on.

    Args:
        a: the line's first point.
        b: its second one.
        c: the point.

    Returns:
        Twice the signed area of a, b, c: positive and negative for the two sides of a–b, 0 on it.
    """
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def distance_to_line(a: Point, b: Point, point: Point) -> float:
    """Signed distance of a point from the endless line through a and b.

    Args:
        a: the line's first point.
        b: its second one, another than `a`.
        point: in the same unit.
    """
    return turn(a, b, point) / hypot(b[0] - a[0], b[1] - a[1])


def distance_to_segment(a: Point, b: Point, point: Point) -> float:
    """Distance of a point from a segment.

    Args:
        a: where the segment starts.
        b: where it ends; may be the same.
        point: in the same unit.
    """
    dx, dy = b[0] - a[0], b[1] - a[1]
    length2 = dx * dx + dy * dy
    along = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length2 if length2 else 0.0
    along = min(max(along, 0.0), 1.0)
    return hypot(point[0] - a[0] - along * dx, point[1] - a[1] - along * dy)


def segments_meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two segments share a point; touching and overlapping count.

    Args:
        a: where the first one starts.
        b: where it ends.
        c: where the second one starts.
        d: where it ends.
    """
    if max(a[0], b[0]) < min(c[0], d[0]) or max(c[0], d[0]) < min(a[0], b[0]):
        return False
    if max(a[1], b[1]) < min(c[1], d[1]) or max(c[1], d[1]) < min(a[1], b[1]):
        return False
    return turn(a, b, c) * turn(a, b, d) <= 0 and turn(c, d, a) * turn(c, d, b) <= 0


def contains(polygon: Polygon, point: Point) -> bool:
    """Whether a point lies in a polygon, by the crossings of a ray to the right (even-odd rule)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def area(polygon: Polygon) -> float:
    """Area of a polygon that does not cross itself (shoelace formula)."""
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def bounds(polygon: Sequence[Point]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a polygon."""
    xs, ys = zip(*polygon, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def crosses_itself(polygon: Polygon) -> bool:
    """Whether two edges meet anywhere but at the corner that they share."""
    n = len(polygon)
    edges = [(polygon[i], polygon[(i + 1) % n]) for i in range(n)]
    for i, j in combinations(range(n), 2):
        (a, b), (c, d) = edges[i], edges[j]
        if j == i + 1 or (i == 0 and j == n - 1):
            shared, ends = (b, (a, d)) if j == i + 1 else (a, (b, c))
            # Neighbours share a corner; they overlap only when one folds back on the other.
            p, q = ends
            back = (p[0] - shared[0]) * (q[0] - shared[0]) + (p[1] - shared[1]) * (q[1] - shared[1])
            if turn(p, shared, q) == 0 and back > 0:
                return True
        elif segments_meet(a, b, c, d):
            return True
    return False


def scaled(points: Polygon, size_px: tuple[int, int]) -> Polygon:
    """Fractions of the picture as px of a picture of this width and height."""
    return tuple((x * size_px[0], y * size_px[1]) for x, y in points)
