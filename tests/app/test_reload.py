from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.app.build import random_track_ids, stages
from agent.app.reload import apply_settings, changes
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.event import ZoneLeft
from tests.builders import make_at, make_frame
from tests.conftest import write_config

if TYPE_CHECKING:
    from pathlib import Path

    from agent.app.build import Stages
    from agent.app.settings import Settings


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
