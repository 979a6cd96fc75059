from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.event import LineCrossed, LineState
from agent.core.geometry import Line
from agent.presence.line import LineRule
from tests.builders import BEGIN, make_at, make_track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.geometry import Point

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")

# A gate at x = 500, from y = 100 to y = 400; who stands at x > 500 is in. Everybody is 100 px
# tall, so that feet are sure of their side from 20 px on.
GATE = Line("gate", (500, 100), (500, 400), inside=(600, 250))


def day_of(at: Instant) -> date:
    return at.utc.astimezone(HANOI).date()


def rule_of(line: Line) -> LineRule:
    return LineRule(line, day_of)


def walk(rule: LineRule, way: Iterable[Point | None], begin_s: float = 0.0) -> list[str]:
    """Directions told while somebody is at these points, ten a second; None: not seen there."""
    told: list[str] = []
    origin: Point | None = None
    point: Point | None = None
    for i, seen in enumerate(way):
        seconds = begin_s + i / 10
        point, origin = seen or point, origin or seen
        tracks = []
        if point:
            seen_s = seconds if seen else seconds - 1
            tracks = [make_track(point, seconds, origin=origin, seen_s=seen_s)]
        told += [crossing(event).direction for event in rule.update(tracks, make_at(seconds))]
    return told


def crossing(event: Event) -> LineCrossed:
    assert isinstance(event, LineCrossed)
    return event


def along(*xs: float, y: float = 250) -> list[Point]:
    """A way across the gate at one height."""
    return [(x, y) for x in xs]


@pytest.mark.parametrize("turned", [False, True], ids=["start first", "end first"])
@pytest.mark.parametrize("mirrored", [False, True], ids=["inside right", "inside left"])
@pytest.mark.parametrize(
    ("way", "directions"),
    [
        # Straight through, in small steps and in one.
        (along(400, 440, 480, 520, 560), ["in"]),
        (along(560, 520, 480, 440, 400), ["out"]),
        (along(300, 700), ["in"]),
        # In and out again, and three times.
        (along(400, 600, 400), ["in", "out"]),
        (along(400, 600, 400, 600), ["in", "out", "in"]),
        # Feet that jitter on the line before they go through, go back, or stay.
        (along(400, 495, 505, 493, 508, 499, 502, 560), ["in"]),
        (along(400, 495, 505, 493, 508, 499, 502, 440), []),
        (along(400, 495, 505, 493, 508, 499, 502, 493, 507), []),
        # U-turns in the band: from outside, from inside, and standing on the line itself.
        (along(400, 490, 515, 490, 400), []),
        (along(600, 510, 485, 510, 600), []),
        (along(400, 500, 500, 400), []),
        (along(400, 500, 500, 600), ["in"]),
        (along(600, 500, 400), ["out"]),
        # Just outside the band and just in it, on the far side.
        (along(400, 519), []),
        (along(400, 520), ["in"]),
        # Not over the line at all.
        (along(400, 450, 499, 450), []),
        # Appearing in the band: nobody knows from where, so going on tells nothing.
        (along(495, 560), []),
        (along(505, 440), []),
        (along(500, 560), []),
        # But once on a sure side, the next crossing counts.
        (along(495, 560, 400), ["out"]),
        (along(505, 440, 600), ["in"]),
        # Standing still, on either side.
        (along(*[400] * 20), []),
        (along(*[600] * 20), []),
        # Beyond the ends of the segment: above and below.
        (along(400, 600, y=50), []),
        (along(400, 600, y=450), []),
        # Touching an end counts.
        (along(400, 600, y=100), ["in"]),
        # Round the end one way, through the gate the other way.
        ([(400, 250), (400, 50), (600, 50), (600, 250), (400, 250)], ["out"]),
        # Over the line outside the segment, and along it in the band: still not through.
        ([(400, 50), (510, 50), (510, 250), (600, 250)], []),
        # Through in the band, out of the band beyond the end.
        ([(400, 250), (510, 250), (510, 50), (600, 50)], ["in"]),
        # Slantwise.
        ([(400, 150), (600, 350)], ["in"]),
        ([(400, 90), (600, 90)], []),
    ],
)
def test_crossing(way: list[Point], directions: list[str], *, turned: bool, mirrored: bool) -> None:
    start, end = (GATE.end, GATE.start) if turned else (GATE.start, GATE.end)
    if mirrored:
        # The same picture seen in a mirror: inside is now at the left.
        way = [(1000 - x, y) for x, y in way]
    rule = rule_of(Line("gate", start, end, (400 if mirrored else 600, 250)))
    assert walk(rule, way) == directions


@pytest.mark.parametrize(
    ("inside", "directions"),
    # Any point on the inner side tells the same: near, far, off the segment's height.
    [((501, 250), ["in"]), ((9000, -500), ["in"]), ((499, 250), ["out"]), ((-9000, 9000), ["out"])],
)
def test_crossing_inside_point(inside: Point, directions: list[str]) -> None:
    assert walk(rule_of(Line("gate", (500, 100), (500, 400), inside)), along(400, 600)) == directions


