"""Lines and zones on made-up people, against what they really did: python -m tests.bench.walkers [SCENES].

Four tables: tracks straight into the rules, at each margin of the truth (tests/bench/truth.py says
what is neutral); the same scenes without faults at 2 and at 10 looks a second; through the tracker; and what
the rules cost. 1 when a figure is not reached.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from agent.core.detections import PERSON, Detections
from agent.core.event import LineCrossed, ZoneEntered, ZoneLeft
from agent.core.frame import Frame
from agent.core.geometry import Line, Zone
from agent.core.regions import whole
from agent.core.track import Track
from agent.networks.yolox import YOLOX
from agent.presence.line import LineRule
from agent.presence.zone import ZoneRule
from agent.vision.tracker import PersonTracker
from tests.bench.strollers import JITTER_RATIO, MISSED, SIZE_PX, scene_of
from tests.bench.truth import chained, crossings, stays
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.bench.strollers import Scene, Seen

SCENES = 10_000
# The rules were made on the scenes before it.
FIRST_SCENE = 10_000
# To the letter, and where one and two jitters of the border don't matter.
MARGINS = (0.0, JITTER_RATIO, 2 * JITTER_RATIO)
LEAST_EXACT = 0.99
SURE_SCORE = 0.35
SLOW, FAST = 2.0, 10.0
# Float noise of sums of looks.
_TINY_S = 1e-6
_EMPTY = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)


@dataclass
class Told:
    """What the rules told of one scene, by track."""

    crossed: dict[str, list[LineCrossed]] = field(default_factory=lambda: defaultdict(list))
    entered: dict[tuple[str, str], list[ZoneEntered]] = field(default_factory=lambda: defaultdict(list))
    left: dict[tuple[str, str], list[ZoneLeft]] = field(default_factory=lambda: defaultdict(list))


def told_of(scene: Scene, looks: Iterable[tuple[float, Sequence[Track]]]) -> Told:
    """Play tracks into the rules of a scene; the end closes what is open."""
    rules: list[LineRule | ZoneRule] = [LineRule(scene.line)]
    rules += [ZoneRule(zone) for zone in scene.zones]
    told = Told()
    at = make_at(0.0)
    for now_s, tracks in looks:
        at = make_at(now_s)
        for rule in rules:
            for event in rule.update(tracks, at):
                _note(told, event)
    for rule in rules:
        for event in rule.close(at, "stopped"):
            _note(told, event)
    return told


def _note(told: Told, event: object) -> None:
    match event:
        case LineCrossed():
            told.crossed[event.track].append(event)
        case ZoneEntered():
            told.entered[event.rule, event.track].append(event)
        case ZoneLeft():
            told.left[event.rule, event.track].append(event)


def mistakes(scene: Scene, seen: Sequence[Seen], told: Told, margin_ratio: float) -> list[str]:
    """What was told of a scene and is not right, in words."""
    found = []
    for chain in chained(scene.line, seen):
        if chain is None:
            continue
        events = sorted(
            (event for track in chain for event in told.crossed[track.track_id]),
            key=lambda event: event.at.monotonic_s,
        )
        directions = tuple(event.direction for event in events)
        right = crossings(scene.line, chain, scene.looks_per_s, margin_ratio).right
        if directions not in right:
            found.append(f"line: {chain[0].track_id} told {directions}, right {sorted(right)}")
    look_s = 1 / scene.looks_per_s
    for zone in scene.zones:
        for track in seen:
            entered = told.entered[zone.zone_id, track.track_id]
            begins_s = [event.since.monotonic_s for event in entered]
            spells = stays(zone, track, scene.looks_per_s, margin_ratio)
            matched = 0
            for spell in spells:
                # Of who comes near, jitter may show a look or two inside before they are.
                first_s, last_s = spell.begin_s - 3 * look_s, spell.end_s + look_s
                visits = sum(first_s - _TINY_S <= begin_s <= last_s + _TINY_S for begin_s in begins_s)
                matched += visits
                if not spell.least <= visits <= spell.most:
                    found.append(f"zone: {track.track_id} told {visits}, right {spell}")
            if matched < len(entered):
                found.append(f"zone: {track.track_id} told {len(entered)}, never there")
    return found


@dataclass(frozen=True)
class Verdict:
    """What one scene gave, for each margin: how many mistakes at lines and in zones."""

    persons: int
    neutral: int
    wrong: tuple[Counter[str], ...]
    words: tuple[str, ...]


def verdict(seed: int, jitter_ratio: float = JITTER_RATIO, missed: float = MISSED) -> Verdict:
    """Play one scene straight into the rules."""
    scene = scene_of(seed)
    seen = scene.seen(jitter_ratio, missed)
    told = told_of(scene, scene.tracks(seen))
    words = [mistakes(scene, seen, told, margin) for margin in MARGINS]
    chains = chained(scene.line, seen)
    wrong = tuple(Counter(one.partition(":")[0] for one in some) for some in words)
    return Verdict(len(chains), chains.count(None), wrong, tuple(f"scene {seed} {one}" for one in words[-1]))


@dataclass(frozen=True)
class Pairs:
    """The same events at two paces: how many, how many have no match, and the worst difference of times."""

    events: int
    unmatched: int
    late: int
    worst_s: float


def compared(seed: int, margin_ratio: float = MARGINS[-1]) -> Pairs:
    """One scene without faults at SLOW and FAST looks a second; what is neutral at either is left out."""
    told, sure = [], []
    for looks_per_s in (SLOW, FAST):
        scene = scene_of(seed, looks_per_s)
        # What happens behind something has no time.
        scene = replace(
            scene, strollers=tuple(replace(one, hidden=(), renamed=()) for one in scene.strollers)
        )
        seen = scene.seen(0.0, 0.0)
        told.append(told_of(scene, scene.tracks(seen)))
        truth: dict[tuple[str, str], object] = {}
        for chain in chained(scene.line, seen):
            right = (
                crossings(scene.line, chain, looks_per_s, margin_ratio) if chain and len(chain) == 1 else None
            )
            if right and right.sure:
                truth["line", right.track_ids[0]] = right.right
        for zone in scene.zones:
            for track in seen:
                spells = stays(zone, track, looks_per_s, margin_ratio)
                over_s = [spell.end_s - spell.begin_s - zone.min_dwell_s for spell in spells]
                clear = all(abs(one) > 2 / SLOW + _TINY_S for one in over_s)
                if clear and all(spell.least == spell.most for spell in spells):
                    truth[zone.zone_id, track.track_id] = [spell.least for spell in spells]
        sure.append(truth)
    events = unmatched = late = 0
    worst_s = 0.0
    # Where the truth itself is not the same at both, somebody was there for less than two looks.
    for rule, name in sorted(key for key in sure[0] if sure[0][key] == sure[1].get(key)):
        slow, fast = (_times(some, rule, name) for some in told)
        events += max(len(slow), len(fast))
        if [what for what, _ in slow] != [what for what, _ in fast]:
            unmatched += 1
            continue
        apart_s = [abs(a - b) for (_, a), (_, b) in zip(slow, fast, strict=True)]
        late += sum(one > 1 / SLOW + _TINY_S for one in apart_s)
        worst_s = max([worst_s, *apart_s])
    return Pairs(events, unmatched, late, worst_s)


def _times(told: Told, rule: str, track: str) -> list[tuple[str, float]]:
    """Of a line when each crossing was told; of a zone when each visit began and ended."""
    if rule == "line":
        return [(event.direction, event.at.monotonic_s) for event in told.crossed[track]]
    return [
        pair
        for event in told.left[rule, track]
        for pair in (
            ("begin", event.since.monotonic_s),
            ("end", event.since.monotonic_s + event.dwell_s),
        )
    ]


@dataclass(frozen=True)
class Sums:
    """Events of a scene through the tracker, and the least and the most that are right."""

    found: tuple[int, int, int]
    least: tuple[int, int, int]
    most: tuple[int, int, int]


def _followed(scene: Scene, seen: Sequence[Seen]) -> Iterator[tuple[float, Sequence[Track]]]:
    """The tracker's tracks at each look, from the boxes seen of everybody."""
    numbers = count(1)
    tracker = PersonTracker(SURE_SCORE, YOLOX.of_persons(), lambda: f"p{next(numbers)}")
    rows: dict[float, list[list[float]]] = defaultdict(list)
    for track in seen:
        for time_s, box in zip(track.times_s.tolist(), track.boxes.tolist(), strict=True):
            rows[time_s].append(box)
    image = np.broadcast_to(_EMPTY[0], (SIZE_PX[1], SIZE_PX[0], 3))
    for index, time_s in enumerate(scene.looks_s.tolist()):
        boxes = rows[time_s]
        detections = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.77, np.float32),
            np.full(len(boxes), PERSON, np.int64),
        )
        frame = Frame(index, make_at(time_s), image, _EMPTY[1])
        yield time_s, tracker.update(frame, whole(frame), detections)


