"""Footage as cameras give it, edited as tampering and light would change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.device.frames import frame_of
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.frame import Frame

    Picture = NDArray[np.uint8]
    # The picture, and the seconds since the edit began.
    Edit = Callable[[Picture, float], Picture]

_MOST_WIDTH_PX = 480
_LONGEST, _LEG_S = 10_000, 3.0
_NOISE_FIELDS = 8
_NOISE_MARGIN_PX = 32


@dataclass(frozen=True)
class Scene:
    """Pictures of one fixed camera; it goes on without a jump by playing forward and backward.

    Where it turns back is drawn by lot: a camera does not repeat the noise of its recording in step.
    """

    name: str
    pictures: list[Picture]
    fps: float

    def at(self, time_s: float) -> Picture:
        return self.pictures[self._order[int(time_s * self.fps + 1e-6) % len(self._order)]]

    @cached_property
    def _order(self) -> list[int]:
        last = len(self.pictures) - 1
        if last == 0:
            return [0]
        rng = np.random.default_rng(8)
        order, most = list(range(last + 1)), max(1, round(_LEG_S * self.fps))
        while len(order) < _LONGEST:
            here = order[-1]
            there = int(rng.integers(max(0, here - most), min(last, here + most) + 1))
            order += range(here + 1, there + 1) if there > here else range(here - 1, there - 1, -1)
        return order


def clip_scene(path: Path, most_fps: float = 10.0) -> Scene:
    """A recording, at no more frames a second than asked for."""
    capture = cv2.VideoCapture(str(path))
    step = max(1, round(capture.get(cv2.CAP_PROP_FPS) / most_fps))
    pictures: list[Picture] = []
    index = 0
    while capture.grab():
        if index % step == 0:
            pictures.append(shrunk(_u8(capture.retrieve()[1])))
        index += 1
    fps = capture.get(cv2.CAP_PROP_FPS) / step
    capture.release()
    return Scene(path.stem, pictures, fps)


def still_scene(path: Path) -> Scene:
    """One picture for ever."""
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return Scene(path.stem, [shrunk(_u8(picture))], 1.0)


def shrunk(picture: Picture, most_width_px: int = _MOST_WIDTH_PX) -> Picture:
    """No wider than a bench needs, to be quick."""
    height, width = picture.shape[:2]
    size = most_width_px, round(height * most_width_px / width)
    return picture if width <= most_width_px else _u8(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


class Noise:
    """A sensor's noise, drawn once and taken from another place for each picture."""

    def __init__(self, sigma: float, seed: int = 5) -> None:
        self._sigma = sigma
        self._rng = np.random.default_rng(seed)
        self._fields: list[NDArray[np.int16]] = []

    def on(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        if not self._sigma:
            return picture
        if not self._fields:
            shape = height + _NOISE_MARGIN_PX, width + _NOISE_MARGIN_PX, 3
            for _ in range(_NOISE_FIELDS):
                field = self._rng.normal(0, self._sigma, shape)
                self._fields.append(np.rint(field).astype(np.int16))
        top, left = self._rng.integers(0, _NOISE_MARGIN_PX, 2)
        drawn = self._fields[self._rng.integers(_NOISE_FIELDS)]
        noise = drawn[top : top + height, left : left + width]
        return _u8(cv2.add(picture, noise, dtype=cv2.CV_8U))


@dataclass
class Film:
    """How a scene is filmed.

    Attributes:
        edit: what is done to the picture from `begin_s` on, before the sensor's noise.
        until_s: when the edit ends; None: never.
        freezes: the picture stands still while edited, with its noise.
        noise: sigma in grey levels.
        quality: of JPEG, 1–100; 0: not compressed.
        qualities: where a frozen picture is compressed again each time, with one of these in turn.
        mask: blanked after all else, as fractions left, top, right, bottom.
    """

    scene: Scene
    seconds: float = 34.0
    fps: float = 5.0
    edit: Edit | None = None
    begin_s: float = 22.0
    until_s: float | None = None
    freezes: bool = False
    noise: float = 2.5
    quality: int = 0
    qualities: tuple[int, ...] = ()
    mask: tuple[float, float, float, float] | None = None
    seed: int = 5
    _frozen: Picture | None = field(default=None, init=False)

    def frames(self) -> Iterator[Frame]:
        noise = Noise(self.noise, self.seed)
        for index in range(round(self.seconds * self.fps)):
            time_s = index / self.fps
            yield frame_of(index, make_at(time_s), self._masked(self._picture(time_s, index, noise)))

    def _picture(self, time_s: float, index: int, noise: Noise) -> Picture:
        edited = self.begin_s <= time_s < (self.until_s or self.seconds)
        if not edited:
            self._frozen = None
        elif self._frozen is not None:
            picture = self._frozen
            return jpeg(picture, self.qualities[index % len(self.qualities)]) if self.qualities else picture
        picture = self.scene.at(time_s)
        if edited and self.edit is not None:
            picture = self.edit(picture, time_s - self.begin_s)
        picture = noise.on(picture)
        if self.quality:
            picture = jpeg(picture, self.quality)
        if edited and self.freezes:
            self._frozen = picture
        return picture

    def _masked(self, picture: Picture) -> Picture:
        if self.mask is None:
            return picture
        height, width = picture.shape[:2]
        left, top, right, bottom = self.mask
        picture = picture.copy()
        picture[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 0
        return picture


def _u8(picture: object) -> Picture:
    return np.asarray(picture).astype(np.uint8, copy=False)


def jpeg(picture: Picture, quality: int) -> Picture:
    return _u8(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1))


# Tampering.


def cover(bgr: tuple[int, int, int], *, uneven: float = 0.0, texture: float = 0.0) -> Edit:
    """Something before the lens: its colour, how much its light falls off and its texture, in grey levels."""

    def edit(picture: Picture, _: float) -> Picture:
        height, width = picture.shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        shade = uneven * (x / width - 0.5 + 0.5 * (y / height - 0.5)) * 1.3
        if texture:
            # Out of focus, as all is that touches the lens.
            grain = np.random.default_rng(3).normal(0, 1, (height, width)).astype(np.float32)
            grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.01 * width))
            shade += grain * texture / grain.std()
        return _u8(np.clip(np.array(bgr, np.float32) + shade[..., None], 0, 255))

    return edit


