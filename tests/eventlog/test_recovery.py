from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event import (
    CameraBlind,
    CameraRestored,
    ClockSet,
    CounterAttended,
    CounterClosed,
    CounterUnattended,
    LineCrossed,
    ZoneLeft,
    ZoneOccupied,
    ZoneVacated,
)
from agent.core.frame import Instant
from agent.errors import LogError
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import RecoveredState, alive_note, recover
from agent.wire.payloads import event_json
from tests.builders import BEGIN, make_at
from tests.samples import (
    BLIND_CAUSES,
    LARGEST_SEQ,
    SENDER,
    is_sentence,
    longest_events,
    make_entered,
    make_started,
)
from tests.wire.any_events import events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from agent.core.event import Event
    from agent.core.visibility import BlindCause

HOUR_S = 3600.0
# The machine was started anew at noon: its monotonic clock began again.
NOW = Instant(77.0, BEGIN + timedelta(hours=5))
BOOT, BOOT_BEFORE = "89abcdef", SENDER.boot


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    """Whose sender is of the boot before."""
    with EventLog(SENDER, path) as opened:
        yield opened


def recalled(*told: Event, now: Instant = NOW, boot: str = BOOT) -> RecoveredState:
    """What is known of these at a start."""
    with EventLog(SENDER, None) as log:
        log.append(told)
        return whole(recover(log, now, boot))


def whole(memory: RecoveredState) -> RecoveredState:
    """With its events read, before the log is closed."""
    return replace(memory, events=tuple(memory.events))


def blind(at_s: float, cause: BlindCause = "covered") -> CameraBlind:
    return CameraBlind(rule="camera", at=make_at(at_s), cause=cause, since=make_at(at_s - 5))


def restored(at_s: float, since_s: float, cause: BlindCause = "covered") -> CameraRestored:
    since = make_at(since_s)
    return CameraRestored(rule="camera", at=make_at(at_s), cause=cause, since=since, blind_s=at_s - since_s)


def clock_set(at_s: float, utc: datetime, *, synced: bool = True) -> ClockSet:
    return ClockSet(rule="agent", at=Instant(at_s, utc, synced), offset_s=utc.timestamp() - at_s)


# --- each event ------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", longest_events(), ids=lambda event: event.TYPE)
def test_every_type_is_recalled(event: Event) -> None:
    (item,) = recalled(event, boot=BOOT_BEFORE).events
    assert type(item.event) is type(event)
    for field in fields(event):
        if isinstance(was := getattr(event, field.name), str | int | tuple):
            assert getattr(item.event, field.name) == was
    assert event_json(item.event, SENDER, "0" * 8, 7) == event_json(event, SENDER, "0" * 8, 7)


@given(event=events, seq=st.integers(1, LARGEST_SEQ))
def test_any_event_is_recalled(event: Event, seq: int) -> None:
    (item,) = recalled(event, boot=BOOT_BEFORE).events
    assert type(item.event) is type(event)
    assert event_json(item.event, SENDER, "0" * 8, seq) == event_json(event, SENDER, "0" * 8, seq)
    # After a new boot it happened at the same time, and what lasts as long.
    (later,) = recalled(event).events
    assert (later.event.at.utc, later.event.at.synced) == (item.event.at.utc, event.at.synced)
    if (since := getattr(item.event, "since", None)) is not None:
        lasted_s = later.event.at.monotonic_s - getattr(later.event, "since").monotonic_s  # noqa: B009
        assert lasted_s == pytest.approx(item.event.at.monotonic_s - since.monotonic_s, abs=0.01)


