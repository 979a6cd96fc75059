"""The camera's sight, on a textured room with noise whose pictures are edited as tampering would."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.config import Tamper as TamperTable
from agent.core.frame import Frame
from agent.vision.tamper import Tamper, TamperSettings
from tests.builders import make_at, make_track

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from agent.core.sight import BlindCause, Sight

    Picture = NDArray[np.uint8]
    Edit = Callable[[Picture], Picture]

FPS = 5
SIZE = 320, 180
BEGIN_S = 20


def room(seed: int = 1) -> Picture:
    """Walls, furniture and a floor with structure, all grey."""
    rng = np.random.default_rng(seed)
    picture = np.full((SIZE[1], SIZE[0]), 120, np.uint8)
    for _ in range(60):
        x, y, w, h = rng.integers(0, [SIZE[0], SIZE[1], 60, 50])
        cv2.rectangle(
            picture, (int(x), int(y)), (int(x + w) + 4, int(y + h) + 4), int(rng.integers(30, 225)), -1
        )
    return cv2.GaussianBlur(picture, (3, 3), 0).astype(np.uint8)


class Camera:
    """Shows one scene; `show` gives so many seconds of it, edited, to a Tamper."""

    def __init__(self, scene: Picture, noise: float = 2.5, settings: TamperSettings | None = None) -> None:
        self.tamper = Tamper(settings or TamperSettings())
        self._scene = scene
        self._noise = noise
        self._rng = np.random.default_rng(5)
        self._index = 0

    def show(self, seconds: float, edit: Edit | None = None, *, frozen: bool = False) -> list[Sight]:
        sights = []
        still: Picture | None = None
        for _ in range(round(seconds * FPS)):
            picture = edit(self._scene) if edit else self._scene
            noisy = picture + self._rng.normal(0, self._noise, picture.shape) if self._noise else picture
            luma = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
            still = luma if still is None or not frozen else still
            at = make_at(self._index / FPS)
            image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
            sights.append(self.tamper.update(Frame(self._index, at, image, still), ()))
            self._index += 1
        return sights


def flat(level: int) -> Edit:
    return lambda picture: np.full_like(picture, level)


def shifted(ratio: float, turn: float = 0.0) -> Edit:
    matrix = cv2.getRotationMatrix2D((SIZE[0] / 2, SIZE[1] / 2), turn, 1)
    matrix[0, 2] += ratio * SIZE[0]
    return lambda picture: cv2.warpAffine(picture, matrix, SIZE, borderMode=cv2.BORDER_REFLECT).astype(
        np.uint8
    )


def lit(gain: float, offset: float = 0.0) -> Edit:
    return lambda picture: np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


def defocused(picture: Picture) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), 0.02 * SIZE[0]).astype(np.uint8)


def causes(sights: list[Sight]) -> set[BlindCause | None]:
    return {sight.cause for sight in sights}


TAMPERED = [
    pytest.param(flat(2), "covered", id="black"),
    pytest.param(flat(245), "covered", id="white"),
    pytest.param(flat(140), "covered", id="hand"),
    pytest.param(lit(0.06), "dark", id="dark"),
    pytest.param(defocused, "blurred", id="defocused"),
    pytest.param(shifted(0.05), "moved", id="shifted_little"),
    pytest.param(shifted(0.2), "moved", id="shifted_far"),
    pytest.param(shifted(0.0, 5.0), "moved", id="turned"),
]


@pytest.mark.parametrize(("edit", "cause"), TAMPERED)
def test_tampered_told_within_10_s(edit: Edit, cause: BlindCause) -> None:
    camera = Camera(room(2))
    assert causes(camera.show(BEGIN_S)) == {None}
    sights = camera.show(10, edit)
    assert sights[-1].cause == cause
    assert causes(sights) == {None, cause}
    assert abs(sights[-1].since.monotonic_s - BEGIN_S) <= 1.5


@pytest.mark.parametrize(("edit", "cause"), TAMPERED)
def test_tampered_undone_restored(edit: Edit, cause: BlindCause) -> None:
    camera = Camera(room())
    camera.show(BEGIN_S)
    assert camera.show(15, edit)[-1].cause == cause
    after = camera.show(10)
    assert after[-1].cause is None
    assert after[-1].since.monotonic_s >= BEGIN_S + 14
    # The spell left nothing in what is taken for the usual view.
    assert causes(camera.show(30)) == {None}


def test_frozen_told_within_10_s() -> None:
    camera = Camera(room())
    camera.show(BEGIN_S)
    assert camera.show(10, frozen=True)[-1].cause == "frozen"
    assert camera.show(10)[-1].cause is None


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lit(0.45), id="lights_off"),
        pytest.param(lit(1.6), id="lights_on"),
        pytest.param(lit(0.7, 30), id="haze"),
    ],
)
def test_light_is_no_tampering(edit: Edit) -> None:
    camera = Camera(room())
    camera.show(BEGIN_S)
    assert causes(camera.show(20, edit)) == {None}
    assert causes(camera.show(20)) == {None}


def test_drift_is_no_tampering() -> None:
    camera = Camera(room())
    for step in range(40):
        assert causes(camera.show(2, lit(1 + 0.3 * float(np.sin(step / 8))))) == {None}


@pytest.mark.parametrize(("edit", "cause"), TAMPERED[:1] + TAMPERED[3:4])
def test_blind_from_the_start_told(edit: Edit, cause: BlindCause) -> None:
    assert Camera(room()).show(10, edit)[-1].cause in {cause, "dark"}


@pytest.mark.parametrize(("edit", "cause"), TAMPERED)
def test_suspected_before_it_is_told(edit: Edit, cause: BlindCause) -> None:
    camera = Camera(room())
    assert not any(sight.suspected for sight in camera.show(BEGIN_S))
    sights = camera.show(10, edit)
    told = next(index for index, sight in enumerate(sights) if sight.cause == cause)
    # Two seconds of looks that find nobody end a track; a sign is there before.
    assert all(sight.suspected for sight in sights[2 * FPS : told])
    assert not sights[-1].suspected


def test_source_without_noise_is_not_frozen_soon() -> None:
    camera = Camera(room(), noise=0.0)
    assert causes(camera.show(120)) == {None}
    settings = TamperSettings(identical_after_s=60.0)
    assert Camera(room(), 0.0, settings).show(75)[-1].cause == "frozen"


def test_mask_does_not_matter() -> None:
    def masked(picture: Picture) -> Picture:
        picture = picture.copy()
        picture[: SIZE[1] // 2] = 0
        return picture

    camera = Camera(room())
    camera._noise = 0.0
    noise = np.random.default_rng(3)

    def half(picture: Picture) -> Picture:
        grain = noise.normal(0, 2.5, picture.shape)
        return masked(np.clip(np.rint(picture + grain), 1, 255).astype(np.uint8))

    assert causes(camera.show(BEGIN_S, half)) == {None}
    covered = camera.show(10, lambda picture: half(flat(140)(picture)))
    assert covered[-1].cause in {"covered", "blurred"}


def test_new_view_is_the_usual_one_after_a_while() -> None:
    camera = Camera(room(), settings=TamperSettings(accept_new_view_s=60.0))
    camera.show(BEGIN_S)
    away = shifted(0.2)
    assert camera.show(30, away)[-1].cause == "moved"
    assert camera.show(60, away)[-1].cause is None
    assert causes(camera.show(20, away)) == {None}


def test_somebody_close_to_the_camera_is_no_cover() -> None:
    camera = Camera(room())
    camera.show(BEGIN_S)
    body = room(9)[:, :200]

    for step in range(30):

        def passing(picture: Picture, x: int = step * 10 - 190) -> Picture:
            picture = picture.copy()
            left, right = max(0, x), min(SIZE[0], x + 200)
            if right > left:
                picture[:, left:right] = body[:, left - x : right - x]
            return picture

        assert causes(camera.show(0.4, passing)) == {None}


def test_reset_learns_anew() -> None:
    camera = Camera(room())
    camera.show(BEGIN_S)
    camera.tamper.reset()
    assert causes(camera.show(20, shifted(0.2))) == {None}


def test_settings_of_file_are_those_of_stage() -> None:
    assert asdict(TamperSettings()) == TamperTable().model_dump()


def test_tracks_are_taken() -> None:
    # Whoever is followed may hide everything: what the view lacks there says less.
    camera = Camera(room())
    camera.show(BEGIN_S)
    at = make_at(BEGIN_S)
    person = replace(make_track((160, 180), BEGIN_S), xyxy=(0.0, 0.0, 320.0, 180.0))
    image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    for index in range(6 * FPS):
        at = make_at(BEGIN_S + index / FPS)
        coat = np.clip(90 + np.random.default_rng(index).normal(0, 2.5, (SIZE[1], SIZE[0])), 0, 255)
        sight = camera.tamper.update(Frame(index, at, image, coat.astype(np.uint8)), [person])
    assert sight.cause is None
