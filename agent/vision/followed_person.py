"""Kalman filter of one person: position and speed of the feet; the box's size is smoothed.

Plain numbers, no arrays: with a dozen people an array's overhead is most of the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, sqrt
from typing import TYPE_CHECKING, Self

from agent.core.track import Track

if TYPE_CHECKING:
    from agent.vision.person_boxes import PersonBox

    Xyxy = tuple[float, float, float, float]

# A track ends after this long without a sighting, in looks that did not find.
_LOST_AFTER_S = 2.5
# One that is not confirmed ends after this long without a sighting.
_DOUBT_GAP_S = 0.6
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
# What may be a static object is looked at so often while it is in doubt.
_DOUBTED_S = 0.4


@dataclass(slots=True)
class FollowedPerson:
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

    @classmethod
    def first_seen(cls, box: PersonBox, at_s: float) -> Self:
        """A person at their first sighting; `at_s`: monotonic seconds."""
        left, top, right, bottom, score = box
        x, size = (left + right) / 2, (right - left, bottom - top)
        person = cls(x, bottom, *size, score, (x, bottom), at_s, at_s, at_s, at_s, x, bottom, evidence=score)
        person.predict(at_s)
        return person

    def predict(self, at_s: float) -> None:
        """Go on to a moment, in monotonic seconds."""
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

    def see(self, box: PersonBox, *, sure: bool) -> None:
        """Take a box as a sighting at the predicted moment; an unsure one makes nobody less missed."""
        left, top, right, bottom, confidence = box
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
        self.height += of_height * (box[3] - top - self.height)
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
        """Left, top, right, bottom in px."""
        return self.left, self.top, self.right, self.y

    def within_s(self, size_px: tuple[int, int], birth: float) -> float:
        """The longest time to the next look.

        Args:
            size_px: width and height of the frame.
            birth: evidence from which on a track is confirmed.
        """
        rarest_s = _LEAVING_S if self.walked_out(size_px) else _RAREST_S
        if self.track_id is None:
            return 0.0 if self.evidence < birth else min(_DOUBTED_S, rarest_s)
        speed = hypot(self.vx, self.vy)
        return min(_STEP_RATIO * self.height / speed, rarest_s) if speed else rarest_s

    def goes_on(self, size_px: tuple[int, int]) -> bool:
        """Whether looks have not missed them for too long; `size_px`: of the frame."""
        if self.track_id is None:
            return self.unseen_s <= _DOUBT_GAP_S
        return self.unseen_s <= (_GONE_AFTER_S if self.walked_out(size_px) else _LOST_AFTER_S)

    def walked_out(self, size_px: tuple[int, int]) -> bool:
        """Whether they are at the edge of a picture of this size, and on the way out of it."""
        width, height = size_px
        edge = _EDGE_RATIO * width
        return (
            (self.left <= edge and self.vx < 0)
            or (self.right >= width - edge and self.vx > 0)
            or (self.y >= height - edge and self.vy > 0)
            or (self.top <= edge and self.vy < 0)
        )

    def match_score(self, box: PersonBox, min_iou: float, *, leap: bool) -> float:
        """How well a box matches: IoU or, where it moved too far to overlap, less; 0: not at all.

        Args:
            box: in px, with its score.
            min_iou: below it boxes count as not overlapping, 0–1.
            leap: whether a box that does not overlap may match.
        """
        left, top, right, bottom, _ = box
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
        """The person under this id, as others see them."""
        return Track(track_id, self.xyxy, self.origin, self.confidence, self.first_seen_s, self.last_seen_s)
