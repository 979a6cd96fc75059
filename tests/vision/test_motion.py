from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.vision.motion import Motion, MotionGate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Luma = NDArray[np.uint8]

SIZES = [(180, 320), (240, 320), (135, 240), (17, 23), (16, 16), (1, 1)]
# As fractions: left, top, right, bottom.
ALL = (0.0, 0.0, 1.0, 1.0)


def office(shape: tuple[int, int] = (180, 320), seed: int = 1) -> NDArray[np.float32]:
    """Walls and furniture: smooth texture from 50 to 170 grey levels."""
    smooth = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal(shape, np.float32), (0, 0), 3)
    levels = 110 + 30 * smooth / max(float(smooth.std()), 1e-3)
    return levels.clip(50, 170).astype(np.float32, copy=False)


def taken(scene: NDArray[np.float32], sigma: float, rng: np.random.Generator) -> Luma:
    """A picture of it, with a sensor's noise."""
    noise = sigma * rng.standard_normal(scene.shape, np.float32)
    return np.clip(scene + noise, 0, 255).astype(np.uint8)


def with_person(
    scene: NDArray[np.float32], left: float, top: float, levels: float = 60
) -> NDArray[np.float32]:
    """Somebody 10 px wide and 24 px tall, so much brighter than what is behind them; at parts of a px too."""
    shade = np.zeros(scene.shape, np.float32)
    x, y = int(left), int(top)
    shade[y : y + 24, x : x + 10] = levels
    shift = np.array([[1, 0, left - x], [0, 1, top - y]], np.float32)
    moved = cv2.warpAffine(shade, shift, (scene.shape[1], scene.shape[0]))
    return (scene + moved).astype(np.float32)


def changed_columns(motion: Motion) -> list[bool]:
    """Whether any cell of a column changed."""
    return [bool(column.any()) for column in motion.changed.T]


