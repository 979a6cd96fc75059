"""Whether this version would run: on configurations, weights and logs as they are found on a device."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agent.device import machine as figures
from agent.doctor import System
from agent.doctor.preflight import preflight
from agent.doctor.sandbox import ask_preflight
from agent.eventlog.file_identity import ENDS
from agent.eventlog.log import EventLog
from agent.install.manifest import models_directory
from tests.eventlog import forms
from tests.locale.languages import ENGLISH
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.doctor import Report
    from tests.conftest import Ran
    from tests.doctor.place import Place

pytestmark = pytest.mark.usefixtures("weights")
CAMERA = "/dev/v4l/by-id/nowhere"


@pytest.fixture
def place(place: Place) -> Place:
    """A good machine with a log, a camera that is not there, and a broker that is not there."""
    place.camera = {"source": CAMERA}
    place.mqtt = {"host": "broker.invalid", "port": 1883, "tls": False}
    path = log_of(place)
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(forms.dump())
    return place


def log_of(place: Place) -> Path:
    return place.folder / "log" / "events.db"


def tried(place: Place) -> Report:
    return preflight(place.write_config(), System(place.root, place.folder / "run"))


def found(report: Report) -> dict[str, str]:
    return {finding.check: finding.code for finding in report.findings}


def contents(place: Place) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(log_of(place).parent.iterdir())}


def test_a_good_machine_without_camera_and_broker(place: Place) -> None:
    before = contents(place)
    report = tried(place)
    assert report.exit_code == 0
    assert found(report) == {
        "configuration": "configuration.notice", "weights": "weights.ok", "start": "start.ok",
        "log": "log.tried",
    }  # fmt: skip
    (log,) = [finding for finding in report.findings if finding.check == "log"]
    with closing(sqlite3.connect(log_of(place))) as db:
        (last_seq,) = db.execute("SELECT max(seq) FROM event").fetchone()
    assert log.values["last_seq"] == last_seq
    assert contents(place) == before
    assert report.agent == "que-phong/one-stop"


def test_a_log_in_use_goes_on(place: Place) -> None:
    log_of(place).unlink()
    with EventLog(SENDER, log_of(place), reserve=False) as log:
        log.append([make_entered(1), make_entered(2)])
        beside = {file.name for file in log_of(place).parent.iterdir()}
        report = tried(place)
        assert found(report)["log"] == "log.tried"
        assert {file.name for file in log_of(place).parent.iterdir()} == beside
        assert log.append([make_entered(3)]) == 3
        assert [entry.seq for entry in log.read(0, 9)] == [1, 2, 3]


def no_log(place: Place) -> None:
    shutil.rmtree(log_of(place).parent)


def wrong_key(place: Place) -> None:
    place.more = "[detector]\nconfidenc = 0.3\n"


def no_ca(place: Place) -> None:
    place.mqtt = {"host": "broker.invalid", "ca_file": place.folder / "none.pem"}


def newer_log(place: Place) -> None:
    with closing(sqlite3.connect(log_of(place))) as db:
        db.execute("PRAGMA user_version = 9")


def older_log(place: Place) -> None:
    with closing(sqlite3.connect(log_of(place))) as db:
        db.execute("PRAGMA user_version = 0")


def others_database(place: Place) -> None:
    log_of(place).unlink()
    with closing(sqlite3.connect(log_of(place))) as db:
        db.execute("CREATE TABLE other (x)")


def damaged_log(place: Place) -> None:
    with log_of(place).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def no_event_in_it(place: Place) -> None:
    with closing(sqlite3.connect(log_of(place))) as db:
        db.execute("UPDATE event SET body = '{' WHERE seq = (SELECT max(seq) FROM event)")
        db.commit()


@pytest.mark.parametrize(
    ("breaks", "check", "code", "words", "exit_code"),
    [
        # A device that was not started yet.
        (no_log, "log", "log.none", "is not there yet", 0),
        (wrong_key, "configuration", "configuration.wrong", "confidenc", 2),
        (wrong_key, "log", "log.skipped", "the configuration must be right first", 2),
        (no_ca, "start", "start.fails", "none.pem", 2),
        (newer_log, "log", "log.unusable", "written by a newer agent (form 9", 1),
        (others_database, "log", "log.unusable", "no event log of presence-agent", 1),
        (damaged_log, "log", "log.unusable", "is damaged", 1),
        # SQLite finds nothing wrong in it, the start does.
        (no_event_in_it, "log", "log.given_up", "would set", 1),
        # The way back may not read it then.
        (older_log, "log", "log.forward", "in form 1 in place of 0", 0),
    ],
)
def test_what_is_found(
    place: Place, breaks: Callable[[Place], None], check: str, code: str, words: str, exit_code: int
) -> None:
    breaks(place)
    before = contents(place) if log_of(place).exists() else {}
    report = tried(place)
    said = {finding.code: finding.found(ENGLISH) for finding in report.findings if finding.check == check}
    assert words in said[code]
    assert ".trial-" not in said[code]
    assert report.exit_code == exit_code
    assert not log_of(place).exists() or contents(place) == before


def test_weights_that_are_not_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(place.folder / "none"))
    report = tried(place)
    assert report.exit_code == 2
    assert found(report)["start"] == "start.skipped"
    # What can be said of the log is said.
    assert found(report)["log"] == "log.tried"


def test_a_network_that_does_not_load(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole by its checksum, and of no use to the onnxruntime of this version."""
    models = place.folder / "models"
    shutil.copytree(models_directory(), models, ignore=shutil.ignore_patterns("*.avi", "*.mp4"))
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(models))
    monkeypatch.setattr("agent.doctor.preflight.weights_check", lambda *_: True)
    for file in (models / "prepared").iterdir():
        if file.suffix != ".json":
            file.write_bytes(file.read_bytes()[:1000])
    report = tried(place)
    assert found(report)["start"] == "start.fails"
    assert report.exit_code == 2


