"""Line rule: crossings of a line by people's feet, with a dead band."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, hypot, inf
from typing import TYPE_CHECKING

from agent.core.event import LineCrossed
from agent.core.geometry import Line, distance_to_line
from agent.presence.track_rule import TrackRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.geometry import Point
    from agent.core.track import Track

# Feet nearer to the line than this part of the person's height (half a step) are on neither side:
# a box's lower edge jitters by a few hundredths of its height, and who turns round on the line has
# not gone through.
_BAND_RATIO = 0.2
_BAND_PX = 2.0
# How far beyond the band, summed over sightings, makes a side sure: as far as this person's feet seem to
# jump from look to look, and no more than MOST. At 5 % of jitter one look may lie; two don't.
_MOST_BEYOND_RATIO = 0.1
_NEW_JUMP_PART = 0.3
# Who was lost and who appears so soon after it, so near by (in heights) and about as tall are one.
_FOUND_S = 4.0
_FOUND_RATIO = 1.0
_SAME_SIZE_RATIO = 0.75
# A second ago counts for as much as this part of a height away.
_PER_SECOND_RATIO = 0.3
# A track is confirmed after its first sighting, by so much at the most where this matters.
_LATEST_BIRTH_S = 2.0
# A line includes its end points.
_END = 1e-9
_TINY_PX = 1e-9


@dataclass(frozen=True, slots=True)
class _Gate:
    """A line made ready: offset and place of a point are a multiplication and an addition an axis.

    Attributes:
        start: of the line, in px.
        across: what a px adds to the distance from the line, by axis.
        along: what a px adds to the place on the line, by axis.
    """

    start: Point
    across: Point
    along: Point

    def offset_px(self, point: Point) -> float:
        """Distance from the line, positive on the inner side."""
        return (point[0] - self.start[0]) * self.across[0] + (point[1] - self.start[1]) * self.across[1]

    def place(self, point: Point) -> float:
        """Where along the line: 0 at its start, 1 at its end."""
        return (point[0] - self.start[0]) * self.along[0] + (point[1] - self.start[1]) * self.along[1]


def _gate(line: Line) -> _Gate:
    (x1, y1), (x2, y2) = line.start, line.end
    length = hypot(x2 - x1, y2 - y1)
    inward = 1 if distance_to_line(line.start, line.end, line.inside) > 0 else -1
    across = -(y2 - y1) / length * inward, (x2 - x1) / length * inward
    return _Gate(line.start, across, ((x2 - x1) / length**2, (y2 - y1) / length**2))


@dataclass(slots=True)
class _Walker:
    """One person's way: the last point, the last sure side, and what speaks for the other one.

    Attributes:
        point, seen_s, height_px: of the last sighting.
        offset_px: distance from the line, positive on the inner side.
        first_s: when they were first seen under this id.
        side: the last sure one, 1 inside, -1 outside, 0: none yet.
        beyond: by how much the last sightings were beyond the band, in heights, with their side's sign.
        jump: how far feet are from where the two sightings before point to, in heights; smoothed.
        step, step_s: the last change of the offset in heights, and how long it took.
        over, places: how often feet went over the endless line since the last sure side, and where, summed.
        own: whether this side was seen, not taken over.
        lost: the one whose way this goes on with, until somebody sees that one again.
        found: whether another one goes on with this one's way.
    """

    point: Point
    offset_px: float
    height_px: float
    first_s: float
    seen_s: float
    side: int = 0
    own: bool = False
    beyond: float = 0.0
    jump: float | None = None
    step: float = 0.0
    step_s: float = 0.0
    over: int = 0
    places: float = 0.0
    lost: _Walker | None = None
    found: bool = False


class LineRule(TrackRule[Line]):
    """Reports `line.crossed` once for each change from one sure side to the other.

    ::

        out        |band|        in
         o------o--|-o--|---o--o     crossed in: the way met the line, and is now surely beyond the band
         o------o--|-o  |            not yet: loitering in the band counts for nothing
         o------o  |  o-|---o--o     crossed in: lost before the line, found beyond it as a new track
                   |    |o--o--o     not crossed: who appears is on the side where they appear
    """

    def __init__(self, line: Line, from_s: float = -inf) -> None:
        """Take a line in px of the frame, and since when it is there: ways of before are none over it."""
        super().__init__(line, from_s)
        self._walkers: dict[str, _Walker] = {}
        self._gate = _gate(line)

    def change(self, shape: Line, at: Instant) -> bool:  # noqa: ARG002
        """Whether it lies there already; ways over another line are none over this one."""
        return shape == self.shape

    def lay(self, shape: Line, at: Instant) -> None:  # noqa: ARG002
        """The same line lies here from now on, as the view is shifted; everybody's way goes on.

        Who stands still crosses nothing by that: whoever is surely on the other side now always was.
        """
        self.shape, self._gate = shape, _gate(shape)
        for walker in self._walkers.values():
            before_px, walker.offset_px = walker.offset_px, self._gate.offset_px(walker.point) or _TINY_PX
            band_px = max(_BAND_PX, _BAND_RATIO * walker.height_px)
            side = 1 if walker.offset_px > 0 else -1
            was_there = before_px * side >= band_px
            if abs(walker.offset_px) >= band_px and not was_there:
                walker.side, walker.over, walker.places, walker.beyond = side, 0, 0.0, 0.0
            elif before_px * side < 0:
                # Still between the sides: where they go decides, as if they had been there all along.
                walker.over += 1
                walker.places += self._gate.place(walker.point)
                walker.beyond = 0.0

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Yield the crossings that this frame made sure."""
        walkers, now_s = self._walkers, at.monotonic_s
        if any(track.track_id not in walkers for track in tracks):
            yield from self._start(tracks, at)
        for track in tracks:
            if track.last_seen_s == now_s:
                walker = walkers[track.track_id]
                if walker.seen_s < now_s and self._goes_over(walker, track.anchor, track.height_px, now_s):
                    yield self._crossed(track, at)
        if len(walkers) > len(tracks):
            alive = {track.track_id for track in tracks}
            gone = [
                key
                for key, walker in walkers.items()
                if key not in alive and now_s - walker.seen_s > _FOUND_S + _LATEST_BIRTH_S
            ]
            for key in gone:
                del walkers[key]

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:  # noqa: ARG002
        """Nothing of a line stays open."""
        self._walkers.clear()
        yield from ()

    def _start(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Take in who is new, as the one who was lost there or as somebody else."""
        seen_s = {track.track_id: track.last_seen_s for track in tracks}
        for track in tracks:
            if track.track_id in self._walkers:
                continue
            lost = self._lost_at(track, seen_s)
            height_px, origin, first_s = track.height_px, track.origin, track.first_seen_s
            if first_s < self.from_s:
                if track.last_seen_s < at.monotonic_s:
                    # Where they are predicted to be is no place to start from.
                    continue
                lost, origin, first_s = None, track.anchor, track.last_seen_s
            walker = _Walker(origin, self._gate.offset_px(origin), height_px, first_s, first_s)
            if lost:
                lost.found = True
                walker.point, walker.offset_px, walker.seen_s = lost.point, lost.offset_px, lost.seen_s
                walker.side, walker.beyond = lost.side, lost.beyond
                walker.over, walker.places = lost.over, lost.places
                walker.lost = lost
            self._walkers[track.track_id] = walker
            if self._goes_over(walker, origin, height_px, first_s):
                yield self._crossed(track, at)

    def _lost_at(self, track: Track, seen_s: dict[str, float]) -> _Walker | None:
        """Who was last seen where and shortly before a track began, and not since; the nearest of them."""
        best, nearest = None, 0.0
        for key, walker in self._walkers.items():
            last_s = max(walker.seen_s, seen_s.get(key, walker.seen_s))
            gap_s = track.first_seen_s - last_s
            if walker.found or not 0 < gap_s <= _FOUND_S:
                continue
            smaller, taller = sorted((walker.height_px, track.height_px))
            away = hypot(walker.point[0] - track.origin[0], walker.point[1] - track.origin[1])
            if smaller < _SAME_SIZE_RATIO * taller or away > _FOUND_RATIO * taller:
                continue
            score = away / taller + _PER_SECOND_RATIO * gap_s
            if best is None or score < nearest:
                best, nearest = walker, score
        return best

    def _goes_over(self, walker: _Walker, point: Point, height_px: float, now_s: float) -> bool:
        """Go on to this sighting; whether it makes sure that the line was crossed."""
        lost = walker.lost
        if lost and lost.seen_s > walker.first_s:
            # The lost one is back: it was somebody else.
            lost.found, walker.lost = False, None
            if not walker.own:
                walker.side = walker.over = 0
                walker.places = 0.0
        before_px = walker.offset_px
        # On the line itself somebody is where they were.
        offset_px = self._gate.offset_px(point) or copysign(_TINY_PX, before_px)
        if (offset_px > 0) != (before_px > 0):
            part = before_px / (before_px - offset_px)
            walker.over += 1
            walker.places += (1 - part) * self._gate.place(walker.point) + part * self._gate.place(point)
        self._feel(walker, (offset_px - before_px) / height_px, now_s)
        walker.point, walker.offset_px, walker.height_px = point, offset_px, height_px
        walker.seen_s = now_s
        side = 1 if offset_px > 0 else -1
        beyond = (abs(offset_px) - max(_BAND_PX, _BAND_RATIO * height_px)) / height_px
        if beyond < 0:
            walker.beyond = side * max(0.0, walker.beyond * side + beyond)
            return False
        walker.beyond = beyond * side + (walker.beyond if walker.beyond * side > 0 else 0.0)
        enough = _MOST_BEYOND_RATIO if walker.jump is None else min(walker.jump, _MOST_BEYOND_RATIO)
        if abs(walker.beyond) < enough:
            return False
        crossed = walker.side == -side and walker.over > 0
        through = crossed and -_END <= walker.places / walker.over <= 1 + _END
        walker.side, walker.own = side, True
        walker.over, walker.places = 0, 0.0
        return through

    @staticmethod
    def _feel(walker: _Walker, step: float, now_s: float) -> None:
        """Note by how much feet are elsewhere than their last two sightings pointed to."""
        step_s = now_s - walker.seen_s
        if step_s <= 0:
            return
        if walker.step_s:
            jump = abs(step - walker.step * step_s / walker.step_s)
            before = walker.jump
            walker.jump = jump if before is None else before + _NEW_JUMP_PART * (jump - before)
        walker.step, walker.step_s = step, step_s

    def _crossed(self, track: Track, at: Instant) -> LineCrossed:
        inward = self._walkers[track.track_id].side > 0
        return LineCrossed(
            rule=self.shape.line_id,
            at=at,
            direction="in" if inward else "out",
            track=track.track_id,
            confidence=track.confidence,
        )
