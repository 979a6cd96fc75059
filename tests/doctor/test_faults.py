"""A good machine has no fault; each fault made on purpose is named, with what to do about it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.config.examples import example
from agent.config.load import load
from agent.config.models import digest
from agent.core.log_messages import HEALTH
from agent.device import clock
from agent.device.camera import Picture
from agent.device.reload_answers import ReloadAnswers
from agent.errors import CameraError
from agent.eventlog.log import EventLog
from agent.install.manifest import load_manifest, models_directory
from tests.conftest import free_port, wait_until
from tests.doctor.place import Place, codes
from tests.locale.languages import ENGLISH, VIETNAMESE
from tests.patience import PATIENCE_S
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.app.settings import CameraSettings
    from agent.core.frame import Instant
    from agent.device.camera import Camera
    from tests.conftest import Agent, Mosquitto


def test_good_machine_has_no_fault(at_broker: Place) -> None:
    at_broker.sight()
    report = at_broker.examined()
    assert codes(report) == []
    assert (report.exit_code, report.verdict, report.agent) == (0, "ok", "que-phong/one-stop")
    assert [item.code for item in report.findings] == [
        "configuration.ok", "hours.always", "weights.ok",
        "camera.running", "light.ok", "focus.ok", "upright.ok",
        "network.wired",
        "broker_name.ok", "broker_port.ok", "broker_tls.ok", "secrets.ok",
        "broker_login.ok", "broker_rights.ok",
        "clock.ok", "disk.ok", "card.ok", "log.none", "power.ok", "temperature.ok", "memory.ok",
        "memory.limited",
        "service.ok",
        "journal.ok", "journal.clean",
        "updates.by_hand",
    ]  # fmt: skip


def test_recording_is_looked_at(place: Place) -> None:
    found = {item.check: item.code for item in place.examined().findings}
    assert (found["camera"], found["light"], found["focus"]) == ("camera.ok", "light.ok", "focus.ok")


# --- configuration, weights ---------------------------------------------------------------------------


def broken_configuration(place: Place) -> None:
    place.camera["sise"] = 3


def model_for_faces(place: Place) -> None:
    place.more += '[detector]\nmodel = "yunet"\n'


def no_rules(place: Place) -> None:
    place.more = ""


def drawing_of_an_example(place: Place) -> None:
    (zone,) = tomllib.loads(example("parking"))["zone"]
    place.more = f'[[zone]]\nid = "mine"\npolygon = {zone["polygon"]}\n'


def weights_missing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(place.folder / "none"))


def copied_models(place: Place, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the weights again, for a test to break, and the file of the persons' network in it."""
    there = models_directory()
    copy = place.folder / "models"
    shutil.copytree(there, copy, ignore=shutil.ignore_patterns("*.avi", "*.png"))
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(copy))
    return copy / load_manifest(there).named("yolox_nano").file


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)


def weights_damaged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = copied_models(place, monkeypatch)
    for file in (weights, *(weights.parent / "prepared").glob("yolox_nano-*")):
        damage(file)


def source_damaged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(copied_models(place, monkeypatch))


def prepared_damaged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (copied_models(place, monkeypatch).parent / "prepared").glob("yolox_nano-*"):
        damage(file)


# --- camera -------------------------------------------------------------------------------------------


