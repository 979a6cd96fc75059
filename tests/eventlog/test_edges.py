"""Edges of the log that a sample of mutants found untested (tests/bench/mutants.py)."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from agent.core.event import ZoneOccupied
from agent.core.frame import Instant
from agent.core.log_messages import EVENTS_OVER_SIZE
from agent.device import clock
from agent.errors import ConfigError, LogError
from agent.eventlog import recovery, retention, set_aside
from agent.eventlog.disk_space import DiskReserve
from agent.eventlog.file_identity import size_bytes
from agent.eventlog.lock import is_lock_of, locked
from agent.eventlog.log import EventLog
from agent.eventlog.reader import LogReader
from agent.eventlog.recovery import recover
from agent.eventlog.retention import Retention
from tests.builders import BEGIN, make_at
from tests.eventlog.test_failover import DAY_S, KEPT_DAYS, left_in, put_aside, run
from tests.eventlog.test_file_identity import OVERWRITTEN
from tests.samples import SENDER, make_entered, make_started, seqs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW, BOOT = make_at(9000), "89abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


# --- clocks ------------------------------------------------------------------------------------------


def test_clock_of_an_event_is_that_of_its_boot(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1, make_at(7))])
        (noted,) = log._state.clocks
    assert (noted.first_seq, noted.boot) == (1, SENDER.boot)
    assert noted.offset_s == pytest.approx(make_at(7).utc.timestamp() - 7, abs=0.001)


def test_recording_tells_nothing_of_the_clock(path: Path) -> None:
    with EventLog(SENDER, path, recorded=True) as log:
        log.append([make_entered(1, make_at(7))])
        assert log._state.clocks == ()


def test_age_of_an_event_of_this_boot(path: Path) -> None:
    now = clock.now()
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1, now.shifted(-100))])
        (entry,) = log.read(0, 1)
        age_s = log.age_s(entry)
    assert age_s is not None
    assert 100 <= age_s + 0.01 <= time.monotonic() - now.monotonic_s + 100.1


# --- one log, one agent ------------------------------------------------------------------------------


def test_secret_of_a_log_stays_the_same(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        secret = log.client_secret
    with EventLog(SENDER, path) as log:
        assert log.client_secret == secret


def test_log_without_a_secret_gets_one_that_stays(path: Path) -> None:
    secrets = []
    with EventLog(SENDER, path) as log:
        log._db.execute("DELETE FROM meta WHERE key = 'client'")
    for _ in range(2):
        with EventLog(SENDER, path) as log:
            secrets.append(log.client_secret)
    assert secrets[0] == secrets[1]


def test_secret_on_a_card_without_room_holds_until_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with EventLog(SENDER, path) as log:
        log._db.execute("DELETE FROM meta WHERE key = 'client'")
        monkeypatch.setattr(log, "_set", full)
        assert re.fullmatch("[0-9a-f]{8}", log._own_secret())


def test_lock_that_is_gone_is_not_the_one_that_is_held(path: Path) -> None:
    with locked(path, DiskReserve(None)) as lock:
        assert is_lock_of(lock, path)
        path.with_name(f"{path.name}.lock").unlink()
        assert not is_lock_of(lock, path)
        # Somebody else may have it by now.
        path.with_name(f"{path.name}.lock").touch()
        assert not is_lock_of(lock, path)


def test_log_in_memory_has_no_reserve() -> None:
    with EventLog(SENDER, None) as log:
        assert not DiskReserve(None).settle(log._db)


# --- another log in its place ------------------------------------------------------------------------


def test_restored_card_begins_a_new_log_and_says_so(path: Path) -> None:
    with run(path) as agent:
        agent.keep(1, 2, 3)
        agent.card.note_reported()
    with run(path) as agent:
        agent.keeper.append([make_started(make_at(8)), make_started(make_at(9))], make_at(9))
        assert agent.keeper.superseded(agent.card, 500)
        agent.keep(4)
        bodies = [json.loads(entry.body) for entry in agent.keeper.log.read(0, 9)]
        # Only the first start of a log is its first.
        assert [body.get("cause") for body in bodies] == ["new_log", "started", None]


def test_damaged_log_that_lost_a_number_keeps_the_others(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number) for number in (1, 2, 3)])
        log._db.execute("DELETE FROM event WHERE seq = 2")
        assert [(seq, json.loads(body)["count"]) for seq, *_, body in log._readable()] == [(1, 1), (2, 3)]


@pytest.mark.parametrize("happens", OVERWRITTEN, ids=lambda what: what.__name__)
def test_another_file_copied_over_the_log_is_no_damage(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    """What is in memory of it can be written back, so nothing is given up."""
    path = tmp_path / "card" / "events.db"
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number) for number in range(3)])
        log._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        happens(path)
        with pytest.raises(LogError, match="was removed or replaced"):
            log.append([make_entered(4)])
        assert log.is_gone


def test_damaged_log_keeps_the_others_of_what_can_not_be_parsed(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number) for number in (1, 2, 3)])
        log._db.execute("UPDATE event SET body = ? WHERE seq = 2", ("[" * 100_000,))
        assert [json.loads(body)["count"] for *_, body in log._readable()] == [1, 3]


def test_file_that_a_shell_wrote_is_watched_on(tmp_path: Path) -> None:
    path = tmp_path / "card" / "events.db"
    with EventLog(SENDER, path) as log:
        for number in range(600):
            log.append([make_entered(number)])
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        os.utime(path)
        log.append([make_entered(1)])
        assert log._place.state == "kept"


# --- reading back ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "oldest"), [(3, 3), (4, 2), (5, 1), (6, 1)])
def test_start_goes_back_by_so_many_events(
    path: Path, monkeypatch: pytest.MonkeyPatch, most: int, oldest: int
) -> None:
    monkeypatch.setattr(recovery, "_MOST_EVENTS", most)
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number, make_at(number)) for number in (1, 2, 3, 4, 5)])
        found = [item.event for item in recover(log, NOW, BOOT).events]
    assert [event.count for event in found] == list(range(oldest, 6))  # type: ignore[attr-defined]


def test_start_on_an_empty_log_beside_one_that_is_not(path: Path, tmp_path: Path) -> None:
    """The card was replaced while the log in memory was kept."""
    with EventLog(SENDER, path) as log, EventLog(SENDER, tmp_path / "other.db") as other:
        other.append([make_entered(number, make_at(number)) for number in (1, 2)])
        state = recover(log, NOW, BOOT, [other])
        assert [item.event.at.utc for item in state.events] == [make_at(number).utc for number in (1, 2)]
        assert state.start is None


def test_start_reads_back_in_pages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_AT_ONCE", 2)
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number, make_at(number)) for number in range(7)])
        found = [item.event for item in recover(log, NOW, BOOT).events]
    assert [event.count for event in found] == list(range(7))  # type: ignore[attr-defined]


def test_lasting_event_of_this_boot_keeps_its_monotonic_clock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is older than what a start reads back, and its wall clock was wrong."""
    monkeypatch.setattr(recovery, "_MOST_EVENTS", 2)
    wrong = make_at(10, synced=False)
    now = Instant(9000.0, BEGIN + timedelta(hours=9))
    with EventLog(SENDER, path) as log:
        log.append([ZoneOccupied(rule="waiting", at=wrong, since=wrong)])
        log.append([make_entered(number, now.shifted(number - 10)) for number in range(3)])
        first = next(iter(recover(log, now, SENDER.boot).events))
    assert isinstance(first.event, ZoneOccupied)
    assert (first.event.at.monotonic_s, first.epoch) == (10.0, "this_boot")


