from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.event import ZoneEntered, ZoneLeft, ZoneOccupied, ZoneVacated
from agent.core.geometry import Zone
from agent.presence.zone import ZoneRule
from tests.builders import make_at, make_track

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agent.core.event import EndedWhy, Event
    from agent.core.geometry import Point, Polygon
    from agent.core.track import Track

# An L: its notch, where nobody is in, is at the upper right.
CORNER: Polygon = ((0, 0), (400, 0), (400, 600), (1000, 600), (1000, 1000), (0, 1000))
IN: Point = (200, 300)
OUT: Point = (700, 300)
NEAR: Point = (405, 300)


def rule_of(min_dwell_s: float = 1.0, polygon: Polygon = CORNER) -> ZoneRule:
    return ZoneRule(Zone("staff", polygon, min_dwell_s))


def tracks_of(where: Mapping[str, str], seconds: float) -> list[Track]:
    """Tracks by what is seen of them: `i` in the zone, `o` out of it, `n` hardly, `?` not seen at all."""
    return [
        make_track(
            {"o": OUT, "n": NEAR}.get(what, IN),
            seconds,
            track_id,
            seen_s=seconds - 1 if what == "?" else seconds,
        )
        for track_id, what in where.items()
        if what != " "
    ]


def seen(rule: ZoneRule, rows: Mapping[str, str], begin_s: float = 0.0) -> list[Event]:
    """Events while persons are in the zone (`i`), out (`o`, `n`), unseen (`?`), or no track (a space).

    Each letter is a tenth of a second; when a row ends its track does.
    """
    events: list[Event] = []
    for i in range(max(len(row) for row in rows.values())):
        seconds = begin_s + i / 10
        where = {name: row.ljust(i + 1)[i] for name, row in rows.items()}
        events += rule.update(tracks_of(where, seconds), make_at(seconds))
    return events


def told(events: Iterable[Event]) -> list[str]:
    """Events in a few words, with seconds: `0.5 entered a since 0.0 count 1`."""
    words = []
    for event in events:
        begin = f"{event.at.monotonic_s:.1f}"
        match event:
            case ZoneEntered():
                since = f"{event.since.monotonic_s:.1f}"
                words.append(f"{begin} entered {event.track} since {since} count {event.count}")
            case ZoneLeft():
                words.append(
                    f"{begin} left {event.track} dwell {event.dwell_s:.1f} count {event.count} {event.why}"
                )
            case ZoneOccupied():
                words.append(f"{begin} occupied since {event.since.monotonic_s:.1f}")
            case ZoneVacated():
                words.append(f"{begin} vacated after {event.occupied_s:.1f} {event.why}")
            case _:
                pytest.fail(f"not of a zone: {event}")
    return words


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # Nobody near, and somebody who never comes in.
        ("          ", []),
        ("oooooooooooooooooooo", []),
        # A passer-by, in for less than a second.
        ("oiiiiiiiiiiooooooooooooo", []),
        # In for a second: told then, and that it began at the first sighting inside.
        ("iiiiiiiiiii", ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"]),
        ("oooiiiiiiiiiii", ["1.3 entered a since 0.3 count 1", "1.3 occupied since 0.3"]),
        # Leaving is told once somebody is out for a second; the visit ended where last seen inside.
        (
            "iiiiiiiiiiiiiiiooooooooooo",
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "2.5 left a dwell 1.4 count 0 seen",
                "2.5 vacated after 1.4 seen",
            ],
        ),
        # Flapping on the border: out for less than a second is still in.
        (
            "iiiiiiiiiiioiooioooooooooiiiii",
            ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"],
        ),
        # Also before it is told: the way over the border and back is one stay.
        ("iiiiiooiiiii", ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"]),
        ("iooooooooi", []),
        # Out for a second and in again: two visits of one track.
        (
            "iiiiiiiiiiiioooooooooooiiiiiiiiiii",
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "2.2 left a dwell 1.1 count 0 seen",
                "2.2 vacated after 1.1 seen",
                "3.3 entered a since 2.3 count 1",
                "3.3 occupied since 2.3",
            ],
        ),
        # A passer-by who comes back later was gone in between: the stays do not add up.
        ("iiiiiiiiiooooooooooooooiiiiiiiii", []),
        # Nobody sees them: neither in nor out, however long.
        (
            "iiiiiiiiiii??????????????????????????iii",
            ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"],
        ),
        # Unseen time inside counts for the stay once they are seen inside again.
        ("i????????????i", ["1.3 entered a since 0.0 count 1", "1.3 occupied since 0.0"]),
        # The track ended: last seen inside, then no more.
        (
            "iiiiiiiiiiiii??????   ",
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "1.9 left a dwell 1.2 count 0 lost",
                "1.9 vacated after 1.2 lost",
            ],
        ),
        # Lost before anybody was told: silence.
        ("iiiii   ", []),
        # Seen to step out, then not seen any more: they left.
        (
            "iiiiiiiiiiiioo????????????",
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "2.2 left a dwell 1.1 count 0 seen",
                "2.2 vacated after 1.1 seen",
            ],
        ),
        # One look outside may lie: in spite of it they stay, for a while.
        (
            "iiiiiiiiiiiio" + "?" * 25 + "i",
            ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"],
        ),
        (
            "iiiiiiiiiiiio" + "?" * 30,
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "4.2 left a dwell 1.1 count 0 seen",
                "4.2 vacated after 1.1 seen",
            ],
        ),
        # A track that ends outside has left; that it was there no more is not what ended the visit.
        (
            "iiiiiiiiiiiio ",
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "1.3 left a dwell 1.1 count 0 seen",
                "1.3 vacated after 1.1 seen",
            ],
        ),
        # Beside the border, by less than a tenth of the person: that may be jitter, who was in is in.
        (
            "iiiiiiiiiiiinnnnnnnnnnnnnnnnnnnniiii",
            ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"],
        ),
        ("nnnnnnnnnnnnnnnnnnnn", []),
        # Who steps out and comes back beside it is not out; who stays out is, since the first step.
        (
            "iiiiiiiiiiiinnnnoonnnnnnnnnnnnnnnnn",
            ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"],
        ),
        (
            "iiiiiiiiiiiinnnnoooonooooooo",
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "2.6 left a dwell 1.5 count 0 seen",
                "2.6 vacated after 1.5 seen",
            ],
        ),
    ],
)
def test_visit(row: str, expected: list[str]) -> None:
    assert told(seen(rule_of(), {"a": row})) == expected


