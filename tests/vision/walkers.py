"""People made of numbers, who walk or sit as told and are seen as a detector would see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from math import inf, pi, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.detections import PERSON, Detections
from agent.core.frame import Frame
from agent.core.regions import Regions, whole
from agent.device.frames import frame_of
from agent.networks.yolox import YOLOX
from agent.vision.tracker import PersonTracker
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from agent.core.track import Track
    from agent.vision.tracker import StaticObjects

SURE_SCORE = 0.35
# What these people walk in: nobody comes near its edges unless told to.
_IMAGE = np.full((900, 1600, 3), 77, np.uint8)
_LUMA = np.full((180, 320), 77, np.uint8)


@dataclass(frozen=True)
class Walker:
    """Somebody 100 px tall, which makes 60 px a metre.

    Attributes:
        path: points at seconds, `(s, x, y)` of the feet; between them the way is straight and even.
        hidden: spells `(from_s, to_s)` in which nothing of them is seen.
    """

    path: tuple[tuple[float, float, float], ...]
    hidden: tuple[tuple[float, float], ...] = ()
    height_px: float = 100.0

    def feet(self, at_s: float) -> tuple[float, float]:
        s, x, y = zip(*self.path, strict=True)
        return float(np.interp(at_s, s, x)), float(np.interp(at_s, s, y))

    def box(self, at_s: float) -> tuple[float, float, float, float]:
        x, y = self.feet(at_s)
        return x - self.height_px / 5, y - self.height_px, x + self.height_px / 5, y

    def is_seen(self, at_s: float) -> bool:
        there = self.path[0][0] <= at_s <= self.path[-1][0]
        return there and not any(begin <= at_s < end for begin, end in self.hidden)


@dataclass
class Eyes:
    """A detector's faults, from a seed."""

    seed: int = 7
    jitter_ratio: float = 0.015
    missed: float = 0.0
    unsure: float = 0.1
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def see(self, walkers: Iterable[Walker], at_s: float) -> Detections:
        boxes, scores = [], []
        for walker in walkers:
            faults = self._rng.random(2)
            jitter = self._rng.normal(0, self.jitter_ratio * walker.height_px, 4)
            if walker.is_seen(at_s) and faults[0] >= self.missed:
                boxes.append(np.add(walker.box(at_s), jitter))
                scores.append(0.25 if faults[1] < self.unsure else self._rng.uniform(0.45, 0.9))
        # A detector tells the surest first, whoever that is.
        order = np.argsort(-np.array(scores), kind="stable")
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4)[order],
            np.array(scores, np.float32)[order],
            np.full(len(boxes), PERSON, np.int64),
        )


@dataclass(frozen=True)
class Followed:
    """The tracks after each update."""

    times_s: list[float]
    tracks: list[tuple[Track, ...]]

    @property
    def ids(self) -> list[str]:
        """In the order of their birth."""
        return list(dict.fromkeys(track.track_id for tracks in self.tracks for track in tracks))

    def born_s(self, track_id: str) -> float:
        return min(self._alive_s(track_id))

    def last_s(self, track_id: str) -> float:
        return max(self._alive_s(track_id))

    def _alive_s(self, track_id: str) -> list[float]:
        return [
            time_s
            for time_s, tracks in zip(self.times_s, self.tracks, strict=True)
            if any(track.track_id == track_id for track in tracks)
        ]


def new_tracker(static_objects: StaticObjects | None = None) -> PersonTracker:
    numbers = count(1)
    return PersonTracker(SURE_SCORE, YOLOX.of_persons(), lambda: f"t{next(numbers)}", static_objects)


def scene_at(time_s: float) -> Frame:
    """A frame of 1600x900 px; nothing is to be seen in it."""
    return Frame(0, make_at(time_s), _IMAGE, _LUMA)


def saw(
    tracker: PersonTracker, seen: Detections | None, time_s: float, look: Regions | None = None
) -> tuple[Track, ...]:
    """The tracks after a look, at the whole frame unless told; None for `seen`: nobody looked."""
    frame = scene_at(time_s)
    return tracker.update(frame, None if seen is None else look or whole(frame), seen)


