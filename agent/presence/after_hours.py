"""Who is there outside working hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.event import AfterHours, LineCrossed, ZoneEntered
from agent.core.frame import later

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.core.track import Track
    from agent.presence.aggregates import ZoneAggregate
    from agent.presence.hours import WorkingTime


class AfterHoursRule:
    """Says `presence.after_hours` once a visit, in the first zone or at the first line that shows it.

    ::

        working hours ──────────┤ closed
        a         ├─────────────┼──────┤      told at the first sighting after working hours, since their end
        b                       │  ├───┤      told as it is told in a zone, since its first sighting
        c         ├─────────····│···          not told: last seen in working hours
    """

    def __init__(self, hours: WorkingTime) -> None:
        """Take the working hours."""
        self._zones: Sequence[ZoneAggregate] = ()
        self._hours = hours
        self._told: set[str] = set()
        self._judged: Instant | None = None

    def change(self, zones: Sequence[ZoneAggregate], hours: WorkingTime, at: Instant | None) -> None:
        """Take the tallies of all zones, and the hours from now on; None: it begins only."""
        if at and not hours.goes_on(self._hours, at.utc):
            # Whoever is there now was not after hours before.
            self._judged = at
        self._zones, self._hours = zones, hours

    def update(self, told: Sequence[Event], tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Yield who is there after hours, from what is told of this frame, which the tallies have in."""
        if self._hours.always_open or not at.synced:
            return
        self._judged = self._judged or at
        span = self._hours.span(at.utc)
        # A track's number is kept no longer than its visit lasts.
        self._told &= {track.track_id for track in tracks}
        if span.open:
            return
        begin = self._judged
        if span.begin and span.begin > begin.utc:
            begin = at.shifted((span.begin - at.utc).total_seconds())
        yield from self._stay_on(tracks, begin, at)
        for event in told:
            if isinstance(event, ZoneEntered):
                yield from self._once(event.rule, event.track, later(event.since, begin), at)
            elif isinstance(event, LineCrossed):
                yield from self._once(event.rule, event.track, at, at)

    def _stay_on(self, tracks: Sequence[Track], begin: Instant, at: Instant) -> Iterator[Event]:
        """Yield whose visit went on after hours; who was last seen before may be gone, and only held."""
        seen = {track.track_id for track in tracks if track.last_seen_s >= begin.monotonic_s}
        if seen <= self._told:
            return
        for zone in self._zones:
            for track, (since, _) in zone.open.items():
                if track in seen:
                    yield from self._once(zone.rule, track, later(since, begin), at)

    def _once(self, rule: str, track: str, since: Instant, at: Instant) -> Iterator[Event]:
        if track not in self._told:
            self._told.add(track)
            yield AfterHours(rule=rule, at=at, since=since, track=track)
