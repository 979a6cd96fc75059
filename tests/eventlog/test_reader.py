"""A log is read beside its agent, and is afterwards what it was before."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from agent.errors import ConfigError, LogError
from agent.eventlog.log import EventLog
from agent.eventlog.reader import events_between, events_in_file, newest
from tests.builders import BEGIN
from tests.conftest import ROOT
from tests.patience import PATIENCE_S
from tests.samples import SENDER, is_sentence, make_entered

if TYPE_CHECKING:
    from pathlib import Path

EVER = BEGIN - timedelta(days=99), BEGIN + timedelta(days=99)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "nhật ký?#%"
    folder.mkdir()
    return folder / "events.db"


def filled(path: Path, events: int = 5) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(number) for number in range(events)])


def files(path: Path) -> dict[str, tuple[int, str]]:
    """Everything in the log's folder: when it was changed and what is in it.

    By another process: closing a file would drop this one's locks on it.
    """
    script = (
        "import hashlib, json, pathlib, sys; print(json.dumps({f.name: (f.stat().st_mtime_ns, "
        "hashlib.sha256(f.read_bytes()).hexdigest()) for f in pathlib.Path(sys.argv[1]).iterdir()}))"
    )
    ran = subprocess.run([sys.executable, "-c", script, path.parent], capture_output=True, check=True)
    content = json.loads(ran.stdout)
    return {name: (time_ns, digest) for name, (time_ns, digest) in content.items()}


def read_by_another(path: Path) -> list[int]:
    """Counts of all events, read as `log plot` does: in a process of its own."""
    script = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC; "
        "from agent.eventlog.reader import events_between, newest; "
        "p = Path(sys.argv[1]); newest(p); "
        "all = events_between(p, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)); "
        "print(*[event['count'] for event in all])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr
    return [int(word) for word in ran.stdout.split()]


def test_read_log_of_running_agent(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        for number in range(3):
            log.append([make_entered(number)])
            before = files(path)
            assert read_by_another(path) == list(range(number + 1))
            assert files(path) == before
        # It was not held up, and nothing of it is lost.
        assert log.append([make_entered(7)]) == 4
        assert [event["seq"] for event in events_between(path, *EVER)] == [1, 2, 3, 4]


def test_read_log_just_begun(path: Path) -> None:
    with EventLog(SENDER, path):
        assert newest(path) is None
        assert read_by_another(path) == []


def test_read_log_just_opened_again(path: Path) -> None:
    filled(path)
    with EventLog(SENDER, path) as log:
        before = files(path)
        assert read_by_another(path) == [0, 1, 2, 3, 4]
        log.append([make_entered(5)])
        assert read_by_another(path) == [0, 1, 2, 3, 4, 5]
        assert files(path).keys() == before.keys() | {"events.db-wal", "events.db-shm"}


def test_read_log_at_rest(path: Path) -> None:
    filled(path)
    before = files(path)
    assert read_by_another(path) == [0, 1, 2, 3, 4]
    assert files(path) == before
    assert before.keys() == {"events.db", "events.db.lock", "events.db.reserve"}


KILLED = """
import os, sys
from pathlib import Path
from agent.eventlog.log import EventLog
from tests.samples import SENDER, make_entered
log = EventLog(SENDER, Path(sys.argv[1])).__enter__()
for number in range(5):
    log.append([make_entered(number)])
os._exit(9)
"""


@pytest.mark.parametrize("gone", [[], ["-shm"]], ids=["as-left-behind", "carried-away-without-shm"])
def test_read_log_of_killed_agent(path: Path, gone: list[str]) -> None:
    subprocess.run([sys.executable, "-c", KILLED, path], check=False, cwd=ROOT)
    assert path.with_name("events.db-wal").stat().st_size > 0
    for ending in gone:
        path.with_name(f"events.db{ending}").unlink()
    before = files(path)
    assert read_by_another(path) == [0, 1, 2, 3, 4]
    assert files(path) == before


@pytest.mark.parametrize("killed", [False, True])
def test_read_log_on_a_read_only_place(path: Path, killed: bool) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare, to mount something read-only")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    if killed:
        subprocess.run([sys.executable, "-c", KILLED, path], check=False, cwd=ROOT)
    else:
        filled(path)
    script = (
        f'mount --bind "{path.parent}" "{path.parent}" && mount -o remount,bind,ro "{path.parent}" '
        f'&& ! touch "{path}" 2>/dev/null '
        f'&& exec {sys.executable} -c "from tests.eventlog.test_reader import *; '
        "from pathlib import Path; print(*[e['count'] for e in events_between(Path(sys.argv[1]), *EVER)])\" "
        f'"{path}"'
    )
    ran = subprocess.run(
        ["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (ran.returncode, ran.stdout.split()) == (0, ["0", "1", "2", "3", "4"]), ran.stderr


WRITES = """
import sys
from pathlib import Path
from agent.eventlog.log import EventLog
from tests.samples import SENDER, make_entered
number = 0
while True:
    # Opened, closed and checkpointed again and again.
    with EventLog(SENDER, Path(sys.argv[1])) as log:
        for _ in range(300):
            log.append([make_entered(number)])
            number += 1
            if number == 1:
                print(flush=True)
