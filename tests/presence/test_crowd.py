"""Crowds in a zone, and visits that are too long."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.event import ZoneCrowded, ZoneOverstayed, ZoneUncrowded
from agent.core.geometry import Zone
from agent.presence.crowd import Peaks
from agent.presence.zone import ZoneRule
from tests.builders import make_at, make_track

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.core.event import EndedWhy, Event

WAITING = Zone("waiting", ((0, 0), (400, 0), (400, 1000), (0, 1000)), 1.0)
FEET = {"i": (200, 500), "?": (200, 500), "o": (900, 500)}


def seen(rule: ZoneRule, rows: Mapping[str, str], begin_s: int = 0) -> list[Event]:
    """Events of a frame a second: in the zone (`i`), out (`o`), held unseen (`?`), or no track (a space)."""
    events: list[Event] = []
    last_s: dict[str, int] = {}
    for second in range(begin_s, begin_s + max(map(len, rows.values()))):
        tracks = []
        for name, row in rows.items():
            what = row.ljust(second - begin_s + 1)[second - begin_s]
            if what == " ":
                continue
            last_s[name] = second if what != "?" else last_s[name]
            tracks.append(make_track(FEET[what], second, name, seen_s=last_s[name]))
        events += rule.update(tracks, make_at(second))
    return events


def told(events: Iterable[Event]) -> list[str]:
    """Events of crowds in a few words, with seconds: `5 crowded since 1, 3`."""
    words = []
    for event in events:
        match event:
            case ZoneCrowded():
                since, count = event.since.monotonic_s, event.count
                words.append(f"{event.at.monotonic_s:g} crowded since {since:g}, {count}")
            case ZoneUncrowded():
                since, most = event.since.monotonic_s, f"{event.max_count} {event.why}"
                words.append(
                    f"{event.at.monotonic_s:g} uncrowded since {since:g} for {event.crowded_s:g}, {most}"
                )
    return words


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # From when the third one came until three were last seen; told after five seconds of that.
        pytest.param(
            {"a": "iiiiiiiiiiiiiiii", "b": " iiiiiiiiiiooo", "c": "  iiiiiiiiiiiii", "d": "     iii"},
            ["7 crowded since 2, 4", "12 uncrowded since 2 for 8, 4 seen"], id="three",
        ),
        # Three for less than five seconds.
        pytest.param({"a": "iiiiiiiiii", "b": "iiiiiiiiii", "c": " iiiiiooo"}, [], id="for-a-moment"),
        # Who is only held is sighted no more.
        pytest.param({"a": "iiiiiiiiii", "b": "iiiiiiiiii", "c": "iiii????????"}, [], id="held"),
        pytest.param(
            {"a": "iiiiiiiiiiiiii", "b": "iiiiiiiiiiiiii", "c": "iiiiii????"},
            ["5 crowded since 0, 3", "10 uncrowded since 0 for 5, 3 lost"], id="lost",
        ),
        # One goes, and one who came in time takes the place; nobody saw less than three in the zone.
        pytest.param(
            {"a": "iiiiiiiiiiiiii", "b": "iiiiiiiiiiiiii", "c": "iiiioooo", "d": "    iiiiiiiioooo"},
            ["5 crowded since 0, 3", "13 uncrowded since 0 for 11, 3 seen"], id="taken-turns",
        ),
        # A passer-by keeps nobody's place.
        pytest.param(
            {"a": "iiiiiiiiiiiiii", "b": "iiiiiiiiiiiiii", "c": "iiiiiiooooo", "d": "       iooooo"},
            ["5 crowded since 0, 3", "9 uncrowded since 0 for 5, 3 seen"], id="passer-by",
        ),
        # Twice: the second one does not overlap the first, though its people were there before.
        pytest.param(
            {"a": "i" * 25, "b": "i" * 25, "c": "iiiiiiioooo", "d": "          " + "i" * 12 + "ooo"},
            ["5 crowded since 0, 3", "8 uncrowded since 0 for 6, 3 seen",
             "15 crowded since 10, 3", "23 uncrowded since 10 for 11, 3 seen"], id="twice",
        ),
    ],
)  # fmt: skip
def test_crowd(rows: Mapping[str, str], expected: list[str]) -> None:
    assert told(seen(ZoneRule(replace(WAITING, crowd=3, crowd_after_s=5.0)), rows)) == expected


def test_no_crowd_is_asked_for() -> None:
    assert told(seen(ZoneRule(WAITING), dict.fromkeys("abcdef", "iiiiiiiiiiii"))) == []


@pytest.mark.parametrize("why", ["blind", "stopped"])
def test_crowd_that_is_closed(why: EndedWhy) -> None:
    rule = ZoneRule(replace(WAITING, crowd=2, crowd_after_s=5.0))
    rows = {"a": "iiiiiiii", "b": "iiiiii??"}
    assert told(seen(rule, rows)) == ["5 crowded since 0, 2"]
    assert told(rule.close(make_at(9), why)) == [f"9 uncrowded since 0 for 5, 2 {why}"]
    assert told(rule.close(make_at(10), why)) == []
    assert told(seen(rule, {"c": "iiiiiiii", "d": "iiiiiiii"}, 20)) == ["25 crowded since 20, 2"]


def test_crowd_before_it_was_long_enough_is_not_closed() -> None:
    rule = ZoneRule(replace(WAITING, crowd=2, crowd_after_s=5.0))
    assert told([*seen(rule, {"a": "iiii", "b": "iiii"}), *rule.close(make_at(4), "blind")]) == []


ROWS = {"a": "iiiiiiiiii", "b": "iiiiiiiiii", "c": "iiiiiiiiii"}


@pytest.mark.parametrize(
    ("changed", "expected", "last"),
    [
        # Of another shape, or after another time: it goes on.
        pytest.param(
            replace(WAITING, crowd=2, crowd_after_s=60.0), [], ["20 uncrowded since 0 for 19, 3 blind"],
            id="longer",
        ),
        pytest.param(
            Zone("waiting", ((0, 0), (500, 0), (500, 900), (0, 900)), 1.0, None, 2, 5.0), [],
            ["20 uncrowded since 0 for 19, 3 blind"], id="wider",
        ),
        # Of other persons: another crowd, from when that one ended; the most since then, though nobody came.
        pytest.param(
            replace(WAITING, crowd=3, crowd_after_s=5.0),
            ["10 uncrowded since 0 for 9, 3 stopped", "14 crowded since 9, 3"],
            ["20 uncrowded since 9 for 10, 3 blind"], id="more",
        ),
        pytest.param(WAITING, ["10 uncrowded since 0 for 9, 3 stopped"], [], id="none"),
    ],
)  # fmt: skip
def test_crowd_in_a_zone_that_is_changed(changed: Zone, expected: list[str], last: list[str]) -> None:
    rule = ZoneRule(replace(WAITING, crowd=2, crowd_after_s=5.0))
    assert told(seen(rule, ROWS)) == ["5 crowded since 0, 3"]
    rule.change(changed, make_at(9))
    assert told(seen(rule, ROWS, 10)) == expected
    assert told(rule.close(make_at(20), "blind")) == last


def test_crowd_of_others_is_closed_before_another_frame() -> None:
    rule = ZoneRule(replace(WAITING, crowd=2, crowd_after_s=5.0))
    seen(rule, ROWS)
    rule.change(replace(WAITING, crowd=3), make_at(9))
    assert told(rule.close(make_at(12), "blind")) == ["12 uncrowded since 0 for 9, 3 stopped"]
    assert told(rule.close(make_at(13), "blind")) == []


def test_crowd_asked_for_while_it_is_there() -> None:
    rule = ZoneRule(WAITING)
    assert told(seen(rule, ROWS)) == []
    rule.change(replace(WAITING, crowd=3, crowd_after_s=5.0), make_at(9))
    assert told(seen(rule, {**ROWS, "c": "iiooo"}, 10)) == [
        "10 crowded since 0, 3",
        "13 uncrowded since 0 for 11, 3 seen",
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=60), st.integers(0, 60))
def test_most_since_any_moment(steps: list[tuple[int, int]], start_s: int) -> None:
    peaks, noted, now_s = Peaks(), list[tuple[int, int]](), 0
    for after_s, count in steps:
        now_s += after_s
        noted.append((now_s, count))
        peaks.note(make_at(now_s), count)
    since = peaks.since(make_at(start_s))
    assert since == max((count for at_s, count in noted if at_s >= start_s), default=0)
    # However many came, it remembers no more moments than there are counts.
    assert len(peaks._highest) <= 10


def overstayed(events: Iterable[Event]) -> list[tuple[str, float, float]]:
    return [
        (event.track, event.since.monotonic_s, event.at.monotonic_s)
        for event in events
        if isinstance(event, ZoneOverstayed)
    ]


def test_visit_that_is_too_long() -> None:
    rule = ZoneRule(replace(WAITING, overstay_s=5.0))
    # Not `b`, who was there for just so long; nor `c`, who is only taken to be there still.
    rows = {"a": "  iiiiiiiiiiii", "b": "iiiiiioooo", "c": "iiii??????", "d": " iiii? iii"}
    assert overstayed(seen(rule, rows)) == [("a", 2, 8)]
    assert overstayed(rule.close(make_at(14), "blind")) == []


def test_visit_that_is_too_long_by_what_is_asked_for_now() -> None:
    rule = ZoneRule(WAITING)
    assert overstayed(seen(rule, {"a": "iiiiiiiiii"})) == []
    rule.change(replace(WAITING, overstay_s=5.0), make_at(9))
    assert overstayed(seen(rule, {"a": "iiii"}, 10)) == [("a", 0, 10)]
    # The same visit once, whatever is asked for.
    rule.change(replace(WAITING, overstay_s=15.0), make_at(14))
    assert overstayed(seen(rule, {"a": "iiiiiiiii"}, 14)) == []
