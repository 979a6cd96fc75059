from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.core.event import LineCrossed
from agent.core.geometry import Line
from agent.presence.line import LineRule
from tests.builders import make_at, make_track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.core.event import EndedWhy, Event
    from agent.core.geometry import Point

# A gate at x = 500, from y = 100 to y = 400; who stands at x > 500 is in. Everybody is 100 px
# tall, so that feet are sure of their side from 30 px on, or from 20 px on at a second look.
GATE = Line("gate", (500, 100), (500, 400), inside=(600, 250))


def rule_of(line: Line) -> LineRule:
    return LineRule(line)


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
        (along(400, 519, 519, 519), []),
        # Little beyond it once may be jitter; twice, or well beyond it once, is sure.
        (along(400, 529), []),
        (along(400, 525, 525), ["in"]),
        (along(400, 530), ["in"]),
        (along(400, 525, 480, 400), []),
        # A single look far off the way, of a box that took in two people, is believed: a known weakness.
        (along(400, 600, 400, 400), ["in", "out"]),
        # Who walks evenly is sure at the first look beyond the band.
        (along(401, 431, 461, 491, 521), ["in"]),
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
        # A shallow slope, walked along: 19 px away from the line is in the band, 31 px is beyond.
        (Line("gate", (0, 200), (1000, 300), (0, 400)), [(100, 160), (400, 240), (700, 289)], []),
        (Line("gate", (0, 200), (1000, 300), (0, 400)), [(100, 160), (400, 240), (700, 302)], ["in"]),
    ],
)
def test_crossing_slanted_line(line: Line, way: list[Point], directions: list[str]) -> None:
    assert walk(rule_of(line), way) == directions


