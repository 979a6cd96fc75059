from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event import ZoneEntered
from agent.core.frame import Instant
from agent.errors import BusyError, LogError
from agent.eventlog.log import EventLog
from agent.eventlog.reader import LogReader
from agent.eventlog.schema import FORM, VERSION
from agent.wire.payloads import event_json
from tests.builders import make_at
from tests.eventlog import writing
from tests.samples import SENDER, is_sentence, make_entered, make_started, make_stopped, seqs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.core.event import Event

KILLS = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    with EventLog(SENDER, path) as opened:
        yield opened


def filled(path: Path, events: int = 3) -> str:
    """Make a log with events in it; return its id."""
    with EventLog(SENDER, path, log_id="5f3a9c21") as log:
        log.append([make_entered(number) for number in range(events)])
        return log.log_id


# --- numbers -----------------------------------------------------------------------------------------


def test_append_numbers_from_one(log: EventLog) -> None:
    assert log.last_seq == 0
    assert log.append([make_started(), make_entered(5)]) == 2
    assert log.append([make_entered(6)]) == 3
    assert log.last_seq == 3
    assert log.first_seq == 1
    assert [(entry.seq, entry.type, entry.rule) for entry in log.read(0, 9)] == [
        (1, "agent.started", "agent"),
        (2, "zone.entered", "waiting"),
        (3, "zone.entered", "waiting"),
    ]
    assert [entry.body for entry in log.read(1, 9)] == [
        event_json(make_entered(5), SENDER, log.log_id, 2),
        event_json(make_entered(6), SENDER, log.log_id, 3),
    ]


def test_append_across_reopenings(path: Path) -> None:
    identifiers = set()
    for opening in range(4):
        with EventLog(SENDER, path) as log:
            assert log.last_seq == 2 * opening
            log.append([make_entered(opening)])
            log.append([make_entered(opening + 100)])
            assert seqs(log) == list(range(1, 2 * opening + 3))
            identifiers.add(log.log_id)
            bodies = [json.loads(entry.body) for entry in log.read(0, 99)]
    assert len(identifiers) == 1
    assert [body["id"] for body in bodies] == [f"{log.log_id}/{seq}" for seq in range(1, 9)]
    assert [body["count"] for body in bodies] == [0, 100, 1, 101, 2, 102, 3, 103]


def test_append_nothing(log: EventLog) -> None:
    assert log.append([]) == 0
    log.append([make_entered()])
    assert log.append([]) == 1


def test_append_to_deleted_seqs(path: Path) -> None:
    # Whatever is cleared away at the front: a number is never used twice.
    filled(path, 5)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM event WHERE seq <= 3")
    with EventLog(SENDER, path) as log:
        assert (log.first_seq, log.last_seq) == (4, 5)
        assert log.append([make_entered()]) == 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _WithName(ZoneEntered):
    name: str


def test_append_with_bad_event_keeps_none(log: EventLog) -> None:
    at = make_at(1)
    bad = _WithName(rule="waiting", at=at, since=at, count=1, track="t1", name="Lan")
    log.append([make_entered(1)])
    with pytest.raises(ValueError, match="name"):
        log.append([make_entered(2), bad, make_entered(3)])
    assert (log.last_seq, seqs(log)) == (1, [1])
    assert log.append([make_entered(4)]) == 2


def test_append_broken_off_keeps_none(log: EventLog) -> None:
    log.append([make_entered(1)])
    log._db.execute(
        "CREATE TRIGGER off BEFORE INSERT ON event WHEN new.seq = 3 BEGIN SELECT RAISE(FAIL, 'broken'); END"
    )
    with pytest.raises(LogError, match="broken") as told:
        log.append([make_entered(2), make_entered(3)])
    assert is_sentence(str(told.value))
    assert (log.last_seq, seqs(log)) == (1, [1])
    log._db.execute("DROP TRIGGER off")
    assert log.append([make_entered(4), make_entered(5)]) == 3
    assert seqs(log) == [1, 2, 3]


