"""A log whose file is removed or replaced while it is written: what was kept is found after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agent.errors import BusyError, LogError
from agent.eventlog.damage import asides
from agent.eventlog.log import EventLog
from tests.conftest import wait_until, write_config
from tests.deploy.test_subscriber import QUEUES, Central, subscribed
from tests.mqtt.going_on import going_on
from tests.samples import SENDER, make_entered, seqs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Agent, Listener, Mosquitto

KEPT = 40
# So many that they are no longer all in the WAL as well, from which an overwritten file heals.
MANY = 600


def _other(folder: Path) -> Path:
    """Another log, with more in it than there is here."""
    path = folder / "other" / "events.db"
    with EventLog(SENDER, path) as log:
        log.append([make_entered(5000 + number) for number in range(200)])
        log.delivered = log.last_seq
    return path


def unlink_wal(path: Path) -> None:
    path.with_name("events.db-wal").unlink()


def unlink_shm(path: Path) -> None:
    path.with_name("events.db-shm").unlink()


def unlink_database(path: Path) -> None:
    path.unlink()


def unlink_all(path: Path) -> None:
    for file in path.parent.glob("events.db*"):
        file.unlink()


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def rename_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("renamed"))


def rename_database(path: Path) -> None:
    path.rename(path.with_name("events.old"))


def move_another_over(path: Path) -> None:
    _other(path.parent.parent).rename(path)


def move_an_older_one_over(path: Path) -> None:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(copy)) as to:
        db.backup(to)
        with to:
            to.execute("DELETE FROM event WHERE seq > 10")
    copy.rename(path)


def move_rubbish_over(path: Path) -> None:
    rubbish = path.with_name("rubbish")
    rubbish.write_bytes(b"rubbish" * 5000)
    rubbish.rename(path)


def copy_another_over(path: Path) -> None:
    shutil.copyfile(_other(path.parent.parent), path)


def copy_rubbish_over(path: Path) -> None:
    path.write_bytes(b"rubbish" * 5000)


def copy_nothing_over(path: Path) -> None:
    os.truncate(path, 0)


GONE = [
    unlink_wal,
    unlink_shm,
    unlink_database,
    unlink_all,
    remove_folder,
    rename_folder,
    rename_database,
    move_another_over,
    move_an_older_one_over,
    move_rubbish_over,
]
OVERWRITTEN = [copy_another_over, copy_rubbish_over, copy_nothing_over]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "card" / "events.db"


@pytest.fixture
def broker(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    return start_mosquitto(QUEUES)


@pytest.fixture
def central(tmp_path: Path, broker: Mosquitto) -> Iterator[Central]:
    with subscribed(tmp_path, broker.port) as made:
        yield made


def wait_stored(central: Central, expected: list[int]) -> None:
    wait_until(lambda: set(central.counts()) >= set(expected))


@pytest.mark.parametrize("happens", GONE, ids=lambda what: what.__name__)
def test_what_was_kept_is_found_after_a_kill(
    tmp_path: Path, path: Path, broker: Mosquitto, central: Central, happens: Callable[[Path], None]
) -> None:
    words = path, tmp_path / "memory", tmp_path / "agent.err"
    with going_on(*words) as agent:
        expected = agent.keep(1, KEPT)
        happens(path)
        expected += agent.keep(100, 109)
        agent.kill()
    said = (tmp_path / "agent.err").read_text()
    assert "was removed or replaced while the agent ran" in said
    assert "disk is full" not in said
    with going_on(*words) as agent:
        agent.deliver_to(broker)
        wait_stored(central, expected)
        agent.stop()
    assert Counter(central.counts()) == Counter(expected)
    # All of it is on the card, or, for the minute before the card was trusted again, in the other log.
    assert {log for (log,) in central.rows("SELECT DISTINCT log FROM event")} > {
        json.loads(body)["log"]
        for (body,) in central.rows("SELECT body FROM event WHERE type = 'agent.started'")
    }


@pytest.mark.parametrize("happens", OVERWRITTEN, ids=lambda what: what.__name__)
def test_what_is_overwritten_while_we_write_is_noticed(path: Path, happens: Callable[[Path], None]) -> None:
    path.parent.mkdir()
    with EventLog(SENDER, path) as log:
        for count in range(MANY):
            log.append([make_entered(count)])
        with log._writing():
            happens(path)
        with pytest.raises(LogError):
            log.watch()


@pytest.mark.parametrize("happens", [*GONE, *OVERWRITTEN], ids=lambda what: what.__name__)
def test_agent_goes_on_and_returns_to_the_card(
    tmp_path: Path, path: Path, broker: Mosquitto, central: Central, happens: Callable[[Path], None]
) -> None:
    words = path, tmp_path / "memory", tmp_path / "agent.err"

    def is_on_the_card() -> bool:
        said = (tmp_path / "agent.err").read_text()
        # What is plainly damaged is put aside at once for a new one.
        return "can be written again" in said or ("is damaged" in said and "in memory only" not in said)

    with going_on(*words) as agent:
        before = agent.keep(1001, 1000 + (KEPT if happens in GONE else MANY))
        happens(path)
        expected = agent.keep(100, 109)
        wait_until(is_on_the_card)
        # It is on the card from here on.
        expected += agent.keep(200, 209)
        agent.kill()
    with closing(sqlite3.connect(path)) as db:
        kept = [
            json.loads(body).get("count") for (body,) in db.execute("SELECT body FROM event ORDER BY seq")
        ]
    assert set(kept) >= set(range(200, 210))
    with going_on(*words) as agent:
        expected += agent.keep(300, 309)
        agent.deliver_to(broker)
        wait_stored(central, expected)
        agent.stop()
    found = Counter(central.counts())
    assert found.most_common(1)[0][1] == 1
    if happens in GONE:
        assert found == Counter(before + expected)


def test_events_not_yet_published_are_published_from_what_is_open(
    tmp_path: Path, path: Path, broker: Mosquitto, central: Central
) -> None:
    """In the very run, also where nothing can be written back."""
    words = path, tmp_path / "memory", tmp_path / "agent.err"
    with going_on(*words) as agent:
        expected = agent.keep(1, KEPT)
        path.parent.rename(path.parent.with_name("renamed"))
        path.parent.write_text("in the way")
        expected += agent.keep(100, 109)
        agent.deliver_to(broker)
        wait_stored(central, expected)
        path.parent.unlink()
        wait_until(path.exists)
        expected += agent.keep(200, 209)
        agent.do("delivered")
        wait_stored(central, expected)
        agent.stop()
    assert Counter(central.counts()) == Counter(expected)
    said = (tmp_path / "agent.err").read_text()
    assert said.count("was removed or replaced while the agent ran") == 1
    assert "is not on the card now" in said
    assert "was written back" in said


def test_what_was_in_its_place_is_set_aside(tmp_path: Path, path: Path) -> None:
    with going_on(path, tmp_path / "memory", tmp_path / "agent.err") as agent:
        agent.keep(1, KEPT)
        move_another_over(path)
        agent.keep(100, 100)
        wait_until(lambda: bool(asides(path, "replaced")))
        agent.stop()
    (aside,) = asides(path, "replaced")
    with closing(sqlite3.connect(aside)) as db:
        assert db.execute("SELECT count(*) FROM event").fetchone() == (200,)


def test_shell_that_writes_the_log_home_is_no_alarm(tmp_path: Path, path: Path) -> None:
    """A technician's, which leaves it whole."""
    with going_on(path, tmp_path / "memory", tmp_path / "agent.err") as agent:
        agent.keep(1, KEPT)
        for _ in range(3):
            with closing(sqlite3.connect(path)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            os.utime(path)
            agent.keep(100, 109)
        agent.stop()
    assert "ERROR" not in (tmp_path / "agent.err").read_text()
    with EventLog(SENDER, path) as log:
        assert seqs(log) == list(range(1, KEPT + 33))


def test_nothing_is_called_kept_that_went_into_no_file(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1)])
        unlink_wal(path)
        for _ in range(2):
            with pytest.raises(LogError, match="was removed or replaced while the agent ran; stop the agent"):
                log.append([make_entered(2)])
        with pytest.raises(LogError):
            log.settle()
        assert (log.last_seq, len(log.read(0, 9)), log.is_gone) == (1, 1, True)
        assert log.put_back() is None
        assert log.append([make_entered(3)]) == 2
        assert not log.is_gone


