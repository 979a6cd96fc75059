from __future__ import annotations

from itertools import count
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.vision.static_objects import StaticObjectFilter
from tests.vision.walkers import Room, Still

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.frame import Frame

    Box = tuple[float, float, float, float]

BOARD = (60, 60, 100, 140)
BREATH_PX = 0.5


class Watch:
    """A room that is sampled at every frame, with a box that jitters around the same place."""

    def __init__(
        self, room: Room, box: tuple[int, int, int, int] = BOARD, fps: float = 5, seed: int = 3
    ) -> None:
        self.stillness = StaticObjectFilter()
        self._room, self._box, self._fps = room, box, fps
        self._rng = np.random.default_rng(seed)
        self._index = count()
        self.now_s = 0.0

    def boxes(self) -> list[Box]:
        jitter = self._rng.normal(0, 0.01 * (self._box[3] - self._box[1]), 4)
        left, top, right, bottom = (float(side) for side in np.add(self._box, jitter))
        return [(left, top, right, bottom)]

    def frame(self) -> Frame:
        self.now_s = next(self._index) / self._fps
        return self._room.at(self.now_s)

    def verdict_s(self, until_s: float) -> float | None:
        """When it is said to be a thing, or None if it never is up to this second."""
        while self.now_s < until_s - 1e-6:
            if self.stillness.sample(self.frame(), self.boxes())[0]:
                return self.now_s
        return None

    def known(self, until_s: float) -> list[bool]:
        """At each frame, whether its sighting is one of a known thing; nobody follows it any more."""
        known = []
        while self.now_s < until_s - 1e-6:
            frame = self.frame()
            known += self.stillness.known(frame, self.boxes())
            self.stillness.sample(frame, ())
        return known

    def learn_thing(self) -> None:
        """Up to second 19.8, when it is known."""
        assert self.verdict_s(19.8) is not None
        assert share(self.known(19.8)) > 0.9

    def lives(self) -> bool:
        return self.stillness.breathes(self.frame(), self.boxes()[0])


def room_px(box: tuple[int, int, int, int]) -> tuple[int, int]:
    return box[2] + 20, box[3] + 20


def share(answers: Sequence[bool]) -> float:
    return sum(answers) / len(answers)


@pytest.mark.parametrize("fps", [2.5, 5, 10])
@pytest.mark.parametrize("box", [(60, 60, 76, 84), BOARD, (40, 20, 160, 320)], ids=["24", "80", "300"])
def test_thing_is_known_within_20_s(fps: float, box: tuple[int, int, int, int]) -> None:
    watch = Watch(Room([Still(box)], room_px(box)), box, fps)
    verdict_s = watch.verdict_s(20)
    assert verdict_s is not None
    # A breath takes 4 s: nobody may be called a thing after less than two of them.
    assert verdict_s > 8
    # And stays known, of whom nobody is followed any more.
    assert share(watch.known(30)) > 0.95


@pytest.mark.parametrize("fps", [2.5, 5, 10])
@pytest.mark.parametrize("box", [(60, 60, 76, 84), BOARD, (40, 20, 160, 320)], ids=["24", "80", "300"])
@pytest.mark.parametrize("motion", ["shift_px", "stretch_px"])
def test_who_breathes_is_no_thing(fps: float, box: tuple[int, int, int, int], motion: str) -> None:
    still = Still(box, shift_px=BREATH_PX) if motion == "shift_px" else Still(box, stretch_px=BREATH_PX)
    watch = Watch(Room([still], room_px(box)), box, fps)
    assert watch.verdict_s(35) is None
    assert watch.stillness.known(watch.frame(), watch.boxes()) == [False]


