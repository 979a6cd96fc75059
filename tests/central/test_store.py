"""The store's own walls, whatever the receiver knows."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.central.messages import EventMessage, InfoMessage, StatusMessage, parse
from agent.central.overview import overview
from agent.central.store import Store
from agent.errors import LogError
from agent.mqtt.connection import Message
from tests.central.saying import AGENT, LOG, ROOT, SESSION, TS, happened

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "central.db") as opened:
        yield opened


def test_store_is_durable(store: Store) -> None:
    # What is acknowledged to the broker is there after a power cut.
    assert store.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_event_is_never_altered(store: Store) -> None:
    (thing,) = (parse(message) for message in happened(7))
    assert isinstance(thing, EventMessage)
    other = EventMessage(
        AGENT, thing.log, thing.seq, thing.type, thing.rule, thing.ts, late=True, body="{}", replay=None,
        dropped=None,
    )  # fmt: skip
    with store.transaction():
        store.put_events([thing], 7)
    before = store.rows("SELECT * FROM event")
    with store.transaction():
        store.put_events([other, thing], 8)
    assert list(store.rows("SELECT * FROM event")) == list(before)


# --- infos -------------------------------------------------------------------------------------------


def make_info(place: str, session: str = SESSION, **other: object) -> InfoMessage:
    site, device = AGENT.split("/")
    said = {"v": 1, "log": LOG, "session": session, "ts": TS, "site": site, "device": device, "place": place}
    thing = parse(Message(f"{ROOT}/info", json.dumps({**said, **other}), retain=True))
    assert isinstance(thing, InfoMessage)
    return thing


def places(store: Store, table: str) -> list[str]:
    return [json.loads(str(body))["place"] for (body,) in store.rows(f"SELECT body FROM {table}")]  # noqa: S608


def put(store: Store, *infos: InfoMessage) -> None:
    with store.transaction():
        for info in infos:
            store.put_info(info, 7)


def test_newest_info_and_those_before(store: Store) -> None:
    put(store, make_info("a"), make_info("b"), make_info("b", session="0a0b0c0d", ts=f"{TS[:-2]}1Z"))
    assert (places(store, "info"), places(store, "info_now")) == (["a", "b"], ["b"])
    # What an agent says at each connection is nothing new; what it says again is what holds.
    put(store, make_info("a", session="00000000"))
    assert (places(store, "info"), places(store, "info_now")) == (["b", "a"], ["a"])
    put(store, *(make_info(str(number)) for number in range(100)))
    assert (len(places(store, "info")), places(store, "info_now")) == (10, ["99"])
    # Who is retired is set to nothing any more.
    cleared = parse(Message(f"{ROOT}/info", "", retain=True))
    assert isinstance(cleared, InfoMessage)
    put(store, cleared)
    retired = parse(Message(f"{ROOT}/status", "", retain=True))
    assert isinstance(retired, StatusMessage)
    with store.transaction():
        store.put_status(retired, 7)
    assert (len(places(store, "info")), places(store, "info_now")) == (10, [])


# --- stores of before --------------------------------------------------------------------------------


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """What version 1 stored."""
    path = tmp_path / "before.db"
    db = sqlite3.connect(path)
    db.executescript(Path(__file__).with_name("store-1.sql").read_text())
    for table, row in (
        ("event", (7, AGENT, LOG, 1, "zone.entered", "waiting", TS, 0, "{}")),
        ("span", (AGENT, LOG, "stored", 1, 1)),
        ("log", (AGENT, LOG, 1, 1, 0, 0, 0, 0)),
        ("agent", (AGENT, "online", None, LOG, SESSION, TS, 7, None)),
    ):
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
    db.commit()
    db.close()
    return path


def schema(path: Path) -> list[str]:
    db = sqlite3.connect(path)
    found = [row[0] for row in db.execute("SELECT name FROM sqlite_schema ORDER BY name")]
    found += [row[1] for row in db.execute("PRAGMA table_info(event)")]
    db.close()
    return found


def test_store_of_before_is_read_and_goes_on(before: Path, tmp_path: Path) -> None:
    with Store(before, reading=True) as store:
        (agent,) = overview(store)["agents"]
        assert (agent["info"], agent["logs"][0]["stored"]) == (None, 1)
    since_ms = time.time_ns() // 1_000_000
    for _ in range(2):
        with Store(before) as store:
            ((heard_ms, n),) = store.rows("SELECT heard_ms, n FROM event")
            assert (int(str(heard_ms)) >= since_ms, n) == (True, 7)
            assert store.load()[AGENT].logs[LOG].complete
            put(store, make_info("a"))
            assert overview(store)["agents"][0]["info"]["place"] == "a"
    with Store(tmp_path / "new.db"):
        pass
    assert schema(before) == schema(tmp_path / "new.db")


def test_store_of_a_later_version_is_left(before: Path) -> None:
    with Store(before) as store:
        store.db.execute("PRAGMA user_version = 3")
    with pytest.raises(LogError, match="not a store of this subscriber"), Store(before):
        pass