def test_times_are_those_of_the_present_clocks() -> None:
    # A visit from 07:10:00 to 07:10:30.25, told at 07:10:32; it is noon now, 77 s after the boot.
    told = ZoneLeft(
        rule="staff",
        at=make_at(632),
        since=make_at(600),
        count=0,
        track="t7",
        dwell_s=30.25,
        why="seen",
    )
    (item,) = recalled(told).events
    assert isinstance(item.event, ZoneLeft)
    assert item.event.at == Instant(77.0 - (5 * HOUR_S - 632), told.at.utc)
    assert item.event.since == Instant(77.0 - (5 * HOUR_S - 600), told.since.utc)
    assert item.epoch == "earlier_boot"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (CounterClosed(rule="desk", at=make_at(9), since=make_at(7), waiting=None, why="closed"), "waiting"),
        (make_started(), "since"),
    ],
)
def test_what_was_absent_is_none(event: Event, field: str) -> None:
    (item,) = recalled(event).events
    assert getattr(item.event, field) is None


# --- how far back ----------------------------------------------------------------------------------


def test_new_log_knows_nothing() -> None:
    assert recalled() == RecoveredState(())


def test_young_log_is_recalled_whole() -> None:
    memory = recalled(*(make_entered(number, make_at(number * HOUR_S)) for number in range(51)))
    assert [item.event.at.utc for item in memory.events] == [make_at(n * HOUR_S).utc for n in range(51)]
    # Before the first of them there was nothing.
    assert memory.start is None


def test_old_log_is_recalled_for_two_days() -> None:
    memory = recalled(*(make_entered(number, make_at(number * HOUR_S)) for number in range(100)))
    assert [item.event.at.utc for item in memory.events] == [make_at(n * HOUR_S).utc for n in range(49, 100)]
    assert memory.start is not None
    assert memory.start.utc == make_at(49 * HOUR_S).utc
    assert memory.last is not None
    assert memory.last.utc == make_at(99 * HOUR_S).utc


def test_log_that_ended_long_ago_is_recalled_from_its_end() -> None:
    told = [make_entered(number, make_at(number * HOUR_S)) for number in range(100)]
    memory = recalled(*told, now=Instant(77.0, BEGIN + timedelta(days=365)))
    assert len(tuple(memory.events)) == 51


@pytest.mark.parametrize(
    ("before", "cause"),
    [
        pytest.param([blind(10)], "covered", id="open"),
        pytest.param([blind(10), restored(20, 5), blind(30, "moved")], "moved", id="the-newest"),
        pytest.param([blind(10), restored(20, 5)], None, id="over"),
        pytest.param([], None, id="never"),
    ],
)
def test_spell_that_began_long_before(before: Sequence[Event], cause: BlindCause | None) -> None:
    later = [make_entered(number, make_at(number * HOUR_S)) for number in range(10, 100)]
    memory = recalled(*before, *later)
    assert not any(isinstance(item.event, CameraBlind | CameraRestored) for item in memory.events)
    assert (memory.blind and memory.blind.cause) == cause
    if memory.blind:
        assert memory.blind.since.utc == make_at(5 if cause == "covered" else 25).utc


def test_what_has_held_for_long_is_recalled() -> None:
    # A guard room: somebody is always there, and has been for four days.
    held: dict[str, Any] = {"at": make_at(12), "since": make_at(10)}
    standing: list[Event] = [
        ZoneOccupied(rule="room", **held),
        CounterUnattended(rule="desk", **held, waiting=None),
        CounterAttended(rule="desk", at=make_at(20), since=make_at(20), waiting=None),
    ]
    over: list[Event] = [
        ZoneOccupied(rule="yard", **held),
        ZoneVacated(rule="yard", **held, occupied_s=2.0, why="seen"),
        CounterAttended(rule="other", **held, waiting=None),
        CounterClosed(rule="other", **held, waiting=None, why="closed"),
    ]
    later = [make_entered(number, make_at(number * HOUR_S), "room") for number in range(1, 100)]
    memory = recalled(*standing, *over, *later)
    assert [(type(item.event), item.event.rule) for item in memory.events][:3] == [
        (ZoneOccupied, "room"),
        (CounterAttended, "desk"),
        (type(later[0]), "room"),
    ]
    assert memory.start is not None
    assert memory.start.utc == make_at(49 * HOUR_S).utc


