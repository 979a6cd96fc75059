"""Killed at any moment and started again: every event that opens something has one that closes it."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from agent.app.build import ledger
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.event import (
    AgentStarted,
    CounterAttended,
    CounterDay,
    Day,
    LineCrossed,
    LineQuarter,
    Quarter,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneVacated,
)
from agent.core.frame import Instant
from agent.core.rule_state import LineState
from agent.core.visibility import Visibility
from agent.device.clock import clock_synced
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import recover
from agent.wire.payloads import Sender
from tests.builders import make_at
from tests.conftest import logged, wait_until, write_config
from tests.covering import write_clip
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from agent.core.event import Event
    from agent.presence.ledger import Ledger
    from tests.conftest import Agent, Listener, Mosquitto

pytestmark = pytest.mark.usefixtures("weights")

# No working hours: the clock of the machine that tests may be unsynchronised.
DESK = """
[[counter]]
id = "desk"
staff = "yard"
unattended_after_s = 2
"""
CLOSING = ["zone.left", "zone.vacated", "counter.closed"]


def moment(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def so_far(folder: Path) -> dict[int, dict[str, object]]:
    """What is in a log that an agent may be about to make."""
    try:
        return logged(folder) if (folder / "log" / "events.db").exists() else {}
    except sqlite3.OperationalError:
        return {}


def reached(folder: Path, before: int, kind: str) -> bool:
    """Whether something of this type was logged after that number."""
    return any(seq > before and event["type"] == kind for seq, event in so_far(folder).items())


def runs(events: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The events of each run, from its start on; what a start closes belongs to the run before."""
    begins = [index for index, event in enumerate(events) if event["type"] == "agent.started"]
    for begin, end in zip(begins, [*begins[1:], len(events)], strict=True):
        yield list(events[begin:end])


def assert_balanced(events: Sequence[dict[str, Any]]) -> None:
    """Nothing is closed that is not open, nothing opened twice, and in the end nothing is open."""
    visits: dict[str, dict[str, Any]] = {}
    occupied: dict[str, Any] = {}
    desk: dict[str, Any] | None = None
    for event in events:
        match event["type"]:
            case "zone.entered":
                assert event["track"] not in visits
                visits[event["track"]] = event
                assert event["count"] == len(visits)
            case "zone.left":
                assert visits.pop(event["track"])["since"] == event["since"]
                assert event["count"] == len(visits)
            case "zone.occupied":
                assert not occupied
                occupied = event
            case "zone.vacated":
                assert not visits
                assert occupied["since"] == event["since"]
                occupied = {}
            case "counter.attended" | "counter.unattended":
                assert desk is None or desk["type"] != event["type"]
                assert desk is None or desk["since"] <= event["since"]
                desk = event
            case "counter.closed":
                assert desk is not None
                assert desk["since"] <= event["since"]
                desk = None
    assert not visits
    assert not occupied
    assert desk is None


def assert_closed_by_the_start(run: list[dict[str, Any]], started: dict[str, Any]) -> list[str]:
    """What the next start closes stands last, all at the last moment known; return the types."""
    closing = [event for event in run if event.get("why") == "restarted"]
    assert run[len(run) - len(closing) :] == closing
    assert {event["ts"] for event in closing} <= {started["since"]}
    assert started["cause"] == "restarted"
    last = run[-len(closing) - 1] if closing else run[-1]
    assert last["ts"] <= started["since"] <= started["ts"]
    counts = [event["count"] for event in closing if event["type"] == "zone.left"]
    assert counts == list(range(len(counts)))[::-1]
    types = [event["type"] for event in closing]
    assert types == sorted(types, key=CLOSING.index)
    for event in closing:
        lasted_s = event.get("dwell_s", event.get("occupied_s", 0))
        assert moment(event["since"]) + timedelta(seconds=lasted_s) <= moment(event["ts"]) + timedelta(
            milliseconds=2
        )
    return types


def totals(events: Sequence[dict[str, Any]], state: dict[str, Any]) -> list[int]:
    """How many came in and went out on the local day of a state, up to it."""
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    today = moment(state["ts"]).astimezone(zone).date()
    crossed = Counter(
        event["direction"]
        for event in events
        if event["type"] == "line.crossed"
        and event["seq"] <= state["seq"]
        and moment(event["ts"]).astimezone(zone).date() == today
    )
    return [crossed["in"], crossed["out"]]


# --- what the log says of long ago -----------------------------------------------------------------

HOUR_S = 3600.0
GOOD = Visibility(None, make_at(0))