def follow(
    walkers: Sequence[Walker],
    until_s: float,
    *,
    looks_per_s: float = 10,
    frames_per_look: int = 1,
    eyes: Eyes | None = None,
    looks: Callable[[float], bool] = lambda _: True,
) -> Followed:
    """Follow walkers from second 0 on; frames between two looks are updates without one."""
    tracker, eyes = new_tracker(), eyes or Eyes()
    followed = Followed([], [])
    for index in range(round(until_s * looks_per_s * frames_per_look)):
        time_s = index / (looks_per_s * frames_per_look)
        is_look = index % frames_per_look == 0 and looks(time_s)
        detections = eyes.see(walkers, time_s) if is_look else None
        saw(tracker, detections, time_s)
        followed.times_s.append(time_s)
        followed.tracks.append(tracker.tracks)
    return followed


class Texture:
    """What a camera sees of clothes or a board, at parts of a px; never the same for another seed."""

    def __init__(self, size_px: tuple[int, int], seed: int, contrast: float = 25.0) -> None:
        """Take the size (width, height) and the levels (standard deviation) of light and dark."""
        width, height = size_px
        rough = np.random.default_rng(seed).standard_normal((height, width), np.float32)
        smooth = cv2.GaussianBlur(rough, (0, 0), 2)
        levels = 110 + contrast * smooth / smooth.std()
        self._levels: NDArray[np.float32] = levels.astype(np.float32, copy=False)
        self._y, self._x = np.mgrid[0:height, 0:width].astype(np.float32)

    def moved(self, shift_px: float = 0.0, stretch_px: float = 0.0) -> NDArray[np.float32]:
        """Shifted downwards, and stretched by so much at the upper and the lower border."""
        height = len(self._y)
        middle = (height - 1) / 2
        y = self._y - shift_px - stretch_px * (self._y - middle) / middle
        warped = cv2.remap(self._levels, self._x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        return warped.astype(np.float32, copy=False)


@dataclass(frozen=True)
class Still:
    """Something at a fixed place.

    Attributes:
        box: left, top, right, bottom in px.
        seed: how it looks.
        shift_px, stretch_px: by how much it breathes, 15 times a minute.
        shown: spells `(from_s, to_s)` in which it is there.
    """

    box: tuple[int, int, int, int]
    seed: int = 1
    shift_px: float = 0.0
    stretch_px: float = 0.0
    contrast: float = 25.0
    shown: tuple[tuple[float, float], ...] = ((0.0, inf),)


class Room:
    """A room with still things and people in it, taken by a camera: with noise, in light that drifts."""

    def __init__(
        self, stills: Sequence[Still], size_px: tuple[int, int] = (320, 240), noise: float = 2.5
    ) -> None:
        """Take what is in it; who comes later hides who is earlier."""
        self._stills = [
            (still, Texture((still.box[2] - still.box[0], still.box[3] - still.box[1]), still.seed,
                            still.contrast))
            for still in stills
        ]  # fmt: skip
        width, height = size_px
        self._wall = np.full((height, width), 90, np.float32)
        self._rng = np.random.default_rng(7)
        # Cut out at another place for each picture: drawing so many random numbers would take its time.
        self._noise = noise * self._rng.standard_normal((height + 97, width + 89), np.float32)

    def at(self, time_s: float) -> Frame:
        """The picture of this moment."""
        levels = self._wall.copy()
        breath = sin(2 * pi * time_s / 4)
        for still, texture in self._stills:
            if any(begin <= time_s < end for begin, end in still.shown):
                left, top, right, bottom = still.box
                levels[top:bottom, left:right] = texture.moved(
                    still.shift_px * breath, still.stretch_px * breath
                )
        height, width = levels.shape
        y, x = self._rng.integers(97), self._rng.integers(89)
        # By an eighth within a minute or so.
        light = 1 + 0.06 * sin(2 * pi * time_s / 120)
        taken = levels * np.float32(light) + self._noise[y : y + height, x : x + width]
        image = np.repeat(np.clip(taken, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        return frame_of(0, make_at(time_s), image)