@pytest.mark.parametrize("cause", BLIND_CAUSES)
def test_spell_that_was_recalled_is_told_again_by_nothing(cause: BlindCause) -> None:
    memory = recalled(blind(10, cause), make_entered(77, make_at(HOUR_S)))
    assert isinstance(next(iter(memory.events)).event, CameraBlind)
    assert memory.blind is None


def test_reset_clock_does_not_bring_back_everything() -> None:
    # It has no battery: after a power cut it is years behind, until there is a network.
    old = [make_entered(number, make_at(number * HOUR_S)) for number in range(100)]
    then = Instant(30.0, datetime(2025, 5, 13, tzinfo=UTC), synced=False)
    memory = recalled(*old, make_started(then), now=Instant(99.0, then.utc, synced=False), boot=BOOT_BEFORE)
    assert len(tuple(memory.events)) == 51 + 1
    assert memory.last == then


# --- unsynchronised clocks -------------------------------------------------------------------------

WRONG = datetime(2025, 5, 13, tzinfo=UTC)
UNSYNCED = [
    LineCrossed(
        rule="gate",
        at=Instant(10.0 + n, WRONG + timedelta(seconds=n), synced=False),
        direction="in",
        track=f"t{n}",
        confidence=0.5,
    )
    for n in range(3)
]


def test_unsynced_of_this_boot() -> None:
    memory = recalled(*UNSYNCED, boot=BOOT_BEFORE, now=Instant(99.0, WRONG + timedelta(seconds=89), False))
    assert [(item.event, item.epoch) for item in memory.events] == [
        (event, "this_boot") for event in UNSYNCED
    ]
    assert memory.last == UNSYNCED[-1].at
    assert memory.boot is None


@pytest.mark.parametrize("same_boot", [True, False])
def test_unsynced_that_was_put_right(same_boot: bool) -> None:
    # 20 s after the boot it turns out to be noon.
    noon = BEGIN + timedelta(hours=5)
    now = (
        Instant(99.0, noon + timedelta(seconds=79)) if same_boot else Instant(5.0, noon + timedelta(hours=1))
    )
    memory = recalled(*UNSYNCED, clock_set(20, noon), boot=BOOT_BEFORE if same_boot else BOOT, now=now)
    told = [item for item in memory.events if isinstance(item.event, LineCrossed)]
    assert {item.epoch for item in told} == {"this_boot" if same_boot else "earlier_boot"}
    for item, was in zip(told, UNSYNCED, strict=True):
        at = item.event.at
        assert at.synced
        assert at.utc == noon + timedelta(seconds=was.at.monotonic_s - 20)
        if same_boot:
            assert at.monotonic_s == was.at.monotonic_s
        else:
            assert at.monotonic_s - now.monotonic_s == (at.utc - now.utc).total_seconds()


def test_unsynced_of_another_boot_stays_unsynced() -> None:
    memory = recalled(*UNSYNCED)
    assert [item.epoch for item in memory.events] == ["unknown"] * 3
    assert [item.event.at.utc for item in memory.events] == [event.at.utc for event in UNSYNCED]
    assert not any(item.event.at.synced for item in memory.events)
    # What is told of that moment is told on the clock that it had.
    assert (memory.boot, memory.monotonic_s) == (BOOT_BEFORE, 12.0)
    assert memory.last is not None
    closing_event = ZoneVacated(
        rule="staff", at=memory.last, since=memory.last.shifted(-2), occupied_s=2.0, why="restarted"
    )
    (moved,) = memory.at_that_time([closing_event])
    assert isinstance(moved, ZoneVacated)
    assert (moved.at.monotonic_s, moved.since.monotonic_s) == (12.0, 10.0)
    assert (moved.at.utc, moved.since.utc) == (closing_event.at.utc, closing_event.since.utc)


def test_events_of_the_present_boot_are_not_moved() -> None:
    memory = recalled(make_entered(5))
    told = [make_entered(9)]
    assert memory.at_that_time(told) == told