def test_removed_lock_is_taken_again(path: Path) -> None:
    """Else a second agent would begin to write the same log."""
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1)])
        remove_folder(path)
        with pytest.raises(LogError):
            log.watch()
        log.put_back()
        with pytest.raises(BusyError), EventLog(SENDER, path):
            pass


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("happens", [unlink_wal, remove_folder], ids=lambda what: what.__name__)
def test_running_agent_tells(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
    happens: Callable[[Path], None],
) -> None:
    """The whole agent: its journal, and every event once after a kill."""
    config, listener = write_config(tmp_path, vtest, port=mosquitto.port), listen(mosquitto.port)
    path = tmp_path / "log" / "events.db"
    agent = start_agent(config)
    wait_until(lambda: any(event["type"] == "line.crossed" for event in listener.events()))
    happens(path)

    # On the wire health is told each minute, and may just miss the minute in which events are in memory only.
    wait_until(lambda: "log_volatile" in agent.said() and "was written back to where it was" in agent.said())
    assert "was removed or replaced while the agent ran" in agent.said()
    before = len(listener.events())
    wait_until(lambda: len(listener.events()) > before)
    agent.end(signal.SIGKILL)
    told = {(event["log"], event["seq"]): event for event in listener.events()}
    with closing(sqlite3.connect(path)) as db:
        rows = [json.loads(body) for (body,) in db.execute("SELECT body FROM event")]
    # What was told from the card's log is in it still.
    kept = {(row["log"], row["seq"]) for row in rows}
    assert kept >= {key for key in told if key[0] == rows[0]["log"]}
    assert len(kept) > 1