def changed_clip(place: Place, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> None:
    """The recording again, each picture changed."""
    capture = cv2.VideoCapture(str(place.camera["source"]))
    path = place.folder / "changed.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (768, 576))
    while True:
        ok, image = capture.read()
        if not ok:
            break
        writer.write(change(image.astype(np.uint8, copy=False)))
    writer.release()
    capture.release()
    place.camera["source"] = path


def missing_recording(place: Place) -> None:
    place.camera["source"] = place.folder / "nothing.avi"


def no_recording(place: Place) -> None:
    place.camera["source"] = place.folder / "text.avi"
    (place.folder / "text.avi").write_text("no recording")


def dark(place: Place) -> None:
    changed_clip(place, lambda image: (image // 16).astype(np.uint8))


def dark_at_night(place: Place) -> None:
    dark(place)
    place.camera["night"] = True


def blurred(place: Place) -> None:
    changed_clip(place, lambda image: cv2.GaussianBlur(image, (0, 0), 5).astype(np.uint8))


# --- machine ------------------------------------------------------------------------------------------


def unsynced(place: Place) -> None:
    place.synced = False


def no_time_keeper(place: Place) -> None:
    place.synced = False
    (place.root / "proc/77/comm").unlink()


def timesyncd_not_started(place: Place) -> None:
    no_time_keeper(place)
    place.write("usr/lib/systemd/system/systemd-timesyncd.service", "")


def chrony_masked(place: Place) -> None:
    no_time_keeper(place)
    place.write("usr/lib/systemd/system/chrony.service", "")
    (place.root / "etc/systemd/system").mkdir(parents=True)
    (place.root / "etc/systemd/system/chrony.service").symlink_to("/dev/null")


def chrony(place: Place) -> None:
    place.write("proc/77/comm", "chronyd\n")


def chrony_unseen(place: Place) -> None:
    """The unit as it is shipped, without what lets it ask the kernel."""
    chrony(place)
    place.service(ProtectClock="yes")


def read_only_folder(place: Place) -> None:
    (place.folder / "log").mkdir(mode=0o555)


def folder_of_root(place: Place) -> None:
    place.service(User="nobody")
    (place.folder / "log").mkdir(mode=0o755)


def no_event_log(place: Place) -> None:
    (place.folder / "log").mkdir()
    (place.folder / "log" / "events.db").write_text("something else")


def damaged_log_set_aside(place: Place) -> None:
    no_event_log(place)
    with EventLog(SENDER, place.folder / "log" / "events.db"):
        pass


def larger_log_than_disk(place: Place) -> None:
    place.log["keep_mb"] = 10**9


def throttled(bits: int) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.write("sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits:x}\n")

    return make


def hot(milli_c: int) -> Callable[[Place], None]:
    return lambda place: place.write("sys/class/thermal/thermal_zone0/temp", f"{milli_c}\n")


def little_memory(place: Place) -> None:
    place.write("proc/meminfo", "MemAvailable: 20000 kB\n")


def errors_in_journal(place: Place) -> None:
    place.journal(*[ERROR] * 3)


def journal_in_memory(place: Place) -> None:
    shutil.rmtree(place.root / "var/log/journal")


def no_catalogue(place: Place) -> None:
    (place.root / "usr/lib/systemd/catalog/presence-agent.catalog").unlink()


FIRST, SECOND = ({"_SYSTEMD_INVOCATION_ID": run * 32} for run in "12")
ERROR = {"MESSAGE_ID": "0" * 32, **FIRST}
BY_SYSTEMD = {"MESSAGE_ID": "1" * 32, "INVOCATION_ID": "1" * 32}
WELL, DEGRADED, FAILING = (
    {"MESSAGE_ID": HEALTH.message_id, "PRESENCE_REASON": verdict, **FIRST}
    for verdict in ("ok", "degraded", "failing")
)


@pytest.mark.parametrize(
    ("entries", "holds", "over"),
    [
        ([], 0, 0),
        ([WELL, DEGRADED, WELL], 0, 0),
        ([ERROR, BY_SYSTEMD], 2, 0),
        ([ERROR, FAILING, WELL], 0, 2),
        ([ERROR, WELL, ERROR, BY_SYSTEMD], 2, 1),
        # What it said of itself is over once it says something else; of the rest nobody knows.
        ([FAILING, FAILING, FAILING], 1, 2),
        ([FAILING, DEGRADED], 0, 1),
        ([ERROR, FAILING, DEGRADED], 1, 1),
        # A run that sees now has started without what was before it.
        ([ERROR, FAILING, BY_SYSTEMD, DEGRADED | SECOND], 0, 3),
        ([ERROR, ERROR | SECOND], 1, 1),
    ],
)
def test_errors_that_are_over_are_told_but_warn_of_nothing(
    place: Place, entries: list[dict[str, str]], holds: int, over: int
) -> None:
    place.sight()
    run = (entries or [WELL])[-1].get("_SYSTEMD_INVOCATION_ID", "1" * 32)
    place.service(ActiveState="active", SubState="running", InvocationID=run)
    place.journal(*entries)
    told = [item for item in place.examined().findings if item.check == "journal"][-1]
    expected = "journal.errors" if holds else "journal.over" if over else "journal.clean"
    assert (told.code, told.values.get("errors", 0)) == (expected, holds or over)


def test_errors_of_a_service_that_does_not_run_are_not_over(place: Place) -> None:
    place.service(ActiveState="failed", Result="exit-code", ExecMainStatus="2", InvocationID="2" * 32)
    place.journal(WELL, ERROR)
    assert "journal.errors" in codes(place.examined())


# What is made wrong, what is found, words of it, words of its remedy, and the exit code.
CASES: list[tuple[Callable[..., None], str, str, str, int]] = [
    (broken_configuration, "configuration.wrong", "sise", "presence-agent check", 2),
    (model_for_faces, "configuration.wrong", 'give "yolox_nano"', "presence-agent check", 2),
    (no_rules, "configuration.notice", "[[line]]", "Change it", 0),
    (drawing_of_an_example, "configuration.example", '[[zone]] 1 "mine"', "presence-agent check", 0),
    (weights_missing, "weights.wrong", "not there", "presence-agent models fetch", 2),
    (weights_damaged, "weights.wrong", "sha256", "models fetch yolox_nano", 2),
    (prepared_damaged, "weights.wrong", "is damaged in", "models fetch yolox_nano", 2),
    (source_damaged, "weights.spare", "sha256", "models fetch yolox_nano", 0),
    (missing_recording, "camera.unreadable", "nothing.avi", "source under [camera]", 2),
    (no_recording, "camera.unreadable", "text.avi", "source under [camera]", 2),
    (dark, "light.dark", "too dark", "Switch the light on", 0),
    (dark_at_night, "light.dark_fault", "night = true", "lamp", 1),
    (blurred, "focus.blurred", "out of focus", "Wipe the lens", 0),
    (unsynced, "clock.unsynced", "systemd-timesyncd", "timedatectl", 1),
    (no_time_keeper, "clock.nobody", "no time synchronisation service", "systemd-timesyncd", 1),
    (
        timesyncd_not_started, "clock.not_started", "systemd-timesyncd is installed, but does not run",
        "'sudo systemctl enable --now systemd-timesyncd'", 1,
    ),
    (
        chrony_masked, "clock.not_started", "chrony is installed",
        "'sudo systemctl unmask chrony && sudo systemctl enable --now chrony'", 1,
    ),
    (
        chrony_unseen, "clock.not_for_service", "the service can't see",
        "/usr/share/presence-agent/clock.conf /etc/systemd/system/presence-agent.service.d/clock.conf", 1,
    ),
    (read_only_folder, "disk.read_only", "read-only", "chmod", 1),
    (folder_of_root, "disk.not_for_service", "nobody may not write", "chown", 1),
    (no_event_log, "log.damaged", "no event log", "log verify", 1),
    (damaged_log_set_aside, "log.set_aside", "events.db.damaged-", "log export --file", 1),
    (larger_log_than_disk, "disk.small", "may take 1000000000 MB", "keep_mb", 0),
    (throttled(0x50005), "power.under", "0x50005", "power supply", 1),
    (throttled(0x10000), "power.was_under", "0x10000", "power supply", 0),
    (throttled(0x20002), "power.slowed", "slowed", "fan", 0),
    (throttled(0x20000), "power.was_slowed", "was slowed", "fan", 0),
    (hot(72_000), "temperature.warm", "72 °C", "fan", 0),
    (hot(84_500), "temperature.hot", "84 °C", "fan", 1),
    (little_memory, "memory.low", "20 MB", "End other programs", 0),
    (lambda place: place.service(LoadState="not-found"), "service.not_installed", "not", "Install", 0),
    (lambda place: place.service(), "service.stopped", "not run", "enable --now", 0),
    (
        lambda place: place.service(ActiveState="failed", Result="exit-code", ExecMainStatus="2"),
        "service.failed", "exit code 2", "restart presence-agent", 1,
    ),
    (errors_in_journal, "journal.errors", "3 errors", "journalctl -u presence-agent", 0),
    (journal_in_memory, "journal.in_memory", "memory only", "/var/log/journal", 0),
    (no_catalogue, "journal.no_catalogue", "explanations", "--update-catalog", 0),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "code", "found", "remedy", "exit_code"), CASES, ids=[c[1] for c in CASES])
def test_fault_is_named_with_its_remedy(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[..., None],
    code: str,
    found: str,
    remedy: str,
    exit_code: int,
) -> None:
    if wrong in (weights_missing, weights_damaged, prepared_damaged, source_damaged):
        wrong(place, monkeypatch)
    else:
        wrong(place)
    report = place.examined()
    told = [item for item in report.findings if item.code == code]
    assert told, codes(report)
    assert found in "\n".join(item.found(ENGLISH) for item in told)
    assert remedy in str(told[0].remedy(ENGLISH))
    assert report.exit_code == exit_code
    # Beside it there is nothing but that no broker is asked for, and the service that does not run.
    beside = {"broker_name.none", "service.stopped", "configuration.notice", "configuration.example"}
    assert {other.partition(".")[0] for other in set(codes(report)) - beside} <= {code.partition(".")[0]}


def test_weights_are_not_missed_while_the_prepared_serve(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied_models(place, monkeypatch).unlink()
    found = {item.check: item for item in place.examined().findings}
    assert (found["weights"].code, found["weights"].found(ENGLISH)) == (
        "weights.ok",
        "yolox_nano, yunet are whole",
    )


def test_card_full(place: Place) -> None:
    card = place.folder / "card"
    card.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", card], capture_output=True, check=False
    ).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        place.log["path"] = card / "events.db"
        report = place.examined()
    finally:
        subprocess.run(["umount", card], check=True)
    assert "disk.full" in codes(report)
    assert report.exit_code == 1


def test_wrong_configuration_makes_no_further_faults(place: Place) -> None:
    broken_configuration(place)
    report = place.examined()
    skipped = [item.check for item in report.findings if item.status == "skipped"]
    assert {"weights", "camera", "upright", "broker_name", "broker_rights", "disk", "log"} <= set(skipped)
    assert [item.code for item in report.findings if item.status == "fault"] == ["configuration.wrong"]


@pytest.mark.parametrize("wall", ["no", "yes"])
def test_doctor_says_of_the_clock_what_the_service_can_know(place: Place, wall: str) -> None:
    place.service(ProtectClock=wall)
    assert "clock.ok" in [item.code for item in place.examined().findings]
    chrony(place)
    expected = "clock.not_for_service" if wall == "yes" else "clock.ok"
    assert expected in [item.code for item in place.examined().findings]


# --- beside a running service -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "expected", "exit_code"),
    [
        ({"age_s": 200}, ["camera.stale"], 1),
        ({"camera": "dark", "brightness": 4}, ["camera.blind", "light.dark"], 1),
        ({"camera": "blurred", "sharpness": 3.0}, ["camera.blind", "focus.blurred"], 1),
        ({"camera": "lost", "brightness": None, "sharpness": None}, ["camera.lost"], 1),
        (
            {"camera": "lost", "brightness": None, "verdict": "failing", "reasons": ["camera_lost"]},
            ["camera.lost", "service.failing"],
            1,
        ),
        ({"verdict": "degraded", "reasons": ["calendar_refused"]}, ["service.degraded"], 0),
        # What is older than half a minute says nothing, whatever it says.
        ({"age_s": 50, "verdict": "failing", "reasons": ["camera_lost"]}, ["camera.stale"], 1),
        ({"camera": "moved"}, ["camera.moved"], 1),
        ({"brightness": 9}, ["light.dark"], 0),
        ({"sharpness": 10.0}, ["focus.blurred"], 0),
        ({"sharpness": 10.0, "usual_sharpness": None}, [], 0),
        ({"faces_upright": 0, "faces_upside_down": 5}, ["upright.turned"], 0),
        ({"faces_upright": 0, "faces_upside_down": 1}, [], 0),
    ],
)
def test_service_numbers(
    place: Place, numbers: dict[str, object], expected: list[str], exit_code: int
) -> None:
    place.sight(**numbers)  # type: ignore[arg-type]
    report = place.examined()
    assert [code for code in codes(report) if code != "broker_name.none"] == expected
    assert report.exit_code == exit_code


def test_numbers_of_an_earlier_process_say_nothing(place: Place) -> None:
    place.sight(process=77)
    place.service(ActiveState="active", SubState="running", MainPID="78")
    found = [item.code for item in place.examined().findings]
    assert "camera.no_numbers" in found
    assert "camera.running" not in found


@pytest.mark.parametrize("state", ["S", "T"])
def test_halted_process(place: Place, state: str) -> None:
    place.sight(process=78)
    fed = round(time.monotonic() * 1e6)
    place.service(ActiveState="active", MainPID="78", WatchdogUSec="30s", WatchdogTimestampMonotonic=str(fed))
    place.write("proc/78/stat", f"78 (agent) R (x)) {state} 1 78 78 0\n")
    report = place.examined()
    found = [code for code in codes(report) if code != "broker_name.none"]
    assert found == (["camera.halted", "service.halted"] if state == "T" else [])
    assert ("camera.running" in [item.code for item in report.findings]) == (state == "S")


@pytest.mark.parametrize(("age_s", "expected"), [(3, []), (40, ["camera.silent", "service.silent"])])
def test_process_that_hangs(place: Place, age_s: float, expected: list[str]) -> None:
    place.sight(process=78, age_s=age_s)
    fed = round((time.monotonic() - 40) * 1e6)
    place.service(
        ActiveState="active", MainPID="78", WatchdogUSec="90s", WatchdogTimestampMonotonic=str(max(fed, 1))
    )
    # A camera that gives no pictures feeds no watchdog either: then the numbers are new.
    assert [code for code in codes(place.examined()) if code != "broker_name.none"] == expected


def test_last_words_of_a_service_that_failed(place: Place) -> None:
    place.journal({"MESSAGE": "the agent ends: /srv/x.avi: there is no such file"})
    place.service(ActiveState="failed", Result="exit-code", ExecMainStatus="2", InvocationID="0123")
    (told,) = [item for item in place.examined().findings if item.code.startswith("service.failed")]
    assert "/srv/x.avi: there is no such file" in told.found(ENGLISH)


def test_who_was_killed_has_no_last_words(place: Place) -> None:
    place.journal({"MESSAGE": "the new configuration was refused"})
    place.service(ActiveState="failed", Result="signal", ExecMainStatus="9", InvocationID="0123")
    (told,) = [item for item in place.examined().findings if item.code.startswith("service.failed")]
    assert "signal" in told.found(ENGLISH)
    assert "configuration" not in told.found(ENGLISH)


def test_last_words_of_a_service_that_the_journal_does_not_have(place: Place) -> None:
    """It was gone before the journal looked whose line that was; systemd has its status."""
    place.journal()
    failed = {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2", "InvocationID": "0123"}
    place.service(**failed, StatusText="ended: /srv/x.avi: there is no such file")
    (told,) = [item for item in place.examined().findings if item.code.startswith("service.failed")]
    assert "/srv/x.avi: there is no such file" in told.found(ENGLISH)


def test_refused_configuration_is_told(place: Place) -> None:
    place.sight(verdict="degraded", reasons=["configuration_refused"])
    refusals = ReloadAnswers(place.folder / "run")
    refusals.begin()
    refusals.refuse(("[camera] sise is unknown here.",))
    report = place.examined()
    (told,) = [item for item in report.findings if item.code == "configuration.refused"]
    assert "[camera] sise is unknown here." in told.found(ENGLISH)
    assert "systemctl reload" in str(told.remedy(ENGLISH))
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("in_force", "age_s", "told"),
    [
        ("0123456789abcdef", 3, True),
        # An older version does not say it, and old numbers say nothing.
        (None, 3, False),
        ("0123456789abcdef", 300, False),
        ("the same", 3, False),
    ],
)
def test_changed_configuration_that_nobody_reloaded(
    place: Place, in_force: str | None, age_s: float, told: bool
) -> None:
    if in_force == "the same":
        in_force = digest(load(place.write_config()))
    place.sight(age_s=age_s, config_digest=in_force)
    found = [item for item in place.examined().findings if item.code == "configuration.not_in_force"]
    assert bool(found) is told
    assert all("'sudo systemctl reload presence-agent'" in str(item.remedy(ENGLISH)) for item in found)


def test_changed_configuration_of_a_service_that_ended(place: Place) -> None:
    place.sight(config_digest="0123456789abcdef")
    place.service(ActiveState="failed", Result="exit-code", ExecMainStatus="2", MainPID="0")
    assert "configuration.not_in_force" not in [item.code for item in place.examined().findings]


def test_changed_configuration_of_a_service_that_waits_for_its_camera(place: Place) -> None:
    place.sight(config_digest="0123456789abcdef", camera="lost")
    place.service(ActiveState="activating", SubState="start")
    report = place.examined()
    (told,) = (item for item in report.findings if item.code == "configuration.not_in_force")
    # A reload would wait for it, too.
    assert "'sudo systemctl restart presence-agent'" in str(told.remedy(ENGLISH))
    (lost,) = (item for item in report.findings if item.code == "camera.lost")
    assert str(place.camera["source"]) in lost.found(ENGLISH)


@pytest.mark.parametrize("content", [None, "", "[]", '{"ts": 3}', "[" * 100_000])
def test_service_numbers_unreadable(place: Place, content: str | None) -> None:
    place.sight()
    (place.folder / "run" / "sight.json").unlink()
    if content is not None:
        (place.folder / "run" / "sight.json").write_text(content)
    report = place.examined()
    assert "camera.no_numbers" in [item.code for item in report.findings]


def test_log_held_leaves_the_camera_alone(place: Place) -> None:
    place.camera["source"] = "rtsp://127.0.0.1:1/x"
    place.camera_of = must_not_be_opened
    place.sight()
    place.service()
    (place.root / "proc/locks").unlink()
    (place.root / "proc/locks").symlink_to("/proc/locks")
    with EventLog(SENDER, place.folder / "log" / "events.db"):
        report = place.examined()
    found = [item.code for item in report.findings]
    assert {"camera.running", "log.running"} <= set(found)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"ActiveState": "failed", "MainPID": "0"}, "log.another"),
        # It runs beside, on a log in memory.
        ({"ActiveState": "active", "MainPID": "1"}, "log.another"),
        ({"ActiveState": "active", "MainPID": str(os.getpid())}, "log.running"),
        # Nobody wanted the service.
        ({"ActiveState": "inactive", "MainPID": "0"}, "log.running"),
    ],
)
def test_log_held_by_another_than_the_service(place: Place, service: dict[str, str], expected: str) -> None:
    place.camera["source"] = "rtsp://127.0.0.1:1/x"
    place.camera_of = must_not_be_opened
    place.sight()
    place.service(LoadState="loaded", **service)
    (place.root / "proc/locks").unlink()
    (place.root / "proc/locks").symlink_to("/proc/locks")
    with EventLog(SENDER, place.folder / "log" / "events.db"):
        report = place.examined()
    (log,) = (item for item in report.findings if item.check == "log")
    assert log.code == expected
    assert expected != "log.another" or f"'sudo kill {os.getpid()}'" in str(log.remedy(ENGLISH))


