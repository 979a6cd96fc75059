"""A recording is the same pipeline on the recording's own time, to the byte."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import cv2
import jsonschema
import pytest

from agent.app import replay as replay_module
from agent.config.load import load
from agent.device.recording import read_picture
from agent.errors import DeliveryError
from tests.conftest import wait_until, write_config
from tests.covering import write_clip
from tests.mqtt.misbehaving import NOT_AUTHORIZED, QUOTA, SUCCESS, Misbehaving, misbehaving
from tests.samples import is_sentence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Listener, Mosquitto, Ran

pytestmark = pytest.mark.usefixtures("weights")


SUMMARIES = ["line.quarter", "line.day", "zone.quarter", "zone.day"]


@pytest.fixture(scope="module")
def schemas() -> dict[str, jsonschema.Draft202012Validator]:
    """Validators made from what `presence-agent schema` publishes."""
    from agent.wire.payloads import schemas as published  # noqa: PLC0415

    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return {
        name: jsonschema.Draft202012Validator(content, format_checker=checker)
        for name, content in published().items()
    }


def seconds(text: str) -> float:
    """Of a time in the recording's first minute."""
    return float(text[17:23])


def test_replay_twice(presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, clip)
    outs = []
    for n in (1, 2):
        files = [tmp_path / f"{n}.{ending}" for ending in ("jsonl", "mot")]
        ran = presence_agent("replay", clip, "--config", config, "--events", files[0], "--mot", files[1])
        assert (ran.code, ran.out, ran.err) == (0, "", "")
        outs.append([file.read_bytes() for file in files])
    assert outs[0] == outs[1]
    assert outs[0][0].count(b"line.crossed") >= 1
    assert outs[0][1]


def test_replay_events(
    presence_agent: Callable[..., Ran],
    clip: Path,
    tmp_path: Path,
    schemas: dict[str, jsonschema.Draft202012Validator],
) -> None:
    config = write_config(tmp_path, clip)
    start = "2026-02-03T10:00:00+07:00"
    ran = presence_agent("replay", clip, "--config", config, "--events", "-", "--start", start)
    assert (ran.code, ran.err) == (0, "")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["log"] for event in events} == {"00000000"}
    assert {event["clock"] for event in events} == {"synced"}
    # In the end the quarter and the day that were begun are summed up.
    assert [event["type"] for event in events[-4:]] == [
        "line.quarter",
        "line.day",
        "zone.quarter",
        "zone.day",
    ]
    crossed = [event["direction"] for event in events if event["type"] == "line.crossed"]
    came = [event for event in events if event["type"] == "zone.entered"]
    for quarter in (events[-4], events[-3]):
        assert [quarter[direction] for direction in ("in", "out")] == [
            crossed.count(direction) for direction in ("in", "out")
        ]
    assert [event["visits"] for event in events[-2:]] == [len(came)] * 2
    assert [event["max"] for event in events[-2:]] == [max(event["count"] for event in came)] * 2
    assert (events[-3]["date"], events[-3]["length_s"]) == ("2026-02-03", 86400.0)
    assert all("2026-02-03T03:00:00.000Z" <= event["ts"] <= "2026-02-03T03:00:06.000Z" for event in events)
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    for event, line in zip(events, ran.out.splitlines(), strict=True):
        schemas[f"event.{event['type']}"].validate(event)
        assert len(line.encode()) <= (1000 if event["type"].endswith((".quarter", ".day")) else 512)
    # Ids count t1, t2, … in the order of birth, and whoever came in left when the recording ended.
    entered = [event["track"] for event in events if event["type"] == "zone.entered"]
    left = [event["track"] for event in events if event["type"] == "zone.left"]
    assert sorted(entered) == sorted(left)
    assert {"t1", "t2"} <= set(entered)
    # The configured log is not touched.
    assert not (tmp_path / "log").exists()


OFFICE = """
[[zone]]
id = "right"
polygon = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]
min_dwell_s = 0.5

[[counter]]
id = "desk"
staff = "yard"
public = "right"
unattended_after_s = 2

[[hours]]
days = ["mon", "tue", "wed", "thu", "fri"]
periods = [["07:30", "11:30"], ["13:30", "17:00"]]
"""