@pytest.mark.parametrize(
    ("min_dwell_s", "row", "expected"),
    [
        # None at all: the first sighting inside is told at once.
        (0.0, "oi", ["0.1 entered a since 0.1 count 1", "0.1 occupied since 0.1"]),
        (0.0, "iooooooooooo", [
            "0.0 entered a since 0.0 count 1", "0.0 occupied since 0.0",
            "1.1 left a dwell 0.0 count 0 seen", "1.1 vacated after 0.0 seen",
        ]),
        # Longer than most: two seconds do not do, three do.
        (3.0, "i" * 30 + "o" * 20, []),
        (3.0, "i" * 31, ["3.0 entered a since 0.0 count 1", "3.0 occupied since 0.0"]),
    ],
)  # fmt: skip
def test_visit_min_dwell(min_dwell_s: float, row: str, expected: list[str]) -> None:
    assert told(seen(rule_of(min_dwell_s), {"a": row})) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # First in occupies, last out vacates; who leaves goes before who comes.
        (
            {"a": "iiiiiiiiiiiiiiooooooooooo", "b": "     iiiiiiiiiiiiiiiiiiiiiii"},
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "1.5 entered b since 0.5 count 2",
                "2.4 left a dwell 1.3 count 1 seen",
            ],
        ),
        # Both at once, and both lost at once.
        (
            {"a": "iiiiiiiiiiiii ", "b": "iiiiiiiiiiiii "},
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "1.0 entered b since 0.0 count 2",
                "1.3 left a dwell 1.2 count 1 lost",
                "1.3 left b dwell 1.2 count 0 lost",
                "1.3 vacated after 1.2 lost",
            ],
        ),
        # One goes as the other is told: the count is never 2, and the zone changes hands.
        (
            {"a": "iiiiiiiiiiiooooooooooo ", "b": "           iiiiiiiiiiii"},
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "2.1 left a dwell 1.0 count 0 seen",
                "2.1 vacated after 1.0 seen",
                "2.1 entered b since 1.1 count 1",
                "2.1 occupied since 1.1",
            ],
        ),
        # The one who came first stays longer: occupied from the first to the last sighting of all.
        (
            {"a": "iiiiiiiiiiiiiiiiiiiiiiiiiiiiii ", "b": "     iiiiiiiiiiiii "},
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "1.5 entered b since 0.5 count 2",
                "1.8 left b dwell 1.2 count 1 lost",
                "3.0 left a dwell 2.9 count 0 lost",
                "3.0 vacated after 2.9 lost",
            ],
        ),
        # A passer-by changes nothing for those who are in.
        (
            {"a": "iiiiiiiiiiiiiiiiiiiiiiiiiiiiii", "b": "oooooooiiiiiiiooooooooooo"},
            ["1.0 entered a since 0.0 count 1", "1.0 occupied since 0.0"],
        ),
    ],
)  # fmt: skip
def test_two_persons(rows: dict[str, str], expected: list[str]) -> None:
    assert told(seen(rule_of(), rows)) == expected


