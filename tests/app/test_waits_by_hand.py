"""Waits in a recording are those that were timed by hand, to a second."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import command
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

BY_HAND: dict[str, Any] = json.loads(Path(__file__).with_name("hand_times.json").read_text())
OFF_S = 1.0
BEGIN = datetime.fromisoformat("2026-01-05T00:00:00Z")
# Nobody ever stands on the grass, where the desk's own zone is.
DESK = f"""
[device]
site = "test"
name = "yard"
[camera]
source = "replay"
[[zone]]
id = "waiting"
polygon = {json.dumps(BY_HAND["zone"])}
overstay_s = 15.0
crowd = 2
crowd_after_s = 5.0
[[zone]]
id = "staff"
polygon = [[0.05, 0.7], [0.3, 0.7], [0.3, 0.99], [0.05, 0.99]]
[[counter]]
id = "desk"
staff = "staff"
public = "waiting"
"""


@pytest.fixture(scope="module")
def events(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    config = tmp_path_factory.mktemp("clip") / "agent.toml"
    config.write_text(DESK)
    clip = shared_data / "videos" / BY_HAND["clip"]
    ran = subprocess.run(
        command("replay", clip, "--config", config), check=True, capture_output=True, timeout=PATIENCE_S
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def spans(events: list[dict[str, Any]], length: str) -> Iterator[tuple[float, float]]:
    for event in events:
        since_s = (datetime.fromisoformat(event["since"]) - BEGIN).total_seconds()
        yield since_s, since_s + event[length]


def test_visits_are_those_by_hand(events: list[dict[str, Any]]) -> None:
    by_hand = sorted((visit["entered_s"], visit["left_s"]) for visit in BY_HAND["visits"])
    told = sorted(spans([left for left in of(events, "zone.left") if left["rule"] == "waiting"], "dwell_s"))
    assert len(told) == len(by_hand)
    assert sum(left_s - entered_s >= 20 for entered_s, left_s in by_hand) == 2
    # Those who came at the same time may be told in another order.
    for entered_s, left_s in by_hand:
        near = [one for one in told if abs(one[0] - entered_s) <= OFF_S and abs(one[1] - left_s) <= OFF_S]
        assert near, (entered_s, left_s, told)
        told.remove(near[0])


@pytest.mark.parametrize("sums", ["counter.quarter", "counter.day"])
def test_waits_are_those_by_hand(events: list[dict[str, Any]], sums: str) -> None:
    waits_s = sorted(visit["left_s"] - visit["entered_s"] for visit in BY_HAND["visits"])
    (told,) = of(events, sums)
    assert told["visits"] == len(waits_s) == 4
    # The second of four, and the last.
    for figure, wait_s in (
        ("wait_p50_s", waits_s[1]),
        ("wait_p90_s", waits_s[3]),
        ("wait_max_s", waits_s[3]),
    ):
        assert told[figure] == pytest.approx(wait_s, abs=OFF_S), figure


def test_crowd_and_long_stays_are_those_by_hand(events: list[dict[str, Any]]) -> None:
    came_s, went_s = (sorted(visit[key] for visit in BY_HAND["visits"]) for key in ("entered_s", "left_s"))
    (crowd,) = spans(of(events, "zone.uncrowded"), "crowded_s")
    # From the second of them on, to the last but one of the first three.
    assert crowd == pytest.approx((came_s[1], went_s[1]), abs=OFF_S)
    assert of(events, "zone.uncrowded")[0]["max"] == 3
    long = [visit for visit in BY_HAND["visits"] if visit["left_s"] - visit["entered_s"] > 15]
    assert len(of(events, "zone.overstayed")) == len(long) == 2