def defocus(ratio: float, *, disk: bool = False) -> Edit:
    """Blur by a Gaussian with this sigma, or a disk of the same spread; a part of the width."""

    def edit(picture: Picture, _: float) -> Picture:
        sigma = ratio * picture.shape[1]
        if not disk:
            return _u8(cv2.GaussianBlur(picture, (0, 0), sigma))
        radius = max(1, round(2 * sigma))
        size = 2 * radius + 1
        kernel = np.zeros((size, size), np.float32)
        cv2.circle(kernel, (radius, radius), radius, 1.0, -1)
        return _u8(cv2.filter2D(picture, -1, kernel / kernel.sum()))

    return edit


def warp(
    shift_x: float = 0.0, shift_y: float = 0.0, degrees: float = 0.0, border: int = cv2.BORDER_REPLICATE
) -> Edit:
    """The camera turned: shifts are parts of the width."""

    def edit(picture: Picture, _: float) -> Picture:
        height, width = picture.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        matrix[:, 2] += shift_x * width, shift_y * width
        return _u8(cv2.warpAffine(picture, matrix, (width, height), borderMode=border))

    return edit


def as_is(picture: Picture, _: float) -> Picture:
    return picture


# Light.


def light(gain: float, offset: float = 0.0, gamma: float = 1.0) -> Edit:
    table = np.clip(255 * (np.arange(256) / 255) ** gamma * gain + offset, 0, 255).astype(np.uint8)

    def edit(picture: Picture, _: float) -> Picture:
        return _u8(cv2.LUT(picture, table))

    return edit


def steps(gains: tuple[float, ...], each_s: float) -> Edit:
    """Gains that take turns: lights switched, gain steps, or flicker."""
    edits = [light(gain) for gain in gains]

    def edit(picture: Picture, time_s: float) -> Picture:
        return edits[int(time_s / each_s) % len(edits)](picture, time_s)

    return edit


