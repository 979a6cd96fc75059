"""Zone rule: visits to a zone, which of them are long, and when it is occupied or crowded."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from agent.core.event import ZoneEntered, ZoneLeft, ZoneOccupied, ZoneOverstayed, ZoneVacated
from agent.core.geometry import Zone, bounds, contains, distance_to_segment
from agent.presence.crowd import Crowd
from agent.presence.track_rule import TrackRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.geometry import Point
    from agent.core.track import Track

# Feet outside for less than this are still in: somebody on the border does not flap.
_GRACE_S = 1.0
# Nor does a box that jitters: it takes so many sightings farther from the border than this part of the
# person's height, and so much farther in their sum, to be out. The sum is FAR at the most, so that who
# comes back beside the border soon takes it back.
_LEAST_OUTSIDE = 2
_BORDER_RATIO = 0.1
_SURELY_RATIO = 0.1
_FAR_RATIO = 0.2
# Who was seen out of it once and not seen since is out after so long.
_UNSEEN_GRACE_S = 3.0


@dataclass(slots=True)
class _Visit:
    """One track's stay; it is reported once it is longer than a passer-by's.

    Attributes:
        since, inside: first and last sighting inside.
        outside: first sighting beyond the border since then, and `looks` how many there were.
        beyond: by how much they were, summed, in heights.
        reported: whether it was, and `overstayed`: whether it was said that it is long.
    """

    since: Instant
    inside: Instant
    outside: Instant | None = None
    looks: int = 0
    beyond: float = 0.0
    reported: bool = False
    overstayed: bool = False

    @property
    def stay_s(self) -> float:
        """From the first to the last sighting inside."""
        return self.inside.monotonic_s - self.since.monotonic_s

    def miss(self, at: Instant, beyond: float) -> None:
        """Note a sighting outside; those beside the border take back what those beyond it said."""
        self.beyond = min(max(0.0, self.beyond + beyond), _FAR_RATIO)
        if not self.beyond:
            self.outside, self.looks = None, 0
            if self.reported:
                # Still in: the end of a visit as it is reported must not lie far back.
                self.inside = at
        elif beyond > 0:
            self.outside = self.outside or at
            self.looks += 1

    def is_over(self, now_s: float) -> bool:
        """Whether they have been seen to be out for long enough."""
        if self.outside is None:
            return False
        surely = self.looks >= _LEAST_OUTSIDE and self.beyond >= _SURELY_RATIO
        grace_s = _GRACE_S if surely else _UNSEEN_GRACE_S
        return now_s - self.outside.monotonic_s >= grace_s


class ZoneRule(TrackRule[Zone]):
    """Reports who entered, stays for long and left, and when the zone was occupied, crowded and vacated."""

    def __init__(self, zone: Zone, from_s: float = -inf) -> None:
        """Take a zone in px of the frame, and since when it is there, in monotonic seconds."""
        super().__init__(zone, from_s)
        self._bounds = bounds(zone.polygon)
        self._visits: dict[str, _Visit] = {}
        self._occupied_since: Instant | None = None
        self._occupied_until: Instant | None = None
        self._known: set[str] = set()
        self._crowd = Crowd(zone)

    def lay(self, shape: Zone, at: Instant) -> None:
        """It lies here from now on, or asks for something else; its visits go on."""
        super().lay(shape, at)
        self._bounds = bounds(shape.polygon)
        self._crowd.change(shape)

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Yield what changed up to this frame."""
        now_s, zone = at.monotonic_s, self.shape
        self._see_all(tracks, at)
        # Nothing is spent on what nobody asked for.
        crowd = self._crowd if self._crowd.is_asked_for else None
        if crowd:
            crowd.look(self._stays())
        # Who leaves goes before who comes, so that a count never says more than were there.
        for track_id, visit in list(self._visits.items()):
            if visit.is_over(now_s):
                yield from self._leave(track_id, at, "seen")
            elif track_id not in self._known:
                yield from self._leave(track_id, at, "seen" if visit.outside else "lost")
        for track_id, visit in self._visits.items():
            if not visit.reported and visit.stay_s >= zone.min_dwell_s:
                yield from self._enter(track_id, visit, at)
        if zone.overstay_s is not None:
            yield from self._overstay(zone.overstay_s, at)
        if crowd:
            yield from crowd.update(self._stays(), len(self._visits), at)

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """Yield the end of every visit that was reported."""
        for track_id in list(self._visits):
            yield from self._leave(track_id, at, why)
        yield from self._crowd.close(at, why)

    def _see_all(self, tracks: Sequence[Track], at: Instant) -> None:
        now_s = at.monotonic_s
        for track in tracks:
            if track.track_id not in self._known and self.from_s <= track.first_seen_s < now_s:
                # The first sighting was before the track was confirmed.
                self._see(track, track.origin, at.shifted(track.first_seen_s - now_s))
            if track.last_seen_s == now_s:
                self._see(track, track.anchor, at)
        self._known = {track.track_id for track in tracks}

    def _see(self, track: Track, feet: Point, at: Instant) -> None:
        visit = self._visits.get(track.track_id)
        if self._contains(feet):
            if visit is None:
                self._visits[track.track_id] = _Visit(since=at, inside=at)
                return
            visit.inside, visit.outside, visit.looks, visit.beyond = at, None, 0, 0.0
            if visit.reported:
                self._occupied_until = at
        elif visit is not None:
            visit.miss(at, self._beyond(feet, track.height_px))
            if visit.reported and visit.inside is at:
                self._occupied_until = at

    def _contains(self, feet: Point) -> bool:
        left, top, right, bottom = self._bounds
        return left <= feet[0] <= right and top <= feet[1] <= bottom and contains(self.shape.polygon, feet)

    def _beyond(self, feet: Point, height_px: float) -> float:
        """By how many heights feet are farther out than the border's jitter."""
        polygon = self.shape.polygon
        corners = zip(polygon, polygon[1:] + polygon[:1], strict=True)
        out_px = min(distance_to_segment(a, b, feet) for a, b in corners)
        return out_px / max(height_px, 1.0) - _BORDER_RATIO

    def _count(self) -> int:
        return sum(visit.reported for visit in self._visits.values())

    def _stays(self) -> list[tuple[Instant, Instant]]:
        return [(visit.since, visit.inside) for visit in self._visits.values() if visit.reported]

    def _overstay(self, overstay_s: float, at: Instant) -> Iterator[Event]:
        for track_id, visit in self._visits.items():
            if visit.reported and not visit.overstayed and visit.stay_s > overstay_s:
                visit.overstayed = True
                yield ZoneOverstayed(rule=self.shape.zone_id, at=at, since=visit.since, track=track_id)

    def _enter(self, track_id: str, visit: _Visit, at: Instant) -> Iterator[Event]:
        visit.reported = True
        before = self._occupied_until
        if before is None or before.monotonic_s < visit.inside.monotonic_s:
            self._occupied_until = visit.inside
        zone_id, count = self.shape.zone_id, self._count()
        self._crowd.enter(at, count)
        yield ZoneEntered(rule=zone_id, at=at, since=visit.since, count=count, track=track_id)
        if self._occupied_since is None:
            # However late this visit was confirmed: the last interval was reported, and they don't overlap.
            since = visit.since
            if before and before.monotonic_s > since.monotonic_s:
                since = before
            self._occupied_since = since
            yield ZoneOccupied(rule=zone_id, at=at, since=since)

    def _leave(self, track_id: str, at: Instant, why: EndedWhy) -> Iterator[Event]:
        visit = self._visits.pop(track_id)
        if not visit.reported:
            return
        zone_id, count = self.shape.zone_id, self._count()
        self._crowd.leave(why)
        yield ZoneLeft(
            rule=zone_id,
            at=at,
            since=visit.since,
            count=count,
            track=track_id,
            dwell_s=visit.stay_s,
            why=why,
        )
        if not count and self._occupied_since is not None and self._occupied_until is not None:
            since, self._occupied_since = self._occupied_since, None
            yield ZoneVacated(
                rule=zone_id,
                at=at,
                since=since,
                occupied_s=self._occupied_until.monotonic_s - since.monotonic_s,
                why=why,
            )
