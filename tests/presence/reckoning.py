"""What is true of a scene, reckoned from all sightings of each person at once, not frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from agent.core.event import CounterDay, CounterQuarter, Event, ZoneCrowded, ZoneOverstayed, ZoneUncrowded
from tests.presence.scenes import IN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.frame import Instant
    from tests.presence.scenes import Person, Scene

_Kind = TypeVar("_Kind", bound=Event)
# As the zone's docstring has it: out for so long with two sightings, or sighted out once and no more.
OUT_MS, UNSEEN_MS = 1000, 3000
ON_THE_WAY_MS = 60_000
QUARTER_MS, DAY_MS, ZONE_MS = 900_000, 86_400_000, 25_200_000
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Stay:
    """One person's stay in a zone.

    Attributes:
        zone: its id.
        who: the person, and in which span between blindnesses.
        inside: frames at which they were sighted in it.
        end: frame at which that was known to be over.
        left: whether they were seen leaving, or lost; False: the camera turned blind, or the scene ended.
    """

    zone: str
    who: tuple[str, int]
    inside: Sequence[int]
    end: int
    left: bool

    @property
    def first(self) -> int:
        """Frame of the first sighting in it."""
        return self.inside[0]

    @property
    def last(self) -> int:
        """Frame of the last sighting in it."""
        return self.inside[-1]

    def reached(self, length_ms: float, every_ms: int) -> int | None:
        """The frame at which it had been so long, by its sightings; None: it never was."""
        return next((frame for frame in self.inside if (frame - self.first) * every_ms >= length_ms), None)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the waits in a span of time."""

    visits: int
    wait_p50_s: float | None
    wait_p90_s: float | None
    wait_max_s: float | None


def stays(scene: Scene, *, passers: bool = False) -> list[Stay]:
    """All stays that are visits; `passers`: all that are too short to be."""
    return [
        stay
        for span, (first, end) in enumerate(scene.sighted)
        for person in scene.persons
        for zone in IN
        for stay in _stays(scene, person, zone, (span, first, end))
        if ((stay.last - stay.first) * scene.every_ms < scene.dwell_ms[zone]) == passers
    ]


def _stays(scene: Scene, person: Person, zone: str, within: tuple[int, int, int]) -> Iterator[Stay]:
    span, first, end = within
    seen = [frame for frame in person.seen if first <= frame < end]
    inside = [frame for frame in seen if person.seen[frame] in IN[zone]]
    if not inside:
        return
    # Not held any more: the first frame so long after the last sighting.
    gone = seen[-1] + person.held_ms // scene.every_ms + 1
    start = inside[0]
    for here, following in zip(inside, [*inside[1:], end], strict=True):
        away = [frame for frame in seen if here < frame < following]
        over = _over(scene, away)
        if following == end:
            over = min(over, gone)
        if over < following or following == end:
            left = over < end
            stay = [frame for frame in inside if start <= frame <= here]
            yield Stay(zone, (person.name, span), stay, over if left else end, left)
            start = following


