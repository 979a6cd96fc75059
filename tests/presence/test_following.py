from __future__ import annotations

from math import pi, sin
from typing import TYPE_CHECKING

import pytest

from agent.core.shift import UNSHIFTED, Shift
from agent.core.visibility import Visibility
from agent.presence.following import ViewFollower
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.core.visibility import BlindCause

SIZE = (640, 480)
BUMP = Shift(0.02, -0.01, 0.4)


def followed(
    shift_at: Callable[[int], Shift | None],
    seconds: int,
    following: ViewFollower | None = None,
    *,
    begin_s: int = 0,
    cause: BlindCause | None = None,
) -> list[tuple[int, Shift]]:
    """When rules were laid elsewhere, and where."""
    following = following or ViewFollower(SIZE)
    laid = []
    for second in range(begin_s, begin_s + seconds):
        before = following.placed
        following.update(Visibility(cause, make_at(0), shift=shift_at(second)), second)
        if following.placed != before:
            laid.append((second, following.placed))
    return laid


def test_unshifted() -> None:
    assert followed(lambda _: Shift(0.001, 0, 0.05), 300) == []


def test_bumped() -> None:
    (moment, placed), *others = followed(lambda second: BUMP if second >= 10 else UNSHIFTED, 300)
    assert others == []
    assert 70 <= moment <= 72
    assert placed.apart_ratio(BUMP, SIZE) < 0.001


@pytest.mark.parametrize("amplitude", [0.005, 0.03])
def test_swaying_is_not_steady(amplitude: float) -> None:
    assert followed(lambda second: Shift(amplitude * sin(2 * pi * second / 7)), 600) == []


def test_trembling_is_steady() -> None:
    """Where it hangs on the whole is where the rules go."""
    laid = followed(lambda second: Shift(0.02 + 0.001 * sin(second)), 200)
    assert len(laid) == 1
    assert laid[0][1].apart_ratio(Shift(0.02), SIZE) < 0.0005


def test_back_again() -> None:
    following = ViewFollower(SIZE, BUMP)
    ((moment, placed),) = followed(lambda second: UNSHIFTED if second >= 20 else BUMP, 60, following)
    assert placed == UNSHIFTED
    assert 20 <= moment <= 25


def test_not_back_by_swaying_through() -> None:
    following = ViewFollower(SIZE, Shift(0.01))
    assert followed(lambda second: Shift(0.01 * sin(2 * pi * second / 9)), 300, following) == []


def test_not_known_meanwhile() -> None:
    """A crowd of some seconds changes nothing, a long one takes the patience away."""
    short = followed(lambda second: None if second % 20 < 8 else BUMP, 100)
    assert len(short) == 1
    assert followed(lambda second: None if second % 40 < 20 else BUMP, 300) == []


def test_blind_moves_nothing() -> None:
    assert followed(lambda _: BUMP, 300, cause="covered") == []


def test_masks_cover_where_the_view_was_at_once() -> None:
    following = ViewFollower(SIZE)
    assert list(following.covered) == [UNSHIFTED]
    following.update(Visibility(None, make_at(0), shift=BUMP), 0)
    assert list(following.covered) == [UNSHIFTED, BUMP]
    assert following.placed == UNSHIFTED
    sway = [Shift(0.02 * sin(second)) for second in range(30)]
    for second, shift in enumerate(sway):
        following.update(Visibility(None, make_at(0), shift=shift), second)
    for shift in sway:
        assert min(shift.apart_ratio(known, SIZE) for known in following.covered) <= 0.0025
    followed(lambda _: BUMP, 100, following, begin_s=30)
    assert len(following.covered) == 2
    assert UNSHIFTED in following.covered
    followed(lambda _: UNSHIFTED, 10, following, begin_s=130)
    assert list(following.covered) == [UNSHIFTED]
