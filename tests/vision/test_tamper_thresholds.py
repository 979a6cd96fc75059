"""From where on and after how long each kind of blindness is told, as the configuration has it by default."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.device.frames import frame_of
from agent.vision.tamper import Tamper
from tests.bench.edits import Noise, Scene, cover, defocus, light
from tests.builders import make_at, make_tamper_settings
from tests.vision.test_tamper import BEGIN_S, ROOM, causes, filmed, make_room, told

# Judged about once a second, and told with a judgement.
SLACK_S = 1.5

AFTER = [
    pytest.param({"edit": cover((120, 150, 200), uneven=20)}, "covered", 5.0, id="covered"),
    pytest.param({"edit": light(0.08)}, "dark", 5.0, id="dark"),
    pytest.param({"edit": defocus(0.03)}, "blurred", 5.0, id="blurred"),
    # Of the last five changes the middle one counts: that takes a few seconds more.
    pytest.param({"edit": None, "freezes": True}, "frozen", 4.0, id="frozen"),
]


@pytest.mark.parametrize(("changes", "cause", "after_s"), AFTER)
def test_blindness_is_told_after(changes: dict[str, Any], cause: str, after_s: float) -> None:
    _, (found_s, found) = told(filmed(seconds=BEGIN_S + 20, **changes).frames())
    assert found.cause == cause
    # No sooner than it has lasted, since a hand passes by; and no later: nobody is counted meanwhile.
    assert after_s - SLACK_S <= found_s - found.since.monotonic_s <= after_s + 3 * SLACK_S


@pytest.mark.parametrize(("changes", "cause", "after_s"), AFTER)
def test_what_is_over_sooner_is_not_told(changes: dict[str, Any], cause: str, after_s: float) -> None:
    film = filmed(seconds=BEGIN_S + 20, until_s=BEGIN_S + after_s - SLACK_S, **changes)
    assert causes(film.frames()) == [None], cause


def test_sight_is_restored_after() -> None:
    film = filmed(cover((120, 150, 200), uneven=20), seconds=BEGIN_S + 40, until_s=BEGIN_S + 20)
    *_, (restored_s, restored) = told(film.frames())
    assert restored.cause is None
    assert restored.since.monotonic_s == pytest.approx(BEGIN_S + 20, abs=SLACK_S)
    assert restored_s - restored.since.monotonic_s == pytest.approx(3.0, abs=SLACK_S)


@pytest.mark.parametrize(
    ("brightest", "cause"),
    [
        # Of 255 grey levels; what a lamp beside the door leaves of an office is about 30.
        (20, "dark"),
        (32, "dark"),
        (60, None),
    ],
)
def test_dark_is_what_has_nothing_brighter(brightest: int, cause: str | None) -> None:
    room = make_room()
    bright = float(np.quantile(room, 0.98))
    film = filmed(light(brightest / bright), seconds=BEGIN_S + 15, noise=0.5)
    found = causes(film.frames())
    assert (found[-1] == "dark") is (cause == "dark"), found


@pytest.mark.parametrize(("left", "covered"), [(0.05, True), (0.5, False)])
def test_covered_is_what_shows_nothing_of_the_view(left: float, covered: bool) -> None:
    """Another view altogether is a cover where it has next to none of the structure, and else none."""
    other = make_room(5).astype(np.float32)
    # Structure goes with the square of the contrast; the fine grain keeps it from being blurred or bare.
    flat = (128 + (other - other.mean()) * np.sqrt(left)).astype(np.uint8)
    found = causes(filmed(lambda *_: flat, seconds=BEGIN_S + 15, noise=1.0).frames())
    assert ("covered" in found) is covered, found


@pytest.mark.parametrize(("sigma", "blurred"), [(0.002, False), (0.008, True), (0.02, True)])
def test_blurred_is_what_has_little_fine_structure(sigma: float, blurred: bool) -> None:
    # Of the width: from 0.6 px of 320 to 6 px.
    found = causes(filmed(defocus(sigma), seconds=BEGIN_S + 15).frames())
    assert found == ([None, "blurred"] if blurred else [None])


@pytest.mark.parametrize(("left", "frozen"), [(0.03, True), (0.5, False)])
def test_frozen_is_what_changes_far_less_than_usual(left: float, frozen: bool) -> None:
    """A picture that stands still changes a little where it is compressed again; a quiet room much more."""
    usual, quiet = Noise(4.0), Noise(4.0 * left, seed=7)
    frames = [
        frame_of(index, make_at(index / 2), (usual if index < 80 else quiet).on(ROOM.pictures[0]))
        for index in range(140)
    ]
    assert ("frozen" in causes(frames)) is frozen


def test_equal_pictures_without_any_noise_are_frozen_after_five_minutes() -> None:
    # A source without noise, such as a screen: nothing tells a still picture from a still room but time.
    scene = Scene("room", [ROOM.pictures[0]], 1.0)
    film = filmed(scene=scene, noise=0.0, seconds=330, fps=1)
    _, (found_s, found) = told(film.frames(), Tamper(make_tamper_settings()))
    assert (found.cause, found.since.monotonic_s) == ("frozen", 0)
    assert 300 <= found_s <= 300 + 10