def test_step_of_a_wrong_clock_puts_nothing_right() -> None:
    other = clock_set(20, datetime(2025, 6, 1, tzinfo=UTC), synced=False)
    memory = recalled(*UNSYNCED, other, boot=BOOT_BEFORE)
    assert not any(item.event.at.synced for item in memory.events)
    assert next(iter(memory.events)).event == UNSYNCED[0]


def test_clock_of_another_boot_puts_nothing_right(log: EventLog) -> None:
    log.append(UNSYNCED)
    log.append([clock_set(20, BEGIN)], BOOT)
    memory = recover(log, NOW, BOOT)
    assert [item.event.at.synced for item in memory.events] == [False] * 3 + [True]
    assert [item.epoch for item in memory.events] == ["unknown"] * 3 + ["this_boot"]


# --- the last sign of life -------------------------------------------------------------------------


def test_note_is_the_last_moment(log: EventLog) -> None:
    log.append([make_entered(9)])
    log.note_alive(alive_note(make_at(60), BOOT_BEFORE))
    last = recover(log, NOW, BOOT).last
    assert last is not None
    assert (last.utc, last.synced) == (make_at(60).utc, True)
    assert last.monotonic_s == pytest.approx(77 - (5 * HOUR_S - 60))


def test_note_before_an_event_is_not_the_last_moment(log: EventLog) -> None:
    log.note_alive(alive_note(make_at(60), BOOT_BEFORE))
    log.append([make_entered(70)])
    assert log.alive is None
    last = recover(log, NOW, BOOT).last
    assert last is not None
    assert last.utc == make_at(70).utc


def test_note_of_another_boot_without_a_clock(log: EventLog) -> None:
    log.append([make_entered(9)])
    log.note_alive(alive_note(make_at(60, synced=False), BOOT_BEFORE))
    memory = recover(log, NOW, BOOT)
    assert (memory.boot, memory.monotonic_s) == (BOOT_BEFORE, 60.0)
    assert memory.last is not None
    assert not memory.last.synced
    # In the same boot it is the moment that it was.
    assert recover(log, NOW, BOOT_BEFORE).last == make_at(60, synced=False)


def test_note_is_kept_in_the_file(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(9)])
        log.note_alive(alive_note(make_at(60), BOOT_BEFORE))
        log.note_alive(alive_note(make_at(120), BOOT_BEFORE))
    with EventLog(SENDER, path) as log:
        last = recover(log, NOW, BOOT).last
        assert last is not None
        assert last.utc == make_at(120).utc


# --- what others wrote -----------------------------------------------------------------------------


def put(path: Path, *bodies: str) -> None:
    """Append rows that are none of ours."""
    with closing(sqlite3.connect(path)) as database:
        for body in bodies:
            database.execute(
                "INSERT INTO event SELECT coalesce(max(seq), 0) + 1, 1767571200000, 'x', 'x', ? FROM event",
                (body,),
            )
        database.commit()


HEAD = {"v": 1, "ts": "2026-01-05T00:00:09.000Z", "clock": "synced", "rule": "gate"}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"zone.entered"',
        "{}",
        json.dumps({"type": "line.crossed"}),
        json.dumps({**HEAD, "type": "agent.stopped", "ts": 5}),
        json.dumps({**HEAD, "type": "agent.stopped", "ts": "yesterday"}),
        json.dumps({**HEAD, "type": "agent.stopped", "clock": "unsynced"}),
        json.dumps({**HEAD, "type": "agent.clock_set", "boot": SENDER.boot, "offset_s": "much"})
        + "\n"
        + json.dumps(
            {**HEAD, "type": "agent.stopped", "clock": "unsynced", "boot": SENDER.boot, "mono_s": 1}
        ),
    ],
)
@pytest.mark.parametrize("where", ["first", "last"])
def test_damaged_event_is_told(path: Path, body: str, where: str) -> None:
    with EventLog(SENDER, path) as log:
        if where == "last":
            log.append([make_entered(1)])
    put(path, *(body.split("\n") if body else [body]))
    with EventLog(SENDER, path) as log:
        if where == "first":
            log.append([make_entered(1)])
        with pytest.raises(LogError) as raised:
            whole(recover(log, NOW, BOOT))
    assert is_sentence(str(raised.value))
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    "own",
    [
        {"type": "zone.emptied"},
        {"type": "zone.emptied", "since": 5, "count": None, "periods": {"a": 1}},
        # Of a type that is known, but not so.
        {"type": "zone.left", "since": "2026-01-05T00:00:05.000Z"},
        {"type": "line.day", "date": "2026-01-05"},
    ],
)
def test_events_of_a_newer_version_are_left_out(path: Path, own: dict[str, Any]) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1)])
    put(path, json.dumps({**HEAD, **own}))
    with EventLog(SENDER, path) as log:
        log.append([make_entered(2, make_at(77))])
        assert [item.event.at.utc for item in recover(log, NOW, BOOT).events] == [
            make_at(1).utc, make_at(77).utc,
        ]  # fmt: skip


