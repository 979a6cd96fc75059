"""Lines, zones and masks on a view that is shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.app.placement import Placement, geometry, is_redrawn, view
from agent.config.models import Config
from agent.core.geometry import contains
from agent.core.shift import UNSHIFTED, Shift
from agent.core.visibility import Visibility
from agent.presence.line import LineRule
from agent.presence.zone import ZoneRule
from agent.vision.attention import Attending, Attention
from agent.vision.tamper import Tamper
from tests.bench.edits import Scene, clip_scene, warp
from tests.builders import make_at, make_pace, make_tamper_settings, make_track
from tests.vision.test_registration import footage
from tests.vision.test_tamper import BEGIN_S, ROOM, filmed

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.event import Event
    from agent.presence.track_rule import AnyTrackRule

SIZE = (320, 240)
MASK = ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))
BUMP = Shift(0.02, -0.015, 0.8)


def make_config(**tables: object) -> Config:
    base: dict[str, object] = {
        "device": {"site": "test", "name": "placing"},
        "camera": {"source": "x"},
        "line": [{"id": "gate", "start": [0.5, 0.2], "end": [0.5, 0.8], "inside": [0.9, 0.5]}],
        "zone": [{"id": "yard", "polygon": [[0.6, 0.3], [0.9, 0.3], [0.9, 0.9], [0.6, 0.9]]}],
    }
    return Config.model_validate({**base, **tables})


class Placed:
    """Rules that are placed by what a camera sees."""

    def __init__(self, config: Config | None = None, size: tuple[int, int] = SIZE) -> None:
        config = config or make_config()
        lines, zones = geometry(config, size)
        self.tamper = Tamper(make_tamper_settings())
        self.line, self.zone = LineRule(lines[0]), ZoneRule(zones[0])
        self.attention = Attention(make_pace(), 1.0, [zone.polygon for zone in zones])
        rules: list[AnyTrackRule] = [self.line, self.zone]
        self.placing = Placement(config, size, rules, Attending(self.attention), self.tamper)


@pytest.mark.parametrize("size", [(640, 360), (480, 640)])
@given(shift=st.builds(Shift, st.floats(-0.03, 0.03), st.floats(-0.03, 0.03), st.floats(-1, 1)))
def test_geometry_goes_with_the_picture(size: tuple[int, int], shift: Shift) -> None:
    """What is at a corner of the zone in the unshifted picture is at the corner in the shifted one."""
    config = make_config()
    (line,), (zone,) = geometry(config, size, shift)
    (still_line,), (still_zone,) = geometry(config, size)
    moved = shift.of((still_line.start, still_line.end, still_line.inside), size)
    assert np.allclose((line.start, line.end, line.inside), moved)
    # The zone touches no edge, so nothing of it reaches further than it was drawn.
    assert np.allclose(zone.polygon, shift.of(still_zone.polygon, size))


def test_geometry_still_reaches_the_edge() -> None:
    """Feet at the edge of the picture are in a zone that was drawn to the edge."""
    whole = make_config(zone=[{"id": "all", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}])
    for shift in (Shift(0.03, 0.03), Shift(-0.03, -0.03, 1), BUMP):
        _, (zone,) = geometry(whole, (640, 360), shift)
        for corner in ((1, 1), (639, 1), (1, 359), (639, 359), (320, 362)):
            assert contains(zone.polygon, corner)


@pytest.mark.parametrize("place", ["room", "vtest", "atrium.mp4"])
def test_rules_land_where_they_belong(place: str, request: pytest.FixtureRequest) -> None:
    """Within .5 % of the width, a minute after a bump; and back in seconds."""
    if place == "room":
        scene: Scene = ROOM
    elif place == "vtest":
        pictures = clip_scene(request.getfixturevalue("vtest"), 1.0).pictures
        scene = Scene("yard", pictures[:20], 0.25)
    else:
        data: Path = request.getfixturevalue("shared_data")
        scene = footage(data / "videos" / place)
    film = filmed(warp(BUMP.dx_ratio, BUMP.dy_ratio, -BUMP.degrees), scene, until_s=100, seconds=112)
    size: tuple[int, int] | None = None
    for frame in film.frames():
        if size is None:
            size = frame.size_px
            placed = Placed(size=size)
            still = placed.line.shape, placed.zone.shape
        at_s = frame.at.monotonic_s
        sight = placed.tamper.update(frame, ())
        placed.placing.update(sight, frame.at)
        assert sight.cause is None
        if at_s < BEGIN_S + 55 or at_s > 108:
            assert (placed.line.shape, placed.zone.shape) == still
        elif BEGIN_S + 70 <= at_s < 100:
            wanted = BUMP.of(still[1].polygon, size)
            off = np.hypot(*(np.array(placed.zone.shape.polygon) - np.array(wanted)).T).max()
            assert off < 0.005 * size[0]
            assert placed.line.shape.start != still[0].start


def test_visits_go_on() -> None:
    """Somebody stands on the line and in the zone while they are moved: nothing is told of that."""
    placed = Placed()
    told: list[Event] = []

    def see(x: float, second: float) -> None:
        track = make_track((x, 120), second, first_s=0.0, origin=(60, 120), height_px=50)
        for rule in placed.placing.rules:
            told.extend(rule.update([track], make_at(second)))

    for second, x in enumerate(np.linspace(60, 215, 20)):
        see(float(x), float(second))
    kinds = [type(event).__name__ for event in told]
    assert kinds[:1] == ["LineCrossed"]
    for second in range(20, 30):
        see(215, second)
    before = list(told)
    placed.placing.place(BUMP, make_at(29.5))
    for second in range(30, 50):
        see(215 + BUMP.dx_ratio * 320, second)
    assert told == before
    placed.placing.place(UNSHIFTED, make_at(49.5))
    for second in range(50, 70):
        see(215, second)
    assert told == before


@pytest.mark.parametrize("feet", [150.0, 158.0, 162.0, 170.0])
def test_who_stands_still_crosses_nothing_when_a_line_is_moved(feet: float) -> None:
    placed = Placed()
    told: list[Event] = []
    shifts = [Shift(0.03), UNSHIFTED, Shift(-0.03), UNSHIFTED]
    for second in range(100):
        if second and second % 20 == 0:
            placed.placing.place(shifts[second // 20 - 1], make_at(second - 0.5))
        track = make_track((feet, 120), float(second), first_s=0.0, origin=(feet, 120), height_px=15)
        told += placed.line.update([track], make_at(second))
    assert told == []


def test_who_walks_over_a_moved_line_crosses_it_once() -> None:
    placed = Placed()
    told: list[Event] = []
    for second in range(60):
        if second == 29:
            placed.placing.place(Shift(-0.03), make_at(second - 0.5))
        feet = 100.0 + 2 * second
        track = make_track((feet, 120), float(second), first_s=0.0, origin=(100, 120), height_px=40)
        told += placed.line.update([track], make_at(second))
    assert len(told) == 1


@example([Shift(0.0, 0.001953125, 0.0)])
@given(
    st.lists(st.builds(Shift, st.floats(-0.03, 0.03), st.floats(-0.03, 0.03), st.floats(-1, 1)), max_size=12)
)
def test_masks_never_uncover(shifts: list[Shift]) -> None:
    """What was masked when it was drawn is masked wherever the view is known to be, from then on."""
    config = make_config(camera={"source": "x", "masks": [MASK]})
    placed = Placed(config)
    bright = np.full((240, 320, 3), 255, np.uint8)
    still = view(config).of(bright)
    for second, shift in enumerate(shifts):
        placed.placing.update(Visibility(None, make_at(0), shift=shift), make_at(second))
        now = placed.placing.view.of(bright)
        assert not now[still == 0].any()
        corners = np.rint(shift.of(tuple((x * 320, y * 240) for x, y in MASK), SIZE)).astype(np.int32)
        secret = cv2.fillPoly(np.zeros((240, 320), np.uint8), [corners], 1)
        assert not now[secret == 1].any()


def test_masks_that_follow_are_no_tampering() -> None:
    """Black that comes into the picture is neither a cover nor a shift."""
    config = make_config(camera={"source": "x", "masks": [MASK, ((0, 0), (0.25, 0), (0.25, 0.7), (0, 0.7))]})
    placed = Placed(config)
    seen = []
    for frame in filmed(warp(0.02, -0.01, 0.5), seconds=110).frames():
        masked = placed.placing.view.of(frame.image)
        grey = cv2.cvtColor(masked, cv2.COLOR_BGR2GRAY).astype(np.uint8)
        sight = placed.tamper.update(type(frame)(frame.index, frame.at, masked, grey), ())
        placed.placing.update(sight, frame.at)
        seen.append((frame.at.monotonic_s, sight))
    assert {sight.cause for _, sight in seen} == {None}
    last = seen[-1][1].shift
    assert last is not None
    assert last.apart_ratio(Shift(0.02, -0.01, -0.5), SIZE) < 0.003
    assert placed.placing.shift.apart_ratio(last, SIZE) < 0.003


@pytest.mark.parametrize(
    ("tables", "redrawn"),
    [
        pytest.param({}, False, id="the same"),
        pytest.param({"detector": {"confidence": 0.5}}, False, id="confidence"),
        pytest.param({"camera": {"source": "x", "fps": 5}}, False, id="rate"),
        pytest.param({"camera": {"source": "x", "rotation": 180}}, True, id="rotation"),
        pytest.param({"camera": {"source": "y"}}, True, id="camera"),
        pytest.param({"camera": {"source": "x", "masks": [MASK]}}, True, id="mask"),
        pytest.param({"zone": []}, True, id="zone gone"),
        pytest.param({"zone": [{"id": "yard", "polygon": [[0.6, 0.3], [0.9, 0.3], [0.9, 0.9], [0.6, 0.9]],
                                "min_dwell_s": 9}]}, False, id="dwell"),
    ],
)  # fmt: skip
def test_is_redrawn(tables: dict[str, object], redrawn: bool) -> None:
    assert is_redrawn(make_config(), make_config(**tables)) == redrawn
