"""After-hours rule: presence outside working hours, reported once a visit."""

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
    """Reports `presence.after_hours` once a visit, in the first zone or at the first line that shows it.

    ::

        working hours ──────────┤ closed
        a         ├─────────────┼──────┤      reported at the first sighting after them, since their end
        b                       │  ├───┤      reported as it is in a zone, since its first sighting
        c         ├─────────····│···          not reported: last seen in working hours
    """

    def __init__(self, hours: WorkingTime) -> None:
        self._zones: Sequence[ZoneAggregate] = ()
        self._hours = hours
        self._reported: set[str] = set()
        self._judged: Instant | None = None

    def change(self, zones: Sequence[ZoneAggregate], hours: WorkingTime, at: Instant | None) -> None:
        """Take other zones and hours from now on.

        Args:
            zones: the aggregates of all zones.
            hours: the working hours.
            at: now; None: at a start, which has no hours before.
        """
        if at and not hours.goes_on(self._hours, at.utc):
            # Whoever is there now was not after hours before.
            self._judged = at
        self._zones, self._hours = zones, hours

    def update(self, reported: Sequence[Event], tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Yield an event for each visit that turns out to be after hours.

        Args:
            reported: the events of this frame, which the aggregates have counted already.
            tracks: the persons now present.
            at: when the frame was taken.
        """
        if self._hours.always_open or not at.synced:
            return
        self._judged = self._judged or at
        span = self._hours.span(at.utc)
        # A track's number is kept no longer than its visit lasts.
        self._reported &= {track.track_id for track in tracks}
        if span.open:
            return
        start = self._judged
        if span.start and span.start > start.utc:
            start = at.shifted((span.start - at.utc).total_seconds())
        yield from self._stay_on(tracks, start, at)
        for event in reported:
            if isinstance(event, ZoneEntered):
                yield from self._once(event.rule, event.track, later(event.since, start), at)
            elif isinstance(event, LineCrossed):
                yield from self._once(event.rule, event.track, at, at)

    def _stay_on(self, tracks: Sequence[Track], start: Instant, at: Instant) -> Iterator[Event]:
        """Yield whose visit went on after hours; who was last seen before may be gone, and only held."""
        seen = {track.track_id for track in tracks if track.last_seen_s >= start.monotonic_s}
        if seen <= self._reported:
            return
        for zone in self._zones:
            for track, (since, _) in zone.open.items():
                if track in seen:
                    yield from self._once(zone.rule, track, later(since, start), at)

    def _once(self, rule: str, track: str, since: Instant, at: Instant) -> Iterator[Event]:
        if track not in self._reported:
            self._reported.add(track)
            yield AfterHours(rule=rule, at=at, since=since, track=track)