def test_replay_in_working_hours(
    presence_agent: Callable[..., Ran],
    clip: Path,
    tmp_path: Path,
    schemas: dict[str, jsonschema.Draft202012Validator],
) -> None:
    config = write_config(tmp_path, clip, more=OFFICE)
    # The working period ends 3 s after the recording begins.
    ran = presence_agent("replay", clip, "--config", config, "--start", "2026-02-03T11:29:57+07:00")
    assert (ran.code, ran.err) == (0, "")
    events = [json.loads(line) for line in ran.out.splitlines()]
    for event in events:
        schemas[f"event.{event['type']}"].validate(event)
    desk = [event for event in events if event["rule"] == "desk"]
    assert [event["type"] for event in desk] == [
        "counter.attended", "counter.closed", "counter.quarter", "counter.quarter", "counter.day",
    ]  # fmt: skip
    attended, closed, quarter, later, day = desk
    assert closed["why"] == "closed"
    assert (closed["since"], closed["ts"]) == ("2026-02-03T04:30:00.000Z", "2026-02-03T04:30:00.000Z")
    attended_s = seconds(closed["since"]) + 60 - seconds(attended["since"])
    assert [one["start"] for one in (quarter, later)] == [
        "2026-02-03T04:15:00.000Z", "2026-02-03T04:30:00.000Z",
    ]  # fmt: skip
    assert [one["attended_s"] for one in (quarter, later, day)] == pytest.approx(
        [attended_s, 0, attended_s], abs=1e-3
    )
    assert {one["unattended_s"] for one in (quarter, later, day)} == {0}
    # Whoever is there at half past eleven is there after hours, each once.
    after = [event for event in events if event["type"] == "presence.after_hours"]
    assert len(after) >= 2
    assert len({event["track"] for event in after}) == len(after)
    assert all(event["since"] >= "2026-02-03T04:30:00.000Z" for event in after)
    lines = [event for event in events if event["type"] == "line.day"]
    periods = lines[0]["periods"]
    assert [(one["start"], one["end"]) for one in periods] == [("07:30", "11:30"), ("13:30", "17:00")]
    assert sum(one["out_before_end"] + one["out_after_end"] for one in periods) == lines[0]["out"]


def test_replay_closes_the_counter(presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, clip, more=OFFICE)
    ran = presence_agent("replay", clip, "--config", config, "--start", "2026-02-03T10:00:00+07:00")
    events = [json.loads(line) for line in ran.out.splitlines()]
    (closed,) = (event for event in events if event["type"] == "counter.closed")
    assert (closed["why"], closed["ts"]) == ("stopped", "2026-02-03T03:00:05.900Z")
    assert "presence.after_hours" not in {event["type"] for event in events}


def test_replay_that_ends_with_a_quarter(
    presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path
) -> None:
    # Its last frame is taken at 10:15 sharp.
    start = ["--start", "2026-02-03T10:14:54.100+07:00"]
    ran = presence_agent("replay", clip, "--config", write_config(tmp_path, clip), *start)
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert events[-1]["ts"] == "2026-02-03T03:15:00.000Z"
    # The next quarter was not begun.
    assert [event["type"] for event in events[-4:]] == SUMMARIES
    assert {event["start"] for event in events[-4::2]} == {"2026-02-03T03:00:00.000Z"}


def test_replay_mot(presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path) -> None:
    mot = tmp_path / "tracks.txt"
    presence_agent("replay", clip, "--config", write_config(tmp_path, clip), "--mot", mot)
    rows = [line.split(",") for line in mot.read_text().splitlines()]
    frames = [int(row[0]) for row in rows]
    assert frames == sorted(frames)
    assert max(frames) == 60
    assert all(len(row) == 10 and row[7:] == ["-1", "-1", "-1"] for row in rows)
    assert all(0 < float(row[4]) < 768 and 0 < float(row[5]) < 576 for row in rows)