def test_event_with_more_fields_is_known(path: Path) -> None:
    with EventLog(SENDER, path):
        pass
    more = {"type": "line.crossed", "direction": "in", "track": "t7", "confidence": 1, "speed": [1.5, {}]}
    put(path, json.dumps({**HEAD, **more, "late": True}))
    with EventLog(SENDER, path) as log:
        (item,) = recover(log, NOW, BOOT).events
    assert isinstance(item.event, LineCrossed)
    assert (item.event.direction, item.event.track) == ("in", "t7")


def test_last_event_of_a_newer_version_is_the_last_moment(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([make_entered(1)])
    put(path, json.dumps({**HEAD, "type": "zone.emptied"}))
    with EventLog(SENDER, path) as log:
        last = recover(log, NOW, BOOT).last
    assert last is not None
    assert last.utc == make_at(9).utc


@pytest.mark.parametrize("over", [False, True])
def test_spell_whose_begin_is_deleted(path: Path, over: bool) -> None:
    with EventLog(SENDER, path) as log:
        log.append([blind(10), *(make_entered(n, make_at(n * HOUR_S)) for n in range(1, 60))])
        log.delete(30)
        if over:
            log.append([restored(70 * HOUR_S, 5)])
        log.append([make_entered(n, make_at(n * HOUR_S)) for n in range(71, 200)])
        log.delete(150)
    with EventLog(SENDER, path) as log:
        memory = recover(log, make_at(210 * HOUR_S), BOOT)
        assert (memory.blind is None) == over
        if memory.blind:
            assert memory.blind.since.utc == make_at(5).utc


def test_log_without_its_index_gets_it(path: Path) -> None:
    named = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    with EventLog(SENDER, path) as log:
        log.append([blind(10), *(make_entered(n, make_at(n * HOUR_S)) for n in range(1, 100))])
    with closing(sqlite3.connect(path)) as database:
        (index,) = database.execute(named).fetchone()
        database.execute(f"DROP INDEX {index}")
        database.commit()
    with EventLog(SENDER, path) as log:
        memory = recover(log, NOW, BOOT)
        assert memory.blind is not None
        assert memory.blind.since.utc == make_at(5).utc
    with closing(sqlite3.connect(path)) as database:
        assert database.execute(named).fetchall() == [(index,)]


def test_recall_takes_no_time(path: Path) -> None:
    # A day and a half with an event every 26 s.
    told = [event for n in range(2500) for event in (make_entered(n, make_at(n * 52.0)), crossing(n))]
    with EventLog(SENDER, path) as log:
        log.append(told)
        begin_s = time.thread_time()
        memory = recover(log, Instant(1.0, make_at(2500 * 52.0).utc), BOOT)
        number = len(tuple(memory.events))
        took_s = time.thread_time() - begin_s
    assert number == 5000
    print(f"{number} events recalled in {took_s:.3f} s")
    assert took_s < 3


def crossing(number: int) -> LineCrossed:
    at = make_at(number * 52.0 + 26)
    return LineCrossed(rule="gate", at=at, direction="in", track=f"t{number}", confidence=0.5)
