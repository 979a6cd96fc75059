from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import atan2, cos, dist, pi, sin
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agent.core.geometry import (
    Line,
    Zone,
    area,
    bounds,
    contains,
    crosses_itself,
    distance_to_line,
    scaled,
    segments_meet,
    turn,
)
from tests.builders import distance_to_border

if TYPE_CHECKING:
    from agent.core.geometry import Point, Polygon

SQUARE: Polygon = ((0, 0), (10, 0), (10, 10), (0, 10))
# An L whose notch is at the upper right.
CORNER: Polygon = ((0, 0), (4, 0), (4, 6), (10, 6), (10, 10), (0, 10))
# Two arms that look up.
FORK: Polygon = ((0, 0), (3, 0), (3, 7), (7, 7), (7, 0), (10, 0), (10, 10), (0, 10))
BOW_TIE: Polygon = ((0, 0), (10, 10), (10, 0), (0, 10))

# On a small grid corners often coincide and edges often touch; every float is exact.
grid_points = st.tuples(st.integers(-4, 4), st.integers(-4, 4)).map(lambda p: (float(p[0]), float(p[1])))
grid_polygons = st.lists(grid_points, min_size=3, max_size=8).map(tuple)
coordinates = st.floats(-2000, 2000, allow_nan=False).map(lambda v: round(v, 3))
points = st.tuples(coordinates, coordinates)


@st.composite
def star_polygons(draw: st.DrawFn) -> Polygon:
    """A polygon around a centre, seen from which no edge hides another: simple, mostly concave."""
    radii = draw(st.lists(st.floats(5, 500), min_size=3, max_size=12))
    return star(radii, draw(st.floats(0, 2 * pi)), draw(points))


def star(radii: list[float], turned: float, centre: Point) -> Polygon:
    angles = [turned + 2 * pi * i / len(radii) for i in range(len(radii))]
    return tuple((centre[0] + r * cos(a), centre[1] + r * sin(a)) for r, a in zip(radii, angles, strict=True))


def edges(polygon: Polygon) -> list[tuple[Point, Point]]:
    return list(zip(polygon, polygon[1:] + polygon[:1], strict=True))


def winding_number(polygon: Polygon, point: Point) -> int:
    """How often a polygon goes round a point, by the angles under which its edges are seen."""
    angle = 0.0
    for (x1, y1), (x2, y2) in edges(polygon):
        before, after = atan2(y1 - point[1], x1 - point[0]), atan2(y2 - point[1], x2 - point[0])
        angle += (after - before + pi) % (2 * pi) - pi
    return round(angle / (2 * pi))


def lies_on(a: Point, b: Point, point: Point) -> bool:
    """Whether a point is on a segment, exactly (for whole numbers)."""
    flat = (b[0] - a[0]) * (point[1] - a[1]) == (b[1] - a[1]) * (point[0] - a[0])
    between = all(min(a[i], b[i]) <= point[i] <= max(a[i], b[i]) for i in (0, 1))
    return flat and between


def common_points(a: Point, b: Point, c: Point, d: Point) -> set[tuple[Fraction, Fraction]]:
    """Where two segments of whole coordinates meet; of an overlap its two ends."""
    found = {p for p in (a, b) if lies_on(c, d, p)} | {p for p in (c, d) if lies_on(a, b, p)}
    exact = {(Fraction(x), Fraction(y)) for x, y in found}
    (ux, uy), (vx, vy) = ((int(q[0] - p[0]), int(q[1] - p[1])) for p, q in ((a, b), (c, d)))
    det = ux * vy - uy * vx
    if det:
        wx, wy = int(c[0] - a[0]), int(c[1] - a[1])
        along, across = Fraction(wx * vy - wy * vx, det), Fraction(wx * uy - wy * ux, det)
        if 0 <= along <= 1 and 0 <= across <= 1:
            exact.add((int(a[0]) + along * ux, int(a[1]) + along * uy))
    return exact


def crosses_by_brute_force(polygon: Polygon) -> bool:
    n = len(polygon)
    for i, j in combinations(range(n), 2):
        met = common_points(*edges(polygon)[i], *edges(polygon)[j])
        if j == i + 1:
            met -= {(Fraction(polygon[j][0]), Fraction(polygon[j][1]))}
        elif i == 0 and j == n - 1:
            met -= {(Fraction(polygon[0][0]), Fraction(polygon[0][1]))}
        if met:
            return True
    return False


