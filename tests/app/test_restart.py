"""An agent that is killed, and goes on where its log ends: nothing lost, doubled or contradicted."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from datetime import timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.app.publishing import resume_from_log
from agent.core.event import (
    AgentStarted,
    CameraBlind,
    CameraRestored,
    ClockSet,
    CounterClosed,
    CounterQuarter,
    Day,
    LineQuarter,
    Quarter,
    ZoneLeft,
    ZoneVacated,
)
from agent.core.frame import Instant
from agent.core.rule_state import LineState
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import alive_note, recover
from tests.presence.office import Blind, Office, Stay, of, right_clock, utc, words
from tests.presence.test_ledger import (
    assert_waits,
    check_closings,
    check_crowds,
    check_long_stays,
    check_order,
    crossings,
    scripts,
)
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from agent.core.event import Event

BOOTS = ("0000b001", "0000b002", "0000b003", "0000b004")


class Life:
    """One log through several starts; each runs until it is killed, or stops."""

    def __init__(
        self, path: Path | None = None, *, clock: Callable[[datetime], Instant] = right_clock
    ) -> None:
        self.path = path
        self.clock = clock
        self.log = EventLog(SENDER, path)
        self.starts = 0

    def run(
        self, begin: str, end: str, script: Sequence[Stay | Blind] = (), *, boot: int = 0, stops: bool = False
    ) -> Office:
        """Start, and watch until an end that nobody told it of."""
        office = Office(clock=self.clock)
        self.starts += 1
        office.start = self.starts
        resume_from_log(self.log, office.ledger, self.clock(utc(begin)), BOOTS[boot])
        kept, noted = 0, utc(begin)
        now, last = utc(begin), utc(end)
        while now < last:
            until = now + timedelta(seconds=2)
            office.step(now, script)
            self.log.append(office.told[kept:], BOOTS[boot])
            if len(office.told) == kept and now - noted >= timedelta(seconds=60):
                noted = now
                self.log.note_alive(alive_note(self.clock(now), BOOTS[boot]))
            kept = len(office.told)
            now = until
        if stops:
            self.log.append(office.stop(end), BOOTS[boot])
        return office

    def all(self) -> list[Event]:
        """What the log has, as one who reads it in the first boot."""
        return [item.event for item in recover(self.log, self.clock(utc("23:00")), BOOTS[0]).events]


@pytest.fixture
def life() -> Iterator[Life]:
    with ExitStack() as stack:
        lived = Life()
        stack.enter_context(lived.log)
        yield lived


def test_killed_with_somebody_in(life: Life) -> None:
    life.run("08:00", "08:10:30", [Stay("staff", "08:01", "09:00"), Stay("public", "08:02", "09:00", "b")])
    life.run("08:20", "08:22", stops=True)
    told = life.all()
    start = next(i for i, event in enumerate(told) if isinstance(event, AgentStarted) and i)
    # At the last moment that is on the card: noted once a minute.
    last = utc("08:10")
    assert [(type(event), event.rule, event.at.utc) for event in told[start - 5 : start]] == [
        (ZoneLeft, "staff", last), (ZoneVacated, "staff", last),
        (ZoneLeft, "public", last), (ZoneVacated, "public", last),
        (CounterClosed, "desk", last),
    ]  # fmt: skip
    left = told[start - 5]
    assert isinstance(left, ZoneLeft)
    assert (left.why, left.count, left.dwell_s) == ("restarted", 0, 540)
    started = told[start]
    assert isinstance(started, AgentStarted)
    assert started.since
    assert (started.cause, started.since.utc, started.at.utc) == ("restarted", last, utc("08:20"))
    check_closings(told)


def test_quarter_over_a_restart_is_told_once(life: Life) -> None:
    script = [Stay("street", "08:01", "08:02"), Stay("yard", "08:02", "08:02:10"),
              Stay("street", "08:11", "08:12", "b"), Stay("yard", "08:12", "08:12:10", "b")]  # fmt: skip
    life.run("08:00", "08:05", script)
    life.run("08:10", "08:20", script)
    told = [event for event in of(life.all(), Quarter) if event.rule == "gate"]
    # From 08:04:02, the last moment known, to 08:10 nobody watched.
    assert words(told) == ["08:16:00 gate 08:00:00-08:15:00 2 0 blind 358"]


def test_day_over_a_restart(life: Life) -> None:
    script = [Stay("street", "16:01", "16:02"), Stay("yard", "16:02", "16:02:10")]
    life.run("16:00", "16:05", script)
    life.run("2026-01-06T07:00", "2026-01-06T07:02")
    told = life.all()
    (day,) = [event for event in of(told, Day) if event.rule == "gate"]
    assert words([day]) == [f"07:00:00 gate 2026-01-05 1 0 blind {24 * 3600 - 242}"]
    # Told once, whatever comes.
    life.run("2026-01-06T07:10", "2026-01-06T07:12")
    assert len([event for event in of(life.all(), Day) if event.rule == "gate"]) == 1


def test_away_for_days(life: Life) -> None:
    life.run("16:00", "16:05", [Stay("staff", "16:01", "16:02")])
    life.run("2026-01-12T07:00", "2026-01-12T07:20")
    told = life.all()
    days = [event for event in of(told, Day) if event.rule == "staff"]
    # Each day, the empty ones too; of the quarters only those in which it ran.
    assert [event.date.day for event in days] == [5, 6, 7, 8, 9, 10, 11]
    assert [event.blind_s for event in days][1:] == [86_400] * 6
    assert len([event for event in of(told, Quarter) if event.rule == "staff"]) == 2


def test_clock_was_days_ahead_before(life: Life) -> None:
    life.run("2026-01-09T08:00", "2026-01-09T08:20")
    life.run("08:00", "08:20", [Stay("staff", "08:01", "08:02:01")], boot=1)
    told = [event for event in of(life.all(), Quarter) if event.rule == "staff"]
    assert words(told[-1:]) == ["08:16:02 staff 08:00:00-08:15:00 1 60 1 blind 0"]


def test_totals_go_on(life: Life) -> None:
    script = [Stay("street", "08:01", "08:02"), Stay("yard", "08:02", "08:02:10")]
    life.run("08:00", "08:05", script)
    office = life.run("08:10", "08:11", boot=1)
    assert line_of(office) == (1, 0)
    # Not those of yesterday.
    assert line_of(life.run("2026-01-06T08:00", "2026-01-06T08:01", boot=2)) == (0, 0)


def line_of(office: Office) -> tuple[int, int]:
    # Of its last frame: once it stops no state is known.
    (state,) = [state.value for state in office.states[-1] if state.kind == "line"]
    assert isinstance(state, LineState)
    return state.in_count, state.out_count


@pytest.mark.parametrize("stops", [True, False], ids=["stopped", "killed"])
def test_blind_over_a_restart(life: Life, *, stops: bool) -> None:
    life.run("08:00", "08:10", [Blind("08:05", "09:00")], stops=stops)
    # Still blind: the interval goes on, and is not reported again.
    life.run("08:20", "08:25", [Blind("08:05", "09:00", "dark")])
    life.run("08:30", "08:35")
    told = life.all()
    (_,), (restored,) = of(told, CameraBlind), of(told, CameraRestored)
    assert (restored.cause, restored.since.utc, restored.at.utc) == ("covered", utc("08:05"), utc("08:30:04"))
    assert restored.blind_s == 25 * 60 + 4


@pytest.mark.parametrize("boot", [0, 1], ids=["same-boot", "next-boot"])
def test_unsynchronised_then_killed(boot: int) -> None:
    """A machine without a battery: days behind until the network comes."""
    sync = utc("08:12")
    booted = utc("08:09") if boot else utc("07:00")

    def clock(moment: datetime) -> Instant:
        begin = booted if moment >= booted else utc("07:00")
        at = Instant((moment - begin).total_seconds(), moment)
        return at if moment >= sync else Instant(at.monotonic_s, moment - timedelta(days=3), synced=False)

    life = Life(clock=clock)
    with life.log:
        script = [Stay("street", "08:01", "08:02"), Stay("yard", "08:02", "08:05")]
        life.run("08:00", "08:06", [*script, Stay("staff", "08:02", "09:00", "s")])
        office = life.run("08:10", "08:50", boot=boot)
        bodies = [entry.body for entry in life.log.read(0, 10_000)]
        # In the same boot what was unsynced is put right and summed up; of another boot nobody knows when.
        told = [event for event in of(office.told, Quarter) if event.rule == "gate"]
        assert len(of(office.told, ClockSet)) == 1
        assert words(told)[0] == (
            "08:16:00 gate 08:00:00-08:15:00 1 0 blind 296"
            if boot == 0
            else "08:16:00 gate 08:00:00-08:15:00 0 0 blind 600"
        )
        assert line_of(office) == ((1, 0) if boot == 0 else (0, 0))
        # Who reads the raw events can put them right too.
        closing = [body for body in bodies if '"why":"restarted"' in body]
        assert closing
        assert all(f'"boot":"{BOOTS[0]}"' in body for body in closing)


@settings(max_examples=30, deadline=None)
@given(
    script=scripts(),
    kills=st.lists(st.integers(20, 1100), min_size=1, max_size=3, unique=True),
    gap_s=st.sampled_from([2, 30, 120]),
    boots=st.booleans(),
)
def test_whenever_it_is_killed(script: list[Stay | Blind], kills: list[int], gap_s: int, boots: bool) -> None:
    life = Life()
    with life.log:
        begins = ["11:10:00"]
        ends = []
        for kill in sorted(kills):
            moment = utc("11:10:00") + timedelta(seconds=2 * kill)
            ends.append(local_of(moment))
            begins.append(local_of(moment + timedelta(seconds=gap_s)))
        ends.append("11:59:00")
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            office = life.run(begin, end, script, boot=number if boots else 0, stops=number == len(kills))
        told = life.all()
        check_order(told)
        check_closings(told)
        check_crowds(told)
        check_long_stays(told)
        seqs = [entry.seq for entry in life.log.read(0, 100_000)]
        assert seqs == list(range(1, len(seqs) + 1))
        # The day's totals are those of all starts together, and each quarter that is told says the same.
        assert line_of(office) == crossings(told, 0, 2**40)
        quarters = of(told, Quarter)
        assert len({(event.rule, event.start) for event in quarters}) == len(quarters)
        for event in of(told, LineQuarter):
            span = event.start.timestamp(), event.end.timestamp()
            assert (event.in_count, event.out_count) == crossings(told, *span)
        for sums in of(told, CounterQuarter):
            assert_waits(sums, told, sums.start.timestamp(), sums.end.timestamp())
        starts = of(told, AgentStarted)
        assert len(starts) == len(begins)
        assert all(one.at.utc < other.at.utc for one, other in pairwise(starts))


def local_of(moment: datetime) -> str:
    return f"{moment + timedelta(hours=7):%H:%M:%S}"


def test_log_that_is_new(tmp_path: Path) -> None:
    life = Life(tmp_path / "events.db")
    with life.log:
        life.run("08:00", "08:01")
        (started,) = [event for event in life.all() if isinstance(event, AgentStarted)]
    assert (started.cause, started.since) == ("new_log", None)


def test_damage_that_shows_late_leaves_nothing_known(tmp_path: Path) -> None:
    """What was read before it is not in the log that is begun in its place."""
    path = tmp_path / "events.db"
    script = [
        Stay("street", "08:01", "08:02"),
        Stay("yard", "08:02", "08:02:10"),
        Stay("staff", "08:03", "09:00"),
    ]
    life = Life(path)
    with life.log:
        life.run("08:00", "08:05", script)
        crossed = next(entry.seq for entry in life.log.read(0, 99) if entry.type == "line.crossed")
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE event SET body = 'null' WHERE seq = ?", (crossed + 1,))
            database.commit()
        office = life.run("08:10", "08:11")
        assert line_of(office) == (0, 0)
        told = life.all()
        assert [event.cause for event in of(told, AgentStarted)] == ["new_log"]
        check_closings(told)
        assert not of(told, ZoneLeft)


def test_recalled_crossings_stay_while_the_clock_is_ahead() -> None:
    """A battery that lies: the clock is a year ahead at the next start, until the network comes."""
    sync, booted = utc("08:20"), utc("08:10")

    def clock(moment: datetime) -> Instant:
        if moment < booted:
            return right_clock(moment)
        at = Instant((moment - booted).total_seconds(), moment)
        wrong = Instant(at.monotonic_s, moment + timedelta(days=400), synced=False)
        return at if moment >= sync else wrong

    life = Life(clock=clock)
    with life.log:
        life.run("08:00", "08:05", [Stay("street", "08:01", "08:02"), Stay("yard", "08:02", "08:02:10")])
        office = life.run("08:11", "08:30", boot=1)
        whys = [state.why for now in office.states for state in now if state.kind == "line"]
        assert [why for why, _ in groupby(whys)] == ["clock", None]
        assert line_of(office) == (1, 0)
