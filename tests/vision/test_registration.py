"""The estimate of a view's shift and turn, on footage that is shifted by known amounts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.core.shift import UNSHIFTED, Shift
from agent.vision.registration import Registration, matrix_of, shift_of, taken_back
from agent.vision.tile_features import PLACES, TileFeatureExtractor
from tests.bench import edits
from tests.bench.edits import Film, Scene, clip_scene, light, warp
from tests.vision.test_tamper import ROOM, make_room

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.vision.registration import Found
    from tests.bench.edits import Edit

NOBODY = np.zeros(PLACES, np.bool_)
LEARNED_S = 6.0
SHIFTS = [
    pytest.param(Shift(), id="none"),
    pytest.param(Shift(0.004), id="0.4 %"),
    pytest.param(Shift(-0.01, 0.008), id="diagonal"),
    pytest.param(Shift(0.03), id="3 %"),
    pytest.param(Shift(0, -0.02), id="up"),
    pytest.param(Shift(0, 0, 1), id="turned"),
    pytest.param(Shift(0.01, -0.01, -1), id="turned back and shifted"),
]


@cache
def footage(path: Path) -> Scene:
    return clip_scene(path)


def found(scene: Scene, shift: Shift, *, edit: Edit | None = None, noise: float = 2.5) -> list[Found]:
    """What is found in a scene that is shifted after some seconds of learning, from near by."""
    # A picture's y goes down, OpenCV's angles go the other way.
    shifting = warp(shift.dx_ratio, shift.dy_ratio, -shift.degrees)

    def edited(picture: edits.Picture, time_s: float) -> edits.Picture:
        picture = shifting(picture, time_s)
        return edit(picture, time_s) if edit else picture

    film = Film(scene, seconds=LEARNED_S + 6, fps=2, edit=edited, begin_s=LEARNED_S, noise=noise)
    frames = list(film.frames())
    extractor = TileFeatureExtractor(frames[0].luma)
    usual = [extractor.features(frame.luma).small for frame in frames if frame.at.monotonic_s < LEARNED_S]
    registration = Registration(extractor, extractor.features_of(np.mean(usual, axis=0, dtype=np.float32)))
    near = Shift(shift.dx_ratio + 0.005, shift.dy_ratio - 0.004)
    return [
        registration.find(extractor.features(frame.luma).small, near, NOBODY)
        for frame in frames
        if frame.at.monotonic_s >= LEARNED_S
    ]


def farthest(results: Sequence[Found], shift: Shift) -> float:
    """The largest error at a corner, as a part of the width."""
    return max(result.shift.apart_ratio(shift, (160, 120)) for result in results)


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("place", ["room", "street"])
def test_find(shift: Shift, place: str, request: pytest.FixtureRequest) -> None:
    results = found(ROOM if place == "room" else request.getfixturevalue("street"), shift)
    assert all(result.is_sure for result in results)
    assert farthest(results, shift) < 0.001


@pytest.mark.parametrize(
    ("edit", "noise"),
    [
        pytest.param(light(0.5), 2.5, id="darker"),
        pytest.param(light(1.5, -20), 2.5, id="brighter"),
        pytest.param(light(1.0, 0, 1.6), 2.5, id="gamma"),
        pytest.param(edits.sun_patch(size=0.3), 2.5, id="sun patch"),
        pytest.param(edits.television(), 2.5, id="television"),
        pytest.param(None, 8.0, id="noise"),
    ],
)
def test_find_in_other_light(edit: Edit | None, noise: float) -> None:
    shift = Shift(0.012, -0.006, 0.4)
    results = found(ROOM, shift, edit=edit, noise=noise)
    assert all(result.is_sure for result in results)
    assert farthest(results, shift) < 0.0025


@pytest.mark.parametrize("clip", ["atrium.mp4", "classroom_seated.mp4", "pets09_s2l1_dev.avi",
                                  "road_cars_empty.avi", "room_exit.mp4"])  # fmt: skip
@pytest.mark.parametrize("shift", SHIFTS[1:])
def test_find_on_footage(clip: str, shift: Shift, shared_data: Path) -> None:
    """Clips of cameras that hang still; the others sway by themselves."""
    results = found(footage(shared_data / "videos" / clip), shift)
    assert all(result.is_sure for result in results)
    assert farthest(results, shift) < 0.003


def test_find_where_people_fill_the_picture(shared_data: Path) -> None:
    """Where many places show somebody who moves it is not sure, and where it is sure it is right."""
    shift = Shift(0.01)
    results = found(footage(shared_data / "videos" / "headpose_two.mp4"), shift)
    assert farthest([result for result in results if result.is_sure] or results, shift) < 0.006


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(make_room(5), id="another view"),
        pytest.param(np.full((240, 320, 3), 150, np.uint8), id="nothing"),
        pytest.param(edits.defocus(0.05)(make_room(), 0), id="blurred"),
    ],
)
def test_find_what_is_not_there(picture: edits.Picture) -> None:
    assert not any(result.is_sure for result in found(ROOM, UNSHIFTED, edit=lambda *_: picture))


def test_find_where_all_gradients_are_one_way() -> None:
    """Bars tell nothing of how far they went along themselves."""
    bars = np.repeat(make_room()[120:121], 240, axis=0)
    assert not any(result.is_sure for result in found(Scene("bars", [bars], 1.0), Shift(0.005, 0.01)))


def test_find_counts_only_who_is_not_hidden() -> None:
    """Persons whose places are known tell nothing, however much of the picture they fill."""
    extractor = TileFeatureExtractor(make_room()[..., 0])
    usual = extractor.features(make_room()[..., 0])
    crowd = cv2.warpAffine(make_room(), np.array([[1, 0, 5.0], [0, 1, 0]]), (320, 240))
    crowd[:, :96] = make_room()[:, :96]
    hidden = NOBODY.copy()
    now = extractor.features(crowd[..., 0].astype(np.uint8)).small
    hidden[:, 2:] = True
    assert Registration(extractor, usual).find(now, UNSHIFTED, hidden).shift.far_ratio < 0.002
    hidden = ~hidden
    result = Registration(extractor, usual).find(now, Shift(0.012), hidden)
    assert result.shift.dx_ratio == pytest.approx(5 / 320, abs=0.002)


def test_taken_back() -> None:
    shift = Shift(0.02, -0.01, 0.7)
    room = np.asarray(cv2.resize(make_room()[..., 0], (160, 120), interpolation=cv2.INTER_AREA), np.float32)
    moved = cv2.warpAffine(room, matrix_of(shift, room), (160, 120)).astype(np.float32)
    for back in (taken_back(moved, shift), taken_back(moved, shift, room)):
        assert np.abs(back - room)[12:-12, 12:-12].mean() < 4
    # Nothing is made up of what lies beyond the border.
    assert np.array_equal(taken_back(moved, Shift(0.5), room)[:, 81:], room[:, 81:])


@pytest.mark.parametrize("shift", [Shift(), Shift(0.02, -0.03), Shift(-0.01, 0.005, 4.0)])
def test_shift_of(shift: Shift) -> None:
    small = np.zeros((90, 160), np.float32)
    again = shift_of(matrix_of(shift, small), small)
    assert again.apart_ratio(shift, (160, 90)) == pytest.approx(0, abs=1e-9)
