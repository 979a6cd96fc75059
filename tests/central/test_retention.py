"""What goes of a store, when, and what is known of it afterwards."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from agent.central import retention as retention_module
from agent.central.receiver import Receiver
from agent.central.retention import AT_ONCE, StoreRetention
from agent.mqtt.connection import Message
from tests.central.saying import (
    AGENT,
    LOG,
    ROOT,
    dropped,
    make_body,
    make_health,
    make_status,
    make_will,
)
from tests.central.stores import PlainBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.central.stores import DatabaseBackend, Rows

DAY_S = 86_400
SUMS_DAYS = 760


class Place:
    """A store at a time of the test's."""

    def __init__(self, backend: PlainBackend | DatabaseBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = time.time()
        monkeypatch.setattr(retention_module, "time", lambda: self.now_s)
        monkeypatch.setattr(time, "time_ns", lambda: int(self.now_s * 1e9))
        monkeypatch.setattr("agent.central.receiver.time_ns", lambda: int(self.now_s * 1e9))
        self.backend = backend
        self.pages = 0
        self.store = backend.store()
        self.store.__enter__()
        self.start()

    def start(self, keep_days: int = 90, keep_sums_days: int = SUMS_DAYS) -> None:
        """As after a start of the program."""
        self.receiver = Receiver(self.store, settle_s=0.0).load()
        self.retention = StoreRetention(
            self.store,
            lambda: self.receiver.agents,
            lambda: self.receiver.newest_ms,
            keep_days=keep_days,
            keep_sums_days=keep_sums_days,
        )
        self.monotonic_s = 0.0

    def event(self, seq: int, *, age_days: float = 0, **other: object) -> Message:
        moment = datetime.fromtimestamp(self.now_s - age_days * DAY_S, UTC)
        body = make_body(seq) | {"ts": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"} | other
        kind = str(body["type"]).replace(".", "/")
        return Message(f"{ROOT}/event/{body['rule']}/{kind}", json.dumps(body))

    def rows(self, query: str) -> Rows:
        return self.backend.execute(query)

    def take(self, *messages: Message) -> None:
        self.receiver.receive(messages)

    def tidy(self, days: float = 0) -> list[int]:
        """Some days go by, and some minutes of looking; which numbers are still there."""
        self.now_s += days * DAY_S
        self.monotonic_s += 3600
        end_s, self.pages = self.monotonic_s + 300, 0
        while self.monotonic_s < end_s:
            before = self.count
            self.retention.delete_due(self.monotonic_s)
            assert before - self.count <= AT_ONCE
            self.pages += before > self.count
            self.monotonic_s += 1
        return [int(str(seq)) for (seq,) in self.rows("SELECT seq FROM event ORDER BY seq")]

    @property
    def count(self) -> int:
        return int(str(self.rows("SELECT count(*) FROM event")[0][0]))


@pytest.fixture
def place(backend: PlainBackend | DatabaseBackend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    opened = Place(backend, monkeypatch)
    yield opened
    opened.store.__exit__()


def test_old_events_go(place: Place) -> None:
    place.take(make_status(4), *(place.event(seq, age_days=90.5 - seq) for seq in range(1, 5)))
    assert place.tidy() == [1, 2, 3, 4]
    assert place.tidy(1) == [2, 3, 4]
    assert place.tidy(1) == [3, 4]
    assert place.tidy(90) == []


def test_numbers_stay_known(place: Place) -> None:
    messages = [place.event(seq) for seq in range(1, 8)]
    place.take(make_status(7), *messages)
    spans = place.rows("SELECT * FROM span")
    assert place.tidy(91) == []
    for _ in range(2):
        # Nothing is asked for, and what comes again is not stored again.
        assert place.rows("SELECT * FROM span") == spans
        assert place.receiver.complete(LOG)
        place.take(make_status(7), *messages)
        assert (place.receiver.next_requests(), place.count) == ([], 0)
        # Also after a start.
        place.start()


def test_sums_are_kept_for_longer(place: Place) -> None:
    kinds = ["line.day", "zone.quarter", "counter.day", "zone.entered", "line.later", "a.quarterly"]
    place.take(make_status(6), *(place.event(seq, type=kind) for seq, kind in enumerate(kinds, 1)))
    assert place.tidy(91) == [1, 2, 3]
    assert place.tidy(SUMS_DAYS - 92) == [1, 2, 3]
    assert place.tidy(2) == []


def test_zero_is_for_ever(place: Place) -> None:
    place.start(keep_days=0, keep_sums_days=10)
    place.take(make_status(2), place.event(1), place.event(2, type="zone.day"))
    assert place.tidy(10_000) == [1]


def test_little_at_a_time(place: Place) -> None:
    count = 3 * AT_ONCE + 7
    place.take(make_status(count), *(place.event(seq) for seq in range(1, count + 1)))
    assert place.tidy(91) == []
    assert place.pages == 4


def test_events_of_an_unknown_time_go_by_when_they_came(place: Place) -> None:
    unsynced: dict[str, Any] = {"clock": "unsynced", "boot": "0b9d24e7", "mono_s": 7.0}
    times = ("1970-01-01T00:00:07.000Z", "2099-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z")
    place.take(make_status(4), *(place.event(seq, ts=ts, **unsynced) for seq, ts in enumerate(times, 1)))
    # Whoever says that it knows the time may be wrong, too.
    place.take(place.event(4, ts=times[1]))
    assert place.tidy(89) == [1, 2, 3, 4]
    assert place.tidy(2) == []


def test_what_is_not_complete_is_kept(place: Place) -> None:
    # 3 is missing, and may still come.
    place.take(make_status(6), *(place.event(seq) for seq in (1, 2, 4, 5)))
    place.now_s += 91 * DAY_S
    place.take(make_status(6), make_health(6, ts=f"{datetime.fromtimestamp(place.now_s, UTC):%FT%T}.000Z"))
    assert place.tidy() == [4, 5]
    place.take(place.event(3, age_days=91))
    assert place.tidy() == []
    # Of 6 it says now that it was dropped.
    place.take(dropped(7, 6, 6), make_status(7))
    assert place.receiver.complete(LOG)


def test_what_nobody_can_complete_goes(place: Place) -> None:
    place.take(make_status(6), *(place.event(seq) for seq in (1, 2, 4, 5)), make_will())
    assert place.tidy(89) == [1, 2, 4, 5]
    assert place.tidy(2) == []


def test_clock_that_jumps_takes_little(place: Place) -> None:
    """Ten years ahead for a while: agents that know the time say that it is not so."""
    place.take(make_status(2), place.event(1, age_days=88), place.event(2))
    told = f"{datetime.fromtimestamp(place.now_s, UTC):%FT%T}.000Z"
    place.now_s += 3650 * DAY_S
    place.take(make_health(2, ts=told, clock="synced"))
    assert place.tidy() == [1, 2]
    # One that is wrong itself does not help.
    place.take(make_health(2, ts="9999-12-31T23:59:59.999Z", clock="synced"))
    assert place.receiver.newest_ms > place.now_s * 1000
    assert place.tidy() == []


def test_clock_of_an_agent_that_does_not_know_the_time_says_nothing(place: Place) -> None:
    place.take(make_status(2), place.event(1, age_days=88), place.event(2))
    told = f"{datetime.fromtimestamp(place.now_s, UTC):%FT%T}.000Z"
    place.now_s += 3650 * DAY_S
    place.start()
    place.take(
        make_health(2, ts=told, clock="unsynced"), make_health(2, ts=told, clock="synced", retain=True)
    )
    assert place.tidy() == []


def test_store_in_trouble_is_looked_at_again(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.take(make_status(1), place.event(1))
    with place.backend.kept():
        assert place.tidy(91) == [1]
    assert len(caplog.records) == 1
    assert place.tidy() == []


# PostgreSQL's planner goes by how much is there.
@pytest.mark.parametrize("backend", ["plain", "sqlite"], indirect=True)
def test_type_and_time_have_indexes(place: Place) -> None:
    queries = (
        "SELECT body FROM event WHERE type = 'line.crossed' AND ts >= '2026-11-22' ORDER BY ts",
        "SELECT body FROM event WHERE ts >= '2026-11-22' AND ts < '2026-11-23'",
        "SELECT body FROM event WHERE n > 7 ORDER BY n",
    )
    for query in queries:
        if not isinstance(place.backend, PlainBackend):
            query = query.replace("ts", "ts_ms")  # noqa: PLW2901 - the same with its column
        plan = " ".join(str(row[-1]) for row in place.rows(f"EXPLAIN QUERY PLAN {query}"))
        assert "SEARCH" in plan, plan
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan


def test_agent_and_info_stay(place: Place) -> None:
    site, device = AGENT.split("/")
    info = {"v": 1, "log": LOG, "ts": "2026-11-22T00:31:05.120Z", "site": site, "device": device}
    place.take(make_status(1), place.event(1), Message(f"{ROOT}/info", json.dumps(info), retain=True))
    assert place.tidy(91) == []
    for query in ("SELECT * FROM agent", "SELECT * FROM info_now", "SELECT * FROM log"):
        assert len(place.rows(query)) == 1
