"""Real files for tests: videos and pictures as cameras, phones and broken sticks make them."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.device.recording import open_recording

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

SIZE = (96, 64)
CODECS = {".avi": "MJPG", ".mp4": "vp09"}


def shade(index: int) -> int:
    """The grey of a frame of this index: far enough apart for what a codec does to it."""
    return 20 + 10 * index % 230


def write_video(path: Path, frames: int = 20, fps: float = 10.0, size: tuple[int, int] = SIZE) -> Path:
    """Frames that are each of one grey, by which their order can be told."""
    codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, fps, size)
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.full((size[1], size[0], 3), shade(index), np.uint8))
    writer.release()
    return path


def cut(source: Path, target: Path, ratio: float) -> Path:
    """The first part of a file, as after a copy that broke off."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * ratio)])
    return target


def write_picture(path: Path, image: NDArray[np.generic]) -> Path:
    """A picture file of the kind that its name says."""
    good, content = cv2.imencode(path.suffix, np.asarray(image))
    assert good
    path.write_bytes(content.tobytes())
    return path


def noise(height: int, width: int, seed: int = 7) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_black_png(path: Path, width: int, height: int, rows: int | None = None) -> Path:
    """A PNG of one bit a px; `rows` of its px are really there."""
    packed = zlib.compressobj(1)
    data = b"".join(packed.compress(bytes(1 + (width + 7) // 8)) for _ in range(rows or height))
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, content in ((b"IHDR", header), (b"IDAT", data + packed.flush()), (b"IEND", b"")):
            file.write(struct.pack(">I", len(content)) + kind + content)
            file.write(struct.pack(">I", zlib.crc32(kind + content)))
    return path


def read(path: Path, pictures_fps: float = 1.0) -> list[tuple[float, Picture]]:
    """All frames of a recording with their times."""
    with open_recording(path, pictures_fps) as recording:
        return [(time_s, image.copy()) for time_s, image in recording.frames()]
