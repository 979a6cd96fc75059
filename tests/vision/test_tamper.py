from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from agent.device.frames import frame_of
from agent.vision.tamper import Tamper
from agent.vision.tile_features import TileFeatureExtractor
from tests.bench import edits
from tests.bench.edits import Film, Scene, cover, defocus, light, warp
from tests.builders import make_at, make_tamper_settings, make_track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.core.frame import Frame
    from agent.core.track import Track
    from agent.core.visibility import Visibility
    from tests.bench.edits import Edit, Picture

BEGIN_S = 20.0
WITHIN_S = 10.0


def make_room(seed: int = 1, size: tuple[int, int] = (320, 240)) -> Picture:
    """A wall and a floor with things of all sizes, colours and patterns."""
    rng = np.random.default_rng(seed)
    width, height = size
    picture = np.full((height, width, 3), 150, np.uint8)
    picture[height // 2 :] = 100
    for _ in range(60):
        x, y = rng.integers(0, width), rng.integers(0, height)
        w, h = rng.integers(4, max(5, width // 4)), rng.integers(4, max(5, height // 4))
        colour = tuple(int(v) for v in rng.integers(40, 220, 3))
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), colour, -1)
        cv2.line(picture, (int(x), int(y + h)), (int(x + w), int(y)), colour[::-1], 2)
    return picture


ROOM = Scene("room", [make_room()], 1.0)


def filmed(edit: Edit | None = None, scene: Scene = ROOM, **changes: object) -> Film:
    film = Film(scene, seconds=32, fps=2, edit=edit, begin_s=BEGIN_S)
    return replace(film, **changes)  # type: ignore[arg-type]


def told(
    frames: Iterable[Frame], tamper: Tamper | None = None, tracks: Sequence[Track] = ()
) -> list[tuple[float, Visibility]]:
    """Each change of sight, and when it was told."""
    tamper = tamper or Tamper(make_tamper_settings())
    changes: list[tuple[float, Visibility]] = []
    for frame in frames:
        sight = tamper.update(frame, tracks)
        if not changes or (sight.cause, sight.since) != (changes[-1][1].cause, changes[-1][1].since):
            changes.append((frame.at.monotonic_s, sight))
    return changes


def causes(
    frames: Iterable[Frame], tamper: Tamper | None = None, tracks: Sequence[Track] = ()
) -> list[str | None]:
    return [sight.cause for _, sight in told(frames, tamper, tracks)]


def later(film: Film, seconds: float) -> list[Frame]:
    """A film whose clock begins later."""
    return [replace(frame, at=make_at(frame.at.monotonic_s + seconds)) for frame in film.frames()]


TAMPERING = [
    pytest.param(cover((3, 3, 3)), "covered", id="black cover"),
    pytest.param(cover((250, 250, 250)), "covered", id="white cover"),
    pytest.param(cover((120, 150, 200), uneven=40, texture=3), "covered", id="hand"),
    pytest.param(cover((60, 80, 120), uneven=15), "covered", id="dark hand"),
    pytest.param(light(0.03), "dark", id="nearly no light"),
    pytest.param(light(0.1), "dark", id="little light"),
    pytest.param(defocus(0.008), "blurred", id="blurred a little"),
    pytest.param(defocus(0.02, disk=True), "blurred", id="out of focus"),
    pytest.param(defocus(0.05), "blurred", id="blurred much"),
    pytest.param(warp(0.05), "moved", id="right"),
    pytest.param(warp(0, -0.05, border=cv2.BORDER_CONSTANT), "moved", id="up, black edge"),
    pytest.param(warp(-0.04, 0.04, border=cv2.BORDER_REFLECT), "moved", id="diagonal"),
    pytest.param(warp(-0.2), "moved", id="far left"),
    pytest.param(warp(degrees=5), "moved", id="turned"),
    pytest.param(warp(degrees=-5, border=cv2.BORDER_CONSTANT), "moved", id="turned back, black edge"),
]


@pytest.mark.parametrize(("edit", "cause"), TAMPERING)
@pytest.mark.parametrize("place", ["room", "street"])
def test_update_tampered(edit: Edit, cause: str, place: str, request: pytest.FixtureRequest) -> None:
    scene = ROOM if place == "room" else request.getfixturevalue("street")
    seeing, found = told(filmed(edit, scene).frames())
    assert seeing[1].cause is None
    assert found[1].cause == cause
    assert found[0] <= BEGIN_S + WITHIN_S
    assert found[1].since.monotonic_s == pytest.approx(BEGIN_S, abs=1)


@pytest.mark.parametrize(
    "film",
    [
        pytest.param(filmed(freezes=True), id="repeated"),
        pytest.param(filmed(freezes=True, fps=10), id="10 fps"),
        pytest.param(filmed(freezes=True, quality=50, qualities=(45,)), id="compressed twice"),
        pytest.param(filmed(freezes=True, noise=1.0), id="little noise"),
    ],
)
def test_update_frozen(film: Film) -> None:
    _, found = told(film.frames())
    assert found[1].cause == "frozen"
    assert found[0] <= BEGIN_S + WITHIN_S
    assert found[1].since.monotonic_s == pytest.approx(BEGIN_S, abs=2)


@pytest.mark.parametrize("fps", [1, 5, 30])
def test_update_other_rates(fps: float) -> None:
    _, found = told(filmed(warp(0.05), fps=fps).frames())
    assert (found[1].cause, found[0] <= BEGIN_S + WITHIN_S) == ("moved", True)


HARMLESS = [
    pytest.param({"edit": None}, id="nothing"),
    pytest.param({"edit": None, "noise": 6.0}, id="much noise"),
    pytest.param({"edit": None, "noise": 0.0, "seconds": 60}, id="no noise ever"),
    pytest.param({"edit": None, "quality": 30}, id="compressed"),
    pytest.param({"edit": edits.steps((0.4, 1.0), 10), "seconds": 60}, id="lights off and on"),
    pytest.param({"edit": light(1.8)}, id="lights on"),
    pytest.param({"edit": light(0.6, 30)}, id="flat light"),
    pytest.param({"edit": light(1, 0, 2.0)}, id="gamma"),
    pytest.param({"edit": edits.steps((1.0, 0.7, 1.3), 0.5)}, id="flicker"),
    pytest.param({"edit": edits.drift(0.3, 40), "seconds": 60, "begin_s": 0.0}, id="drift"),
    pytest.param({"edit": edits.sun_patch(), "seconds": 90}, id="sun patch"),
    pytest.param({"edit": edits.television()}, id="television"),
    pytest.param({"edit": warp(0.003)}, id="trembles"),
    pytest.param({"edit": defocus(0.002)}, id="hardly blurred"),
]


@pytest.mark.parametrize("changes", HARMLESS)
@pytest.mark.parametrize("place", ["room", "street"])
def test_update_harmless(changes: dict[str, Any], place: str, request: pytest.FixtureRequest) -> None:
    scene = ROOM if place == "room" else request.getfixturevalue("street")
    assert causes(filmed(scene=scene, **changes).frames()) == [None]


def hiding(part: float) -> Edit:
    """Somebody in one colour with a pattern who hides this part of the width, and sways."""
    body = make_room(9)

    def edit(picture: Picture, time_s: float) -> Picture:
        height, width = picture.shape[:2]
        picture = picture.copy()
        left = round(0.02 * width * (1 + np.sin(time_s)))
        right = left + round(part * width)
        picture[:, left:right] = cv2.resize(body, (width, height))[:, : right - left] // 2
        return picture

    return edit


def test_update_person_close() -> None:
    assert causes(filmed(hiding(0.7)).frames()) == [None]


def test_update_person_hides_all() -> None:
    """Plain clothes before the whole lens are no cover as long as the person is known."""
    film = filmed(cover((70, 60, 50), texture=2), seconds=BEGIN_S + 12)
    whole = make_track((160, 240), 0.0, height_px=800)
    assert causes(film.frames(), tracks=[whole]) == [None]
    assert causes(film.frames()) == [None, "covered"]


def test_update_restored() -> None:
    """What a cover hides is known again, however long it was there."""
    film = filmed(cover((120, 150, 200), uneven=20), seconds=300, until_s=280)
    _, (_, covered), (restored_s, restored) = told(film.frames())
    assert (covered.cause, restored.cause) == ("covered", None)
    assert restored.since.monotonic_s == pytest.approx(280, abs=1.5)
    assert restored_s == pytest.approx(283, abs=1.5)


def test_update_cover_and_move() -> None:
    """Moved under a cover: it is told when the cover is gone."""
    hand = cover((120, 150, 200), uneven=20)

    def edit(picture: Picture, time_s: float) -> Picture:
        return (hand if time_s < 10 else warp(0.1))(picture, time_s)

    assert causes(filmed(edit, seconds=70).frames()) == [None, "covered", "moved"]


def test_update_night() -> None:
    """A night that ends in blackness is dark all along, and the morning is as the evening was."""

    def edit(picture: Picture, time_s: float) -> Picture:
        return light(0.08 if time_s < 30 else 0.0 if time_s < 600 else 0.9)(picture, time_s)

    assert causes(filmed(edit, seconds=700, fps=1).frames()) == [None, "dark", None]


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        pytest.param(cover((120, 150, 200), uneven=20, texture=2), "covered", id="covered"),
        pytest.param(cover((245, 245, 245)), "covered", id="white"),
        pytest.param(cover((0, 0, 0)), "dark", id="black"),
        pytest.param(light(0.08), "dark", id="dark"),
    ],
)
def test_update_blind_at_start(edit: Edit, cause: str) -> None:
    """Without a reference; the first good view then becomes it."""
    tamper = Tamper(make_tamper_settings())
    film = filmed(edit, begin_s=0, until_s=15, seconds=40)
    (_, seeing), (found_s, found), (_, restored) = told(film.frames(), tamper)
    assert (seeing.cause, found.cause, restored.cause) == (None, cause, None)
    assert found_s <= WITHIN_S
    assert causes(later(filmed(warp(0.05), begin_s=0), 40), tamper) == [None, "moved"]


