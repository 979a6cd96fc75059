"""Visits to a zone: who is in it, since when, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.core.event import ZoneEntered, ZoneLeft, ZoneOccupied, ZoneState, ZoneVacated
from agent.core.geometry import contains

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.geometry import Zone
    from agent.core.track import Track

# Feet outside for less than this are still in: somebody on the border does not flap.
_GRACE_S = 1.0


@dataclass(slots=True)
class _Visit:
    """One track's stay; it is told once it is longer than a passer-by's."""

    since: Instant
    inside: Instant
    outside: Instant | None = None
    told: bool = False


class ZoneRule:
    """Says who entered and left, and when the zone was occupied and vacated."""

    kind: Final = "zone"

    def __init__(self, zone: Zone, settle_s: float = 0.0) -> None:
        """Take a zone in px of the frame, and how long it takes to know that nobody is in it."""
        self._zone = zone
        self._settle_s = settle_s
        self._begin_s: float | None = None
        self._visits: dict[str, _Visit] = {}
        self._occupied_since: Instant | None = None
        self._occupied_until_s = 0.0
        self._state: ZoneState | None = None

    @property
    def rule_id(self) -> str:
        """The zone's id."""
        return self._zone.zone_id

    @property
    def state(self) -> ZoneState | None:
        """How many are in the zone; None before that can be known, also after blindness."""
        return self._state

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Yield what changed up to this frame."""
        if self._begin_s is None:
            self._begin_s = at.monotonic_s
        if self._state is None and at.monotonic_s - self._begin_s >= self._settle_s:
            self._state = ZoneState(rule=self._zone.zone_id, since=at, count=0)
        for track in tracks:
            if track.last_seen_s == at.monotonic_s:
                self._see(track, at)
        alive = {track.track_id for track in tracks}
        # Who leaves goes before who comes, so that a count never says more than were there.
        for track_id, visit in list(self._visits.items()):
            if track_id not in alive:
                yield from self._leave(track_id, at, "lost")
            elif visit.outside and at.monotonic_s - visit.outside.monotonic_s >= _GRACE_S:
                yield from self._leave(track_id, at, "seen")
        for track_id, visit in self._visits.items():
            stay_s = visit.inside.monotonic_s - visit.since.monotonic_s
            if not visit.told and stay_s >= self._zone.min_dwell_s:
                yield from self._enter(track_id, visit, at)

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """Yield the end of every visit that was told; after "blind" nothing is known of the zone."""
        for track_id in list(self._visits):
            yield from self._leave(track_id, at, why)
        if why == "blind":
            self._state = self._begin_s = None

    def _see(self, track: Track, at: Instant) -> None:
        visit = self._visits.get(track.track_id)
        if contains(self._zone.polygon, track.anchor):
            if visit is None:
                visit = self._visits[track.track_id] = _Visit(since=at, inside=at)
            visit.inside, visit.outside = at, None
            if visit.told:
                self._occupied_until_s = at.monotonic_s
        elif visit is not None and visit.outside is None:
            visit.outside = at

    def _count(self) -> int:
        return sum(visit.told for visit in self._visits.values())

    def _enter(self, track_id: str, visit: _Visit, at: Instant) -> Iterator[Event]:
        visit.told = True
        self._occupied_until_s = max(self._occupied_until_s, visit.inside.monotonic_s)
        zone_id, count = self._zone.zone_id, self._count()
        self._state = ZoneState(rule=zone_id, since=at, count=count)
        yield ZoneEntered(rule=zone_id, at=at, since=visit.since, count=count, track=track_id)
        if self._occupied_since is None:
            self._occupied_since = visit.since
            yield ZoneOccupied(rule=zone_id, at=at, since=visit.since)

    def _leave(self, track_id: str, at: Instant, why: EndedWhy) -> Iterator[Event]:
        visit = self._visits.pop(track_id)
        if not visit.told:
            return
        zone_id, count = self._zone.zone_id, self._count()
        self._state = ZoneState(rule=zone_id, since=at, count=count)
        yield ZoneLeft(
            rule=zone_id,
            at=at,
            since=visit.since,
            count=count,
            track=track_id,
            dwell_s=visit.inside.monotonic_s - visit.since.monotonic_s,
            why=why,
        )
        if not count and self._occupied_since is not None:
            since, self._occupied_since = self._occupied_since, None
            yield ZoneVacated(
                rule=zone_id,
                at=at,
                since=since,
                occupied_s=self._occupied_until_s - since.monotonic_s,
                why=why,
            )
