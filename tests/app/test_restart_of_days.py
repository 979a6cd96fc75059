"""A start long after what still lasts began: crowds and occupancies are closed once, waits are summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.app.publishing import resume_from_log
from agent.core.event import (
    AgentStarted,
    CounterDay,
    CounterQuarter,
    Day,
    Event,
    Quarter,
    ZoneCrowded,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneOverstayed,
    ZoneUncrowded,
    ZoneVacated,
)
from agent.eventlog.log import EventLog
from agent.eventlog.retention import Retention
from agent.presence.ledger import Ledger
from tests.builders import make_at
from tests.presence.office import Office, Stay, of, right_clock, utc
from tests.presence.reckoning import told_of
from tests.presence.scenes import play, scene_of, settings_of
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BOOT, NEXT_BOOT = "0000b001", "0000b002"
HOUR_S = 3600.0
LASTED_H = 60


def at(hours: float) -> float:
    """Hours of the script in seconds; it begins on the Monday of `tests.builders`."""
    return hours * HOUR_S


def busy(hours: float) -> list[Event]:
    """What fills the log meanwhile: the counts at the gate's zone, which nobody configured."""
    return [make_entered(n, make_at(at(hours) + n)) for n in range(20)]


def occupied(hours: float) -> Event:
    return ZoneOccupied(rule="public", at=make_at(at(hours)), since=make_at(at(hours)))


def entered(hours: float, track: str, count: int) -> Event:
    since = make_at(at(hours))
    return ZoneEntered(rule="public", at=since, since=since, track=track, count=count)


def crowded(hours: float) -> Event:
    return ZoneCrowded(rule="public", at=make_at(at(hours)), since=make_at(at(hours) - 60), count=2)


def uncrowded(hours: float, since_h: float) -> Event:
    return ZoneUncrowded(
        rule="public",
        at=make_at(at(hours)),
        since=make_at(at(since_h) - 60),
        crowded_s=at(hours - since_h),
        max_count=2,
        why="seen",
    )


# Events of the first hours, and what a start closes after 60 of them.
CASES = [
    pytest.param([occupied(1), crowded(2), uncrowded(3, 2)], ["vacated"], id="crowded-since-and-over"),
    pytest.param([occupied(1), crowded(2)], ["uncrowded", "vacated"], id="crowded-still"),
    pytest.param(
        [occupied(1), crowded(2), uncrowded(3, 2), crowded(4)], ["uncrowded", "vacated"], id="crowded-again"
    ),
]


