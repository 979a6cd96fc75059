from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.install.manifest import Weights, load_manifest, models_directory
from agent.vision.letterbox import Letterbox, best_shape, fitting_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.letterbox import Shape

    Picture = NDArray[np.uint8]

# Inputs that the agent uses, and oblong ones.
INPUTS = [(416, 416), (640, 640), (160, 160), (256, 416), (384, 640), (640, 384)]
sizes = st.integers(1, 3000)
percents = st.integers(0, 100)


def plain(width: int, height: int, color: tuple[int, int, int] = (40, 90, 200)) -> Picture:
    return np.full((height, width, 3), color, np.uint8)


def letterboxed(image: Picture, shape: Shape, pad: int) -> Picture:
    fitted = Letterbox(shape, pad)
    fitted.fill(image)
    return fitted.pixels


def filled_px(length: int, scale: float, room: int) -> int:
    """How many px of the input a side of a picture fills: rounded down, but never none or too many."""
    return min(room, max(1, int(length * scale)))


@given(sizes, sizes, st.sampled_from(INPUTS), st.sampled_from([0, 114, 255]))
@settings(deadline=None, max_examples=60)
@example(1, 1, (416, 416), 114)
@example(20_000, 1, (416, 416), 114)
@example(1, 20_000, (416, 416), 114)
@example(20_000, 1, (640, 640), 0)
@example(1, 20_000, (160, 160), 0)
@example(416, 416, (416, 416), 114)
@example(1280, 720, (416, 416), 114)
def test_letterbox(width: int, height: int, size: tuple[int, int], pad: int) -> None:
    image = plain(width, height)
    fitted = Letterbox(size, pad)
    scale = fitted.fill(image)
    rows, columns = size
    assert fitted.pixels.shape == (1, 3, rows, columns)
    assert fitted.pixels.dtype == np.uint8
    assert scale == min(rows / height, columns / width)
    bottom, right = filled_px(height, scale, rows), filled_px(width, scale, columns)
    # One side is filled to the last px, give or take rounding.
    assert right >= columns - 1 or bottom >= rows - 1
    for plane, value in zip(fitted.pixels[0], (40, 90, 200), strict=True):
        assert (plane[:bottom, :right] == value).all()
        assert (plane[bottom:] == pad).all()
        assert (plane[:, right:] == pad).all()
    assert (image == plain(width, height)).all()


@given(st.sampled_from(INPUTS), st.lists(st.tuples(sizes, sizes), min_size=1, max_size=3))
@settings(deadline=None, max_examples=40)
@example((416, 416), [(1, 1)])
@example((416, 416), [(1280, 720), (720, 1280)])
def test_letterbox_centred_has_the_same_picture_in_the_middle(
    shape: Shape, pictures: list[tuple[int, int]]
) -> None:
    fitted = Letterbox(shape, 114, centred=True)
    for width, height in pictures:
        image = plain(width, height)
        scale = fitted.fill(image)
        rows, columns = shape
        bottom, right = filled_px(height, scale, rows), filled_px(width, scale, columns)
        left, top = fitted.corner
        assert all(
            0 <= more - 2 * less <= 1 for more, less in ((columns - right, left), (rows - bottom, top))
        )
        expected = np.full_like(fitted.pixels, 114)
        at_corner = letterboxed(image, shape, 114)[:, :, :bottom, :right]
        expected[:, :, top : top + bottom, left : left + right] = at_corner
        np.testing.assert_array_equal(fitted.pixels, expected)


