"""Recordings as a camera: a video file, or a folder of pictures."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import cv2
import numpy as np

from agent.core.file_access import remedy
from agent.errors import BrokenOffError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

# Containers do not tell the number of their frames quite exactly.
_MISSING_RATIO = 0.02
# Some files have no frame rate, or the time base of their container in its place.
_MOST_FPS = 1000
_USUAL_FPS = 25.0
_MOVED: Final = {"place": "/srv", "name": "source under [camera]"}
_READABLE_VIDEO = "give a video that OpenCV reads, such as MP4, MKV or AVI"


class Recording(Protocol):
    """An open recording."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of each frame."""

    @property
    def frame_count(self) -> int:
        """Approximate number of frames; 0: not known."""

    @property
    def fps(self) -> float:
        """Frames a second."""

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Seconds since the first frame, rising, and the picture, u8[H, W, 3] BGR.

        Raises:
            BrokenOffError: it ends before its end.
        """


@contextmanager
def open_recording(path: Path, pictures_fps: float) -> Iterator[Recording]:
    """A video file, or a folder whose pictures are frames in the order of their names.

    Args:
        path: of the file or folder.
        pictures_fps: how many pictures of a folder make a second.

    Raises:
        SourceError: there is nothing that can be read.
    """
    try:
        empty = False
        pictures = list(path.iterdir()) if path.is_dir() else None
        if pictures is None:
            with path.open("rb") as file:
                empty = not file.read(1)
    except FileNotFoundError as error:
        what = remedy(path, error, **_MOVED, otherwise="check the path")
        raise SourceError(f"{path}: there is no such file or folder; {what}.") from error
    except OSError as error:
        what = remedy(path, error, **_MOVED, otherwise="check the path and the disk")
        raise SourceError(f"{path}: can't be read ({error.strerror or error}); {what}.") from error
    if empty:
        raise SourceError(f"{path}: is empty (0 bytes); copy it again.")
    if pictures is not None:
        yield _Pictures(path, pictures, pictures_fps)
        return
    video = _Video(path)
    try:
        yield video
    finally:
        video.close()


class _Video:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        # The first frame is decoded here: a header alone does not make a recording.
        ok, image = self._capture.read() if self._capture.isOpened() else (False, None)
        if not ok or image is None:
            self._capture.release()
            raise SourceError(
                f"{path}: is not a recording that can be read, or is cut off; {_READABLE_VIDEO}."
            )
        self._first = image
        self._first_s = self._position_s()
        self.size_px = (image.shape[1], image.shape[0])
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps <= _MOST_FPS else _USUAL_FPS
        self.frame_count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        image, time_s, n = self._first, 0.0, 0
        while True:
            if image.shape[1::-1] != self.size_px:
                raise BrokenOffError(
                    f"{self._path}: changes its size after {n} frames; what was seen before is kept."
                )
            yield time_s, image.astype(np.uint8, copy=False)
            n += 1
            ok, image = self._capture.read()
            if not ok:
                break
            # Some containers lose the time of a frame, most often of the last one.
            position_s = self._position_s() - self._first_s
            time_s = position_s if position_s > time_s else time_s + 1 / self.fps
        if n < self.frame_count - max(1, int(self.frame_count * _MISSING_RATIO)):
            raise BrokenOffError(
                f"{self._path}: breaks off after {n} of {self.frame_count} frames; "
                "what was seen before is kept. Copy the recording again."
            )

    def close(self) -> None:
        self._capture.release()

    def _position_s(self) -> float:
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000


class _Pictures:
    def __init__(self, folder: Path, files: list[Path], fps: float) -> None:
        self._paths = sorted((path for path in files if path.suffix.lower() in PICTURES), key=_natural)
        self._folder = folder
        self.fps = fps
        self.frame_count = len(self._paths)
        self.size_px = self._first_size()

    def _first_size(self) -> tuple[int, int]:
        reasons = []
        for path in self._paths:
            try:
                image = read_picture(path)
            except SourceError as error:
                reasons.append(str(error))
            else:
                return image.shape[1], image.shape[0]
        raise SourceError(
            reasons[0] if reasons else f"{self._folder}: has no pictures (JPEG, PNG, WebP, BMP, TIFF)."
        )

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        left_out = []
        for index, path in enumerate(self._paths):
            try:
                image = read_picture(path)
            except SourceError as error:
                left_out.append(str(error))
                continue
            if image.shape[1::-1] == self.size_px:
                yield index / self.fps, image
            else:
                width, height = self.size_px
                left_out.append(f"{path}: is not {width}x{height} as the first picture is.")
        if left_out:
            raise BrokenOffError(
                f"{self._folder}: {len(left_out)} of {len(self._paths)} pictures were left out; "
                f"the first: {left_out[0]}"
            )


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture file as u8[H, W, 3] BGR, whatever its depth and channels.

    Raises:
        SourceError: no such file, no picture, or one of more than 100 million px.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SourceError(f"{path}: can't be read ({error.strerror or error}); check the path.") from error
    if not len(content):
        raise SourceError(f"{path}: is empty (0 bytes); copy it again.")
    try:
        with _silenced_stderr():
            image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise SourceError(
            f"{path}: is not a picture that can be read; "
            "give a whole JPEG, PNG, WebP, BMP or TIFF of at most 100 million pixels."
        )
    return image.astype(np.uint8, copy=False)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """The order people expect: frame2 before frame10; names alike in that keep one order everywhere."""
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
    return parts, path.name


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Keep what libpng writes past every setting out of the one sentence that a user reads."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
