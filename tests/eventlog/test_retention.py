from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from agent.core.event import AgentStarted
from agent.eventlog import retention
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import recover
from agent.eventlog.retention import Retention
from tests.builders import make_at
from tests.samples import CHECKOUT, SENDER, make_entered, make_started, seqs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_S = 86_400.0
NOW_S = 40 * DAY_S
NOW = make_at(NOW_S)
KILLS = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    with EventLog(SENDER, path) as opened:
        yield opened


def told(log: EventLog, days: range | list[float]) -> None:
    """An event a day."""
    log.append([make_entered(5, make_at(day * DAY_S)) for day in days])


def dropped(log: EventLog) -> list[tuple[str, int, int]]:
    """What tells of deletions."""
    bodies = [json.loads(entry.body) for entry in log.read(0, 1_000_000) if entry.type == "events.dropped"]
    return [(body["cause"], body["from_seq"], body["to_seq"]) for body in bodies]


def settle(keep: Retention, log: EventLog) -> int:
    """Delete all that is due; return in how many portions."""
    portions = 1
    while keep.delete(log, NOW):
        portions += 1
    return portions


# --- by age ------------------------------------------------------------------------------------------


def test_days_undelivered_is_told(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    told(log, range(40))
    settle(Retention(30, 200, delivers=True), log)
    assert (log.first_seq, log.last_seq) == (11, 41)
    assert dropped(log) == [("keep_days", 1, 10)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_days_delivered_goes_silently(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    told(log, range(40))
    log.delivered = 10
    settle(Retention(30, 200, delivers=True), log)
    assert seqs(log) == list(range(11, 41))
    assert not caplog.records


def test_days_partly_delivered_tells_the_rest(log: EventLog) -> None:
    told(log, range(40))
    log.delivered = 7
    settle(Retention(30, 200, delivers=True), log)
    assert dropped(log) == [("keep_days", 8, 10)]


def test_days_without_broker_is_journalled(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    told(log, range(40))
    settle(Retention(30, 200, delivers=False), log)
    assert seqs(log) == list(range(11, 41))
    (record,) = caplog.records
    assert (record.levelname, "10 events" in record.message) == ("INFO", True)


@pytest.mark.parametrize("synced", [True, False])
def test_days_of_a_wrong_clock_count_not(log: EventLog, synced: bool) -> None:
    # A board without a battery begins in 1970 until it knows better.
    log.append([make_entered(5, make_at(day, synced=False)) for day in range(5)])
    told(log, [39.0])
    keep = Retention(30, 200, delivers=True)
    keep.delete(log, make_at(NOW_S, synced=synced))
    assert (log.first_seq, dropped(log)) == (1, [])
    # But they are no younger than the next with a time.
    keep.delete(log, make_at(70 * DAY_S, synced=synced))
    told(log, [70.0])
    keep.delete(log, make_at(70 * DAY_S, synced=synced))
    assert log.first_seq == (7 if synced else 1)


def test_days_behind_many_of_a_wrong_clock(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 7)
    log.append([make_entered(5, make_at(day, synced=False)) for day in range(50)])
    told(log, range(40))
    settle(Retention(30, 200, delivers=True), log)
    assert log.first_seq == 61


def test_days_never_takes_the_last(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        told(log, range(5))
        log.delivered = 5
        settle(Retention(1, 200, delivers=True), log)
        assert seqs(log) == [5]
    with EventLog(SENDER, path) as log:
        assert log.append([make_started(NOW)]) == 6


# --- by size -----------------------------------------------------------------------------------------


def test_mb_keeps_the_newest(log: EventLog, path: Path) -> None:
    for _ in range(4):
        log.append([make_entered(5, NOW)] * 2500)
    assert log.size_bytes > 2_000_000
    keep = Retention(30, 1, delivers=True)
    assert settle(keep, log) >= 10_000 * 0.5 / retention.AT_ONCE
    assert 800_000 < log.size_bytes <= 1_000_000
    ranges = dropped(log)
    assert {cause for cause, _, _ in ranges} == {"keep_mb"}
    # Gapless: nothing went unsaid.
    assert [first for _, first, _ in ranges] == [1, *(last + 1 for _, _, last in ranges[:-1])]
    assert log.first_seq == ranges[-1][2] + 1
    # The room is used again.
    log._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    log.append([make_entered(5, NOW)] * 3000)
    log._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size == before


def test_mb_of_a_log_in_memory() -> None:
    with EventLog(SENDER, None) as log:
        log.append([make_entered(5, NOW)] * 8000)
        settle(Retention(30, 1, delivers=True), log)
        assert log.size_bytes <= 1_000_000


def test_dropped_of_dropped_tells_of_both(log: EventLog) -> None:
    told(log, range(3))
    keep = Retention(1, 200, delivers=True)
    keep.delete(log, make_at(3.5 * DAY_S))
    assert dropped(log) == [("keep_days", 1, 2)]
    told(log, [39.9])
    settle(keep, log)
    assert (seqs(log), dropped(log)) == ([5, 6], [("keep_days", 1, 4)])


# --- when --------------------------------------------------------------------------------------------


def test_look_each_hour_and_soon_while_there_is_more(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    told(log, range(9))
    told(log, [39.9])
    log.delivered = 10
    keep = Retention(1, 200, delivers=True)
    firsts = []
    for second in (0, 0.1, 0.9, 1, 1.5, 2, 3, 4):
        keep.delete_due(log, make_at(NOW_S + second))
        firsts.append(log.first_seq)
    assert firsts == [4, 4, 4, 7, 7, 10, 10, 10]
    told(log, [NOW_S / DAY_S + 0.01])
    log.delivered = 11
    later = NOW_S + 2 * DAY_S
    keep.delete_due(log, make_at(later))
    assert log.first_seq == 11
    told(log, [42.0])
    log.delivered = 12
    for second in (1, 2):
        keep.delete_due(log, make_at(later + second))
    statements: list[str] = []
    log._db.set_trace_callback(statements.append)
    for second in range(3, 3602):
        keep.delete_due(log, make_at(later + second))
    assert statements == []
    keep.delete_due(log, make_at(later + 3602))
    assert statements


def test_a_portion_takes_little_of_a_frame(log: EventLog) -> None:
    log.append([make_entered(5, make_at(1))] * 30_000)
    log.append([make_entered(5, NOW)])
    keep = Retention(30, 200, delivers=True)

    def timed() -> float:
        begin_s = time.thread_time()
        assert keep.delete(log, NOW)
        return time.thread_time() - begin_s

    with EventLog(SENDER, None) as other:
        begin_s = time.thread_time()
        other.append([make_entered(5, NOW)] * retention.AT_ONCE)
        appended_s = time.thread_time() - begin_s
    assert min(timed() for _ in range(5)) < appended_s


# --- starts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1, 2, 7])
def test_start_after_deletion(path: Path, kept: int) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_started(make_at(0))])
        told(log, [hour / 24 for hour in range(8 * 24)])
        keep = Retention(kept, 200, delivers=False)
        now = make_at(8 * DAY_S)
        while keep.delete(log, now):
            pass
        assert log.first_seq > 20
    with EventLog(SENDER, path) as log:
        memory = recover(log, now, SENDER.boot)
        assert memory.start is not None
        assert memory.start.utc >= make_at((8 - max(kept, 50 / 24)) * DAY_S).utc
        assert not [item for item in memory.events if isinstance(item.event, AgentStarted)]


DELETING = """
import os, sys
from pathlib import Path
from agent.eventlog import retention
from agent.eventlog.log import EventLog
from tests.builders import make_at
from tests.samples import SENDER, make_entered
retention.AT_ONCE = 5
keep = retention.Retention(1, 200, delivers=True)
with EventLog(SENDER, Path(sys.argv[1])) as log:
    day = log.last_seq
    os.write(1, b"opened\\n")
    while True:
        day += 1
        log.append([make_entered(day, make_at(day * 20_000.0))])
        keep.delete(log, make_at(day * 20_000.0))
"""


def test_kill_while_deleting_loses_nothing_silently(path: Path) -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", DELETING, path], stdout=subprocess.PIPE, cwd=CHECKOUT
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"opened\n"
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.wait()
        process.stdout.close()
        with EventLog(SENDER, path) as log:
            there = seqs(log)
            said = {seq for _, first, last in dropped(log) for seq in range(first, last + 1)}
            assert said | set(there) == set(range(1, log.last_seq + 1))
            gone = log.first_seq - 1
    assert gone > KILLS
