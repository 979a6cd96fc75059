from __future__ import annotations

import json
import os
import sqlite3
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agent.core.event import EventsDropped, ZoneEntered
from agent.eventlog import database
from agent.eventlog.damage import asides, set_aside
from agent.eventlog.failover import FailoverLog
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import recover
from agent.eventlog.retention import Retention
from agent.eventlog.set_aside import MARKS
from tests.builders import make_at
from tests.samples import SENDER, is_sentence, make_entered, make_started, seqs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "card" / "events.db"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _short_and_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(database, "_BUSY_S", 0.05)
    caplog.set_level("INFO")


class Run:
    """A run of the agent, as far as it keeps events; without a publisher, but with what that is told."""

    def __init__(self, path: Path, memory: Path | None, stack: ExitStack, board: str | None = None) -> None:
        self.card = stack.enter_context(EventLog(SENDER, path, board=board))
        retention = Retention(30, 200, delivers=True)
        self.keeper = stack.enter_context(FailoverLog(self.card, SENDER, retention, folder=memory))
        self.served: list[EventLog] = []
        self.keeper.serve(lambda *logs: self.served.extend(logs))
        self.at_s = 0.0

    def keep(self, *counts: int, after_s: float = 1.0) -> int:
        self.at_s += after_s
        at = make_at(self.at_s)
        return self.keeper.append([make_entered(count, at) for count in counts], at)


@contextmanager
def run(path: Path, memory: Path | None = None, board: str | None = None) -> Iterator[Run]:
    with ExitStack() as stack:
        yield Run(path, memory, stack, board)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Somebody holds the file, as a technician's shell in the midst of a transaction does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def counts(log: EventLog) -> list[int]:
    """What can be told apart in events."""
    return [json.loads(entry.body)["count"] for entry in log.read(0, 99) if entry.type == "zone.entered"]


# --- a card that takes nothing -----------------------------------------------------------------------