def tracked(seed: int) -> Sums:
    """One scene through the tracker: crossings in and out, and visits; who is who is not asked."""
    scene = scene_of(seed)
    seen = scene.seen()
    told = told_of(scene, _followed(scene, seen))
    ways = Counter(event.direction for events in told.crossed.values() for event in events)
    visits = sum(map(len, told.entered.values()))
    least, most = [0, 0, 0], [0, 0, 0]
    # Whoever is renamed is one person for the tracker, which may well see that.
    for chain in chained(scene.line, seen):
        if chain is None:
            # Nobody knows; one each way is as much as most do.
            most[0], most[1] = most[0] + 1, most[1] + 1
            continue
        right = crossings(scene.line, chain, scene.looks_per_s, MARGINS[-1]).right
        for index, name in enumerate(("in", "out")):
            least[index] += min(directions.count(name) for directions in right)
            most[index] += max(directions.count(name) for directions in right)
    for zone in scene.zones:
        for track in seen:
            for spell in stays(zone, track, scene.looks_per_s, MARGINS[-1]):
                least[2] += spell.least
                most[2] += spell.most
    return Sums(
        (ways["in"], ways["out"], visits),
        (least[0], least[1], least[2]),
        (most[0], most[1], most[2]),
    )


def cost_ms(looks: int = 400) -> tuple[float, float]:
    """Thread CPU of 5 lines and of 10 zones for a look at 20 persons, in ms."""
    width, height = SIZE_PX
    rng = np.random.default_rng(7)
    lines = [
        LineRule(Line(f"l{i}", (200.0 * i + 100, 0.0), (200.0 * i + 200, height), (width, 300.0)))
        for i in range(5)
    ]
    zones = []
    for i in range(10):
        x, y = 110.0 * i, 150.0 + 40 * (i % 4)
        corners = (
            (x, y),
            (x + 150, y),
            (x + 150, y + 150),
            (x + 300, y + 150),
            (x + 300, y + 350),
            (x, y + 350),
        )
        zones.append(ZoneRule(Zone(f"z{i}", corners, 1.0)))
    feet = rng.uniform((0, 200), (width, height), (20, 2))
    speed = rng.uniform(-15, 15, (20, 2))
    spent = [0.0, 0.0]
    for look in range(looks):
        at = make_at(look / 10)
        feet += speed + rng.normal(0, 4, (20, 2))
        speed[(feet < (0, 200)) | (feet > (width, height))] *= -1
        tracks = [
            Track(f"t{i}", (x - 30, y - 150, x + 30, y), (x, y), 0.77, 0.0, at.monotonic_s)
            for i, (x, y) in enumerate(feet.tolist())
        ]
        both: tuple[Sequence[LineRule | ZoneRule], ...] = (lines, zones)
        for kind, rules in enumerate(both):
            begin_s = time.thread_time()
            for rule in rules:
                for _ in rule.update(tracks, at):
                    pass
            spent[kind] += time.thread_time() - begin_s
    return spent[0] / looks * 1000, spent[1] / looks * 1000


