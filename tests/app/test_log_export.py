"""`log tail`, `log export` and `log verify` on real logs, some of them with a live writer."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from agent.app.log_export import export, tail
from agent.app.log_verify import verify
from agent.config.load import load
from agent.core import identifiers as arguments
from agent.core.event import ClockSet
from agent.errors import ConfigError, LogError
from agent.eventlog.log import EventLog
from agent.eventlog.reader import LogReader
from tests.builders import BEGIN, make_at
from tests.conftest import ROOT, command, free_port, wait_until, write_config
from tests.locale.languages import ENGLISH_LEFT
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered, make_started, make_stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.config.models import Config
    from tests.conftest import Ran

    Damage = Callable[[sqlite3.Connection], object]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(tmp_path, "x.avi"))


def filled(config: Config, events: int = 30) -> None:
    """Entered by 0, 1, … a second apart, from 07:00:00 in Vietnam on."""
    with EventLog(SENDER, config.log.path) as log:
        log.append([make_entered(number) for number in range(events)])


def bodies(config: Config) -> list[str]:
    with closing(sqlite3.connect(config.log.path)) as db:
        return [body for (body,) in db.execute("SELECT body FROM event ORDER BY seq")]


def no_follow(config: Config, number: int, *, as_json: bool = False) -> list[str]:
    return list(tail(config, Event(), number, print, as_json=as_json, follow=False))


# --- tail --------------------------------------------------------------------------------------------


def test_tail_words(config: Config) -> None:
    filled(config)
    assert no_follow(config, 2) == [
        "2026-01-05 07:00:28  somebody entered waiting, now 28  [waiting/zone/entered]",
        "2026-01-05 07:00:29  somebody entered waiting, now 29  [waiting/zone/entered]",
    ]


def test_tail_vietnamese(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "vi_VN.UTF-8")
    filled(config)
    assert no_follow(config, 1) == [
        "05/01/2026 07:00:29  có người vào waiting, hiện có 29  [waiting/zone/entered]"
    ]


@pytest.mark.parametrize(("number", "expected"), [(0, 0), (1, 1), (30, 30), (31, 30), (1_000_000, 30)])
def test_tail_json(config: Config, number: int, expected: int) -> None:
    filled(config)
    assert no_follow(config, number, as_json=True) == bodies(config)[30 - expected :]


def test_tail_beyond_a_page(config: Config) -> None:
    filled(config, 1_700)
    assert no_follow(config, 1_600, as_json=True) == bodies(config)[100:]


def test_tail_of_empty_log(config: Config) -> None:
    filled(config, 0)
    assert no_follow(config, 10) == []


def test_tail_harmless(config: Config) -> None:
    filled(config, 3)
    with closing(sqlite3.connect(config.log.path)) as db, db:
        db.execute("UPDATE event SET body = '\x1b[2J' WHERE seq = 2")
        db.execute("UPDATE event SET rule = '\x1b[2J' || char(10) WHERE seq = 3")
    for as_json in (False, True):
        lines = no_follow(config, 10, as_json=as_json)
        assert len(lines) == 3
        assert all(line.isprintable() for line in lines)
    assert "event 2 can't be read" in no_follow(config, 10)[1]


class Tail:
    """A running `presence-agent log tail`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._out, self._err = folder / "tail.out", folder / "tail.err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                command("log", "tail", "--config", folder / "agent.toml", *arguments),
                stdout=out,
                stderr=err,
                cwd=ROOT,
            )

    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    def said(self) -> str:
        return self._err.read_text()

    def counts(self) -> list[int]:
        return [json.loads(line)["count"] for line in self.lines()]