@pytest.mark.parametrize(
    ("card_mb", "memory_mb", "code"),
    [
        # As much as the log needs is not enough: the agent that runs writes on.
        (110, 50, "log.tried"), (90, 300, "log.tried"), (90, 90, "log.no_room"), (90, None, "log.no_room"),
    ],
)  # fmt: skip
def test_room_for_the_copy(
    place: Place, monkeypatch: pytest.MonkeyPatch, card_mb: int, memory_mb: int | None, code: str
) -> None:
    card = log_of(place).parent
    monkeypatch.setattr(figures, "disk_free_mb", lambda path: card_mb if path.parent == card else memory_mb)
    monkeypatch.setattr(figures, "mem_free_mb", lambda: memory_mb)
    report = tried(place)
    assert found(report)["log"] == code
    assert report.exit_code == 0
    assert {file.name for file in card.iterdir()} == {"events.db"}
    assert not [file for file in (place.folder / "run").iterdir() if file.name.startswith(".trial-")]


def test_what_a_killed_trial_left_goes(place: Place) -> None:
    old, new = (log_of(place).parent / f".trial-{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        (folder / "events.db").write_text("copy")
    os.utime(old, (1, 1))
    assert found(tried(place))["log"] == "log.tried"
    assert not old.exists()
    # It may be another's that is under way.
    assert new.exists()


@pytest.mark.parametrize("end", ENDS[1:])
def test_a_log_that_was_killed(place: Place, end: str) -> None:
    """Its WAL is part of it; without its shared memory as well, as after a power cut."""
    path = log_of(place)
    path.unlink()
    with EventLog(SENDER, path, reserve=False) as log:
        log.append([make_entered(1), make_entered(2)])
        kept = {name: path.with_name(path.name + name).read_bytes() for name in ENDS}
    for name, content in kept.items():
        path.with_name(path.name + name).write_bytes(content)
    if end == "-shm":
        path.with_name(f"{path.name}-shm").unlink()
    (finding,) = [item for item in tried(place).findings if item.check == "log"]
    assert (finding.code, finding.values["last_seq"]) == ("log.tried", 2)


@pytest.mark.parametrize(
    ("locale", "words"),
    [("C.UTF-8", "starts with this configuration"), ("vi_VN.UTF-8", "chạy được với cấu hình này")],
)
def test_command(
    place: Place,
    presence_agent: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
    words: str,
) -> None:
    place.service(LoadState="not-found")
    monkeypatch.setenv("LC_ALL", locale)
    asked = ("doctor", "--preflight", "--config", place.write_config())
    ran = presence_agent(*asked)
    assert ran.code == 0, ran.out + ran.err
    assert words in ran.out
    assert "camera" not in {line.split(":")[0].split()[-1] for line in ran.out.splitlines()}
    told = json.loads(presence_agent(*asked, "--json").out)
    assert told["exit_code"] == 0
    assert "start.ok" in {check["code"] for check in told["checks"]}
    wrong_key(place)
    place.write_config()
    assert presence_agent(*asked).code == 2


def test_root_tries_this_version_as_the_service(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service still starts the one before."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    place.installed(starts="exit 9")
    monkeypatch.setattr("agent.doctor.sandbox._PREFLIGHT_S", PATIENCE_S)
    report = preflight(place.write_config(), ask_sandbox=ask_preflight)
    assert found(report)["whose"] == "whose.service"
    assert found(report)["log"] == "log.tried"
    words = (place.folder / "asked").read_text()
    assert "--property=User=somebody" in words
    assert f"{sys.executable} -P -m agent doctor --preflight --inside" in words
