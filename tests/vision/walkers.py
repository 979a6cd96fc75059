"""People made of numbers, who walk as told and are seen as a detector would see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from agent.core.detections import PERSON, Detections
from agent.vision.tracker import PersonTracker
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.core.track import Track

SURE_SCORE = 0.35


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


def new_tracker() -> PersonTracker:
    numbers = count(1)
    return PersonTracker(SURE_SCORE, lambda: f"t{next(numbers)}")


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
        tracker.update(detections, make_at(time_s))
        followed.times_s.append(time_s)
        followed.tracks.append(tracker.tracks)
    return followed