def _seeds(scenes: int) -> range:
    return range(FIRST_SCENE, FIRST_SCENE + scenes)


def _straight(pool: ProcessPoolExecutor, name: str, scenes: int, jitter_ratio: float, missed: float) -> bool:
    """Print how many scenes are exact straight through the rules; whether that is enough."""
    judge = partial(verdict, jitter_ratio=jitter_ratio, missed=missed)
    verdicts = list(pool.map(judge, _seeds(scenes), chunksize=20))
    persons, neutral = sum(one.persons for one in verdicts), sum(one.neutral for one in verdicts)
    print(f"{name}: {scenes} scenes, {persons} persons, {neutral / persons:.1%} neutral at the line")
    exact = 0.0
    for index, margin in enumerate(MARGINS):
        exact = sum(not one.wrong[index] for one in verdicts) / scenes
        at_line = sum(not one.wrong[index]["line"] for one in verdicts) / scenes
        in_zones = sum(not one.wrong[index]["zone"] for one in verdicts) / scenes
        print(
            f"  margin {margin:.2f}: exact {exact:.2%}; line {at_line:.2%}, zones {in_zones:.2%}", flush=True
        )
    for word in [word for one in verdicts for word in one.words][:5]:
        print(f"    {word}")
    return exact >= LEAST_EXACT


