"""Persons followed from look to look, in seconds and never in frames.

Two passes as in ByteTrack (Zhang et al., 2022): sure boxes find their tracks first, then the
tracks left over may go on with unsure boxes, which never begin one. Position and speed are kept by
an alpha-beta filter on the bottom centre; the box's size is smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Self

import numpy as np

from agent.core.detections import FACE, PERSON, Detections
from agent.core.track import Track
from agent.vision.decode import iou

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from agent.core.frame import Instant

# A birth: seen in this many looks, over at least this time, before anybody hears of it.
_BIRTH_LOOKS = 3
_BIRTH_S = 0.25
_BIRTH_GAP_S = 0.6
# A death: this long without a sighting, in looks that did not find.
_LOST_AFTER_S = 2.0

_POSITION_GAIN = 0.6
_SPEED_GAIN = 0.25
_SIZE_GAIN = 0.3
# Without a sighting a person's speed is believed less and less: they coast for this long at the most.
_COAST_S = 0.9
# However long nobody looked, one look that does not find somebody misses them for no more than this.
_MISS_S = 1.0

_SURE_IOU = 0.2
_UNSURE_IOU = 0.35
# Boxes that no longer overlap may still be one person who moved by this part of their height, and
# by more the longer they were not seen.
_LEAP_RATIO = 0.5
_LEAP_RATIO_PER_S = 0.3
_SAME_SIZE_RATIO = 0.6

# A body for a face that has none in sight: shoulders and chest below it, in widths of the face.
_BODY_WIDTH = 2.6
_BODY_ABOVE = 0.4
_BODY_BELOW = 3.4


@dataclass(slots=True)
class _Person:
    """A track while it is worked on: bottom centre and size in px, speed in px/s."""

    x: float
    y: float
    width: float
    height: float
    confidence: float
    origin: tuple[float, float]
    first_seen_s: float
    last_seen_s: float
    at_s: float
    box: NDArray[np.float32]
    seen_x: float
    seen_y: float
    unseen_s: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    looks: int = 1
    track_id: str | None = None

    @classmethod
    def begun(cls, xyxy: NDArray[np.float32], confidence: float, at_s: float) -> Self:
        """Somebody seen for the first time."""
        left, top, right, bottom = (float(v) for v in xyxy)
        x = (left + right) / 2
        times = at_s, at_s, at_s
        return cls(
            x, bottom, right - left, bottom - top, confidence, (x, bottom), *times, xyxy.copy(), x, bottom
        )

    def predict(self, at_s: float) -> None:
        self.at_s = at_s
        coast_s = _COAST_S * (1 - exp((self.last_seen_s - at_s) / _COAST_S))
        self.x = self.seen_x + self.vx * coast_s
        self.y = self.seen_y + self.vy * coast_s
        self._place()

    def see(self, xyxy: NDArray[np.float32], confidence: float) -> None:
        left, top, right, bottom = (float(v) for v in xyxy)
        # A short gap says little about speed, a long one much.
        dt = max(self.at_s - self.last_seen_s, 1e-3)
        dx, dy = (left + right) / 2 - self.x, bottom - self.y
        self.x += _POSITION_GAIN * dx
        self.y += _POSITION_GAIN * dy
        if self.looks == 1:
            # The second sighting is the first that tells a speed.
            self.vx, self.vy = dx / dt, dy / dt
        else:
            self.vx += _SPEED_GAIN * dx / dt
            self.vy += _SPEED_GAIN * dy / dt
        self.width += _SIZE_GAIN * (right - left - self.width)
        self.height += _SIZE_GAIN * (bottom - top - self.height)
        self.confidence = confidence
        self.seen_x, self.seen_y, self.last_seen_s = self.x, self.y, self.at_s
        self.unseen_s = 0.0
        self.looks += 1
        self._place()

    def _place(self) -> None:
        self.box[:] = self.x - self.width / 2, self.y - self.height, self.x + self.width / 2, self.y

    def track(self, track_id: str) -> Track:
        left, top, right, bottom = (float(v) for v in self.box)
        return Track(
            track_id,
            (left, top, right, bottom),
            self.origin,
            self.confidence,
            self.first_seen_s,
            self.last_seen_s,
        )


class PersonTracker:
    """Gives persons an id for as long as they are followed."""

    def __init__(self, sure_score: float, new_id: Callable[[], str]) -> None:
        """Take the score from which a box may begin a track (0–1), and the maker of ids."""
        self._sure_score = sure_score
        self._new_id = new_id
        self._persons: list[_Person] = []
        self._looked_s: float | None = None
        self.tracks: tuple[Track, ...] = ()

    def update(self, detections: Detections | None, at: Instant) -> tuple[Track, ...]:
        """The persons now present; None: nobody looked, so nobody can be missed."""
        now_s = at.monotonic_s
        for person in self._persons:
            person.predict(now_s)
        if detections is not None:
            self._look(_bodies(detections), now_s)
            self._looked_s = now_s
        self.tracks = tuple(
            person.track(person.track_id) for person in self._persons if person.track_id is not None
        )
        return self.tracks

    def _look(self, bodies: Detections, now_s: float) -> None:
        sure = bodies.confidence >= self._sure_score
        strong, weak = bodies.where(sure), bodies.where(~sure)
        unseen, unused = self._match(self._persons, strong, _SURE_IOU, leap=True)
        unseen, _ = self._match([p for p in unseen if p.looks > 1], weak, _UNSURE_IOU, leap=False)
        since_look_s = 0.0 if self._looked_s is None else now_s - self._looked_s
        for person in self._persons:
            if person.last_seen_s != now_s:
                person.unseen_s += min(since_look_s, _MISS_S)
        for index in unused:
            self._persons.append(_Person.begun(strong.xyxy[index], float(strong.confidence[index]), now_s))
        self._persons = [person for person in self._persons if self._lives(person)]
        for person in self._persons:
            age_s = person.last_seen_s - person.first_seen_s
            if person.track_id is None and person.looks >= _BIRTH_LOOKS and age_s >= _BIRTH_S:
                person.track_id = self._new_id()

    @staticmethod
    def _lives(person: _Person) -> bool:
        return person.unseen_s <= (_BIRTH_GAP_S if person.track_id is None else _LOST_AFTER_S)

    def _match(
        self, persons: list[_Person], bodies: Detections, min_iou: float, *, leap: bool
    ) -> tuple[list[_Person], list[int]]:
        """Give each box to at most one person, best pair first; return who and what is left."""
        if not persons or not len(bodies):
            return persons, list(range(len(bodies)))
        likeness = iou(np.stack([person.box for person in persons]), bodies.xyxy)
        likeness = np.where(likeness >= min_iou, likeness, 0)
        if leap:
            likeness = np.maximum(likeness, _leaps(persons, bodies) * np.float32(min_iou))
        # A track that was born goes before one that is only suspected.
        likeness += np.array([[0.1 if person.track_id else 0.0] for person in persons], np.float32) * (
            likeness > 0
        )
        free_persons, free_boxes = set(range(len(persons))), set(range(len(bodies)))
        for flat in np.argsort(-likeness, axis=None, kind="stable"):
            row, column = divmod(int(flat), len(bodies))
            if likeness[row, column] <= 0:
                break
            if row in free_persons and column in free_boxes:
                free_persons.remove(row)
                free_boxes.remove(column)
                persons[row].see(bodies.xyxy[column], float(bodies.confidence[column]))
        return [persons[row] for row in sorted(free_persons)], sorted(free_boxes)


def _leaps(persons: list[_Person], bodies: Detections) -> NDArray[np.float32]:
    """How well each box fits a person who moved too far to overlap: 1 at no distance, 0 too far."""
    xyxy = bodies.xyxy
    x, y = (xyxy[:, 0] + xyxy[:, 2]) / 2, xyxy[:, 3]
    heights = xyxy[:, 3] - xyxy[:, 1]
    rows = []
    for person in persons:
        distance = np.hypot(x - person.x, y - person.y) / max(person.height, 1.0)
        alike = np.minimum(heights, person.height) / np.maximum(np.maximum(heights, person.height), 1.0)
        leap = _LEAP_RATIO + _LEAP_RATIO_PER_S * (person.at_s - person.last_seen_s)
        rows.append(np.where(alike >= _SAME_SIZE_RATIO, np.clip(1 - distance / leap, 0, 1), 0))
    return np.array(rows, np.float32)


def _bodies(detections: Detections) -> Detections:
    """Persons, and for each face that is in none of them the shoulders that must be below it."""
    persons, faces = detections.of_class(PERSON), detections.of_class(FACE)
    if not len(faces):
        return persons
    center = (faces.xyxy[:, :2] + faces.xyxy[:, 2:]) / 2
    inside = (center[:, None] >= persons.xyxy[None, :, :2]) & (center[:, None] <= persons.xyxy[None, :, 2:])
    lone = faces.where(~np.any(np.all(inside, axis=2), axis=1))
    x, top = (lone.xyxy[:, 0] + lone.xyxy[:, 2]) / 2, lone.xyxy[:, 1]
    width = lone.xyxy[:, 2] - lone.xyxy[:, 0]
    boxes = np.stack(
        [
            x - width * _BODY_WIDTH / 2,
            top - width * _BODY_ABOVE,
            x + width * _BODY_WIDTH / 2,
            top + width * _BODY_BELOW,
        ],
        axis=1,
    )
    return Detections.joined([persons, Detections(boxes.astype(np.float32), lone.confidence, lone.class_id)])