# --- what is deleted ---------------------------------------------------------------------------------


def test_nothing_old_to_delete_is_not_journalled(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1, make_at(0))])
        # It is old enough, and the last one, from which numbers go on.
        late = make_at(40 * DAY_S)
        assert not Retention(30, 200, delivers=False).delete(log, late)
        assert seqs(log) == [1]
    assert caplog.records == []


def test_delivered_events_that_go_for_size_are_journalled(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number) for number in range(20_000)])
        log.delivered = log.last_seq
        assert Retention(30, 1, delivers=True).delete(log, make_at(20_000))
    assert [record.msg for record in caplog.records] == [EVENTS_OVER_SIZE]


def test_set_aside_log_goes_event_by_event(path: Path) -> None:
    """Neither what is as old as may be nor a log after one with more to go holds that up."""
    big = put_aside(path, "of", [*(day / 100_000 for day in range(2500)), 1.0])
    small = put_aside(path, "renamed", [0.5, 1.0])
    before_ms = int(make_at(0.5 * DAY_S).utc.timestamp() * 1000)
    assert set_aside.delete_too_old(path, before_ms, before_ms + 1, ())
    assert (left_in(big), left_in(small)) == (501, 2)
    assert not set_aside.delete_too_old(path, before_ms, before_ms + 1, (small,))
    assert left_in(big) == 1


