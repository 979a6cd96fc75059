"""The service with a real broker: what a plain subscriber sees, also over kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from agent.app import run, sources
from agent.app.build import random_track_ids, stages
from agent.app.publishing import delivery
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.frame import Instant
from agent.device import clock
from agent.wire.payloads import schemas
from tests.broker import need_programs
from tests.builders import make_frame
from tests.conftest import free_port, logged, wait_until, write_config
from tests.covering import Judge, write_clip
from tests.every_frame import every_frame
from tests.patience import BUSY_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from threading import Event

    from agent.core.frame import Frame, NoFrame
    from agent.device.frames import View
    from agent.device.recording import Recording
    from tests.conftest import Agent, Heard, Listener, Mosquitto, Ran

jsonschema = pytest.importorskip("jsonschema")
pytestmark = pytest.mark.usefixtures("weights")


def test_run_recording(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    long_clip: Path,
    tmp_path: Path,
) -> None:
    listener = listen(mosquitto.port)
    agent = start_agent(write_config(tmp_path, long_clip, port=mosquitto.port))
    assert agent.process.wait(PATIENCE_S) == 0, agent.said()
    wait_until(lambda: '"stopped"' in listener.heard()[-1].payload)
    heard = listener.heard()
    topics = [message.topic.removeprefix("presence/v1/test/yard/") for message in heard]
    # On a connection: info, every state, status, then events.
    assert topics[0] == "info"
    assert topics[1:4] == ["state/gate", "state/yard", "status"]
    assert heard[1].json["why"] == heard[2].json["why"] == "starting"
    assert heard[3].json["state"] == "online"
    events = listener.events()
    types = [event["type"] for event in events]
    assert types[0] == "agent.started"
    assert types[-1] == "agent.stopped"
    assert types.count("zone.entered") == types.count("zone.left") >= 2
    assert "line.crossed" in types
    # What is heard is valid against what is published, small, and what is in the log.
    known = schemas()
    for topic, message in zip(topics, heard, strict=True):
        kind = topic.split("/")[0]
        content = message.json
        name = {"event": f"event.{content.get('type')}", "state": f"state.{content.get('kind')}"}.get(
            kind, kind
        )
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.Draft202012Validator(known[name], format_checker=checker).validate(content)
        if kind == "event":
            assert len(message.payload.encode()) <= 512
            assert topic == f"event/{content['rule']}/{str(content['type']).replace('.', '/')}"
    assert logged(tmp_path) == {event["seq"]: event for event in events}
    last = heard[-1].json
    assert (last["state"], last["why"], last["last_seq"]) == ("offline", "stopped", len(events))
    check_nobody_is_told_at_a_stop(heard)
    # The newest states agree with the events up to them.
    states = [message.json for message in heard if message.topic.endswith("state/yard")]
    for state in states[1:-1]:
        before = [
            event for event in events if int(str(event["seq"])) <= int(str(state["seq"])) and "count" in event
        ]
        assert state["count"] == (before[-1]["count"] if before else 0)


def check_nobody_is_told_at_a_stop(heard: Sequence[Heard]) -> None:
    """Visits end, and nobody knows who is there: from then on each state is unknown, before `offline`."""
    offline = max(i for i, message in enumerate(heard) if '"offline"' in message.payload)
    ended = [
        int(str(message.json["seq"]))
        for message in heard
        if "/event/" in message.topic and message.json.get("why") == "stopped"
    ]
    for rule in ("gate", "yard"):
        states = [message.json for message in heard[:offline] if message.topic.endswith(f"state/{rule}")]
        assert (states[-1]["valid"], states[-1]["why"]) == (False, "stopped")
        after = [state for state in states if ended and int(str(state["seq"])) >= ended[0]]
        for state in [*after, states[-1]]:
            assert {state.get(name) for name in ("count", "in_count", "out_count")} == {None}
    assert not [message for message in heard[offline:] if "/state/" in message.topic]


@pytest.mark.parametrize("ends_blind", [False, True])
def test_run_blind(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
    ends_blind: bool,
) -> None:
    # The judge is the test's own; all else is what runs on a device.
    monkeypatch.setattr(run, "stages", lambda *of: replace(stages(*of), tamper=Judge([(0, "covered")], 0.3)))
    clip = tmp_path / "covered.avi"
    write_clip(clip, vtest, black_s=6, light_s=8 if not ends_blind else 9, end_s=9)
    listener = listen(mosquitto.port)

    def states(rule: str) -> list[dict[str, object]]:
        return [message.json for message in listener.heard() if message.topic.endswith(f"state/{rule}")]

    def told(why: str | None) -> bool:
        return all(why in [state["why"] for state in states(rule)] for rule in ("gate", "yard"))

    def frames(
        recording: Recording, view: Callable[[], View], now: Callable[[], Instant], stop: Event
    ) -> Iterator[Frame]:
        # Of the states only the newest is told: each is waited for before the film goes on.
        for frame in every_frame(recording, view, now, stop):
            if frame.index == 40:
                wait_until(lambda: bool(states("gate")))
            if frame.index == 80:
                wait_until(lambda: told("covered"))
            yield frame

    monkeypatch.setattr(sources, "played_frames", frames)
    with caplog.at_level("INFO", "agent.app.run"):
        config = write_config(tmp_path, clip, port=mosquitto.port)
        run.run(load(config), lambda: load(config))
    wait_until(lambda: '"stopped"' in listener.heard()[-1].payload)
    events = list(logged(tmp_path).values())
    types = [event["type"] for event in events]
    blind = types.index("camera.blind")
    assert "zone.entered" in types[:blind]
    restored = ["camera.restored"] if not ends_blind else []
    assert [kind for kind in types if str(kind).startswith("camera")] == ["camera.blind", *restored]
    # An agent that stops while it is blind closes nothing a second time, and has not seen again.
    if ends_blind:
        assert types[-2:] == ["zone.vacated", "agent.stopped"]
        assert {event["why"] for event in events[blind + 1 : -1]} == {"blind"}
    assert types.count("zone.entered") == types.count("zone.left")
    said = [record.message for record in caplog.records if "the camera" in record.message]
    assert said == [
        "the camera can't see (covered); until it does, nobody is counted",
        *(["the camera sees again"] if not ends_blind else []),
    ]
    for rule in ("gate", "yard"):
        whys = [state["why"] for state in states(rule)]
        assert whys.count("covered") == 1
        assert (whys[-2] == "covered") == ends_blind
        assert whys[-1] == "stopped"
        assert all(state["valid"] == (state["why"] is None) for state in states(rule))


def test_run_killed(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, vtest, port=mosquitto.port)
    listener = listen(mosquitto.port)
    # Killed while connected, at several moments.
    for more in (3, 5, 4):
        before = len(listener.events())
        agent = start_agent(config)
        wait_until(lambda before=before, more=more: len(listener.events()) >= before + more)  # type: ignore[misc]
        agent.end(signal.SIGKILL)
    # Killed while nobody listens: what was logged meanwhile goes out later.
    mosquitto.stop()
    size = len(logged(tmp_path))
    agent = start_agent(config)
    wait_until(lambda: len(logged(tmp_path)) >= size + 4)
    agent.end(signal.SIGKILL)
    mosquitto.start()
    later = listen(mosquitto.port)
    agent = start_agent(config)
    wait_until(
        lambda: any(event["type"] == "zone.entered" and "late" not in event for event in later.events())
    )
    assert agent.end(signal.SIGTERM) == 0
    everything = logged(tmp_path)
    assert list(everything) == list(range(1, len(everything) + 1))
    wait_until(lambda: len(everything) in {event["seq"] for event in later.events()})
    heard = {event["seq"]: event for event in listener.events() + later.events()}
    assert set(heard) == set(everything)
    assert len({event["log"] for event in heard.values()}) == 1
    causes = [event["cause"] for event in everything.values() if event["type"] == "agent.started"]
    assert causes == ["new_log", "restarted", "restarted", "restarted", "restarted"]


def test_run_stopped(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
) -> None:
    listener = listen(mosquitto.port)
    agent = start_agent(write_config(tmp_path, vtest, port=mosquitto.port))
    wait_until(lambda: any(event["type"] == "zone.entered" for event in listener.events()))
    begin_s = time.monotonic()
    assert agent.end(signal.SIGTERM) == 0
    assert time.monotonic() - begin_s < 5 + BUSY_S
    wait_until(lambda: '"stopped"' in listener.heard()[-1].payload)
    left = [event for event in listener.events() if event["type"] == "zone.left"]
    assert {event["why"] for event in left} == {"stopped"}
    assert [event["cause"] for event in listener.events() if event["type"] == "agent.stopped"] == ["signal"]
    check_nobody_is_told_at_a_stop(listener.heard())
    # Nor to who comes later: what is retained is that nobody knows.
    later = listen(mosquitto.port)
    wait_until(lambda: len([message for message in later.heard() if "/state/" in message.topic]) == 2)
    states = [message.json for message in later.heard() if "/state/" in message.topic]
    assert [(state["valid"], state["why"]) for state in states] == [(False, "stopped")] * 2


def somebody_is_there(listener: Listener) -> bool:
    states = [message.json for message in listener.heard() if message.topic.endswith("state/yard")]
    return bool(states and states[-1]["count"])


@pytest.mark.parametrize("how", ["another-broker", "no-broker", "another-camera"])
def test_run_reloaded_leaves_nobody_there(
    start_agent: Callable[[Path], Agent],
    start_mosquitto: Callable[..., Mosquitto],
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
    how: str,
) -> None:
    broker, other = start_mosquitto(), start_mosquitto()
    listener, later = listen(broker.port), listen(other.port)
    config = write_config(tmp_path, vtest, port=broker.port)
    agent = start_agent(config)
    wait_until(lambda: somebody_is_there(listener))
    if how == "another-camera":
        config.write_text(config.read_text().replace("[camera]", "[camera]\nrotation = 180"))
    else:
        write_config(tmp_path, vtest, port=other.port if how == "another-broker" else None)
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any('"offline"' in message.payload for message in listener.heard()))
    heard = listener.heard()
    offline = next(i for i, message in enumerate(heard) if '"offline"' in message.payload)
    check_nobody_is_told_at_a_stop(heard[: offline + 1])
    if how == "another-broker":
        # There they are all still there.
        wait_until(lambda: somebody_is_there(later))
    assert agent.end(signal.SIGTERM) == 0


def test_run_says_anew_since_when_once_the_clock_is_right(
    mosquitto: Mosquitto, listen: Callable[..., Listener], tmp_path: Path
) -> None:
    """A machine that took its start for 1970: what it said of then is not retained."""
    listener = listen(mosquitto.port)
    config = load(write_config(tmp_path, "x.avi", port=mosquitto.port))
    begin = clock.now()

    def frames(begin_s: float, end_s: float, *, synced: bool) -> Iterator[Frame | NoFrame]:
        for tenth in range(int(begin_s * 10), int(end_s * 10)):
            frame = make_frame(index=tenth)
            utc = begin.utc if synced else datetime(1970, 1, 1, tzinfo=UTC)
            moment = utc + timedelta(seconds=tenth / 10)
            yield replace(frame, at=Instant(begin.monotonic_s + tenth / 10, moment, synced))

    def states(rule: str) -> list[dict[str, object]]:
        return [message.json for message in listener.heard() if message.topic.endswith(f"state/{rule}")]

    stage = replace(stages(settings_of(config), (64, 48), random_track_ids()), tamper=Judge([], 0.3))
    with delivery(settings_of(config), stage.ledger) as box:
        reporter = run.StepReporter(stage, box, begin)
        for step in stage.steps(frames(0, 5, synced=False)):
            reporter.report(step)
        wait_until(lambda: bool(states("yard")) and states("yard")[-1]["count"] == 0)
        assert str(states("yard")[-1]["since"]).startswith("1970-01-01")
        assert [state["why"] for state in states("gate")] in (["clock"], ["starting", "clock"])
        for step in stage.steps(frames(5, 6, synced=True)):
            reporter.report(step)
        # The same nobody, since the same moment.
        wait_until(lambda: str(states("yard")[-1]["since"]).startswith(f"{begin.utc:%Y-}"))
        assert states("yard")[-1]["count"] == 0
        wait_until(lambda: states("gate")[-1]["in_count"] == 0)


def test_run_recording_that_breaks_off(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    clip: Path,
    tmp_path: Path,
) -> None:
    part = tmp_path / "part.avi"
    part.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    listener = listen(mosquitto.port)
    agent = start_agent(write_config(tmp_path, part, port=mosquitto.port))
    assert agent.process.wait(PATIENCE_S) == 1, agent.said()
    wait_until(lambda: '"stopped"' in listener.heard()[-1].payload)
    check_nobody_is_told_at_a_stop(listener.heard())


def test_run_second(
    start_agent: Callable[[Path], Agent], presence_agent: Callable[..., Ran], vtest: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, vtest)
    agent = start_agent(config)
    wait_until(lambda: "watches" in agent.said())
    second = presence_agent("run", "--config", config)
    assert second.code == 2
    assert len(second.err.splitlines()) == 1
    assert "another agent" in second.err
    assert agent.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("settings", "mqtt", "words"),
    [
        pytest.param(None, "", ["nothing listens"], id="unreachable"),
        pytest.param(
            "allow_anonymous false\npassword_file {folder}/passwords",
            'username = "test/yard"\npassword_file = "{folder}/password"\n',
            ["refuses the login", "password_file"],
            id="login-refused",
        ),
    ],
)
def test_run_without_broker(
    start_agent: Callable[[Path], Agent],
    start_mosquitto: Callable[..., Mosquitto],
    clip: Path,
    tmp_path: Path,
    settings: str | None,
    mqtt: str,
    words: list[str],
) -> None:
    (tmp_path / "password").write_text("not the one that the broker knows\n")
    (tmp_path / "passwords").write_text("test/yard:the right one\n")
    (tmp_path / "passwords").chmod(0o600)
    if settings:
        need_programs()
        subprocess.run(["mosquitto_passwd", "-U", tmp_path / "passwords"], check=True, env=os.environ)
    port = start_mosquitto(settings.format(folder=tmp_path)).port if settings else free_port()
    agent = start_agent(write_config(tmp_path, clip, port=port, more=mqtt.format(folder=tmp_path)))
    # It goes on to the end of the recording, tries more than once, and says it once.
    assert agent.process.wait(PATIENCE_S) == 0
    told = [line for line in agent.said().splitlines() if line.endswith("trying again")]
    assert len(told) == 1, agent.said()
    assert all(word in told[0] for word in words)
    assert "not the one" not in agent.said()
    assert [event["type"] for event in logged(tmp_path).values()][-1] == "agent.stopped"