def test_update_frozen_at_start() -> None:
    """Equal pictures are frozen after a long time, also without any noise before."""
    film = filmed(freezes=True, begin_s=0, seconds=40)
    assert causes(film.frames()) == [None]
    (_, _), (found_s, found) = told(film.frames(), Tamper(make_tamper_settings(identical_after_s=20)))
    assert (found.cause, found.since.monotonic_s) == ("frozen", 0)
    assert 20 < found_s < 30


def test_update_moved_for_good() -> None:
    """The new view is blind until it is accepted; then the old one is the wrong one."""
    tamper = Tamper(make_tamper_settings())
    assert causes(filmed(warp(0.1), seconds=60).frames(), tamper) == [None, "moved"]
    # However long it lasts.
    assert causes(later(filmed(warp(0.1), begin_s=0), 40_000), tamper) == ["moved"]
    tamper.accept()
    assert told(later(filmed(warp(0.1), begin_s=0, seconds=60), 50_000), tamper)[0][1].cause is None
    assert not tamper.is_away
    assert causes(later(filmed(seconds=20), 50_060), tamper) == [None, "moved"]


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(light(0.05), id="dark"),
        pytest.param(cover((120, 150, 200), uneven=20), id="covered"),
        pytest.param(defocus(0.03), id="blurred"),
    ],
)
@pytest.mark.parametrize("place", ["room", "street"])
@pytest.mark.parametrize("away", [warp(0.05), warp(degrees=9), warp(0.035, -0.035)])
def test_update_moved_whatever_comes_between(
    then: Edit, place: str, away: Edit, request: pytest.FixtureRequest
) -> None:
    """A night does not make a view right that was wrong in the evening."""
    scene = ROOM if place == "room" else request.getfixturevalue("street")

    def edit(picture: Picture, time_s: float) -> Picture:
        picture = away(picture, time_s)
        return then(picture, time_s) if 20 <= time_s < 60 else picture

    tamper = Tamper(make_tamper_settings())
    film = filmed(edit, scene, seconds=BEGIN_S + 120)
    first, *between, last = causes(film.frames(), tamper)
    assert (first, last, None in between) == (None, "moved", False)
    assert tamper.is_away