def changed_box(motion: Motion, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """Around the cells that changed, in px of the luma plane."""
    rows, columns = np.nonzero(motion.changed)
    height, width = motion.cell_ratio[0] * shape[0], motion.cell_ratio[1] * shape[1]
    return (
        columns.min() * width,
        rows.min() * height,
        (columns.max() + 1) * width,
        (rows.max() + 1) * height,
    )


def looked_at(
    scene: NDArray[np.float32], sigma: float, rng: np.random.Generator, frames: int = 10
) -> MotionGate:
    """A gate that was shown this scene for some frames, the last of which was looked at."""
    gate = MotionGate()
    for _ in range(frames):
        gate.update(taken(scene, sigma, rng))
    gate.looked(*ALL)
    return gate


@pytest.mark.parametrize("shape", SIZES)
def test_first_frame_is_all_new(shape: tuple[int, int]) -> None:
    motion = MotionGate().update(office(shape).astype(np.uint8))
    assert motion.changed.all()
    assert motion.ratio == 1.0
    # The cells are parts of the picture, and cover it but for less than one cell.
    rows, columns = motion.changed.shape
    if min(shape) >= 16:
        assert 0.5 < rows * motion.cell_ratio[0] <= 1
        assert 0.5 < columns * motion.cell_ratio[1] <= 1


@pytest.mark.parametrize("shape", SIZES)
def test_nothing_changes(shape: tuple[int, int]) -> None:
    gate, luma = MotionGate(), office(shape).astype(np.uint8)
    gate.update(luma)
    for _ in range(5):
        motion = gate.update(luma.copy())
        assert not motion.changed.any()
        assert motion.ratio == 0.0


@pytest.mark.parametrize("shape", [shape for shape in SIZES if shape[0] > 100])
@pytest.mark.parametrize("sigma", [0, 3])
@pytest.mark.parametrize(("x", "y"), [(0.02, 0.05), (0.5, 0.5), (0.93, 0.8)])
def test_person_appears(shape: tuple[int, int], sigma: float, x: float, y: float) -> None:
    rng, scene = np.random.default_rng(2), office(shape)
    gate = looked_at(scene, sigma, rng)
    left, top = x * shape[1], y * shape[0]
    motion = gate.update(taken(with_person(scene, left, top), sigma, rng))
    # Their cells and at most a neighbour on each side (a cell is 16 px); the others not.
    box = changed_box(motion, shape)
    assert left - 17 <= box[0] <= left + 10 <= box[2] + 17 <= left + 10 + 2 * 17
    assert top - 17 <= box[1] <= top + 24 <= box[3] + 17 <= top + 24 + 2 * 17
    assert 1 <= np.count_nonzero(motion.changed) <= 12


def test_person_goes_somewhere_else() -> None:
    rng, scene = np.random.default_rng(3), office()
    gate = looked_at(with_person(scene, 40, 60), 3, rng)
    motion = gate.update(taken(with_person(scene, 240, 60), 3, rng))
    # Where they were and where they are, nothing in between.
    columns = changed_columns(motion)
    assert any(columns[2:4])
    assert any(columns[14:16])
    assert not any(columns[5:13])


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_motion(seed: int) -> None:
    # From the second frame on, before the gate knows anything of the noise.
    rng, scene, gate = np.random.default_rng(seed), office(seed=seed), MotionGate()
    gate.update(taken(scene, 3, rng))
    assert not any(gate.update(taken(scene, 3, rng)).changed.any() for _ in range(200))


def test_strong_noise_is_no_motion_once_it_is_known() -> None:
    rng, scene = np.random.default_rng(4), office()
    gate = looked_at(scene, 8, rng, frames=100)
    fired = [np.count_nonzero(gate.update(taken(scene, 8, rng)).changed) for _ in range(100)]
    assert sum(fired) <= 1
    # Somebody is still seen through it.
    assert gate.update(taken(with_person(scene, 160, 80), 8, rng)).changed.any()


def test_threshold_falls_with_the_noise() -> None:
    # At night the gain is high; in the morning somebody whose clothes are like the wall comes in.
    rng, scene = np.random.default_rng(5), office()
    gate = looked_at(scene, 8, rng, frames=100)
    for _ in range(3):
        gate.update(taken(scene, 1, rng))
    gate.looked(*ALL)
    assert not gate.update(taken(scene, 1, rng)).changed.any()
    assert gate.update(taken(with_person(scene, 160, 80, levels=18), 1, rng)).changed.any()


@pytest.mark.parametrize("gain", [0.7, 0.85, 1.2, 1.4])
@pytest.mark.parametrize("sigma", [0, 3])
def test_gain_step_is_no_motion(gain: float, sigma: float) -> None:
    rng, scene = np.random.default_rng(6), office()
    gate = looked_at(scene, sigma, rng)
    dimmed = (scene * gain).astype(np.float32)
    assert gate.update(taken(dimmed, sigma, rng)).ratio <= 0.01
    # And whoever comes in just then is seen, as small as they are.
    motion = gate.update(taken(with_person(dimmed, 160, 80), sigma, rng))
    assert motion.changed[80 // 16 : 104 // 16 + 1, 160 // 16].any()


def test_slow_light_is_no_motion() -> None:
    # The sun goes down by a third in two minutes, and nobody looks.
    rng, scene, gate = np.random.default_rng(7), office(), MotionGate()
    gate.update(taken(scene, 3, rng))
    fired = [
        gate.update(taken((scene * (1 - i / 1800)).astype(np.float32), 3, rng)).ratio
        for i in range(0, 600, 2)
    ]
    assert max(fired) <= 0.01


def test_lights_switched_change_nearly_all() -> None:
    # No gain: one side of the room gets much brighter than the other.
    scene, gate = office(), MotionGate()
    gate.update(scene.astype(np.uint8))
    lit = scene * np.linspace(0.2, 1.4, scene.shape[1], dtype=np.float32)
    assert gate.update(lit.astype(np.uint8)).ratio > 0.5


@pytest.mark.parametrize("fps", [5, 15])
@pytest.mark.parametrize("speed", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_slow_person_fires_in_the_end(fps: int, speed: tuple[float, float]) -> None:
    # A px of the luma plane a second is a few centimetres: less than noise from frame to frame.
    rng, scene = np.random.default_rng(8), office()
    gate = looked_at(with_person(scene, 100, 60), 3, rng)
    fired_s = []
    for i in range(1, 12 * fps):
        left, top = 100 + speed[0] * i / fps, 60 + speed[1] * i / fps
        motion = gate.update(taken(with_person(scene, left, top), 3, rng))
        if motion.changed.any():
            fired_s.append(i / fps)
            box = changed_box(motion, scene.shape)
            assert box[0] >= 80
            assert box[2] <= 144
    # Nobody looks, so it goes on firing.
    assert fired_s
    assert fired_s[0] <= 8
    assert fired_s[-1] == (12 * fps - 1) / fps


def test_motion_lasts_until_somebody_looks() -> None:
    scene, gate = office().astype(np.uint8), MotionGate()
    person = with_person(office(), 100, 60).astype(np.uint8)
    gate.update(scene)
    for _ in range(100):
        assert gate.update(person).changed.any()
    gate.looked(*ALL)
    assert not gate.update(person).changed.any()
    # Nobody becomes background: that they leave is news as well.
    assert gate.update(scene).changed.any()


def test_look_at_a_part_renews_only_that_part() -> None:
    scene, gate = office(), MotionGate()
    two = with_person(with_person(scene, 40, 60), 260, 60).astype(np.uint8)
    gate.update(scene.astype(np.uint8))
    columns = changed_columns(gate.update(two))
    assert any(columns[:10])
    assert any(columns[10:])
    gate.looked(0.5, 0.0, 1.0, 1.0)
    columns = changed_columns(gate.update(two))
    assert any(columns[:10])
    assert not any(columns[10:])
    gate.looked(0.0, 0.0, 0.5, 1.0)
    assert not gate.update(two).changed.any()


def test_given_frames_are_left_alone() -> None:
    scene, gate = office().astype(np.uint8), MotionGate()
    person = with_person(office(), 100, 60).astype(np.uint8)
    kept = scene.copy(), person.copy()
    gate.update(scene)
    gate.update(person)
    gate.looked(0.0, 0.0, 0.6, 1.0)
    gate.update(scene)
    np.testing.assert_array_equal(scene, kept[0])
    np.testing.assert_array_equal(person, kept[1])
    # Nor does the gate lean on a buffer that the camera uses again.
    scene[:] = 0
    assert not gate.update(person).changed[:, :9].any()


def test_reset_makes_all_new() -> None:
    gate, luma = MotionGate(), office().astype(np.uint8)
    gate.update(luma)
    assert not gate.update(luma).changed.any()
    gate.reset()
    assert gate.update(luma).changed.all()
    assert not gate.update(luma).changed.any()


def test_look_before_any_frame() -> None:
    gate = MotionGate()
    gate.looked(*ALL)
    gate.update(office().astype(np.uint8))
    gate.reset()
    gate.looked(*ALL)
    assert gate.update(office().astype(np.uint8)).changed.all()


def test_frames_of_another_size_are_all_new() -> None:
    gate = MotionGate()
    gate.update(office((180, 320)).astype(np.uint8))
    assert gate.update(office((240, 320)).astype(np.uint8)).changed.all()


@given(
    st.tuples(st.integers(1, 300), st.integers(1, 320)),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(deadline=None, max_examples=60)
def test_any_size_and_part(
    shape: tuple[int, int], part: tuple[float, float, float, float], gain: float
) -> None:
    gate, luma = MotionGate(), office(shape).astype(np.uint8)
    other = (luma * gain).astype(np.uint8)
    cells = gate.update(luma).changed.shape
    left, right = sorted(part[::2])
    top, bottom = sorted(part[1::2])
    for picture in (luma, other, 255 - luma):
        motion = gate.update(picture)
        assert motion.changed.shape == cells
        assert 0 <= motion.ratio <= 1
        gate.looked(left, top, right, bottom)
    gate.looked(*ALL)
    assert not gate.update(255 - luma).changed.any()
