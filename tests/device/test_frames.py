from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.core.geometry import area, contains, crosses_itself, scaled
from agent.device.frames import View, played_frames, recorded_frames, viewed
from agent.device.recording import open_recording
from agent.errors import BrokenOffError
from tests.builders import BEGIN, distance_to_border, make_at
from tests.device.footage import cut, noise, shade, write_picture, write_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.frame import Frame, Instant
    from agent.core.geometry import Polygon

    Picture = NDArray[np.uint8]

LEFT_HALF: Polygon = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
NOTCHED: Polygon = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.3), (0.1, 0.9))


def test_view_plain() -> None:
    image = noise(48, 64)
    np.testing.assert_array_equal(View().of(image), image)


def test_view_rotation() -> None:
    image = noise(48, 64)
    before = image.copy()
    upright = View(rotation=180).of(image)
    np.testing.assert_array_equal(upright, image[::-1, ::-1])
    assert upright.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_view_mask() -> None:
    image = np.full((48, 64, 3), 200, np.uint8)
    masked = View(masks=(LEFT_HALF,)).of(image)
    assert (masked[:, :32] == 0).all()
    assert (masked[:, 34:] == 200).all()
    # The given picture is left as it is: a camera's buffer may be in use.
    assert (image == 200).all()


def test_view_masks_are_of_the_upright_picture() -> None:
    image = np.full((48, 64, 3), 200, np.uint8)
    image[:, :10] = 100
    masked = View(180, (LEFT_HALF,)).of(image)
    assert (masked[:, :32] == 0).all()
    assert (masked[:, 54:] == 100).all()
    assert (image[:, :10] == 100).all()


def test_view_several_masks() -> None:
    right_edge = ((0.9, 0), (1, 0), (1, 1), (0.9, 1))
    masked = View(masks=(LEFT_HALF, right_edge)).of(np.full((40, 100, 3), 200, np.uint8))
    assert (masked[:, :50] == 0).all()
    assert (masked[:, 90:] == 0).all()
    assert (masked[:, 53:88] == 200).all()


def test_view_mask_of_everything() -> None:
    everything = ((0, 0), (1, 0), (1, 1), (0, 1))
    for size in ((1, 1), (480, 640), (719, 1279)):
        assert not View(masks=(everything,)).of(noise(*size)).any()


corners = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(
    st.lists(corners, min_size=3, max_size=6).map(tuple),
    st.sampled_from([(64, 48), (97, 53), (640, 360)]),
)
@settings(deadline=None, max_examples=60)
def test_view_mask_covers_its_polygon(mask: Polygon, size_px: tuple[int, int]) -> None:
    assume(not crosses_itself(mask))
    assume(area(mask) > 0.01)
    width, height = size_px
    image = View(masks=(mask,)).of(np.full((height, width, 3), 200, np.uint8))
    polygon = scaled(mask, size_px)
    rng = np.random.default_rng(7)
    for x, y in zip(rng.integers(0, width, 100).tolist(), rng.integers(0, height, 100).tolist(), strict=True):
        centre = (x + 0.5, y + 0.5)
        # Corners are rounded to whole px, so that about the border either is right.
        if distance_to_border(polygon, centre) > 2:
            assert bool(image[y, x].any()) is not contains(polygon, centre)


def test_view_mask_with_a_notch() -> None:
    masked = View(masks=(NOTCHED,)).of(np.full((100, 100, 3), 200, np.uint8))
    assert (masked[80, 50] == 200).all()
    assert not masked[20, 15:85].any()