def _over(scene: Scene, away: Sequence[int]) -> int:
    """The first frame at which sightings elsewhere say that they are gone."""
    if not away:
        return 1 << 62
    unseen = away[0] - -UNSEEN_MS // scene.every_ms
    if len(away) == 1:
        return unseen
    return min(unseen, max(away[1], away[0] - -OUT_MS // scene.every_ms))


@dataclass(frozen=True, slots=True)
class Gathering:
    """So many persons in a zone at once.

    Attributes:
        first_ms, last_ms: when there were, since 1970.
        told, over: frames at which it was known that they were, and that they are no more.
        count: how many there were when it was told.
        most: how many there were at most.
    """

    first_ms: int
    last_ms: int
    told: int
    over: int
    count: int
    most: int


class _Zone:
    """Who is in a zone at each frame, and from which number on that is a crowd."""

    def __init__(self, scene: Scene, zone: str, least: int) -> None:
        self.scene, self.least = scene, least
        self.long, short = (
            [one for one in stays(scene, passers=brief) if one.zone == zone] for brief in (False, True)
        )
        self.all = [*self.long, *short]
        dwell_ms = scene.dwell_ms[zone]
        self.known = {id(stay): stay.reached(dwell_ms, scene.every_ms) or 0 for stay in self.long}

    def there(self, frame: int) -> list[Stay]:
        """Those who are known to be in it after a frame."""
        return [stay for stay in self.long if self.known[id(stay)] <= frame < stay.end]

    def is_over(self, frame: int) -> bool:
        """Whether there are too few, with those of whom it is not known yet."""
        return sum(stay.first <= frame < stay.end for stay in self.all) < self.least

    def sighted_ms(self, frame: int, start: int) -> int:
        """When so many of those who were known before a frame, or are after it, were last sighted."""
        before = [stay for stay in self.long if self.known[id(stay)] < frame <= stay.end]
        moments = [0]
        for those in (before if frame > start else [], self.there(frame)):
            latest = sorted(max(seen for seen in stay.inside if seen <= frame) for stay in those)
            moments += [self.scene.ms(latest[-self.least])] if len(latest) >= self.least else []
        return max(moments)

    def most(self, since_ms: int, frames: Sequence[int]) -> int:
        """The most when somebody came from a moment on, or at some frames; none is as late as the last."""
        came = [frame for frame in self.known.values() if self.scene.ms(frame) >= since_ms]
        return max(len(self.there(frame)) for frame in (*came, *frames) if frame < frames[-1])


def gatherings(scene: Scene, zone: str, least: int, after_ms: int) -> list[Gathering]:
    """Of at least so many persons for at least so long, by who is in the zone at each frame."""
    of, found = _Zone(scene, zone, least), list[Gathering]()
    for first, end in scene.sighted:
        frame = first
        while frame < end:
            if len(of.there(frame)) < least:
                frame += 1
                continue
            since_ms = sorted(scene.ms(stay.first) for stay in of.there(frame))[least - 1]
            since_ms = max([since_ms, *(one.last_ms for one in found[-1:])])
            start, last_ms, told = frame, since_ms, None
            while frame < end:
                last_ms = max(last_ms, of.sighted_ms(frame, start))
                if of.is_over(frame):
                    break
                if told is None and last_ms - since_ms >= after_ms:
                    told = frame
                frame += 1
            if told is not None:
                most = of.most(since_ms, (told, frame))
                found.append(Gathering(since_ms, last_ms, told, frame, len(of.there(told)), most))
    return found


def waits(scene: Scene) -> list[tuple[int, int]]:
    """When each wait ended, and how long it was, ms."""
    found = stays(scene)
    return [
        (scene.ms(stay.last), (stay.last - stay.first) * scene.every_ms)
        for stay in found
        if stay.zone == "public"
        and stay.left
        and not any(
            other.zone == "staff"
            and other.who == stay.who
            and scene.ms(other.first) <= scene.ms(stay.last) + ON_THE_WAY_MS
            for other in found
        )
    ]


def figures(scene: Scene, start_ms: int, end_ms: int) -> Figures:
    """Of the waits that ended from a moment to before another."""
    lengths_ms = [length_ms for ended_ms, length_ms in waits(scene) if start_ms <= ended_ms < end_ms]
    return Figures(len(lengths_ms), *(_reached_s(lengths_ms, percent) for percent in (50, 90, 100)))


def _reached_s(lengths_ms: Sequence[int], percent: int) -> float | None:
    """The least of them that is as long as, or longer than, so many per cent of them."""
    long_enough = (
        one
        for one in lengths_ms
        if 100 * sum(other <= one for other in lengths_ms) >= percent * len(lengths_ms)
    )
    reached_ms = min(long_enough, default=None)
    return None if reached_ms is None else reached_ms / 1000


Sums = dict[tuple[int, int], Figures]


def true_sums(scene: Scene) -> tuple[Sums, Sums]:
    """Figures of the quarters of an hour in which somebody waited, and of the local days, from and to ms."""
    last_ms = scene.ms(scene.frames)
    quarters = range(scene.start_ms - scene.start_ms % QUARTER_MS, last_ms, QUARTER_MS)
    # Seven hours before UTC, and no summer time.
    first = (scene.start_ms + ZONE_MS) // DAY_MS * DAY_MS - ZONE_MS
    days = range(first, last_ms, DAY_MS)
    return (
        {
            (start, start + QUARTER_MS): found
            for start in quarters
            if (found := figures(scene, start, start + QUARTER_MS)).visits
        },
        {(start, start + DAY_MS): figures(scene, start, start + DAY_MS) for start in days},
    )


def true_long_stays(scene: Scene) -> list[tuple[int, int]]:
    """Of the visits to the public zone that are too long: when each began, and when it was known, ms."""
    return sorted(
        (scene.ms(stay.first), scene.ms(frame))
        for stay in stays(scene)
        if stay.zone == "public"
        and (frame := stay.reached(scene.overstay_ms + 1, scene.every_ms)) is not None
    )


@dataclass(frozen=True, slots=True)
class Reckoned:
    """All that can be said of a scene."""

    quarters: Sums
    days: Sums
    crowds: list[Gathering]
    long_stays: list[tuple[int, int]]


def true_of(scene: Scene) -> Reckoned:
    """What is true."""
    crowds = gatherings(scene, "public", scene.crowd, scene.crowd_after_ms)
    return Reckoned(*true_sums(scene), crowds, true_long_stays(scene))


def told_of(scene: Scene, told: Sequence[Event]) -> Reckoned:
    """What the events say."""
    quarters: Sums = {}
    days: Sums = {}
    for event in told:
        if isinstance(event, CounterQuarter) and event.visits:
            span = round(event.start.timestamp() * 1000), round(event.end.timestamp() * 1000)
            quarters[span] = _figures(event)
        elif isinstance(event, CounterDay):
            start_ms = (event.date.toordinal() - _EPOCH) * DAY_MS - ZONE_MS
            days[start_ms, start_ms + round(event.length_s * 1000)] = _figures(event)
    crowds = [
        Gathering(
            _ms(opened.since),
            _ms(closed.since) + round(closed.crowded_s * 1000),
            scene.frame_at(_ms(opened.at)),
            scene.frame_at(_ms(closed.at)),
            opened.count,
            closed.max_count,
        )
        for opened, closed in zip(_of(told, ZoneCrowded), _of(told, ZoneUncrowded), strict=True)
        if opened.since == closed.since
    ]
    long_stays = sorted((_ms(event.since), _ms(event.at)) for event in _of(told, ZoneOverstayed))
    return Reckoned(quarters, days, crowds, long_stays)


def _of(told: Sequence[Event], kind: type[_Kind]) -> list[_Kind]:
    return [event for event in told if isinstance(event, kind)]


def _ms(moment: Instant) -> int:
    return round(moment.utc.timestamp() * 1000)


def _figures(event: CounterQuarter | CounterDay) -> Figures:
    assert event.visits is not None
    return Figures(event.visits, event.wait_p50_s, event.wait_p90_s, event.wait_max_s)
