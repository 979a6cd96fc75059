"""The real picamera2 on a camera of software: what tests/device/rig.sh sets up.

As a program it is presence-agent with that camera: `python -m tests.device.rig run --config F`. With
$PRESENCE_RIG_HANGS it can't be closed, as with a loose cable.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

RIG = Path("/opt/camera-rig")
HANGS = "PRESENCE_RIG_HANGS"
STALL = "LIBCAMERA_VIRTUAL_STALL"
_FRAMES = RIG / "frames"
SHARED = Path(__file__).parents[3] / "shared"


def missing() -> str | None:
    """Why there is no rig here."""
    tag = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    needed = (RIG / "softcam.py", RIG / "python" / "picamera2", RIG / "lib" / tag)
    absent = [str(path) for path in needed if not path.exists()]
    if absent and not list(SHARED.glob(f"rig/camera/camera-rig-py{tag[6:].replace('.', '')}-*")):
        return f"no ../shared/rig with a camera for {tag} beside this checkout"
    if absent:
        return f"the camera rig is not here: bash tests/device/rig.sh ({', '.join(absent)})"
    return None if os.access(RIG, os.W_OK) else f"{RIG} can't be written"


def install() -> None:
    """Let this process import picamera2 with the rig's camera."""
    if "softcam" in sys.modules:
        return
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR,DmaBufAllocator:FATAL")
    # Loaded before they are asked for by name, they need no search path.
    for library in ("libcamera-base.so.0.7", "libcamera.so.0.7"):
        ctypes.CDLL(str(RIG / "lib" / library), mode=ctypes.RTLD_GLOBAL)
    tag = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    # Last, so that the agent's own packages go before.
    sys.path += [str(RIG), str(RIG / "lib" / tag / "site-packages"), str(RIG / "python")]
    importlib.import_module("softcam").install()


@contextmanager
def alone() -> Iterator[None]:
    """Be the only one that uses the rig."""
    with (RIG / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def pictures() -> Iterator[Path]:
    """The folder of JPEG pictures that the camera shows in turn; afterwards it is as it was."""
    before = RIG / "frames-before"
    if not before.exists():
        shutil.copytree(_FRAMES, before)
    try:
        _empty(_FRAMES)
        yield _FRAMES
    finally:
        _empty(_FRAMES)
        for path in before.iterdir():
            shutil.copy(path, _FRAMES)
        shutil.rmtree(before)


def show(folder: Path, *images: NDArray[np.uint8]) -> None:
    """Have the camera show these BGR pictures in turn, four frames each, from when it is opened next.

    That is a loop, but one from the start: the agent, which never saw noise there that does not come again,
    does not call it frozen (tests/vision/test_loops.py).

    The rig hands on the planes of a JPEG file, which are of 0 to 255, as what a sensor gives: 16 to 235.
    """
    _empty(folder)
    for index, image in enumerate(images):
        levels = np.rint(16 + image * (219 / 255)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index:04}.jpg"), levels, [cv2.IMWRITE_JPEG_QUALITY, 100])


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


if __name__ == "__main__":
    from agent.cli.main import main

    install()
    if HANGS in os.environ:
        # Nobody ever frees it.
        sys.modules["picamera2"].Picamera2.close = lambda _: Event().wait()
    main()