def test_replay_masked(presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path) -> None:
    everything = "[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]"
    config = write_config(tmp_path, clip)
    config.write_text(config.read_text().replace("[camera]", f"[camera]\nmasks = [{everything}]"))
    ran = presence_agent("replay", clip, "--config", config)
    # Nobody is seen, and it is not taken for an empty place either.
    assert ran.code == 0
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert events[0]["type"] == "camera.blind"
    # Of all that it sums up it says that it could not see.
    assert [event["type"] for event in events[1:]] == SUMMARIES
    for event in events[1:]:
        seen_s = event.get("length_s", 900) - event["blind_s"]
        assert seen_s == pytest.approx(seconds(events[0]["since"]), abs=1e-3)
        assert seen_s < 2
        assert not any(event.get(figure) for figure in ("in", "out", "visits", "occupied_s", "max"))


def test_replay_covered(
    presence_agent: Callable[..., Ran],
    vtest: Path,
    tmp_path: Path,
    schemas: dict[str, jsonschema.Draft202012Validator],
) -> None:
    # Lit for 9 s, covered for 11 s: 'could not see' never reads as 'nobody was there'.
    path = tmp_path / "covered.avi"
    write_clip(path, vtest, black_s=9, light_s=20, end_s=26)
    ran = presence_agent("replay", path, "--config", write_config(tmp_path, path))
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    for event in events:
        schemas[f"event.{event['type']}"].validate(event)
    types = [event["type"] for event in events]
    blind, restored = (events[types.index(f"camera.{name}")] for name in ("blind", "restored"))
    assert blind["cause"] in {"covered", "dark"}
    assert seconds(blind["since"]) == pytest.approx(9, abs=1.1)
    assert seconds(blind["ts"]) <= 19
    assert restored["blind_s"] == pytest.approx(seconds(restored["ts"]) - seconds(blind["since"]), abs=0.01)
    # Whoever was there when it became dark was not seen to leave.
    ends = [event for event in events if event["type"] == "zone.left" and 9 < seconds(event["ts"]) < 20]
    assert ends
    assert {event["why"] for event in ends} <= {"blind", "seen"}
    assert "blind" in {event["why"] for event in ends}


