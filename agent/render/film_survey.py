"""Survey of a film for blurring: two passes over the whole recording before it is drawn.

The first finds the still background, the second what is in front of it and where a person or a face may be.
Kept are counts of colours on a coarse grid and where something was: no picture.
"""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.detections import FACE, PERSON, Detections
from agent.core.regions import Regions, whole
from agent.errors import BrokenOffError
from agent.render.background import Background, in_front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Frame
    from agent.core.regions import Box
    from agent.pipeline import DetectorStage
    from agent.render.blur_grid import Grid, Levels

    Flags = NDArray[np.bool_]

# What is found holds for a slot, and for so many slots before and after.
_SLOT_S = 0.25
_SLOTS_AROUND = 2
# Each slot is looked at whole and in one of its quarters, in which somebody far is twice as large.
_QUARTER = 0.6
_UNSURE_PERSON, _UNSURE_FACE = 0.1, 0.2
# Who fills so much of the picture is found with a better score than this; what has less is none.
_LARGE_PERSON, _LARGE_FACE, _LARGE_SCORE = 0.2, 0.05, 0.4
# Where for more than this part of the film something else was to be seen than most of the time, nobody
# knows which of it is the background: somebody may be sitting there.
_UNSETTLED_RATIO = 0.2
# What is so when the film begins or ends, for so long, and not usual, need not have come or gone.
_END_S = 1.0
# A change of so much of the picture is the light's.
_ALL_RATIO = 0.6
# Who is in a box of which so little is in front of the background is part of it, and so there all the time.
_STILL_RATIO = 0.25
# Such a box is believed when there are alike ones in so many looks, at the least, or when it is sure.
_STILL_LOOKS, _STILL_LOOKS_RATIO = 3, 0.05
_ALIKE_IOU = 0.5
_MOST_STILL = 2000
_SURE = 0.5
# Something in front is shown in blocks of this part of its width or of half its thickness.
_WIDTH_BLOCKS, _DEPTH_BLOCKS = 4.0, 1.2
_LARGEST_BLOCK_RATIO = 1 / 8
_LEAST_RIM, _RIM_BLOCKS = 2, 0.7
# An outline is filled: who hardly moves shows no more than that.
_HULL_RATIO = 0.1


@dataclass(slots=True)
class Survey:
    """What was found of a film.

    Attributes:
        grid: of its pictures.
        per_slot: how many frames are a slot.
        fronts: for each slot the cells that something was in front of, packed.
        looks: for each slot who was found.
        always: levels of what is blurred throughout.
        persons: least levels by the size of persons ever seen there, where anything is blurred.
    """

    grid: Grid
    per_slot: int
    fronts: list[bytes] = field(default_factory=list)
    looks: list[list[Detections]] = field(default_factory=list)
    always: Levels = field(init=False)
    persons: Levels = field(init=False)

    def __post_init__(self) -> None:
        """Blur nothing yet."""
        self.always, self.persons = self.grid.nothing(), self.grid.nothing()

    def front(self, slot: int) -> Flags:
        """Where something was in front of the background during a slot, bool[rows, columns]."""
        rows, columns = self.grid.shape
        bits = np.frombuffer(zlib.decompress(self.fronts[slot]), np.uint8)
        return np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(np.bool_)

    def levels(self, slot: int) -> Levels:
        """What is blurred during a slot."""
        first, last = max(0, slot - _SLOTS_AROUND), min(len(self.fronts), slot + _SLOTS_AROUND + 1)
        around = range(first, last)
        levels = self.always.copy()
        for near in around:
            np.maximum(levels, outlined(self.grid, self.front(near)), out=levels)
        # Where persons of a known size were, several together need no coarser blocks.
        levels = np.where(self.persons > 0, np.minimum(levels, self.persons + 1), levels)
        for seen in chain.from_iterable(self.looks[near] for near in around):
            self.grid.cover(levels, seen)
        return np.where(levels > 0, np.maximum(levels, self.persons), 0).astype(np.uint8)