def test_update_moved_before_this_start() -> None:
    """A new process can't know the usual view: nothing that it sees is right until it is accepted."""
    tamper = Tamper(make_tamper_settings())
    tamper.reset(moved=True)
    assert causes(filmed(light(0.05), until_s=40, seconds=80).frames(), tamper) == ["moved", "dark", "moved"]
    assert not tamper.sees
    tamper.accept()
    assert causes(later(filmed(seconds=30), 80), tamper) == [None]
    assert causes(later(filmed(warp(0.1), begin_s=0), 110), tamper) == [None, "moved"]


def test_accept_in_the_dark() -> None:
    """The first good view is then the right one."""
    tamper = Tamper(make_tamper_settings())
    assert causes(filmed(warp(0.1)).frames(), tamper) == [None, "moved"]
    assert causes(later(filmed(light(0.05), begin_s=0, seconds=20), 40), tamper) == ["moved", "dark"]
    tamper.accept()
    turned = later(filmed(warp(0.1), begin_s=0), 60)
    assert causes(turned, tamper) == ["dark", None]


def test_update_moved_back() -> None:
    film = filmed(warp(0.1), seconds=70, until_s=50)
    assert causes(film.frames()) == [None, "moved", None]


def test_update_view_changes_slowly() -> None:
    """Things are carried about one by one: the reference follows, if it may."""
    other = make_room(5)

    def edit(picture: Picture, time_s: float) -> Picture:
        picture = picture.copy()
        new = round(min(1.0, time_s / 400) * picture.shape[1])
        picture[:, :new] = other[:, :new]
        return picture

    assert causes(
        filmed(edit, seconds=500, fps=1).frames(), Tamper(make_tamper_settings(reference_s=60))
    ) == [None]