@contextmanager
def tailing(folder: Path, *arguments: str) -> Iterator[Tail]:
    running = Tail(folder, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait(PATIENCE_S)


WRITES = """
import sys, time
from pathlib import Path
from agent.eventlog.log import EventLog
from tests.samples import SENDER, make_entered
first, last = int(sys.argv[2]), int(sys.argv[3])
with EventLog(SENDER, Path(sys.argv[1])) as log:
    for number in range(first, last):
        log.append([make_entered(number)])
        time.sleep(0.01)
    print("done", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def writing(path: Path, first: int, last: int) -> Iterator[None]:
    """Another process appends these, and holds the log meanwhile."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(path), str(first), str(last)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert writer.stdout is not None
    assert writer.stdin is not None
    try:
        yield
        assert writer.stdout.readline() == b"done\n"
        writer.stdin.write(b"\n")
        writer.stdin.flush()
        assert writer.wait(PATIENCE_S) == 0
    finally:
        writer.kill()
        writer.wait(PATIENCE_S)
        writer.stdin.close()
        writer.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_tail_follows_what_another_process_writes(
    config: Config, tmp_path: Path, number: signal.Signals
) -> None:
    filled(config, 5)
    with tailing(tmp_path, "-n", "2", "--json") as running:
        wait_until(lambda: running.counts() == [3, 4])
        with writing(config.log.path, 5, 205):
            wait_until(lambda: len(running.lines()) == 202)
        # The agent ended and another began.
        with writing(config.log.path, 205, 210):
            wait_until(lambda: len(running.lines()) == 207)
        assert running.counts() == list(range(3, 210))
        running.process.send_signal(number)
        assert running.process.wait(PATIENCE_S) == 0
        assert running.said() == ""


def test_tail_before_there_is_a_log_and_after_it_was_replaced(config: Config, tmp_path: Path) -> None:
    path = config.log.path
    with tailing(tmp_path, "--json") as running:
        wait_until(lambda: "waiting for one" in running.said())
        with writing(path, 0, 20):
            wait_until(lambda: len(running.lines()) == 20)
        first = path.rename(path.with_name("old.db"))
        wait_until(lambda: "is gone" in running.said())
        with writing(path, 100, 103):
            wait_until(lambda: len(running.lines()) == 23)
        # Another one in an instant, without a moment in which there is none.
        path.unlink()
        first.rename(path)
        wait_until(lambda: len(running.lines()) == 43)
        assert running.counts() == [*range(20), 100, 101, 102, *range(20)]
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_S) == 0
    assert len(running.said().splitlines()) == 4
    assert running.said().count("another event log has taken its place") == 2


def test_tail_is_cheap(config: Config, tmp_path: Path) -> None:
    filled(config, 5)
    with tailing(tmp_path) as running:
        wait_until(lambda: len(running.lines()) == 5)

        def cpu_s() -> float:
            stat = Path(f"/proc/{running.process.pid}/stat").read_text()
            words = stat.rsplit(")", 1)[1].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

        before = cpu_s()
        Event().wait(4)
        used_s = cpu_s() - before
        print(f"tail: {used_s:.2f} s of CPU in 4 s without news")
        assert used_s < 0.2


def test_tail_is_told_what_is_no_log(config: Config) -> None:
    config.log.path.parent.mkdir()
    config.log.path.write_text("my shopping list " * 99)
    with pytest.raises(ConfigError, match="no event log"):
        next(tail(config, Event(), 10, print, as_json=False, follow=True))


def test_tail_of_a_log_that_goes_bad_ends(config: Config) -> None:
    filled(config, 5)
    lines = tail(config, Event(), 1, print, as_json=False, follow=True)
    next(lines)
    config.log.path.write_text("my shopping list " * 99)
    with pytest.raises(ConfigError, match="no event log"):
        next(lines)


# --- export ------------------------------------------------------------------------------------------


def exported(config: Config, folder: Path, begin: str | None = None, end: str | None = None) -> list[str]:
    out = folder / "events.jsonl"
    bounds = [text and arguments.bound("--from", text) for text in (begin, end)]
    first, last = (at or None for at in bounds)
    assert not isinstance(first, str)
    assert not isinstance(last, str)
    export(config, first, last, out)
    return out.read_text().splitlines()


