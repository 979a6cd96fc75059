"""Golden event logs: a log of each released form, as SQL; `python -m tests.eventlog.forms` writes this one's.

Every log in `forms/` was written once, by the version in its name, and must be of use to all that come after
(test_forms.py). Clocks and ids are fixed, so that the same version writes the same log again.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from agent.core.event import (
    AfterHours,
    AgentStarted,
    AgentStopped,
    CameraBlind,
    CameraRestored,
    ClockSet,
    CounterAttended,
    CounterClosed,
    CounterDay,
    CounterQuarter,
    CounterUnattended,
    EventsDropped,
    LineCrossed,
    LineDay,
    LineQuarter,
    PeriodCrossings,
    UpdateFailed,
    ZoneCrowded,
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneOverstayed,
    ZoneQuarter,
    ZoneUncrowded,
    ZoneVacated,
)
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import alive_note
from tests.builders import make_at
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event
    from agent.core.frame import Instant

FOLDER = Path(__file__).with_name("forms")
LOG_ID, CLIENT_SECRET, BOARD = "601de101", "601de5ec", "100000000601de10"
SECOND_BOOT = "601deb02"
HOUR_S = 3600.0
# What `iterdump` leaves out.
_PRAGMAS = ("application_id", "user_version")
# The machine was started anew, and nobody knew the time for a minute.
_STARTED_H = 7.0
# The last event: what began on the first day is older than what a start reads back.
END_H = 100


def at(hours: float, *, synced: bool = True) -> Instant:
    """So many hours after 07:00 of a Monday in Vietnam, on the monotonic clock of the boot of that time."""
    moment = make_at(round(hours * HOUR_S), synced=synced)
    return moment if hours < _STARTED_H else replace(moment, monotonic_s=moment.monotonic_s - 25_200.0)


def deleted_since() -> Iterator[Event]:
    """What retention takes: `archive` has been occupied ever since."""
    yield AgentStarted(rule="agent", at=at(0), cause="new_log")
    yield ZoneOccupied(rule="archive", at=at(0.1), since=at(0.1))
    yield LineCrossed(rule="gate", at=at(0.2), direction="in", track="t1", confidence=0.5)


def first_boot() -> Iterator[Event]:
    """What lasts of every kind, over or not; `waiting`, both desks and the camera go on as they are.

    `hall` was crowded; `waiting` still is, as it is occupied.
    """
    yield ZoneOccupied(rule="hall", at=at(1), since=at(1))
    yield ZoneEntered(rule="hall", at=at(1), since=at(1), count=1, track="t2")
    yield CounterAttended(rule="desk-1", at=at(1), since=at(1), waiting=0)
    yield CounterUnattended(rule="desk-2", at=at(1.5), since=at(1.4), waiting=None)
    yield CounterAttended(rule="desk-3", at=at(1.5), since=at(1.5), waiting=2)
    crowded: dict[str, Any] = {"rule": "hall", "since": at(1.5)}
    yield ZoneCrowded(**crowded, at=at(1.6), count=5)
    yield ZoneUncrowded(**crowded, at=at(1.8), crowded_s=0.2 * HOUR_S, max_count=7, why="seen")
    yield ZoneOverstayed(rule="hall", at=at(1.9), since=at(1), track="t2")
    left: dict[str, Any] = {"rule": "hall", "at": at(2), "since": at(1), "why": "seen"}
    yield ZoneLeft(**left, count=0, track="t2", dwell_s=HOUR_S)
    yield ZoneVacated(**left, occupied_s=HOUR_S)
    yield ZoneOccupied(rule="waiting", at=at(2), since=at(2))
    yield ZoneEntered(rule="waiting", at=at(2), since=at(2), count=1, track="t3")
    yield ZoneCrowded(rule="waiting", at=at(2.5), since=at(2.4), count=5)
    yield CounterUnattended(rule="desk-1", at=at(3), since=at(2.9), waiting=1)
    yield CounterAttended(rule="desk-2", at=at(3), since=at(3), waiting=None)
    yield CounterClosed(rule="desk-3", at=at(4), since=at(4), waiting=0, why="closed")
    yield CameraBlind(rule="camera", at=at(4.1), cause="covered", since=at(4))
    yield CameraRestored(rule="camera", at=at(4.2), cause="covered", since=at(4), blind_s=720.0)
    yield AfterHours(rule="yard", at=at(4.5), since=at(4.5), track="t4")
    yield CameraBlind(rule="camera", at=at(5), cause="moved", since=at(4.9))
    yield AgentStopped(rule="agent", at=at(6), cause="signal")


def second_boot() -> Iterator[Event]:
    """Four days: somebody comes every five hours."""
    yield AgentStarted(rule="agent", at=at(_STARTED_H, synced=False), cause="started", since=at(6))
    yield ClockSet(rule="agent", at=(now := at(7.1)), offset_s=now.utc.timestamp() - now.monotonic_s)
    versions = {"from_version": "1.0.0~deb13", "to_version": "1.0.1~deb13"}
    yield UpdateFailed(rule="agent", at=at(7.2), **versions, cause="unhealthy")
    for number, hours in enumerate(range(10, END_H - 5, 5)):
        yield LineCrossed(rule="gate", at=at(hours), direction="in", track=f"t{number}", confidence=0.75)
    yield from _sums()
    yield ZoneOccupied(rule="hall", at=at(END_H - 1), since=at(END_H - 1))
    yield ZoneEntered(rule="hall", at=at(END_H - 1), since=at(END_H - 1), count=1, track="t77")
    yield LineCrossed(rule="gate", at=at(END_H), direction="out", track="t78", confidence=0.25)


def _sums() -> Iterator[Event]:
    """Of the last quarter of an hour and of the date before."""
    begin = at(END_H - 4).utc
    quarter: dict[str, Any] = {"at": at(END_H - 3.7), "start": begin, "end": begin + timedelta(minutes=15)}
    day: dict[str, Any] = {"at": at(END_H - 3.7), "date": begin.date(), "length_s": 86_400.0}
    crossed: dict[str, Any] = {"rule": "gate", "in_count": 5, "out_count": 3, "blind_s": 60.5}
    stayed: dict[str, Any] = {
        "rule": "hall",
        "visits": 2,
        "occupied_s": 77.5,
        "max_count": 2,
        "blind_s": 60.5,
    }
    attended: dict[str, Any] = {"rule": "desk-1", "attended_s": 0.0, "unattended_s": 800.0}
    attended |= {"longest_unattended_s": 700.0, "blind_s": 0.0}
    attended |= {"visits": 3, "wait_p50_s": 77.5, "wait_p90_s": 300.25, "wait_max_s": 300.25}
    period = PeriodCrossings(
        start="07:30", end="17:00", in_before_start=1, in_after_start=4, out_before_end=0, out_after_end=3
    )
    yield LineQuarter(**quarter, **crossed)
    yield ZoneQuarter(**quarter, **stayed)
    yield CounterQuarter(**quarter, **attended)
    yield LineDay(**day, **crossed, first_in=begin, last_out=None, periods=(period,))
    yield ZoneDay(**day, **stayed)
    yield CounterDay(**day, **attended)


def write(path: Path) -> None:
    """Write the log, with what the agent notes beside the events."""
    with EventLog(SENDER, path, log_id=LOG_ID, board=BOARD, reserve=False) as log:
        log.append([*deleted_since(), *first_boot()])
        # A broker has all but the last that goes.
        log.delivered = 2
        log.delete(3, _dropped)
        log.append(list(second_boot()), SECOND_BOOT)
        log.note_reported()
        log.delivered = log.last_seq - 5
        log.note("published", '{"rules": ["gate", "hall"], "discovery": []}')
        log.note("calendar", "0123456789abcdef")
        log.note("update_failed", "28 2026-11-23T07:12:00Z 1.0.0~deb13 1.0.1~deb13")
        log.note_alive(alive_note(at(END_H + 0.1), SECOND_BOOT))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'client'", (CLIENT_SECRET,))


def _dropped(from_seq: int, to_seq: int) -> Event:
    return EventsDropped(rule="agent", at=at(6), cause="keep_mb", from_seq=from_seq, to_seq=to_seq)


def dump() -> str:
    """The log as this version writes it, as SQL."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        write(path)
        with closing(sqlite3.connect(path)) as db:
            kept = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS}
            lines = (*db.iterdump(), *(f"PRAGMA {name} = {value};" for name, value in kept.items()))
    return "\n".join(("PRAGMA journal_mode = WAL;", *lines, ""))


def main() -> int:
    """Write this version's log; 1 if there is one: that is what its agents have written on their cards."""
    path = FOLDER / f"{version('presence-agent')}.sql"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(dump())
    except FileExistsError:
        print(f"{path} is there: a released form is never written again.", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