def test_append_and_read_from_many_threads(log: EventLog) -> None:
    failures: list[BaseException] = []

    def append() -> None:
        try:
            for _ in range(25):
                log.append([make_entered()] * 2)
                seen = seqs(log)
                assert seen == list(range(1, len(seen) + 1))
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seqs(log) == list(range(1, 201))


@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_entry_ts_is_that_of_the_body(moment: datetime) -> None:
    with EventLog(SENDER, None) as log:
        log.append([make_started(Instant(0, moment))])
        (entry,) = log.read(0, 1)
    ts = datetime.fromisoformat(json.loads(entry.body)["ts"])
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=entry.ts_ms) == ts


# --- reading -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ten() -> Iterator[EventLog]:
    with EventLog(SENDER, None) as log:
        log.append([make_entered(number) for number in range(10)])
        yield log


@given(after=st.integers(0, 15), limit=st.integers(0, 15), through=st.none() | st.integers(0, 15))
def test_read_window(ten: EventLog, after: int, limit: int, through: int | None) -> None:
    expected = [seq for seq in range(1, 11) if after < seq <= (10 if through is None else through)][:limit]
    assert [entry.seq for entry in ten.read(after, limit, through)] == expected


def test_first_seq_of_empty_log(log: EventLog) -> None:
    assert (log.first_seq, log.last_seq) == (1, 0)
    assert log.read(0, 9) == []


def test_delivered_is_kept(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered()] * 5)
        assert log.delivered == 0
        log.delivered = 3
        assert log.delivered == 3
    with EventLog(SENDER, path) as log:
        assert (log.delivered, log.last_seq) == (3, 5)
        log.append([make_entered()])
        assert log.delivered == 3


# --- one log, one agent ------------------------------------------------------------------------------


def test_log_id_random() -> None:
    with EventLog(SENDER, None) as one, EventLog(SENDER, None) as other:
        assert re.fullmatch(r"[0-9a-f]{8}", one.log_id)
        assert one.log_id != other.log_id


def test_log_id_given_for_new_log_only(path: Path) -> None:
    with EventLog(SENDER, path, log_id="00000000") as log:
        assert log.log_id == "00000000"
    with EventLog(SENDER, path, log_id="11111111") as log:
        assert log.log_id == "00000000"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], None),
        ([make_started()], False),
        ([make_started(), make_stopped()], True),
        ([make_stopped(), make_started()], False),
    ],
)
def test_ended_in_order(path: Path, events: list[Event], expected: bool | None) -> None:
    with EventLog(SENDER, path) as log:
        assert log.ended_in_order is None
        log.append(events)
    with EventLog(SENDER, path) as log:
        assert log.ended_in_order is expected


def test_open_twice_busy(log: EventLog, path: Path) -> None:
    log.append([make_entered()])
    with pytest.raises(BusyError, match=re.escape(str(path))) as told, EventLog(SENDER, path):
        pytest.fail("two at once")
    assert is_sentence(str(told.value))
    assert log.append([make_entered()]) == 2


def test_open_in_other_process_busy(log: EventLog, path: Path) -> None:
    log.append([make_entered()])
    (line,) = writing.ran(arguments=["open", path])
    assert line.startswith("BusyError another agent")
    assert seqs(log) == [1]


def test_open_while_other_process_writes_busy(path: Path) -> None:
    with writing.server(path, 1) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write("\n")
        server.stdin.flush()
        pid = int(server.stdout.readline().split()[1])
        assert server.stdout.readline() == "opened 0\n"
        with pytest.raises(BusyError), EventLog(SENDER, path):
            pytest.fail("two at once")
        os.kill(pid, 9)
        while server.stdout.readline() != "ended -9\n":
            pass
        # The lock dies with its holder.
        with EventLog(SENDER, path) as log:
            assert seqs(log) == list(range(1, log.last_seq + 1))


