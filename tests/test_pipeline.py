"""The whole way, with the real networks, over footage in which somebody covers the camera."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from agent.app.build import ChangedStates, plain_track_ids, stages
from agent.app.placement import view
from agent.app.settings import settings_of
from agent.config.load import load
from agent.device.frames import recorded_frames
from agent.device.recording import open_recording
from agent.wire.payloads import event_json, state_json
from tests.builders import BEGIN
from tests.conftest import write_config
from tests.covering import FPS, Judge, Suspicious, write_clip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.core.track import Track
    from agent.pipeline import TamperStage

pytestmark = pytest.mark.usefixtures("weights")

# People for 6 s, 15 s of black, people again for 6 s; ten frames a second.
BLACK_S, LIGHT_S, END_S = 6.0, 21.0, 27.0


@pytest.fixture(scope="module")
def covered_clip(vtest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("covered") / "covered.avi"
    write_clip(path, vtest, black_s=BLACK_S, light_s=LIGHT_S, end_s=END_S)
    return path


class Seen:
    """What a subscriber gets to know of a recording: events, and every state as it changes."""

    def __init__(self, folder: Path, clip: Path, judge: TamperStage) -> None:
        config = load(write_config(folder, clip))
        self.events: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.tracks: dict[float, Sequence[Track]] = {}
        changed = ChangedStates()
        with open_recording(clip, FPS) as recording:
            stage = replace(stages(settings_of(config), recording.size_px, plain_track_ids()), tamper=judge)
            for step in stage.steps(recorded_frames(recording, lambda: view(config), BEGIN)):
                for event in step.events:
                    seq = len(self.events) + 1
                    self.events.append(
                        json.loads(event_json(event, settings_of(config).sender, "0" * 8, seq))
                    )
                at = step.frame.at
                for state in changed.of(stage.ledger, at, len(self.events)):
                    self.states.append(json.loads(state_json(state, "0" * 8, "1" * 8)))
                self.tracks[at.monotonic_s] = step.tracks

    def types(self, *of: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] in of]

    def of_rule(self, rule: str) -> list[dict[str, Any]]:
        return [state for state in self.states if state["rule"] == rule]


def seconds(ts: str) -> float:
    minutes, rest = ts.removesuffix("Z").split(":")[1:]
    return 60 * int(minutes) + float(rest)


@pytest.fixture(scope="module")
def seen(covered_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """A judge who is sure within half a second, before a track could end."""
    return Seen(tmp_path_factory.mktemp("seen"), covered_clip, Judge([(0, "covered")], 0.5))


def test_blind_spell_is_told_once(seen: Seen) -> None:
    told = [
        {key: event.get(key) for key in ("type", "rule", "ts", "cause", "since", "blind_s")}
        for event in seen.types("camera.blind", "camera.restored")
    ]
    # From the first black frame; until it is sure that the camera sees again.
    spell = {"rule": "camera", "cause": "covered", "since": "2026-01-05T00:00:06.000Z"}
    assert told == [
        {**spell, "type": "camera.blind", "ts": "2026-01-05T00:00:06.500Z", "blind_s": None},
        {**spell, "type": "camera.restored", "ts": "2026-01-05T00:00:21.500Z", "blind_s": 15.5},
    ]


def test_blind_ends_every_visit(seen: Seen) -> None:
    (blind,) = seen.types("camera.blind")
    closed = [event for event in seen.events if event.get("why") == "blind"]
    # Right after it, at the same moment: first everybody, then the zone.
    assert closed == seen.events[blind["seq"] : blind["seq"] + len(closed)]
    assert {event["ts"] for event in closed} == {blind["ts"]}
    assert [event["type"] for event in closed] == ["zone.left"] * (len(closed) - 1) + ["zone.vacated"]
    before = seen.events[: blind["seq"]]
    inside = {event["track"] for event in before if event["type"] == "zone.entered"} - {
        event["track"] for event in before if event["type"] == "zone.left"
    }
    assert len(inside) >= 2
    assert {event["track"] for event in closed[:-1]} == inside
    # They stayed up to the last time that they were seen, at the latest in the last good frame.
    for event in closed:
        stay_s = event["dwell_s" if event["type"] == "zone.left" else "occupied_s"]
        assert seconds(event["since"]) + stay_s <= BLACK_S - 1 / FPS + 1e-3
    # Nothing else is told until the camera sees.
    after = seen.events[blind["seq"] + len(closed) :]
    assert after[0]["type"] == "camera.restored"


def test_blind_nobody_left_or_came_unseen(seen: Seen) -> None:
    # In this clip people go on as if nothing were: none of them is to be told lost by the darkness.
    told = [event for event in seen.events if BLACK_S + 0.5 <= seconds(event["ts"]) < LIGHT_S + 0.5]
    assert {event["type"] for event in told} == {"camera.blind", "zone.left", "zone.vacated"}
    assert {event["why"] for event in told[1:]} == {"blind"}


def test_after_blindness_visits_are_new(seen: Seen) -> None:
    (restored,) = seen.types("camera.restored")
    before, after = seen.events[: restored["seq"] - 1], seen.events[restored["seq"] :]
    known = {event["track"] for event in before if "track" in event}
    entered = [event for event in after if event["type"] == "zone.entered"]
    assert len(entered) >= 2
    assert not known & {event["track"] for event in after if "track" in event}
    assert [event["type"] for event in after].count("zone.occupied") == 1
    # Nobody saw them begin, so they began when they were first seen.
    assert all(event["since"] >= restored["ts"] for event in entered)


def test_blind_tracks_are_nobodys(seen: Seen) -> None:
    for at_s, tracks in seen.tracks.items():
        if 6.5 <= at_s < 21.5:
            assert tracks == ()
    ids = [{track.track_id for track in seen.tracks[at_s]} for at_s in (6.4, max(seen.tracks))]
    assert all(ids)
    assert not ids[0] & ids[1]


def test_blind_times_never_fall(seen: Seen) -> None:
    assert all(before["ts"] <= after["ts"] for before, after in pairwise(seen.events))


@pytest.mark.parametrize(("rule", "values"), [("yard", ["count"]), ("gate", ["in_count", "out_count"])])
def test_blind_states_are_not_valid(seen: Seen, rule: str, values: list[str]) -> None:
    states = seen.of_rule(rule)
    # From the moment at which it is told until the camera sees, one state holds, and it has no value.
    dark = [state for state in states if 6.5 <= seconds(state["ts"]) < 21.5]
    (blind,) = seen.types("camera.blind")
    assert len(dark) == 1
    assert {key: dark[0][key] for key in ("valid", "why", "since", "ts")} == {
        "valid": False, "why": "covered", "since": blind["since"], "ts": blind["ts"],
    }  # fmt: skip
    assert [dark[0][value] for value in values] == [None] * len(values)
    # The events of that moment are in it.
    assert dark[0]["seq"] == max(event["seq"] for event in seen.events if event["ts"] == blind["ts"])
    before = states[states.index(dark[0]) - 1]
    assert before["valid"]
    # Whatever is not valid says nothing, all the time.
    for state in states:
        assert state["valid"] == (state["why"] is None)
        assert [state[value] is None for value in values] == [not state["valid"]] * len(values)


def test_zone_after_blindness_is_starting(seen: Seen) -> None:
    (restored,) = seen.types("camera.restored")
    states = [state for state in seen.of_rule("yard") if state["ts"] >= restored["ts"]]
    first, second = states[:2]
    assert (first["valid"], first["why"], first["ts"]) == (False, "starting", restored["ts"])
    assert (first["count"], first["since"], first["seq"]) == (None, restored["ts"], restored["seq"])
    # Valid once it is known, and never a 0 while people stand there.
    assert second["valid"]
    assert second["count"] >= 1
    assert all(state["valid"] for state in states[1:])


def test_line_after_blindness_goes_on(seen: Seen) -> None:
    (restored,) = seen.types("camera.restored")
    states = seen.of_rule("gate")
    before = next(state for state in reversed(states) if state["valid"] and state["ts"] < restored["ts"])
    after = next(state for state in states if state["ts"] >= restored["ts"])
    assert (after["valid"], after["ts"]) == (True, restored["ts"])
    assert [after[key] for key in ("in_count", "out_count", "since")] == [
        before[key] for key in ("in_count", "out_count", "since")
    ]


def test_blind_is_suspected_first(covered_clip: Path, tmp_path: Path) -> None:
    # It takes 6 s to be sure, three times as long as a person may stay unseen.
    seen = Seen(tmp_path, covered_clip, Judge([(0, "covered")], 6.0, suspects=True))
    told = [event for event in seen.events if BLACK_S <= seconds(event["ts"]) < LIGHT_S]
    assert told[0]["type"] == "camera.blind"
    assert seconds(told[0]["ts"]) == BLACK_S + 6
    # Nobody was told lost before that: they end by it, at their last sighting.
    assert {event["type"] for event in told[1:]} == {"zone.left", "zone.vacated"}
    assert {event["why"] for event in told[1:]} == {"blind"}
    assert all(
        seconds(event["since"]) + event["dwell_s"] < BLACK_S + 1e-3 for event in told if "dwell_s" in event
    )
    assert all(state["valid"] or seconds(state["ts"]) >= BLACK_S + 6 for state in seen.states)
    assert 0 not in [state["count"] for state in seen.of_rule("yard")]


def test_start_that_is_suspected(vtest: Path, tmp_path: Path) -> None:
    # The agent starts under a cover: never is it known that nobody is there.
    path = tmp_path / "dark.avi"
    write_clip(path, vtest, black_s=0, light_s=5, end_s=5)
    seen = Seen(tmp_path, path, Judge([(0, "covered")], 4.0, suspects=True))
    assert [(event["type"], event["ts"]) for event in seen.events] == [
        ("camera.blind", "2026-01-05T00:00:04.000Z")
    ]
    assert [(state["rule"], state["why"]) for state in seen.states] == [
        ("gate", "covered"),
        ("yard", "covered"),
    ]


def test_suspicion_that_was_nothing(seen: Seen, vtest: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.avi"
    write_clip(path, vtest, black_s=BLACK_S, light_s=BLACK_S + 3.5, end_s=BLACK_S + 5)
    suspected = Seen(tmp_path, path, Suspicious(BLACK_S + 3.5))
    # Who is seen while it lasts goes on, also over a line.
    lit = [[event for event in told.events if seconds(event["ts"]) < BLACK_S] for told in (seen, suspected)]
    what = [[(event["type"], event["rule"], event.get("direction")) for event in events] for events in lit]
    assert what[0] == what[1]
    assert "line.crossed" in {event["type"] for event in lit[1]}
    # Nobody is lost before it is over, and then everything goes on.
    later = suspected.events[len(lit[1]) :]
    assert later
    assert all(seconds(event["ts"]) >= BLACK_S + 3.5 for event in later)


def test_blind_for_another_cause(covered_clip: Path, tmp_path: Path) -> None:
    # In the evening it gets dark; then somebody covers the camera.
    seen = Seen(tmp_path, covered_clip, Judge([(0, "dark"), (12, "covered")], 0.5))
    told = seen.types("camera.blind", "camera.restored")
    assert [(event["type"], event["cause"]) for event in told] == [
        ("camera.blind", "dark"),
        ("camera.restored", "dark"),
    ]
    # The states say what it is now.
    for rule in ("yard", "gate"):
        dark = [state for state in seen.of_rule(rule) if 6.5 <= seconds(state["ts"]) < 21.5]
        assert [(state["why"], seconds(state["ts"])) for state in dark] == [("dark", 6.5), ("covered", 12)]


def test_blind_from_the_first_frame_to_the_last(vtest: Path, tmp_path: Path) -> None:
    path = tmp_path / "dark.avi"
    write_clip(path, vtest, black_s=0, light_s=3, end_s=3)
    seen = Seen(tmp_path, path, Judge([(0, "dark")], 0))
    assert [event["type"] for event in seen.events] == ["camera.blind"]
    # No state was ever valid.
    assert [(state["rule"], state["why"], state["seq"]) for state in seen.states] == [
        ("gate", "dark", 1),
        ("yard", "dark", 1),
    ]
