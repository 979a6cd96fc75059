"""Where the view is over restarts, and `presence-agent accept-view`, with real processes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.app.build import random_track_ids, stages
from agent.app.settings import settings_of
from agent.app.view_store import (
    KeptView,
    ViewKeeper,
    asked_at,
    drawn_for,
    kept_at,
    read_view,
    write_view,
)
from agent.config.load import load
from agent.core.shift import UNSHIFTED, Shift
from agent.device.frames import frame_of
from tests.bench.edits import Noise, shrunk, warp
from tests.builders import make_at
from tests.conftest import logged, wait_until, write_config
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.core.frame import Frame
    from tests.bench.edits import Picture
    from tests.conftest import Agent, Ran

BUMP = Shift(0.02, -0.01, 0.5)
pytestmark = pytest.mark.usefixtures("weights")


# --- the file ----------------------------------------------------------------------------------------


def test_write_and_read(tmp_path: Path) -> None:
    path = kept_at(tmp_path / "events.db")
    for view in (KeptView(BUMP, False, "a" * 16), KeptView(UNSHIFTED, True, "b" * 16)):
        write_view(path, view)
        assert read_view(path) == view
    assert [found.name for found in tmp_path.iterdir()] == ["events.db.view.json"]


@pytest.mark.parametrize(
    "content",
    [
        "", "null", "[]", "7", '{"v":1}', "[" * 5000, "\x00\xff",
        '{"v":1,"dx_ratio":0.9,"dy_ratio":0,"degrees":0,"moved":false,"drawn_for":"x"}',
        '{"v":1,"dx_ratio":NaN,"dy_ratio":0,"degrees":0,"moved":false,"drawn_for":"x"}',
        '{"v":1,"dx_ratio":0,"dy_ratio":0,"degrees":0,"moved":"no","drawn_for":"x"}',
    ],
)  # fmt: skip
def test_read_what_makes_no_sense(tmp_path: Path, content: str) -> None:
    path = tmp_path / "events.db.view.json"
    assert read_view(path) is None
    path.write_text(content)
    assert read_view(path) is None


# --- from start to start -----------------------------------------------------------------------------


class Start:
    """The stages of one start, without a camera."""

    def __init__(self, config: Path) -> None:
        self.config = load(config)
        self.config.log.path.parent.mkdir(exist_ok=True)
        self.stage = stages(settings_of(self.config), (768, 576), random_track_ids())
        self.keeper = ViewKeeper(self.config, self.stage, make_at(0))

    def kept(self) -> KeptView:
        kept = read_view(kept_at(self.config.log.path))
        assert kept is not None
        return kept


def test_shift_outlives_a_restart(tmp_path: Path) -> None:
    first = Start(write_config(tmp_path, "x.avi"))
    assert (first.kept().shift, first.kept().moved) == (UNSHIFTED, False)
    first.stage.placing.place(BUMP, make_at(5))
    first.keeper.update(first.stage.tamper.update(frame(), ()), make_at(6))
    second = Start(write_config(tmp_path, "x.avi"))
    assert second.stage.placing.shift == BUMP
    assert second.stage.placing.zones == first.stage.placing.zones
    # Numbers of at most a few hundred bytes, and nothing else.
    body = json.loads(kept_at(second.config.log.path).read_text())
    assert set(body) == {"v", "dx_ratio", "dy_ratio", "degrees", "moved", "drawn_for"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("start = [0.651, 0.0]", "start = [0.6, 0.0]", id="line"),
        pytest.param("[1.0, 1.0], [0.0, 1.0]]", "[1.0, 1.0], [0.1, 1.0]]", id="zone"),
        pytest.param('source = "x.avi"', 'source = "x.avi"\nrotation = 180', id="rotation"),
        pytest.param('source = "x.avi"', 'source = "y.avi"', id="camera"),
    ],
)
def test_what_was_drawn_anew_is_right(tmp_path: Path, old: str, new: str) -> None:
    config = write_config(tmp_path, "x.avi")
    first = Start(config)
    write_view(kept_at(first.config.log.path), KeptView(BUMP, True, first.kept().drawn_for))
    again = Start(config)
    assert (again.stage.placing.shift, again.kept().moved) == (BUMP, True)
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    drawn = Start(config)
    assert (drawn.kept().shift, drawn.kept().moved) == (UNSHIFTED, False)
    assert drawn.stage.placing.shift == UNSHIFTED


def test_other_changes_keep_it(tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi")
    first = Start(config)
    write_view(kept_at(first.config.log.path), KeptView(BUMP, True, first.kept().drawn_for))
    config.write_text(config.read_text().replace("min_dwell_s = 0.5", "min_dwell_s = 2.5"))
    assert (Start(config).kept().shift, Start(config).kept().moved) == (BUMP, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_card_that_takes_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi")
    (tmp_path / "log").mkdir()
    (tmp_path / "log").chmod(0o500)
    assert Start(config).stage.placing.shift == UNSHIFTED


def frame() -> Frame:
    return frame_of(0, make_at(0), np.full((576, 768, 3), 77, np.uint8))


# --- the command -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def turned(vtest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of a yard, by a camera that is turned by 9 degrees after 10 s."""
    path = tmp_path_factory.mktemp("turned") / "turned.avi"
    capture = cv2.VideoCapture(str(vtest))
    pictures: list[Picture] = []
    while len(pictures) < 40:
        picture = capture.read()[1]
        pictures.append(shrunk(np.asarray(picture, np.uint8), 384))
    capture.release()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (384, 288))
    noise, turn = Noise(2.0), warp(degrees=9)
    for index in range(600):
        picture = pictures[min(index % 78, 78 - index % 78)]
        writer.write(noise.on(turn(picture, 0) if index >= 50 else picture))
    writer.release()
    return path


