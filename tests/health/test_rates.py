"""Figures of health: each differs between two agents, so that none is constant."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.core.frame import Instant
from agent.device import clock
from agent.device.camera import CameraCounts
from agent.eventlog.log import EventLog
from agent.health.monitor import HealthMonitor, MachineState
from agent.mqtt.publish_state import DeliveryFacts
from tests.samples import SENDER, make_entered

BUSY = MachineState(temp_c=71.5, throttled=0x50000, under_voltage=True, mem_free_mb=333, disk_free_mb=44_444)
IDLE = MachineState(temp_c=41.0, throttled=0x0, under_voltage=False, mem_free_mb=555, disk_free_mb=66_666)


def said(tmp_path: Path, *, busy: bool) -> dict[str, Any]:
    """The payload of an agent that has run for two minutes: a busy one with faults, or an idle one."""
    health = HealthMonitor(tmp_path / "events.db", lambda _: BUSY if busy else IDLE)
    health._begin_s = time.monotonic() - (7200 if busy else 120)
    now = clock.now()
    end = Instant(now.monotonic_s, now.utc, synced=not busy)
    frames = 1200 if busy else 600
    for index in range(frames):
        at_s = end.monotonic_s - 120 + 120 * (index + 1) / frames
        # Of busy frames each second is looked at, and three of four move.
        looked_ms = (40.0 if index % 20 else 90.0) if index % (2 if busy else 5) == 0 else None
        health.figures.frame(at_s, moved=bool(index % 4) if busy else index % 10 == 0, looked_ms=looked_ms)
    health.figures.event(end.monotonic_s, 250.0 if busy else 120.0)
    if busy:
        health.stalls = CameraCounts(stalls=5, recoveries=4)
        health.volatile = True
    health.update(end.shifted(-30 if busy else -3), None, night=False)
    health.update(end, "covered" if busy else None, night=False, seen=not busy)
    with EventLog(SENDER, tmp_path / f"{busy}.db", reserve=False) as log:
        log.append([make_entered(number) for number in range(1000 if busy else 3)])
        log.delivered = 40 if busy else 1
        log.delete(40 if busy else 1)
        facts = DeliveryFacts(
            log=log,
            session="c01dbeef",
            earlier=(),
            pending=960 if busy else 2,
            no_subscriber=17 if busy else 3,
            refused=False,
            refusals_seen=True,
        )
        content: dict[str, Any] = json.loads(health.text(facts))
    return content


EXPECTED: list[tuple[str, object, object]] = [
    # field, of the busy one, of the idle one
    ("fps_captured", pytest.approx(10, abs=0.1), pytest.approx(5, abs=0.1)),
    ("fps_looked_at", pytest.approx(5, abs=0.1), pytest.approx(1, abs=0.1)),
    ("inference_p50_ms", 40.0, 40.0),
    ("inference_p95_ms", 90.0, 90.0),
    ("event_latency_p95_ms", 250.0, 120.0),
    ("motion_ratio", pytest.approx(0.75, abs=0.01), pytest.approx(0.1, abs=0.01)),
    ("camera", "covered", "ok"),
    ("stalls", 5, None),
    ("recoveries", 4, None),
    ("first_seq", 41, 2),
    ("last_seq", 1000, 3),
    ("pending", 960, 2),
    ("log_volatile", True, False),
    ("no_subscriber", 17, 3),
    ("temp_c", 71.5, 41.0),
    ("throttled", "0x50000", "0x0"),
    ("under_voltage", True, False),
    ("mem_free_mb", 333, 555),
    ("disk_free_mb", 44_444, 66_666),
    ("clock", "unsynced", "synced"),
]


# What holds of a fault at once, each by itself: where it comes from, its reason and what that comes to.
REASONS: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    # id, the agent's, the moment's, reason, verdict
    ("covered", {}, {"cause": "covered"}, "camera_covered", "degraded"),
    ("dark", {}, {"cause": "dark"}, "camera_dark", "degraded"),
    ("blurred", {}, {"cause": "blurred"}, "camera_blurred", "degraded"),
    ("moved", {}, {"cause": "moved"}, "camera_moved", "degraded"),
    # Nobody is counted, and it does not go away by itself.
    ("frozen", {}, {"cause": "frozen"}, "camera_frozen", "failing"),
    ("lost", {}, {"cause": "lost"}, "camera_lost", "failing"),
    ("clock", {}, {"synced": False}, "clock_unsynced", "degraded"),
    ("volatile", {"volatile": True}, {}, "log_volatile", "degraded"),
    ("power", {}, {"machine": {"under_voltage": True}}, "under_voltage", "degraded"),
    ("card", {}, {"machine": {"card_errors": 1}}, "card_errors", "degraded"),
    ("disk", {}, {"machine": {"disk_free_mb": 99}}, "disk_low", "degraded"),
    # Patience of ten seconds or of a minute.
    ("memory", {}, {"machine": {"mem_free_mb": 49}, "seconds": 12}, "memory_low", "degraded"),
    ("heat", {}, {"machine": {"temp_c": 80.5}, "seconds": 32}, "too_hot", "degraded"),
    ("throttled", {}, {"machine": {"throttled": 0x4}, "seconds": 12}, "throttled", "degraded"),
    ("capped", {}, {"machine": {"throttled": 0x2}, "seconds": 12}, "throttled", "degraded"),
    ("no-broker", {"connected": lambda: False}, {"seconds": 62}, "broker_lost", "degraded"),
    ("slow", {"fps": 3.0}, {"seconds": 130}, "too_slow", "degraded"),
]


@pytest.mark.parametrize(
    ("agent", "moment", "reason", "verdict"), [pytest.param(*rest, id=name) for name, *rest in REASONS]
)
def test_reason_alone(
    tmp_path: Path, agent: dict[str, Any], moment: dict[str, Any], reason: str, verdict: str
) -> None:
    machine = replace(IDLE, **moment.get("machine", {}))
    health = HealthMonitor(tmp_path / "events.db", lambda _: machine)
    for name, value in agent.items():
        setattr(health, name, value)
    now = clock.now()
    seconds = moment.get("seconds", 2)
    for second in range(seconds + 1):
        synced = bool(moment.get("synced", True))
        at = Instant(now.monotonic_s - seconds + second, now.utc, synced)
        # One frame a second: of three asked for that is slow, of any number it is not.
        health.figures.frame(at.monotonic_s, moved=False, looked_ms=None)
        health.update(at, moment.get("cause"), night=False)
    with EventLog(SENDER, tmp_path / "log.db", reserve=False) as log:
        facts = DeliveryFacts(
            log=log,
            session="c01dbeef",
            earlier=(),
            pending=0,
            no_subscriber=0,
            refused=False,
            refusals_seen=True,
        )
        content = json.loads(health.text(facts))
    assert (content["reasons"], content["verdict"]) == ([reason], verdict)
    assert reason in health.status_line()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("health")
    return said(folder, busy=True), said(folder, busy=False)


@pytest.mark.parametrize(("field", "busy", "idle"), EXPECTED)
def test_figure(both: tuple[dict[str, Any], dict[str, Any]], field: str, busy: object, idle: object) -> None:
    assert (both[0][field], both[1][field]) == (busy, idle)


def test_figures_that_the_machine_gives(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    busy, idle = both
    assert 7200 <= busy["uptime_s"] < 7500
    assert 120 <= idle["uptime_s"] < 420
    # A log of a thousand events takes a few tenths of a megabyte.
    assert 0.1 <= busy["log_mb"] < 2
    assert 0 <= idle["log_mb"] <= 0.1
    # This process, with numpy and cv2 in it: /proc counts pages.
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    assert busy["rss_mb"] == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, rel=0.5)


def test_age_of_a_frame_is_since_the_last_one(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    # The busy one's camera gave its last picture half a minute ago.
    assert 30 <= both[0]["frame_age_s"] < 300
    assert both[1]["frame_age_s"] < both[0]["frame_age_s"]