def test_open_after_close(path: Path) -> None:
    filled(path)
    with EventLog(SENDER, path) as log:
        assert log.last_seq == 3


def test_open_makes_parents(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lib" / "events.db"
    filled(path)
    with EventLog(SENDER, path) as log:
        assert log.last_seq == 3


def test_open_in_memory_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EventLog(SENDER, None) as log:
        log.append([make_entered()] * 3)
        log.delivered = 2
        assert (seqs(log), log.first_seq, log.delivered) == ([1, 2, 3], 1, 2)
        with EventLog(SENDER, None) as other:
            assert other.last_seq == 0
    assert list(tmp_path.iterdir()) == []


def test_open_is_durable(log: EventLog) -> None:
    def pragma(name: str) -> object:
        return log._db.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2  # FULL
    assert pragma("user_version") == FORM


# --- what is no log, or no more ----------------------------------------------------------------------


def _database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


def _no_database(path: Path) -> None:
    path.write_text("events, one a line\n" * 100)


def _foreign(path: Path) -> None:
    _database(path, "CREATE TABLE song (title TEXT)", "INSERT INTO song VALUES ('x')")


def _foreign_version_1(path: Path) -> None:
    _foreign(path)
    _database(path, "PRAGMA user_version = 1")


def _newer(path: Path) -> None:
    filled(path)
    _database(path, f"PRAGMA user_version = {VERSION + 1}")


def _truncated(path: Path) -> None:
    filled(path, 200)
    os.truncate(path, path.stat().st_size // 2)


def _zeroed(path: Path) -> None:
    filled(path, 200)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(path.stat().st_size - 4096))


def _garbled_schema(path: Path) -> None:
    # SQLite then tells of bytes that are no text, and Python of those.
    filled(path)
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE event", b"CREATE T\xffBLE event"))


def _without_id(path: Path) -> None:
    filled(path)
    _database(path, "DELETE FROM meta WHERE key = 'log_id'")


def _delivered_no_number(path: Path) -> None:
    filled(path)
    _database(path, "INSERT OR REPLACE INTO meta VALUES ('delivered', 'x7')")


def _without_meta(path: Path) -> None:
    filled(path)
    _database(path, "DROP TABLE meta")


def _parent_is_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (_foreign, "something else"),
        (_foreign_version_1, "something else|not an event log|move it away"),
        (_newer, "newer agent"),
        (Path.mkdir, "can't be opened|can't be written"),
        (_parent_is_file, "can't be written"),
    ],
)
def test_open_what_is_no_log(tmp_path: Path, prepare: Callable[[Path], None], words: str) -> None:
    path = tmp_path / "var" / "events.db"
    path.parent.mkdir()
    prepare(path)
    with pytest.raises(LogError, match=words) as told, EventLog(SENDER, path):
        pytest.fail("opened")
    assert is_sentence(str(told.value))
    assert str(path) in str(told.value)
    assert not list(tmp_path.rglob("*damaged*"))


