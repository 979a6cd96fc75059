"""A Pi's own camera, by picamera2."""

from __future__ import annotations

import gc
import logging
import os
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from agent.core.frame import LUMA_WIDTH_PX
from agent.device import clock
from agent.device.camera import Picture
from agent.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import NDArray

    from agent.core.frame import Instant

_FORMAT = "YUV420"
_BUFFERS = 4
# A request that completes while it is cancelled is handed over within this time.
_HAND_OVER_S = 1.0
# A time stamp ahead by no more than this counts as now.
_AHEAD_NS = 50_000_000
# Studio range (16 to 235) to all of 0 to 255, as OpenCV does it when it makes BGR.
_LUMA = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)
_FAILURES = (RuntimeError, OSError, ValueError)


class PiCamera:
    """`Camera` on the ribbon cable of a Pi, the first one found.

    Gives the whole picture, and a small grey one that the camera's image processor scales. A picture is
    stamped with the moment when its first row was read out: there the row's exposure ends.
    """

    def __init__(
        self,
        size_px: tuple[int, int],
        fps: float,
        luma_width_px: int = LUMA_WIDTH_PX,
        watch: Callable[[], Instant] = clock.now,
    ) -> None:
        """Take the settings; nothing is opened yet.

        Args:
            size_px: width and height of the pictures, even.
            fps: pictures a second.
            luma_width_px: of the small grey picture; at most the width of the whole one.
            watch: gives this moment, for the pictures' time stamps.
        """
        self._size_px = size_px
        self._fps = fps
        width = min(luma_width_px, size_px[0])
        self._luma_px = width, max(2, round(size_px[1] * width / size_px[0] / 2) * 2)
        self._watch = watch
        self._camera: Any = None
        self._mapped: Any = None
        self._stamp_ns = -1
        self._boot_ahead_ns = 0

    def open(self) -> None:
        """Open and start it.

        Raises:
            CameraError: picamera2 or the camera is not there, is held, or gives something else.
        """
        libcamera, picamera2 = _loaded()
        try:
            self._camera = picamera2.Picamera2(_free_camera(libcamera, picamera2))
            self._configure(libcamera)
            self._camera.start()
        except _FAILURES as error:
            # The reason of the failed start matters, not an error of closing after it.
            with suppress(CameraError):
                self.close()
            if isinstance(error, CameraError):
                raise
            raise CameraError(
                f"the camera can't be started ({error.__cause__ or error}): "
                "check that the ribbon cable is fully seated"
            ) from error
        self._mapped = picamera2.MappedArray
        self._boot_ahead_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()

    def picture(self, wait_s: float) -> Picture | None:
        """The newest picture that was not given before; None: none came in this time.

        Raises:
            CameraError: it can't be read, or has no time stamp.
        """
        try:
            request = self._asked(wait_s)
            if request is None:
                return None
            try:
                return self._taken(request)
            finally:
                request.release()
        except CameraError:
            raise
        except _FAILURES as error:
            raise CameraError(f"the camera's picture can't be read: {error}") from error

    def flush(self) -> None:
        """Cancel requested pictures that did not come."""
        if self._camera:
            self._camera.cancel_all_and_flush()

    def close(self) -> None:
        """Stop it and release all that it holds.

        Raises:
            CameraError: it can't be closed.
        """
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            camera.close()
        except _FAILURES as error:
            raise CameraError(f"the camera can't be closed: {error}") from error
        finally:
            del camera
            # Buffers and file handles stay open until reference cycles are collected.
            gc.collect()

    def _configure(self, libcamera: ModuleType) -> None:
        period_us = round(1e6 / self._fps)
        # OpenCV converts to BGR by these primaries, matrix and range.
        colours = libcamera.ColorSpace.Smpte170m()
        self._camera.configure(
            self._camera.create_video_configuration(
                main={"size": self._size_px, "format": _FORMAT},
                lores={"size": self._luma_px, "format": _FORMAT},
                raw=None,
                colour_space=colours,
                buffer_count=_BUFFERS,
                controls={"FrameDurationLimits": (period_us, period_us)},
                display=None,
                encode=None,
            )
        )
        got = self._camera.camera_configuration()
        for name, size_px in (("main", self._size_px), ("lores", self._luma_px)):
            _check_stream(name, got[name], size_px)
        # Some cameras know only the other matrix: that shifts colours by a few levels; the range is the same.
        if got["colour_space"] not in (colours, libcamera.ColorSpace.Rec709()):
            raise CameraError(f"the camera gives colours as {got['colour_space']}, asked for was {colours}")

    def _asked(self, wait_s: float) -> Any:  # noqa: ANN401  # picamera2 has no types
        """A completed request, which is to be released; None: none came in this time."""
        job = self._camera.capture_request(wait=False)
        try:
            return job.get_result(timeout=wait_s)
        except TimeoutError:
            self._camera.cancel_all_and_flush()
        # It may have come in between: then its buffer is ours to give back.
        try:
            return job.get_result(timeout=_HAND_OVER_S)
        except (CancelledError, TimeoutError):
            return None

    def _taken(self, request: Any) -> Picture | None:  # noqa: ANN401  # picamera2 has no types
        stamp_ns = request.get_metadata().get("SensorTimestamp")
        if stamp_ns is None:
            raise CameraError("the camera gives pictures without SensorTimestamp: this picamera2 is too old")
        if stamp_ns <= self._stamp_ns:
            return None
        self._stamp_ns = stamp_ns
        at = self._watch().shifted(-_age_s(stamp_ns, self._boot_ahead_ns))
        # Copied here: the buffers go back to the camera.
        with self._mapped(request, "main", write=False) as main:
            image = _bgr(main.array, self._size_px)
        with self._mapped(request, "lores", write=False) as lores:
            width, height = self._luma_px
            luma = cv2.LUT(lores.array[:height, :width], _LUMA).astype(np.uint8, copy=False)
        return Picture(at, image, luma)