def test_replay_drawn(presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    capture = cv2.VideoCapture(str(clip))
    for index in range(8):
        cv2.imwrite(str(pictures / f"{index}.png"), capture.read()[1])
    capture.release()
    drawn = tmp_path / "drawn.mp4"
    ran = presence_agent("replay", pictures, "--config", write_config(tmp_path, clip), "--draw", drawn)
    assert ran.code == 0
    capture = cv2.VideoCapture(str(drawn))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 8
    assert int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little") in {b"vp09", b"VP90"}
    capture.release()


def test_replay_published(
    presence_agent: Callable[..., Ran],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    clip: Path,
    tmp_path: Path,
) -> None:
    listener = listen(mosquitto.port)
    config = write_config(tmp_path, clip, port=mosquitto.port)
    ran = presence_agent("replay", clip, "--config", config, "--publish", "--as", "rehearsal")
    assert ran.code == 0, ran.err
    written = [json.loads(line) for line in ran.out.splitlines()]
    wait_until(lambda: len(listener.events()) == len(written))
    log_ids = {event["log"] for event in written}
    assert len(log_ids) == 1
    assert "00000000" not in log_ids
    assert all(message.topic.startswith("presence/v1/test/rehearsal/") for message in listener.heard())
    # Nobody can tell from what is published as whom it connects.
    (came_as,) = re.findall(r"New client connected from \S+ as (presence-test-\S+) ", mosquitto.said())
    assert re.fullmatch("presence-test-rehearsal-[0-9a-f]{8}", came_as)
    told = "".join(f"{message.topic} {message.payload}" for message in listener.heard())
    assert came_as[-8:] not in told + ran.out + ran.err
    # What happened long ago must raise no alarm.
    assert all(event.pop("late") is True for event in listener.events())
    # That the recording is over does not say that nobody is there.
    wait_until(lambda: '"stopped"' in listener.heard()[-1].payload)
    said = {message.topic.rpartition("/")[2]: message.json for message in listener.heard()}
    assert [said[rule]["why"] for rule in ("gate", "yard")] == ["stopped"] * 2
    assert [said["gate"]["in_count"], said["gate"]["out_count"], said["yard"]["count"]] == [None] * 3


@pytest.mark.parametrize("code", [NOT_AUTHORIZED, QUOTA])
def test_replay_refused_is_not_delivered(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(replay_module, "_DELIVER_S", 1.0)
    broker = Misbehaving(lambda one: code if "/event/" in one.topic else SUCCESS)
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    options = replay_module.ReplayOptions(begin, events=tmp_path / "events.jsonl", publish_as="rehearsal")
    with misbehaving(broker):
        config = load(write_config(tmp_path, clip, port=broker.port))
        with pytest.raises(DeliveryError) as raised:
            replay_module.replay(config, clip, options, lambda _done, _of: None)
    assert raised.value.exit_code == 1
    assert is_sentence(str(raised.value))
    # They are written down all the same.
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) >= 3
    assert broker.events()


def test_detect_drawn(presence_agent: Callable[..., Ran], astronaut: Path, tmp_path: Path) -> None:
    ran = presence_agent("detect", astronaut, "--draw", tmp_path / "drawn")
    assert ran.code == 0
    row = json.loads(ran.out)
    assert (row["image"], row["width"], row["height"]) == (str(astronaut), 512, 512)
    assert len(row["persons"]) == len(row["faces"]) == 1
    x1, y1, x2, y2, score = row["faces"][0]
    # The face, by eye, from the hair line to the chin.
    assert (x1, y1, x2, y2) == pytest.approx((180, 65, 270, 175), abs=15)
    assert score > 0.8
    drawn = cv2.imread(str(tmp_path / "drawn" / "astronaut.annotated.png"))
    assert drawn is not None
    assert drawn.shape == (512, 512, 3)


def test_detect_upside_down(presence_agent: Callable[..., Ran], astronaut: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.png"
    cv2.imwrite(str(turned), read_picture(astronaut)[::-1, ::-1])
    config = write_config(tmp_path, astronaut)
    config.write_text(config.read_text().replace("[camera]", "[camera]\nrotation = 180"))
    upright = json.loads(presence_agent("detect", astronaut).out)["faces"][0]
    found = json.loads(presence_agent("detect", turned, "--config", config).out)["faces"][0]
    # In px of the picture as it is in the file.
    assert found[:4] == pytest.approx([512 - upright[i] for i in (2, 3, 0, 1)], abs=0.02)


def test_schema_written(presence_agent: Callable[..., Ran], tmp_path: Path) -> None:
    ran = presence_agent("schema", "--out", tmp_path / "schemas")
    assert (ran.code, ran.out) == (0, "")
    printed = json.loads(presence_agent("schema").out)
    written = (tmp_path / "schemas").iterdir()
    files = {path.name.removesuffix(".json").removesuffix(".schema"): path for path in written}
    assert {name: json.loads(path.read_text()) for name, path in files.items()} == printed
    assert {"status", "info", "state.line", "state.zone", "event.line.crossed"} <= set(printed)
    assert (tmp_path / "schemas" / "asyncapi.json").is_file()


def test_check_good(presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, clip, more='[[hours]]\ndays = ["mon"]\nperiods = [["07:00", "11:00"]]\n')
    config.write_text(f"{config.read_text()}keep_days = 7\n")
    ran = presence_agent("check", "--config", config)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].endswith("is good: test/yard, 1 line, 1 zone, 0 counters.")


def test_help_teaches(presence_agent: Callable[..., Ran]) -> None:
    for name in ("run", "replay", "detect", "check", "models", "watch", "schema"):
        ran = presence_agent(name, "--help")
        assert ran.code == 0
        assert len(ran.out.splitlines()) >= 4
    assert presence_agent("--version").out.startswith(f"{version('presence-agent')} (commit ")
