"""USB and RTSP cameras, by OpenCV."""

from __future__ import annotations

import os
import re
import socket
import stat
import time
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import cv2
import numpy as np

from agent.core.credentials import origin
from agent.device import clock
from agent.device.camera import Picture
from agent.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from agent.core.frame import Instant

_OPEN_MS = 8_000
_READ_MS = 4_000
# A picture that comes a little early is not left out.
_EARLY_RATIO = 0.8
# FFmpeg's own lines would come at each attempt, and name addresses.
_QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "OFF", "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "4"}


class StreamCamera:
    """`Camera` on USB (`/dev/…`) or RTSP (`rtsp://…`, over TCP).

    A picture is stamped with the moment when it arrived, since the clock of such a camera is its own. A
    thread reads all pictures, so that the newest is at hand however long the stages took for the last one.
    """

    def __init__(
        self,
        source: str,
        size_px: tuple[int, int],
        fps: float,
        username: str | None = None,
        password_file: Path | None = None,
        watch: Callable[[], Instant] = clock.now,
    ) -> None:
        """Take the settings; nothing is opened yet.

        Args:
            source: path of the device, or address without a login.
            size_px: width and height asked of a USB camera; an RTSP camera's are its own.
            fps: asked of a USB camera; of any, pictures that come faster are left out.
            username: for RTSP; None: no login.
            password_file: with the password; read at each connection. None: no password.
            watch: gives this moment, for the pictures' time stamps.
        """
        self._source = source
        self._size_px = size_px
        self._fps = fps
        self._username = username
        self._password_file = password_file
        self._watch = watch
        self._reader: _Reader | None = None

    def open(self) -> None:
        """Connect and wait for the first picture's header.

        Raises:
            CameraError: it is not there, refuses, or is no camera.
        """
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        capture = self._of_network() if "://" in self._source else self._of_usb()
        self._reader = _Reader(capture, 1 / self._fps)

    def picture(self, wait_s: float) -> Picture | None:
        """The newest picture that was not given before; None: none came in this time.

        Raises:
            CameraError: it has ended, or broke off.
        """
        if self._reader is None:
            raise CameraError("the camera is not open")
        taken = self._reader.newest(wait_s)
        if taken is None:
            return None
        arrived_s, image = taken
        at = self._watch()
        return Picture(at.shifted(min(0.0, arrived_s - at.monotonic_s)), image)

    def flush(self) -> None:
        """Do nothing: no pictures are requested in advance."""

    def close(self) -> None:
        """Disconnect; takes at most the read timeout, 4 s."""
        reader, self._reader = self._reader, None
        if reader:
            reader.end()

    def _of_network(self) -> cv2.VideoCapture:
        address = self._source
        if self._username is not None:
            login = quote(self._username, safe="")
            if self._password_file:
                login += f":{quote(_password(self._password_file), safe='')}"
            scheme, _, rest = address.partition("://")
            address = f"{scheme}://{login}@{rest}"
        asked = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_MS)
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, [*asked, cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            capture.release()
            raise CameraError(why_no_video(self._source, login_given=self._username is not None))
        return capture

    def _of_usb(self) -> cv2.VideoCapture:
        _check_device(Path(self._source))
        width, height = self._size_px
        asked = (cv2.CAP_PROP_FRAME_WIDTH, width, cv2.CAP_PROP_FRAME_HEIGHT, height)
        coded = (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        paced = (cv2.CAP_PROP_FPS, round(self._fps), cv2.CAP_PROP_BUFFERSIZE, 1)
        capture = cv2.VideoCapture(self._source, cv2.CAP_V4L2, [*coded, *asked, *paced])
        if not capture.isOpened():
            capture.release()
            raise CameraError(
                f"{self._source}: gives no video; see that it is a camera (ls -l /dev/v4l/by-id) and that no"
                " other program uses it"
            )
        return capture


class _Reader:
    """Thread that reads pictures as they come and keeps the newest."""

    def __init__(self, capture: cv2.VideoCapture, period_s: float) -> None:
        self._capture = capture
        self._period_s = period_s
        self._changed = Condition()
        self._newest: tuple[float, NDArray[np.uint8]] | None = None
        self._ended = self._over = False
        self._thread = Thread(target=self._read, name="camera-reader", daemon=True)
        self._thread.start()

    def newest(self, wait_s: float) -> tuple[float, NDArray[np.uint8]] | None:
        """Monotonic seconds of its arrival, and the picture; None: none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._over, wait_s)
            taken, self._newest = self._newest, None
            if taken is None and self._over:
                raise CameraError("the camera's video has ended or broke off")
            return taken

    def end(self) -> None:
        self._ended = True
        self._thread.join()

    def _read(self) -> None:
        last_s = -self._period_s
        # grab() receives and decodes; retrieve() converts to BGR, for wanted pictures only.
        while not self._ended and self._capture.grab():
            arrived_s = time.monotonic()
            if arrived_s - last_s < self._period_s * _EARLY_RATIO:
                continue
            ok, image = self._capture.retrieve()
            if not ok:
                break
            last_s = arrived_s
            with self._changed:
                self._newest = arrived_s, image.astype(np.uint8, copy=False)
                self._changed.notify_all()
        self._capture.release()
        with self._changed:
            self._over = True
            self._changed.notify_all()


def _password(path: Path) -> str:
    """Read the password; done at each attempt, so that a new one is used without a restart."""
    try:
        password = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise CameraError(
            f"[camera] password_file {path}: can't be read ({why}); put the password there"
        ) from error
    if not password:
        # systemd passes on an empty credential where there is none.
        what = "is empty" if origin(path) == path else "is not there, or empty"
        raise CameraError(f"[camera] password_file {origin(path)}: {what}; put the camera's password there")
    return password


def _check_device(path: Path) -> None:
    """Raise a CameraError with the reason, which OpenCV does not give."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode):
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except FileNotFoundError as error:
        raise CameraError(f"{path}: there is no such camera; plug it in, or see ls /dev/v4l/by-id") from error
    except PermissionError as error:
        raise CameraError(f"{path}: may not be opened; add the agent's user to the group video") from error
    except OSError as error:
        raise CameraError(
            f"{path}: can't be opened ({error.strerror}); end what uses it, or plug it in again"
        ) from error
    if not stat.S_ISCHR(mode):
        raise CameraError(f"{path}: is no camera; choose one that ls -l /dev/v4l/by-id shows")


_USUAL_PORT = 554
_WAIT_S = 4.0
_MOST_BYTES = 4096


def why_no_video(address: str, *, login_given: bool) -> str:
    """Ask for the stream's description, without a login (RFC 2326, 10.2); the answer as a sentence."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or _USUAL_PORT
    asked = f"DESCRIBE {address} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection((host, port), _WAIT_S) as talk:
            talk.sendall(asked.encode())
            answer = talk.recv(_MOST_BYTES).decode("ascii", "replace")
    except OSError as error:
        return _no_connection(error, host, port)
    status = re.match(r"RTSP/\d\.\d (\d{3})", answer)
    match status[1] if status else "":
        case "401" | "403" if login_given:
            return f"{host} refuses the login; check username, password_file and then the path in [camera]"
        case "401" | "403":
            return f"{host} wants a login; give username and password_file in [camera]"
        case "404" | "454":
            return f"{host} has no stream {parts.path or '/'}; look its path up in the camera's manual"
        case "":
            return f"{host} does not speak RTSP on port {port}; check the port in [camera] source"
        case code:
            return f"{host} answers {code}, but gives no video that can be read; set it to H.264"


def _no_connection(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name {host} of [camera] source can't be found; check it, or give the address in numbers"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} is there, but accepts no connections on port {port}; it may still be starting"
    if isinstance(error, TimeoutError):
        return f"{host} does not answer on port {port}; check the camera's power, cable and address"
    return f"{host} can't be reached on port {port} ({error.strerror or error}); check the network"
