"""Golden logs of each released form are of use to this version, also with one more lasting type."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from agent.app.log_export import export
from agent.app.log_plot import plot
from agent.app.log_verify import verify
from agent.config.load import load
from agent.core.event import (
    CameraBlind,
    CounterAttended,
    CounterUnattended,
    Day,
    Quarter,
    ZoneCrowded,
    ZoneOccupied,
)
from agent.eventlog import lasting
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import recover
from agent.eventlog.retention import Retention
from agent.eventlog.schema import FORM, VERSION
from agent.wire.events import EVENTS
from tests.conftest import write_config
from tests.eventlog import forms, writing
from tests.patience import PATIENCE_S
from tests.samples import CHECKOUT, SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.config.models import Config

RELEASED = sorted(path.stem for path in forms.FOLDER.glob("*.sql"))
NOW, BOOT = forms.at(forms.END_H + 1), "601deb03"
# Nothing of its kind lasts today, and each golden log has it older than a start reads back.
ONE_MORE = "presence.after_hours"
MORE = "after hours"
SHAPES = ["as known", "one more"]
Types = dict[str, tuple[str, ...]]
Known = dict[tuple[str, str], tuple[int, str]]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(tmp_path, "x.avi"))


@pytest.fixture(params=[*RELEASED, "today"])
def path(request: pytest.FixtureRequest, config: Config) -> Path:
    """A golden log, in the configured place."""
    return laid(config.log.path, request.param)


@pytest.fixture(params=SHAPES)
def types(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Types:
    """The types of each lasting interval, as this version knows them and with one more."""
    if request.param == SHAPES[1]:
        know_one_more(monkeypatch)
    return lasting.intervals()


def know_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    before = lasting.intervals()
    assert ONE_MORE not in {kind for kinds in before.values() for kind in kinds}
    monkeypatch.setattr(lasting, "intervals", lambda: {**before, MORE: (ONE_MORE,)})


def laid(path: Path, form: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    text = forms.dump() if form == "today" else (forms.FOLDER / f"{form}.sql").read_text()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(text)
    return path


def opened(path: Path) -> EventLog:
    return EventLog(SENDER, path, board=forms.BOARD)


def asked(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def indexes(path: Path) -> list[str]:
    rows = asked(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    return [name for (name,) in rows]


def last_of_each(path: Path, types: Types) -> Known:
    """Number and type of the last event of each rule's intervals, by going through all that the log has."""
    rows = asked(path, "SELECT seq, type, rule FROM event")
    for (note,) in asked(path, "SELECT value FROM meta WHERE key GLOB 'spell.*'"):
        seq, _, kind, rule, _ = json.loads(note)
        rows.append((seq, kind, rule))
    return {
        (rule, interval): (seq, kind)
        for seq, kind, rule in sorted(rows)
        for interval, kinds in types.items()
        if kind in kinds
    }


def recalled(log: EventLog) -> Known:
    return {of: (entry.seq, entry.type) for of, entry in log.last_intervals(2**62).items()}


# --- the golden logs themselves ----------------------------------------------------------------------


def test_this_release_has_its_golden_log() -> None:
    assert version("presence-agent") in RELEASED, "write it: python -m tests.eventlog.forms"


def test_golden_log_is_the_same_each_time() -> None:
    assert forms.dump() == forms.dump()


def test_golden_log_of_today_has_every_type(config: Config) -> None:
    path = laid(config.log.path, "today")
    types = {kind for (kind,) in asked(path, "SELECT DISTINCT type FROM event")}
    assert types == set(EVENTS), "tests/eventlog/forms.py is to write the new type too"


def test_released_log_is_never_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    before = [(forms.FOLDER / f"{form}.sql").read_bytes() for form in RELEASED]
    assert forms.main() == 1
    assert "never written again" in capsys.readouterr().err
    assert [(forms.FOLDER / f"{form}.sql").read_bytes() for form in RELEASED] == before


# --- what they are of use for ------------------------------------------------------------------------


