"""Waits, crowds and long stays are those that an independent reckoning finds in scenes of tracks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.event import CounterQuarter, ZoneOverstayed, ZoneUncrowded
from tests.presence.reckoning import told_of, true_of
from tests.presence.scenes import play, scene_of

# As many as take some seconds; the whole run is python -m tests.bench.waits.
SCENES = 60


@pytest.mark.parametrize("seed", range(SCENES))
def test_scene(seed: int) -> None:
    scene = scene_of(seed)
    assert told_of(scene, play(scene)) == true_of(scene)


def test_scenes_have_all_that_is_to_be_found() -> None:
    found = [true_of(scene_of(seed)) for seed in range(SCENES)]
    waits = [sum(one.visits for one in of.days.values()) for of in found]
    assert sum(waits) > 100
    assert sum(len(of.days) > 1 for of in found) > 10
    assert sum(len(of.crowds) for of in found) > 50
    assert sum(len(of.long_stays) for of in found) > 100
    assert min(waits) == 0


def test_reckoning_finds_what_is_wrong() -> None:
    seed = next(seed for seed in range(SCENES) if true_of(scene_of(seed)).crowds)
    scene = scene_of(seed)
    told = play(scene)
    for kind, field in ((CounterQuarter, "wait_max_s"), (ZoneUncrowded, "crowded_s")):
        event = next(one for one in told if isinstance(one, kind) and getattr(one, field))
        wrong = replace(event, **{field: getattr(event, field) + 0.002})
        assert told_of(scene, [wrong if one is event else one for one in told]) != true_of(scene)
    silent = [one for one in told if not isinstance(one, ZoneOverstayed)]
    assert told_of(scene, silent) != true_of(scene)
