"""Survey of a film for blurring: two passes over the whole recording before it is drawn.

The first finds the still background, the second the foreground and where a person or a face may be. Kept are
counts of colours on a coarse grid and where something was: no picture.
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

# Findings hold for their slot, and for so many slots before and after.
_SLOT_S = 0.25
_SLOTS_AROUND = 2
# One frame of each slot is looked at whole and in one quarter, which shows a far person larger.
_QUARTER = 0.6
_UNSURE_PERSON, _UNSURE_FACE = 0.1, 0.2
# A box that fills so much of the picture and has a lower score is no person or face.
_LARGE_PERSON, _LARGE_FACE, _LARGE_SCORE = 0.2, 0.05, 0.4
# A cell that was foreground for more than this part of the film is ambiguous: what counts as its background
# may be somebody who sits there.
_UNSETTLED_RATIO = 0.2
# Foreground that lasts from the start, or to the end, for so long may be background: it never came or went.
_END_S = 1.0
# Foreground in more than this part of the picture is a change of the light.
_ALL_RATIO = 0.6
# A box with less foreground than this shows somebody who is part of the background, so there throughout.
_STILL_RATIO = 0.25
# Such a box counts if at least so many looks have similar ones, or its score is high.
_STILL_LOOKS, _STILL_LOOKS_RATIO = 3, 0.05
_ALIKE_IOU = 0.5
_MOST_STILL = 2000
_SURE = 0.5
# Foreground is shown in blocks of this part of its width, or of half its thickness.
_WIDTH_BLOCKS, _DEPTH_BLOCKS = 4.0, 1.2
_LARGEST_BLOCK_RATIO = 1 / 8
_LEAST_RIM, _RIM_BLOCKS = 2, 0.7
# Outlines smaller than this part of the picture are filled: somebody who hardly moves shows only edges.
_HULL_RATIO = 0.1


@dataclass(slots=True)
class Survey:
    """Findings on a film.

    Attributes:
        grid: of its pictures.
        per_slot: frames in a slot.
        fronts: foreground cells of each slot, packed.
        looks: detections of each slot.
        always: levels that are blurred throughout.
        persons: least levels where anything is blurred, by the size of persons ever seen there.
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
        """Foreground of a slot, bool[rows, columns]."""
        rows, columns = self.grid.shape
        bits = np.frombuffer(zlib.decompress(self.fronts[slot]), np.uint8)
        return np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(np.bool_)

    def levels(self, slot: int) -> Levels:
        """Levels of a slot, u8[rows, columns]."""
        first, last = max(0, slot - _SLOTS_AROUND), min(len(self.fronts), slot + _SLOTS_AROUND + 1)
        around = range(first, last)
        levels = self.always.copy()
        for near in around:
            np.maximum(levels, outlined(self.grid, self.front(near)), out=levels)
        # Several persons together need no coarser blocks than the largest one ever seen there.
        levels = np.where(self.persons > 0, np.minimum(levels, self.persons + 1), levels)
        for seen in chain.from_iterable(self.looks[near] for near in around):
            self.grid.cover(levels, seen)
        return np.where(levels > 0, np.maximum(levels, self.persons), 0).astype(np.uint8)


class FilmBlur:
    """Levels of a film's frames, from its survey and the tracks."""

    def __init__(self, survey: Survey) -> None:
        """Take the findings on the film."""
        self._survey = survey
        self._slot, self._levels = -1, survey.grid.nothing()
        self._tracked: deque[tuple[int, list[tuple[float, float, float, float]]]] = deque()

    def levels(self, index: int, boxes: Sequence[tuple[float, float, float, float]]) -> Levels:
        """Levels of the frame of this index; `boxes`: of its tracks, xyxy in px. Frames come in order."""
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
    """Survey a recording in two passes.

    Args:
        grid: of its pictures.
        fps: frames a second.
        frames: yields all frames from the first one on, each time it is called; breaking off ends them.
        finder: detector with low thresholds.
        progress: called with the number of frames done, over both passes.
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
    """Highest level that each cell's foreground ever needs; 1 where there never is any."""
    largest = survey.grid.nothing() + np.uint8(1)
    for slot in range(len(survey.fronts)):
        np.maximum(largest, outlined(survey.grid, survey.front(slot)), out=largest)
    return largest


class Presences:
    """Counts of foreground over the film, cell by cell."""

    def __init__(self, shape: tuple[int, int], end: int) -> None:
        """Take rows and columns, and the number of frames that are the start, and the end, of the film."""
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
        """Cells whose background is ambiguous, bool[rows, columns]."""
        at_last = self._since >= min(self._end, self._frames)
        found: Flags = (self._often > _UNSETTLED_RATIO * self._quiet) | self._at_first | at_last
        return found


def quarters(size_px: tuple[int, int]) -> list[Box]:
    """Four parts of a picture, which overlap."""
    width, height = size_px
    wide, high = int(_QUARTER * width), int(_QUARTER * height)
    return [(left, top, left + wide, top + high) for top in (0, height - high) for left in (0, width - wide)]


def outlined(grid: Grid, front: Flags, *, roomy: bool = True) -> Levels:
    """Levels of the foreground, with a rim.

    Args:
        grid: of the picture.
        front: foreground, bool[rows, columns].
        roomy: fill small outlines to their convex hull, with a rim by their size; else the least rim.
    """
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
    """Possible persons and faces in a frame: looks at the whole of it and at its quarters.

    Args:
        frame: to look at.
        finder: detector with low thresholds.
        slot: number of the slot, which chooses a single quarter; None: all four.
    """
    parts = quarters(frame.size_px)
    if slot is not None:
        parts = [parts[slot % len(parts)]]
    looks = whole(frame), *(Regions((part,)) for part in parts)
    return [believable(finder.detect(frame, look), frame.size_px) for look in looks]


def believable(seen: Detections, size_px: tuple[int, int]) -> Detections:
    """Detections without those too unlikely for their size; `size_px`: width and height of the picture."""
    is_face = seen.class_id == FACE
    ratios = np.prod(seen.xyxy[:, 2:] - seen.xyxy[:, :2], axis=1) / (size_px[0] * size_px[1])
    large = ratios > np.where(is_face, _LARGE_FACE, _LARGE_PERSON)
    least = np.where(large, _LARGE_SCORE, np.where(is_face, _UNSURE_FACE, _UNSURE_PERSON))
    return seen.where(seen.confidence >= least)


def _find_people_seen(survey: Survey) -> None:
    """Set the levels of persons by place, and of those that are part of the background throughout."""
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
    # Of many boxes every `step`-th is enough.
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
