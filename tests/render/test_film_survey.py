"""Who moves, sits or was ever suspected is blurred in a film, whether or not a network finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.core.detections import FACE, Detections
from agent.device.frames import frame_of
from agent.errors import BrokenOffError
from agent.render.blur_grid import Grid
from agent.render.film_survey import FilmBlur, Survey, believable, possible, quarters, surveyed
from tests.builders import make_at, make_detections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from agent.core.frame import Frame
    from agent.core.regions import Regions
    from agent.render.blur_grid import Levels

    Picture = NDArray[np.uint8]
    Place = tuple[float, float] | None

SIZE = WIDTH, HEIGHT = 320, 240
GRID = Grid.of(SIZE)
FPS = 8
# A place with some structure, and people 20 px wide and 48 high.
FLOOR = cv2.resize(
    np.random.default_rng(1).integers(60, 190, (24, 32, 3), dtype=np.uint8),
    SIZE,
    interpolation=cv2.INTER_CUBIC,
)
PERSON_PX = 20, 48
NOISE = np.random.default_rng(2).normal(0, 2, (8, HEIGHT, WIDTH, 3)).astype(np.float32)


class Finder:
    """A network that finds what it is told to in a whole picture of some frames, and nobody elsewhere."""

    def __init__(self, found: dict[int, Detections] | None = None) -> None:
        self.found = found or {}
        self.looks: list[Regions] = []

    def detect(self, frame: Frame, look: Regions) -> Detections:
        self.looks.append(look)
        everything = look.regions == ((0, 0, *SIZE),)
        return self.found.get(frame.index, Detections.empty()) if everything else Detections.empty()


def box(feet: tuple[float, float]) -> tuple[float, float, float, float]:
    wide, high = PERSON_PX
    return feet[0] - wide / 2, feet[1] - high, feet[0] + wide / 2, feet[1]


def picture(index: int, *people: Place) -> Picture:
    """The floor with people, each somewhat like the floor in one part, and with a camera's noise."""
    image = FLOOR.astype(np.float32)
    for feet in people:
        if feet:
            left, top, right, bottom = (round(v) for v in box(feet))
            cv2.rectangle(image, (left, top + 12), (right - 1, bottom - 1), (40, 50, 60), cv2.FILLED)
            cv2.ellipse(image, ((left + right) // 2, top + 6), (6, 7), 0, 0, 360, (150, 170, 200), cv2.FILLED)
    noisy: Picture = np.clip(image + NOISE[index * 5 % 8], 0, 255).astype(np.uint8)
    return noisy


def filmed(
    count: int, where: Callable[[int], list[Place]], finder: Finder | None = None
) -> tuple[Survey, list[NDArray[np.bool_]]]:
    """What of each frame of a film is blurred, bool[H, W], while there are no tracks."""

    def frames() -> Iterator[Frame]:
        for index in range(count):
            yield frame_of(index, make_at(index / FPS), picture(index, *where(index)))

    survey = surveyed(GRID, FPS, frames, finder or Finder(), lambda _done: None)
    blur = FilmBlur(survey)
    return survey, [shown(blur.levels(index, [])) for index in range(count)]


def shown(levels: Levels) -> NDArray[np.bool_]:
    """Which px are blurred."""
    cells = np.repeat(np.repeat(levels > 0, GRID.cell_px, 0), GRID.cell_px, 1)
    return cells[:HEIGHT, :WIDTH]


def part(blurred: NDArray[np.bool_], feet: tuple[float, float]) -> float:
    """How much of a person is blurred."""
    left, top, right, bottom = (round(v) for v in box(feet))
    inside = blurred[max(0, top) : bottom, max(0, left) : max(0, right)]
    return float(inside.mean()) if inside.size else 1.0


def walks(index: int) -> list[Place]:
    return [(40 + 3 * index, 120)] if 40 <= index < 110 else []


def test_walker_whom_no_network_finds() -> None:
    _, film = filmed(160, walks)
    for index in range(40, 110):
        assert part(film[index], (40 + 3 * index, 120)) == 1
    # What is blurred is round the walker, and nothing where nobody is for long.
    assert all(film[index].mean() < 0.12 for index in range(160))
    assert not film[0].any()
    assert not film[150].any()


def test_people_are_blurred_in_the_first_frame_and_in_the_last() -> None:
    # Nobody who is there when a film begins or ends has a track yet, or any longer.
    _, film = filmed(100, lambda index: [(30 + 2 * index, 100)])
    assert [part(film[index], (30 + 2 * index, 100)) for index in range(100)] == [1] * 100


@pytest.mark.parametrize(
    ("comes", "goes"),
    # For a moment; for most of the film; from early on until it ends; before it begins until late.
    [(60, 80), (20, 90), (12, 100), (0, 88), (30, 100), (0, 40)],
)
def test_somebody_who_stands_still(comes: int, goes: int) -> None:
    _, film = filmed(100, lambda index: [(160, 150)] if comes <= index < goes else [])
    assert [part(film[index], (160, 150)) for index in range(comes, goes)] == [1] * (goes - comes)
    assert film[50][:, 260:].sum() == film[50][:40].sum() == 0


def test_somebody_who_leaves_a_seat_and_comes_back() -> None:
    # Most of the time the seat is taken: what then is in front of it is the empty seat.
    def sits(index: int) -> list[Place]:
        return [] if 60 <= index < 90 else [(160, 150)]

    _, film = filmed(120, sits)
    assert all(part(film[index], (160, 150)) == 1 for index in range(120) if sits(index))


@pytest.mark.parametrize("score", [0.11, 0.3])
def test_somebody_who_never_moves_is_known_by_low_scores(score: float) -> None:
    # Suspected now and then: blurred throughout.
    unsure = make_detections(box((160, 150)), confidence=score)
    _, film = filmed(100, lambda _index: [(160, 150)], Finder({20: unsure, 48: unsure, 76: unsure}))
    assert min(part(one, (160, 150)) for one in film) == 1
    assert film[0].mean() < 0.1


def test_face_that_never_moves() -> None:
    face = make_detections((150, 100, 166, 120), confidence=0.25, class_id=FACE)
    _, film = filmed(100, lambda _index: [], Finder({20: face, 48: face, 76: face}))
    # The head around it too.
    assert all(one[94:126, 145:171].all() for one in film)


def test_one_low_score_holds_for_a_moment() -> None:
    unsure = make_detections(box((160, 150)), confidence=0.11)
    _, film = filmed(100, lambda _index: [], Finder({48: unsure}))
    blurred = [index for index in range(100) if film[index].any()]
    assert blurred == list(range(44, 54))
    assert part(film[48], (160, 150)) == 1
    # And for good where it is sure.
    _, film = filmed(100, lambda _index: [], Finder({48: make_detections(box((160, 150)), confidence=0.6)}))
    assert min(part(one, (160, 150)) for one in film) == 1


def test_light_is_nobody() -> None:
    def frames() -> Iterator[Frame]:
        for index in range(60):
            light = 1 + 0.3 * np.sin(index / 5)
            image = np.clip(picture(index) * light, 0, 255).astype(np.uint8)
            yield frame_of(index, make_at(index / FPS), image)

    blur = FilmBlur(surveyed(GRID, FPS, frames, Finder(), lambda _done: None))
    assert np.mean([shown(blur.levels(index, [])).mean() for index in range(60)]) < 0.05


def test_recording_that_breaks_off() -> None:
    def frames() -> Iterator[Frame]:
        for index in range(60):
            yield frame_of(index, make_at(index / FPS), picture(index, (60 + 2 * index, 120)))
        raise BrokenOffError

    done: list[int] = []
    blur = FilmBlur(surveyed(GRID, FPS, frames, Finder(), done.append))
    assert done == list(range(1, 121))
    assert all(part(shown(blur.levels(index, [])), (60 + 2 * index, 120)) == 1 for index in range(60))


def test_track_is_blurred_and_where_it_was_a_moment_ago() -> None:
    survey, film = filmed(40, lambda _index: [])
    assert not any(one.any() for one in film)
    blur = FilmBlur(survey)
    before, here = box((100, 150)), box((200, 150))
    blur.levels(0, [before])
    now = shown(blur.levels(3, [here]))
    assert part(now, (100, 150)) == part(now, (200, 150)) == 1
    # With a rim of at least a tenth.
    assert now[97:155, 188:212].all()
    later = shown(blur.levels(12, []))
    assert not later.any()


def test_blocks_go_by_the_person_not_by_the_region() -> None:
    # A head is 12 px wide: of a walker alone, of a row of them, and of one close by, who is all there is.
    for people, wide in ((1, 20), (6, 20)):

        def row(index: int, people: int = people, wide: int = wide) -> list[Place]:
            return [(40 + 3 * index + wide * 1.2 * n, 120) for n in range(people)] if 20 <= index < 60 else []

        survey, _ = filmed(120, row)
        levels = FilmBlur(survey).levels(40, [])
        middle = levels[84 // GRID.cell_px, round((40 + 120) / GRID.cell_px)]
        block_px = GRID.cell_px << int(middle)
        assert 4 <= block_px <= 32


def test_blurred_px_are_coarse() -> None:
    image = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    levels = GRID.nothing()
    GRID.cover_persons(levels, [(60, 40, 120, 200)])
    drawn = GRID.blurred(image, levels)
    blurred = shown(levels)
    np.testing.assert_array_equal(drawn[~blurred], image[~blurred])
    # Of noise no px is left as it was, and neighbours hardly differ.
    assert (drawn[blurred] == image[blurred]).all(axis=-1).mean() < 0.01
    steps = np.abs(np.diff(drawn.astype(int), axis=1))[blurred[:, 1:] & blurred[:, :-1]]
    assert np.percentile(steps, 99) <= 8


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (193, 97), (320, 240), (1920, 1080), (240, 1920)])
def test_grid_of_any_size(size: tuple[int, int]) -> None:
    grid = Grid.of(size)
    image = np.zeros((size[1], size[0], 3), np.uint8)
    levels = grid.nothing()
    assert grid.small(image).shape == (*grid.shape, 3)
    grid.cover_persons(levels, [(0, 0, *size), (-50, -50, -10, -10), (3, 3, 3, 3)])
    assert (levels > 0).all()
    assert grid.blurred(image, levels).shape == image.shape


def test_possible_looks_at_all_of_it_and_at_its_quarters() -> None:
    frame = frame_of(0, make_at(0), picture(0))
    finder = Finder({0: make_detections((10, 10, 30, 60), confidence=0.12)})
    assert [len(seen) for seen in possible(frame, finder)] == [1, 0, 0, 0, 0]
    covered = np.zeros((HEIGHT, WIDTH), np.int64)
    for left, top, right, bottom in quarters(SIZE):
        covered[top:bottom, left:right] += 1
    assert covered.min() == 1
    assert covered.max() == 4
    # In a film it is the turn of one after the other.
    finder = Finder()
    for slot in range(4):
        possible(frame, finder, slot)
    assert {look.regions[0] for look in finder.looks} == {(0, 0, *SIZE), *quarters(SIZE)}


def test_believable() -> None:
    for score, size_px, class_id, good in (
        (0.11, 20, 0, True), (0.09, 20, 0, False), (0.11, 20, FACE, False), (0.21, 20, FACE, True),
        (0.3, 150, 0, False), (0.5, 150, 0, True), (0.3, 80, FACE, False), (0.5, 80, FACE, True),
    ):  # fmt: skip
        seen = make_detections((0, 0, size_px, size_px), confidence=score, class_id=class_id)
        assert len(believable(seen, SIZE)) == good, (score, size_px, class_id)
