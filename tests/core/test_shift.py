from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.shift import UNSHIFTED, Shift

SIZE = (640, 360)
small = st.floats(-0.05, 0.05)
shifts = st.builds(Shift, small, small, st.floats(-5, 5))
points = st.lists(st.tuples(st.floats(-100, 800), st.floats(-100, 500)), min_size=1).map(tuple)


@pytest.mark.parametrize(
    ("shift", "point", "moved"),
    [
        pytest.param(Shift(), (10, 20), (10, 20), id="none"),
        # Both are parts of the width: a picture is not stretched when a camera turns.
        pytest.param(Shift(0.01, -0.02), (10, 20), (16.4, 7.2), id="shifted"),
        pytest.param(Shift(0, 0, 90), (330, 180), (320, 190), id="clockwise"),
        pytest.param(Shift(0.1, 0, 90), (330, 180), (384, 190), id="turned-then-shifted"),
    ],
)
def test_of(shift: Shift, point: tuple[float, float], moved: tuple[float, float]) -> None:
    assert shift.of((point,), SIZE)[0] == pytest.approx(moved)


@given(shifts, shifts, points)
def test_then(one: Shift, other: Shift, these: tuple[tuple[float, float], ...]) -> None:
    after_both = other.of(one.of(these, SIZE), SIZE)
    for got, wanted in zip(one.then(other).of(these, SIZE), after_both, strict=True):
        assert got == pytest.approx(wanted, abs=1e-6)


@given(shifts)
def test_apart_of_a_shift_alone_is_its_length(shift: Shift) -> None:
    plain = Shift(shift.dx_ratio, shift.dy_ratio)
    assert plain.apart_ratio(UNSHIFTED, SIZE) == pytest.approx(plain.far_ratio, abs=1e-9)


def test_apart_by_a_turn() -> None:
    # The corners are .5737 of the width from the centre; a degree takes them 1 % of the width.
    assert Shift(0, 0, 1).apart_ratio(UNSHIFTED, SIZE) == pytest.approx(0.5737 * 0.01745, rel=0.01)
