from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.vision.letterbox import letterbox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

# Inputs that the agent uses, and oblong ones.
INPUTS = [(416, 416), (640, 640), (160, 160), (256, 416), (384, 640), (640, 384)]
sizes = st.integers(1, 3000)
percents = st.integers(0, 100)


def plain(width: int, height: int, color: tuple[int, int, int] = (40, 90, 200)) -> Picture:
    return np.full((height, width, 3), color, np.uint8)


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
    fitted = letterbox(image, *size, pad)
    rows, columns = size
    assert fitted.pixels.shape == (1, 3, rows, columns)
    assert fitted.pixels.dtype == np.uint8
    assert fitted.scale == min(rows / height, columns / width)
    bottom, right = filled_px(height, fitted.scale, rows), filled_px(width, fitted.scale, columns)
    # One side is filled to the last px, give or take rounding.
    assert right >= columns - 1 or bottom >= rows - 1
    for plane, value in zip(fitted.pixels[0], (40, 90, 200), strict=True):
        assert (plane[:bottom, :right] == value).all()
        assert (plane[bottom:] == pad).all()
        assert (plane[:, right:] == pad).all()
    assert (image == plain(width, height)).all()


@given(sizes, sizes, st.sampled_from(INPUTS), st.lists(percents, min_size=4, max_size=4))
@settings(deadline=None, max_examples=60)
def test_letterbox_box_maps_back(width: int, height: int, size: tuple[int, int], corners: list[int]) -> None:
    # A white box is found again in the input, and from there in the picture.
    image = np.zeros((height, width, 3), np.uint8)
    left, right = (v * width // 100 for v in sorted(corners[:2]))
    top, bottom = (v * height // 100 for v in sorted(corners[2:]))
    image[top:bottom, left:right] = 255
    fitted = letterbox(image, *size, 0)
    # Half a px for the grid on which it is sampled, one for the picture's size rounded down.
    near_px = 1.5 / fitted.scale
    ys, xs = np.nonzero(fitted.pixels[0, 0] >= 128)
    if not len(xs):
        assert min(right - left, bottom - top) <= 2 * near_px
        return
    assert xs.min() / fitted.scale == pytest.approx(left, abs=near_px)
    assert (xs.max() + 1) / fitted.scale == pytest.approx(right, abs=near_px)
    assert ys.min() / fitted.scale == pytest.approx(top, abs=near_px)
    assert (ys.max() + 1) / fitted.scale == pytest.approx(bottom, abs=near_px)


@pytest.mark.parametrize(
    ("width", "height"),
    # Of the input's own size (nothing to scale), larger, smaller.
    [(416, 416), (1280, 720), (33, 77)],
)
def test_letterbox_leaves_its_input_alone(width: int, height: int) -> None:
    image = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = image.copy()
    fitted = letterbox(image, 416, 416, 114)
    fitted.pixels[:] = 0
    assert (image == before).all()


def test_letterbox_of_the_inputs_own_size_keeps_every_bit() -> None:
    image = np.random.default_rng(7).integers(0, 256, (416, 416, 3), dtype=np.uint8)
    fitted = letterbox(image, 416, 416, 114)
    np.testing.assert_array_equal(fitted.pixels[0].transpose(1, 2, 0), image)


def test_letterbox_of_a_part_of_a_picture() -> None:
    # A region of a frame is no block of memory of its own.
    image = np.random.default_rng(7).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    part = image[50:250, 100:300]
    np.testing.assert_array_equal(
        letterbox(part, 160, 160, 0).pixels, letterbox(part.copy(), 160, 160, 0).pixels
    )


def test_letterbox_same_bits_everywhere() -> None:
    # The same numbers on every processor: golden files of events depend on it.
    # The picture is noise of whole numbers, which rounding half a bit otherwise would change.
    noise = (np.arange(90 * 160 * 3, dtype=np.uint32) * 2_654_435_761 >> 24).astype(np.uint8)
    image = noise.reshape(90, 160, 3)
    assert crc32(letterbox(image, 416, 416, 114).pixels.tobytes()) == 2306092309
    assert crc32(letterbox(image, 64, 64, 0).pixels.tobytes()) == 2639635748