@pytest.mark.parametrize(
    ("polygon", "point", "inside"),
    [
        (SQUARE, (5, 5), True),
        (SQUARE, (-1, 5), False),
        (SQUARE, (11, 5), False),
        (SQUARE, (5, 11), False),
        # The ray to the right meets a corner on its way.
        (SQUARE, (-5, 10), False),
        (((0, 0), (10, 5), (0, 10)), (5, 5), True),
        (((0, 0), (10, 5), (0, 10)), (-5, 5), False),
        # The ray runs along an edge.
        (CORNER, (2, 6), True),
        (CORNER, (-2, 6), False),
        # In the notch of an L, and in its two arms.
        (CORNER, (7, 3), False),
        (CORNER, (2, 3), True),
        (CORNER, (7, 8), True),
        # Between the arms of a fork.
        (FORK, (5, 3), False),
        (FORK, (1, 3), True),
        (FORK, (9, 3), True),
        (FORK, (5, 8), True),
    ],
)
def test_contains(polygon: Polygon, point: Point, *, inside: bool) -> None:
    assert contains(polygon, point) is inside
    # The same corners the other way round, and begun elsewhere, are the same area.
    assert contains(polygon[::-1], point) is inside
    assert contains(polygon[2:] + polygon[:2], point) is inside


@given(star_polygons(), points)
@settings(deadline=None)
def test_contains_agrees_with_winding_number(polygon: Polygon, point: Point) -> None:
    assume(distance_to_border(polygon, point) > 1e-6)
    assert contains(polygon, point) is (winding_number(polygon, point) != 0)


@given(star_polygons(), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
@settings(deadline=None)
def test_contains_near_the_polygon(polygon: Polygon, x: float, y: float) -> None:
    # Points of the polygon's own size, so that many are inside and many in its notches.
    cx, cy = (sum(p[i] for p in polygon) / len(polygon) for i in (0, 1))
    reach = max(dist(p, (cx, cy)) for p in polygon)
    point = (cx + x * reach, cy + y * reach)
    assume(distance_to_border(polygon, point) > 1e-6)
    assert contains(polygon, point) is (winding_number(polygon, point) != 0)


@given(grid_polygons, grid_points)
@settings(deadline=None)
def test_contains_counts_overlaps_by_even_and_odd(polygon: Polygon, point: Point) -> None:
    assume(not any(lies_on(a, b, point) for a, b in edges(polygon)))
    assert contains(polygon, point) is (winding_number(polygon, point) % 2 == 1)


@pytest.mark.parametrize(
    ("polygon", "crosses"),
    [
        (SQUARE, False),
        (CORNER, False),
        (FORK, False),
        (BOW_TIE, True),
        # A corner that lies on another edge, and one that is used twice.
        (((0, 0), (10, 0), (10, 10), (5, 0), (0, 10)), True),
        (((0, 0), (5, 5), (10, 0), (10, 10), (5, 5), (0, 10)), True),
        # A corner in the middle of a straight side is allowed, going back over the side is not.
        (((0, 0), (5, 0), (10, 0), (10, 10), (0, 10)), False),
        (((0, 0), (12, 0), (10, 0), (10, 10), (0, 10)), True),
        # The first and the last edge are neighbours, and may fold as well.
        (((0, 0), (10, 0), (10, 10), (0, 10), (0, -5)), True),
        # A triangle without an area.
        (((0, 0), (10, 0), (5, 0)), True),
        (((0, 0), (10, 0), (5, 5)), False),
    ],
)
def test_crosses_itself(polygon: Polygon, *, crosses: bool) -> None:
    for i in range(len(polygon)):
        assert crosses_itself(polygon[i:] + polygon[:i]) is crosses
        assert crosses_itself((polygon[i:] + polygon[:i])[::-1]) is crosses


@given(grid_polygons)
@settings(deadline=None, max_examples=200)
@example(((0.0, 0.0), (0.0, 0.0), (1.0, 1.0)))
@example(((0.0, 0.0), (2.0, 2.0), (0.0, 0.0), (2.0, 0.0)))
def test_crosses_itself_agrees_with_brute_force(polygon: Polygon) -> None:
    assert crosses_itself(polygon) is crosses_by_brute_force(polygon)


@given(star_polygons())
@settings(deadline=None)
def test_crosses_itself_not_round_a_centre(polygon: Polygon) -> None:
    assert not crosses_itself(polygon)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        # A cross, and one that ends before.
        (((0, 0), (10, 10)), ((0, 10), (10, 0)), True),
        (((0, 0), (4, 4)), ((0, 10), (10, 0)), False),
        # Touching: end on end, end on the middle.
        (((0, 0), (5, 5)), ((5, 5), (9, 0)), True),
        (((0, 0), (5, 5)), ((0, 10), (10, 0)), True),
        # On one line: apart, end on end, overlapping, one in the other.
        (((0, 0), (2, 2)), ((3, 3), (5, 5)), False),
        (((0, 0), (3, 3)), ((3, 3), (5, 5)), True),
        (((0, 0), (4, 4)), ((3, 3), (5, 5)), True),
        (((0, 0), (9, 9)), ((3, 3), (5, 5)), True),
        # Parallel.
        (((0, 0), (10, 0)), ((0, 1), (10, 1)), False),
        # Boxes that overlap although the segments do not.
        (((0, 0), (10, 10)), ((6, 1), (9, 4)), False),
        # Somebody who stands still has a way without a length.
        (((5, 5), (5, 5)), ((0, 0), (10, 10)), True),
        (((5, 6), (5, 6)), ((0, 0), (10, 10)), False),
        (((5, 5), (5, 5)), ((5, 5), (5, 5)), True),
    ],
)
def test_segments_meet(one: tuple[Point, Point], other: tuple[Point, Point], *, meet: bool) -> None:
    assert segments_meet(*one, *other) is meet


