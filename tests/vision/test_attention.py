from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.look import Look
from agent.vision.attention import EveryFrame
from tests.builders import make_frame


def looks(times_s: list[float], looks_per_s: float) -> list[float]:
    """The times of the frames that are looked at."""
    attention = EveryFrame(looks_per_s)
    return [time_s for time_s in times_s if attention.plan(make_frame(time_s), ()) is not None]


@pytest.mark.parametrize("fps", [5, 10, 15, 25, 30, 60])
@pytest.mark.parametrize("rounded", [True, False], ids=["times in ms", "exact times"])
def test_every_frame_rate(fps: int, *, rounded: bool) -> None:
    # A recording tells its times in whole ms: 30 a second come after 33, 67, 100 ms.
    times_s = [round(i / fps, 3) if rounded else i / fps for i in range(60 * fps)]
    looked = looks(times_s, 10)
    assert looked[0] == 0
    assert len(looked) / 60 == pytest.approx(min(fps, 10), rel=0.01)
    # Evenly: never two looks at once, never a gap of more than a frame too many.
    gaps_s = [after - before for before, after in pairwise(looked)]
    assert min(gaps_s) > 1 / 10 - 1 / fps
    assert max(gaps_s) < max(1 / fps, 1 / 10) + 1 / fps


def test_every_frame_after_reset() -> None:
    attention = EveryFrame(1.0)
    assert attention.plan(make_frame(0.0), ()) is not None
    assert attention.plan(make_frame(0.1), ()) is None
    attention.reset()
    assert attention.plan(make_frame(0.2), ()) is not None


@pytest.mark.parametrize(("fps", "every"), [(10, 1), (20, 2), (30, 3), (60, 6)])
def test_every_frame_steady(fps: int, every: int) -> None:
    # Rates that are multiples of ten give each second, third, sixth frame, for an hour.
    times_s = [round(1000 * i / fps) / 1000 for i in range(3600 * fps // 10)]
    assert looks(times_s, 10) == times_s[::every]


def test_every_frame_begins_anywhere() -> None:
    # The monotonic clock's zero has no meaning.
    assert looks([5000.0, 5000.05, 5000.1, 5000.15, 5000.2], 10) == [5000.0, 5000.1, 5000.2]
    assert looks([-3.0, -2.95, -2.9], 10) == [-3.0, -2.9]


def test_every_frame_looks_at_the_whole_frame() -> None:
    assert EveryFrame(10).plan(make_frame(size_px=(1280, 720)), ()) == Look(((0, 0, 1280, 720),))


def test_every_frame_after_a_gap() -> None:
    # What was missed while the camera stalled is not made up for.
    before, after = [i / 30 for i in range(30)], [60 + i / 30 for i in range(60)]
    looked = [time_s for time_s in looks(before + after, 10) if time_s >= 60]
    assert looked[0] == 60
    assert len(looked) <= 22


@given(
    st.lists(st.floats(0.001, 2.0), min_size=1, max_size=120),
    st.sampled_from([0.5, 1, 5, 10, 30]),
)
@settings(deadline=None)
def test_every_frame_irregular(gaps_s: list[float], looks_per_s: float) -> None:
    times_s = list(accumulate(gaps_s))
    looked = looks(times_s, looks_per_s)
    assert looked[0] == times_s[0]
    # At most so many looks a second over any stretch of time, one at either end apart.
    for i, begin_s in enumerate(looked):
        for j in range(i, len(looked)):
            assert j - i + 1 <= (looked[j] - begin_s) * looks_per_s + 2.1
    # And a frame is left out only when another was looked at less than an interval before.
    left_out = set(times_s) - set(looked)
    for time_s in left_out:
        assert any(0 <= time_s - one < 1 / looks_per_s for one in looked)
