from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.event import ZoneEntered, ZoneLeft, ZoneOccupied, ZoneState, ZoneVacated
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


def rule_of(min_dwell_s: float = 1.0, polygon: Polygon = CORNER) -> ZoneRule:
    return ZoneRule(Zone("staff", polygon, min_dwell_s))


def tracks_of(where: Mapping[str, str], seconds: float) -> list[Track]:
    """Tracks by what is seen of them: `i` in the zone, `o` out of it, `?` not seen at all."""
    return [
        make_track(
            OUT if what == "o" else IN, seconds, track_id, seen_s=seconds - 1 if what == "?" else seconds
        )
        for track_id, what in where.items()
        if what != " "
    ]


def seen(rule: ZoneRule, rows: Mapping[str, str], begin_s: float = 0.0) -> list[Event]:
    """Events while persons are in the zone (`i`), out (`o`), unseen (`?`), or no track (a space).

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
            "iiiiiiiiiiiio?????????????",
            [
                "1.0 entered a since 0.0 count 1",
                "1.0 occupied since 0.0",
                "2.2 left a dwell 1.1 count 0 seen",
                "2.2 vacated after 1.1 seen",
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
    # That nobody could be seen does not mean that nobody was there.
    empty = ZoneState(rule="staff", since=make_at(5.0), count=0)
    assert rule.state == (None if why == "blind" else empty)
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


def test_state_before_the_first_frame() -> None:
    assert rule_of().state is None


def test_state() -> None:
    rule = rule_of()
    seen(rule, {"a": "o"}, begin_s=3.0)
    assert rule.state == ZoneState(rule="staff", since=make_at(3.0), count=0)
    seen(rule, {"a": "iiiiiiiiiiiiiii"}, begin_s=4.0)
    assert rule.state == ZoneState(rule="staff", since=make_at(5.0), count=1)
    before = rule.state
    seen(rule, {"a": "iiiiiiiiiiii"}, begin_s=5.5)
    # Nothing changed, so nothing is to be told anew.
    assert rule.state is before
    list(rule.update([], make_at(7.0)))
    assert rule.state == ZoneState(rule="staff", since=make_at(7.0), count=0)


def test_state_after_blindness() -> None:
    rule = ZoneRule(Zone("staff", CORNER, 1.0), settle_s=2.0)

    def state() -> ZoneState | None:
        return rule.state

    seen(rule, {"a": "i" * 25})
    assert state() == ZoneState(rule="staff", since=make_at(1.0), count=1)
    # However often it is told so.
    for at_s in (3.0, 3.1, 60.0):
        events = list(rule.close(make_at(at_s), "blind"))
        assert [event.TYPE for event in events] == (["zone.left", "zone.vacated"] if at_s == 3.0 else [])
        assert state() is None
    # It takes as long to know anew that nobody is there as it did at the start.
    seen(rule, {"b": "o" * 20}, begin_s=61.0)
    assert state() is None
    seen(rule, {"b": "o"}, begin_s=63.0)
    assert state() == ZoneState(rule="staff", since=make_at(63.0), count=0)


def test_state_after_blindness_with_somebody_there() -> None:
    rule = ZoneRule(Zone("staff", CORNER, 1.0), settle_s=5.0)
    seen(rule, {"a": "i" * 25})
    list(rule.close(make_at(3.0), "blind"))
    # Whoever is there is a new visit, whose begin nobody saw; and it is known at once.
    assert told(seen(rule, {"b": "i" * 12}, begin_s=20.0)) == [
        "21.0 entered b since 20.0 count 1",
        "21.0 occupied since 20.0",
    ]
    assert rule.state == ZoneState(rule="staff", since=make_at(21.0), count=1)


# Some gaps are longer than the grace and the least stay, some are not.
scenes = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.4, 1.0, 3.0]),
        st.dictionaries(st.sampled_from("abc"), st.sampled_from("iiio?"), max_size=3),
    ),
    max_size=50,
)


def played(
    rule: ZoneRule, scene: Sequence[tuple[float, dict[str, str]]]
) -> Iterable[tuple[list[Event], int]]:
    """The events of each frame, and the count that the state says after it; closed at the end."""
    now_s = 0.0
    known: set[str] = set()
    for gap_s, where in scene:
        now_s += gap_s
        # A track is seen before it can be unseen.
        known = {name for name, what in where.items() if what != "?" or name in known}
        frame = {name: where[name] for name in where if name in known}
        events = list(rule.update(tracks_of(frame, now_s), make_at(now_s)))
        assert rule.state is not None
        yield events, rule.state.count
    yield list(rule.close(make_at(now_s + 1), "stopped")), rule.state.count if rule.state else 0


@given(scenes, st.sampled_from([0.0, 0.5, 1.0, 2.0]))
@settings(deadline=None)
def test_whatever_happens_in_a_zone(scene: list[tuple[float, dict[str, str]]], min_dwell_s: float) -> None:
    inside: dict[str, ZoneEntered] = {}
    occupied: ZoneOccupied | None = None
    times_s: list[float] = []
    for events, count in played(rule_of(min_dwell_s), scene):
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
                    occupied = event
                case ZoneVacated():
                    assert occupied is not None
                    assert (event.since, inside) == (occupied.since, {})
                    assert 0 <= event.occupied_s <= event.at.monotonic_s - event.since.monotonic_s
                    occupied = None
                case _:
                    pytest.fail(f"not of a zone: {event}")
            if isinstance(event, ZoneEntered | ZoneLeft):
                assert event.count == len(inside)
        # Between frames the zone is occupied while somebody is in it, and the state says who many.
        assert bool(inside) is bool(occupied)
        assert count == len(inside)
    # After close nothing is open.
    assert not inside
    assert occupied is None
    assert all(before <= after for before, after in pairwise(times_s))
