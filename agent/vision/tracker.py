"""Kalman tracker with two-stage association (ByteTrack), in seconds and never in frames.

Two stages as in ByteTrack (Zhang et al., 2022): sure boxes find their tracks first, then the
tracks left over may go on with unsure boxes, which never start one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agent.core.track import LookHint
from agent.vision.followed_person import FollowedPerson
from agent.vision.person_boxes import person_boxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.core.detections import Detections
    from agent.core.frame import Frame
    from agent.core.regions import Box, Regions
    from agent.core.track import Track
    from agent.networks.family import PersonCalibration
    from agent.vision.person_boxes import PersonBox

    Xyxy = tuple[float, float, float, float]

# A track is confirmed after enough confidence, in at least this time.
_CONFIRM_S = 0.09
# What is not clear on average and has not moved by this part of its height may be a static object: then it
# must breathe, or be in doubt for longer than it takes to be known as one.
_WAY_RATIO = 0.25
_DOUBT_S = 20.0
# Somebody whose place still looks the same, and breathes, is believed to be there without a sighting.
_HELD_S = 60.0

# However long nobody looked, one look that does not find somebody misses them for no more than this.
_MISS_S = 1.0
# A look that shows less of somebody than this can't miss them.
_LOOKED_RATIO = 0.9

_SURE_IOU = 0.2
_UNSURE_IOU = 0.35
# A track that is confirmed goes before one that is not.
_CONFIRMED_BONUS = 0.5


class StaticObjects(Protocol):
    """Tells static objects that score as persons from persons who keep still."""

    def sample(self, frame: Frame, boxes: Sequence[Xyxy]) -> list[bool]:
        """Observe what keeps still; which boxes turned out to be static objects just now."""

    def known(self, frame: Frame, boxes: Sequence[Xyxy]) -> list[bool]:
        """Which boxes are static objects already known."""

    def breathes(self, frame: Frame, box: Xyxy) -> bool:
        """Whether something that breathes was there, and the place still looks the same."""

    def reset(self) -> None:
        """Forget all of them."""


@dataclass(slots=True)
class _State:
    """Persons followed or suspected, the size of their frames in px, and the tracks of the last update."""

    persons: list[FollowedPerson] = field(default_factory=list)
    size_px: tuple[int, int] = (0, 0)
    tracks: tuple[Track, ...] = ()


class PersonTracker:
    """Gives persons an id for as long as they are followed."""

    def __init__(
        self,
        sure_score: float,
        calibration: PersonCalibration,
        new_id: Callable[[], str],
        static_objects: StaticObjects | None = None,
    ) -> None:
        """Make a tracker that follows nobody yet.

        Args:
            sure_score: least score of a box that may start a track, 0–1.
            calibration: of the scores, as the network's family has it.
            new_id: makes an id that no track had.
            static_objects: tells static objects from persons; None: all boxes are persons.
        """
        self._sure_score = sure_score
        self._calibration = calibration
        self._new_id = new_id
        self._static_objects = static_objects
        self._state = _State()

    def reset(self) -> None:
        """Forget everybody: who is there afterwards is a new visitor."""
        self._state = _State()
        if self._static_objects:
            self._static_objects.reset()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The persons present at the last update."""
        return self._state.tracks

    @property
    def watched(self) -> tuple[LookHint, ...]:
        """Everybody followed or suspected."""
        size_px = self._state.size_px
        return tuple(
            LookHint(
                person.xyxy,
                person.looked_s,
                settled=person.track_id is not None and not person.unseen_s,
                within_s=person.within_s(size_px, self._calibration.birth),
            )
            for person in self._state.persons
        )

    def change(self, sure_score: float) -> None:
        """From now on boxes of so high a score are sure; everybody who is followed goes on."""
        self._sure_score = sure_score

    def update(
        self, frame: Frame, regions: Regions | None = None, detections: Detections | None = None
    ) -> tuple[Track, ...]:
        """The persons now present.

        Args:
            frame: the present one.
            regions: that were looked at; None: none. Outside of them nobody can be missed.
            detections: found in them; None: nobody looked.
        """
        now_s, state = frame.at.monotonic_s, self._state
        state.size_px = frame.size_px
        for person in state.persons:
            person.predict(now_s)
        if regions is not None and detections is not None:
            self._look(frame, regions, person_boxes(detections, self._calibration.clear))
        if self._static_objects:
            is_static = self._static_objects.sample(frame, [person.xyxy for person in state.persons])
            state.persons = [
                person for person, static in zip(state.persons, is_static, strict=True) if not static
            ]
        state.tracks = tuple(
            person.track(person.track_id) for person in state.persons if person.track_id is not None
        )
        return state.tracks

    def _look(self, frame: Frame, regions: Regions, boxes: list[PersonBox]) -> None:
        """Match the boxes of a look; drop whom it misses for too long, and start tracks of what is new."""
        now_s, state = frame.at.monotonic_s, self._state
        persons = state.persons
        if self._static_objects and boxes:
            is_static = self._static_objects.known(frame, [box[:4] for box in boxes])
            boxes = [box for box, static in zip(boxes, is_static, strict=True) if not static]
        strong = [box for box in boxes if box[4] >= self._sure_score]
        unused = self._match(persons, strong, _SURE_IOU, leap=True)
        unseen = [person for person in persons if person.last_seen_s != now_s and person.looks > 1]
        if unseen and len(strong) < len(boxes):
            weak = [box for box in boxes if box[4] < self._sure_score]
            self._match(unseen, weak, _UNSURE_IOU, leap=False)
        found = {id(person) for person in persons if person.last_seen_s == now_s}
        surely = found - {id(person) for person in unseen}
        for person in persons:
            if id(person) in found or _is_in(person.xyxy, regions.regions, frame.size_px):
                if id(person) not in surely and not self._is_held(person, frame):
                    # An unsure box prolongs a track, but not for ever.
                    missed = 1.0 if id(person) not in found else self._calibration.unsure_miss_ratio
                    person.unseen_s += missed * min(now_s - person.looked_s, _MISS_S)
                person.looked_s = now_s
        state.persons = persons = [person for person in persons if person.goes_on(frame.size_px)]
        persons += [FollowedPerson.first_seen(box, now_s) for box in unused]
        for person in persons:
            # Only a sighting can make somebody sure: where they are predicted to be, nobody was seen.
            is_seen = person.last_seen_s == now_s
            if person.track_id is None and is_seen and self._is_confirmed(person, frame):
                person.track_id = self._new_id()

    def _is_confirmed(self, person: FollowedPerson, frame: Frame) -> bool:
        """Whether it is somebody: seen often enough, and clearly, or in motion, or breathing."""
        age_s = person.last_seen_s - person.first_seen_s
        if person.evidence < self._calibration.birth or age_s < _CONFIRM_S:
            return False
        return (
            person.evidence >= self._calibration.clear * person.looks
            or person.way >= _WAY_RATIO * person.height
            or age_s >= _DOUBT_S
            or (self._static_objects is not None and self._static_objects.breathes(frame, person.xyxy))
        )

    def _is_held(self, person: FollowedPerson, frame: Frame) -> bool:
        """Whether a person whom a look did not find for sure still sits there, and breathes."""
        return (
            self._static_objects is not None
            and person.track_id is not None
            and frame.at.monotonic_s - person.last_seen_s <= _HELD_S
            and self._static_objects.breathes(frame, person.xyxy)
        )

    @staticmethod
    def _match(
        persons: list[FollowedPerson], boxes: list[PersonBox], min_iou: float, *, leap: bool
    ) -> list[PersonBox]:
        """Give each box to at most one person, best pair first; return the boxes that are left."""
        if not persons or not boxes:
            return boxes
        pairs = []
        for row, person in enumerate(persons):
            bonus = _CONFIRMED_BONUS if person.track_id else 0.0
            for column, box in enumerate(boxes):
                match_score = person.match_score(box, min_iou, leap=leap)
                if match_score > 0:
                    pairs.append((-match_score - bonus, row, column))
        pairs.sort()
        rows, columns = set(), set()
        for _, row, column in pairs:
            if row not in rows and column not in columns:
                rows.add(row)
                columns.add(column)
                persons[row].see(boxes[column], sure=leap)
        return [box for column, box in enumerate(boxes) if column not in columns]


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