@pytest.mark.parametrize(("before", "closed"), CASES)
@pytest.mark.parametrize("is_configured", [True, False], ids=["there", "gone"])
@pytest.mark.parametrize("keep_days", [1, 30], ids=["deleted", "kept"])
def test_what_lasts_is_closed_once(
    tmp_path: Path, before: list[Event], closed: list[str], keep_days: int, *, is_configured: bool
) -> None:
    path = tmp_path / "events.db"
    last = make_at(at(LASTED_H) + 20)
    with EventLog(SENDER, path) as log:
        log.append([AgentStarted(rule="agent", at=make_at(0), cause="new_log"), *before], BOOT)
        for hours in range(10, LASTED_H + 1, 10):
            log.append([*busy(hours), entered(hours, f"t{hours}", 2 + hours // 10)], BOOT)
        # A broker has it all.
        log.delivered = log.last_seq
        keep = Retention(keep_days, 200, delivers=True)
        while keep.delete(log, last):
            pass
        assert (log.first_seq > len(before) + 1) == (keep_days == 1)
    with EventLog(SENDER, path) as log:
        first = log.last_seq
        ledger = Office().ledger if is_configured else Ledger(settings_of({}))
        resume_from_log(log, ledger, make_at(at(LASTED_H) + 600), NEXT_BOOT)
        told = [entry.type for entry in log.read(first, 1000) if entry.rule == "public"]
        assert [kind.removeprefix("zone.") for kind in told if kind != "zone.left"] == closed
        (started,) = [entry for entry in log.read(first, 1000) if entry.type == "agent.started"]
    # Another start has nothing left to close.
    with EventLog(SENDER, path) as log:
        resume_from_log(log, Office().ledger, make_at(at(LASTED_H) + 1200), NEXT_BOOT)
        assert [entry.type for entry in log.read(started.seq, 1000)] == ["agent.started"]


def test_crowd_of_days_is_closed_with_what_is_known_of_it(tmp_path: Path) -> None:
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append(
            [AgentStarted(rule="agent", at=make_at(0), cause="new_log"), occupied(1), crowded(2)], BOOT
        )
        for hours, count in ((20, 7), (40, 5), (LASTED_H, 3)):
            log.append([entered(hours, f"t{hours}", count)], BOOT)
        first = log.last_seq
        office = Office()
        resume_from_log(log, office.ledger, make_at(at(LASTED_H) + 600), NEXT_BOOT)
        (closed,) = [entry.body for entry in log.read(first, 1000) if entry.type == "zone.uncrowded"]
    # Up to the last moment on the card; the most of the last 50 hours.
    lasted_s = at(LASTED_H - 2) + 60
    assert f'"crowded_s":{lasted_s}' in closed
    assert '"max":7' in closed
    assert '"why":"restarted"' in closed


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), killed_at=st.floats(0.05, 0.95))
def test_sums_follow_from_the_log_alone(seed: int, killed_at: float) -> None:
    """A start in the midst of a day, or of a crowd, says what one that was never killed would have said."""
    scene = scene_of(seed)
    last, end = scene.at(round(scene.frames * killed_at)), scene.at(scene.frames)
    known: list[Event] = [AgentStarted(rule="agent", at=scene.at(0), cause="new_log")]
    known += [event for event in play(scene) if event.at.monotonic_s <= last.monotonic_s]
    with EventLog(SENDER, None) as log:
        log.append(known, BOOT)
        ledger = Ledger(settings_of(scene.dwell_ms))
        first = log.last_seq
        resume_from_log(log, ledger, end, BOOT)
        closed = [entry.type for entry in log.read(first, 1000)]
    never_killed = Ledger(settings_of(scene.dwell_ms))
    never_killed.replay_history([(event, "this_boot") for event in known], None, None)
    sums, others = (told_of(scene, of(one.finish(end), CounterDay)).days for one in (ledger, never_killed))
    assert sums == others != {}
    # Each crowd that was open is closed.
    assert closed.count("zone.uncrowded") == len(of(known, ZoneCrowded)) - len(of(known, ZoneUncrowded))


def test_restart_ends_what_nobody_waited_for() -> None:
    with EventLog(SENDER, None) as log:
        office = Office()
        office.start = 1
        resume_from_log(log, office.ledger, right_clock(utc("08:00")), BOOT)
        told = office.watch("08:00", "08:10", _two("08:01", "08:04"))
        log.append(told, BOOT)
        again = Office()
        again.start = 2
        resume_from_log(log, again.ledger, right_clock(utc("08:11")), BOOT)
        more = again.watch("08:11", "08:18", _two("08:01", "08:04"))
        log.append(more, BOOT)
        closed = [entry for entry in log.read(0, 1000) if '"why":"restarted"' in entry.body]
        assert [entry.type for entry in closed] == [
            "zone.left", "zone.left", "zone.uncrowded", "zone.vacated", "counter.closed"
        ]  # fmt: skip
    # They are new visits, and as long as ever they have to be to be long again.
    assert len(of(told, ZoneOverstayed)) == len(of(more, ZoneOverstayed)) == 2
    (quarter,) = of(more, CounterQuarter)
    assert quarter.visits == 0
    assert not of(told, Day, Quarter, ZoneLeft, ZoneVacated)


def _two(first: str, second: str) -> Sequence[Stay]:
    return [Stay("public", first, "09:00", "a"), Stay("public", second, "09:00", "b")]