@given(sizes, sizes, st.sampled_from(INPUTS), st.lists(percents, min_size=4, max_size=4))
@settings(deadline=None, max_examples=60)
def test_letterbox_box_maps_back(width: int, height: int, size: tuple[int, int], corners: list[int]) -> None:
    # A white box is found again in the input, and from there in the picture.
    image = np.zeros((height, width, 3), np.uint8)
    left, right = (v * width // 100 for v in sorted(corners[:2]))
    top, bottom = (v * height // 100 for v in sorted(corners[2:]))
    image[top:bottom, left:right] = 255
    fitted = Letterbox(size, 0)
    scale = fitted.fill(image)
    # Half a px for the grid on which it is sampled, one for the picture's size rounded down.
    near_px = 1.5 / scale
    ys, xs = np.nonzero(fitted.pixels[0, 0] >= 128)
    if not len(xs):
        assert min(right - left, bottom - top) <= 2 * near_px
        return
    assert xs.min() / scale == pytest.approx(left, abs=near_px)
    assert (xs.max() + 1) / scale == pytest.approx(right, abs=near_px)
    assert ys.min() / scale == pytest.approx(top, abs=near_px)
    assert (ys.max() + 1) / scale == pytest.approx(bottom, abs=near_px)


@pytest.mark.parametrize(
    ("width", "height"),
    # Of the input's own size (nothing to scale), larger, smaller.
    [(416, 416), (1280, 720), (33, 77)],
)
def test_letterbox_leaves_its_input_alone(width: int, height: int) -> None:
    image = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = image.copy()
    letterboxed(image, (416, 416), 114)[:] = 0
    assert (image == before).all()


def test_letterbox_of_the_inputs_own_size_keeps_every_bit() -> None:
    image = np.random.default_rng(7).integers(0, 256, (416, 416, 3), dtype=np.uint8)
    pixels = letterboxed(image, (416, 416), 114)
    np.testing.assert_array_equal(pixels[0].transpose(1, 2, 0), image)


def test_letterbox_of_a_part_of_a_picture() -> None:
    # A region of a frame is no block of memory of its own.
    image = np.random.default_rng(7).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    part = image[50:250, 100:300]
    np.testing.assert_array_equal(letterboxed(part, (160, 160), 0), letterboxed(part.copy(), (160, 160), 0))


@given(st.sampled_from(INPUTS), st.lists(st.tuples(sizes, sizes), min_size=2, max_size=4))
@settings(deadline=None, max_examples=40)
@example((416, 416), [(416, 416), (1, 1), (416, 416)])
@example((384, 640), [(1280, 720), (720, 1280), (1280, 720)])
def test_letterbox_shows_nothing_of_the_picture_before(shape: Shape, pictures: list[tuple[int, int]]) -> None:
    fitted = Letterbox(shape, 114)
    for shade, (width, height) in enumerate(pictures):
        image = plain(width, height, (shade, 50 + shade, 200 + shade))
        fitted.fill(image)
        np.testing.assert_array_equal(fitted.pixels, letterboxed(image, shape, 114))


def test_letterbox_same_bits_everywhere() -> None:
    # The same numbers on every processor: golden files of events depend on it.
    # The picture is noise of whole numbers, which rounding half a bit otherwise would change.
    noise = (np.arange(90 * 160 * 3, dtype=np.uint32) * 2_654_435_761 >> 24).astype(np.uint8)
    image = noise.reshape(90, 160, 3)
    assert crc32(letterboxed(image, (416, 416), 114).tobytes()) == 2306092309
    assert crc32(letterboxed(image, (64, 64), 0).tobytes()) == 2639635748


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        # Cameras.
        (1280, 720, (320, 544)),
        (1920, 1080, (320, 544)),
        (640, 480, (352, 480)),
        (768, 576, (352, 480)),
        (1280, 1024, (352, 480)),
        (2592, 1944, (352, 480)),
        # Upright, square, and strips of a picture.
        (720, 1280, (544, 320)),
        (416, 416, (416, 416)),
        (1280, 500, (288, 608)),
        (200, 600, (608, 288)),
        (1, 1, (416, 416)),
        (1, 2000, (608, 288)),
    ],
)
def test_best_shape_for_persons(width: int, height: int, expected: Shape) -> None:
    assert best_shape(shapes_of("yolox_nano"), width, height) == expected


def test_best_shape_of_equals_has_the_fewest_px() -> None:
    shapes = [(640, 640), (480, 640), (384, 640)]
    assert best_shape(shapes, 1280, 720) == (384, 640)
    assert best_shape(shapes, 640, 480) == (480, 640)
    assert best_shape(shapes, 480, 640) == (640, 640)


@given(sizes, sizes)
def test_best_shape_shows_the_picture_as_large_as_any_other(width: int, height: int) -> None:
    shapes = shapes_of("yolox_nano")
    best = fitting_scale(best_shape(shapes, width, height), width, height)
    assert best == max(fitting_scale(shape, width, height) for shape in shapes)


@pytest.mark.parametrize("name", ["yolox_nano", "yolox_tiny", "yunet"])
@pytest.mark.parametrize(
    "size", [(1280, 720), (720, 1280), (640, 480), (480, 640), (1000, 1000), (1280, 640)]
)
def test_manifest_has_a_shape_that_wastes_little(name: str, size: tuple[int, int]) -> None:
    rows, columns = best_shape(shapes_of(name), *size)
    scale = fitting_scale((rows, columns), *size)
    assert size[0] * size[1] * scale**2 / (rows * columns) > 0.93


def shapes_of(name: str) -> list[Shape]:
    entry = load_manifest(models_directory()).named(name)
    assert isinstance(entry, Weights)
    return entry.shapes
