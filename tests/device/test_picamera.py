"""The real picamera2 on a camera of software; without tests/device/rig.sh these are skipped."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.device.picamera import PiCamera, _age_s, _bgr, _check_devices, _check_stream
from agent.errors import CameraError
from tests.device.rig import STALL, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from agent.device.camera import Picture

# Of picamera2 itself.
pytestmark = pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")

SIZE_PX = (1280, 720)
FPS = 30.0
WAIT_S = 3.0
# Flat grey blocks whose borders are those of JPEG's own blocks: it keeps them to the bit.
BLOCKS = np.arange(20).reshape(5, 4) * 11 + 18


@pytest.fixture
def camera(installed: Path) -> Iterator[PiCamera]:
    show(installed, blocks())
    camera = PiCamera(SIZE_PX, FPS)
    yield camera
    camera.close()


def blocks() -> NDArray[np.uint8]:
    """A picture of flat blocks 320x144 px."""
    grey = np.kron(BLOCKS, np.ones((144, 320))).astype(np.uint8)
    return np.dstack([grey] * 3)


def picture(camera: PiCamera) -> Picture:
    taken = camera.picture(WAIT_S)
    assert taken
    return taken


def handles() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


# 456 px wide, rows are padded to 512 bytes.
@pytest.mark.parametrize(("luma_width_px", "luma_px"), [(320, (320, 180)), (456, (456, 256))])
def test_picture_right_to_the_pixel(installed: Path, luma_width_px: int, luma_px: tuple[int, int]) -> None:
    show(installed, blocks())
    camera = PiCamera(SIZE_PX, FPS, luma_width_px)
    camera.open()
    try:
        taken = picture(camera)
    finally:
        camera.close()
    assert taken.luma is not None
    assert (taken.image.shape, taken.luma.shape) == ((720, 1280, 3), luma_px[::-1])
    assert taken.image.flags.c_contiguous
    # To a grey level: YUV has only 220 of them.
    assert np.abs(taken.image.astype(int) - blocks()).max() <= 1
    for row, of_row in enumerate(BLOCKS):
        for column, grey in enumerate(of_row):
            # All px but those on two blocks at once.
            top, left = row * luma_px[1] / 5, column * luma_px[0] / 4
            inside = taken.luma[
                int(top) + 2 : int(top + luma_px[1] / 5) - 1, int(left) + 2 : int(left + luma_px[0] / 4) - 1
            ]
            assert inside.size > 2000
            assert np.abs(inside.astype(int) - grey).max() <= 1


def test_picture_colours(installed: Path) -> None:
    image = np.full((720, 1280, 3), (200, 80, 40), np.uint8)
    image[:, 640:] = (30, 60, 210)
    show(installed, image)
    camera = PiCamera(SIZE_PX, FPS)
    camera.open()
    try:
        taken = picture(camera)
    finally:
        camera.close()
    assert np.abs(taken.image[:, :600].astype(int) - image[:, :600]).max() <= 4
    assert np.abs(taken.image[:, 680:].astype(int) - image[:, 680:]).max() <= 4


def test_picture_of_another_size(installed: Path) -> None:
    show(installed, blocks())
    camera = PiCamera((640, 480), FPS)
    camera.open()
    try:
        taken = picture(camera)
    finally:
        camera.close()
    assert taken.luma is not None
    assert (taken.image.shape, taken.luma.shape) == ((480, 640, 3), (240, 320))


def test_pictures_are_stamped_with_their_exposure(camera: PiCamera) -> None:
    camera.open()
    taken = [picture(camera) for _ in range(10)]
    now_s = time.monotonic()
    stamps_s = [one.at.monotonic_s for one in taken]
    # A busy machine may miss some, but none is there twice or before its time.
    assert np.median(np.diff(stamps_s)) == pytest.approx(1 / FPS, abs=0.02)
    assert min(np.diff(stamps_s)) > 0.5 / FPS
    assert 0 <= now_s - stamps_s[-1] < 0.5
    for one in taken:
        # Both clocks tell the same moment.
        assert one.at.utc.timestamp() - one.at.monotonic_s == pytest.approx(
            time.time() - time.monotonic(), abs=0.05
        )


def test_picture_frame_rate(installed: Path) -> None:  # noqa: ARG001
    camera = PiCamera(SIZE_PX, 10.0)
    camera.open()
    try:
        stamps_s = [picture(camera).at.monotonic_s for _ in range(6)]
    finally:
        camera.close()
    assert np.median(np.diff(stamps_s)) == pytest.approx(0.1, abs=0.03)


def test_picture_newest_to_somebody_slow(camera: PiCamera) -> None:
    camera.open()
    picture(camera)
    time.sleep(0.5)
    asked_s = time.monotonic()
    assert picture(camera).at.monotonic_s > asked_s - 0.3


def test_picture_is_nobody_elses(camera: PiCamera) -> None:
    camera.open()
    first = picture(camera)
    kept = first.image.copy()
    for _ in range(12):
        # More than there are buffers: whoever held one would be left without.
        picture(camera).image[:] = 0
    np.testing.assert_array_equal(first.image, kept)


def test_picture_wedged_and_freed(camera: PiCamera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stall = tmp_path / "stall"
    monkeypatch.setenv(STALL, str(stall))
    camera.open()
    picture(camera)
    stall.touch()
    while camera.picture(0.2):
        pass
    for _ in range(20):
        # Each of them is asked for in vain, and must leave nothing behind.
        assert camera.picture(0.01) is None
    freed_s = time.monotonic()
    stall.unlink()
    for _ in range(12):
        assert picture(camera).at.monotonic_s > freed_s - 0.5


def test_open_again_and_again_leaves_no_handles(camera: PiCamera) -> None:
    camera.open()
    picture(camera)
    camera.close()
    before = handles()
    for _ in range(5):
        camera.open()
        picture(camera)
        camera.close()
    assert handles() == before


def test_close_twice(camera: PiCamera) -> None:
    camera.open()
    camera.close()
    camera.close()
    camera.flush()


def test_open_held_camera(camera: PiCamera) -> None:
    camera.open()
    second, before = PiCamera(SIZE_PX, FPS), handles()
    for _ in range(5):
        with pytest.raises(CameraError, match=r"held by another program.*: end that one"):
            second.open()
    assert handles() == before
    picture(camera)
    camera.close()
    second.open()
    picture(second)
    second.close()


def test_open_no_camera_until_there_is_one(camera: PiCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.open()
    camera.close()
    monkeypatch.setenv("LIBCAMERA_PIPELINES_MATCH_LIST", "none")
    held = []
    for _ in range(5):
        with pytest.raises(CameraError, match=r"no camera is found.*cable.*rpicam-hello --list-cameras"):
            camera.open()
        held.append(handles())
    assert held == held[:1] * 5
    monkeypatch.setenv("LIBCAMERA_PIPELINES_MATCH_LIST", "virtual")
    camera.open()
    picture(camera)


def test_devices_that_may_not_be_opened(tmp_path: Path) -> None:
    good, bad = tmp_path / "media0", tmp_path / "media1"
    good.touch()
    _check_devices([good])
    bad.mkdir()
    with pytest.raises(CameraError, match=r"media1 can't be opened \(Is a directory\).*group video"):
        _check_devices([good, bad])


def test_open_size_that_the_camera_has_not(installed: Path) -> None:  # noqa: ARG001
    camera, held = PiCamera((1600, 1200), FPS), []
    for _ in range(5):
        with pytest.raises(CameraError, match=r"1600x1200.*choose another \[camera\] size"):
            camera.open()
        held.append(handles())
    assert held == held[:1] * 5


def test_picamera2_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match=r"python3-picamera2.*--system-site-packages"):
        PiCamera(SIZE_PX, FPS).open()


GOOD = {"format": "YUV420", "size": (456, 256), "stride": 512, "framesize": 512 * 384}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format": "NV12"}, r"lores pictures as NV12 of 456x256 px, asked for was YUV420 of 456x256"),
        ({"size": (448, 256)}, r"as YUV420 of 448x256 px"),
        ({"stride": 448}, r"rows of 448 bytes"),
        ({"stride": 513}, r"rows of 513 bytes"),
        ({"framesize": 512 * 383}, r"196096 in all"),
    ],
)
def test_check_stream(changed: dict[str, object], told: str) -> None:
    _check_stream("lores", GOOD, (456, 256))
    with pytest.raises(CameraError, match=told):
        _check_stream("lores", GOOD | changed, (456, 256))


@pytest.mark.parametrize("stride", [64, 96, 128])
def test_bgr_of_padded_rows(stride: int) -> None:
    # Grey of the size 64x32, the padding is white.
    planes = np.full((48, stride), 255, np.uint8)
    planes[:32, :64] = 126
    chroma = planes[32:].reshape(32, stride // 2)
    chroma[:, :32] = 128
    image = _bgr(planes, (64, 32))
    assert image.shape == (32, 64, 3)
    assert (image == image[0, 0]).all()
    assert image.flags.c_contiguous


@pytest.mark.parametrize(
    ("stamped_ns_ago", "boot_ahead_ns", "age_s"),
    [
        (30_000_000, 0, 0.03),
        # By the monotonic clock, on a machine that slept for an hour.
        (30_000_000, 3_600_000_000_000, 0.03),
        # By the clock that goes on while it sleeps.
        (30_000_000 - 3_600_000_000_000, 3_600_000_000_000, 0.03),
        # A driver that is a little ahead.
        (-20_000_000, 0, 0.0),
    ],
)
def test_age(stamped_ns_ago: int, boot_ahead_ns: int, age_s: float) -> None:
    stamp_ns = time.monotonic_ns() - stamped_ns_ago
    assert _age_s(stamp_ns, boot_ahead_ns) == pytest.approx(age_s, abs=0.02)


def test_age_by_an_unknown_clock() -> None:
    with pytest.raises(CameraError, match=r"stamped 1000\.0 s ahead of this machine's clocks"):
        _age_s(time.monotonic_ns() + 1_000_000_000_000, 0)