@pytest.mark.parametrize(
    ("line", "way", "directions"),
    [
        # From the lower left to the upper right; inside is above.
        (Line("gate", (100, 400), (400, 100), (100, 100)), [(300, 300), (200, 200)], ["in"]),
        (Line("gate", (100, 400), (400, 100), (100, 100)), [(200, 200), (300, 300)], ["out"]),
        (Line("gate", (400, 100), (100, 400), (100, 100)), [(300, 300), (200, 200)], ["in"]),
        # A step across its end, which the endless line would count.
        (Line("gate", (100, 400), (400, 100), (100, 100)), [(460, 80), (400, 20)], []),
        # Level, inside is below: who comes nearer comes in.
        (Line("gate", (100, 250), (500, 250), (300, 300)), [(300, 200), (300, 300)], ["in"]),
        # A shallow slope, walked along: 19 px away from the line is in the band, 21 px is not.
        (Line("gate", (0, 200), (1000, 300), (0, 400)), [(100, 160), (400, 240), (700, 289)], []),
        (Line("gate", (0, 200), (1000, 300), (0, 400)), [(100, 160), (400, 240), (700, 292)], ["in"]),
    ],
)
def test_crossing_slanted_line(line: Line, way: list[Point], directions: list[str]) -> None:
    assert walk(rule_of(line), way) == directions


@pytest.mark.parametrize(
    ("height_px", "x", "directions"),
    [
        # The band is a fifth of the person: 40 px for one of 200 px, 2 px at least.
        (200, 539, []),
        (200, 541, ["in"]),
        (50, 509, []),
        (50, 511, ["in"]),
        (5, 501.5, []),
        (5, 502.5, ["in"]),
    ],
)
def test_crossing_band_grows_with_the_person(height_px: float, x: float, directions: list[str]) -> None:
    rule, told = rule_of(GATE), []
    for i, feet in enumerate(along(300, x)):
        track = make_track(feet, i, height_px=height_px)
        told += [crossing(event).direction for event in rule.update([track], make_at(i))]
    assert told == directions


def test_crossing_of_a_track_told_after_it() -> None:
    # First sighted before the line, told of only beyond it.
    track = make_track((560, 250), 1.0, origin=(420, 250))
    (event,) = rule_of(GATE).update([track], make_at(1.0))
    assert crossing(event).direction == "in"


@pytest.mark.parametrize(
    ("origin", "feet"),
    [
        # First sighted in the band, on the same side, or past the end of the gate.
        ((495, 250), (560, 250)),
        ((540, 250), (560, 250)),
        ((420, 50), (560, 50)),
    ],
)
def test_no_crossing_of_a_track_told_late(origin: Point, feet: Point) -> None:
    assert list(rule_of(GATE).update([make_track(feet, 1.0, origin=origin)], make_at(1.0))) == []


def test_crossing_only_where_feet_were_seen() -> None:
    # A track that coasts over the line has not crossed it; it may have turned behind the pillar.
    rule = rule_of(GATE)
    assert walk(rule, along(400, 450)) == []
    coasting = [make_track((560, 250), 0.2 + i / 10, seen_s=0.1) for i in range(10)]
    assert [list(rule.update([track], make_at(0.2 + i / 10))) for i, track in enumerate(coasting)] == [
        []
    ] * 10
    (event,) = rule.update([make_track((570, 250), 1.3)], make_at(1.3))
    assert crossing(event).direction == "in"


def test_crossing_event() -> None:
    rule = rule_of(GATE)
    list(rule.update([make_track((400, 250), 0.0, "t5")], make_at(0.0)))
    at = make_at(0.5)
    assert list(rule.update([make_track((600, 250), 0.5, "t5")], at)) == [
        LineCrossed(rule="gate", at=at, direction="in", track="t5", confidence=0.77)
    ]
    assert rule.state == LineState(rule="gate", since=at, in_count=1, out_count=0)


def test_crossing_of_several() -> None:
    rule = rule_of(GATE)
    before = [make_track((400, 200), 0, "a"), make_track((600, 300), 0, "b"), make_track((480, 250), 0, "c")]
    after = [make_track((600, 200), 1, "a"), make_track((400, 300), 1, "b"), make_track((490, 250), 1, "c")]
    assert list(rule.update(before, make_at(0))) == []
    events = [crossing(event) for event in rule.update(after, make_at(1))]
    assert [(event.track, event.direction) for event in events] == [("a", "in"), ("b", "out")]
    assert counts(rule) == (1, 1)


def test_crossing_forgets_tracks_that_are_gone() -> None:
    # Should an id ever come again, it is somebody new.
    rule = rule_of(GATE)
    assert walk(rule, along(400)) == []
    assert list(rule.update([], make_at(1))) == []
    assert walk(rule, along(600), begin_s=2) == []