@pytest.mark.parametrize("still", [Still(BOARD, shift_px=BREATH_PX), Still(BOARD, stretch_px=BREATH_PX)])
def test_who_breathes_lives(still: Still) -> None:
    watch = Watch(Room([still]))
    watch.verdict_s(0.4)
    assert not watch.lives()
    watch.verdict_s(10)
    assert watch.lives()
    # Later as well, whatever is being learned just then.
    lived = []
    while watch.now_s < 40:
        watch.verdict_s(watch.now_s + 1)
        lived.append(watch.lives())
    assert all(lived)


def test_who_breathed_does_not_live_when_the_place_looks_different() -> None:
    sitter = Still(BOARD, shift_px=BREATH_PX, shown=((0, 12.0),))
    watch = Watch(Room([sitter]))
    watch.verdict_s(11)
    assert watch.lives()
    # They left: there is the wall, and then somebody else's back.
    watch.verdict_s(12.4)
    assert not watch.lives()
    other = Watch(Room([sitter, Still(BOARD, seed=2, shown=((12.0, inf),))]))
    other.verdict_s(11)
    assert other.lives()
    other.verdict_s(12.4)
    assert not other.lives()


def test_thing_does_not_live() -> None:
    watch = Watch(Room([Still(BOARD)]))
    lived = []
    while watch.now_s < 14:
        watch.verdict_s(watch.now_s + 1)
        lived.append(watch.lives())
    assert not any(lived)


def test_nobody_lives_where_nobody_was() -> None:
    watch = Watch(Room([Still(BOARD, shift_px=BREATH_PX)]))
    watch.verdict_s(12)
    assert watch.lives()
    assert not watch.stillness.breathes(watch.frame(), (200, 60, 240, 140))


@pytest.mark.parametrize("hidden_s", [0.6, 1.5])
def test_thing_is_still_known_after_somebody_passed(hidden_s: float) -> None:
    passing = Still((50, 40, 110, 200), seed=2, shown=((20, 20 + hidden_s),))
    watch = Watch(Room([Still(BOARD), passing]))
    watch.learn_thing()
    # Who is in front of it is somebody.
    assert not any(watch.known(20 + hidden_s - 0.2))
    assert share(watch.known(30)) > 0.95


def test_passing_while_it_is_judged_does_not_count() -> None:
    passing = Still((50, 40, 110, 200), seed=2, shown=((9, 10.2),))
    assert Watch(Room([Still(BOARD), passing])).verdict_s(20) is not None


def test_thing_that_is_replaced_is_given_up() -> None:
    # Somebody sits down in front of it for 5 s, and leaves.
    sitter = Still((50, 40, 110, 200), seed=2, shift_px=BREATH_PX, shown=((20, 25),))
    watch = Watch(Room([Still(BOARD), sitter]))
    watch.learn_thing()
    assert not any(watch.known(24.8)[2:])
    # What is there then must be judged anew.
    watch.known(25.2)
    assert not any(watch.known(30))


def test_thing_that_begins_to_breathe_is_somebody() -> None:
    # Somebody who held still, or whose place a thing of the same looks had: no cut in the picture.
    board, breathing = Still(BOARD, shown=((0, 20),)), Still(BOARD, shift_px=BREATH_PX, shown=((20, inf),))
    watch = Watch(Room([board, breathing]))
    watch.learn_thing()
    assert share(watch.known(40)[2:]) < 0.5
    assert watch.verdict_s(80) is None
    assert watch.lives()


def test_thing_that_is_moved_is_given_up() -> None:
    # The board hangs 3 px lower from now on: the same looks, at a place that is not its own.
    moved = Still((60, 63, 100, 143), shown=((20, inf),))
    watch = Watch(Room([Still(BOARD, shown=((0, 20),)), moved]))
    watch.learn_thing()
    assert not any(watch.known(24)[2:])
    watch.stillness.sample(watch.frame(), watch.boxes())
    # It is learned there.
    assert watch.verdict_s(45) is not None


