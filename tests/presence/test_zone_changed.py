"""A zone that lies elsewhere from one frame to the next, or asks for another stay."""

from __future__ import annotations

import pytest

from agent.core.event import ZoneEntered, ZoneLeft
from agent.core.geometry import Polygon, Zone
from agent.presence.zone import ZoneRule
from tests.builders import make_at, make_track

LEFT: Polygon = ((0, 0), (400, 0), (400, 1000), (0, 1000))
RIGHT: Polygon = ((600, 0), (1000, 0), (1000, 1000), (600, 1000))
BOTH: Polygon = ((0, 0), (1000, 0), (1000, 1000), (0, 1000))
# Feet of somebody on either side; one number a second.
SIDES = {"left": (200.0, 500.0), "right": (800.0, 500.0)}


def told(rule: ZoneRule, begin_s: int, end_s: int, first_s: float | None = None) -> list[str]:
    """What is told of two who stand there, one on each side, in a frame a second."""
    events = []
    for second in range(begin_s, end_s):
        tracks = [
            make_track(feet, second, f"t-{side}", first_s=first_s, seen_s=second)
            for side, feet in SIDES.items()
        ]
        events += list(rule.update(tracks, make_at(second)))
    return [
        f"{event.at.monotonic_s:g} {'in' if isinstance(event, ZoneEntered) else 'out'} {event.track}"
        f" since {event.since.monotonic_s:g}"
        for event in events
        if isinstance(event, ZoneEntered | ZoneLeft)
    ]


@pytest.mark.parametrize(
    ("polygon", "min_dwell_s", "expected"),
    [
        pytest.param(LEFT, 2.0, [], id="as-before"),
        # The visit goes on; the other one begins when the zone came to lie there.
        pytest.param(BOTH, 2.0, ["12 in t-right since 10"], id="wider"),
        # Who is not in it any more is out after the grace, with the second sighting outside.
        pytest.param(RIGHT, 2.0, ["11 out t-left since 0", "12 in t-right since 10"], id="away"),
        # Another stay is asked for from now on; who was told stays told.
        pytest.param(BOTH, 5.0, ["15 in t-right since 10"], id="wider-and-longer"),
    ],
)
def test_zone_changed(polygon: Polygon, min_dwell_s: float, expected: list[str]) -> None:
    rule = ZoneRule(Zone("staff", LEFT, 2.0))
    assert told(rule, 0, 10) == ["2 in t-left since 0"]
    changed = Zone("staff", polygon, min_dwell_s)
    rule.change(changed, make_at(9))
    assert rule.shape == changed
    assert told(rule, 10, 20) == expected


def test_nobody_was_in_a_zone_before_it_lay_there() -> None:
    # A track is told after its first sighting: of the time before the change nothing counts.
    rule = ZoneRule(Zone("staff", LEFT, 2.0))
    rule.change(Zone("staff", RIGHT, 2.0), make_at(9))
    assert told(rule, 10, 20, first_s=8.0) == ["12 in t-right since 10"]