def told(folder: Path) -> list[str]:
    """Types and causes of the camera's events so far; the agent may run."""
    path = folder / "log" / "events.db"
    if not path.exists():
        return []
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT body FROM event ORDER BY seq").fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        database.close()
    events = [json.loads(body) for (body,) in rows]
    return [
        f"{event['type']} {event['cause']}" for event in events if str(event["type"]).startswith("camera")
    ]


BLIND, RESTORED = "camera.blind moved", "camera.restored moved"


def test_accept_view(
    start_agent: Callable[[Path], Agent],
    presence_agent: Callable[..., Ran],
    turned: Path,
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, turned)
    agent = start_agent(config)
    wait_until(lambda: told(tmp_path) == [BLIND])
    wait_until(lambda: "accept-view" in agent.said())
    assert agent.end(signal.SIGKILL) == -signal.SIGKILL
    # A new process sees the turned view well, and doesn't take it for right.
    still = tmp_path / "still.avi"
    _cut(turned, still, 60)
    text = config.read_text().replace(str(turned), str(still))
    config.write_text(text)
    # The same camera: only the film of it is another one.
    _same_camera(config)
    agent = start_agent(config)
    wait_until(lambda: agent.said().count("ready: it sees and logs") == 2)
    ran = presence_agent("accept-view", "--config", config)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Accepted: the camera was moved")
    wait_until(lambda: told(tmp_path) == [BLIND, RESTORED])
    assert not asked_at(load(config).log.path).exists()
    agent.end(signal.SIGTERM)
    assert "accepted as the right one: presence-agent accept-view" in agent.said()
    kept = read_view(kept_at(load(config).log.path))
    assert kept is not None
    assert (kept.shift, kept.moved) == (UNSHIFTED, False)
    restored = [event for event in logged(tmp_path).values() if event["type"] == "camera.restored"]
    assert len(restored) == 1
    blind_s = restored[0]["blind_s"]
    assert isinstance(blind_s, float)
    assert blind_s > 3


def test_moved_stays_over_a_restart(
    start_agent: Callable[[Path], Agent], turned: Path, tmp_path: Path
) -> None:
    """Nobody accepted it: a whole film later it is still one spell, and nobody was counted."""
    config = write_config(tmp_path, turned)
    agent = start_agent(config)
    wait_until(lambda: told(tmp_path) == [BLIND])
    agent.end(signal.SIGTERM)
    still = tmp_path / "still.avi"
    _cut(turned, still, 60, frames=100)
    config.write_text(config.read_text().replace(str(turned), str(still)))
    _same_camera(config)
    agent = start_agent(config)
    assert agent.process.wait(PATIENCE_S) == 0, agent.said()
    assert told(tmp_path) == [BLIND]
    types = [event["type"] for event in logged(tmp_path).values()]
    assert types.count("agent.stopped") == 2
    start = len(types) - types[::-1].index("agent.started")
    assert not [kind for kind in types[start:] if str(kind).startswith(("zone", "line"))]


def _cut(film: Path, target: Path, begin: int, frames: int = 500) -> None:
    capture = cv2.VideoCapture(str(film))
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"MJPG"), 5, (384, 288))
    for index in range(begin + frames):
        good, picture = capture.read()
        if good and index >= begin:
            writer.write(picture)
    writer.release()
    capture.release()


def _same_camera(config: Path) -> None:
    """Have it kept as the view of the camera that is configured now."""
    loaded = load(config)
    path = kept_at(loaded.log.path)
    kept = read_view(path)
    assert kept is not None
    assert kept.moved
    write_view(path, KeptView(kept.shift, kept.moved, drawn_for(loaded)))


def test_accept_view_without_an_agent(presence_agent: Callable[..., Ran], tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi")
    ran = presence_agent("accept-view", "--config", config)
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "no agent has run" in ran.err
    (tmp_path / "log").mkdir()
    ran = presence_agent("accept-view", "--config", config)
    assert ran.code == 0
    assert ran.out.startswith("No running agent")
    # It is taken up at the start.
    first = Start(config)
    write_view(kept_at(first.config.log.path), KeptView(BUMP, True, first.kept().drawn_for))
    later = Start(config)
    assert later.kept().moved
    later.keeper.answer(make_at(1))
    assert (later.kept().shift, later.kept().moved) == (UNSHIFTED, False)
    assert not asked_at(later.config.log.path).exists()


def test_accept_view_without_a_configuration(presence_agent: Callable[..., Ran], tmp_path: Path) -> None:
    ran = presence_agent("accept-view", "--config", tmp_path / "none.toml")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
