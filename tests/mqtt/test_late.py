"""`late` is what really passed since an event, however wrong a clock was then or is now."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from agent.device import clock
from agent.eventlog.clocks import EventClock, clock_at, clocks_after, clocks_of, clocks_text
from agent.eventlog.log import EventLog
from agent.mqtt import connection, sending
from agent.mqtt import publisher as publisher_module
from agent.mqtt.publish_state import Callbacks
from tests.conftest import wait_until
from tests.mqtt.misbehaving import SUCCESS, Misbehaving, misbehaving
from tests.mqtt.publishing import publishing, to
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.event import Event
    from tests.mqtt.misbehaving import Published

HOURS_S = 7200.0
EARLIER_BOOT = replace(SENDER, boot="0000b007")


def happened(ago_s: float, said_ago_s: float, *, synced: bool) -> Event:
    """An event of so long ago, when the wall clock made it out to be of another time."""
    now = clock.now()
    utc = now.utc - timedelta(seconds=said_ago_s)
    return make_entered(1, replace(now, monotonic_s=now.monotonic_s - ago_s, utc=utc, synced=synced))


def sent_late(log: EventLog, *, synced_now: bool = True) -> list[bool]:
    """Publish a log; which of its events were late."""
    with misbehaving(Misbehaving(lambda _: SUCCESS)) as broker:
        with publishing(
            to(broker.port), log, callbacks=Callbacks(clock_synced=lambda: synced_now)
        ) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
        bodies = [json.loads(one.payload) for one in broker.events()]
    assert [body["seq"] for body in bodies] == list(range(log.first_seq, log.last_seq + 1))
    return [body.get("late", False) for body in bodies]


# How long ago it was, what the wall clock said of that, and whether it passed for right.
CASES = [
    (2, 2, True),
    (35, 35, True),
    (35, 35, False),
    # A clock that was behind, or that had not been set yet.
    (2, HOURS_S, False),
    (2, HOURS_S, True),
    (2, 10 * 365 * 86_400.0, False),
    # One that was ahead.
    (35, 2, False),
    (35, 2, True),
    (35, -HOURS_S, False),
    (35, -HOURS_S, True),
]


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize(("ago_s", "said_ago_s", "synced"), CASES)
def test_within_a_boot(
    tmp_path: Path, ago_s: float, said_ago_s: float, *, synced: bool, reopened: bool
) -> None:
    path = tmp_path / "events.db"
    with EventLog(SENDER, path) as log:
        log.append([happened(ago_s, said_ago_s, synced=synced)])
        if not reopened:
            assert sent_late(log, synced_now=False) == [ago_s > 30]
    if reopened:
        # The agent was started again, the machine was not.
        with EventLog(SENDER, path) as log:
            assert sent_late(log, synced_now=False) == [ago_s > 30]


def test_clock_that_is_set_in_between(tmp_path: Path) -> None:
    with EventLog(SENDER, tmp_path / "events.db") as log:
        for ago_s, said_ago_s, synced in CASES:
            log.append([happened(ago_s, said_ago_s, synced=synced)])
        assert sent_late(log) == [ago_s > 30 for ago_s, _, _ in CASES]


@pytest.mark.parametrize(
    ("said_ago_s", "synced_then", "synced_now", "late"),
    [
        (2, True, True, False),
        (35, True, True, True),
        # Without a battery a clock goes on, after a night without power, where it stood.
        (2, True, False, True),
        (-HOURS_S, True, False, True),
        (2, False, True, True),
        (-HOURS_S, False, True, True),
        (HOURS_S, False, False, True),
    ],
)
def test_of_an_earlier_boot(
    tmp_path: Path, said_ago_s: float, *, synced_then: bool, synced_now: bool, late: bool
) -> None:
    path = tmp_path / "events.db"
    with EventLog(EARLIER_BOOT, path) as log:
        log.append([happened(2, said_ago_s, synced=synced_then)])
    with EventLog(SENDER, path) as log:
        # What was found open is told with the earlier boot's clock, what comes now with this one's.
        log.append([happened(2, said_ago_s, synced=synced_then)], EARLIER_BOOT.boot)
        log.append([happened(2, HOURS_S, synced=False)])
        assert sent_late(log, synced_now=synced_now) == [late, late, False]


def test_log_of_an_earlier_version(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with EventLog(SENDER, path) as log:
        log.append([happened(2, HOURS_S, synced=False), happened(35, 2, synced=False)])
        log.append([happened(2, 2, synced=True)])
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM meta WHERE key = 'clocks'")
    with EventLog(SENDER, path) as log:
        assert sent_late(log) == [False, True, False]


@pytest.mark.parametrize("body", ["", "[", "[]", "9", '{"boot":"0b9d24e7","mono_s":"x"}', "[" * 100_000])
def test_event_that_a_bad_card_changed_is_sent_as_it_is(tmp_path: Path, body: str) -> None:
    path = tmp_path / "events.db"
    with EventLog(SENDER, path) as log:
        log.append([happened(2, 2, synced=True)])
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM meta WHERE key = 'clocks'")
        database.execute("UPDATE event SET body = ?", (body,))
    with EventLog(SENDER, path) as log:
        (entry,) = log.read(0, 9)
        assert log.age_s(entry) is None


def test_recording_has_its_own_time() -> None:
    with EventLog(SENDER, None, recorded=True) as log:
        # 20 minutes into a recording that is played as if it were now.
        now = clock.now()
        log.append([make_entered(1, replace(now, monotonic_s=1200.0, synced=True))])
        log.append([make_entered(1, replace(now, monotonic_s=1200.0, utc=now.utc - timedelta(hours=1)))])
        assert sent_late(log, synced_now=False) == [False, True]


def test_between_two_sendings_late_alone_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_LATE_S", PATIENCE_S)
    monkeypatch.setattr(connection, "ANSWER_WITHIN_S", 1.5)
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.1)

    def judge(one: Published) -> int | None:
        if "/event/" in one.topic and b'"late"' not in one.payload:
            # From now on everything is late.
            monkeypatch.setattr(sending, "_LATE_S", 0.0)
            return None
        return SUCCESS

    broker = Misbehaving(judge)
    with (
        EventLog(SENDER, tmp_path / "events.db") as log,
        misbehaving(broker),
        publishing(to(broker.port), log) as publisher,
    ):
        wait_until(lambda: any("/status" in one.topic for one in broker.got))
        log.append([happened(0, 0, synced=True)])
        publisher.update()
        assert publisher.wait_delivered(PATIENCE_S)
    first, second, *more = (json.loads(one.payload) for one in broker.events())
    assert "late" not in first
    assert second == {**first, "late": True}
    # On a busy machine an answer may take so long that it is sent once more.
    assert all(again == second for again in more)


# --- what is kept of clocks --------------------------------------------------------------------------


def test_clocks_are_kept_where_they_change() -> None:
    clocks: tuple[EventClock, ...] = ()
    for seq, boot, offset_s in [(1, "a", 5.0), (2, "a", 5.9), (3, "a", 7.0), (4, "b", 7.0), (5, "b", 7.0)]:
        clocks = clocks_after(clocks, EventClock(seq, boot, offset_s))
    assert [clock.first_seq for clock in clocks] == [1, 3, 4]
    assert clocks_of(clocks_text(clocks)) == clocks
    assert [(found := clock_at(clocks, seq)) and found.first_seq for seq in range(7)] == [
        None,
        1,
        1,
        3,
        4,
        4,
        4,
    ]


def test_clocks_of_a_clock_that_is_set_for_ever_take_little() -> None:
    clocks: tuple[EventClock, ...] = ()
    for seq in range(1, 1000):
        clocks = clocks_after(clocks, EventClock(seq, "0b9d24e7", 1e9 + 10.0 * seq))
    assert len(clocks_text(clocks)) < 4096


@pytest.mark.parametrize("text", [None, "", "[", "{}", "[1]", "[[1]]", '[["x", "a", 1]]', "[" * 100_000])
def test_clocks_that_cannot_be_read_are_not_known(text: str | None) -> None:
    assert clocks_of(text) == ()


def test_clock_of_events_that_were_not_kept(tmp_path: Path) -> None:
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([happened(2, 2, synced=True)])
        wrong: Any = happened(2, HOURS_S, synced=True)
        with pytest.raises(ValueError, match="track"):
            log.append([wrong, replace(wrong, track="a name")])
        (entry,) = log.read(0, 9)
        assert log.age_s(entry) == pytest.approx(2, abs=60)
        assert len(log._state.clocks) == 1
