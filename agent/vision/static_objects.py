"""Static object filter: tells boards and chairs that score as persons from persons who keep still.

A person who sits breathes, a board does not.

The px at a fixed place are fitted, by least squares, as a shifted and stretched version of their own
mean (Lucas and Kanade, 1981, with light and gain as two further unknowns). A breathing person moves
them by some tenths of a px, many times what noise and drifting light can make of an object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Frame
    from agent.core.regions import Box

    Xyxy = tuple[float, float, float, float]

_SAMPLE_S = 0.4
# A round: the mean of some samples first, then so many more against it, about 15 s in all.
_LEARN = 5
_OBSERVE = 33
# Enough of a round to say that somebody breathes.
_SOME = 9
_JUDGED_EVERY = 4
# What passes in front for less than this part of a round, at each end of the scale, does not count.
_TAIL_RATIO = 0.15
# A static object moves by less than this, and is seen well enough to be sure of it.
_STILL_PX = 0.2
_LEAST_PRECISION_PX = 0.06
# Who breathes moves by more than this many standard errors.
_SURE_ERRORS = 4.0
# Head and chest are enough, and keep the cost of somebody close to the camera bounded.
_MOST_PX = 128
_LEAST_PX = 8
# The box of something that does not move still jitters by this overlap.
_SAME_IOU = 0.4
# A box that keeps still overlaps its last one, of a sample before, by this.
_KEPT_IOU = 0.8
# Somebody else may be followed at a place for a while, as when one person passes another; but no longer
# than anybody was at it before.
_FORGET_S = 10.0
# A known object is there as long as it looks as it did; after so many samples that differ, no longer.
_ALIKE = 0.8
_GONE_SAMPLES = 8
_MOST_OBJECTS = 32


@dataclass(slots=True)
class _Fit:
    """A reference patch, ready to have others fitted to it.

    Attributes:
        patch: f32[h, w], smoothed.
        design: f32[h·w, 6], what a px of shift (x, y), of stretch at the border (x, y), of light and
            of gain changes in each px.
        inverse: f64[6, 6], of the normal equations.
        variance: the largest of shift and stretch (px²), for noise of one grey level in each px.
    """

    patch: NDArray[np.float32]
    design: NDArray[np.float32]
    inverse: NDArray[np.float64]
    variance: float

    def motion(self, patch: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        """Shift and stretch of a patch in px, f64[4], and how sure they are (standard error, px)."""
        change = (patch - self.patch).ravel()
        fitted = (self.design.T @ change).astype(np.float64)
        found = self.inverse @ fitted
        rest = max(float(change @ change) - float(found @ fitted), 0.0) / len(change)
        # Smoothing makes neighbours alike: about twice the error of independent px.
        return -found[:4], 2 * float(np.sqrt(rest * self.variance))

    def correlation(self, patch: NDArray[np.float32]) -> float:
        """Correlation with another patch, -1 to 1: blind to light and gain."""
        a, b = self.patch - self.patch.mean(), patch - patch.mean()
        return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))


def _fitted(patch: NDArray[np.float32]) -> _Fit:
    height, width = patch.shape
    dx = cv2.Sobel(patch, cv2.CV_32F, 1, 0, scale=1 / 8)
    dy = cv2.Sobel(patch, cv2.CV_32F, 0, 1, scale=1 / 8)
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    columns = dx, dy, dx * x, dy * y, np.ones_like(patch), patch
    design = np.stack(columns, axis=-1).reshape(-1, len(columns)).astype(np.float32)
    normal = (design.T @ design).astype(np.float64)
    # A little ridge: a patch without any edges has no shift that could be measured.
    normal[np.arange(4), np.arange(4)] += 20.0
    normal[4, 4] += 1e-3
    inverse = np.linalg.inv(normal).astype(np.float64, copy=False)
    return _Fit(patch, design, inverse, float(inverse.diagonal()[:4].max()))


@dataclass(slots=True)
class _Place:
    """The samples of one place since the last verdict, and what that was: it breathes, or not known."""

    place: Box
    box: Xyxy
    started_s: float
    claimed_s: float
    breathes: bool = False
    total: NDArray[np.float32] | None = None
    count: int = 0
    fit: _Fit | None = None
    motions: list[NDArray[np.float64]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def add(self, patch: NDArray[np.float32]) -> bool:
        """Take a sample; True at the end of a round that shows a static object."""
        if self.fit is None or len(self.motions) == _OBSERVE:
            self.total = patch if self.total is None else self.total + patch
            self.count += 1
            if self.count == _LEARN:
                fit = _fitted(self.total / np.float32(_LEARN))
                # Who breathed here may have left meanwhile.
                self.breathes = (
                    self.breathes and self.fit is not None and self.fit.correlation(fit.patch) >= _ALIKE
                )
                self.fit = fit
                self.total, self.count = None, 0
                self.motions.clear()
                self.errors.clear()
            return False
        motion, error = self.fit.motion(patch)
        self.motions.append(motion)
        self.errors.append(error)
        number = len(self.motions)
        if number < _SOME or (number % _JUDGED_EVERY and number < _OBSERVE):
            return False
        tail = int(_TAIL_RATIO * number)
        ordered = np.sort(np.array(self.motions), axis=0)
        moved = float((ordered[-1 - tail] - ordered[tail]).max())
        error = sorted(self.errors)[number // 2]
        # Neither noise nor a board that is seen too badly counts as breathing.
        self.breathes = moved >= max(_STILL_PX, _SURE_ERRORS * error)
        return moved < _STILL_PX and error <= _LEAST_PRECISION_PX and number == _OBSERVE


@dataclass(slots=True)
class _StaticObject:
    """A place where something is that never moves, and how it looks."""

    place: Box
    box: Xyxy
    fit: _Fit
    differs: int = 0

    def is_there(self, frame: Frame) -> bool:
        """Whether the px are still those of the object: neither hidden, nor moved, nor breathing."""
        patch = _patch(frame, self.place)
        if patch is None or self.fit.correlation(patch) < _ALIKE:
            return False
        motion, error = self.fit.motion(patch)
        return bool(np.abs(motion).max() < _STILL_PX + 2 * error)


class StaticObjectFilter:
    """Tells static objects that score as persons from persons who keep still."""

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._objects: list[_StaticObject] = []
        self._before: list[Xyxy] = []
        self._due_s: float | None = None

    def reset(self) -> None:
        """Forget all: the camera may show something else now."""
        self._places.clear()
        self._objects.clear()
        self._before.clear()
        self._due_s = None

    def sample(self, frame: Frame, boxes: Sequence[Xyxy]) -> list[bool]:
        """Look at each place where something keeps still, when that is due.

        Args:
            frame: with its full picture.
            boxes: in px, of everything that scores as a person.

        Returns:
            Which boxes turned out to be static objects just now.
        """
        now = frame.at.monotonic_s
        is_static = [False] * len(boxes)
        if self._due_s is not None and now < self._due_s - 1e-6:
            return is_static
        # In step with the frames or not, so many samples are a round of 15 s.
        self._due_s = now + _SAMPLE_S if self._due_s is None else max(self._due_s + _SAMPLE_S, now)
        self._objects = [
            static_object for static_object in self._objects if self._stays(static_object, frame)
        ]
        claimed: dict[int, int] = {}
        for index, box in enumerate(boxes):
            place = self._at(box)
            # Who walks has no place yet.
            if place is None and any(_iou(before, box) >= _KEPT_IOU for before in self._before):
                place = _started(frame, box)
                self._places.append(place)
            if place:
                place.claimed_s = now
                claimed[id(place)] = index
        self._before = list(boxes)
        going_on = []
        for place in self._places:
            patch = _patch(frame, place.place)
            if patch is not None and place.add(patch) and place.fit:
                self._objects = [*self._objects, _StaticObject(place.place, place.box, place.fit)][
                    -_MOST_OBJECTS:
                ]
                if id(place) in claimed:
                    is_static[claimed[id(place)]] = True
            elif now - place.claimed_s <= min(_FORGET_S, place.claimed_s - place.started_s):
                going_on.append(place)
        self._places = going_on
        return is_static

    def breathes(self, frame: Frame, box: Xyxy) -> bool:
        """Whether something that breathes was there, and the place still looks the same."""
        place = self._at(box)
        if place is None or place.fit is None or not place.breathes:
            return False
        patch = _patch(frame, place.place)
        return patch is not None and place.fit.correlation(patch) >= _ALIKE

    def _at(self, box: Xyxy) -> _Place | None:
        """The place that this box is a sighting of."""
        best = max(self._places, key=lambda place: _iou(place.box, box), default=None)
        return best if best and _iou(best.box, box) >= _SAME_IOU else None

    def known(self, frame: Frame, boxes: Sequence[Xyxy]) -> list[bool]:
        """Which boxes of a look are static objects already known, that are as they were."""
        if not self._objects:
            return [False] * len(boxes)
        there: dict[int, bool] = {}
        found = []
        for box in boxes:
            is_known = False
            for index, static_object in enumerate(self._objects):
                if _iou(static_object.box, box) >= _SAME_IOU:
                    if index not in there:
                        there[index] = static_object.is_there(frame)
                    is_known = is_known or there[index]
            found.append(is_known)
        return found

    @staticmethod
    def _stays(static_object: _StaticObject, frame: Frame) -> bool:
        static_object.differs = 0 if static_object.is_there(frame) else static_object.differs + 1
        return static_object.differs < _GONE_SAMPLES


def _started(frame: Frame, xyxy: Xyxy) -> _Place:
    left, top, right, bottom = xyxy
    middle = (left + right) / 2
    half = min(right - left, _MOST_PX) / 2
    width, height = frame.size_px
    place = (
        max(0, int(middle - half)),
        max(0, int(top)),
        min(width, int(middle + half)),
        min(height, int(min(bottom, top + _MOST_PX))),
    )
    return _Place(place, xyxy, frame.at.monotonic_s, frame.at.monotonic_s)


def _patch(frame: Frame, place: Box) -> NDArray[np.float32] | None:
    """The px of a place (green, the least noisy), smoothed; None where it is too small to say anything."""
    left, top, right, bottom = place
    if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
        return None
    green = frame.image[top:bottom, left:right, 1].astype(np.float32)
    return cv2.GaussianBlur(green, (5, 5), 0.8).astype(np.float32, copy=False)


def _iou(a: Xyxy, b: Xyxy) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
