"""Verdict, reasons and payload of health, with an injected clock and machine."""

from __future__ import annotations

import json
import logging
import resource
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from agent.core.log_messages import HEALTH
from agent.device import clock
from agent.device.camera import CameraCounts
from agent.eventlog.log import EventLog
from agent.health.monitor import HealthMonitor, MachineState, machine_now
from agent.health.rates import Rates
from agent.health.reasons import beyond
from agent.mqtt.publish_state import DeliveryFacts
from tests.builders import make_at
from tests.conftest import wait_until
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.core.visibility import BlindCause

GOOD = MachineState(temp_c=61.0, throttled=0, under_voltage=False, mem_free_mb=512, disk_free_mb=20480)


class Place:
    """An agent's health, and a machine that can be changed."""

    def __init__(self, path: Path) -> None:
        self.machine = GOOD
        self.health = HealthMonitor(path, lambda _: self.machine)
        self.now_s = 0.0
        self.cause: BlindCause | None = None
        self.night = False
        self.synced = True

    def run(self, seconds: float, *, frames: bool = True, every_s: float = 1.0) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += every_s
            at = make_at(self.now_s, synced=self.synced)
            if frames:
                self.health.figures.frame(self.now_s, moved=False, looked_ms=None)
            self.health.update(at, self.cause, night=self.night, seen=frames)

    def holds(self, caplog: pytest.LogCaptureFixture) -> str:
        return [record.getMessage() for record in caplog.records if record.msg is HEALTH][-1]


@pytest.fixture
def place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Place]:
    with caplog.at_level(logging.INFO):
        yield Place(tmp_path / "events.db")


def heard(place: Place, tmp_path: Path, **more: object) -> dict[str, object]:
    with EventLog(SENDER, tmp_path / "events.db") as log:
        facts = DeliveryFacts(
            log=log,
            session="c01dbeef",
            earlier=(),
            pending=0,
            no_subscriber=0,
            refused=False,
            refusals_seen=True,
        )
        text = place.health.text(replace(facts, **more))  # type: ignore[arg-type]
    assert len(text.encode()) <= 1024
    content: dict[str, object] = json.loads(text)
    return content


MACHINES: list[tuple[str, dict[str, object], dict[str, object], float, float]] = [
    # reason, the machine when it is bad, when nearly good, seconds until it is told, and is told no more
    ("too_hot", {"temp_c": 81.0}, {"temp_c": 77.0}, 30, 300),
    ("memory_low", {"mem_free_mb": 40}, {"mem_free_mb": 60}, 10, 120),
    ("disk_low", {"disk_free_mb": 90}, {"disk_free_mb": 120}, 0, 120),
    ("throttled", {"throttled": 0x4}, {"throttled": 0x4}, 10, 600),
    ("under_voltage", {"under_voltage": True}, {"under_voltage": True}, 0, 900),
    ("card_errors", {"card_errors": 1}, {"card_errors": 1}, 0, 0),
]


@pytest.mark.parametrize(("reason", "bad", "nearly", "begins_s", "ends_s"), MACHINES)
def test_reason_of_the_machine(
    place: Place,
    caplog: pytest.LogCaptureFixture,
    reason: str,
    bad: dict[str, object],
    nearly: dict[str, object],
    begins_s: float,
    ends_s: float,
) -> None:
    place.run(100)
    assert place.holds(caplog) == "health verdict=ok reasons=none"
    place.machine = replace(GOOD, **bad)  # type: ignore[arg-type]
    place.run(begins_s + 12)
    assert place.holds(caplog) == f"health verdict=degraded reasons={reason}"
    place.machine = replace(GOOD, **nearly)  # type: ignore[arg-type]
    place.run(2 * ends_s)
    assert place.holds(caplog) == f"health verdict=degraded reasons={reason}"
    place.machine = GOOD
    place.run(ends_s - 5)
    assert place.holds(caplog) == f"health verdict=degraded reasons={reason}"
    place.run(20)
    assert place.holds(caplog) == "health verdict=ok reasons=none"


@pytest.mark.parametrize(
    ("cause", "night", "said"),
    [
        ("dark", False, "health verdict=degraded reasons=camera_dark"),
        ("dark", True, "health verdict=ok reasons=none"),
        ("frozen", False, "health verdict=failing reasons=camera_frozen"),
        ("lost", False, "health verdict=failing reasons=camera_lost"),
    ],
)
def test_reason_of_the_camera(
    place: Place, caplog: pytest.LogCaptureFixture, cause: BlindCause, night: bool, said: str
) -> None:
    place.run(10)
    place.cause, place.night = cause, night
    place.run(10, frames=cause != "lost")
    assert place.holds(caplog) == said
    place.cause = None
    place.run(10)
    assert place.holds(caplog) == "health verdict=ok reasons=none"