def test_export_all(config: Config, tmp_path: Path) -> None:
    filled(config, 1_700)
    assert exported(config, tmp_path) == bodies(config)


def test_export_of_empty_log(config: Config, tmp_path: Path) -> None:
    filled(config, 0)
    assert exported(config, tmp_path) == []


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("2026-01-05T00:00:03Z", None, range(3, 10)),
        ("2026-01-05T07:00:03+07:00", None, range(3, 10)),
        ("2026-01-05T00:00:02.9999Z", None, range(3, 10)),
        (None, "2026-01-05T00:00:03Z", range(3)),
        ("2026-01-05T00:00:03Z", "2026-01-05T00:00:05Z", range(3, 5)),
        ("2026-01-05", "2026-01-05", range(10)),
        ("2026-01-06", None, range(0)),
        (None, "2026-01-04", range(0)),
    ],
)
def test_export_window(
    config: Config, tmp_path: Path, begin: str | None, end: str | None, expected: range
) -> None:
    filled(config, 10)
    lines = exported(config, tmp_path, begin, end)
    assert [json.loads(line)["count"] for line in lines] == list(expected)


def test_export_days_are_local(config: Config, tmp_path: Path) -> None:
    midnight = datetime(2026, 1, 5, 17, tzinfo=UTC)
    with EventLog(SENDER, config.log.path) as log:
        before = (midnight - timedelta(seconds=1) - BEGIN).total_seconds()
        log.append([make_entered(1, make_at(before)), make_entered(2, make_at(before + 1))])
    assert [json.loads(line)["count"] for line in exported(config, tmp_path, None, "2026-01-05")] == [1]
    assert [json.loads(line)["count"] for line in exported(config, tmp_path, "2026-01-06")] == [2]


