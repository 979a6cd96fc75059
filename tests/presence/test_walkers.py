from __future__ import annotations

import numpy as np
import pytest

from tests.bench.strollers import scene_of
from tests.bench.truth import chained, depth_in
from tests.bench.walkers import MARGINS, Told, compared, mistakes, told_of, verdict

# As many as take some seconds; the whole run is python -m tests.bench.walkers.
SCENES = 60


def test_walkers_with_jitter_and_missed_looks() -> None:
    verdicts = [verdict(seed) for seed in range(SCENES)]
    wrong = [word for one in verdicts for word in one.words]
    # Of 10,000 scenes 99 % are right; of so few one may be wrong.
    assert len(wrong) <= 1, wrong
    # What is neutral is the exception.
    assert sum(one.neutral for one in verdicts) < 0.12 * sum(one.persons for one in verdicts)


def test_walkers_seen_without_faults() -> None:
    verdicts = [verdict(seed, 0.0, 0.0) for seed in range(30)]
    assert [word for one in verdicts for word in one.words] == []


def test_walkers_tell_events_at_all() -> None:
    # A rule that says nothing would be right about nobody.
    scene = scene_of(3)
    told = told_of(scene, scene.tracks(scene.seen()))
    assert told.crossed
    assert told.entered
    silent = told_of(scene, [])
    assert not silent.crossed
    assert not silent.entered


def test_walkers_told_twice_are_wrong() -> None:
    # The oracle fails who counts double, or not at all.
    wrong = 0
    for seed in range(10):
        scene = scene_of(seed)
        seen = scene.seen()
        told = told_of(scene, scene.tracks(seen))
        assert mistakes(scene, seen, told, MARGINS[-1]) == []
        wrong += bool(mistakes(scene, seen, Told(), MARGINS[-1]))
        for events in told.crossed.values():
            events.extend(list(events))
        for visits in told.entered.values():
            visits.extend(list(visits))
        wrong += bool(mistakes(scene, seen, told, MARGINS[-1]))
    assert wrong >= 18


def test_scene_is_made_from_its_seed() -> None:
    one, other = scene_of(5), scene_of(5)
    assert one.line == other.line
    assert [track.times_s.tolist() for track in one.seen()] == [
        track.times_s.tolist() for track in other.seen()
    ]
    assert len(chained(one.line, one.seen())) > 0


@pytest.mark.parametrize(
    ("point", "depth"),
    [((200, 300), 200), ((500, 800), 200), ((405, 300), -5), ((700, 590), -10), ((-30, -40), -50)],
)
def test_depth_in_an_l(point: tuple[float, float], depth: float) -> None:
    polygon = ((0, 0), (400, 0), (400, 600), (1000, 600), (1000, 1000), (0, 1000))
    assert depth_in(polygon, np.array([point], float)).tolist() == [pytest.approx(depth)]


def test_same_events_at_two_paces() -> None:
    pairs = [compared(seed) for seed in range(20)]
    assert sum(one.events for one in pairs) > 50
    assert [one.unmatched for one in pairs] == [0] * len(pairs)