class FilmBlur:
    """What is blurred, frame by frame."""

    def __init__(self, survey: Survey) -> None:
        """Take what was found of the film."""
        self._survey = survey
        self._slot, self._levels = -1, survey.grid.nothing()
        self._tracked: deque[tuple[int, list[tuple[float, float, float, float]]]] = deque()

    def levels(self, index: int, boxes: Sequence[tuple[float, float, float, float]]) -> Levels:
        """Of the frame of this index, in which tracks have these boxes in px; frames come in order."""
        survey = self._survey
        slot = index // survey.per_slot
        if slot != self._slot:
            self._slot, self._levels = slot, survey.levels(slot)
        self._tracked.append((slot, list(boxes)))
        while self._tracked[0][0] < slot - _SLOTS_AROUND:
            self._tracked.popleft()
        levels = self._levels.copy()
        for _, ever in self._tracked:
            survey.grid.cover_persons(levels, ever)
        return levels


def surveyed(
    grid: Grid,
    fps: float,
    frames: Callable[[], Iterable[Frame]],
    finder: DetectorStage,
    progress: Callable[[int], None],
) -> Survey:
    """Look over a recording twice.

    Args:
        grid: of its pictures.
        fps: frames a second.
        frames: all frames from the first one on, each time it is called; breaking off ends them.
        finder: finds whoever may be a person or a face.
        progress: called with the number of frames looked at so far, of twice as many.
    """
    background: Background | None = None
    done = 0
    for frame in _whole_of(frames()):
        small = grid.small(frame.image)
        background = background or Background(small)
        background.add(small)
        done += 1
        progress(done)
    survey = Survey(grid, max(1, round(fps * _SLOT_S)))
    if background is None:
        return survey
    usual, tolerance = background.usual(), background.tolerance()
    front, presences = np.zeros(grid.shape, np.bool_), Presences(grid.shape, round(fps * _END_S))
    for index, frame in enumerate(_whole_of(frames())):
        if index % survey.per_slot == 0:
            if index:
                survey.fronts.append(_packed(front))
            front = np.zeros(grid.shape, np.bool_)
            survey.looks.append(possible(frame, finder, index // survey.per_slot))
        now = in_front(grid.small(frame.image), usual, tolerance)
        presences.add(now)
        front |= now
        done += 1
        progress(done)
    survey.fronts.append(_packed(front))
    _find_people_seen(survey)
    unsettled = outlined(grid, presences.unsettled(), roomy=False)
    survey.always = np.maximum(survey.always, np.minimum(unsettled, _largest(survey)))
    return survey


def _largest(survey: Survey) -> Levels:
    """The coarsest that each place ever needs because something is in front of it; 1 where nothing is."""
    largest = survey.grid.nothing() + np.uint8(1)
    for slot in range(len(survey.fronts)):
        np.maximum(largest, outlined(survey.grid, survey.front(slot)), out=largest)
    return largest


class Presences:
    """Counts where something was in front of the background."""

    def __init__(self, shape: tuple[int, int], end: int) -> None:
        """Take rows and columns, and how many frames at either end of the film are looked at."""
        self._often = np.zeros(shape, np.int64)
        self._end = max(1, end)
        self._quiet = self._frames = 0
        self._at_first = np.ones(shape, np.bool_)
        self._since = np.zeros(shape, np.int64)

    def add(self, front: Flags) -> None:
        """Count a frame."""
        self._frames += 1
        if self._frames <= self._end:
            self._at_first &= front
        self._since = np.where(front, self._since + 1, 0)
        if front.mean() <= _ALL_RATIO:
            self._often += front
            self._quiet += 1

    def unsettled(self) -> Flags:
        """Where nobody knows which of what was to be seen is the background, bool[rows, columns]."""
        at_last = self._since >= min(self._end, self._frames)
        found: Flags = (self._often > _UNSETTLED_RATIO * self._quiet) | self._at_first | at_last
        return found


def quarters(size_px: tuple[int, int]) -> list[Box]:
    """Four parts of a picture, which overlap."""
    width, height = size_px
    wide, high = int(_QUARTER * width), int(_QUARTER * height)
    return [(left, top, left + wide, top + high) for top in (0, height - high) for left in (0, width - wide)]


def outlined(grid: Grid, front: Flags, *, roomy: bool = True) -> Levels:
    """Levels of what is in front of the background, with a rim; a roomy one where its form is not known."""
    levels = grid.nothing()
    contours, _ = cv2.findContours(front.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    most = grid.level(_LARGEST_BLOCK_RATIO * max(grid.size_px))
    shapes = []
    for contour in contours:
        left, top, wide, high = cv2.boundingRect(contour)
        hull = cv2.convexHull(contour)
        shape = hull if roomy and cv2.contourArea(hull) <= _HULL_RATIO * front.size else contour
        part = np.zeros((high + 2, wide + 2), np.uint8)
        part[1:-1, 1:-1] = front[top : top + high, left : left + wide]
        depth = float(cv2.distanceTransform(part, cv2.DIST_L2, 3).max())
        block = max(min(wide, high) / _WIDTH_BLOCKS, depth / _DEPTH_BLOCKS)
        level = min(most, grid.level(block * grid.cell_px))
        shapes.append((level, max(_LEAST_RIM, round(_RIM_BLOCKS * block)) if roomy else _LEAST_RIM, shape))
    for level, rim, shape in sorted(shapes, key=lambda one: one[0]):
        cv2.drawContours(levels, [shape], -1, level, cv2.FILLED)
        cv2.drawContours(levels, [shape], -1, level, 2 * rim + 1)
    return levels


def possible(frame: Frame, finder: DetectorStage, slot: int | None = None) -> list[Detections]:
    """Whoever may be in a frame, and in all of its quarters, or in the one whose turn it is in a slot."""
    parts = quarters(frame.size_px)
    if slot is not None:
        parts = [parts[slot % len(parts)]]
    looks = whole(frame), *(Regions((part,)) for part in parts)
    return [believable(finder.detect(frame, look), frame.size_px) for look in looks]


def believable(seen: Detections, size_px: tuple[int, int]) -> Detections:
    """Whoever may be a person or a face in a picture of this width and height."""
    is_face = seen.class_id == FACE
    ratios = np.prod(seen.xyxy[:, 2:] - seen.xyxy[:, :2], axis=1) / (size_px[0] * size_px[1])
    large = ratios > np.where(is_face, _LARGE_FACE, _LARGE_PERSON)
    least = np.where(large, _LARGE_SCORE, np.where(is_face, _UNSURE_FACE, _UNSURE_PERSON))
    return seen.where(seen.confidence >= least)


def _find_people_seen(survey: Survey) -> None:
    """How large people are where, and who is part of the background and so there all the time."""
    grid = survey.grid
    still = []
    for slot, looks in enumerate(survey.looks):
        front = survey.front(slot)
        for seen in looks:
            grid.cover(survey.persons, seen.where(seen.confidence >= _SURE))
            kept = np.array([_is_still(front[grid.cells(box)]) for box in seen.xyxy.tolist()], np.bool_)
            still.append(seen.where(kept))
    joined = Detections.joined(still)
    grid.cover(survey.always, joined.where(joined.confidence >= _SURE))
    # Of many boxes some say what all of them do.
    step = -(-len(joined) // _MOST_STILL) or 1
    times = len(survey.looks)
    least = max(min(_STILL_LOOKS, times), _STILL_LOOKS_RATIO * times) / step
    some = joined.where(np.arange(0, len(joined), step))
    for class_id in (PERSON, FACE):
        seen = some.of_class(class_id)
        often = [np.count_nonzero(_overlaps(box, seen.xyxy) >= _ALIKE_IOU) >= least for box in seen.xyxy]
        grid.cover(survey.always, seen.where(np.array(often, np.bool_)))


def _overlaps(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box with each of many."""
    meet = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.maximum(meet, 0), axis=1)
    both = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - shared
    ratio: NDArray[np.float32] = shared / np.maximum(both, 1e-6)
    return ratio


def _is_still(front: Flags) -> bool:
    return bool(front.size) and float(front.mean()) < _STILL_RATIO


def _packed(front: Flags) -> bytes:
    return zlib.compress(np.packbits(front).tobytes(), 1)


def _whole_of(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames up to where they break off, if they do."""
    try:
        yield from frames
    except BrokenOffError:
        return
