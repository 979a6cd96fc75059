"""Made-up people on their ways, what is seen of them as tracks, and nothing of any rule.

::

    way (exact) ──▶ box cut off by the picture ──▶ jitter, missed looks, occlusions ──▶ tracks of each look

A scene is made from its seed alone. Everything is in px of a picture of SIZE_PX and in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, hypot, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from agent.core.geometry import Line, Point, Zone
from agent.core.track import Track

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIZE_PX = (1280, 720)
LOOKS_PER_S = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0)
JITTER_RATIO = 0.05
MISSED = 0.2
WIDTH_RATIO = 0.4
# So much of somebody must be in the picture to be seen at all.
_SEEN_RATIO = 0.3
# A track is told of at its second sighting, and for so long after its last one.
_BORN_AFTER = 2
_LOST_AFTER_S = 2.5
# Who turns up again no farther away, in heights, is the same; who does so beyond MOST is somebody new.
NEAR_RATIO = 0.8
_ZONE_DWELLS_S = (0.5, 1.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Stroller:
    """Somebody's exact way, and where it can't be seen.

    Attributes:
        way: f64[N, 3], seconds and feet; between its points the way is straight and even.
        height_px: of the whole person.
        hidden: spells in which they are behind something.
        renamed: whether they come out of each spell under a new id.
    """

    way: Array
    height_px: float
    hidden: tuple[tuple[float, float], ...] = ()
    renamed: tuple[bool, ...] = ()

    def boxes(self, times_s: Array) -> Array:
        """f64[N, 4]: the boxes as a faultless detector would see them, cut off by the picture."""
        x, y = (np.interp(times_s, self.way[:, 0], self.way[:, axis]) for axis in (1, 2))
        half = WIDTH_RATIO * self.height_px / 2
        boxes = np.stack([x - half, y - self.height_px, x + half, y], axis=1)
        return cut_off(boxes)

    def is_seen(self, times_s: Array) -> NDArray[np.bool_]:
        """Whether there is anything to see of them."""
        boxes = self.boxes(times_s)
        shown = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        seen = shown >= _SEEN_RATIO * WIDTH_RATIO * self.height_px**2
        seen &= (times_s >= self.way[0, 0]) & (times_s <= self.way[-1, 0])
        for begin_s, end_s in self.hidden:
            seen &= (times_s < begin_s) | (times_s >= end_s)
        return seen


def cut_off(boxes: Array) -> Array:
    """Boxes within the picture."""
    width, height = SIZE_PX
    return np.clip(boxes, 0.0, [width, height, width, height])


@dataclass(frozen=True)
class Seen:
    """One track: the sightings of a stroller under one id, in order, and when it is told of."""

    track_id: str
    stroller: Stroller
    times_s: Array
    boxes: Array
    until_s: float
    successor: bool

    def at(self, index: int) -> Track:
        """The track after its sighting number `index`."""
        left, top, right, bottom = self.boxes[index].tolist()
        x1, _, x2, y2 = self.boxes[0].tolist()
        return Track(
            self.track_id,
            (left, top, right, bottom),
            ((x1 + x2) / 2, y2),
            0.77,
            float(self.times_s[0]),
            float(self.times_s[index]),
        )


@dataclass(frozen=True)
class Scene:
    """People, a line and two zones, looked at so many times a second."""

    seed: int
    looks_per_s: float
    line: Line
    zones: tuple[Zone, ...]
    strollers: tuple[Stroller, ...]

    @property
    def looks_s(self) -> Array:
        """When it is looked at, until everybody is forgotten."""
        end_s = max(stroller.way[-1, 0] for stroller in self.strollers) + _LOST_AFTER_S + 1.5
        return np.arange(round(end_s * self.looks_per_s)) / self.looks_per_s

    def seen(self, jitter_ratio: float = JITTER_RATIO, missed: float = MISSED) -> list[Seen]:
        """What is seen of everybody; a track that is never told of is left out."""
        rng = np.random.default_rng([self.seed, 1])
        tracks = []
        for number, stroller in enumerate(self.strollers):
            looks_s = self.looks_s
            found = rng.random(len(looks_s)) >= missed
            faults = rng.normal(0.0, jitter_ratio, (len(looks_s), 4)) if jitter_ratio else 0.0
            boxes = stroller.boxes(looks_s)
            heights = (boxes[:, 3] - boxes[:, 1])[:, None]
            boxes = cut_off(boxes + faults * heights)
            found &= stroller.is_seen(looks_s)
            # A new id begins where a spell ends that takes the old one away.
            ends_s = [spell[1] for spell, new in zip(stroller.hidden, stroller.renamed, strict=True) if new]
            parts = np.searchsorted(ends_s, looks_s, side="right")
            successor = False
            for part in range(len(ends_s) + 1):
                mine = found & (parts == part)
                if np.count_nonzero(mine) < _BORN_AFTER:
                    successor = False
                    continue
                times_s = looks_s[mine]
                gone_s = times_s[-1] + (rng.uniform(0.3, 1) if part < len(ends_s) else 1) * _LOST_AFTER_S
                name = f"t{number}-{part}"
                tracks.append(Seen(name, stroller, times_s, boxes[mine], gone_s, successor))
                successor = True
        return tracks

    def tracks(self, seen: list[Seen]) -> Iterator[tuple[float, list[Track]]]:
        """The tracks of each look, as the rules get them."""
        done = [-1] * len(seen)
        for time_s in self.looks_s.tolist():
            now = []
            for index, track in enumerate(seen):
                last = done[index]
                while last + 1 < len(track.times_s) and track.times_s[last + 1] <= time_s:
                    last += 1
                done[index] = last
                if last + 1 >= _BORN_AFTER and time_s < track.until_s:
                    now.append(track.at(last))
            yield time_s, now


@dataclass
class _Maker:
    """Draws one scene from one seed."""

    rng: np.random.Generator
    line: Line = field(init=False)
    zones: tuple[Zone, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.line = self._line()
        self.zones = tuple(self._zone(name) for name in ("a", "b"))

    def _line(self) -> Line:
        rng = self.rng
        angle = rng.uniform(0, pi)
        x, y = rng.uniform(400, 880), rng.uniform(300, 560)
        # Half of the lines go through the whole picture, half have ends that people walk round.
        half = 2000.0 if rng.random() < 0.5 else rng.uniform(125, 300)
        dx, dy = half * cos(angle), half * sin(angle)
        side = rng.choice([-100.0, 100.0])
        inside = (x - side * sin(angle), y + side * cos(angle))
        return Line("line", (x - dx, y - dy), (x + dx, y + dy), inside)

    def _zone(self, name: str) -> Zone:
        rng = self.rng
        x, y = rng.uniform(100, 700), rng.uniform(200, 450)
        w, h = rng.uniform(200, 500), rng.uniform(150, 270)
        polygon: tuple[Point, ...]
        match rng.integers(4):
            case 0:
                polygon = ((x, y), (x + w, y), (x + w, y + h), (x, y + h))
            case 1:
                # Concave, with a notch at the upper right.
                polygon = ((x, y), (x + w / 2, y), (x + w / 2, y + h / 2), (x + w, y + h / 2),
                           (x + w, y + h), (x, y + h))  # fmt: skip
            case 2:
                # Reaches the picture's lower edge and, as the service does it, goes on beyond.
                polygon = ((x, y), (x + w, y + 30), (x + w, 864), (x - 50, 864))
            case _:
                polygon = ((-256, y), (w, y), (w - 60, 864), (-256, 864))
        return Zone(name, polygon, float(rng.choice(_ZONE_DWELLS_S)))

    def stroller(self) -> Stroller:
        rng = self.rng
        height = rng.uniform(80, 180)
        kinds = (self._through, self._loiter, self._u_turn, self._along_border, self._stay, self._rounds)
        stops = kinds[int(rng.choice(len(kinds), p=[0.3, 0.15, 0.2, 0.15, 0.1, 0.1]))](height)
        way, time_s = [], rng.uniform(0, 8)
        before: Point | None = None
        for x, y, pause_s in stops:
            if before is not None:
                time_s += max(hypot(x - before[0], y - before[1]), 1.0) / (rng.uniform(0.3, 1.5) * height)
            way.append((time_s, x, y))
            if pause_s:
                time_s += pause_s
                way.append((time_s, x, y))
            before = (x, y)
        return self._occluded(Stroller(np.array(way), height))

    def _somewhere(self) -> tuple[float, float, float]:
        """At an edge of the picture, or behind a door within it."""
        rng = self.rng
        width, height = SIZE_PX
        if rng.random() < 0.3:
            return rng.uniform(60, width - 60), rng.uniform(200, height - 10), 0.0
        edge = rng.integers(3)
        if edge == 0:
            return rng.uniform(100, width - 100), height + 160.0, 0.0
        return (-80.0 if edge == 1 else width + 80.0), rng.uniform(250, height), 0.0

    def _at_line(self, depth_px: float) -> tuple[float, float]:
        """Beside the line, so far from it (positive: at the left of its direction)."""
        (x1, y1), (x2, y2) = self.line.start, self.line.end
        length = hypot(x2 - x1, y2 - y1)
        along = (self.rng.uniform(-0.45, 0.45) if length < 1000 else self.rng.uniform(-0.07, 0.07)) + 0.5
        x, y = x1 + along * (x2 - x1), y1 + along * (y2 - y1)
        return x - (y2 - y1) / length * depth_px, y + (x2 - x1) / length * depth_px

    def _through(self, height: float) -> list[tuple[float, float, float]]:
        x, y = self._at_line(0.0)
        return [self._somewhere(), (x, y, 0.0), self._somewhere()] if height else []

    def _loiter(self, height: float) -> list[tuple[float, float, float]]:
        rng = self.rng
        x, y = self._at_line(rng.uniform(-0.2, 0.2) * height)
        reach = rng.uniform(0.0, 0.3) * height
        stops = [
            (x + rng.uniform(-reach, reach), y + rng.uniform(-reach, reach), rng.uniform(0.0, 3.0))
            for _ in range(rng.integers(2, 7))
        ]
        return [self._somewhere(), *stops, self._somewhere()]

    def _u_turn(self, height: float) -> list[tuple[float, float, float]]:
        rng = self.rng
        side = rng.choice([-1.0, 1.0])
        depth = rng.uniform(-0.6, 1.0)
        far_x, far_y = self._at_line(side * rng.uniform(1.0, 2.0) * height)
        dx, dy = (rng.uniform(-0.5, 0.5) * height for _ in range(2))
        # Straight at the line from where they stood, as deep as drawn, and back.
        near_x, near_y = self._moved(far_x, far_y, -side * depth * height)
        far = far_x, far_y, rng.uniform(0, 1)
        near = near_x, near_y, float(rng.choice([0.0, rng.uniform(0, 4)]))
        return [far, near, (far_x + dx, far_y + dy, rng.uniform(0, 2))]

    def _moved(self, x: float, y: float, depth_px: float) -> Point:
        """The point so far on the line's left, straight across from another one."""
        (x1, y1), (x2, y2) = self.line.start, self.line.end
        length = hypot(x2 - x1, y2 - y1)
        nx, ny = -(y2 - y1) / length, (x2 - x1) / length
        away = (x - x1) * nx + (y - y1) * ny
        return x + (depth_px - away) * nx, y + (depth_px - away) * ny

    def _along_border(self, height: float) -> list[tuple[float, float, float]]:
        rng = self.rng
        polygon = self.zones[int(rng.integers(len(self.zones)))].polygon
        corner = int(rng.integers(len(polygon)))
        (x1, y1), (x2, y2) = polygon[corner], polygon[(corner + 1) % len(polygon)]
        length = hypot(x2 - x1, y2 - y1)
        off = rng.uniform(-0.4, 0.4) * height
        nx, ny = -(y2 - y1) / length * off, (x2 - x1) / length * off
        begin, end = sorted(rng.uniform(0, 1, 2))
        stops = [(x1 + t * (x2 - x1) + nx, y1 + t * (y2 - y1) + ny) for t in (begin, (begin + end) / 2, end)]
        return [self._somewhere(), *((x, y, float(rng.choice([0.0, rng.uniform(0, 4)]))) for x, y in stops),
                self._somewhere()]  # fmt: skip

    def _stay(self, height: float) -> list[tuple[float, float, float]]:
        rng = self.rng
        xs, ys = zip(*self.zones[int(rng.integers(len(self.zones)))].polygon, strict=True)
        x, y = (rng.uniform(max(min(v), 0), min(max(v), limit)) for v, limit in ((xs, 1280), (ys, 720)))
        swing = 0.1 * height
        stops = [(x + rng.uniform(-swing, swing), y + rng.uniform(-swing, swing), rng.uniform(1, 5))
                 for _ in range(3)]  # fmt: skip
        return [self._somewhere(), *stops, *([self._somewhere()] if rng.random() < 0.5 else [])]

    def _rounds(self, height: float) -> list[tuple[float, float, float]]:
        stops = [self._somewhere() for _ in range(self.rng.integers(2, 5))]
        return [(x, y, self.rng.uniform(0, 2)) for x, y, _ in stops] if height else []

    def _occluded(self, stroller: Stroller) -> Stroller:
        rng = self.rng
        begin_s, end_s = stroller.way[0, 0], stroller.way[-1, 0]
        spells: list[tuple[float, float]] = []
        renamed: list[bool] = []
        for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15]))):
            at_s = rng.uniform(begin_s, end_s)
            if rng.random() < 0.5:
                # Rather next to the line than anywhere.
                times_s = np.arange(begin_s, end_s, 0.1)
                feet = feet_of(stroller.boxes(times_s))
                near = np.abs(distances(self.line, feet)) < 0.6 * stroller.height_px
                if near.any():
                    at_s = rng.choice(times_s[near]) - rng.uniform(0, 0.5)
            spell = (at_s, at_s + rng.uniform(0.3, 3.0))
            if any(spell[0] < other[1] + 2.5 and other[0] < spell[1] + 2.5 for other in spells):
                continue
            spells.append(spell)
            renamed.append(bool(rng.random() < 0.5) and self._is_near(stroller, spell))
        order = sorted(range(len(spells)), key=lambda i: spells[i])
        return Stroller(stroller.way, stroller.height_px, tuple(spells[i] for i in order),
                        tuple(renamed[i] for i in order))  # fmt: skip

    @staticmethod
    def _is_near(stroller: Stroller, spell: tuple[float, float]) -> bool:
        feet = feet_of(stroller.boxes(np.array(spell)))
        return bool(np.hypot(*(feet[1] - feet[0])) < NEAR_RATIO * stroller.height_px)


def feet_of(boxes: Array) -> Array:
    """f64[N, 2]: bottom centres."""
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)


def distances(line: Line, feet: Array) -> Array:
    (x1, y1), (x2, y2) = line.start, line.end
    return ((x2 - x1) * (feet[:, 1] - y1) - (y2 - y1) * (feet[:, 0] - x1)) / hypot(x2 - x1, y2 - y1)


def scene_of(seed: int, looks_per_s: float | None = None) -> Scene:
    """The scene of a seed: 1 to 20 persons, a line, two zones that may overlap."""
    rng = np.random.default_rng([seed, 0])
    looks = float(rng.choice(LOOKS_PER_S))
    maker = _Maker(rng)
    strollers = tuple(maker.stroller() for _ in range(rng.integers(1, 21)))
    return Scene(seed, looks_per_s or looks, maker.line, maker.zones, strollers)