def test_damaged_log_holds_until_it_is_dealt_with(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "events.db"
    path.write_bytes(b"SQLite format 3\0 that is none")
    with EventLog(SENDER, path):
        pass
    (aside,) = tmp_path.glob("events.db.damaged-*")
    # Each is an agent that was started again.
    for _ in range(2):
        begun = Place(path)
        begun.health = HealthMonitor(path, lambda path: replace(machine_now(path), **vars_of(GOOD)))  # type: ignore[arg-type]
        begun.run(3700)
        assert begun.holds(caplog) == "health verdict=degraded reasons=log_damaged"
        caplog.clear()
    aside.unlink()
    begun.run(20)
    assert begun.holds(caplog) == "health verdict=ok reasons=none"


def vars_of(machine: MachineState) -> dict[str, object]:
    """Figures of the machine, without those of the log."""
    return {name: value for name, value in asdict(machine).items() if name != "log_damaged"}


def test_broker_lost(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    connected = [False]
    place.health.connected = lambda: connected[0]
    place.run(50)
    assert place.holds(caplog) == "health verdict=ok reasons=none"
    place.run(20)
    assert place.holds(caplog) == "health verdict=degraded reasons=broker_lost"
    connected[0] = True
    place.run(15)
    assert place.holds(caplog) == "health verdict=ok reasons=none"


def test_broker_connection_that_does_not_last(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    unsteady = [True]
    connected = [True]
    place.health.connected = lambda: connected[0]
    place.health.unsteady = lambda: unsteady[0]
    for _ in range(7):
        # There for a while each time, and gone again.
        connected[0] = not connected[0]
        place.run(10)
    assert place.holds(caplog) == "health verdict=degraded reasons=broker_lost"
    connected[0], unsteady[0] = True, False
    place.run(15)
    assert place.holds(caplog) == "health verdict=ok reasons=none"


def test_too_slow(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.health.fps = 2.0
    place.run(300, every_s=0.5)
    assert place.holds(caplog) == "health verdict=ok reasons=none"
    place.run(200, every_s=2.0)
    assert place.holds(caplog) == "health verdict=degraded reasons=too_slow"


def test_flapping_is_few_lines(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(6 * 60):
        place.machine = replace(GOOD, under_voltage=True)
        place.run(30)
        place.machine = GOOD
        place.run(30)
    lines = [record for record in caplog.records if record.msg is HEALTH]
    assert len(lines) <= 6 + 4


def test_a_day_without_faults_is_a_line_an_hour(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.run(24 * 3600, every_s=5.0)
    lines = [record.getMessage() for record in caplog.records if record.msg is HEALTH]
    assert set(lines) == {"health verdict=ok reasons=none"}
    assert 24 <= len(lines) <= 26


def test_journal_explains_the_reasons_that_are_there(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    def said() -> list[tuple[str, str]]:
        lines = [(record.levelname, str(record.msg).partition(":")[0]) for record in caplog.records]
        caplog.clear()
        return [line for line in lines if line[1] != HEALTH]

    place.run(100)
    assert said() == []
    place.machine = replace(GOOD, under_voltage=True)
    place.run(100)
    assert said() == [("WARNING", "health under_voltage")]
    # What was explained when it began is not explained again because there is more.
    place.cause = "lost"
    place.run(10, frames=False)
    place.cause = None
    place.run(10)
    assert said() == [("WARNING", "health camera_lost")]
    place.run(3600)
    assert said() == [("WARNING", "health under_voltage")]


def test_payload_says_what_the_journal_says(
    place: Place, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    place.machine = replace(GOOD, throttled=0x50005, under_voltage=True, temp_c=85.0)
    place.synced = False
    place.run(100)
    said = heard(place, tmp_path)
    reasons = ",".join(said["reasons"])  # type: ignore[arg-type]
    assert place.holds(caplog) == f"health verdict={said['verdict']} reasons={reasons}"
    assert (said["throttled"], said["under_voltage"], said["temp_c"]) == ("0x50005", True, 85.0)
    assert said["stalls"] is None
    # What only the broker's side knows is in the payload at once, and in the journal with the next frame.
    refused = heard(place, tmp_path, refused=True, refusals_seen=False)
    assert {"broker_refuses", "refusals_unseen"} <= set(refused["reasons"])  # type: ignore[call-overload]
    place.run(2)
    assert "broker_refuses" in place.holds(caplog)


def test_payload_at_its_worst_is_small(place: Place, tmp_path: Path) -> None:
    place.health.stalls = CameraCounts(stalls=99_999, recoveries=99_999)
    place.health.connected = lambda: False
    place.health.volatile = True
    place.health.fps = 30.0
    place.synced = False
    place.machine = MachineState(
        temp_c=101.234, throttled=0xF000F, under_voltage=True, mem_free_mb=12, disk_free_mb=12
    )
    for _ in range(200):
        place.health.figures.frame(place.now_s, moved=True, looked_ms=12345.678)
        place.health.figures.event(place.now_s, 123456.78)
        place.run(1)
    place.cause = "covered"
    place.run(2)
    place.cause = "blurred"
    place.run(2)
    with ExitStack() as stack:
        earlier = tuple(
            stack.enter_context(EventLog(SENDER, tmp_path / f"{number}.db", reserve=False))
            for number in range(6)
        )
        said = heard(
            place, tmp_path, earlier=earlier, pending=10**9, no_subscriber=10**9, refused=True,
            refusals_seen=False,
        )  # fmt: skip
    assert len(said["reasons"]) >= 12  # type: ignore[arg-type]


@pytest.mark.parametrize("age_s", [0.0, 7.5, 3600.0])
def test_frame_age_is_that_of_the_last_frame(place: Place, tmp_path: Path, age_s: float) -> None:
    assert heard(place, tmp_path)["frame_age_s"] is None
    last = clock.now().shifted(-age_s)
    place.health.update(last, None, night=False)
    # That there is none now does not make the last one younger.
    place.health.update(clock.now(), "lost", night=False, seen=False)
    said = heard(place, tmp_path)
    grown_s = time.monotonic() - last.monotonic_s
    assert age_s - 0.06 <= said["frame_age_s"] <= grown_s + 0.06  # type: ignore[operator]
    assert said["camera"] == "lost"


def test_figures_are_what_was_told(place: Place, tmp_path: Path) -> None:
    """Each in its own field, and none of them a constant."""
    place.machine = MachineState(
        temp_c=51.5, throttled=0x50000, under_voltage=False, mem_free_mb=313, disk_free_mb=4141
    )
    place.health.stalls = CameraCounts(stalls=7, recoveries=6)
    place.health.volatile = True
    for index in range(1200):
        now_s = index / 10
        looked_ms = 40.0 + index % 10 if index % 5 == 0 else None
        place.health.figures.frame(now_s, moved=index % 4 == 0, looked_ms=looked_ms)
        if index % 100 == 0:
            place.health.figures.event(now_s, 180.0)
        place.health.update(make_at(now_s), None, night=False)
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(number) for number in range(1500)])
        log.delete(1000)
    said = heard(place, tmp_path, pending=23, no_subscriber=17)
    expected = {
        "fps_captured": pytest.approx(10, abs=0.2), "fps_looked_at": pytest.approx(2, abs=0.1),
        "motion_ratio": pytest.approx(0.25, abs=0.01), "inference_p50_ms": 40.0, "inference_p95_ms": 45.0,
        "event_latency_p95_ms": 180.0, "stalls": 7, "recoveries": 6, "first_seq": 1001, "last_seq": 1500,
        "pending": 23, "no_subscriber": 17, "log_volatile": True, "temp_c": 51.5, "throttled": "0x50000",
        "under_voltage": False, "mem_free_mb": 313, "disk_free_mb": 4141, "session": "c01dbeef",
        "clock": "synced", "camera": "ok",
    }  # fmt: skip
    assert {name: said[name] for name in expected} == expected
    # 500 events of about 300 bytes; what is here of this process.
    assert 0.1 <= said["log_mb"] <= 1.0  # type: ignore[operator]
    resident_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    assert 0.3 * resident_mb <= said["rss_mb"] <= resident_mb + 1  # type: ignore[operator]


def test_uptime_goes_on(place: Place, tmp_path: Path) -> None:
    begin_s = time.monotonic()
    assert heard(place, tmp_path)["uptime_s"] == pytest.approx(0, abs=5)
    wait_until(lambda: time.monotonic() - begin_s > 2.1)
    assert 2 <= heard(place, tmp_path)["uptime_s"] <= time.monotonic() - begin_s + 5  # type: ignore[operator]


def test_figures_over_time() -> None:
    figures = Rates()
    for index in range(1200):
        looked_ms = 40.0 + index % 10 if index % 5 == 0 else None
        figures.frame(index / 10, moved=index % 4 == 0, looked_ms=looked_ms)
    figures.event(100.0, 180.0)
    speed = figures.speed(120.0)
    assert speed.frames_per_s == pytest.approx(10, abs=0.1)
    assert speed.looks_per_s == pytest.approx(2, abs=0.1)
    assert speed.motion_ratio == pytest.approx(0.25, abs=0.01)
    assert speed.inference_ms == (40.0, 45.0)
    assert speed.latency_p95_ms == 180.0
    assert speed.settled
    late = figures.speed(1000.0)
    assert (late.frames_per_s, late.motion_ratio, late.latency_p95_ms) == (0.0, None, None)


@pytest.mark.parametrize(
    ("value", "bad", "good", "found"),
    [
        (85, 80, 75, True), (80, 80, 75, True), (77, 80, 75, None), (74, 80, 75, False),
        (40, 50, 80, True), (60, 50, 80, None), (80, 50, 80, False), (None, 50, 80, None),
    ],
)  # fmt: skip
def test_beyond(value: float | None, bad: float, good: float, found: bool | None) -> None:
    assert beyond(value, bad, good) is found


def test_update_that_failed(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    failed = True
    place.health.update_failed = lambda: failed
    place.run(2)
    assert place.holds(caplog) == "health verdict=degraded reasons=update_failed"
    failed = False
    place.run(2)
    assert place.holds(caplog) == "health verdict=ok reasons=none"


def test_status_line(place: Place) -> None:
    assert place.health.status_line() == "sees nothing (no picture yet); health ok"
    place.run(120, every_s=0.1)
    place.health.connected = lambda: True
    assert place.health.status_line() == "sees; 10.0 frames/s; broker connected; health ok"