@pytest.mark.parametrize(
    ("feet", "inside"),
    [
        # The two arms of the L, its notch, and beyond it on all sides.
        ((200, 300), True),
        ((200, 900), True),
        ((900, 900), True),
        ((700, 300), False),
        ((401, 599), False),
        ((-1, 500), False),
        ((500, 1001), False),
        ((1001, 800), False),
    ],
)
def test_visit_is_by_the_feet(feet: Point, *, inside: bool) -> None:
    rule = rule_of(0.0)
    events = list(rule.update([make_track(feet, 0.0)], make_at(0.0)))
    assert bool(events) is inside


@pytest.mark.parametrize(
    ("origin", "first_s", "since_s"),
    [
        # First sighted inside, before anybody heard of the track: that is when the stay began.
        (IN, 4.6, 4.6),
        # First sighted outside, or this moment: it begins now.
        (OUT, 4.6, 5.0),
        (IN, 5.0, 5.0),
    ],
)
def test_visit_begins_at_the_first_sighting(origin: Point, first_s: float, since_s: float) -> None:
    rule = rule_of(0.0)
    track = make_track(IN, 5.0, "a", origin=origin, first_s=first_s)
    entered, occupied = rule.update([track], make_at(5.0))
    assert isinstance(entered, ZoneEntered)
    assert isinstance(occupied, ZoneOccupied)
    assert entered.since == occupied.since == make_at(since_s)
    (left, _) = rule.update([], make_at(6.0))
    assert isinstance(left, ZoneLeft)
    assert left.dwell_s == 5.0 - since_s


def test_visit_after_the_first_begins_where_it_was_seen() -> None:
    # Also one that begins anew after all was closed: the track's own beginning is long told.
    rule = rule_of(0.0)
    for at_s in (5.0, 5.1):
        list(rule.update([make_track(IN, at_s, "a", origin=IN, first_s=4.6)], make_at(at_s)))
    assert len(list(rule.close(make_at(5.2), "closed"))) == 2
    entered, _ = rule.update([make_track(IN, 5.3, "a", origin=IN, first_s=4.6)], make_at(5.3))
    assert isinstance(entered, ZoneEntered)
    assert entered.since == make_at(5.3)


def test_passer_by_known_from_the_first_sighting_on() -> None:
    # In for .9 s before the track was told of, and out since: too short.
    rule = rule_of()
    outside = [make_track(OUT, 1 + i / 10, "a", origin=IN, first_s=0.1) for i in range(30)]
    assert [
        event for i, track in enumerate(outside) for event in rule.update([track], make_at(1 + i / 10))
    ] == []


def test_spells_do_not_overlap() -> None:
    # b came while a was there, and is told only after a has left: one spell ends, the next begins.
    rows = {"a": "i" * 40 + " ", "b": " " * 20 + "i" * 32 + "o" * 12}
    rule = rule_of(3.0)
    assert told(seen(rule, rows)) == [
        "3.0 entered a since 0.0 count 1",
        "3.0 occupied since 0.0",
        "4.0 left a dwell 3.9 count 0 lost",
        "4.0 vacated after 3.9 lost",
        "5.0 entered b since 2.0 count 1",
        "5.0 occupied since 3.9",
        "6.2 left b dwell 3.1 count 0 seen",
        "6.2 vacated after 1.2 seen",
    ]


@pytest.mark.parametrize("looks_per_s", [1, 2])
def test_one_jittery_look_at_a_slow_pace_is_no_leaving(looks_per_s: int) -> None:
    rule = rule_of()
    events: list[Event] = []
    for i, what in enumerate("iiioiiiioiii"):
        events += rule.update(tracks_of({"a": what}, i / looks_per_s), make_at(i / looks_per_s))
    assert [event.TYPE for event in events] == ["zone.entered", "zone.occupied"]


def test_several_zones_do_not_know_of_each_other() -> None:
    left = ZoneRule(Zone("left", ((0, 0), (500, 0), (500, 1000), (0, 1000)), 0.5))
    right = ZoneRule(Zone("right", ((500, 0), (1000, 0), (1000, 1000), (500, 1000)), 0.5))
    # Their common border belongs to one of them: nobody falls between two zones.
    both = ZoneRule(Zone("both", ((0, 0), (1000, 0), (1000, 1000), (0, 1000)), 0.5))
    events: list[Event] = []
    for i in range(40):
        track = make_track((300 if i < 10 else 500 if i < 20 else 700, 500), i / 10)
        for rule in (left, right, both):
            events += rule.update([track], make_at(i / 10))
    assert [(event.rule, event.TYPE) for event in events] == [
        ("left", "zone.entered"),
        ("left", "zone.occupied"),
        ("both", "zone.entered"),
        ("both", "zone.occupied"),
        ("right", "zone.entered"),
        ("right", "zone.occupied"),
        ("left", "zone.left"),
        ("left", "zone.vacated"),
    ]


