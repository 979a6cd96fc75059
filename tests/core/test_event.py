"""What events say of themselves: intervals that they begin and end, names on the wire."""

from __future__ import annotations

import pytest

from agent.core.event import KINDS, Event, PeriodCrossings, lasting_types
from agent.core.event_form import own_fields


def test_intervals_that_events_begin_and_end() -> None:
    # By hand, as a wall: what of the past a start still knows hangs on it.
    bounds = {
        kind.TYPE: (kind.OPENS.name if kind.OPENS else None, kind.CLOSES.name if kind.CLOSES else None)
        for kind in KINDS
        if kind.OPENS or kind.CLOSES
    }
    assert bounds == {
        "zone.entered": ("visit", None),
        "zone.left": (None, "visit"),
        "zone.crowded": ("crowding", None),
        "zone.uncrowded": (None, "crowding"),
        "zone.occupied": ("occupancy", None),
        "zone.vacated": (None, "occupancy"),
        "counter.attended": ("attendance", "attendance"),
        "counter.unattended": ("attendance", "attendance"),
        "counter.closed": (None, "attendance"),
        "camera.blind": ("blindness", None),
        "camera.restored": (None, "blindness"),
    }


def test_what_one_event_begins_another_ends() -> None:
    assert {kind.OPENS for kind in KINDS} == {kind.CLOSES for kind in KINDS}
    assert all("since" in {each.name for each in own_fields(kind)} for kind in KINDS if kind.OPENS)


def test_lasting_intervals() -> None:
    # By hand, as a wall: a log's index and notes hang on it.
    assert {
        interval.name: (interval.of_rule, [kind.TYPE for kind in kinds])
        for interval, kinds in lasting_types().items()
    } == {
        "crowding": (True, ["zone.crowded", "zone.uncrowded"]),
        "occupancy": (True, ["zone.occupied", "zone.vacated"]),
        "attendance": (True, ["counter.attended", "counter.unattended", "counter.closed"]),
        "blindness": (False, ["camera.blind", "camera.restored"]),
    }


@pytest.mark.parametrize("kind", [*KINDS, PeriodCrossings], ids=lambda kind: kind.__name__)
def test_fields_say_how_they_stand_on_the_wire(kind: type[Event]) -> None:
    own = own_fields(kind)
    assert [each.name for each in own if each.on_wire is None] == []
    assert len({each.word for each in own}) == len(own)


def test_words_of_python_have_other_names_in_it() -> None:
    renamed = {each.name: each.word for kind in KINDS for each in own_fields(kind) if each.name != each.word}
    assert renamed == {"in_count": "in", "out_count": "out", "max_count": "max"}


def test_optional_fields_are_those_that_may_be_none() -> None:
    optional = {each.name for kind in KINDS for each in own_fields(kind) if each.is_optional}
    waits = {"visits", "wait_p50_s", "wait_p90_s", "wait_max_s"}
    assert optional == {"waiting", "since", "first_in", "last_out"} | waits