@pytest.mark.parametrize("prepare", [_foreign, _foreign_version_1, _newer])
def test_open_what_is_no_log_changes_nothing(path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(path)
    before = path.read_bytes()
    with pytest.raises(LogError), EventLog(SENDER, path):
        pytest.fail("opened")
    assert path.read_bytes() == before
    assert not path.with_name(path.name + "-wal").exists()


DAMAGES = [
    _no_database,
    _truncated,
    _zeroed,
    _garbled_schema,
    _without_meta,
    _without_id,
    _delivered_no_number,
]


@pytest.mark.parametrize("prepare", DAMAGES)
def test_open_damaged_begins_anew(
    path: Path, prepare: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    prepare(path)
    before = path.read_bytes()
    with EventLog(SENDER, path) as log:
        assert (log.log_id != "5f3a9c21", log.last_seq, log.delivered, log.ended_in_order) == (
            True, 0, 0, None,
        )  # fmt: skip
        assert log.append([make_entered()]) == 1
    (aside,) = path.parent.glob("events.db.damaged-*Z")
    assert aside.read_bytes() == before
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert is_sentence(record.message)
    assert str(aside) in record.message
    # Once: the next start goes on in the new one.
    with EventLog(SENDER, path) as log:
        assert log.append([make_entered()]) == 2
    assert len(caplog.records) == 1


def test_open_damaged_takes_its_wal_along(path: Path) -> None:
    filled(path)
    path.write_bytes(b"\xa5" * 9000)
    path.with_name("events.db-wal").write_bytes(b"what was written last")
    path.with_name("events.db-shm").write_bytes(b"index")
    with EventLog(SENDER, path) as log:
        log.append([make_entered()])
        assert seqs(log) == [1]
    (aside,) = path.parent.glob("events.db.damaged-*Z")
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"what was written last"
    assert aside.with_name(f"{aside.name}-shm").exists()


def test_open_damaged_again_and_again_keeps_the_newest(path: Path) -> None:
    for number in range(5):
        path.write_bytes(b"\xa5" * 9000 + bytes([number]))
        with EventLog(SENDER, path):
            pass
    asides = [file.read_bytes()[-1] for file in path.parent.glob("events.db.damaged-*")]
    # Of all that pile up, a few.
    assert sorted(asides) == [2, 3, 4]


def test_open_damaged_that_can_not_be_moved(tmp_path: Path) -> None:
    # There is no room in the name for where it would go.
    path = tmp_path / ("e" * 240)
    _no_database(path)
    before = path.read_bytes()
    with pytest.raises(LogError, match="can't be moved") as told, EventLog(SENDER, path):
        pytest.fail("opened")
    assert "move it away" in str(told.value)
    assert path.read_bytes() == before
    # Nor is it locked.
    path.unlink()
    assert filled(path)


def test_open_after_orderly_end_trusts_the_file(path: Path) -> None:
    # The check reads the whole file; that is for starts after a power cut.
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number) for number in range(200)])
        log.append([make_stopped()])
    with path.open("r+b") as file:
        file.seek(4096 * 6)
        file.write(bytes(4096))
    log_id = ""
    with EventLog(SENDER, path) as log:
        log_id = log.log_id
        with pytest.raises(LogError, match="damaged"):
            seqs(log)
        log.append([make_entered()])
    with EventLog(SENDER, path) as log:
        assert log.log_id != log_id


def test_open_empty_file_is_new_log(path: Path) -> None:
    # A power cut may leave a file without a byte.
    path.touch()
    assert filled(path)


def test_open_after_failure_is_free(path: Path) -> None:
    # What could not be opened is not locked either.
    _foreign(path)
    with pytest.raises(LogError), EventLog(SENDER, path):
        pytest.fail("opened")
    path.unlink()
    assert filled(path)


@pytest.mark.parametrize("seed", range(40))
def test_damage_at_random_is_told(path: Path, seed: int) -> None:
    """Whatever is damaged: it works, or a LogError says that it does not; SQLite's own errors never show."""
    filled(path, 60)
    chance = random.Random(seed)  # noqa: S311
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 3, 200])):
        at = chance.randrange(len(content))
        length = chance.choice([1, 1, 16, 700])
        content[at : at + length] = chance.randbytes(length)
    if chance.random() < 0.3:
        del content[chance.randrange(len(content)) :]
    path.write_bytes(content)
    with suppress(LogError), EventLog(SENDER, path) as log:
        if list(path.parent.glob("*damaged*")):
            assert seqs(log) == []
        with suppress(LogError):
            seqs(log)
        with suppress(LogError):
            assert log.first_seq >= 0
        with suppress(LogError):
            log.append([make_entered()])
        with suppress(LogError):
            log.delivered = 1