@pytest.mark.parametrize("contrast", [0.0, 0.5])
@pytest.mark.parametrize("noise", [1.0, 2.5])
def test_too_little_texture_for_a_verdict(contrast: float, noise: float) -> None:
    # Somebody in plain clothes may breathe there.
    watch = Watch(Room([Still((20, 20, 140, 180), contrast=contrast)], noise=noise))
    assert watch.verdict_s(40) is None
    assert not watch.lives()


@pytest.mark.parametrize(
    ("still", "box", "noise"),
    [
        # A blank board, and one of which an edge shows how a place looks; a small thing at night.
        (Still(BOARD, contrast=0.5), BOARD, 2.5),
        (Still((20, 20, 90, 180), contrast=2.0), BOARD, 5.0),
        (Still((60, 60, 76, 84)), (60, 60, 76, 84), 12.0),
    ],
    ids=["blank", "edge", "night"],
)
def test_noise_does_not_breathe(still: Still, box: tuple[int, int, int, int], noise: float) -> None:
    watch = Watch(Room([still], noise=noise), box)
    lived = []
    while watch.now_s < 30:
        watch.verdict_s(watch.now_s + 1)
        lived.append(watch.lives())
    assert not any(lived)


@pytest.mark.parametrize("fps", [3, 4, 6, 8])
def test_thing_is_known_within_20_s_at_odd_rates(fps: float) -> None:
    assert Watch(Room([Still(BOARD)]), fps=fps).verdict_s(20) is not None


@pytest.mark.parametrize(
    "box", [(60, 60, 63, 140), (60, 60, 100, 63), (-30, 60, 4, 140), (400, 60, 440, 140)]
)
def test_too_small_a_place_for_a_verdict(box: tuple[int, int, int, int]) -> None:
    # A sliver, or beside the picture.
    watch = Watch(Room([Still((0, 0, 320, 240))]), box)
    assert watch.verdict_s(25) is None
    assert not watch.lives()


def test_two_places_do_not_mix() -> None:
    sitter = Still((200, 60, 240, 140), seed=2, stretch_px=BREATH_PX)
    room, stillness = Room([Still(BOARD), sitter]), StaticObjectFilter()
    boxes: list[Box] = [(60, 60, 100, 140), (200, 60, 240, 140)]
    verdicts = [stillness.sample(room.at(i / 5), boxes) for i in range(100)]
    assert sum(verdict[0] for verdict in verdicts) == 1
    assert not any(verdict[1] for verdict in verdicts)
    assert stillness.known(room.at(20), boxes[::-1]) == [False, True]
    assert stillness.breathes(room.at(20.2), boxes[1])


def test_somebody_who_walks_is_never_judged() -> None:
    room, stillness = Room([Still((0, 0, 320, 240))]), StaticObjectFilter()
    for i in range(300):
        x = 10.0 + 8 * (i % 30)
        assert stillness.sample(room.at(i / 5), [(x, 60, x + 40, 140)]) == [False]


def test_reset_forgets_things() -> None:
    watch = Watch(Room([Still(BOARD)]))
    verdict_s = watch.verdict_s(20)
    assert verdict_s is not None
    assert watch.stillness.known(watch.frame(), watch.boxes()) == [True]
    watch.stillness.reset()
    assert watch.stillness.known(watch.frame(), watch.boxes()) == [False]
    # It takes as long again.
    begin_s = watch.now_s
    again_s = watch.verdict_s(45)
    assert again_s is not None
    assert again_s - begin_s == pytest.approx(verdict_s, abs=1)


def test_reset_forgets_who_lives() -> None:
    watch = Watch(Room([Still(BOARD, shift_px=BREATH_PX)]))
    watch.verdict_s(12)
    assert watch.lives()
    watch.stillness.reset()
    assert not watch.lives()


def test_nobody_to_judge() -> None:
    room, stillness = Room([]), StaticObjectFilter()
    assert stillness.sample(room.at(0), []) == []
    assert stillness.known(room.at(0), []) == []
    assert stillness.known(room.at(0), [(60, 60, 100, 140)]) == [False]
