"""Attention: decides when the detector looks and at which region, so that nobody is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from agent.core.geometry import bounds
from agent.core.regions import Regions, whole
from agent.vision.motion import MotionGate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Frame
    from agent.core.regions import Box
    from agent.core.track import LookHint
    from agent.vision.motion import Motion

# Times of frames are rounded: what is due within this part of the interval is due now.
_EARLY_RATIO = 0.1
# While something moves, somebody else may come in elsewhere.
_WHOLE_WHILE_MOVING_S = 1.0
# Who is not this tall at the network's input is looked at in a crop that makes them so tall, if there
# are px enough.
_SMALL_HEIGHT_PX = 36.0
_GOOD_HEIGHT_PX = 64.0
# A magnification below this is not worth the narrower view; nor are more px than twice the camera's.
_LEAST_ZOOM = 1.25
_MOST_UPSCALE = 2.0
# Around a person, in parts of their height: room to move until the look, and context for the network.
_MARGIN_RATIO = 0.35
# Motion where looks find nobody (a tree, a screen, the road) is looked at less and less often.
_FRUITLESS_GROWTH = 1.5
_FRUITLESS_WAIT_S = 2.0
_FRUITLESS_DECAY = 0.25


class _Interest(NamedTuple):
    """A box in px that wants a look, how overdue it is (1: just due), and how tall a person in it is."""

    xyxy: tuple[float, float, float, float]
    overdue: float
    height_px: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Pace of the looks.

    Attributes:
        looks_per_s: at the most, while something moves.
        heartbeat_s: the whole picture, whatever happens.
        zone_heartbeat_s: whoever is there, and every zone that somebody is in.
        zoom: most magnification of a crop against the whole picture; 1: no crops.
        always: the whole picture is looked at `looks_per_s` times a second, even where nothing moves.
    """

    looks_per_s: float
    heartbeat_s: float
    zone_heartbeat_s: float
    zoom: float
    always: bool

    @property
    def interval_s(self) -> float:
        """Least time between two looks."""
        return 1 / self.looks_per_s


@dataclass(slots=True)
class _State:
    """What attention knows of the frames before.

    Attributes:
        moved: whether something moved in the last frame.
        whole_s: when all of a frame was looked at last, monotonic; None: never.
        looked_s: when anything was looked at last, monotonic.
        fruitless: f32[rows, columns], how often looks at motion in a cell found nobody; None: no frame yet.
        tried: bool[rows, columns], what moved where the last look was; None: that is settled.
    """

    moved: bool = False
    whole_s: float | None = None
    looked_s: float = 0.0
    fruitless: NDArray[np.float32] | None = None
    tried: NDArray[np.bool_] | None = None


class EveryFrame:
    """Looks at the whole frame, at most `looks_per_s` times a second."""

    def __init__(self, looks_per_s: float) -> None:
        self._interval_s = 1 / looks_per_s
        self._due_s: float | None = None

    def plan(self, frame: Frame, watched: Sequence[LookHint]) -> Regions | None:  # noqa: ARG002
        """The whole frame when a look is due, None otherwise."""
        now = frame.at.monotonic_s
        if self._due_s is None:
            self._due_s = now
        # Half a frame's grace: times of frames are rounded, and 10 of 30 must stay every third.
        if now < self._due_s - _EARLY_RATIO * self._interval_s:
            return None
        self._due_s = max(self._due_s + self._interval_s, now)
        return whole(frame)

    def change(self, looks_per_s: float) -> None:
        """Take another limit of looks a second from now on."""
        self._interval_s = 1 / looks_per_s

    def reset(self) -> None:
        """The next frame is due."""
        self._due_s = None


