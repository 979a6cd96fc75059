"""Rules and hours that change while people are there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.app.reload import with_rules
from agent.core.event import (
    CounterAttended,
    Day,
    Event,
    LineCrossed,
    LineDay,
    LineQuarter,
    Quarter,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneVacated,
)
from agent.core.geometry import Line, Zone
from agent.core.rule_state import ZoneState
from agent.core.visibility import Visibility
from agent.presence.hours import WorkingTime
from agent.presence.ledger import Ledger
from agent.presence.line import LineRule
from agent.presence.settings import LineSettings, RuleSettings, ZoneSettings
from tests.builders import make_at, make_track
from tests.presence.office import DESK, GATE, OFFICE, PUBLIC, STAFF, VN, Office, Stay, of, utc, words
from tests.presence.test_ledger import (
    BEGIN,
    END,
    SECONDS,
    check_closings,
    check_crowds,
    check_days,
    check_long_stays,
    check_order,
    local,
    scripts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.event import Direction
    from agent.presence.settings import CounterSettings
    from tests.presence.office import Blind

# The same hours, those of a shorter and of a longer morning, another time zone, and none at all.
HOURS = {
    "same": WorkingTime(VN, {day: [(450, 690), (810, 1020)] for day in range(5)}),
    "shorter": WorkingTime(VN, {day: [(450, 680)] for day in range(5)}),
    "longer": WorkingTime(VN, {day: [(420, 720)] for day in range(5)}),
    "always": WorkingTime(VN, {}),
}
WIDER = replace(PUBLIC, polygon=((450, 0), (1000, 0), (1000, 1700), (450, 1700)))
AWAY = replace(PUBLIC, polygon=((2000, 0), (2400, 0), (2400, 400), (2000, 400)))
LONGER = replace(PUBLIC, min_dwell_s=30.0)
SOONER = replace(DESK, unattended_after_s=20.0)
SWAPPED = replace(DESK, staff="public", public="staff")


def change(
    office: Office,
    now: str,
    *,
    zones: Sequence[Zone] = (STAFF, PUBLIC),
    lines: Sequence[Line] = (GATE,),
    counters: Sequence[CounterSettings] = (DESK,),
    hours: WorkingTime = OFFICE,
) -> list[Event]:
    """Go on by other rules, as with a configuration."""
    at = office.clock(utc(now))
    rules, told, moved = with_rules(office.rules, {"line": lines, "zone": zones}, at)
    office.rules = tuple(rules)
    terms = RuleSettings(
        [
            *(LineSettings(line.line_id) for line in lines),
            *(ZoneSettings(zone.zone_id, zone.min_dwell_s, 2.0) for zone in zones),
            *counters,
        ],
        hours,
        60.0,
    )
    made = office.ledger.change(terms, told, at, moved)
    office.told += made
    return made


def played(script: list[Stay | Blind], change_at: int | None = None, **how: object) -> list[Event]:
    office = Office()
    if change_at is None:
        office.watch(BEGIN, END, script, every_s=2)
    else:
        office.watch(BEGIN, local(change_at), script, every_s=2)
        change(office, local(change_at), **how)  # type: ignore[arg-type]
        office.watch(local(change_at), END, script, every_s=2)
    office.stop(END)
    return office.told + office.ledger.finish(office.clock(utc(END)))


moments = st.integers(1, SECONDS // 2 - 1).map(lambda half: 2 * half)


@settings(max_examples=15, deadline=None)
@given(script=scripts(), second=moments)
def test_nothing_changed(script: list[Stay | Blind], second: int) -> None:
    assert played(script, second, hours=HOURS["same"]) == played(script)


CHANGES = {
    "shorter-hours": {"hours": HOURS["shorter"]},
    "longer-hours": {"hours": HOURS["longer"]},
    "no-hours": {"hours": HOURS["always"]},
    "zone-wider": {"zones": (STAFF, WIDER)},
    "zone-away": {"zones": (STAFF, AWAY)},
    "longer-dwell": {"zones": (STAFF, LONGER)},
    "crowd-of-more": {"zones": (STAFF, replace(PUBLIC, crowd=3))},
    "crowd-of-none": {"zones": (STAFF, replace(PUBLIC, crowd=None))},
    "crowd-sooner": {"zones": (STAFF, replace(PUBLIC, crowd_after_s=20.0 - 1e-9))},
    "zone-gone": {"zones": (STAFF,), "counters": (replace(DESK, public=None),)},
    "zone-new": {"zones": (STAFF, PUBLIC, replace(WIDER, zone_id="hall"))},
    "line-away": {"lines": (replace(GATE, start=(0, 1200), end=(1000, 1200), inside=(500, 1000)),)},
    "line-gone": {"lines": ()},
    "counter-gone": {"counters": ()},
    "counter-sooner": {"counters": (SOONER,)},
    "counter-turned": {"counters": (SWAPPED,)},
    "line-is-a-zone": {"lines": (), "zones": (STAFF, PUBLIC, replace(WIDER, zone_id="gate"))},
}


@pytest.mark.parametrize("how", CHANGES.values(), ids=CHANGES)
@settings(max_examples=8, deadline=None)
@given(script=scripts(), second=moments)
def test_something_changed(how: dict[str, object], script: list[Stay | Blind], second: int) -> None:
    told, usual = played(script, second, **how), played(script)
    check_order(told)
    check_closings(told)
    check_crowds(told)
    check_long_stays(told)
    # That check knows the office's own rules, and its periods.
    if "zones" not in how and how.get("hours") is not HOURS["always"]:
        check_days(told)
    check_summed_up_once(told)
    # Who is in a zone that did not change is told of as ever.
    for kind in (ZoneEntered, ZoneLeft, ZoneOccupied, ZoneVacated):
        assert visits(told, kind) == visits(usual, kind)
    if "lines" not in how:
        assert of(told, LineCrossed) == of(usual, LineCrossed)
        assert of(told, LineDay)[0].in_count == of(usual, LineDay)[0].in_count


def visits(told: Sequence[Event], kind: type[Event]) -> list[Event]:
    return [event for event in of(told, kind) if event.rule == "staff"]


def check_summed_up_once(told: Sequence[Event]) -> None:
    """No quarter and no day of a rule twice."""
    quarters = [(type(event), event.rule, event.start) for event in of(told, Quarter)]
    days = [(type(event), event.rule, event.date) for event in of(told, Day)]
    assert len(set(quarters)) == len(quarters)
    assert len(set(days)) == len(days)


def test_line_moves_under_somebody() -> None:
    moved = Line("gate", (0, 500), (1000, 500), (500, 900))
    for rule in (LineRule(moved, 100.0), LineRule(replace(moved, line_id="added"), 100.0)):
        # They came from beyond where the line is now, before it was there.
        for second in range(100, 110):
            track = make_track((500, 800), second, first_s=90.0, seen_s=second, origin=(500, 100))
            assert list(rule.update([track], make_at(second))) == []
        told = []
        for second in range(110, 120):
            track = make_track(
                (500, 800 - 60 * (second - 110)), second, first_s=90.0, seen_s=second, origin=(500, 100)
            )
            told += list(rule.update([track], make_at(second)))
        assert [event.direction for event in of(told, LineCrossed)] == ["out"]


def test_zone_is_added_around_somebody() -> None:
    office = Office()
    script = [Stay("yard", "08:00:00", "08:20:00")]
    office.watch("08:00:00", "08:10:00", script)
    assert change(office, "08:10:00", zones=(STAFF, PUBLIC, replace(WIDER, zone_id="hall"))) == []
    assert [state.why for state in office.ledger.states() if state.rule == "hall"] == ["starting"]
    told = office.watch("08:10:00", "08:25:00", script)
    visit: list[ZoneEntered | ZoneLeft] = [*of(told, ZoneEntered), *of(told, ZoneLeft)]
    assert [(event.rule, event.since.utc) for event in visit] == [("hall", utc("08:10:00"))] * 2
    assert [state.value for state in office.ledger.states() if state.rule == "hall"] != [None]


def test_zone_that_moves_is_unknown_until_somebody_looked() -> None:
    office = Office()
    script = [Stay("public", "08:00:00", "08:20:00"), Stay("staff", "08:00:00", "08:20:00", "b")]
    office.watch("08:00:00", "08:10:00", script)
    assert states_of(office)["public"] == (1, None)
    change(office, "08:10:00", zones=(STAFF, AWAY))
    # That somebody was where it lay before says nothing of where it lies now.
    assert states_of(office) == {"public": (None, "starting"), "staff": (1, None)}
    office.watch("08:10:00", "08:10:02", script)
    assert states_of(office)["public"] == (None, "starting")
    office.watch("08:10:02", "08:10:10", script)
    assert states_of(office)["public"] == (0, None)


def test_counter_whose_staff_is_elsewhere_is_unknown_at_once() -> None:
    office = Office()
    office.watch("08:00:00", "08:10:00", [Stay("staff", "08:00:00", "08:20:00")])
    (desk,) = [state for state in office.ledger.states() if state.rule == "desk"]
    assert desk.value
    change(office, "08:10:00", counters=(SWAPPED,))
    (desk,) = [state for state in office.ledger.states() if state.rule == "desk"]
    assert (desk.value, desk.why) == (None, "starting")


def states_of(office: Office) -> dict[str, tuple[int | None, str | None]]:
    """Of the zones: how many are there, or why that is not known."""
    return {
        state.rule: (state.value.count if isinstance(state.value, ZoneState) else None, state.why)
        for state in office.ledger.states()
        if state.kind == "zone"
    }


def test_hours_change_from_now_on() -> None:
    office = Office()
    script = [Stay("staff", "09:00:00", "11:28:00")]
    office.watch("09:00:00", "11:25:00", script)
    before = len(office.told)
    change(office, "11:25:00", hours=HOURS["shorter"])
    office.watch("11:25:00", "11:26:00", script)
    change(office, "11:26:00", hours=HOURS["longer"])
    office.watch("11:26:00", "11:27:00", script)
    assert words(office.told[before:]) == [
        "11:25:00 closed 11:25:00 w0 closed",
        "11:25:00 after hours staff ta 11:25:00",
        "11:26:00 attended 11:26:00 w0",
    ]


def test_day_goes_by_the_hours_in_force_when_it_is_told() -> None:
    """Each crossing counts once, for the periods of the evening: also those of before the change."""
    gate = RuleSettings([LineSettings("gate")], HOURS["same"])
    ledger = Ledger(gate)
    told: list[Event] = []
    ways: dict[float, Direction | None] = {0: None, 1500: "in", 16_500: "out", 18_000: None, 22_800: "in"}
    # 07:25 in, 11:35 out, 13:20 in; the hours change at noon.
    for seconds, way in ways.items():
        at = make_at(seconds)
        if seconds == 18_000:
            told += ledger.change(replace(gate, hours=HOURS["longer"]), [], at)
        crossed = [LineCrossed(rule="gate", at=at, direction=way, track="t1", confidence=0.77)] if way else []
        told += ledger.update(crossed, [], Visibility(None, at), at)
    told += ledger.update([], [], Visibility(None, make_at(62_200)), make_at(62_200))
    (day,) = of(told, LineDay)
    (period,) = day.periods
    assert (day.in_count, day.out_count, period.start, period.end) == (2, 1, "07:00", "12:00")
    assert (period.in_before_start, period.in_after_start) == (0, 2)
    assert (period.out_before_end, period.out_after_end) == (1, 0)
    assert sum(quarter.in_count for quarter in of(told, LineQuarter)) == 2


def test_rule_is_gone_and_comes_back() -> None:
    office = Office()
    script = [Stay("staff", "08:00:00", "12:00:00")]
    office.watch("08:00:00", "08:20:00", script)
    gone = change(office, "08:20:00", zones=(PUBLIC,), counters=())
    assert [type(event).__name__ for event in gone] == [
        "ZoneLeft", "ZoneVacated", "CounterClosed", "ZoneQuarter", "ZoneDay", "CounterQuarter", "CounterDay",
    ]  # fmt: skip
    assert {event.why for event in of(gone, ZoneLeft)} == {"stopped"}
    assert {state.rule for state in office.ledger.states()} == {"gate", "public"}
    office.watch("08:20:00", "08:25:00", script)
    change(office, "08:25:00")
    back = office.watch("08:25:00", "09:20:00", script)
    assert [event.since.utc for event in of(back, CounterAttended)] == [utc("08:25:00")]
    office.stop("09:20:00")
    check_closings(office.told)
    check_summed_up_once(office.told + office.ledger.finish(office.clock(utc("09:20:00"))))


def test_added_rule_was_blind_before() -> None:
    office = Office()
    office.watch("08:00:00", "08:05:00")
    change(office, "08:05:00", lines=(GATE, replace(GATE, line_id="door")))
    office.watch("08:05:00", "08:20:00")
    (quarter,) = [event for event in of(office.told, Quarter) if event.rule == "door"]
    assert quarter.start == utc("08:00:00")
    assert quarter.blind_s == 300


def test_thousand_changes_leave_nothing() -> None:
    office = Office()
    script = [Stay("staff", "08:00:00", "12:00:00")]
    now = utc("08:00:00")
    hows = list(CHANGES.values())
    for number in range(1000):
        local_time = f"{now.astimezone(VN):%H:%M:%S}"
        change(office, local_time, **hows[number % len(hows)])  # type: ignore[arg-type]
        office.step(now, script)
        now += timedelta(seconds=1)
    office.stop(f"{now.astimezone(VN):%H:%M:%S}")
    check_closings(office.told)
    check_summed_up_once(office.told)
