"""Crossings of a line by people's feet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.core.event import LineCrossed, LineState
from agent.core.geometry import distance_to_line, segments_meet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.geometry import Line, Point
    from agent.core.track import Track

# Feet nearer to the line than this part of the person's height (half a step) are on neither side:
# a box's lower edge jitters by a few hundredths of its height, and who turns round on the line has
# not gone through.
_BAND_RATIO = 0.2
_BAND_PX = 2.0


@dataclass(slots=True)
class _Walker:
    """One track's way: the last point, the last sure side, and how it last changed sides."""

    point: Point
    offset_px: float
    side: int = 0
    through: bool = False


class LineRule:
    """Says `line.crossed` once for each change from one sure side to the other.

    ::

        out        |band|        in
         o------o--|-o--|---o        crossed in: the way met the line, and is now beyond the band
         o------o--|-o  |            not yet: loitering in the band counts for nothing
    """

    kind: Final = "line"

    def __init__(self, line: Line, day_of: Callable[[Instant], date]) -> None:
        """Take a line in px of the frame, and how the local day of an instant is told."""
        self._line = line
        self._day_of = day_of
        self._inward = 1 if distance_to_line(line.start, line.end, line.inside) > 0 else -1
        self._walkers: dict[str, _Walker] = {}
        self._day: date | None = None
        self._counts = {True: 0, False: 0}
        self._state: LineState | None = None

    @property
    def rule_id(self) -> str:
        """The line's id."""
        return self._line.line_id

    @property
    def state(self) -> LineState | None:
        """Crossings since local midnight; None before the first frame."""
        return self._state

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Yield the crossings that this frame made sure."""
        self._begin_day(at)
        for track in tracks:
            if track.last_seen_s == at.monotonic_s and self._went_over(track):
                yield self._crossed(track, at)
        alive = {track.track_id for track in tracks}
        self._walkers = {key: walker for key, walker in self._walkers.items() if key in alive}

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:  # noqa: ARG002
        """Nothing of a line stays open, and what was counted stays counted."""
        self._walkers.clear()
        yield from ()

    def _begin_day(self, at: Instant) -> None:
        day = self._day_of(at)
        if self._state is None or day != self._day:
            self._day = day
            self._counts = {True: 0, False: 0}
            self._state = self._counted(at)

    def _went_over(self, track: Track) -> bool:
        walker = self._walkers.get(track.track_id)
        if walker is None:
            walker = self._walkers[track.track_id] = _Walker(track.origin, self._offset_px(track.origin))
            self._stand(walker, track)
        point = track.anchor
        offset_px = self._offset_px(point)
        if (offset_px > 0) != (walker.offset_px > 0):
            walker.through = segments_meet(walker.point, point, self._line.start, self._line.end)
        walker.point, walker.offset_px = point, offset_px
        before = walker.side
        self._stand(walker, track)
        return walker.through and before * walker.side < 0

    def _offset_px(self, point: Point) -> float:
        """Distance from the line, positive on the inner side."""
        return distance_to_line(self._line.start, self._line.end, point) * self._inward

    @staticmethod
    def _stand(walker: _Walker, track: Track) -> None:
        """Note the side, once it is sure."""
        if abs(walker.offset_px) >= max(_BAND_PX, _BAND_RATIO * track.height_px):
            walker.side = 1 if walker.offset_px > 0 else -1

    def _counted(self, at: Instant) -> LineState:
        inward, outward = self._counts[True], self._counts[False]
        return LineState(rule=self._line.line_id, since=at, in_count=inward, out_count=outward)

    def _crossed(self, track: Track, at: Instant) -> LineCrossed:
        inward = self._walkers[track.track_id].side > 0
        self._counts[inward] += 1
        self._state = self._counted(at)
        return LineCrossed(
            rule=self._line.line_id,
            at=at,
            direction="in" if inward else "out",
            track=track.track_id,
            confidence=track.confidence,
        )