def started_anew(folder: Path, told: Sequence[Event], now: Instant) -> tuple[Ledger, list[Event]]:
    """A ledger after a start on a log with these events, and what that start tells."""
    known = ledger(settings_of(load(write_config(folder, "x.avi", more=DESK))))
    with EventLog(Sender("test", "yard", "0123abcd"), None) as log:
        log.append(told)
        memory = recover(log, now, "89abcdef")
        known.replay_history(((item.event, item.epoch) for item in memory.events), memory.start, memory.blind)
    assert memory.last is not None
    closing = known.close_open(memory.last, memory.epoch)
    return known, closing + known.start(
        AgentStarted(rule="agent", at=now, cause="restarted", since=memory.last)
    )


def crossing(at: Instant) -> LineCrossed:
    return LineCrossed(rule="gate", at=at, direction="in", track="t7", confidence=0.77)


def test_what_lasted_for_days_is_closed(tmp_path: Path) -> None:
    # A guard room, round the clock.
    since = make_at(10)
    long_ago = [
        AgentStarted(rule="agent", at=make_at(0), cause="new_log"),
        ZoneOccupied(rule="yard", at=make_at(12), since=since),
        CounterAttended(rule="desk", at=make_at(12), since=since, waiting=None),
    ]
    later = [crossing(make_at(number * HOUR_S)) for number in range(1, 100)]
    now = make_at(100 * HOUR_S)
    known, told = started_anew(tmp_path, [*long_ago, *later], now)
    assert [event.TYPE for event in told] == ["zone.vacated", "counter.closed", "agent.started"]
    assert {event.at.utc for event in told[:2]} == {make_at(99 * HOUR_S).utc}
    assert isinstance(told[0], ZoneVacated)
    assert told[0].occupied_s == pytest.approx(99 * HOUR_S - 10)
    # Nor does the day of before lose what it was attended.
    days = [event for event in known.update([], (), GOOD, now.shifted(24 * HOUR_S)) if event.rule == "desk"]
    attended = {event.date.day: event.attended_s for event in days if isinstance(event, CounterDay)}
    assert attended == {7: 24 * HOUR_S, 8: 24 * HOUR_S, 9: 10 * HOUR_S}


def test_quiet_line_is_not_told_as_blind(tmp_path: Path) -> None:
    # Nobody went over the gate for four days; the yard had a visit each hour.
    told: list[Event] = [AgentStarted(rule="agent", at=make_at(0), cause="new_log")]
    for number in range(100):
        came, track = make_at(number * HOUR_S + 437), f"t{number}"
        seen: dict[str, Any] = {"rule": "yard", "since": came, "track": track}
        told.append(ZoneEntered(**seen, at=came, count=1))
        told.append(ZoneLeft(**seen, at=came.shifted(9), count=0, dwell_s=5.0, why="seen"))
    known, _ = started_anew(tmp_path, told, make_at(100 * HOUR_S))
    quarters = [
        event
        for event in known.update([], (), GOOD, make_at(103 * HOUR_S))
        if isinstance(event, LineQuarter) and event.start < make_at(99 * HOUR_S).utc
    ]
    assert quarters == []


def test_what_was_told_by_a_wrong_clock_is_in_no_quarter(tmp_path: Path) -> None:
    # The first boot had no network and took it for 1970; nobody will ever know when that was.
    then = [Instant(10.0 + n, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=n), synced=False)
            for n in range(20)]  # fmt: skip
    told = [
        AgentStarted(rule="agent", at=then[0], cause="new_log"),
        *map(crossing, then[1:10]),
        ZoneEntered(rule="yard", at=then[12], since=then[11], count=1, track="t7"),
        ZoneOccupied(rule="yard", at=then[12], since=then[11]),
    ]
    now = make_at(5)
    known, start = started_anew(tmp_path, told, now)
    # What was open is closed all the same.
    assert [event.TYPE for event in start] == ["zone.left", "zone.vacated", "agent.started"]
    begin_s = time.thread_time()
    events = [
        event for minute in range(120) for event in known.update([], (), GOOD, now.shifted(60 * minute))
    ]
    assert time.thread_time() - begin_s < 1
    assert {event.start.year for event in events if isinstance(event, Quarter)} == {2026}
    assert not any(isinstance(event, Day) for event in events)
    assert [state.value for state in known.states() if state.kind == "line"] == [
        LineState(rule="gate", since=now, in_count=0, out_count=0)
    ]