def test_start_recalls(path: Path, types: Types) -> None:
    known = last_of_each(path, types)
    with opened(path) as log:
        assert log.log_id == forms.LOG_ID
        assert recalled(log) == known
        assert (("yard", MORE) in known) == (MORE in types)
        state = recover(log, NOW, BOOT)
        told = [item.event for item in state.events]
        last = {event.rule: type(event) for event in told if not isinstance(event, Quarter | Day)}
        assert state.blind is not None
        assert (state.blind.cause, state.blind.since.utc) == ("moved", forms.at(4.9).utc)
        assert log.noted("calendar") == "0123456789abcdef"
    # More than two days ago, deleted or not.
    assert last["archive"] is ZoneOccupied
    standing = {type(event) for event in told if event.rule == "waiting"}
    assert standing == ({ZoneOccupied, ZoneCrowded} if ("waiting", "crowding") in known else {ZoneOccupied})
    assert (last["desk-1"], last["desk-2"]) == (CounterUnattended, CounterAttended)
    assert "desk-3" not in last


def test_retention_deletes_and_forgets_nothing_that_lasts(path: Path, types: Types) -> None:
    known = last_of_each(path, types)
    (first_seq,) = asked(path, "SELECT min(seq) FROM event")[0]
    keep = Retention(2, 200, delivers=True)
    with opened(path) as log:
        while keep.delete(log, NOW):
            pass
        assert log.first_seq > known["camera", "blindness"][0] > first_seq
        assert recalled(log) == known
    with opened(path) as log:
        assert recalled(log) == known
        assert isinstance(recover(log, NOW, BOOT).blind, CameraBlind)
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]


def test_index_is_made_once(path: Path, types: Types) -> None:
    with opened(path):
        pass
    (index,) = indexes(path)
    assert asked(path, "PRAGMA user_version") == [(FORM,)]
    made = asked(path, "PRAGMA schema_version")
    said: list[str] = []
    with opened(path) as log:
        log._db.set_trace_callback(said.append)
        known = recalled(log)
    (asking, *_) = [query for query in said if "RECURSIVE" in query]
    assert {plan for *_, plan in asked(path, f"EXPLAIN QUERY PLAN {asking}") if "event" in plan} == {
        f"SEARCH event USING COVERING INDEX {index}",
        f"SEARCH event USING COVERING INDEX {index} (rule>?)",
    }
    assert (indexes(path), asked(path, "PRAGMA schema_version")) == ([index], made)
    assert known == last_of_each(path, types)


@pytest.mark.usefixtures("types")
def test_log_is_exported_verified_and_drawn(path: Path, config: Config) -> None:
    bodies = [body for (body,) in asked(path, "SELECT body FROM event ORDER BY seq")]
    before = contents(path)
    assert_readable(config, bodies)
    assert contents(path) == before
    with opened(path) as log:
        log.append([make_entered(5, NOW)])
        bodies.append(log.read(log.last_seq - 1, 1)[0].body)
    assert_readable(config, bodies)


def test_reader_that_knows_other_types(path: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        know_one_more(newer)
        with opened(path):
            pass
    before = contents(path), indexes(path)
    assert_readable(config, [body for (body,) in asked(path, "SELECT body FROM event ORDER BY seq")])
    assert (contents(path), indexes(path)) == before


def assert_readable(config: Config, bodies: list[str]) -> None:
    out = config.log.path.parent.parent / "out.jsonl"
    export(config, None, None, out)
    assert out.read_text().splitlines() == bodies
    summary, problems = verify(config)
    assert (problems, bool(summary)) == ([], True)
    picture = out.with_name("day.png")
    plot(config, picture, None, None)
    assert picture.stat().st_size > 1000


def contents(path: Path) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(path.parent.iterdir())
    }


# --- between versions --------------------------------------------------------------------------------

# What 0.1.0 does with a log of form 1, and what it asks; in its words.
OF_0_1_0 = (
    "type IN ('camera.blind', 'camera.restored', 'zone.occupied', 'zone.vacated', "
    "'counter.attended', 'counter.unattended', 'counter.closed')"
)
STEP_OF_0_1_0 = f"CREATE INDEX IF NOT EXISTS spell ON event (rule, seq) WHERE {OF_0_1_0}"
QUERY_OF_0_1_0 = f"SELECT rule, max(seq) FROM event INDEXED BY spell WHERE {OF_0_1_0} GROUP BY rule"  # noqa: S608