def test_update_other_view() -> None:
    """A view that nothing explains is another one, but it takes longer to be sure."""
    other = make_room(5)
    film = filmed(lambda *_: other, seconds=BEGIN_S + 40)
    (_, _), (found_s, found) = told(film.frames())
    assert found.cause == "moved"
    assert BEGIN_S + WITHIN_S < found_s < BEGIN_S + 40


@pytest.mark.parametrize("edit", [None, warp(0.2), warp(degrees=10), light(0.5), light(1.5)])
def test_update_bare_wall(edit: Edit | None) -> None:
    """What has nearly no texture can't be seen to move, and is no cover."""
    wall = np.full((240, 320, 3), 150, np.uint8)
    cv2.circle(wall, (250, 60), 9, (220, 230, 240), -1)
    cv2.rectangle(wall, (40, 180), (70, 200), (60, 60, 60), -1)
    assert causes(filmed(edit, Scene("wall", [wall], 1.0), seconds=60).frames()) == [None]


MASKS = [(0.0, 0.0, 0.7, 1.0), (0.0, 0.25, 1.0, 1.0)]


@pytest.mark.parametrize("mask", MASKS)
def test_update_masked(mask: tuple[float, float, float, float]) -> None:
    """Masks are neither dark nor a cover, nor do their edges hold a lost view."""
    assert causes(filmed(mask=mask, seconds=40).frames()) == [None]
    for edit, cause in [
        (cover((120, 150, 200), uneven=20, texture=2), "covered"),
        (light(0.08), "dark"),
        (defocus(0.02), "blurred"),
        (warp(0.05), "moved"),
    ]:
        assert causes(filmed(edit, mask=mask).frames()) == [None, cause]
    assert causes(filmed(freezes=True, mask=mask).frames()) == [None, "frozen"]


def test_few_dark_px_are_no_mask() -> None:
    """Noise lights them one after the other; the view is not learned anew for each."""
    picture = make_room()[..., 0].copy()
    dark = np.random.default_rng(4).choice(picture.size, picture.size // 1000, replace=False)
    picture.flat[dark] = 0
    extractor = TileFeatureExtractor(picture)
    assert extractor.valid is None
    for px in dark:
        picture.flat[px] = 9
        assert not extractor.see_masks(picture)


def test_update_other_size() -> None:
    """Another size is another camera."""
    tamper = Tamper(make_tamper_settings())
    assert causes(filmed().frames(), tamper) == [None]
    portrait = Scene("portrait", [make_room(3, (180, 320))], 1.0)
    assert causes(later(filmed(warp(0.05), portrait), 40), tamper) == [None, "moved"]


def test_reset() -> None:
    tamper = Tamper(make_tamper_settings())
    assert causes(filmed(warp(0.1)).frames(), tamper) == [None, "moved"]
    tamper.reset()
    assert causes(later(filmed(scene=Scene("other", [make_room(7)], 1.0)), 40), tamper) == [None]


def test_update_tiny() -> None:
    picture = make_room(2, (24, 16))
    frames = [frame_of(i, make_at(i), edits.Noise(2).on(picture)) for i in range(30)]
    assert causes(frames) == [None]