def test_export_nothing_between(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing between"):
        export(config, date(2026, 1, 6), date(2026, 1, 5), None)
    assert not (tmp_path / "log").exists()


def test_export_leaves_out_what_is_no_event(config: Config, tmp_path: Path) -> None:
    filled(config, 10)
    good = bodies(config)
    with closing(sqlite3.connect(config.log.path)) as db, db:
        db.execute("UPDATE event SET body = CAST(x'ff00ff' AS TEXT) WHERE seq = 3")
        db.execute("UPDATE event SET body = 'shopping' WHERE seq = 5")
        db.execute("UPDATE event SET body = '{' || char(10) || '}' WHERE seq = 6")
    with pytest.raises(LogError, match="3 of its events"):
        exported(config, tmp_path)
    left = (tmp_path / "events.jsonl").read_text().splitlines()
    assert left == [line for seq, line in enumerate(good, 1) if seq not in {3, 5, 6}]


@pytest.mark.parametrize("ending", ["", "-wal", ".lock"])
def test_export_never_onto_the_log(config: Config, tmp_path: Path, ending: str) -> None:
    filled(config)
    before = bodies(config)
    link = tmp_path / "innocent"
    path = config.log.path.with_name(config.log.path.name + ending)
    if path.exists():
        link.symlink_to(path)
    for out in (path, link) if path.exists() else (path,):
        with pytest.raises(ConfigError, match="the event log itself"):
            export(config, None, None, out)
    assert bodies(config) == before


def test_export_without_a_log_makes_nothing(config: Config, tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    out.write_text("what was there")
    with pytest.raises(ConfigError, match="there is no event log here"):
        export(config, None, None, out)
    assert out.read_text() == "what was there"


EXPORTS = """
import resource, sys
from pathlib import Path
from agent.config.load import load
from agent.app.log_export import export
export(load(Path(sys.argv[1])), None, None, Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_export_memory_is_constant(config: Config, tmp_path: Path) -> None:
    peak_kb = []
    for size in (1_000, 100_000):
        with EventLog(SENDER, config.log.path) as log:
            while log.last_seq < size:
                log.append([make_entered(log.last_seq + number) for number in range(1_000)])
        out = tmp_path / "events.jsonl"
        ran = subprocess.run(
            [sys.executable, "-c", EXPORTS, tmp_path / "agent.toml", out],
            capture_output=True, check=True, cwd=ROOT,
        )  # fmt: skip
        with out.open() as lines:
            assert sum(1 for _ in lines) == size
        peak_kb.append(int(ran.stdout))
    growth_mb = (peak_kb[1] - peak_kb[0]) / 1024
    print(f"100,000 events, {out.stat().st_size / 1e6:.0f} MB: {growth_mb:.1f} MB more than 1,000 events")
    assert growth_mb < 8


def test_export_into_a_pipe_that_closes(config: Config, tmp_path: Path) -> None:
    filled(config, 5_000)
    export_command = " ".join(command("log", "export", "--config", tmp_path / "agent.toml"))
    ran = subprocess.run(
        ["bash", "-c", f"{export_command} | head -n 2"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (ran.stdout.splitlines(), ran.stderr) == (bodies(config)[:2], "")


def test_export_while_another_process_writes(config: Config, tmp_path: Path) -> None:
    filled(config, 1_000)
    with writing(config.log.path, 1_000, 1_100):
        for _ in range(5):
            counts = [json.loads(line)["count"] for line in exported(config, tmp_path)]
            assert counts == list(range(len(counts)))
            assert verify(config)[1] == []
        assert len(counts) >= 1_000


# --- a damaged log that was set aside ----------------------------------------------------------------


def set_aside_damaged(config: Config, *pages: int) -> Path:
    """A log of a thousand events with these pages overwritten, after an agent has met it."""
    filled(config, 1_000)
    with config.log.path.open("r+b") as file:
        for page in pages:
            file.seek(4096 * page)
            file.write(os.urandom(4096))
    with EventLog(SENDER, config.log.path) as log:
        log.append([make_entered(1)])
    (aside,) = config.log.path.parent.glob("*.damaged-*Z")
    return aside


@pytest.mark.parametrize("pages", [(20,), (20, 21, 40), (-1,)])
def test_export_of_what_can_be_read_of_a_damaged_log(
    config: Config, tmp_path: Path, presence_agent: Callable[..., Ran], pages: tuple[int, ...]
) -> None:
    whole = config.model_copy(
        update={"log": config.log.model_copy(update={"path": tmp_path / "whole" / "x.db"})}
    )
    filled(whole, 1_000)
    last = whole.log.path.stat().st_size // 4096
    aside = set_aside_damaged(config, *(page % last for page in pages))
    out = tmp_path / "saved.jsonl"
    ran = presence_agent("log", "export", "--file", aside, "--out", out, "--config", tmp_path / "agent.toml")
    counts = [json.loads(line)["count"] for line in out.read_text().splitlines()]
    assert (ran.code, ran.err) == (0, f"{aside}: {len(counts)} events could be read.\n")
    # A page holds at most 20 of them.
    assert 1_000 - 20 * len(pages) <= len(counts) < 1_000
    assert counts == sorted(set(counts))


def test_export_of_what_is_no_log_any_more(
    config: Config, tmp_path: Path, presence_agent: Callable[..., Ran]
) -> None:
    aside = set_aside_damaged(config, 0)
    ran = presence_agent("log", "export", "--file", aside, "--config", tmp_path / "agent.toml")
    assert (ran.code, ran.out) == (2, "")
    assert "no event log" in ran.err


def test_damaged_log_is_told_until_it_is_dealt_with(
    config: Config, tmp_path: Path, presence_agent: Callable[..., Ran]
) -> None:
    aside = set_aside_damaged(config, 20)
    file = tmp_path / "agent.toml"
    ran = presence_agent("log", "verify", "--config", file)
    assert ran.code == 1
    (told,) = [line for line in ran.out.splitlines() if "set aside" in line]
    # To the letter, but for the right to do so.
    save, delete = (part.removeprefix("sudo ") for part in told.split("'")[1::2])
    assert save.startswith(f"presence-agent log export --file {aside}")
    done = presence_agent(*save.split()[1:-1], tmp_path / "damaged.jsonl", "--config", file)
    assert done.code == 0
    subprocess.run(delete.split(), check=True)
    ran = presence_agent("log", "verify", "--config", file)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "The log is good.")
    assert [path.name for path in aside.parent.glob("*damaged*")] == []


def test_daily_check_is_not_good_beside_a_damaged_log(config: Config, tmp_path: Path) -> None:
    aside = set_aside_damaged(config, 20)
    # As it is shipped, with the agent where it is here, and no journal to tell.
    script = (ROOT / "systemd" / "presence-agent-check").read_text()
    here = tmp_path / "check"
    script = script.replace("/usr/bin/presence-agent ", f"{' '.join(command())} ")
    here.write_text(script.replace("for wait in 5 20 0", "for wait in 0"))
    (tmp_path / "logger").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "logger").chmod(0o755)

    # Its line goes into the journal, which is English whatever the machine's language is.
    there = {
        "STATE_DIRECTORY": str(aside.parent),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "LC_ALL": "vi_VN.UTF-8",
    }

    def said() -> tuple[int, str]:
        ran = subprocess.run(
            ["sh", here, tmp_path / "agent.toml"],
            capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **there},
        )  # fmt: skip
        return ran.returncode, ran.stdout + ran.stderr

    code, text = said()
    assert code == 1
    assert "is a damaged log that was set aside: save what can be read" in text
    assert f"rm -f {aside} {aside}-wal {aside}-shm'" in text
    aside.unlink()
    assert "damaged" not in said()[1]


# --- verify ------------------------------------------------------------------------------------------


def test_verify_good(config: Config) -> None:
    with EventLog(SENDER, config.log.path) as log:
        log.append([make_started(), *(make_entered(number) for number in range(1, 700))])
        log.append([make_stopped(make_at(800))])
        log.delivered = 600
        log_id = log.log_id
    summary, problems = verify(config)
    assert problems == []
    assert summary[0].startswith(f"log {log_id} in {config.log.path}, ")
    assert summary[1:] == [
        "701 events, numbers 1 to 701, 2026-01-05 07:00:00 to 2026-01-05 07:13:20",
        "         1 agent.started",
        "         1 agent.stopped",
        "       699 zone.entered",
        "delivered up to number 600, 101 not yet",
    ]


def test_verify_empty(config: Config) -> None:
    filled(config, 0)
    summary, problems = verify(config)
    assert (summary[1:], problems) == (["no events"], [])


def test_verify_vietnamese(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "vi_VN.UTF-8")
    aside = set_aside_damaged(config, 20)
    config.log.path.unlink()
    filled(config)
    with closing(sqlite3.connect(config.log.path)) as db, db:
        db.execute("DELETE FROM event WHERE seq IN (5, 7, 8)")
        db.execute("UPDATE event SET body = 'x' WHERE seq = 10")
        db.execute("UPDATE event SET body = replace(body, '\"count\"', '\"other\"') WHERE seq = 12")
        db.execute("UPDATE event SET rule = 'z' WHERE seq = 14")
    summary, problems = verify(config)
    assert not [line for line in (*summary, *problems) if ENGLISH_LEFT.search(line)]
    assert summary[1].endswith("sự kiện, số 1 đến 30, từ 05/01/2026 07:00:00 đến 05/01/2026 07:00:29")
    assert problems[0].startswith(f"{aside} là nhật ký hỏng đã được lưu riêng")
    assert "thiếu số thứ tự mà không có events.dropped nào báo (2 khoảng): số 5." in problems
    assert len(problems) == 5


ENTERED_ONLY = ("since", "count", "track")


def set_body(seq: int, /, **fields: object) -> Damage:
    def damage(db: sqlite3.Connection) -> None:
        (body,) = db.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
        changed = json.dumps(json.loads(body) | fields)
        db.execute("UPDATE event SET body = ? WHERE seq = ?", (changed, seq))

    return damage


def sql(statement: str) -> Damage:
    return lambda db: db.execute(statement)


def tell_dropped(seq: int, first: int, last: int) -> Damage:
    def damage(db: sqlite3.Connection) -> None:
        (text,) = db.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
        body = {name: value for name, value in json.loads(text).items() if name not in ENTERED_ONLY}
        told = {"type": "events.dropped", "cause": "keep_mb", "from_seq": first, "to_seq": last}
        row = (json.dumps(body | told), seq)
        db.execute("UPDATE event SET type = 'events.dropped', body = ? WHERE seq = ?", row)

    return damage


def back(seq: int, seconds: float, *, clock: str = "synced", kind: str = "zone.entered") -> Damage:
    def damage(db: sqlite3.Connection) -> None:
        at = make_at(seq - 1 - seconds)
        ts = f"{at.utc:%Y-%m-%dT%H:%M:%S}.{at.utc.microsecond // 1000:03}Z"
        row = (round(at.utc.timestamp() * 1000), kind, seq)
        db.execute("UPDATE event SET ts_ms = ?, type = ? WHERE seq = ?", row)
        set_body(seq, ts=ts, clock=clock)(db)

    return damage


@pytest.mark.parametrize(
    ("damages", "words"),
    [
        ([sql("DELETE FROM event WHERE seq = 5")], ["missing", "(1 gaps)", "number 5."]),
        (
            [sql("DELETE FROM event WHERE seq BETWEEN 5 AND 9 OR seq = 20")],
            ["(2 gaps)", "numbers 5 to 9"],
        ),
        ([sql("DELETE FROM event WHERE seq <= 5")], ["missing", "numbers 1 to 5"]),
        (
            [sql("DELETE FROM event WHERE seq BETWEEN 5 AND 9"), tell_dropped(25, 6, 8)],
            ["(2 gaps)", "number 5."],
        ),
        ([sql("UPDATE event SET body = 'shopping' WHERE seq = 7")], ["can't be read (1)", "number 7"]),
        ([sql("UPDATE event SET body = CAST(x'ff' AS TEXT) WHERE seq > 7")], ["can't be read (23)"]),
        ([set_body(7, log="00000000")], ["their row", "(1)", "log of number 7", "'00000000'"]),
        ([set_body(7, seq=8)], ["their row", "seq of number 7"]),
        ([set_body(7, id="00000000/7")], ["their row", "id of number 7"]),
        ([set_body(7, rule="other")], ["their row", "rule of number 7"]),
        ([set_body(7, ts="2026-01-05T00:00:09.000Z")], ["their row", "ts of number 7"]),
        ([set_body(7, ts="noon")], ["ts of number 7"]),
        ([sql("UPDATE event SET type = 'zone.left' WHERE seq = 7")], ["type of number 7"]),
        ([set_body(7, count=-1)], ["fields", "count of number 7 (zone.entered)"]),
        ([set_body(7, name="somebody")], ["fields", "name of number 7"]),
        ([set_body(7, type=["x"])], ["type of number 7"]),
        ([back(7, 5)], ["time falls", "number 7 by 4.000 s"]),
        ([sql("INSERT OR REPLACE INTO meta VALUES ('delivered', '31')")], ["delivered", "31", "30"]),
        ([sql("INSERT OR REPLACE INTO meta VALUES ('delivered', 'all')")], ["delivered", "'all'"]),
        ([sql("DELETE FROM meta")], ["id is wrong or lost"]),
    ],
)
def test_verify_wrong(tmp_path: Path, damages: list[Damage], words: list[str]) -> None:
    config = load(write_config(tmp_path, "x.avi", port=free_port()))
    filled(config)
    with closing(sqlite3.connect(config.log.path)) as db, db:
        for damage in damages:
            damage(db)
    _, problems = verify(config)
    said = "\n".join(problems)
    for word in words:
        assert word in said
    assert all(line.endswith(".") for line in problems)


@pytest.mark.parametrize(
    "damages",
    [
        pytest.param([set_body(7, x=1), sql("UPDATE event SET type = 'a.b' WHERE seq = 7")], id="newer"),
        pytest.param(
            [
                sql("DELETE FROM event WHERE seq BETWEEN 5 AND 9 OR seq <= 3"),
                tell_dropped(25, 1, 3),
                tell_dropped(26, 5, 7),
                tell_dropped(27, 6, 9),
            ],
            id="told",
        ),
        pytest.param(
            [
                sql("DELETE FROM event WHERE seq <= 12"),
                sql("INSERT OR REPLACE INTO meta VALUES ('delivered', '8')"),
                tell_dropped(30, 9, 12),
            ],
            id="delivered-or-told",
        ),
        pytest.param([back(7, 5, clock="unsynced")], id="unsynced"),
    ],
)
def test_verify_right_all_the_same(tmp_path: Path, damages: list[Damage]) -> None:
    config = load(write_config(tmp_path, "x.avi", port=free_port()))
    filled(config)
    with closing(sqlite3.connect(config.log.path)) as db, db:
        for damage in damages:
            damage(db)
        # The other way round `type` would differ.
        for seq, kind in db.execute("SELECT seq, type FROM event WHERE type = 'a.b'").fetchall():
            set_body(seq, type=kind)(db)
    assert verify(config)[1] == []


def test_verify_clock_set(config: Config) -> None:
    with EventLog(SENDER, config.log.path) as log:
        set_right = ClockSet(rule="agent", at=make_at(5), offset_s=77.0)
        log.append([make_entered(1, make_at(10)), set_right, make_entered(2, make_at(6))], "0123abcd")
    assert verify(config)[1] == []


def test_verify_without_a_broker_old_events_go_silently(config: Config) -> None:
    filled(config)
    with closing(sqlite3.connect(config.log.path)) as db, db:
        db.execute("DELETE FROM event WHERE seq <= 5")
    summary, problems = verify(config)
    assert problems == []
    assert "25 events, numbers 6 to 30, 2026-01-05 07:00:05 to 2026-01-05 07:00:29" in summary


def test_verify_while_the_oldest_are_deleted(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(config, 2_000)
    page = LogReader.page

    def deleting(reader: LogReader, after_seq: int) -> object:
        if after_seq > 0:
            with closing(sqlite3.connect(config.log.path)) as db, db:
                db.execute("DELETE FROM event WHERE seq <= ?", (after_seq + 200,))
        return page(reader, after_seq)

    monkeypatch.setattr(LogReader, "page", deleting)
    assert verify(config)[1] == []


def test_verify_damaged_file(config: Config) -> None:
    filled(config, 500)
    content = bytearray(config.log.path.read_bytes())
    # Somewhere in the middle: the beginning can still be read.
    begin = len(content) // 2 // 4096 * 4096
    content[begin : begin + 4096] = b"\xa5" * 4096
    config.log.path.write_bytes(content)
    summary, problems = verify(config)
    assert summary[0].startswith("log ")
    assert any("is damaged" in line for line in problems)


def test_verify_memory_and_time(config: Config) -> None:
    filled(config, 20_000)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert verify(config)[1] == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 8_192


# --- the commands ------------------------------------------------------------------------------------


def test_commands(config: Config, tmp_path: Path, presence_agent: Callable[..., Ran]) -> None:
    filled(config)
    at = ["--config", tmp_path / "agent.toml"]
    ran = presence_agent("log", "export", *at)
    assert (ran.code, ran.out.splitlines(), ran.err) == (0, bodies(config), "")
    ran = presence_agent("log", "verify", *at)
    assert (ran.code, ran.out.splitlines()[-1], ran.err) == (0, "The log is good.", "")
    with closing(sqlite3.connect(config.log.path)) as db, db:
        db.execute("DELETE FROM event WHERE seq = 5")
    ran = presence_agent("log", "verify", *at)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines()[-1].startswith("numbers are missing")