def test_log_without_events_is_too_big_by_nothing(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([])
        assert retention._taking(log.read(0, 9), 5) == 0


def test_set_aside_log_written_by_a_clock_that_was_ahead_has_all_its_days(path: Path) -> None:
    aside = put_aside(path, "damaged", [1])
    aside.write_bytes(b"no database")
    ahead = make_at(9999 * DAY_S).utc
    os.utime(aside, (ahead.timestamp(), ahead.timestamp()))
    with run(path) as agent:
        agent.keep(after_s=DAY_S)
        begin = (make_at(0).utc + timedelta(days=1)).timestamp()
        assert aside.stat().st_mtime == pytest.approx(begin, abs=2)
        agent.keep(after_s=(KEPT_DAYS - 1) * DAY_S)
        assert aside.exists()


# --- reading another's -------------------------------------------------------------------------------


def test_reader_copies_a_log_again_that_was_written_meanwhile(path: Path) -> None:
    """It was carried away without its shared memory, by hand, and then a newer one."""
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1)])
        first = {end: path.with_name(path.name + end).read_bytes() for end in ("", "-wal")}
        log.append([make_entered(2)])
        second = {end: path.with_name(path.name + end).read_bytes() for end in ("", "-wal")}
    carried = path.with_name("carried.db")

    def carry(files: dict[str, bytes]) -> None:
        for end, content in files.items():
            carried.with_name(carried.name + end).write_bytes(content)

    carry(first)
    with LogReader(carried) as reader:
        assert reader.head().last_seq == 1
        (copied, _) = reader._copied or (None, None)
        assert reader.head().last_seq == 1
        # Copied once for both.
        assert reader._copied
        assert reader._copied[0] == copied
        carry(second)
        assert reader.head().last_seq == 2


def test_reader_refuses_what_has_another_form(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)
    with (
        LogReader(path) as reader,
        pytest.raises(ConfigError, match="this is no event log of presence-agent"),
    ):
        reader.head()
    path.unlink()
    with EventLog(SENDER, path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with LogReader(path) as reader, pytest.raises(ConfigError, match="was written by a newer agent"):
        reader.head()


def test_reader_finds_the_numbers_of_a_log(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        with LogReader(path) as reader:
            assert (reader.head().first_seq, reader.head().last_seq) == (1, 0)
        log.append([make_entered(number) for number in range(5)])
        log.delete(2)
        with LogReader(path) as reader:
            head = reader.head()
            assert (head.log_id, head.first_seq, head.last_seq) == (log.log_id, 3, 5)
            assert [reader.before_last(number) for number in (0, 1, 2, 3, 9)] == [5, 4, 3, 0, 0]


def test_reader_tells_what_is_wrong_in_the_file(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1)])
    with LogReader(path) as reader:
        assert reader.integrity() == ""
    with path.open("r+b") as file:
        # How many pages are free, as the file's head has it (https://www.sqlite.org/fileformat.html).
        file.seek(36)
        file.write((7).to_bytes(4, "big"))
    with LogReader(path) as reader:
        said = reader.integrity()
    assert "7" in said
    assert said == " ".join(said.split())


# Puts a file there and takes it away, as an agent does with what is beside its log, until it is ended.
COMES_AND_GOES = """
import sys
from pathlib import Path
path = Path(sys.argv[1])
print(flush=True)
while True:
    path.write_bytes(b"1234")
    path.unlink()
"""


def test_size_while_a_file_comes_and_goes(tmp_path: Path) -> None:
    path, beside = tmp_path / "events.db", tmp_path / "events.db-wal"
    path.write_bytes(b"123456")
    words = [sys.executable, "-c", COMES_AND_GOES, str(beside)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            sizes = {size_bytes(path, "", "-wal") for _ in range(50_000)}
        finally:
            process.kill()
    assert {6, 10} <= sizes <= set(range(6, 11))
