from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from agent.core.event import AfterHours
from agent.core.frame import Instant
from agent.core.visibility import Visibility
from tests.builders import make_track
from tests.presence.office import ALWAYS, PLACES, Blind, Office, Stay, of, right_clock, utc, words

if TYPE_CHECKING:
    from datetime import datetime


def told(office: Office, begin: str, end: str, *script: Stay | Blind) -> list[str]:
    return words(of(office.watch(begin, end, script), AfterHours))


@pytest.mark.parametrize(
    ("begin", "end", "script", "expected"),
    [
        # In working hours nobody is told of.
        pytest.param("08:00", "08:10", [Stay("staff", "08:01", "08:02")], [], id="in-hours"),
        # At night: with the event of the zone, since the first sighting.
        pytest.param(
            "20:00", "20:10", [Stay("staff", "20:01", "20:02")],
            ["20:01:01 after hours staff ta 20:01:00"], id="at-night",
        ),
        # A passer-by is not told by the zone, so not by this.
        pytest.param("20:00", "20:10", [Stay("staff", "20:01", "20:01:01")], [], id="passer-by"),
        # Over a line: when they cross it.
        pytest.param(
            "20:00", "20:10", [Stay("street", "20:01", "20:01:03"), Stay("yard", "20:01:03", "20:02")],
            ["20:01:03 after hours gate ta 20:01:03"], id="over-the-line",
        ),
        # Once a visit, however many zones and lines see it.
        pytest.param(
            "20:00", "20:10",
            [Stay("street", "20:01", "20:01:05"), Stay("yard", "20:01:05", "20:01:10"),
             Stay("public", "20:01:10", "20:01:20"), Stay("staff", "20:01:20", "20:02")],
            ["20:01:05 after hours gate ta 20:01:05"], id="once-a-visit",
        ),
        # Two persons are two visits.
        pytest.param(
            "20:00", "20:10", [Stay("staff", "20:01", "20:02"), Stay("staff", "20:01", "20:02", "b")],
            ["20:01:01 after hours staff ta 20:01:00", "20:01:01 after hours staff tb 20:01:00"],
            id="two-persons",
        ),
        # Who stays when working hours end: from then on.
        pytest.param(
            "16:55", "17:10", [Stay("staff", "16:50", "17:05")],
            ["17:00:00 after hours staff ta 17:00:00"], id="stays-on",
        ),
        # Came in the last second, told in the first one after it: since then.
        pytest.param(
            "16:55", "17:10", [Stay("staff", "16:59:59", "17:05")],
            ["17:00:00 after hours staff ta 17:00:00"], id="at-the-end",
        ),
        # A holiday of one's own is the calendar's; a Sunday is closed all day.
        pytest.param(
            "2026-01-11T09:00", "2026-01-11T09:10", [Stay("staff", "2026-01-11T09:01", "2026-01-11T09:05")],
            ["09:01:01 after hours staff ta 09:01:00"], id="sunday",
        ),
        # Nobody is seen while blind; who is there afterwards is a new visit.
        pytest.param(
            "20:00", "20:10",
            [Stay("staff", "20:01", "20:09"), Blind("20:02", "20:04")],
            ["20:01:01 after hours staff ta 20:01:00", "20:04:01 after hours staff tax 20:04:00"], id="blind",
        ),
    ],
)  # fmt: skip
def test_after_hours(begin: str, end: str, script: list[Stay | Blind], expected: list[str]) -> None:
    assert told(Office(), begin, end, *script) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        # Lost in working hours, and their track held for some seconds more: nobody was seen after hours.
        pytest.param(["16:59:50"], [], id="held open"),
        # Found again, they were there all along.
        pytest.param(["16:59:50", "17:00:02"], ["17:00:02 after hours staff ta 17:00:00"], id="seen again"),
        pytest.param(["16:59:50", "17:00:00"], ["17:00:00 after hours staff ta 17:00:00"], id="at the end"),
    ],
)
def test_after_hours_only_who_was_seen(seen: list[str], expected: list[str]) -> None:
    office = Office()
    office.watch("16:59:00", "16:59:50", [Stay("staff", "16:59:00", "17:30")])
    for second in range(14):
        at = right_clock(utc("16:59:50") + timedelta(seconds=second))
        last_s = max(s for s in (right_clock(utc(text)).monotonic_s for text in seen) if s <= at.monotonic_s)
        track = make_track(PLACES["staff"], at.monotonic_s, "ta", seen_s=last_s)
        told = [event for rule in office.rules for event in rule.update([track], at)]
        office.told += office.ledger.update(told, [track], Visibility(None, at), at)
    assert words(of(office.told, AfterHours)) == expected


def test_one_visit_through_working_hours() -> None:
    # Comes too early, and is still there at the break.
    told = Office().watch("07:00", "11:35", [Stay("staff", "07:10", "12:00")], every_s=30)
    assert words(of(told, AfterHours)) == ["07:10:30 after hours staff ta 07:10:00"]


@pytest.mark.parametrize("begins", ["20:01:00", "20:01:30"])
def test_configuration_with_the_same_hours_changes_nothing(begins: str) -> None:
    # Read again between the first sighting and the zone's word on it.
    office, script = Office(), [Stay("staff", begins, "20:03:00")]
    end = f"{begins}.750000"
    first = office.watch("20:00:00", end, script, every_s=0.5)
    office.ledger.change(office.ledger._state.rules.settings, (), office.clock(utc(end)))
    told = [*first, *office.watch(end, "20:02:00", script, every_s=0.5)]
    assert [event.since.utc for event in of(told, AfterHours)] == [utc(begins)]


def test_without_hours_nothing_is_after_hours() -> None:
    assert told(Office(ALWAYS), "20:00", "20:10", Stay("staff", "20:01", "20:02")) == []


def test_unsynchronised_clock_judges_nobody() -> None:
    sync = utc("20:05")

    def clock(moment: datetime) -> Instant:
        at = right_clock(moment)
        # Until then the clock stands where the machine was switched off, in working hours or not.
        return at if moment >= sync else Instant(at.monotonic_s, moment - timedelta(days=3), synced=False)

    office = Office(clock=clock)
    script = Stay("staff", "20:01", "20:02"), Stay("staff", "20:03", "20:09", "b")
    # What was before is not judged: who is there is told from then on.
    assert told(office, "20:00", "20:10", *script) == ["20:05:00 after hours staff tb 20:05:00"]