def test_killed_at_any_moment(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, vtest, port=mosquitto.port, more=DESK)
    listener = listen(mosquitto.port)
    chance = random.Random(77)  # noqa: S311 - nothing is kept secret by it
    for _ in range(3):
        before = len(so_far(tmp_path))
        agent = start_agent(config)
        wait_until(lambda before=before: reached(tmp_path, before, "counter.attended"))  # type: ignore[misc]
        with suppress(subprocess.TimeoutExpired):
            agent.process.wait(chance.uniform(0, 1.5))
        agent.end(signal.SIGKILL)
    agent, before = start_agent(config), len(logged(tmp_path))
    wait_until(lambda: reached(tmp_path, before, "line.crossed"))
    assert agent.end(signal.SIGTERM) == 0
    events: list[dict[str, Any]] = list(logged(tmp_path).values())
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert_balanced(events)
    told = list(runs(events))
    assert len(told) == 4
    closed = [assert_closed_by_the_start(run, after[0]) for run, after in pairwise(told)]
    # Somebody was there each time, and the desk was attended.
    assert all({"zone.left", "zone.vacated", "counter.closed"} <= set(types) for types in closed)
    assert all(types.count("zone.vacated") == types.count("counter.closed") == 1 for types in closed)
    assert "restarted" not in {event.get("why") for event in told[-1]}
    # What the states say is what the events add up to, over all starts.
    wait_until(lambda: '"stopped"' in listener.heard()[-1].payload)
    states = [message.json for message in listener.heard() if message.topic.endswith("/state/gate")]
    valid: list[dict[str, Any]] = [state for state in states if state["valid"]]
    if clock_synced():
        # Also those of the newest start, which counted none of them all by itself.
        assert len({state["session"] for state in valid}) >= 2
        assert valid[-1]["in_count"] + valid[-1]["out_count"] > 0
    else:
        # Since midnight: nobody knows when that was. tests/app/test_restart.py has a clock of its own.
        assert not valid
        assert {state["why"] for state in states} == {"starting", "clock", "stopped"}
    for state in valid:
        assert [state["in_count"], state["out_count"]] == totals(events, state)
    desk = [message.json for message in listener.heard() if message.topic.endswith("/state/desk")]
    assert {state["mode"] for state in desk if state["valid"]} >= {"attended"}


def test_killed_twice_in_a_row(start_agent: Callable[[Path], Agent], vtest: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, vtest, more=DESK)
    agent = start_agent(config)
    wait_until(lambda: reached(tmp_path, 0, "counter.attended"))
    agent.end(signal.SIGKILL)
    before = len(logged(tmp_path))
    # Killed again as soon as it has closed what was open.
    agent = start_agent(config)
    wait_until(lambda: reached(tmp_path, before, "zone.vacated"))
    agent.end(signal.SIGKILL)
    size = len(logged(tmp_path))
    agent = start_agent(config)
    wait_until(lambda: reached(tmp_path, size, "agent.started"))
    assert agent.end(signal.SIGTERM) == 0
    events: list[dict[str, Any]] = list(logged(tmp_path).values())
    assert_balanced(events)
    causes = [event["cause"] for event in events if event["type"] == "agent.started"]
    assert causes[0] == "new_log"
    assert set(causes[1:]) == {"restarted"}


def test_killed_while_blind(start_agent: Callable[[Path], Agent], vtest: Path, tmp_path: Path) -> None:
    quick = "\n[tamper]\ncovered_after_s = 1.0\ndark_after_s = 1.0\nrestored_after_s = 1.0\n"
    paths = {name: tmp_path / f"{name}.avi" for name in ("lit-then-black", "black", "lit")}
    write_clip(paths["lit-then-black"], vtest, black_s=2, light_s=9, end_s=9)
    write_clip(paths["black"], vtest, black_s=0, light_s=3, end_s=3)
    write_clip(paths["lit"], vtest, black_s=3, light_s=3, end_s=3)
    agent = start_agent(write_config(tmp_path, paths["lit-then-black"], more=DESK + quick))
    wait_until(lambda: reached(tmp_path, 0, "camera.blind"))
    agent.end(signal.SIGKILL)
    (blind,) = (event for event in logged(tmp_path).values() if event["type"] == "camera.blind")
    before = len(logged(tmp_path))
    # It is still dark at the next start: that is the same spell, and nobody saw its end.
    assert (
        start_agent(write_config(tmp_path, paths["black"], more=DESK + quick)).process.wait(PATIENCE_S) == 0
    )
    types = [event["type"] for seq, event in logged(tmp_path).items() if seq > before]
    assert types == ["agent.started", "agent.stopped"]
    # Then there is light.
    assert start_agent(write_config(tmp_path, paths["lit"], more=DESK + quick)).process.wait(PATIENCE_S) == 0
    events: list[dict[str, Any]] = list(logged(tmp_path).values())
    told = [event for event in events if str(event["type"]).startswith("camera.")]
    assert [event["type"] for event in told] == ["camera.blind", "camera.restored"]
    restored = told[1]
    assert (restored["cause"], restored["since"]) == (blind["cause"], blind["since"])
    lasted = moment(restored["ts"]) - moment(restored["since"])
    assert restored["blind_s"] == pytest.approx(lasted.total_seconds(), abs=0.05)
    # Nobody is told of before it.
    last = list(runs(events))[-1]
    assert [event["type"] for event in last][:2] == ["agent.started", "camera.restored"]
    assert "zone.entered" in [event["type"] for event in last]
    assert_balanced(events)