def test_damaged_while_open_is_told(log: EventLog, path: Path) -> None:
    log.append([make_entered(number) for number in range(200)])
    log._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log._db.execute("PRAGMA cache_size = 0")
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * (path.stat().st_size - 8192))
    with pytest.raises(LogError, match="damaged") as told:
        seqs(log)
    assert is_sentence(str(told.value))


# --- cards that fail ---------------------------------------------------------------------------------

MOUNTED = 'mount {} && shift && exec "$@"'
TMPFS = [
    "unshare", "-m", "sh", "-c",
    MOUNTED.format('-t tmpfs -o size=5m none "$1" && head -c 2600000 /dev/zero > "$1/ballast"'), "sh",
]  # fmt: skip
READ_ONLY = [
    "unshare", "-m", "sh", "-c", MOUNTED.format('--bind "$1" "$1" && mount -o remount,bind,ro "$1"'), "sh",
]  # fmt: skip


def can_mount() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


def can_trace() -> bool:
    return (
        shutil.which("strace") is not None
        and subprocess.run(["strace", "-o", os.devnull, "true"], check=False, capture_output=True).returncode
        == 0
    )


def told(lines: list[str]) -> dict[str, str]:
    """What the writing program said, by its first words."""
    return {line.partition(" ")[0]: line.partition(" ")[2] for line in lines}


def test_append_to_file_that_may_not_grow(path: Path) -> None:
    said = told(writing.ran(arguments=["fill", path, "150000"]))
    last = int(said["last"])
    assert last > 10
    assert "disk gives errors; check the card" in said["failed"]
    assert is_sentence(said["failed"])
    assert said["kept"] == "True"
    assert said["again"] == f"True {last}"
    assert said["mended"] == f"True {last + 1}"


@pytest.mark.parametrize("delivered", [0, 60])
def test_append_on_full_disk_takes_the_place_of_the_oldest(path: Path, delivered: int) -> None:
    if not can_mount():
        pytest.skip("only root can mount a disk that is full")
    said = told(writing.ran(*TMPFS, str(path.parent), arguments=["recycle", path, str(delivered)]))
    assert said["tight"] == "True"
    # Without a gap, and all that went is told of but what a broker had taken.
    assert said["kept"] == "True"
    assert said["dropped"] == f"{delivered + 1} disk_full True"
    assert said["again"] == "True"
    assert said["mended"] == "False"


@pytest.mark.parametrize("call", ["fdatasync,fsync", "pwrite64"])
def test_append_on_card_with_errors(path: Path, call: str) -> None:
    if not can_trace():
        pytest.skip("strace is not here, or may not trace")
    inject = f"inject={call}:error=EIO:when={60 if call == 'pwrite64' else 20}"
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    said = told(writing.ran(*strace, arguments=["fill", path]))
    last = int(said["last"])
    assert last > 3
    assert "the disk gives errors; check the card" in said["failed"]
    assert said["kept"] == "True"
    # What was refused may be there all the same, as after a power cut; nothing is missing.
    assert said["again"] in {f"True {last}", f"True {last + 1}"}
    assert said["mended"] in {f"True {last + 1}", f"True {last + 2}"}


@pytest.mark.parametrize(
    ("read_only", "log_path"),
    [
        (".", "events.db"),  # the whole card
        ("events.db", "events.db"),
        (".", "new/events.db"),
    ],
)
def test_open_read_only(tmp_path: Path, read_only: str, log_path: str) -> None:
    if not can_mount() and os.geteuid() == 0:
        pytest.skip("root may write everywhere, and can't mount here")
    filled(tmp_path / "events.db")
    if os.geteuid() == 0:
        lines = writing.ran(*READ_ONLY, str(tmp_path / read_only), arguments=["open", tmp_path / log_path])
    else:
        target = tmp_path / read_only
        before = target.stat().st_mode
        target.chmod(0o500 if target.is_dir() else 0o400)
        lines = writing.ran(arguments=["open", tmp_path / log_path])
        target.chmod(before)
    kind, _, sentence = lines[-1].partition(" ")
    assert kind == "LogError"
    assert is_sentence(sentence)
    assert str(tmp_path / log_path) in sentence
    assert re.search(r"can't be written \(|read-only; check the card", sentence)
    with EventLog(SENDER, tmp_path / "events.db") as log:
        assert seqs(log) == [1, 2, 3]