def drift(depth: float, period_s: float) -> Edit:
    """Light that comes and goes slowly, by this part of it."""

    def edit(picture: Picture, time_s: float) -> Picture:
        return light(1 + depth * float(np.sin(2 * np.pi * time_s / period_s)))(picture, time_s)

    return edit


def _polygon(corners: NDArray[np.float64], picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [np.rint(corners * [width, height]).astype(np.int32)], 255)
    return inside


def sun_patch(gain: float = 1.7, offset: float = 25.0, size: float = 0.45) -> Edit:
    """A window's light on the scene, wandering over it within about two minutes."""
    corners = np.array([[0.0, 0.1], [0.8, 0.0], [1.0, 0.8], [0.25, 1.0]]) * size

    def edit(picture: Picture, time_s: float) -> Picture:
        place = np.array([-size / 2 + time_s / 120, 0.1 + 0.4 * time_s / 120])
        inside = _polygon(corners + place, picture)
        lit = light(gain, offset)(picture, time_s)
        return np.where(inside[..., None] > 0, lit, picture)

    return edit


def television(place: tuple[float, float, float, float] = (0.3, 0.2, 0.6, 0.5)) -> Edit:
    """A screen that shows another picture each half second, and lights the room a little."""
    rng = np.random.default_rng(11)
    shows = [rng.integers(0, 255, (6, 8, 3)).astype(np.uint8) for _ in range(17)]

    def edit(picture: Picture, time_s: float) -> Picture:
        number = int(time_s * 2) % len(shows)
        picture = light(0.9 + 0.2 * float(shows[number].mean()) / 255)(picture, time_s).copy()
        height, width = picture.shape[:2]
        left, top, right, bottom = (round(v * s) for v, s in zip(place, (width, height) * 2, strict=True))
        show = cv2.resize(shows[number], (right - left, bottom - top), interpolation=cv2.INTER_CUBIC)
        picture[top:bottom, left:right] = show
        return picture

    return edit


# People close to the camera.


def cut_out(path: Path, box: tuple[int, int, int, int]) -> tuple[Picture, Picture]:
    """A person out of a picture (box: left, top, width, height), and what of the box is theirs, 0 or 255."""
    picture = cv2.imread(str(path))
    assert picture is not None, path
    kinds = np.zeros(picture.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, kinds, box, models[0], models[1], 4, cv2.GC_INIT_WITH_RECT)
    left, top, width, height = box
    part = np.s_[top : top + height, left : left + width]
    theirs = np.where((kinds == cv2.GC_FGD) | (kinds == cv2.GC_PR_FGD), 255, 0)
    return _u8(picture[part]), _u8(theirs[part])


def passer_by(person: tuple[Picture, Picture], height: float, stays_s: float = 6.0) -> Edit:
    """Somebody who comes in 3 s, stays, swaying, and goes on; as tall as this many pictures."""
    body, theirs = person

    def edit(picture: Picture, time_s: float) -> Picture:
        rows, columns = picture.shape[:2]
        tall = round(height * rows)
        wide = round(body.shape[1] * tall / body.shape[0])
        way = np.interp(
            time_s,
            [0, 3, 3 + stays_s, 6 + stays_s],
            [-0.5 * wide, columns / 2, columns / 2, columns + 0.5 * wide],
        )
        sway = (
            0.01 * columns * np.sin(2 * np.pi * time_s / 3.1),
            0.005 * columns * np.sin(2 * np.pi * time_s / 2.3),
        )
        top = min(0.1 * rows, rows - tall) if tall < rows else 0.02 * rows
        scale = tall / body.shape[0]
        matrix = np.array([[scale, 0, way - wide / 2 + sway[0]], [0, scale, top + sway[1]]])
        size = columns, rows
        alpha = cv2.warpAffine(theirs, matrix, size)[..., None]
        return _u8(np.where(alpha > 127, cv2.warpAffine(body, matrix, size), picture))

    return edit