@pytest.mark.parametrize(
    ("height_px", "x", "directions"),
    [
        # The band is a fifth of the person, 2 px at least, and a tenth beyond it is sure.
        (200, 559, []),
        (200, 561, ["in"]),
        (50, 514, []),
        (50, 516, ["in"]),
        (5, 502, []),
        (5, 503, ["in"]),
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
    track = make_track((560, 250), 1.0, origin=(420, 250), first_s=0.8)
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
    assert list(rule_of(GATE).update([make_track(feet, 1.0, origin=origin, first_s=0.8)], make_at(1.0))) == []


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


def test_line_of_later_begins_with_a_sighting() -> None:
    """Where somebody is predicted to be when the line comes is no side that they were on."""
    rule = LineRule(GATE, 1.0)
    coasting = make_track((560, 250), 1.0, first_s=0.0, seen_s=0.9)
    assert [list(rule.update([coasting], make_at(1.0 + i / 10))) for i in range(3)] == [[]] * 3
    told = [
        list(rule.update([make_track((x, 250), seconds, first_s=0.0, seen_s=seconds)], make_at(seconds)))
        for seconds, x in ((1.4, 440), (1.5, 430), (1.6, 420))
    ]
    assert told == [[]] * 3
    (event,) = rule.update([make_track((560, 250), 1.7, first_s=0.0, seen_s=1.7)], make_at(1.7))
    assert crossing(event).direction == "in"


@pytest.mark.parametrize(
    ("before", "gap_s", "origin", "after", "directions"),
    [
        # Lost before the line, found beyond it: one crossing, told of the new track.
        (along(400, 430, 460), 0.5, (540, 250), (560, 250), ["in"]),
        (along(600, 570, 540), 2.0, (460, 250), (440, 250), ["out"]),
        # Lost and found on one side: none, whichever it is.
        (along(400, 430, 460), 0.5, (470, 250), (450, 250), []),
        (along(600, 570, 540), 0.5, (530, 250), (560, 250), []),
        # Lost on the line itself: what was sure before still holds.
        (along(400, 430, 500), 0.5, (505, 250), (560, 250), ["in"]),
        (along(400, 430, 500), 0.5, (505, 250), (440, 250), []),
        # Crossed before they were lost: not again.
        (along(400, 560), 0.5, (540, 250), (570, 250), ["in"]),
        # Too late, or too far off: somebody else, who has crossed nothing.
        (along(400, 430, 460), 4.5, (540, 250), (560, 250), []),
        (along(400, 430, 440), 0.5, (545, 250), (560, 250), []),
        (along(400, 430, 460), 0.5, (540, 390), (560, 390), []),
        # Past the end of the gate.
        (along(400, 430, 460, y=50), 0.5, (540, 50), (560, 50), []),
    ],
)
def test_crossing_of_who_is_lost_and_found(
    before: list[Point], gap_s: float, origin: Point, after: Point, directions: list[str]
) -> None:
    rule = rule_of(GATE)
    told = walk(rule, before)
    first_s = (len(before) - 1) / 10 + gap_s
    # The new track is told of at its second sighting; the old one is still there, or already gone.
    found = make_track(after, first_s + 0.2, "new", origin=origin, first_s=first_s)
    told += [crossing(event).direction for event in rule.update([found], make_at(first_s + 0.2))]
    assert told == directions


def test_who_is_lost_is_found_once() -> None:
    rule = rule_of(GATE)
    walk(rule, along(400, 430, 460))
    tracks = [
        make_track((560, y), 1.2, name, origin=(540, y), first_s=1.0)
        for name, y in (("a", 260), ("b", 240.0))
    ]
    # Both are as near; only one of them can be who was lost.
    assert [crossing(event).track for event in rule.update(tracks, make_at(1.2))] == ["a"]


@pytest.mark.parametrize("height_px", [70.0, 140.0])
def test_who_is_found_is_as_tall(height_px: float) -> None:
    rule = rule_of(GATE)
    walk(rule, along(400, 430, 460))
    found = make_track((560, 250), 1.2, "new", origin=(540, 250), first_s=1.0, height_px=height_px)
    assert list(rule.update([found], make_at(1.2))) == []


def test_who_is_still_seen_is_not_lost() -> None:
    rule = rule_of(GATE)
    walk(rule, along(400, 430, 460))
    tracks = [
        make_track((465, 250), 1.2),
        make_track((560, 250), 1.2, "new", origin=(540, 250), first_s=1.0),
    ]
    assert list(rule.update(tracks, make_at(1.2))) == []


def test_who_is_seen_again_was_not_lost() -> None:
    rule = rule_of(GATE)
    walk(rule, along(400, 430, 460))
    # Somebody new in the band, taken for the lost one, who then comes back.
    new = make_track((505, 250), 1.2, "new", origin=(505, 250), first_s=1.0)
    assert list(rule.update([make_track((460, 250), 1.2, seen_s=0.2), new], make_at(1.2))) == []
    back = make_track((450, 250), 1.3)
    assert list(rule.update([back, make_track((510, 250), 1.3, "new")], make_at(1.3))) == []
    assert list(rule.update([back, make_track((560, 250), 1.4, "new")], make_at(1.4))) == []


def test_box_that_grows_at_the_edge_crosses_nothing() -> None:
    # Who comes in at the lower edge is cut off there: feet stay, the box grows upwards.
    rule = rule_of(Line("gate", (0, 560), (1000, 560), (500, 0)))
    for i, height_px in enumerate((20, 40, 60, 80, 100, 120, 140)):
        track = make_track((500, 576), i / 10, height_px=height_px)
        assert list(rule.update([track], make_at(i / 10))) == []
    feet = [(500.0, y) for y in (560, 540, 520, 500)]
    tracks = [make_track(point, 1 + i / 10, height_px=140) for i, point in enumerate(feet)]
    told = [event for i, track in enumerate(tracks) for event in rule.update([track], make_at(1 + i / 10))]
    assert [crossing(event).direction for event in told] == ["in"]


def test_crossing_event() -> None:
    rule = rule_of(GATE)
    list(rule.update([make_track((400, 250), 0.0, "t5")], make_at(0.0)))
    at = make_at(0.5)
    assert list(rule.update([make_track((600, 250), 0.5, "t5")], at)) == [
        LineCrossed(rule="gate", at=at, direction="in", track="t5", confidence=0.77)
    ]


def test_crossing_of_several() -> None:
    rule = rule_of(GATE)
    before = [make_track((400, 200), 0, "a"), make_track((600, 300), 0, "b"), make_track((480, 250), 0, "c")]
    after = [make_track((600, 200), 1, "a"), make_track((400, 300), 1, "b"), make_track((490, 250), 1, "c")]
    assert list(rule.update(before, make_at(0))) == []
    events = [crossing(event) for event in rule.update(after, make_at(1))]
    assert [(event.track, event.direction) for event in events] == [("a", "in"), ("b", "out")]


def test_crossing_forgets_tracks_that_are_gone() -> None:
    # Should an id ever come again, it is somebody new.
    rule = rule_of(GATE)
    assert walk(rule, along(400)) == []
    assert list(rule.update([], make_at(10))) == []
    assert walk(rule, along(600), begin_s=20) == []
    assert set(rule._walkers) == {"t77"}


@pytest.mark.parametrize("why", ["stopped", "blind", "restarted"])
def test_close_ends_nothing(why: EndedWhy) -> None:
    rule = rule_of(GATE)
    assert walk(rule, along(400, 600)) == ["in"]
    assert list(rule.close(make_at(1), why)) == []
    # Whoever is followed after that is new.
    assert walk(rule, along(400), begin_s=2) == []


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
        assert abs(told.count("in") - told.count("out")) <= 1


@given(st.lists(ways, min_size=1, max_size=3))
@settings(deadline=None)
def test_in_minus_out_follows_who_is_where(people: Sequence[Sequence[Point | None]]) -> None:
    rule = rule_of(ENDLESS)
    # Who is seen this far from the line is surely there, whatever was before.
    inside: dict[str, int] = {}
    net: dict[str, int] = {}
    at_s = -1.0
    last: dict[str, tuple[Point, float]] = {}
    for i in range(max(map(len, people))):
        for number, way in enumerate(people):
            point = way[i] if i < len(way) else None
            if point:
                # Far apart, so that nobody goes on with another one's way.
                last[f"t{number}"] = ((point[0], point[1] + 2000 * number), i / 10)
        tracks = [make_track(feet, i / 10, name, seen_s=seen_s) for name, (feet, seen_s) in last.items()]
        events = [crossing(event) for event in rule.update(tracks, make_at(i / 10))]
        for event in events:
            assert event.at.monotonic_s >= at_s
            at_s = event.at.monotonic_s
            if event.track in net:
                net[event.track] += 1 if event.direction == "in" else -1
        # In the order of the tracks given, each once at the most.
        order = [event.track for event in events]
        assert order == [name for name in last if name in order]
        for name, ((x, _), seen_s) in last.items():
            if seen_s == i / 10 and abs(x - 500) >= 30:
                now = 1 if x > 500 else 0
                net.setdefault(name, 0)
                inside.setdefault(name, now)
                assert net[name] == now - inside[name]


@given(ways)
@example([(380.0, 0.0), (500.0, 0.0), (500.0, 100.0), (530.0, 0.0)])
@settings(deadline=None)
def test_crossings_do_not_depend_on_how_a_line_is_drawn(way: Sequence[Point | None]) -> None:
    turned = Line("gate", GATE.end, GATE.start, GATE.inside)
    swapped = Line("gate", GATE.start, GATE.end, (400, 250))
    told = walk(rule_of(GATE), way)
    assert walk(rule_of(turned), way) == told
    # With the inner side at the left every in is an out.
    assert walk(rule_of(swapped), way) == [{"in": "out", "out": "in"}[direction] for direction in told]
