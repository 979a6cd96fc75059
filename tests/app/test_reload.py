from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.app.build import random_track_ids, stages
from agent.app.reload import apply_settings, changes
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.event import ZoneCrowded, ZoneLeft, ZoneOverstayed, ZoneUncrowded
from agent.core.visibility import Visibility
from tests.builders import make_at, make_frame, make_track
from tests.conftest import write_config

if TYPE_CHECKING:
    from pathlib import Path

    from agent.app.build import Stages
    from agent.app.settings import Settings
    from agent.core.event import Event


def written(folder: Path, *edits: tuple[str, str], more: str = "", port: int | None = None) -> Settings:
    path = write_config(folder, "x.avi", more=more, port=port)
    text = path.read_text()
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    return settings_of(load(path))


DOOR = """
[[line]]
id = "door"
start = [0.2, 0.0]
end = [0.2, 1.0]
inside = [0.9, 0.5]
"""
WORK = """
[[hours]]
days = ["mon"]
periods = [["07:30", "11:30"]]
"""


@pytest.mark.parametrize(
    ("edits", "more", "port", "way", "names"),
    [
        pytest.param((), "", None, "nothing", "", id="nothing"),
        pytest.param((("Sân", "Cổng"),), "", None, "live", "[device] place", id="place"),
        pytest.param((("min_dwell_s = 0.5", ""),), "", None, "live", 'zone "yard"', id="zone"),
        pytest.param((), DOOR + WORK, None, "live", '[[hours]], line "door"', id="line-and-hours"),
        pytest.param((), "[detector]\nconfidence = 0.5", None, "live", "[detector] confidence", id="score"),
        pytest.param((), "", 1883, "delivery", "[mqtt]", id="broker"),
        pytest.param(
            (), "[detector]\nmodel = 'yolox_tiny'", 1883, "restart", "[detector] model, [mqtt]", id="model"
        ),
        pytest.param((("x.avi", "y.avi"),), "", None, "restart", "[camera] source", id="camera"),
        pytest.param((("events.db", "other.db"),), "", None, "restart", "[log] path", id="log"),
    ],
)
def test_changes(
    tmp_path: Path, edits: tuple[tuple[str, str], ...], more: str, port: int | None, way: str, names: str
) -> None:
    found = changes(written(tmp_path), written(tmp_path, *edits, more=more, port=port))
    assert (found.way, f"{found}") == (way, names)


def networks(stage: Stages) -> int:
    return len(stage.detector.networks)


@pytest.mark.usefixtures("weights")
def test_stages_go_on(tmp_path: Path) -> None:
    old = written(tmp_path)
    stage = stages(old, (64, 48), random_track_ids())
    frames = [make_frame(second / 2, index=second) for second in range(40)]
    steps = stage.steps(iter(frames))
    for _ in range(10):
        next(steps)
    one = stage.rules[0]
    more = DOOR + "[attention]\nalways = true\n[detector]\nfaces = false\n[tamper]\ndark_level = 50"
    new = written(tmp_path, more=more)
    assert apply_settings(stage, new, frames[9].at) == []
    # The steps that were begun go on with what is new.
    assert type(stage.attention.kind).__name__ == "EveryFrame"
    assert networks(stage) == 1
    assert stage.rules[0] is one
    next(steps)
    assert {state.rule for state in stage.ledger.states()} == {"gate", "door", "yard"}
    told = apply_settings(stage, old, frames[10].at)
    assert {event.rule for event in told} == {"door"}
    assert type(stage.attention.kind).__name__ == "Attention"
    assert networks(stage) == 2
    list(steps)
    assert not [event for event in stage.close(make_at(30)) if isinstance(event, ZoneLeft)]


CROWD = "min_dwell_s = 0.5\ncrowd = 2\ncrowd_after_s = 2.0"


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(
    ("then", "closed"),
    [
        (CROWD.replace("2.0", "60"), []),
        (CROWD.replace("= 2\n", "= 3\n"), ["stopped"]),
        ("min_dwell_s = 0.5", ["stopped"]),
        # Nobody asked for it in the first place, and now it is there.
        (CROWD + "\noverstay_s = 5.0", []),
    ],
    ids=["after", "more", "none", "same"],
)
def test_crowd_goes_on_or_is_stopped(tmp_path: Path, then: str, closed: list[str]) -> None:
    stage = stages(written(tmp_path, ("min_dwell_s = 0.5", CROWD)), (64, 48), random_track_ids())
    rule = next(rule for rule in stage.rules if rule.shape.rule_id == "yard")
    told: list[Event] = []

    def watch(begin: int, end: int) -> None:
        for second in range(begin, end):
            at = make_at(second)
            tracks = [make_track((20, 30), second, name, height_px=10) for name in ("t1", "t2", "t3")]
            events = list(rule.update(tracks, at))
            told.extend(stage.ledger.update(events, tracks, Visibility(None, at), at))

    watch(0, 5)
    assert [event.since for event in told if isinstance(event, ZoneCrowded)] == [make_at(0)]
    assert apply_settings(stage, written(tmp_path, ("min_dwell_s = 0.5", then)), make_at(4)) == []
    watch(5, 12)
    over = [event for event in told if isinstance(event, ZoneUncrowded)]
    assert [event.why for event in over] == closed
    assert len([event for event in told if isinstance(event, ZoneOverstayed)]) == 3 * ("overstay" in then)
    # Once for all that was opened, whatever comes; and the visits went on.
    last = [*rule.close(make_at(12), "stopped")]
    both = [*told, *last]
    assert len([event for event in both if isinstance(event, ZoneUncrowded)]) == len(
        [event for event in both if isinstance(event, ZoneCrowded)]
    )
    assert {event.dwell_s for event in last if isinstance(event, ZoneLeft)} == {11.0}


@pytest.mark.usefixtures("weights")
def test_zone_that_is_gone_is_no_longer_crowded(tmp_path: Path) -> None:
    stage = stages(written(tmp_path, ("min_dwell_s = 0.5", CROWD)), (64, 48), random_track_ids())
    rule = next(rule for rule in stage.rules if rule.shape.rule_id == "yard")
    for second in range(5):
        at = make_at(second)
        tracks = [make_track((20, 30), second, name, height_px=10) for name in ("t1", "t2")]
        stage.ledger.update(list(rule.update(tracks, at)), tracks, Visibility(None, at), at)
    told = apply_settings(stage, written(tmp_path, ('id = "yard"', 'id = "court"')), make_at(4))
    (over,) = [event for event in told if isinstance(event, ZoneUncrowded)]
    assert (over.rule, over.why, over.crowded_s, over.max_count) == ("yard", "stopped", 4.0, 2)
