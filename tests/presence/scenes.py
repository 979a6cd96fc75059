"""Seeded scenes of tracks before a counter: who was sighted where at which frame, and what the rules tell.

Feet are far from every border, so that nothing but times decides. What is true of a scene is reckoned in
`reckoning.py`, from the sightings alone.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from agent.core.frame import Instant
from agent.core.geometry import Zone
from agent.core.visibility import Visibility
from agent.presence.ledger import Ledger
from agent.presence.settings import CounterSettings, RuleSettings, ZoneSettings
from agent.presence.zone import ZoneRule
from tests.builders import make_track
from tests.presence.office import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.core.event import Event

# The zones overlap: who hands something over stands in both.
ZONES: Final = {
    "staff": ((0, 0), (500, 0), (500, 1000), (0, 1000)),
    "public": ((400, 0), (1000, 0), (1000, 1000), (400, 1000)),
}
FEET: Final = {"desk": (200, 500), "queue": (700, 500), "handing": (450, 500), "hall": (700, 1500)}
IN: Final = {"staff": ("desk", "handing"), "public": ("queue", "handing")}
MINUTES: Final = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a scene.

    Attributes:
        name: tells them apart.
        seen: by the frames at which they were sighted, in order, where they stood.
        held_ms: how long they are taken to be there when they are sighted no more.
    """

    name: str
    seen: Mapping[int, str]
    held_ms: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Some persons, and when the camera was blind.

    Attributes:
        start_ms: of the first frame, since 1970.
        every_ms: from frame to frame.
        dwell_ms: by zone, shorter visits are of passers-by.
        overstay_ms: longer visits to the public zone are.
        crowd, crowd_after_ms: so many persons there are a crowd, after so long.
        sighted: spans of frames, from one to before another, between which the camera is blind.
        persons: whoever comes.
    """

    start_ms: int
    every_ms: int
    dwell_ms: Mapping[str, int]
    overstay_ms: int
    crowd: int
    crowd_after_ms: int
    sighted: Sequence[tuple[int, int]]
    persons: Sequence[Person]

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.sighted[-1][1]

    def ms(self, frame: int) -> int:
        """When a frame was taken, since 1970."""
        return self.start_ms + frame * self.every_ms

    def frame_at(self, moment_ms: int) -> int:
        """The frame that was taken at a moment since 1970."""
        return (moment_ms - self.start_ms) // self.every_ms

    def at(self, frame: int) -> Instant:
        """The same on both clocks; the machine was started some time before."""
        after_ms = frame * self.every_ms
        return Instant(1234.5 + after_ms / 1000, _EPOCH + timedelta(milliseconds=self.start_ms + after_ms))


def scene_of(seed: int) -> Scene:
    """The scene of a seed: some around a local midnight, some with blindness."""
    chance = random.Random(seed)  # noqa: S311 - the same scene every time
    first = datetime(2026, 1, 5, *chance.choice([(16, 50), (1, 8), (4, 20)]), tzinfo=UTC)
    every_ms = chance.choice([640, 1000, 1500])
    count = MINUTES * 60_000 // every_ms
    blind = sorted(chance.sample(range(count // 10, count), 2 * chance.choice([0, 0, 1, 2])))
    borders = [0, *blind, count]
    return Scene(
        start_ms=round(first.timestamp() * 1000) + chance.randrange(60_000),
        every_ms=every_ms,
        dwell_ms={"staff": chance.choice([0, 1000, 4000]), "public": chance.choice([1000, 2500])},
        overstay_ms=chance.choice([5000, 30_000, 90_000]),
        crowd=chance.choice([2, 3, 4]),
        crowd_after_ms=chance.choice([0, 3000, 20_000]),
        sighted=list(zip(borders[::2], borders[1::2], strict=True)),
        persons=[_person(chance, f"p{n}", every_ms, count) for n in range(chance.randint(1, 20))],
    )


def _person(chance: random.Random, name: str, every_ms: int, count: int) -> Person:
    """Comes at some time, stands here and there for a look or for minutes, and is gone."""
    frame, seen = chance.randrange(count), {}
    for _ in range(chance.randint(1, 6)):
        place = chance.choices(list(FEET), [1, 5, 1, 3])[0]
        stay_ms = chance.choice([0, every_ms, 2000, 5000, 30_000, 90_000, 300_000])
        missed = 0
        for _ in range(1 + round(stay_ms * chance.uniform(0.5, 1.5)) // every_ms):
            missed = missed + 1 if chance.random() < 0.1 and missed < 2 else 0
            if frame < count and not missed:
                seen[frame] = place
            frame += 1
    # For longer than looks are missed.
    return Person(name, seen, every_ms * 4 + chance.randrange(3000))


def settings_of(dwell_ms: Mapping[str, int]) -> RuleSettings:
    """Of the ledger, with a counter where there are zones."""
    zones = [ZoneSettings(name, dwell / 1000, 2.0) for name, dwell in dwell_ms.items()]
    desk = [CounterSettings("desk", "staff", "public", 20.0)] if zones else []
    return RuleSettings([*zones, *desk], ALWAYS, 60.0)


def play(scene: Scene) -> list[Event]:
    """What rules and ledger tell of a scene, to the sums of its last quarter and day."""
    staff, public = (Zone(name, ZONES[name], dwell_ms / 1000) for name, dwell_ms in scene.dwell_ms.items())
    public = replace(
        public,
        overstay_s=scene.overstay_ms / 1000,
        crowd=scene.crowd,
        crowd_after_s=scene.crowd_after_ms / 1000,
    )
    rules = [ZoneRule(staff), ZoneRule(public)]
    ledger = Ledger(settings_of(scene.dwell_ms))
    told: list[Event] = []
    for span, (first, end) in enumerate(scene.sighted):
        there = [(f"t{span}-{n}", person, _in(person, first, end)) for n, person in enumerate(scene.persons)]
        for frame in range(first, end):
            at = scene.at(frame)
            tracks = [
                make_track(
                    FEET[person.seen[seen[i]]], at.monotonic_s, track, seen_s=scene.at(seen[i]).monotonic_s
                )
                for track, person, seen in there
                if (i := bisect_right(seen, frame) - 1) >= 0
                and (frame - seen[i]) * scene.every_ms <= person.held_ms
            ]
            events = [event for rule in rules for event in rule.update(tracks, at)]
            told += ledger.update(events, tracks, Visibility(None, at), at)
        for frame in range(end, scene.sighted[span + 1][0] if end < scene.frames else end):
            at = scene.at(frame)
            events = [event for rule in rules for event in rule.close(at, "blind")]
            told += ledger.update(events, (), Visibility("covered", scene.at(end)), at)
    at = scene.at(scene.frames)
    told += ledger.close([event for rule in rules for event in rule.close(at, "stopped")], at, "stopped")
    return [*told, *ledger.finish(at)]


def _in(person: Person, first: int, end: int) -> list[int]:
    return [frame for frame in person.seen if first <= frame < end]