"""


def test_read_log_while_it_is_written(path: Path) -> None:
    command = [sys.executable, "-c", WRITES, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            give_up_s, reads, before = time.monotonic() + PATIENCE_S, 0, 0
            while (before < 2_000 or reads <= 10) and time.monotonic() < give_up_s:
                counts = [event["count"] for event in events_between(path, *EVER)]
                assert counts == list(range(len(counts)))
                assert len(counts) >= before
                before = len(counts)
                reads += 1
            # The writer was not ended by it either.
            assert writer.poll() is None
            assert before >= 2_000
            assert reads > 10
        finally:
            writer.send_signal(signal.SIGKILL)


# As an agent that has opened the shared memory of its log (SQLite's lock "DMS") and is kept from going on.
OPENS = """
import fcntl, sys, time
from pathlib import Path
from agent.eventlog.log import EventLog
from tests.samples import SENDER
path = Path(sys.argv[1])
with Path(f"{path}-shm").open("r+b") as shm:
    shm.write(bytes(32768))
    shm.flush()
    fcntl.lockf(shm, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 128)
    print(flush=True)
    sys.stdin.read()
with EventLog(SENDER, path):
    time.sleep(1000)
"""


def test_read_log_while_its_agent_opens_it(path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, path], check=False, cwd=ROOT)
    command = [sys.executable, "-c", OPENS, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdin
        assert agent.stdout
        agent.stdout.readline()
        goes_on = Timer(0.5, agent.stdin.close)
        goes_on.start()
        try:
            assert [event["count"] for event in events_between(path, *EVER)] == [0, 1, 2, 3, 4]
        finally:
            goes_on.join()
            agent.kill()


def test_read_window(path: Path) -> None:
    filled(path, 10)
    window = BEGIN + timedelta(seconds=3), BEGIN + timedelta(seconds=6)
    assert [event["count"] for event in events_between(path, *window)] == [3, 4, 5]
    assert newest(path) == BEGIN + timedelta(seconds=9)
    assert events_between(path, BEGIN - timedelta(days=2), BEGIN) == []


# --- what is no log ----------------------------------------------------------------------------------


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE event (seq, ts_ms, body)")


def newer_form(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 77")


def damaged(path: Path) -> None:
    filled(path, 500)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * len(content[4096:])
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    filled(path, 500)
    path.write_bytes(path.read_bytes()[:9_000])


def no_json(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE event SET body = 'shopping' WHERE seq = 3")


def no_text(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE event SET body = CAST(x'ff00ff' AS TEXT) WHERE seq = 3")


@pytest.mark.parametrize(
    ("make", "kind", "word"),
    [
        (lambda _: None, ConfigError, "there is no event log here"),
        (lambda path: path.mkdir(), ConfigError, "is no file"),
        (lambda path: path.write_text("my shopping list " * 99), ConfigError, "no event log"),
        (lambda path: path.touch(), ConfigError, "no event log"),
        (other_database, ConfigError, "no event log"),
        (newer_form, ConfigError, "newer agent"),
        (damaged, LogError, "damaged"),
        (cut_off, LogError, "damaged"),
        (no_json, LogError, "damaged"),
        (no_text, LogError, "can't be read"),
    ],
    ids=["missing", "folder", "text", "empty", "other", "newer", "damaged", "cut-off", "no-json", "no-text"],
)
def test_read_no_log(path: Path, make: object, kind: type[Exception], word: str) -> None:
    assert callable(make)
    make(path)
    before = {} if path.is_dir() else files(path)
    with pytest.raises(kind, match=word) as told:
        events_between(path, *EVER)
    assert is_sentence(str(told.value))
    assert path.is_dir() or files(path) == before


def test_read_not_ours(path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to be somebody else")
    filled(path)
    path.parent.chmod(0o700)
    script = (
        "import sys; from pathlib import Path; from agent.eventlog.reader import newest; "
        "newest(Path(sys.argv[1]))"
    )
    ran = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", script, path],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    if "agent.errors.ConfigError" not in ran.stderr:
        pytest.skip(f"nobody may not run Python here: {ran.stderr[-99:]}")
    assert "not yours to read" in ran.stderr


# --- what replay --events wrote ----------------------------------------------------------------------

LINE = '{"type": "zone.occupied", "ts": "2026-01-05T00:00:00.000Z"}\n'


@pytest.mark.parametrize(
    ("content", "number"),
    [("", 0), (LINE, 1), (LINE * 3, 3), (LINE * 2 + LINE[:20], 2), (LINE * 2 + LINE.rstrip(), 3)],
    ids=["empty", "one", "three", "still-written", "without-a-last-end"],
)
def test_events_in_file(tmp_path: Path, content: str, number: int) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(content)
    assert len(events_in_file(path)) == number


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"shopping\n", "line 1 is no event"),
        (b"shopping", "line 1 is no event"),
        (LINE.encode() + b"\n" + LINE.encode(), "line 2 is no event"),
        (b"[1]\n", "line 1 is no event"),
        (b"{}\n", "line 1 is no event"),
        (b"[" * 100_000 + b"\n", "line 1 is no event"),
        (b"\xff\xfe\n", "no event"),
        (None, "can't be read"),
    ],
)
def test_events_in_file_wrong(tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "events.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=word) as told:
        events_in_file(path)
    assert is_sentence(str(told.value))