def test_kill_while_writing_loses_nothing(path: Path) -> None:
    """kill -9 at any moment: what append returned is there, numbers without a gap, groups are whole."""
    batch = 3
    chance = random.Random(77)  # noqa: S311
    acknowledged = 0
    with writing.server(path, batch) as server:
        assert server.stdin
        assert server.stdout
        for _ in range(KILLS):
            server.stdin.write("\n")
            server.stdin.flush()
            pid = 0
            after = chance.randrange(12)
            killed = False
            for line in server.stdout:
                word, _, number = line.strip().partition(" ")
                if word == "pid":
                    pid = int(number)
                elif word == "ended":
                    assert number == "-9"
                    break
                elif word != "opened":
                    acknowledged = int(word)
                    after -= 1
                if pid and after <= 0 and not killed:
                    threading.Event().wait(chance.uniform(0, 0.004))
                    os.kill(pid, 9)
                    killed = True
            with EventLog(SENDER, path) as log:
                assert log.last_seq >= acknowledged
                assert log.last_seq % batch == 0
                assert seqs(log) == list(range(1, log.last_seq + 1))
                bodies = [json.loads(entry.body)["seq"] for entry in log.read(0, 1_000_000)]
                assert bodies == seqs(log)
                acknowledged = log.last_seq
    assert acknowledged > KILLS


def test_note_across_reopenings(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        assert log.noted("published") is None
        log.note("published", '["a"]')
        log.note("published", '["a", "b"]')
        # Our own keys are not in anybody's way.
        log.note("log_id", "x")
    with EventLog(SENDER, path) as log:
        assert log.noted("published") == '["a", "b"]'
        assert log.noted("other") is None
        assert log.log_id != "x"


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("form", [1, 2])
def test_log_of_an_older_form_is_taken_over(path: Path, form: int, indexed: bool) -> None:
    log_id = filled(path)
    (index,) = _indexes(path)
    older = ["CREATE INDEX spell ON event (rule, seq) WHERE type = 'zone.occupied'"] if indexed else []
    _database(path, f"DROP INDEX {index}", *older, f"PRAGMA user_version = {form}")
    with LogReader(path) as reader:
        assert reader.head().last_seq == 3
    for _ in range(2):
        with EventLog(SENDER, path) as log:
            assert (log.log_id, seqs(log)) == (log_id, [1, 2, 3])
            assert log._db.execute("PRAGMA user_version").fetchone() == (FORM,)
            assert log.last_intervals(9) == {}
        assert _indexes(path) == [index]


def _indexes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        return [name for (name,) in rows]


# --- a device that is called otherwise ---------------------------------------------------------------


def test_renamed_device_has_a_new_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "events.db"
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number) for number in range(5)])
        log.delivered = 3
        before = log.log_id
    renamed = replace(SENDER, device="another")
    with EventLog(renamed, path) as log:
        assert log.log_id != before
        assert log.append([make_entered(9)]) == 3
        bodies = [json.loads(entry.body) for entry in log.read(0, 9)]
    assert [(body["seq"], body["device"], body["id"]) for body in bodies] == [
        (seq, "another", f"{log.log_id}/{seq}") for seq in (1, 2, 3)
    ]
    assert "had another site or name before" in caplog.text
    assert len(list(tmp_path.glob("events.db.renamed-*"))) == 1
    with EventLog(renamed, path) as again:
        assert (again.log_id, again.last_seq) == (log.log_id, 3)