@pytest.mark.usefixtures("types")
def test_older_version_is_put_back(path: Path) -> None:
    with opened(path) as log:
        known = recalled(log)
        last_seq = log.last_seq
    with closing(sqlite3.connect(path)) as db:
        (form,) = db.execute("PRAGMA user_version").fetchone()
        assert 1 <= form <= VERSION == 2
        if form < 2:
            db.execute(STEP_OF_0_1_0)
            db.execute("PRAGMA user_version = 2")
        of_its_types = {
            rule: seq
            for (rule, _), (seq, kind) in known.items()
            if f"'{kind}'" in OF_0_1_0 and rule != "archive"
        }
        assert dict(db.execute(QUERY_OF_0_1_0)) == of_its_types
        # It goes on with the log; every index of it is kept up.
        db.execute(
            "INSERT INTO event SELECT ?, ts_ms, type, 'cellar', body FROM event WHERE type = 'zone.occupied'"
            " ORDER BY seq LIMIT 1",
            (last_seq + 1,),
        )
        db.commit()
    with opened(path) as log:
        assert recalled(log) == known | {("cellar", "occupancy"): (last_seq + 1, "zone.occupied")}
    assert (len(indexes(path)), asked(path, "PRAGMA user_version")) == (1, [(FORM,)])


def test_version_that_knows_fewer_types_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = last_of_each(path, lasting.intervals())
    with opened(path):
        pass
    own = indexes(path)
    with monkeypatch.context() as newer:
        know_one_more(newer)
        with opened(path):
            pass
        assert indexes(path) != own
        assert len(indexes(path)) == 1
    with opened(path) as log:
        assert recalled(log) == known
    assert indexes(path) == own


OPENED_UNTIL = """
import os, signal, sqlite3, sys
from pathlib import Path
from agent.eventlog import lasting
from agent.eventlog.log import EventLog
from tests.eventlog import forms
from tests.samples import SENDER

def connected(*arguments, of=sqlite3.connect, **named):
    db = of(*arguments, **named)
    seen = []
    def look(statement):
        seen.append(statement)
        if statement.startswith(sys.argv[2]) and any(said.startswith("DROP") for said in seen):
            os.kill(os.getpid(), signal.SIGKILL)
    db.set_trace_callback(look)
    return db

sqlite3.connect = connected
before = lasting.intervals()
lasting.intervals = lambda: {**before, "after hours": (sys.argv[3],)}
with EventLog(SENDER, Path(sys.argv[1]), board=forms.BOARD):
    print("opened")
"""


@pytest.mark.parametrize("statement", ["DROP INDEX", "CREATE INDEX", "PRAGMA user_version =", "COMMIT"])
def test_killed_while_the_index_is_replaced(
    path: Path, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = indexes(path), asked(path, "PRAGMA user_version")
    child = subprocess.run(
        [sys.executable, "-c", OPENED_UNTIL, path, statement, ONE_MORE],
        check=False,
        capture_output=True,
        cwd=CHECKOUT,
        timeout=PATIENCE_S,
    )
    assert child.returncode == -signal.SIGKILL, child
    assert (indexes(path), asked(path, "PRAGMA user_version")) == before
    know_one_more(monkeypatch)
    known = last_of_each(path, lasting.intervals())
    with opened(path) as log:
        assert recalled(log) == known
    assert len(indexes(path)) == 1


# --- no room for the index ---------------------------------------------------------------------------


def many() -> Iterator[ZoneOccupied]:
    return (ZoneOccupied(rule=f"zone-{n % 5}", at=forms.at(n), since=forms.at(n)) for n in range(8_000))


def test_without_room_for_the_index(config: Config) -> None:
    path = config.log.path
    path.parent.mkdir()
    with EventLog(SENDER, path, reserve=False) as log:
        log.append(list(many()))
        last_seq = log.last_seq
    (index,) = indexes(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"DROP INDEX {index}")
        db.execute(STEP_OF_0_1_0)
        db.execute("PRAGMA user_version = 2")
        db.commit()
    said = writing.ran(arguments=["recall", path, "100000"])
    assert said == [
        f"opened {last_seq}",
        "recalled zone-0 7996, zone-1 7997, zone-2 7998, zone-3 7999, zone-4 8000",
    ]
    assert indexes(path) == ["spell"]
    with EventLog(SENDER, path) as log:
        assert set(recalled(log).values()) == {(seq, "zone.occupied") for seq in range(7996, 8001)}
    assert indexes(path) == [index]
