"""Commands of the pages that need no machine of their own, run as they stand there.

Only where the broker is differs: `broker.example` is this machine here, and its port is another.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import pytest

from agent.wire.calendar import CalendarCommandWire
from tests import pages as read
from tests.broker import need_programs
from tests.central.saying import make_body, make_health, make_state, make_status
from tests.conftest import ROOT, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.broker import CentralBroker

SITE, NAME = "que-phong", "reception"
NOBODYS = [
    page
    for page in read.pages()
    if any(block.key == "desk" for block in read.blocks(page))
    and ".vi." not in page.name
    and page.parent.name != "central"
]


class Desk:
    """A folder in which a page's commands find what they name."""

    def __init__(self, folder: Path, replaced: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._replaced = replaced or {}
        self._started: list[subprocess.Popen[bytes]] = []
        for name in ("agent", "deploy", "models"):
            (folder / name).symlink_to(ROOT / name)

    def run(self, block: read.Block) -> str:
        """Run a block to its end; what it prints."""
        done = subprocess.run(
            self._command(block), capture_output=True, text=True, check=False, cwd=self.folder,
            env=self._environment(), timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}: {done.stderr}"
        return done.stdout

    def start(self, block: read.Block) -> Callable[[], str]:
        """Start a block that goes on until it is stopped; gives what it has printed."""
        out = self.folder / f"{block.page.parent.name}-{block.line}.out"
        with out.open("wb") as file:
            self._started.append(
                subprocess.Popen(
                    self._command(block), stdout=file, stderr=subprocess.STDOUT, cwd=self.folder,
                    env=self._environment(), start_new_session=True,
                )
            )  # fmt: skip
        return out.read_text

    def close(self) -> None:
        """Stop what was started."""
        for process in self._started:
            # A shell and what it started.
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._started:
            process.wait(PATIENCE_S)

    def _command(self, block: read.Block) -> list[str]:
        text = block.text
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        return [sys.executable, "-c", text] if block.language == "python" else ["bash", "-euc", text]

    def _environment(self) -> dict[str, str]:
        own = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**os.environ, "PATH": own, "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize("page", NOBODYS, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("weights")
def test_commands_end_well(page: Path, clip: Path, tmp_path: Path) -> None:
    if page.parent.name == "broker":
        need_programs()
    shutil.copy(clip, tmp_path / "video.avi")
    shown, picture = cv2.VideoCapture(str(clip)).read()
    assert shown
    cv2.imwrite(str(tmp_path / "photo.jpg"), picture)
    desk = Desk(tmp_path)
    printed = [desk.run(block) for block in read.blocks(page) if block.key == "desk"]
    assert printed


@pytest.fixture
def desk(central: CentralBroker, tmp_path: Path) -> Iterator[Desk]:
    """A desk with accounts of a broker that has the agent of the pages."""
    for role in ("central", "admin"):
        shutil.copy(central.add(role, role).password_file or "", tmp_path / f"{role}-password")
    shutil.copy(central.ca_file, tmp_path / "ca.pem")
    here = {
        "@broker.example": f"@localhost:{central.port}",
        "broker.example": "localhost",
        "8883": str(central.port),
    }
    desk = Desk(tmp_path, here)
    yield desk
    desk.close()


# What the pages' queries ask for.
SAID: tuple[dict[str, Any], ...] = (
    {"rule": "door", "type": "line.crossed", "direction": "in", "confidence": 0.9},
    {"rule": "seats", "type": "zone.left", "dwell_s": 12.0, "why": "seen"},
    {
        "rule": "desk",
        "type": "counter.quarter",
        "start": "2026-11-22T00:15:00.000Z",
        "end": "2026-11-22T00:30:00.000Z",
        "blind_s": 0,
        "visits": 3,
        "wait_p50_s": 61.5,
        "wait_max_s": 90.0,
    },
)


class Saying(threading.Thread):
    """An agent that goes on saying something, an event each time."""

    def __init__(self, client: list[str]) -> None:
        super().__init__(daemon=True)
        self._client, self._seq, self._over = client, 0, threading.Event()

    def run(self) -> None:
        self._say(
            "health",
            make_health(0, retain=True, verdict="degraded", reasons=["camera_dark"]).payload,
            retain=True,
        )
        while not self._over.wait(0.3):
            self._seq += 1
            body = make_body(self._seq, device=NAME, **SAID[self._seq % len(SAID)])
            self._say(f"event/{body['rule']}/{str(body['type']).replace('.', '/')}", json.dumps(body))
            self._say("state/waiting", make_state().payload, retain=True)
            self._say("status", make_status(self._seq).payload, retain=True)

    def end(self) -> None:
        """Stop as an agent does."""
        if not self._over.is_set():
            self._over.set()
            self.join(PATIENCE_S)
            self._say("status", make_status(self._seq, state="offline", why="stopped").payload, retain=True)

    def _say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        words = ["-q", "1", "-t", f"presence/v1/{SITE}/{NAME}/{topic}", "-s", *(["-r"] if retain else [])]
        subprocess.run(
            ["mosquitto_pub", *self._client, *words], input=payload, text=True, check=True, timeout=PATIENCE_S
        )


def _names_the_door(printed: Callable[[], str]) -> bool:
    return "door" in printed()


def rows(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return db.execute(query, {"last": 0} if ":last" in query else {}).fetchall()


def is_answered(database: Path, query: str) -> bool:
    return rows(database, query) != []


def is_made(database: Path) -> bool:
    try:
        return database.exists() and is_answered(
            database, "SELECT 1 FROM sqlite_master WHERE name = 'state_now'"
        )
    except sqlite3.OperationalError:
        # It is just being made.
        return False


def has_all(database: Path) -> bool:
    return {name for (name,) in rows(database, "SELECT type FROM event")} == {said["type"] for said in SAID}


def test_central_page(desk: Desk, central: CentralBroker, tmp_path: Path) -> None:
    page = ROOT / "deploy" / "central" / "README.md"
    saying = Saying(central.client(central.add("device", SITE, NAME)))
    saying.start()
    subscribers, centres = tmp_path / "presence.db", tmp_path / "centre.db"

    def has_started(block: read.Block, printed: Callable[[], str]) -> Callable[[], bool]:
        if "--db" in block.text:
            return partial(is_made, subscribers)
        return partial(is_made, centres) if "receive" in block.text else partial(_names_the_door, printed)

    found = [block for block in read.blocks(page) if block.key == "desk"]
    assert {block.language for block in found} == {"", "python", "sql"}
    try:
        for block in found:
            if block.language == "sql":
                of = centres if block.mark.endswith("in the centre") else subscribers
                wait_until(partial(is_answered, of, block.text))
            elif block.mark.endswith("until stopped"):
                wait_until(has_started(block, desk.start(block)))
            else:
                if "retire" in block.text:
                    saying.end()
                desk.run(block)
        for database in (subscribers, centres):
            wait_until(partial(has_all, database))
    finally:
        saying.end()
    calendar = (tmp_path / "hours.json").read_text()
    assert CalendarCommandWire.model_validate_json(calendar).hours