def _at_two_paces(pool: ProcessPoolExecutor, scenes: int) -> bool:
    """Print how alike scenes without faults are at two paces; whether all events are the same."""
    print(f"no faults, {SLOW:.0f} and {FAST:.0f} looks a second: {scenes} scenes")
    unmatched = 0
    for margin in (MARGINS[0], MARGINS[-1]):
        pairs = list(pool.map(partial(compared, margin_ratio=margin), _seeds(scenes), chunksize=10))
        events, late = sum(one.events for one in pairs), sum(one.late for one in pairs)
        unmatched = sum(one.unmatched for one in pairs)
        worst_s = max(one.worst_s for one in pairs)
        print(
            f"  margin {margin:.2f}: {events} times; {unmatched} persons told otherwise; "
            f"{late} times apart by more than a look, worst {worst_s:.2f} s",
            flush=True,
        )
    return not unmatched


def _through_the_tracker(pool: ProcessPoolExecutor, scenes: int) -> None:
    sums = list(pool.map(tracked, _seeds(scenes), chunksize=10))
    for index, name in enumerate(("in", "out", "visits")):
        right = sum(one.least[index] <= one.found[index] <= one.most[index] for one in sums) / scenes
        found, least, most = (
            sum(one[index] for one in some)
            for some in zip(*((one.found, one.least, one.most) for one in sums), strict=True)
        )
        print(f"through the tracker, {name}: {found} told, {least} to {most} right; {right:.1%} of scenes")


def main(scenes: int = SCENES) -> int:
    """Print the tables; 1 when a figure is not reached."""
    part = max(scenes // 10, 20)
    print(f"jitter {JITTER_RATIO:.0%} of the box, {MISSED:.0%} of looks missed")
    with ProcessPoolExecutor() as pool:
        good = [
            _straight(pool, "no faults", part, 0.0, 0.0),
            _straight(pool, "faults", scenes, JITTER_RATIO, MISSED),
            _at_two_paces(pool, part),
        ]
        _through_the_tracker(pool, part)
    lines_ms, zones_ms = cost_ms()
    print(f"20 persons: 5 lines {lines_ms:.2f} ms, 10 zones {zones_ms:.2f} ms of thread CPU a look")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