def counts(rule: LineRule) -> tuple[int, int]:
    assert rule.state is not None
    return rule.state.in_count, rule.state.out_count


def test_state_before_the_first_frame() -> None:
    assert rule_of(GATE).state is None


def test_state_of_an_empty_scene() -> None:
    rule = rule_of(GATE)
    list(rule.update([], make_at(3)))
    assert rule.state == LineState(rule="gate", since=make_at(3), in_count=0, out_count=0)
    before = rule.state
    list(rule.update([], make_at(4)))
    # Nothing changed, so nothing is to be told anew.
    assert rule.state is before


def test_state_counts_since_local_midnight() -> None:
    # Recordings begin at 07:00 in Hanoi; midnight there is 17 h later, at 17:00 UTC.
    rule, midnight_s = rule_of(GATE), 17 * 3600.0
    assert day_of(make_at(midnight_s)) == day_of(make_at(0)) + timedelta(days=1)
    assert walk(rule, along(400, 600, 400), begin_s=10) == ["in", "out"]
    assert walk(rule, along(400, 600), begin_s=midnight_s - 0.5) == ["in"]
    assert counts(rule) == (2, 1)
    # No event is needed for a new day to begin.
    list(rule.update([], make_at(midnight_s)))
    assert rule.state == LineState(rule="gate", since=make_at(midnight_s), in_count=0, out_count=0)
    assert walk(rule, along(400, 600), begin_s=midnight_s + 1) == ["in"]
    assert counts(rule) == (1, 0)


def test_state_crossing_at_midnight_counts_for_the_new_day() -> None:
    rule, midnight_s = rule_of(GATE), 17 * 3600.0
    assert walk(rule, along(400), begin_s=midnight_s - 0.1) == []
    (event,) = rule.update([make_track((600, 250), midnight_s)], make_at(midnight_s))
    assert crossing(event).at.utc == BEGIN + timedelta(hours=17)
    assert counts(rule) == (1, 0)


@pytest.mark.parametrize("why", ["stopped", "blind", "restarted"])
def test_close_ends_nothing(why: EndedWhy) -> None:
    rule = rule_of(GATE)
    assert walk(rule, along(400, 600)) == ["in"]
    assert list(rule.close(make_at(1), why)) == []
    assert counts(rule) == (1, 0)
    # Whoever is followed after that is new.
    assert walk(rule, along(400), begin_s=2) == []


def test_close_blind_keeps_the_counts() -> None:
    rule, midnight_s = rule_of(GATE), 17 * 3600.0
    assert walk(rule, along(400, 600, 400)) == ["in", "out"]
    before = rule.state
    assert list(rule.close(make_at(10), "blind")) == []
    list(rule.update([], make_at(60)))
    assert rule.state is before
    # Also those of a day that ended meanwhile are not those of the next.
    assert list(rule.close(make_at(70), "blind")) == []
    list(rule.update([], make_at(midnight_s + 5)))
    assert rule.state == LineState(rule="gate", since=make_at(midnight_s + 5), in_count=0, out_count=0)


ways = st.lists(
    st.none()
    | st.tuples(st.integers(380, 620), st.integers(0, 500)).map(lambda p: (float(p[0]), float(p[1]))),
    max_size=40,
)
# Longer than any way: nobody goes round its ends.
ENDLESS = Line("gate", (500, -10_000), (500, 10_000), (600, 0))


@given(ways)
@settings(deadline=None)
def test_crossings_of_one_track_alternate(way: Sequence[Point | None]) -> None:
    rule = rule_of(ENDLESS)
    told = walk(rule, way)
    assert all(before != after for before, after in pairwise(told))
    if way:
        assert counts(rule) == (told.count("in"), told.count("out"))
        assert abs(told.count("in") - told.count("out")) <= 1


@given(ways)
@settings(deadline=None)
def test_crossings_of_an_endless_line_are_changes_of_the_sure_side(way: Sequence[Point | None]) -> None:
    # What is left of the way when all points in the band are taken out.
    sides = [point[0] > 500 for point in way if point and abs(point[0] - 500) >= 20]
    changes = ["in" if after else "out" for before, after in pairwise(sides) if before != after]
    assert walk(rule_of(ENDLESS), way) == changes


@given(ways)
@settings(deadline=None)
def test_crossings_do_not_depend_on_how_a_line_is_drawn(way: Sequence[Point | None]) -> None:
    turned = Line("gate", GATE.end, GATE.start, GATE.inside)
    swapped = Line("gate", GATE.start, GATE.end, (400, 250))
    told = walk(rule_of(GATE), way)
    assert walk(rule_of(turned), way) == told
    # With the inner side at the left every in is an out.
    assert walk(rule_of(swapped), way) == [{"in": "out", "out": "in"}[direction] for direction in told]
