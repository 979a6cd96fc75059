"""What is true of a scene, reckoned from all sightings of each person at once, not frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.presence.scenes import IN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.presence.scenes import Person, Scene

# As the zone's docstring has it: out for so long with two sightings, or sighted out once and no more.
OUT_MS, UNSEEN_MS = 1000, 3000
ON_THE_WAY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Stay:
    """One person's stay in a zone.

    Attributes:
        zone: its id.
        who: the person, and in which span between blindnesses.
        first, last: frames at which they were sighted in it.
        end: frame at which that was known to be over.
        left: whether they were seen leaving, or lost; False: the camera turned blind, or the scene ended.
    """

    zone: str
    who: tuple[str, int]
    first: int
    last: int
    end: int
    left: bool


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
            yield Stay(zone, (person.name, span), start, here, over if left else end, left)
            start = following


def _over(scene: Scene, away: Sequence[int]) -> int:
    """The first frame at which sightings elsewhere say that they are gone."""
    if not away:
        return 1 << 62
    unseen = away[0] - -UNSEEN_MS // scene.every_ms
    if len(away) == 1:
        return unseen
    return min(unseen, max(away[1], away[0] - -OUT_MS // scene.every_ms))


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