@pytest.mark.parametrize("rotation", [0, 180])
@pytest.mark.parametrize("luma", [np.full((24, 32), 200, np.uint8), None], ids=["luma", "no-luma"])
def test_viewed_is_masked_in_both_pictures(luma: NDArray[np.uint8] | None, rotation: int) -> None:
    # Cameras on USB and on the network bring no small grey picture: it is made of the masked one.
    image = np.full((48, 64, 3), 200, np.uint8)
    frame = viewed(7, make_at(1), View(rotation, (LEFT_HALF,)), image, luma)
    assert not frame.image[:, :32].any()
    assert not frame.luma[:, : frame.luma.shape[1] // 2].any()
    assert (frame.image[:, 34:] == 200).all()
    assert (frame.luma[:, frame.luma.shape[1] // 2 + 4 :] == 200).all()
    assert (image == 200).all()


@pytest.mark.parametrize("fps", [10.0, 29.97, 12.5])
def test_recorded_frames(tmp_path: Path, fps: float) -> None:
    path = write_video(tmp_path / "a.avi", 15, fps)
    start = datetime(2026, 11, 22, 0, 31, 5, 120_000, tzinfo=UTC)
    with open_recording(path, 1.0) as recording:
        frames = list(recorded_frames(recording, View, start))
    assert [frame.index for frame in frames] == list(range(15))
    assert [frame.at.monotonic_s for frame in frames] == pytest.approx([i / fps for i in range(15)], abs=1e-3)
    for frame in frames:
        # To the ms: what is written as time is what was computed with.
        assert frame.at.utc.microsecond % 1000 == 0
        off = frame.at.utc - start - timedelta(seconds=frame.at.monotonic_s)
        assert abs(off) <= timedelta(microseconds=501)
        assert frame.at.synced
        assert frame.image.mean() == pytest.approx(shade(frame.index), abs=4)


def test_recorded_frames_are_what_the_view_makes_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    image = noise(20, 30)
    write_picture(folder / "1.png", image)
    with open_recording(folder, 1.0) as recording:
        (frame,) = recorded_frames(recording, lambda: View(180, (LEFT_HALF,)), BEGIN)
    assert not frame.image[:, :15].any()
    np.testing.assert_array_equal(frame.image[:, 17:], image[::-1, ::-1][:, 17:])
    assert frame.at.utc == BEGIN


def test_recorded_frames_twice_are_the_same(vtest: Path, tmp_path: Path) -> None:
    path = cut(vtest, tmp_path / "part.avi", 0.02)

    def all_of() -> list[tuple[float, bytes]]:
        told: list[tuple[float, bytes]] = []
        with open_recording(path, 1.0) as recording, pytest.raises(BrokenOffError):
            told.extend(
                (frame.at.monotonic_s, frame.image.tobytes())
                for frame in recorded_frames(recording, View, BEGIN)
            )
        return told

    assert all_of() == all_of() != []


@dataclass
class Clock(Event):
    """Time that passes only while somebody waits or works; it is the stop signal as well."""

    now_s: float = 1000.0
    stops_at_s: float = 1e9
    waited_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def now(self) -> Instant:
        return make_at(self.now_s)

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert timeout >= 0
        if self.now_s + timeout >= self.stops_at_s:
            self.now_s = max(self.now_s, self.stops_at_s)
            self.set()
        else:
            self.waited_s.append(timeout)
            self.now_s += timeout
        return self.is_set()


def played(path: Path, clock: Clock, work_s: Iterator[float] | None = None) -> list[Frame]:
    """The frames that somebody gets who needs so long for each."""
    frames = []
    with open_recording(path, 10.0) as recording:
        for frame in played_frames(recording, View, clock.now, clock):
            frames.append(frame)
            clock.now_s += next(work_s) if work_s else 0.0
    return frames


def every(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


@pytest.mark.parametrize("work_s", [0.0, 0.05, 0.099])
def test_played_frames_at_their_own_pace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, work_s: float
) -> None:
    clock = Clock()
    frames = played(write_video(tmp_path / "a.avi", 20), clock, every(work_s))
    assert [frame.index for frame in frames] == list(range(20))
    # On the machine's clock, each when it is due.
    assert [frame.at.monotonic_s for frame in frames] == pytest.approx([1000 + i / 10 for i in range(20)])
    assert [frame.at for frame in frames] == [make_at(frame.at.monotonic_s) for frame in frames]
    assert caplog.records == []


@pytest.mark.parametrize("work_s", [0.15, 0.35, 1.0])
def test_played_frames_to_somebody_slow(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, work_s: float
) -> None:
    clock = Clock()
    with caplog.at_level(logging.WARNING):
        frames = played(write_video(tmp_path / "a.avi", 40), clock, every(work_s))
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    for frame in frames:
        # The newest frame, as a camera would give: never from the future, never much older than one frame.
        age_s = frame.at.monotonic_s - 1000 - frame.index / 10
        assert -1e-9 <= age_s <= 0.1 + 1e-9
    # The time of 40 frames is over after 4 s, however long each takes.
    assert len(frames) == pytest.approx(4 / work_s, abs=2)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"this machine is slower than the recording: {40 - len(frames)} frames were left out"
    )


def test_played_frames_after_one_hiccup(tmp_path: Path) -> None:
    # One frame takes a second; after that all are in time again.
    clock = Clock()
    frames = played(write_video(tmp_path / "a.avi", 30), clock, iter([0.0] * 5 + [1.0] + [0.0] * 30))
    indices = [frame.index for frame in frames]
    assert indices[:6] == list(range(6))
    assert indices[6] in {14, 15}
    assert indices[6:] == list(range(indices[6], 30))


def test_played_frames_until_stopped(tmp_path: Path) -> None:
    clock = Clock(stops_at_s=1000.55)
    frames = played(write_video(tmp_path / "a.avi", 20), clock)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4, 5]
    # It did not wait for the rest of the recording.
    assert clock.now_s == pytest.approx(1000.55)


def test_played_frames_stopped_before_they_begin(tmp_path: Path) -> None:
    clock = Clock()
    clock.set()
    assert played(write_video(tmp_path / "a.avi", 20), clock) == []


def test_played_frames_stopped_while_somebody_works(tmp_path: Path) -> None:
    clock = Clock()
    frames = []
    with open_recording(write_video(tmp_path / "a.avi", 20), 1.0) as recording:
        for frame in played_frames(recording, View, clock.now, clock):
            frames.append(frame)
            if frame.index == 3:
                clock.set()
    assert len(frames) == 4


def test_played_frames_of_a_recording_that_breaks_off(vtest: Path, tmp_path: Path) -> None:
    clock = Clock()
    indices: list[int] = []
    path = cut(vtest, tmp_path / "part.avi", 0.02)
    with open_recording(path, 1.0) as recording, pytest.raises(BrokenOffError):
        indices.extend(frame.index for frame in played_frames(recording, View, clock.now, clock))
    assert indices == [0, 1, 2, 3]


def test_played_frames_through_a_view(tmp_path: Path) -> None:
    clock = Clock()
    with open_recording(write_video(tmp_path / "a.avi", 3), 1.0) as recording:
        for frame in played_frames(recording, lambda: View(masks=(LEFT_HALF,)), clock.now, clock):
            assert not frame.image[:, :48].any()
            assert frame.image[:, 50:].all()