@given(grid_points, grid_points, grid_points, grid_points)
@settings(deadline=None, max_examples=200)
def test_segments_meet_agrees_with_brute_force(a: Point, b: Point, c: Point, d: Point) -> None:
    assert segments_meet(a, b, c, d) is bool(common_points(a, b, c, d))


@given(points, points, points, points)
@settings(deadline=None)
def test_segments_meet_is_symmetric(a: Point, b: Point, c: Point, d: Point) -> None:
    # Away from touching, where the last bit decides.
    assume(min(abs(turn(*t)) for t in ((a, b, c), (a, b, d), (c, d, a), (c, d, b))) > 1e-3)
    told = {
        segments_meet(*first, *second)
        for one, other in (((a, b), (c, d)), ((c, d), (a, b)))
        for first in (one, one[::-1])
        for second in (other, other[::-1])
    }
    assert len(told) == 1


@given(points, points, points)
@settings(deadline=None)
def test_distance_to_line_flips_its_sign_with_the_direction(a: Point, b: Point, point: Point) -> None:
    assume(dist(a, b) > 1)
    there, back = distance_to_line(a, b, point), distance_to_line(b, a, point)
    assert there == pytest.approx(-back, rel=1e-6, abs=1e-6)


@given(points, points, st.floats(-3, 3), st.floats(-1000, 1000))
@settings(deadline=None)
def test_distance_to_line_from_both_sides(a: Point, b: Point, along: float, away: float) -> None:
    length = dist(a, b)
    assume(length > 1)
    ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    foot = (a[0] + along * length * ux, a[1] + along * length * uy)
    # In a picture, y down, what is right of the way from a to b counts as positive.
    right = (foot[0] - away * uy, foot[1] + away * ux)
    left = (foot[0] + away * uy, foot[1] - away * ux)
    assert distance_to_line(a, b, right) == pytest.approx(away, abs=1e-6)
    assert distance_to_line(a, b, left) == pytest.approx(-away, abs=1e-6)


@pytest.mark.parametrize(
    ("polygon", "expected"),
    [(SQUARE, 100), (CORNER, 64), (FORK, 72), (((0, 0), (10, 0), (0, 5)), 25), (((0, 0), (5, 5), (9, 9)), 0)],
)
def test_area(polygon: Polygon, expected: float) -> None:
    assert area(polygon) == area(polygon[::-1]) == expected


@given(st.lists(st.floats(5, 500), min_size=3, max_size=12), points)
@settings(deadline=None)
def test_area_is_that_of_the_triangles_around_the_centre(radii: list[float], centre: Point) -> None:
    step = 2 * pi / len(radii)
    triangles = [r * q * sin(step) / 2 for r, q in zip(radii, radii[1:] + radii[:1], strict=True)]
    corners = star(radii, 0.7, centre)
    assert area(corners) == pytest.approx(sum(triangles), rel=1e-6, abs=1e-3)


def test_scaled() -> None:
    assert scaled(((0, 0), (0.5, 0.25), (1, 1)), (1280, 720)) == ((0, 0), (640, 180), (1280, 720))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=8).map(tuple),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.integers(64, 8192), st.integers(64, 8192)),
)
@settings(deadline=None)
def test_scaled_keeps_what_is_inside(polygon: Polygon, point: Point, size_px: tuple[int, int]) -> None:
    assume(distance_to_border(polygon, point) > 1e-6)
    (corner,) = scaled((point,), size_px)
    assert contains(scaled(polygon, size_px), corner) is contains(polygon, point)


def test_line_and_zone_are_values() -> None:
    line = Line("gate", (0, 0), (0, 1), (1, 0))
    assert line == Line("gate", (0, 0), (0, 1), (1, 0))
    zone = Zone("staff", SQUARE, 1.0)
    assert {line, zone, Zone("staff", SQUARE, 1.0)} == {line, zone}
    with pytest.raises(AttributeError):
        line.start = (1, 1)  # type: ignore[misc]


def test_bounds_are_the_outermost_corners() -> None:
    assert bounds(CORNER) == (0, 0, 10, 10)
    assert bounds(((3, 7), (-2, 8), (4, 1))) == (-2, 1, 4, 8)