class Attention:
    """Looks where something changed, where somebody is, and now and then everywhere.

    Motion may only start a look. Without any, whoever is there is looked at again every
    `zone_heartbeat_s`, and the whole picture every `heartbeat_s`.
    """

    def __init__(self, pace: Pace, scale: float, polygons: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Make one that has seen nothing yet.

        Args:
            pace: of the looks.
            scale: of a look at the whole picture, in input px of the network for each px.
            polygons: of the zones, in px of the frame.
        """
        self._scale = scale
        self._gate = MotionGate()
        self._pace = pace
        self._zones = [bounds(polygon) for polygon in polygons]
        self._state = _State()

    def change(self, pace: Pace, polygons: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Go by another pace and other zones from now on; what was seen of motion stays."""
        self._pace = pace
        self.set_zones(polygons)

    def set_zones(self, polygons: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Take other zones from now on: their polygons in px of the frame."""
        self._zones = [bounds(polygon) for polygon in polygons]

    def reset(self) -> None:
        """Forget the frames before: the next one counts as the first."""
        self._gate.reset()
        self._state = _State()

    @property
    def moved(self) -> bool:
        """Whether something moved in the last frame."""
        return self._state.moved

    def plan(self, frame: Frame, watched: Sequence[LookHint]) -> Regions | None:
        """The region that most needs a look, or None when none is due."""
        now, state = frame.at.monotonic_s, self._state
        motion = self._gate.update(frame.luma)
        state.moved = bool(motion.changed.any())
        if state.whole_s is None or state.fruitless is None:
            state.fruitless = np.zeros(motion.changed.shape, np.float32)
            regions = self._looks(frame, whole(frame).regions[0], motion)
            # All of a first frame is new, which says nothing of motion.
            state.tried = None
            return regions
        self._learn(frame, motion, watched, state.fruitless)
        if now - state.looked_s < self._pace.interval_s * (1 - _EARLY_RATIO):
            return None
        if now - state.whole_s >= self._pace.heartbeat_s * (1 - _EARLY_RATIO):
            return self._looks(frame, whole(frame).regions[0], motion)
        interests = [*self._people(frame, motion, watched), *self._places(frame, motion, watched)]
        if not any(interest.overdue >= 1 - _EARLY_RATIO for interest in interests):
            return None
        settled = all(person.settled for person in watched) and not motion.changed.any()
        if not settled and now - state.whole_s >= _WHOLE_WHILE_MOVING_S:
            return self._looks(frame, whole(frame).regions[0], motion)
        return self._looks(frame, self._window(frame, interests), motion)

    def _looks(self, frame: Frame, region: Box, motion: Motion) -> Regions:
        width, height = frame.size_px
        left, top, right, bottom = region
        state = self._state
        state.looked_s = frame.at.monotonic_s
        if right - left == width and bottom - top == height:
            state.whole_s = state.looked_s
            if state.fruitless is not None:
                state.fruitless = np.maximum(state.fruitless - _FRUITLESS_DECAY, 0)
        self._gate.looked(left / width, top / height, right / width, bottom / height)
        state.tried = np.zeros_like(motion.changed)
        rows, columns = _cells(region, frame, motion)
        state.tried[rows, columns] = motion.changed[rows, columns]
        return Regions((region,))

    def _learn(
        self, frame: Frame, motion: Motion, watched: Sequence[LookHint], fruitless: NDArray[np.float32]
    ) -> None:
        """Whether the last look at what moved there found somebody."""
        state = self._state
        if state.tried is None:
            return
        tried, state.tried = state.tried, None
        fruitless[tried] += 1
        for person in watched:
            fruitless[_cells(person.xyxy, frame, motion)] = 0

    def _people(self, frame: Frame, motion: Motion, watched: Sequence[LookHint]) -> Iterator[_Interest]:
        now = frame.at.monotonic_s
        for person in watched:
            left, top, right, bottom = person.xyxy
            height = bottom - top
            moves = motion.changed[_cells(person.xyxy, frame, motion)].any()
            interval_s = self._pace.zone_heartbeat_s
            if moves or not person.settled:
                interval_s = min(max(self._pace.interval_s, person.within_s), interval_s)
            margin = _MARGIN_RATIO * height
            box = left - margin, top - margin, right + margin, bottom + margin
            overdue = (now - person.looked_s) / interval_s
            yield _Interest(box, overdue, height)
            if person.settled and not moves:
                x, y = (left + right) / 2, bottom
                for zone in self._zones:
                    if zone[0] <= x <= zone[2] and zone[1] <= y <= zone[3]:
                        # Before the person in it: then the look is at the whole zone.
                        yield _Interest(zone, overdue * 1.01, height)

    def _places(self, frame: Frame, motion: Motion, watched: Sequence[LookHint]) -> Iterator[_Interest]:
        """The regions in which something moves where nobody is known to be."""
        fruitless, interval_s = self._state.fruitless, self._pace.interval_s
        if fruitless is None or not motion.changed.any():
            return
        unexplained = motion.changed.copy()
        for person in watched:
            unexplained[_cells(person.xyxy, frame, motion)] = False
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(
            unexplained.astype(np.uint8), connectivity=8
        )
        width, height = frame.size_px
        cell_height, cell_width = motion.cell_ratio[0] * height, motion.cell_ratio[1] * width
        for label in range(1, count):
            column, row, columns, rows, _ = boxes[label]
            tries = float(fruitless[labels == label].min())
            wait_s = min(interval_s * _FRUITLESS_GROWTH**tries, max(_FRUITLESS_WAIT_S, interval_s))
            box = (
                (column - 1) * cell_width,
                (row - 1) * cell_height,
                (column + columns + 1) * cell_width,
                (row + rows + 1) * cell_height,
            )
            # How tall somebody is whose part moves is not known: a crop is for what the whole did not show.
            tall = rows * cell_height if tries else height
            yield _Interest(box, (frame.at.monotonic_s - self._state.looked_s) / wait_s, tall)

    def _window(self, frame: Frame, interests: list[_Interest]) -> Box:
        """A crop around the most overdue, with as many others as fit into it."""
        width, height = frame.size_px
        first, *others = sorted(interests, key=lambda interest: -interest.overdue)
        if first.height_px * self._scale >= _SMALL_HEIGHT_PX:
            return 0, 0, width, height
        zoom = min(
            self._pace.zoom,
            _MOST_UPSCALE / self._scale,
            _GOOD_HEIGHT_PX / max(first.height_px * self._scale, 1),
        )
        left, top, right, bottom = first.xyxy
        zoom = min(zoom, width / max(right - left, 1), height / max(bottom - top, 1))
        if zoom < _LEAST_ZOOM:
            return 0, 0, width, height
        window_width, window_height = width / zoom, height / zoom
        left_out = False
        for other in others:
            union = (
                min(left, other.xyxy[0]),
                min(top, other.xyxy[1]),
                max(right, other.xyxy[2]),
                max(bottom, other.xyxy[3]),
            )
            if union[2] - union[0] <= window_width and union[3] - union[1] <= window_height:
                left, top, right, bottom = union
            else:
                left_out = left_out or other.overdue >= 1 - _EARLY_RATIO
        if left_out and self._state.whole_s != self._state.looked_s:
            # The last look was at a part already: now at everybody.
            return 0, 0, width, height
        x = min(max((left + right - window_width) / 2, 0), width - window_width)
        y = min(max((top + bottom - window_height) / 2, 0), height - window_height)
        return int(x), int(y), int(x + window_width), int(y + window_height)


class Attending:
    """Looks by the configuration in force: with attention, or at every frame."""

    def __init__(self, kind: Attention | EveryFrame) -> None:
        self.kind = kind

    def plan(self, frame: Frame, watched: Sequence[LookHint]) -> Regions | None:
        """The regions to look at; None: do not look at this frame."""
        return self.kind.plan(frame, watched)

    def reset(self) -> None:
        """Forget the frames before."""
        self.kind.reset()

    @property
    def moved(self) -> bool:
        """Whether something moved in the last frame; False where every frame is looked at."""
        return isinstance(self.kind, Attention) and self.kind.moved


def _cells(xyxy: tuple[float, float, float, float], frame: Frame, motion: Motion) -> tuple[slice, slice]:
    """The cells that a box in px touches."""
    width, height = frame.size_px
    row_px, column_px = motion.cell_ratio[0] * height, motion.cell_ratio[1] * width
    left, top, right, bottom = xyxy
    rows = slice(max(0, int(top / row_px)), max(0, int(bottom / row_px) + 1))
    columns = slice(max(0, int(left / column_px)), max(0, int(right / column_px) + 1))
    return rows, columns