@pytest.mark.parametrize("why", ["stopped", "blind", "closed", "restarted"])
def test_close(why: EndedWhy) -> None:
    rule = rule_of()
    seen(rule, {"a": "iiiiiiiiiiiii????", "b": "   iiiiiiiiiiiiii", "passer": "             iiii"})
    assert told(rule.close(make_at(5.0), why)) == [
        f"5.0 left a dwell 1.2 count 1 {why}",
        f"5.0 left b dwell 1.3 count 0 {why}",
        f"5.0 vacated after 1.6 {why}",
    ]
    # Everything is closed now; who is still there afterwards begins anew.
    assert told(rule.close(make_at(6.0), why)) == []
    assert told(seen(rule, {"b": "iiiiiiiiiii"}, begin_s=7.0))[0] == "8.0 entered b since 7.0 count 1"


def test_close_before_anything() -> None:
    assert list(rule_of().close(make_at(0), "stopped")) == []


def test_event_values() -> None:
    rule = rule_of()
    entered, occupied, left, vacated = seen(rule, {"t5": "iiiiiiiiiiiiiiooooooooooo"}, begin_s=100.0)
    since, at = make_at(100.0), make_at(100.0 + 24 / 10)
    told_at = make_at(101.0)
    assert entered == ZoneEntered(rule="staff", at=told_at, since=since, count=1, track="t5")
    assert occupied == ZoneOccupied(rule="staff", at=told_at, since=since)
    dwell_s = make_at(100.0 + 13 / 10).monotonic_s - 100.0
    assert left == ZoneLeft(
        rule="staff", at=at, since=since, count=0, track="t5", dwell_s=dwell_s, why="seen"
    )
    assert vacated == ZoneVacated(rule="staff", at=at, since=since, occupied_s=dwell_s, why="seen")


# Some gaps are longer than the grace and the least stay, some are not.
scenes = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.4, 1.0, 3.0]),
        st.dictionaries(st.sampled_from("abc"), st.sampled_from("iiiono?"), max_size=3),
    ),
    max_size=50,
)


def played(rule: ZoneRule, scene: Sequence[tuple[float, dict[str, str]]]) -> Iterable[list[Event]]:
    """The events of each frame; closed at the end."""
    now_s = 0.0
    known: set[str] = set()
    for gap_s, where in scene:
        now_s += gap_s
        # A track is seen before it can be unseen.
        known = {name for name, what in where.items() if what != "?" or name in known}
        frame = {name: where[name] for name in where if name in known}
        yield list(rule.update(tracks_of(frame, now_s), make_at(now_s)))
    yield list(rule.close(make_at(now_s + 1), "stopped"))


@given(scenes, st.sampled_from([0.0, 0.5, 1.0, 2.0]))
@settings(deadline=None)
def test_whatever_happens_in_a_zone(scene: list[tuple[float, dict[str, str]]], min_dwell_s: float) -> None:
    inside: dict[str, ZoneEntered] = {}
    occupied: ZoneOccupied | None = None
    times_s: list[float] = []
    empty_since_s = 0.0
    for events in played(rule_of(min_dwell_s), scene):
        for event in events:
            times_s.append(event.at.monotonic_s)
            match event:
                case ZoneEntered():
                    # Nobody enters twice, and the count is who is inside.
                    assert event.track not in inside
                    inside[event.track] = event
                    assert event.since.monotonic_s + min_dwell_s <= event.at.monotonic_s
                case ZoneLeft():
                    # Each visit ends once, with the beginning it was told with.
                    assert event.since == inside.pop(event.track).since
                    assert min_dwell_s <= event.dwell_s
                    assert event.since.monotonic_s + event.dwell_s <= event.at.monotonic_s + 1e-9
                case ZoneOccupied():
                    assert occupied is None
                    assert event.since.monotonic_s >= empty_since_s
                    occupied = event
                case ZoneVacated():
                    assert occupied is not None
                    assert (event.since, inside) == (occupied.since, {})
                    assert 0 <= event.occupied_s <= event.at.monotonic_s - event.since.monotonic_s
                    # To float noise: a spell never begins before the last one ended.
                    empty_since_s = event.since.monotonic_s + event.occupied_s - 1e-9
                    occupied = None
                case _:
                    pytest.fail(f"not of a zone: {event}")
            if isinstance(event, ZoneEntered | ZoneLeft):
                assert event.count == len(inside)
        # Between frames the zone is occupied while somebody is in it.
        assert bool(inside) is bool(occupied)
    # After close nothing is open.
    assert not inside
    assert occupied is None
    assert all(before <= after for before, after in pairwise(times_s))
