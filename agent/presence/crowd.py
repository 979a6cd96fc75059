"""Crowds: many persons in a zone at once, for longer than a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.event import ZoneCrowded, ZoneUncrowded
from agent.core.frame import later

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.geometry import Zone

    # First and last sighting of each visit that was reported and is not over.
    Stays = Sequence[tuple[Instant, Instant]]


@dataclass(slots=True)
class _Spell:
    """From when to when enough persons were sighted.

    `reported`: whether it was; `stopped`: whether so many are no longer asked for.
    """

    since: Instant
    until: Instant
    reported: bool = False
    stopped: bool = False


class Crowd:
    """Reports `zone.crowded` and `zone.uncrowded`.

    ::

        persons    2  3     4     3   2 3     2              asked for: 3, for so long: ├────────┤
                      ├───────────────·─┤
        reported               crowded        uncrowded      · somebody is in who is not reported yet

    Like a visit it lasts from sighting to sighting: from when the person came who made it enough, to when so
    many were last sighted. Somebody who is not reported yet makes no crowd but keeps one, so that it does not
    end when one takes another's place.
    """

    def __init__(self, zone: Zone) -> None:
        """Take the zone, which says how many are a crowd, if any are, and for how long they must be."""
        self._zone = zone
        self._spell: _Spell | None = None
        self._ended: Instant | None = None
        self._why: EndedWhy = "seen"
        self._peaks = Peaks()

    @property
    def is_asked_for(self) -> bool:
        """Whether it has to be looked for at the next frame."""
        return self._zone.crowd is not None or self._spell is not None

    def change(self, zone: Zone) -> None:
        """Go by another zone from the next frame on: a crowd of a number that it does not ask for is over."""
        if self._spell and zone.crowd != self._zone.crowd:
            self._spell.stopped = True
        self._zone = zone

    def enter(self, at: Instant, count: int) -> None:
        """Somebody was reported in; there are so many now."""
        self._peaks.note(at, count)

    def leave(self, why: EndedWhy) -> None:
        """Somebody was reported out."""
        self._why = why

    def look(self, stays: Stays) -> None:
        """Take the sightings of a frame, while who leaves by it is still among them."""
        least, spell = self._zone.crowd, self._spell
        if spell and not spell.stopped and least and len(stays) >= least:
            sighted = sorted((last for _, last in stays), key=_monotonic_s)
            spell.until = later(spell.until, sighted[-least])

    def update(self, stays: Stays, held: int, at: Instant) -> Iterator[Event]:
        """Yield the start or the end of a crowd.

        Args:
            stays: of the visits after this frame.
            held: how many persons are in, with those who are not reported yet.
            at: when the frame was taken.
        """
        if self._spell and self._spell.stopped:
            yield from self.close(at, "stopped")
        least = self._zone.crowd
        if least is None:
            return
        if self._spell is None and len(stays) >= least:
            since = sorted((first for first, _ in stays), key=_monotonic_s)[least - 1]
            # The last one was reported, and they don't overlap.
            since = later(since, self._ended) if self._ended else since
            self._spell = _Spell(since, since)
        self.look(stays)
        if self._spell and held < least:
            yield from self.close(at, self._why)
        elif self._spell and not self._spell.reported:
            yield from self._report(self._spell, len(stays), at)

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """Yield the end of a crowd that was reported; what comes is another."""
        spell, self._spell = self._spell, None
        if spell and spell.reported:
            self._ended = spell.until
            yield ZoneUncrowded(
                rule=self._zone.zone_id,
                at=at,
                since=spell.since,
                crowded_s=spell.until.monotonic_s - spell.since.monotonic_s,
                max_count=self._peaks.since(spell.since),
                why="stopped" if spell.stopped else why,
            )

    def _report(self, spell: _Spell, count: int, at: Instant) -> Iterator[Event]:
        if spell.until.monotonic_s - spell.since.monotonic_s >= self._zone.crowd_after_s:
            spell.reported = True
            self._peaks.note(at, count)
            yield ZoneCrowded(rule=self._zone.zone_id, at=at, since=spell.since, count=count)


class Peaks:
    """The most persons at once since any moment, by the counts that events have."""

    def __init__(self) -> None:
        # Moments and counts; no count is followed by one that is as high.
        self._highest: list[tuple[float, int]] = []

    def note(self, at: Instant, count: int) -> None:
        """There are so many now."""
        while self._highest and self._highest[-1][1] <= count:
            self._highest.pop()
        self._highest.append((at.monotonic_s, count))

    def since(self, start: Instant) -> int:
        """The most of those that were noted since a moment; 0: none was."""
        return next((count for at_s, count in self._highest if at_s >= start.monotonic_s), 0)


def _monotonic_s(moment: Instant) -> float:
    return moment.monotonic_s