@pytest.mark.parametrize("end", ["", "-wal"])
def test_log_removed_while_it_is_written(place: Place, end: str) -> None:
    path = place.folder / "log" / "events.db"
    (place.root / "proc" / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    with EventLog(SENDER, path):
        path.with_name(path.name + end).unlink()
        report = place.examined()
    (log,) = (item for item in report.findings if item.check == "log")
    assert log.code == "log.removed"
    assert f"process {os.getpid()}" in log.found(ENGLISH)
    assert "minute" in str(log.remedy(ENGLISH))
    assert "một phút" in str(log.remedy(VIETNAMESE))


def test_running_agent_goes_on(
    place: Place, vtest: Path, mosquitto: Mosquitto, start_agent: Callable[[Path], Agent]
) -> None:
    place.camera["source"] = vtest
    place.mqtt = {"host": "127.0.0.1", "port": mosquitto.port, "tls": False}
    (place.root / "proc/locks").unlink()
    (place.root / "proc/locks").symlink_to("/proc/locks")
    agent = start_agent(place.write_config())
    wait_until(lambda: all(word in agent.said() for word in ("connected", "ready", "health")))
    said = agent.said()
    report = place.examined()
    log = next(item for item in report.findings if item.check == "log")
    assert log.code == "log.running"
    assert f"process {agent.process.pid}" in log.found(ENGLISH)
    assert "camera.no_numbers" in [item.code for item in report.findings]
    assert agent.said() == said
    assert agent.end(signal.SIGTERM) == 0


def must_not_be_opened(_camera: CameraSettings, _now: Callable[[], Instant]) -> Camera:
    raise AssertionError("the camera belongs to the service")


# --- a live camera ------------------------------------------------------------------------------------


class Shown:
    """A camera that shows one picture again and again."""

    def __init__(self, image: NDArray[np.uint8] | None, failure: CameraError | None = None) -> None:
        self._image = image
        self._failure = failure
        self.closed = 0

    def open(self) -> None:
        if self._failure:
            raise self._failure

    def picture(self, wait_s: float) -> Picture | None:
        if self._image is None:
            threading.Event().wait(wait_s / 10)
            return None
        return Picture(clock.now(), self._image)

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed += 1


@contextmanager
def live(place: Place, camera: Shown) -> Iterator[None]:
    place.camera["source"] = "picamera2"
    place.camera_of = lambda _camera, _now: camera
    yield
    assert camera.closed == 1


def test_live_camera(place: Place, astronaut: Path) -> None:
    image = cv2.resize(cv2.imread(str(astronaut)), (1280, 720)).astype(np.uint8)  # type: ignore[arg-type]
    with live(place, Shown(image)):
        found = {item.check: item.code for item in place.examined().findings}
    assert (found["camera"], found["light"], found["focus"]) == ("camera.ok", "light.ok", "focus.ok")


def test_live_camera_of_another_size(place: Place, astronaut: Path) -> None:
    with live(place, Shown(cv2.imread(str(astronaut)).astype(np.uint8))):  # type: ignore[union-attr]
        report = place.examined()
    told = next(item for item in report.findings if item.check == "camera")
    assert told.code == "camera.other_size"
    assert "size = [512, 512]" in str(told.remedy(ENGLISH))


def test_live_camera_without_pictures(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.doctor.checks_camera._FIRST_S", 0.3)
    with live(place, Shown(None)):
        report = place.examined()
    assert "camera.no_pictures" in codes(report)
    assert report.exit_code == 1


def test_live_camera_not_there(place: Place) -> None:
    place.camera["source"] = "picamera2"
    place.camera_of = lambda _camera, _now: Shown(None, CameraError("no camera is connected."))
    report = place.examined()
    told = next(item for item in report.findings if item.check == "camera")
    assert (told.code, report.exit_code) == ("camera.not_opened", 1)
    assert "no camera is connected" in told.found(ENGLISH)
    assert "cable" in str(told.remedy(ENGLISH))


def test_network_camera_not_there(place: Place) -> None:
    place.camera["source"] = f"rtsp://127.0.0.1:{free_port()}/x"
    report = place.examined()
    told = next(item for item in report.findings if item.check == "camera")
    assert (told.code, report.exit_code) == ("camera.not_reached", 1)
    assert "password_file" in str(told.remedy(ENGLISH))


def test_camera_that_hangs_does_not_hold_up(place: Place) -> None:
    released = threading.Event()

    class Hanging(Shown):
        def open(self) -> None:
            released.wait(PATIENCE_S)

    place.camera["source"] = "picamera2"
    place.camera_of = lambda _camera, _now: Hanging(None)
    report = place.examined(limit_s=3)
    released.set()
    assert "camera.hung" in codes(report)
    assert "log.none" in [item.code for item in report.findings]


def test_people_upside_down(place: Place, shared_data: Path) -> None:
    people = shared_data / "videos" / "classroom_seated.mp4"
    place.camera["source"] = people
    found = {item.check: item.code for item in place.examined().findings}
    assert found["upright"] == "upright.ok"
    place.camera["rotation"] = 180
    report = place.examined()
    told = next(item for item in report.findings if item.check == "upright")
    assert told.code == "upright.turned"
    assert "rotation = 0" in str(told.remedy(ENGLISH))
