"""Persons followed from look to look, in seconds and never in frames.

Two passes as in ByteTrack (Zhang et al., 2022): sure boxes find their tracks first, then the
tracks left over may go on with unsure boxes, which never begin one. Position and speed are kept by
a Kalman filter on the bottom centre; the box's size is smoothed. Plain numbers, no arrays:
with a dozen people an array's overhead is most of the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, sqrt
from typing import TYPE_CHECKING, Protocol

from agent.core.track import LookHint, Track
from agent.vision.person_boxes import person_boxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.core.detections import Detections
    from agent.core.frame import Frame
    from agent.core.regions import Box, Regions
    from agent.vision.person_boxes import Body

    Xyxy = tuple[float, float, float, float]

# A birth: so much confidence summed over looks, in at least this time, before anybody hears of it.
_BIRTH_CONFIDENCE = 1.2
_BIRTH_S = 0.09
# What scores lower than this on average and has not moved by this part of its height may be a thing:
# then it must breathe, or be in doubt for longer than it takes to be known as a thing.
_CLEAR_CONFIDENCE = 0.6
_WAY_RATIO = 0.25
_DOUBT_S = 20.0
_BIRTH_GAP_S = 0.6
# A death: this long without a sighting, in looks that did not find.
_LOST_AFTER_S = 2.5
# Somebody whose place still looks the same, and breathes, is believed to be there without a sighting.
_HELD_S = 60.0
# Who walked out of the picture is not behind anything.
_GONE_AFTER_S = 0.3
_EDGE_RATIO = 0.01

# A Kalman filter with constant speed, in heights of the person: how much their speed changes in a
# second, how badly a box tells where they are, and how fast somebody may be who was only seen once.
_CHANGE_PER_S2 = 2.0
_BOX_ERROR = 0.13
_FIRST_SPEED_PER_S = 2.0
_SIZE_S = 0.9
# Whose head is where it should be and whose feet are not stands behind something.
_HIDDEN_RATIO = 0.85
_HIDDEN_S = 2.0
# Without a sighting a person's speed is believed less and less: they coast for this long at the most.
_COAST_S = 0.9
# An unsure box prolongs a track, but not for ever: it is so much of a miss.
_UNSURE_MISS_RATIO = 0.3
# However long nobody looked, one look that does not find somebody misses them for no more than this.
_MISS_S = 1.0
# A look that shows less of somebody than this can't miss them.
_LOOKED_RATIO = 0.9

_SURE_IOU = 0.2
_UNSURE_IOU = 0.35
# Boxes that no longer overlap may still be one person: within so many deviations of the filter's, and
# within these parts of the height.
_LEAP_DEVIATIONS = 3.0
_LEAST_LEAP_RATIO = 0.4
_MOST_LEAP_RATIO = 1.0
_SAME_SIZE_RATIO = 0.6
# Looks are so frequent that somebody moves by no more than this part of their height between two.
_STEP_RATIO = 0.15
_RAREST_S = 0.5
# When somebody goes out of the picture is to be known better than that.
_LEAVING_S = 0.2
# What may be a thing is looked at so often while it is in doubt.
_DOUBTED_S = 0.4
# A track that was born goes before one that is only suspected.
_BORN_BONUS = 0.5


class Liveness(Protocol):
    """Tells things from persons who keep still."""

    def sample(self, frame: Frame, boxes: Sequence[Xyxy]) -> list[bool]:
        """Look at what keeps still; which boxes turned out to be things just now."""

    def things(self, frame: Frame, boxes: Sequence[Xyxy]) -> list[bool]:
        """Which boxes are things already known."""

    def lives(self, frame: Frame, box: Xyxy) -> bool:
        """Whether something that breathes was there, and the place still looks the same."""

    def reset(self) -> None:
        """Forget all."""


@dataclass(slots=True)
class _Person:
    """A track while it is worked on: bottom centre and size in px, speed in px/s.

    `error`, `both` and `drift` are the filter's covariance at the last sighting, alike in x and y:
    of position (heights²), of position with speed (heights²/s), of speed (heights²/s²); `error_now`
    is that of the predicted position, and `reach` how far from it somebody may turn up, in px. `way` is
    how far from the first sighting the last one was, in px.
    """

    x: float
    y: float
    width: float
    height: float
    confidence: float
    origin: tuple[float, float]
    first_seen_s: float
    last_seen_s: float
    looked_s: float
    at_s: float
    seen_x: float
    seen_y: float
    unseen_s: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    error: float = _BOX_ERROR**2
    both: float = 0.0
    drift: float = _FIRST_SPEED_PER_S**2
    error_now: float = 0.0
    reach: float = 0.0
    way: float = 0.0
    looks: int = 1
    evidence: float = 0.0
    track_id: str | None = None
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0

    def predict(self, at_s: float) -> None:
        self.at_s = at_s
        dt = at_s - self.last_seen_s
        coast_s = _COAST_S * (1 - exp(-dt / _COAST_S))
        self.x = self.seen_x + self.vx * coast_s
        self.y = self.seen_y + self.vy * coast_s
        change = (_CHANGE_PER_S2 * dt) ** 2
        self.error_now = self.error + dt * (2 * self.both + dt * (self.drift + change / 4))
        reach = _LEAP_DEVIATIONS * sqrt(self.error_now + _BOX_ERROR**2)
        self.reach = self.height * min(max(reach, _LEAST_LEAP_RATIO), _MOST_LEAP_RATIO)
        self._place()

    def see(self, body: Body, *, sure: bool) -> None:
        left, top, right, bottom, confidence = body
        dt = self.at_s - self.last_seen_s
        change = (_CHANGE_PER_S2 * dt) ** 2
        position = self.error_now
        both = self.both + dt * (self.drift + change / 2)
        drift = self.drift + change
        gain, speed_gain = position / (position + _BOX_ERROR**2), both / (position + _BOX_ERROR**2)
        self.error, self.both, self.drift = (
            (1 - gain) * position,
            (1 - gain) * both,
            drift - speed_gain * both,
        )
        hidden = bottom - top < _HIDDEN_RATIO * self.height and abs(top - self.top) < abs(bottom - self.y)
        if hidden:
            bottom = top + self.height
        dx, dy = (left + right) / 2 - self.x, bottom - self.y
        self.x += gain * dx
        self.y += gain * dy
        self.vx += speed_gain * dx
        self.vy += speed_gain * dy
        of_size = 1 - exp(-dt / _SIZE_S)
        of_height = 1 - exp(-dt / _HIDDEN_S) if hidden else of_size
        self.height += of_height * (body[3] - top - self.height)
        self.width += of_size * (right - left - self.width)
        self.confidence = confidence
        self.seen_x, self.seen_y, self.last_seen_s = self.x, self.y, self.at_s
        # The filter may run ahead of the boxes; nobody was seen there.
        x, y = self.origin
        self.way = min(hypot(self.x - x, self.y - y), hypot((left + right) / 2 - x, bottom - y))
        if sure:
            self.unseen_s = 0.0
        self.looks += 1
        self.evidence += confidence
        self._place()

    def _place(self) -> None:
        self.left, self.right = self.x - self.width / 2, self.x + self.width / 2
        self.top = self.y - self.height

    @property
    def xyxy(self) -> Xyxy:
        return self.left, self.top, self.right, self.y

    @property
    def within_s(self) -> float:
        """How soon to look again."""
        if self.track_id is None:
            return 0.0 if self.evidence < _BIRTH_CONFIDENCE else _DOUBTED_S
        speed = hypot(self.vx, self.vy)
        return min(_STEP_RATIO * self.height / speed, _RAREST_S) if speed else _RAREST_S

    def likeness(self, body: Body, min_iou: float, *, leap: bool) -> float:
        """How well a box fits, IoU or, where it moved too far to overlap, less; 0: not at all."""
        left, top, right, bottom, _ = body
        width, height = right - left, bottom - top
        dx, dy = abs((left + right) / 2 - self.x), abs(bottom - self.y)
        # By far the most pairs end here.
        if dx > self.reach and dx + dx >= width + self.width:
            return 0.0
        # Overlap of two intervals, from their lengths and the distance of their middles (or of their ends).
        across = min(width, self.width, (width + self.width) / 2 - dx)
        down = min(bottom, self.y) - max(top, self.top)
        if across > 0 and down > 0:
            both = across * down
            iou = both / (self.width * self.height + width * height - both)
            if iou >= min_iou:
                return iou
        distance = hypot(dx, dy)
        if not leap or distance >= self.reach:
            return 0.0
        smaller, taller = (self.height, height) if height > self.height else (height, self.height)
        return min_iou * (1 - distance / self.reach) if smaller >= _SAME_SIZE_RATIO * taller else 0.0

    def track(self, track_id: str) -> Track:
        return Track(track_id, self.xyxy, self.origin, self.confidence, self.first_seen_s, self.last_seen_s)


class PersonTracker:
    """Gives persons an id for as long as they are followed."""

    def __init__(
        self, sure_score: float, new_id: Callable[[], str], liveness: Liveness | None = None
    ) -> None:
        """Take the score from which a box may begin a track (0–1), a maker of ids, and who knows things."""
        self._sure_score = sure_score
        self._new_id = new_id
        self._liveness = liveness
        self.reset()

    def reset(self) -> None:
        """Forget everybody: who is there afterwards is a new visitor."""
        self._persons: list[_Person] = []
        self._size_px = 0, 0
        self.tracks: tuple[Track, ...] = ()
        if self._liveness:
            self._liveness.reset()

    @property
    def watched(self) -> tuple[LookHint, ...]:
        """Everybody followed or suspected."""
        return tuple(
            LookHint(
                person.xyxy,
                person.looked_s,
                settled=person.track_id is not None and not person.unseen_s,
                within_s=min(
                    person.within_s,
                    _LEAVING_S if _walked_out(person, self._size_px) else _RAREST_S,
                ),
            )
            for person in self._persons
        )

    def change(self, sure_score: float) -> None:
        """From now on boxes of so high a score are sure; everybody who is followed goes on."""
        self._sure_score = sure_score

    def update(
        self, frame: Frame, look: Regions | None = None, detections: Detections | None = None
    ) -> tuple[Track, ...]:
        """The persons now present; without a look nobody can be missed, nor where it did not go."""
        now_s = frame.at.monotonic_s
        self._size_px = frame.size_px
        for person in self._persons:
            person.predict(now_s)
        if look is not None and detections is not None:
            self._look(frame, look, person_boxes(detections))
        if self._liveness:
            things = self._liveness.sample(frame, [person.xyxy for person in self._persons])
            self._persons = [person for person, thing in zip(self._persons, things, strict=True) if not thing]
        self.tracks = tuple(
            person.track(person.track_id) for person in self._persons if person.track_id is not None
        )
        return self.tracks

    def _look(self, frame: Frame, look: Regions, bodies: list[Body]) -> None:
        now_s = frame.at.monotonic_s
        if self._liveness and bodies:
            things = self._liveness.things(frame, [body[:4] for body in bodies])
            bodies = [body for body, thing in zip(bodies, things, strict=True) if not thing]
        strong = [body for body in bodies if body[4] >= self._sure_score]
        unused = self._match(self._persons, strong, _SURE_IOU, leap=True)
        unseen = [person for person in self._persons if person.last_seen_s != now_s and person.looks > 1]
        if unseen and len(strong) < len(bodies):
            weak = [body for body in bodies if body[4] < self._sure_score]
            self._match(unseen, weak, _UNSURE_IOU, leap=False)
        found = {id(person) for person in self._persons if person.last_seen_s == now_s}
        surely = found - {id(person) for person in unseen}
        for person in self._persons:
            if id(person) in found or _is_in(person.xyxy, look.regions, frame.size_px):
                if id(person) not in surely and not self._is_held(person, frame):
                    missed = 1.0 if id(person) not in found else _UNSURE_MISS_RATIO
                    person.unseen_s += missed * min(now_s - person.looked_s, _MISS_S)
                person.looked_s = now_s
        self._persons = [person for person in self._persons if _lives(person, frame.size_px)]
        for left, top, right, bottom, confidence in unused:
            x = (left + right) / 2
            size = right - left, bottom - top
            self._persons.append(
                _Person(x, bottom, *size, confidence, (x, bottom), now_s, now_s, now_s, now_s, x, bottom)
            )
            self._persons[-1].evidence = confidence
            self._persons[-1].predict(now_s)
        for person in self._persons:
            # Only a sighting can make somebody sure: where they are predicted to be, nobody was seen.
            is_seen = person.last_seen_s == now_s
            if person.track_id is None and is_seen and self._is_born(person, frame):
                person.track_id = self._new_id()

    def _is_born(self, person: _Person, frame: Frame) -> bool:
        """Whether it is somebody: seen often enough, and clearly, or in motion, or breathing."""
        age_s = person.last_seen_s - person.first_seen_s
        if person.evidence < _BIRTH_CONFIDENCE or age_s < _BIRTH_S:
            return False
        return (
            person.evidence >= _CLEAR_CONFIDENCE * person.looks
            or person.way >= _WAY_RATIO * person.height
            or age_s >= _DOUBT_S
            or (self._liveness is not None and self._liveness.lives(frame, person.xyxy))
        )

    def _is_held(self, person: _Person, frame: Frame) -> bool:
        """Whether a person whom a look did not find for sure still sits there, and breathes."""
        return (
            self._liveness is not None
            and person.track_id is not None
            and frame.at.monotonic_s - person.last_seen_s <= _HELD_S
            and self._liveness.lives(frame, person.xyxy)
        )

    @staticmethod
    def _match(persons: list[_Person], bodies: list[Body], min_iou: float, *, leap: bool) -> list[Body]:
        """Give each box to at most one person, best pair first; return the boxes that are left."""
        if not persons or not bodies:
            return bodies
        pairs = []
        for row, person in enumerate(persons):
            bonus = _BORN_BONUS if person.track_id else 0.0
            for column, body in enumerate(bodies):
                likeness = person.likeness(body, min_iou, leap=leap)
                if likeness > 0:
                    pairs.append((-likeness - bonus, row, column))
        pairs.sort()
        rows, columns = set(), set()
        for _, row, column in pairs:
            if row not in rows and column not in columns:
                rows.add(row)
                columns.add(column)
                persons[row].see(bodies[column], sure=leap)
        return [body for column, body in enumerate(bodies) if column not in columns]


def _lives(person: _Person, size_px: tuple[int, int]) -> bool:
    if person.track_id is None:
        return person.unseen_s <= _BIRTH_GAP_S
    return person.unseen_s <= (_GONE_AFTER_S if _walked_out(person, size_px) else _LOST_AFTER_S)


def _walked_out(person: _Person, size_px: tuple[int, int]) -> bool:
    """Whether a missed person was at the picture's edge and on the way out of it."""
    width, height = size_px
    edge = _EDGE_RATIO * width
    return (
        (person.left <= edge and person.vx < 0)
        or (person.right >= width - edge and person.vx > 0)
        or (person.y >= height - edge and person.vy > 0)
        or (person.top <= edge and person.vy < 0)
    )


def _is_in(xyxy: Xyxy, regions: Iterable[Box], size_px: tuple[int, int]) -> bool:
    """Whether a look showed nearly all of what the picture has of a box."""
    left, top, right, bottom = (
        max(xyxy[0], 0),
        max(xyxy[1], 0),
        min(xyxy[2], size_px[0]),
        min(xyxy[3], size_px[1]),
    )
    whole = max(right - left, 0) * max(bottom - top, 0)
    for x1, y1, x2, y2 in regions:
        shown = max(min(right, x2) - max(left, x1), 0) * max(min(bottom, y2) - max(top, y1), 0)
        if shown >= _LOOKED_RATIO * whole:
            return True
    return False