def _loaded() -> tuple[ModuleType, ModuleType]:
    # libcamera reads it when it is loaded; somebody who debugs may have set it already.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")
    try:
        import libcamera  # noqa: PLC0415
        import picamera2  # noqa: PLC0415
    except (ImportError, ValueError, AttributeError) as error:
        # Not only when missing: modules that were compiled for another numpy say ValueError.
        raise CameraError(
            f"picamera2 can't be loaded ({error}): install Debian's package python3-picamera2, and make the"
            " agent's environment with python3 -m venv --system-site-packages"
        ) from error
    # Its failures are raised too; else each attempt would log them twice.
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    return libcamera, picamera2


def _free_camera(libcamera: ModuleType, picamera2: ModuleType) -> int:
    """The number of the first camera on a ribbon cable.

    Picamera2 loses a file handle with each camera that it can't open, so that this is tried before.
    """
    found = _cameras(picamera2)
    if not found:
        # Cameras are looked for when libcamera starts: one that came later needs a new start, which nothing
        # public of picamera2 gives before a camera was open. tests/test_private_apis.py holds this.
        picamera2.Picamera2._cm.reset()  # noqa: SLF001
        found = _cameras(picamera2)
    if not found:
        _check_devices(sorted(Path("/dev").glob("media*")))
        raise CameraError(
            "no camera is found: switch the Pi off, push the ribbon cable in at both ends and close the"
            " latches; rpicam-hello --list-cameras must then show it"
        )
    number, name = found[0]
    camera = libcamera.CameraManager.singleton().get(name)
    # The error below says it; else libcamera logs it at each attempt.
    libcamera.log_set_level("Camera", "FATAL")
    try:
        camera.acquire()
    except RuntimeError as error:
        raise CameraError(
            f"the camera is held by another program ({error}): end that one, for example rpicam-hello or an"
            " agent started by hand"
        ) from error
    finally:
        libcamera.log_set_level("Camera", "ERROR")
    camera.release()
    return number


def _cameras(picamera2: ModuleType) -> list[tuple[int, str]]:
    """Picamera2's number and libcamera's name of each camera; those on USB are another source."""
    try:
        listed = enumerate(picamera2.Picamera2.global_camera_info())
    except RuntimeError as error:
        raise CameraError(
            f"libcamera can't look for cameras ({error}): the agent has to run as the service's unit has it"
        ) from error
    return [(number, camera["Id"]) for number, camera in listed if "/usb" not in camera["Id"]]


def _check_devices(devices: list[Path]) -> None:
    """Raise for a device that may not be opened: libcamera ignores it without a word."""
    for device in devices:
        try:
            os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
        except OSError as error:
            raise CameraError(
                f"{device} can't be opened ({error.strerror}): the agent's account has to be in the"
                " group video"
            ) from error


def _check_stream(name: str, got: dict[str, Any], size_px: tuple[int, int]) -> None:
    if got["format"] != _FORMAT or tuple(got["size"]) != size_px:
        raise CameraError(
            f"the camera gives its {name} pictures as {got['format']} of {got['size'][0]}x{got['size'][1]}"
            f" px, asked for was {_FORMAT} of {size_px[0]}x{size_px[1]}: choose another [camera] size"
        )
    stride, rows = got["stride"], size_px[1] * 3 // 2
    if stride < size_px[0] or stride % 2 or got["framesize"] < stride * rows:
        raise CameraError(
            f"the camera gives its {name} pictures in rows of {stride} bytes, {got['framesize']} in all: too"
            f" few for {size_px[0]}x{size_px[1]} px; choose another [camera] size"
        )


def _bgr(planes: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture of planes u8[h * 3 / 2, row with its padding]."""
    width, height = size_px
    image = cv2.cvtColor(planes[: height * 3 // 2], cv2.COLOR_YUV2BGR_I420).astype(np.uint8, copy=False)
    return image if image.shape[1] == width else np.ascontiguousarray(image[:, :width])


def _age_s(stamp_ns: int, boot_ahead_ns: int) -> float:
    """How long ago a stamp is.

    libcamera's documents say that it is of CLOCK_BOOTTIME; drivers take CLOCK_MONOTONIC. They are the
    same until a machine sleeps; after that a stamp of CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC.
    """
    age_ns = time.monotonic_ns() - stamp_ns
    if age_ns < -_AHEAD_NS:
        age_ns += boot_ahead_ns
    if age_ns < -_AHEAD_NS:
        ahead_s = -age_ns / 1e9
        raise CameraError(f"the camera's pictures are stamped {ahead_s:.1f} s ahead of this machine's clocks")
    return max(0, age_ns) / 1e9