@pytest.mark.parametrize("with_folder", [True, False])
def test_card_held_and_free_again(
    path: Path, memory: Path, with_folder: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with run(path, memory if with_folder else None) as agent:
        assert agent.keep(1) == 1
        with held(path):
            assert agent.keep(2) == 1
            assert agent.keeper.volatile
            assert agent.keep(3, 4) == 3
        # It is not asked with each frame.
        assert agent.keep(5) == 4
        volatile = agent.keeper.log
        assert (agent.keep(after_s=60), agent.keeper.volatile) == (1, False)
        assert agent.keep(6) == 2
        assert (counts(agent.card), counts(volatile)) == ([1, 6], [2, 3, 4, 5])
        assert agent.served == [volatile, agent.card]
        assert agent.card.log_id != volatile.log_id
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert all(is_sentence(record.message) for record in caplog.records)


def test_card_held_twice_is_one_volatile_log(path: Path, memory: Path) -> None:
    with run(path, memory) as agent:
        agent.keep(1)
        for count in (2, 4):
            with held(path):
                agent.keep(count, after_s=61)
            agent.keep(count + 1, after_s=61)
        one, card, other, _ = agent.served
        assert one is other
        assert (counts(card), counts(one)) == ([1, 3, 5], [2, 4])
        assert len(list(memory.glob("*.db"))) == 1


def test_volatile_log_delivered_is_removed(path: Path, memory: Path) -> None:
    with run(path, memory) as agent:
        agent.keep(1)
        with held(path):
            agent.keep(2)
        agent.keep(after_s=61)
        (volatile,) = memory.glob("*.db")
        agent.keep(after_s=61)
        assert volatile.exists()
        agent.served[0].delivered = 1
        agent.keep(after_s=61)
        agent.keep(after_s=61)
        assert list(memory.iterdir()) == []
        # And the next one begins anew.
        with held(path):
            agent.keep(3, after_s=61)
        assert agent.keeper.volatile


def test_volatile_log_of_a_killed_run_is_served(path: Path, memory: Path) -> None:
    killed = ExitStack()
    agent = Run(path, memory, killed)
    agent.keep(1)
    with held(path):
        agent.keep(2, 3)
        copies = {file: file.read_bytes() for file in (*memory.iterdir(), *path.parent.iterdir())}
    killed.close()
    # As the kill left it.
    for file, content in copies.items():
        file.write_bytes(content)
    with run(path, memory) as agent:
        assert [counts(log) for log in agent.served] == [[2, 3], [1]]
        assert agent.keep(4) == 2
        agent.served[0].delivered = 2
    with run(path, memory) as agent:
        assert agent.served == []
        assert list(memory.iterdir()) == []
        assert counts(agent.card) == [1, 4]


def test_volatile_logs_of_other_agents_are_theirs(path: Path, memory: Path, tmp_path: Path) -> None:
    with run(path, memory) as agent, held(path):
        agent.keep(1)
    assert len(list(memory.glob("*.db"))) == 1
    with run(tmp_path / "other.db", memory) as other:
        assert other.served == []


def test_card_that_holds_what_it_did_not_acknowledge(path: Path, memory: Path) -> None:
    # Synchronising failed, but all of it was written: the next start finds it.
    with run(path, memory) as agent:
        agent.keep(1)
        with held(path):
            agent.keep(2)
        agent.keeper.log.note("after", f"{agent.card.log_id} 1")
        agent.card.append([make_entered(2)])
    with run(path, memory) as agent:
        assert [counts(log) for log in agent.served] == [[2], [1]]
        assert agent.keep(3) == 2
    with run(path, memory) as agent:
        assert counts(agent.card) == [1, 3]


def test_card_damaged_while_it_runs(path: Path, memory: Path, caplog: pytest.LogCaptureFixture) -> None:
    with run(path, memory) as agent:
        agent.keep(*range(200))
        agent.card._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        agent.card._db.execute("PRAGMA cache_size = 0")
        with path.open("r+b") as file:
            file.seek(8192)
            file.write(b"\xa5" * (path.stat().st_size - 8192))
        assert agent.keep(7) == 1
        assert not agent.keeper.volatile
        assert agent.served == [agent.keeper.log]
        assert agent.keeper.log.path == path
    assert len(asides(path, "damaged")) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with run(path, memory) as agent:
        assert counts(agent.card) == [7]


# --- copies of cards ---------------------------------------------------------------------------------


def test_restored_card_gets_a_new_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with run(path) as agent:
        agent.keep(1, 2, 3)
        agent.card.delivered = 2
        agent.card.note_reported()
    with run(path) as agent:
        old, before = agent.card, agent.card.log_id
        agent.keep(4)
        # They went out under numbers that others have.
        agent.card.delivered = 2
        assert agent.keeper.superseded(agent.card, 500)
        assert agent.keep(5) == 2
        new = agent.keeper.log
        assert (counts(new), seqs(new), new.log_id != before) == ([4, 5], [1, 2], True)
        ids = [json.loads(entry.body)["id"] for entry in new.read(0, 9)]
        assert ids == [f"{new.log_id}/{seq}" for seq in (1, 2)]
        # What is the same everywhere goes on to be delivered under the numbers it had.
        assert agent.served == [old, new]
        assert (counts(old), old.last_seq, old.delivered, old.log_id) == ([1, 2, 3], 3, 2, before)
        # Of a log that nothing goes to any more nobody can tell such a thing.
        assert not agent.keeper.superseded(old, 501)
    assert caplog.records[-1].levelname == "WARNING"
    (aside,) = asides(path, "superseded")
    with run(path) as agent:
        assert [counts(log) for log in agent.served] == [[1, 2, 3], [4, 5]]
        agent.served[0].delivered = 3
    with run(path) as agent:
        assert counts(agent.card) == [4, 5]
        assert agent.served == []
    with EventLog(SENDER, aside) as log:
        assert counts(log) == [1, 2, 3]


def test_restored_card_tells_once_up_to_where_it_is_shared(path: Path) -> None:
    """Over starts without a broker, of which nothing was told."""
    with run(path) as agent:
        agent.keep(1, 2, 3)
        agent.card.note_reported()
        agent.keep(4)
    for count in (5, 6):
        with run(path) as agent:
            assert (agent.card.reported_seq, agent.card.opened_seq) == (3, 4)
            agent.keep(count)
    with run(path) as agent:
        agent.card.note_reported()
        assert agent.card.opened_seq == 4
    with run(path) as agent:
        assert (agent.card.reported_seq, agent.card.opened_seq) == (6, 6)


def test_log_of_an_earlier_version_is_no_copy(path: Path) -> None:
    """It never noted what a broker was told."""
    with run(path) as agent:
        agent.keep(1, 2, 3)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'told'")
    with run(path) as agent:
        assert (agent.card.reported_seq, agent.card.opened_seq) == (3, 3)
        agent.keep(4)
        agent.card.note_reported()
    # That version again for a while, which notes only what is delivered.
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO event SELECT 5, ts_ms, type, rule, body FROM event WHERE seq = 4")
        db.execute("INSERT OR REPLACE INTO meta VALUES ('delivered', '5')")
    with run(path) as agent:
        assert agent.card.reported_seq == 5


def test_restored_card_whose_events_were_dropped(path: Path) -> None:
    with run(path) as agent:
        agent.keep(1, 2, 3)
        agent.card.note_reported()
    with run(path) as agent:
        agent.keep(4, 5, 6)
        at = make_at(9)

        def told(first: int, last: int) -> EventsDropped:
            return EventsDropped(rule="agent", at=at, cause="keep_mb", from_seq=first, to_seq=last)

        # Some are of this card alone: they had places in the new log. Nobody is to wait for them there.
        agent.card.delete(2, told)
        agent.card.delete(5, told)
        agent.keep(7)
        agent.keeper.superseded(agent.card, 500)
        agent.keep(8)
        log = agent.keeper.log
        entries = [(entry.seq, json.loads(entry.body)) for entry in log.read(0, 99)]
        assert [
            (seq, body.get("count"), body.get("from_seq"), body.get("to_seq")) for seq, body in entries
        ] == [
            (3, 6, None, None),
            (4, None, 1, 2),
            (5, 7, None, None),
            (6, 8, None, None),
        ]
        assert all(body["id"] == f"{log.log_id}/{seq}" for seq, body in entries)


def test_restored_card_killed_before_it_forgot(path: Path) -> None:
    """The new log is in place, and in the old one is still what has numbers of others."""
    with run(path) as agent:
        agent.keep(1, 2)
    with run(path) as agent:
        agent.keep(3)
        agent.card.note("shared", "2")
    aside = set_aside(path, "superseded")
    with run(path) as agent:
        assert [counts(log) for log in agent.served] == [[1, 2], []]
    # As an earlier version left one: all of what it had to deliver is in another log.
    with closing(sqlite3.connect(aside)) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'note.shared'")
    with run(path) as agent:
        assert agent.served == []


def test_superseded_log_tells_nothing_of_what_it_drops(path: Path) -> None:
    """The number of that event would be one of the card's that it was copied from."""
    with run(path) as agent:
        agent.keep(1, 2, 3)
        agent.card.note_reported()
    with run(path) as agent:
        old = agent.card
        agent.keeper.superseded(old, 500)
        agent.keep(4)
        assert agent.served[0] is old
        for day in (0.0, 1.0, 2.0):
            agent.keep(5, after_s=(KEPT_DAYS / 2 + day) * DAY_S)
            assert old.last_seq == 3


def test_restored_card_while_it_takes_nothing(path: Path) -> None:
    with run(path) as agent:
        agent.keep(1)
        with held(path):
            agent.keep(2)
        agent.keeper.superseded(agent.card, 500)
        assert agent.keep(3) == 2
        # Whoever begins to publish now sends nothing of it.
        later: list[EventLog] = []
        agent.keeper.serve(lambda *logs: later.extend(logs))
        assert agent.card not in later
        agent.keep(after_s=61)
        agent.keep(4)
        assert counts(agent.keeper.log) == [1, 4]
        assert agent.keeper.log is later[-1]
        assert agent.keeper.log is not agent.card


def test_restored_card_that_has_no_room_for_a_new_log(path: Path, memory: Path) -> None:
    with run(path, memory) as agent:
        agent.keep(1)
        # There is something in the way.
        path.with_name("events.db.next").mkdir()
        agent.keeper.superseded(agent.card, 500)
        assert agent.keep(2) == 1
        assert agent.keeper.volatile
        path.with_name("events.db.next").rmdir()
        # What was to be done is done before anything more goes to the card.
        agent.keep(after_s=61)
        assert agent.keeper.log is not agent.card
        agent.keep(3)
        assert (counts(agent.keeper.log), agent.keeper.volatile) == ([1, 3], False)
        assert counts(agent.served[0]) == [2]


@pytest.mark.parametrize("step", ["copied", "moved"])
def test_restored_card_killed_in_between(path: Path, step: str) -> None:
    with run(path) as agent:
        agent.keep(1, 2)
    begun = path.with_name("events.db.next")
    with EventLog(SENDER, begun, log_id="0badcafe", reserve=False) as log:
        log.append([make_entered(2)])
    if step == "moved":
        path.rename(path.with_name("events.db.superseded-20260101T000000Z"))
    with run(path) as agent:
        assert counts(agent.card) == ([2] if step == "moved" else [1, 2])
    assert not list(path.parent.glob("*.next*"))


def test_card_in_another_board(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with run(path, board="one") as agent:
        agent.keep(1, 2, 3)
        agent.card.delivered = 1
        first = agent.card.log_id
    with run(path, board="one") as agent:
        assert agent.card.log_id == first
    assert not caplog.records
    with run(path, board="two") as agent:
        assert (agent.card.log_id != first, agent.card.last_seq) == (True, 0)
        # Where the card was moved and not copied, nobody else has them.
        assert [log.log_id for log in agent.served] == [first, agent.card.log_id]
        assert counts(agent.served[0]) == [1, 2, 3]
        agent.keep(4)
        agent.served[0].delivered = 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert is_sentence(caplog.records[0].message)
    with run(path, board="two") as agent:
        assert counts(agent.card) == [4]
        assert agent.served == []
    assert len(asides(path, "of")) == 1


def test_board_unknown_or_not_noted(path: Path) -> None:
    with run(path) as agent:
        agent.keep(1)
    for board in (None, "one", "one", None):
        with run(path, board=board) as agent:
            assert agent.card.last_seq == 1
    with run(path, board="two") as agent:
        assert agent.card.last_seq == 0


def test_note_of_being_alive(path: Path) -> None:
    with run(path) as agent:
        agent.keeper.append([make_started()], make_at(0))
        agent.keep(after_s=59)
        assert agent.card.alive is None
        agent.keep(after_s=2)
        assert agent.card.alive is not None


def test_start_knows_what_was_kept_in_memory(path: Path, memory: Path) -> None:
    killed = ExitStack()
    agent = Run(path, memory, killed)
    agent.keep(1)
    with held(path):
        agent.keep(2)
    agent.keep(after_s=61)
    agent.keep(3)
    with held(path):
        agent.keep(4, after_s=10)
        agent.keep(after_s=60)
    killed.close()
    with run(path, memory) as agent:
        now = make_at(500)
        told = recover(agent.card, now, SENDER.boot, agent.keeper.leftover)
        events = [item.event for item in told.events]
        assert [event.count for event in events if isinstance(event, ZoneEntered)] == [1, 2, 3, 4]
        assert told.last
        assert told.last.utc == make_at(134).utc


# --- every path on which events are kept -------------------------------------------------------------


def test_card_damaged_and_nothing_may_be_put_in_its_place(path: Path, memory: Path) -> None:
    with run(path, memory) as agent:
        agent.keep(*range(200))
        agent.card._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        agent.card._db.execute("PRAGMA cache_size = 0")
        with path.open("r+b") as file:
            file.seek(8192)
            file.write(b"\xa5" * (path.stat().st_size - 8192))
        # The card is pulled out as well, and no folder can be made there.
        path.parent.rename(path.parent.with_name("pulled-out"))
        path.parent.write_text("in the way")
        assert agent.keep(1, 2) == 2
        assert agent.keeper.volatile
        assert agent.keep(3) == 3
        assert counts(agent.keeper.log) == [1, 2, 3]
        assert agent.served == [agent.keeper.log]


def test_card_and_memory_held(path: Path, memory: Path) -> None:
    with run(path, memory) as agent:
        agent.keep(1)
        with held(path):
            agent.keep(2)
            (file,) = memory.glob("*.db")
            with held(file):
                # Neither takes them: they are in the process's own memory, and served from there.
                assert agent.keep(3, 4) == 2
                assert agent.keep(5) == 3
        third = agent.keeper.log
        assert (third.path, agent.served[-1]) == (None, third)
        assert agent.keep(after_s=61) == 1
        assert agent.keep(6) == 2
        assert [counts(log) for log in agent.served] == [[2], [3, 4, 5], [1, 6]]
        # Once it is delivered nothing is left of the one in the folder either.
        for log in agent.served[:2]:
            log.delivered = log.last_seq
        agent.keep(after_s=61)
        agent.keep(after_s=61)
        assert list(memory.iterdir()) == []


def test_card_that_came_back_keeps_what_is_new_at_the_next_start(path: Path, memory: Path) -> None:
    with run(path, memory) as agent:
        agent.keep(1)
        with held(path):
            agent.keep(2)
        agent.keep(after_s=61)
        # Under the numbers that the card would have doubles under, had it not acknowledged what it has.
        agent.keep(3, 4)
    with run(path, memory) as agent:
        assert [counts(log) for log in agent.served] == [[2], [1, 3, 4]]


def test_folder_that_is_none(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "taken-away"
    with run(path, folder) as agent:
        agent.keep(1)
        folder.write_text("in the way")
        with held(path):
            assert agent.keep(2, 3) == 2
            assert agent.keeper.log.path is None
        assert counts(agent.keeper.log) == [2, 3]
        agent.keep(after_s=61)
        assert agent.keep(4) == 2
        assert [counts(log) for log in agent.served] == [[2, 3], [1, 4]]
    assert "WARNING" in [record.levelname for record in caplog.records]


def test_card_that_takes_not_even_a_note(path: Path, memory: Path) -> None:
    """Nothing happens while it is held: that the agent runs is noted elsewhere, and so is what comes next."""
    with run(path, memory) as agent:
        agent.keep(1)
        with held(path):
            assert agent.keep(after_s=70) == 0
            assert agent.keeper.volatile
            assert agent.keep(2) == 1
            # Asked again while it is still held.
            assert agent.keep(3, after_s=61) == 2
            assert agent.keeper.volatile
        assert agent.keep(4, after_s=61) == 2
        assert [counts(log) for log in agent.served] == [[2, 3], [1, 4]]


def test_card_whose_old_events_cannot_be_read(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It can't be tidied; what is new is kept."""
    with run(path) as agent:
        agent.keep(*range(300), after_s=1)
        agent.card._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        agent.card._db.execute("PRAGMA cache_size = 0")
        (page,) = agent.card._db.execute(
            "SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'leaf' ORDER BY path LIMIT 1"
        ).fetchone()
        agent.keep()
        before = path.stat()
        with path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)
        # A card that rots writes nothing.
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        # An hour later it is time to look what may go.
        assert agent.keep(777, after_s=3700) == 301
        assert agent.keep(778) == 302
        assert agent.keeper.log is agent.card
        entries = agent.card.read(300, 9)
        assert [json.loads(entry.body)["count"] for entry in entries] == [777, 778]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_left_log_that_is_damaged_holds_up_no_other(
    path: Path, memory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with run(path, memory) as agent:
        agent.keep(1)
        with held(path):
            agent.keep(2)
        (whole,) = memory.glob("*.db")
    # Whatever it is, it is none that can be read.
    with closing(sqlite3.connect(whole.with_name(f"{whole.name.split('-')[0]}-00000000.db"))) as database:
        database.execute("CREATE TABLE other (value)")
    # The older one, which is looked at first.
    os.utime(next(memory.glob("*-00000000.db")), (0, 0))
    with run(path, memory) as agent:
        assert [counts(log) for log in agent.served] == [[2], [1]]
        assert agent.keep(3, 4) == 3
        assert counts(agent.card) == [1, 3, 4]
    assert "is a database of something else" in " ".join(record.message for record in caplog.records)


def test_everything_is_kept_once_whatever_the_card_does(path: Path, memory: Path) -> None:
    """Held and let go again and again, with several events at a time: none is lost, none is doubled."""
    told = iter(range(1, 1000))
    expected: list[int] = []
    with run(path, memory) as agent:
        for number in range(12):
            for hold in (False, True):
                with held(path) if hold else nullcontext():
                    some = [next(told) for _ in range(number % 4)]
                    agent.keep(*some, after_s=61 if number % 2 else 1)
                    expected += some
        found = [count for log in {*agent.served, agent.card} for count in counts(log)]
        assert sorted(found) == expected


# --- what was set aside ------------------------------------------------------------------------------

DAY_S = 86_400.0
KEPT_DAYS = 30


def put_aside(path: Path, mark: str, days: list[float], *, synced: bool = True) -> Path:
    """A log with an event for each of these days, set aside."""
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1, replace(make_at(day * DAY_S), synced=synced)) for day in days])
        log.delivered = log.last_seq
    return set_aside(path, mark)


def left_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        (left,) = db.execute("SELECT count(*) FROM event").fetchone()
    return int(left)


@pytest.mark.parametrize("mark", MARKS)
def test_set_aside_log_goes_when_all_of_it_is_too_old(
    path: Path, mark: str, caplog: pytest.LogCaptureFixture
) -> None:
    aside = put_aside(path, mark, [day / 100 for day in range(300)])
    with run(path) as agent:
        agent.keep(1, after_s=(3 + KEPT_DAYS - 0.5) * DAY_S)
        assert aside.exists()
        agent.keep(1, after_s=0.6 * DAY_S)
        assert [file.name for file in path.parent.iterdir() if aside.name in file.name] == []
    told = [one.getMessage() for one in caplog.records if "what was in it is older" in one.getMessage()]
    assert len(told) == 1
    assert is_sentence(told[0])


@pytest.mark.parametrize("mark", MARKS)
def test_set_aside_log_keeps_what_is_young(path: Path, mark: str) -> None:
    # More than goes at once.
    aside = put_aside(path, mark, [day / 100 for day in range(6000)])
    with run(path) as agent:
        agent.keep(1, after_s=(30 + KEPT_DAYS) * DAY_S - 100)
        for _ in range(5):
            agent.keep(after_s=2)
        # What is damaged, or somebody else put there, is not written to: it goes as a whole.
        assert left_in(aside) == (6000 if mark in {"damaged", "replaced"} else 3000)


def test_set_aside_log_stays_while_it_is_not_known_what_time_it_is(path: Path) -> None:
    aside = put_aside(path, "renamed", [1])
    with run(path) as agent:
        at = make_at(100 * DAY_S)
        agent.keeper.append([], replace(at, synced=False))
        assert left_in(aside) == 1
        agent.keeper.append([], at)
        assert not aside.exists()


@pytest.mark.parametrize("content", [b"no database", None])
def test_set_aside_log_that_tells_no_time_goes_by_when_it_was_written(
    path: Path, content: bytes | None
) -> None:
    # It can't be read, or its clock was never right.
    aside = put_aside(path, "damaged", [1, 2], synced=False)
    if content:
        aside.write_bytes(content)
    written = make_at(0).utc.timestamp()
    os.utime(aside, (written, written))
    with run(path) as agent:
        agent.keep(after_s=(KEPT_DAYS - 1) * DAY_S)
        assert aside.exists()
        agent.keep(after_s=2 * DAY_S)
        assert not aside.exists()


def test_set_aside_log_written_by_a_clock_that_was_ahead(path: Path) -> None:
    aside = put_aside(path, "damaged", [1])
    aside.write_bytes(b"no database")
    ahead = make_at(9999 * DAY_S).utc.timestamp()
    os.utime(aside, (ahead, ahead))
    with run(path) as agent:
        agent.keep(after_s=DAY_S)
        assert aside.exists()
        agent.keep(after_s=(KEPT_DAYS + 1) * DAY_S)
        assert not aside.exists()


def test_set_aside_log_that_is_served_still(path: Path) -> None:
    with run(path, board="one") as agent:
        agent.keep(*range(20))
        for _ in range(20):
            agent.keep(1, after_s=DAY_S)
    with run(path, board="two") as agent:
        served = agent.served[0]
        assert served.last_seq == 40
        agent.keep(1, after_s=(20 + KEPT_DAYS + 0.5) * DAY_S)
        # It is told, in that log, what of it never comes; then all of it is taken.
        bodies = [json.loads(entry.body) for entry in served.read(0, 99)]
        (told,) = [body for body in bodies if body["type"] == "events.dropped"]
        assert (told["from_seq"], told["to_seq"]) == (1, 39)
        assert served.last_seq == 41
        served.delivered = 41
        agent.keep(after_s=100)
        agent.keep(after_s=100)
        agent.keep(1, after_s=(KEPT_DAYS + 1) * DAY_S)
        assert asides(path, "of") == []


def test_set_aside_log_that_nobody_takes(path: Path) -> None:
    with run(path, board="one") as agent:
        agent.keep(*range(20))
    with run(path, board="two") as agent:
        # There is no broker any more.
        agent.keeper._retention.apply_settings(KEPT_DAYS, 200, delivers=False)
        agent.keep(1, after_s=(KEPT_DAYS + 1) * DAY_S)
        assert asides(path, "of") == []
