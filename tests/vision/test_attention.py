from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise
from math import cos, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.core.frame import Frame
from agent.core.regions import Regions, whole
from agent.core.track import LookHint
from agent.vision.attention import Attention, EveryFrame, Pace
from tests.builders import make_at, make_frame, make_pace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.core.regions import Box

    Xyxy = tuple[float, float, float, float]


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
    assert EveryFrame(10).plan(make_frame(size_px=(1280, 720)), ()) == Regions(((0, 0, 1280, 720),))


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
            assert j - i + 1 <= (looked[j] - begin_s) * looks_per_s + 2.1 + 1e-6
    # And a frame is left out only when another was looked at less than an interval before.
    left_out = set(times_s) - set(looked)
    for time_s in left_out:
        assert any(0 <= time_s - one < 1 / looks_per_s for one in looked)


SIZE_PX = (640, 360)
# Of a network 416 px wide.
SCALE = 0.65
WHOLE = (0, 0, 640, 360)
ZONE = [(40.0, 200.0), (240.0, 200.0), (240.0, 340.0), (40.0, 340.0)]
PACE = make_pace(looks_per_s=10, heartbeat_s=10, zone_heartbeat_s=2, zoom=3)


class Hall:
    """A hall with noise, and whoever is drawn into it: bright, with a darker head.

    Attention reads the luma plane; the picture it is half as wide as is only as large as it says.
    """

    def __init__(self, size_px: tuple[int, int] = SIZE_PX, noise: float = 3.0) -> None:
        width, height = size_px
        self._image = np.zeros((height, width, 3), np.uint8)
        rng = np.random.default_rng(11)
        rough = rng.standard_normal((height // 2, width // 2), np.float32)
        smooth = cv2.GaussianBlur(rough, (0, 0), 3)
        self._levels = np.clip(100 + 25 * smooth / smooth.std(), 40, 160).astype(np.float32)
        # Cut out at another place for each picture, to be quick.
        self._noise = noise * rng.standard_normal((height // 2 + 61, width // 2 + 67), np.float32)
        self._rng = rng

    def at(self, time_s: float, *boxes: Sequence[float], light: float = 1.0) -> Frame:
        height, width = self._levels.shape
        y, x = self._rng.integers(61), self._rng.integers(67)
        levels = self._levels * np.float32(light) + self._noise[y : y + height, x : x + width]
        for box in boxes:
            left, top, right, bottom = (max(0, round(side / 2)) for side in box)
            neck = (3 * top + bottom) // 4
            levels[top:neck, left:right] += 40
            levels[neck:bottom, left:right] += 80
        luma = np.clip(levels, 0, 255).astype(np.uint8)
        return Frame(0, make_at(time_s), self._image, luma)


def attention(pace: Pace = PACE, *zones: Sequence[tuple[float, float]]) -> Attention:
    return Attention(pace, SCALE, zones)


def settled(box: Xyxy, looked_s: float, within_s: float = 1.0) -> LookHint:
    return LookHint(box, looked_s, settled=True, within_s=within_s)


def covers(look: Regions | None, box: Sequence[float], size_px: tuple[int, int] = SIZE_PX) -> bool:
    """Whether a look shows all of a box that lies in the picture (a px of rounding apart)."""
    if look is None:
        return False
    ((left, top, right, bottom),) = look.regions
    width, height = size_px
    return (
        left <= max(box[0], 0) + 1
        and top <= max(box[1], 0) + 1
        and right >= min(box[2], width) - 1
        and bottom >= min(box[3], height) - 1
    )


class Shift:
    """Attention at work: who is watched is known from the looks that showed them."""

    def __init__(self, plans: Attention, hall: Hall, fps: float) -> None:
        self.plans, self._hall, self._fps = plans, hall, fps
        self.looks: list[tuple[float, Box]] = []
        self.longest_unlooked_s = 0.0
        self._index = 0
        self._looked_s: dict[int, float] = {}

    def go(
        self,
        until_s: float,
        people: Callable[[float], Sequence[Xyxy]] = lambda _: (),
        *,
        others: Callable[[float], Sequence[Xyxy]] = lambda _: (),
        within_s: float = 0.3,
    ) -> list[tuple[float, Box]]:
        """The looks up to this second; `people` are found by looks, `others` are only drawn."""
        begin = len(self.looks)
        while (now_s := self._index / self._fps) < until_s - 1e-9:
            boxes = people(now_s)
            known = [
                settled(box, self._looked_s[index], within_s)
                for index, box in enumerate(boxes)
                if index in self._looked_s
            ]
            look = self.plans.plan(self._hall.at(now_s, *boxes, *others(now_s)), known)
            for index, box in enumerate(boxes):
                since_s = now_s - self._looked_s.setdefault(index, now_s)
                self.longest_unlooked_s = max(self.longest_unlooked_s, since_s)
                if covers(look, box):
                    self._looked_s[index] = now_s
            if look is not None:
                self.looks.append((now_s, look.regions[0]))
            self._index += 1
        return self.looks[begin:]


def tree(time_s: float) -> list[Xyxy]:
    """A branch that waves at the upper right."""
    x = 560 + 25 * sin(7 * time_s)
    return [(x, 40, x + 30, 110)]


def walking(time_s: float) -> list[Xyxy]:
    """Somebody 60 px tall who walks up and down at the lower left."""
    x = 60 + 50 * (1 - cos(time_s))
    return [(x, 250, x + 24, 310)]


@pytest.mark.parametrize("size_px", [(640, 360), (64, 48), (333, 777)])
def test_first_frame_is_looked_at_as_a_whole(size_px: tuple[int, int]) -> None:
    frame = make_frame(5000.0, size_px)
    assert attention().plan(frame, ()) == whole(frame)
    assert attention().plan(make_frame(5000.1, size_px), ()) is not None


def test_first_frame_after_reset() -> None:
    plans, hall = attention(), Hall()
    assert plans.plan(hall.at(0), ()) is not None
    assert plans.plan(hall.at(0.5), ()) is None
    plans.reset()
    assert plans.plan(hall.at(0.6), ()) == Regions((WHOLE,))
    assert plans.plan(hall.at(1.2), ()) is None


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_idle_hall_gets_only_heartbeats(fps: int) -> None:
    looked = Shift(attention(), Hall(), fps).go(60)
    assert [region for _, region in looked] == [WHOLE] * len(looked)
    assert len(looked) in {6, 7}
    gaps_s = [after - before for (before, _), (after, _) in pairwise(looked)]
    assert min(gaps_s) > 8
    assert max(gaps_s) <= 10 + 1 / fps


def test_heartbeat_is_as_often_as_asked() -> None:
    looked = Shift(attention(replace(PACE, heartbeat_s=3)), Hall(), 5).go(30.1)
    assert len(looked) == pytest.approx(11, abs=1)


@pytest.mark.parametrize("fps", [5, 30])
@pytest.mark.parametrize("heartbeat_s", [1.0, 2.0])
def test_who_sits_still_is_looked_at(fps: int, heartbeat_s: float) -> None:
    sits = (400.0, 100.0, 440.0, 200.0)
    shift = Shift(attention(replace(PACE, zone_heartbeat_s=heartbeat_s)), Hall(), fps)
    looked = shift.go(31, lambda _: [sits])
    assert shift.longest_unlooked_s <= heartbeat_s + 1 / fps + 1e-6
    # And no more often than that; the whole picture's heartbeats may come on top.
    assert len(looked) <= 31 / (0.85 * heartbeat_s) + 4
    # They do come.
    wholes_s = [time_s for time_s, region in looked if region == WHOLE]
    assert max(after - before for before, after in pairwise([*wholes_s, 31])) <= 10 + 1 / fps


def test_occupied_zone_is_looked_at_as_a_whole() -> None:
    sits = (60.0, 290.0, 72.0, 314.0)
    shift = Shift(attention(PACE, ZONE), Hall(), 5)
    looked = shift.go(30, lambda _: [sits])
    zone = (*ZONE[0], *ZONE[2])
    shown_s = [time_s for time_s, region in looked if covers(Regions((region,)), zone)]
    assert max(after - before for before, after in pairwise(shown_s)) <= 2.2
    # By crops; without the zone they would be of the person.
    crops = [region for _, region in looked if region != WHOLE]
    assert len(crops) >= 8
    alone = Shift(attention(), Hall(), 5).go(30, lambda _: [sits])
    assert not any(covers(Regions((region,)), zone) for _, region in alone if region != WHOLE)


def test_zone_without_anybody_needs_no_look() -> None:
    sits = (400.0, 100.0, 440.0, 160.0)
    looked = Shift(attention(PACE, ZONE), Hall(), 5).go(30, lambda _: [sits])
    zone = (*ZONE[0], *ZONE[2])
    assert not any(covers(Regions((region,)), zone) for _, region in looked if region != WHOLE)


@pytest.mark.parametrize("looks_per_s", [2, 10])
@pytest.mark.parametrize("fps", [10, 30])
def test_motion_starts_a_look_there(looks_per_s: float, fps: int) -> None:
    plans, hall = attention(replace(PACE, looks_per_s=looks_per_s)), Hall()
    shift = Shift(plans, hall, fps)
    shift.go(5.4)
    comes = (500.0, 200.0, 520.0, 250.0)
    looked = shift.go(7, others=lambda _: [comes])
    assert looked[0][0] <= 5.4 + 1 / looks_per_s + 1 / fps
    assert covers(Regions((looked[0][1],)), comes)


def test_motion_alone_looks_once() -> None:
    # Something was put there: looked at when it changed, and then it is known.
    shift = Shift(attention(), Hall(), 10)
    shift.go(5)
    assert len(shift.go(9, others=lambda _: [(500.0, 200.0, 520.0, 250.0)])) <= 2


def far_apart(time_s: float) -> list[Xyxy]:
    """Six who walk about, each in another part of the picture, 30 to 60 px tall."""
    people: list[Xyxy] = []
    for index in range(6):
        height = 30 + 6 * index
        x = 60 + 200 * (index % 3) + 25 * sin(time_s * (0.7 + index / 10))
        y = 40 + 160 * (index // 3) + 10 * cos(time_s * (0.9 + index / 10))
        people.append((x, y, x + 0.4 * height, y + height))
    return people


@pytest.mark.parametrize("fps", [5, 10, 30])
@pytest.mark.parametrize("looks_per_s", [5, 10])
@pytest.mark.parametrize("many", [2, 6])
def test_nobody_far_apart_is_forgotten(fps: int, looks_per_s: float, many: int) -> None:
    plans = attention(replace(PACE, looks_per_s=looks_per_s))
    shift = Shift(plans, Hall(), fps)
    looked = shift.go(30, lambda time_s: far_apart(time_s)[-many:])
    assert shift.longest_unlooked_s <= 1.5
    # It is crops that show them.
    assert sum(region != WHOLE for _, region in looked) > 20


def test_rate_is_bounded() -> None:
    for looks_per_s in (1, 3, 10):
        shift = Shift(attention(replace(PACE, looks_per_s=looks_per_s)), Hall(), 30)
        looked = shift.go(10, far_apart, others=tree)
        assert len(looked) <= 10 * looks_per_s * 1.15 + 1
        gaps_s = [after - before for (before, _), (after, _) in pairwise(looked)]
        assert min(gaps_s) >= 0.85 / looks_per_s


def test_times_are_seconds_not_frames() -> None:
    counts = [
        len(Shift(attention(replace(PACE, looks_per_s=5)), Hall(), fps).go(30, walking, within_s=0.4))
        for fps in (5, 10, 30)
    ]
    assert max(counts) <= 1.25 * min(counts)
    # Somebody who sits still.
    counts = [
        len(Shift(attention(), Hall(), fps).go(60, lambda _: [(400.0, 100.0, 440.0, 200.0)]))
        for fps in (5, 30)
    ]
    assert max(counts) <= 1.25 * min(counts)


@pytest.mark.parametrize("light", [0.3, 2.2])
def test_lights_switched_are_looked_at_as_a_whole(light: float) -> None:
    plans, hall = attention(), Hall()
    looks = [(i / 10, plans.plan(hall.at(i / 10, light=1.0 if i < 50 else light), ())) for i in range(80)]
    after = [(time_s, look.regions[0]) for time_s, look in looks if look is not None and time_s >= 5]
    assert after[0] == (5.0, WHOLE)
    # And that was it.
    assert len(after) <= 3


def test_small_gain_step_is_no_reason_to_look() -> None:
    plans, hall = attention(), Hall()
    looks = [plans.plan(hall.at(i / 10, light=1.0 if i < 50 else 0.8), ()) for i in range(80)]
    assert [i for i, look in enumerate(looks) if look is not None] == [0]


def test_gain_step_between_crops_soon_settles() -> None:
    # Half of what is known of the picture is of the old light, half of the new.
    hall, plans = Hall(), attention()
    shift = Shift(plans, hall, 10)
    shift.go(5, walking)
    looks = [plans.plan(hall.at(5 + i / 10, *walking(5), light=0.75), ()) for i in range(80)]
    assert sum(look is not None for look in looks[30:]) <= 1


def test_fruitless_motion_is_looked_at_less() -> None:
    shift = Shift(attention(), Hall(), 10)
    shift.go(3)
    first = len(shift.go(13, others=tree))
    later = [len(shift.go(end_s, others=tree)) for end_s in (23, 33, 43, 53, 63)]
    assert first > 1.5 * later[0]
    assert later[0] <= 30
    # Less and less, and never never.
    assert later[-1] <= 15
    gaps_s = [after - before for (before, _), (after, _) in pairwise(shift.looks[1:])]
    assert max(gaps_s) <= 3.2
    wholes_s = [time_s for time_s, region in shift.looks if region == WHOLE]
    assert max(after - before for before, after in pairwise(wholes_s)) <= 10.1


def test_somebody_elsewhere_is_looked_at_despite_fruitless_motion() -> None:
    shift = Shift(attention(), Hall(), 10)
    shift.go(40, others=tree)
    came_s = 40.05
    looked = shift.go(42, others=lambda time_s: [*tree(time_s), *walking(time_s)])
    first_s = next(time_s for time_s, region in looked if covers(Regions((region,)), walking(time_s)[0]))
    assert first_s - came_s <= 0.2


def test_place_where_somebody_is_found_is_looked_at_at_full_rate_again() -> None:
    shift = Shift(attention(), Hall(), 10)
    shift.go(3)
    shift.go(43, others=tree)
    waiting = len(shift.go(48, others=tree))
    # Somebody walks where it waves, is found, and goes; the tree goes on.
    shift.go(50, tree, within_s=0.1)
    again = shift.go(52, others=tree)
    # That is some 3 looks in 2 s before.
    assert waiting <= 8
    assert len(again) >= 6


@pytest.mark.parametrize(
    ("height_px", "zoom"),
    # At the whole picture's scale (.65) somebody of 24 px is 16 px tall: at three times that, 47.
    [(24, 3.0), (50, 1.97), (110, 1.0), (300, 1.0)],
)
def test_crop_is_as_narrow_as_a_person_needs(height_px: float, zoom: float) -> None:
    plans, hall = attention(), Hall()
    box = (300.0, 180 - height_px / 2, 300 + height_px * 0.4, 180 + height_px / 2)
    assert plans.plan(hall.at(0, box), ()) is not None
    look = plans.plan(hall.at(2.1, box), [settled(box, 0.0)])
    assert covers(look, box)
    assert look is not None
    left, _, right, _ = look.regions[0]
    assert 640 / (right - left) == pytest.approx(zoom, rel=0.25)
    assert (look.regions[0] == WHOLE) == (zoom == 1.0)


def test_no_crops_without_zoom() -> None:
    looked = Shift(attention(replace(PACE, zoom=1.0)), Hall(), 10).go(10, walking, others=tree)
    assert len(looked) > 20
    assert {region for _, region in looked} == {WHOLE}


def test_crop_takes_in_who_is_near() -> None:
    plans, hall = attention(), Hall()
    near, nearer = (300.0, 160.0, 310.0, 184.0), (440.0, 170.0, 450.0, 194.0)
    assert plans.plan(hall.at(0, near, nearer), ()) is not None
    look = plans.plan(hall.at(2.1, near, nearer), [settled(near, 0.0), settled(nearer, 0.0)])
    assert look is not None
    assert look.regions[0] != WHOLE
    assert covers(look, near)
    assert covers(look, nearer)


def test_who_is_not_settled_is_looked_at_again_soon() -> None:
    # Suspected, or missed: nothing moves, and yet.
    box = (300.0, 160.0, 330.0, 220.0)
    for seen in (True, False):
        plans, hall = attention(), Hall()
        plans.plan(hall.at(0, box), ())
        watched = LookHint(box, 0.0, settled=seen, within_s=0.4)
        looked = [i for i in range(1, 15) if plans.plan(hall.at(i / 10, box), [watched]) is not None]
        assert looked[:1] == ([] if seen else [4])


def test_who_moves_fast_is_looked_at_sooner() -> None:
    counts = [len(Shift(attention(), Hall(), 10).go(10, walking, within_s=within)) for within in (0.15, 0.8)]
    assert counts[0] > 1.5 * counts[1]


sides = st.integers(16, 500)


@given(
    st.tuples(sides, sides),
    st.tuples(st.floats(-0.2, 1.1), st.floats(-0.2, 1.1), st.floats(0.005, 1.2), st.floats(0.005, 1.2)),
    st.floats(0.05, 20.0),
    st.sampled_from([1.0, 2.0, 3.0, 10.0]),
)
@example((500, 16), (0.99, 0.0, 0.005, 1.2), 0.1, 10.0)
@settings(deadline=None, max_examples=80)
def test_region_of_any_box(size_px: tuple[int, int], spot: Xyxy, scale: float, zoom: float) -> None:
    width, height = size_px
    x, y, box_width, box_height = spot
    left, top = x * width, y * height
    box = (left, top, left + box_width * width, top + box_height * height)
    plans = Attention(replace(PACE, zoom=zoom), scale, [])
    plans.plan(make_frame(0.0, size_px), ())
    look = plans.plan(make_frame(3.0, size_px), [settled(box, 0.0)])
    assert look is not None
    ((left, top, right, bottom),) = look.regions
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert all(isinstance(side, int) for side in look.regions[0])
    # The picture's aspect, a px of rounding on each side apart.
    assert abs((right - left) * height - (bottom - top) * width) <= 2 * max(width, height)
    assert width / (right - left) <= zoom * (1 + 2 / (right - left))
    if box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0:
        assert covers(look, box, size_px)


@given(
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=30),
    st.lists(st.tuples(st.floats(-50, 330), st.floats(-50, 250), st.floats(1, 300)), max_size=4),
    st.sampled_from([1, 5, 10]),
)
@settings(deadline=None, max_examples=60)
def test_looks_at_irregular_times(
    gaps_s: list[float], spots: list[tuple[float, float, float]], looks_per_s: float
) -> None:
    hall, plans = Hall((320, 180)), attention(replace(PACE, looks_per_s=looks_per_s))
    boxes: list[Xyxy] = [(x, y, x + size / 2, y + size) for x, y, size in spots]
    looked_s: list[float] = []
    for time_s in accumulate(gaps_s):
        watched = [settled(box, looked_s[-1] if looked_s else time_s) for box in boxes]
        look = plans.plan(hall.at(time_s, *boxes), watched)
        assert look is not None or looked_s
        if look is None:
            # Only within the heartbeat; and of whoever is there, within theirs.
            assert time_s - looked_s[-1] <= (2 if boxes else 10)
            continue
        assert not looked_s or time_s - looked_s[-1] >= 0.85 / looks_per_s
        looked_s.append(time_s)
