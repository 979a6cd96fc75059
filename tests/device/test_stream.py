"""Cameras on the network, by a real RTSP server; of those on USB only what goes wrong."""

from __future__ import annotations

import subprocess
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, active_count
from typing import TYPE_CHECKING

import pytest

from agent.core.frame import Frame, NoFrame
from agent.device.camera import RecoveryPolicy, Timeouts
from agent.device.clock import now
from agent.device.frames import View
from agent.device.recovery import live_frames
from agent.device.stream import StreamCamera
from agent.errors import CameraError
from tests.conftest import free_port, wait_until
from tests.patience import BUSY_S

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_PX = (640, 360)
PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
PASSWORD = "p@ss:/w%rd Đ"  # noqa: S105 - of this test
IMPATIENT = Timeouts(lost_after_s=3.0, first_after_s=9.0, say_every_s=0.1, pauses_s=(0.2,))


@pytest.fixture(scope="module", autouse=True)
def _gstreamer() -> None:
    asked = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "exit(any(Gst.ElementFactory.find(n) is None for n in ('videotestsrc', 'jpegenc', 'rtpjpegpay')))"
    )
    with suppress(FileNotFoundError):
        if subprocess.run([PYTHON, "-c", asked], capture_output=True, check=False).returncode == 0:
            return
    pytest.skip("Debian's gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good and python3-gi are not here")


@contextmanager
def serving(port: int, *login: str) -> Iterator[None]:
    process = subprocess.Popen([PYTHON, SERVER, str(port), *login], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout:
        try:
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()
            process.wait()


def address(port: int, path: str = "stream") -> str:
    return f"rtsp://127.0.0.1:{port}/{path}"


def pictures_of(camera: StreamCamera, seconds: float) -> int:
    """How many come in this time."""
    until_s, count, last_s = time.monotonic() + seconds, 0, 0.0
    while time.monotonic() < until_s:
        picture = camera.picture(0.2)
        if picture:
            assert picture.image.shape == (*SIZE_PX[::-1], 3)
            assert last_s < picture.at.monotonic_s <= time.monotonic()
            last_s, count = picture.at.monotonic_s, count + 1
    return count


def wait_for_a_picture(camera: StreamCamera) -> None:
    wait_until(lambda: pictures_of(camera, 0.3) >= 1)


def test_rtsp_gives_pictures_as_often_as_asked() -> None:
    port, threads = free_port(), active_count()
    with serving(port):
        camera = StreamCamera(address(port), SIZE_PX, 10.0)
        camera.open()
        wait_for_a_picture(camera)
        # The server gives 25 a second.
        wait_until(lambda: 17 <= pictures_of(camera, 2.0) <= 26)
        camera.close()
        assert active_count() == threads
        camera.close()


def test_rtsp_server_that_dies_and_comes_back() -> None:
    port, stop = free_port(), Event()
    policy = RecoveryPolicy(IMPATIENT)
    camera = StreamCamera(address(port), SIZE_PX, 10.0)
    with closing(live_frames(camera, SIZE_PX, View, now, stop, policy)) as frames:
        for round_ in range(3):
            with serving(port):
                assert seconds_until(frames, Frame) < 10 + BUSY_S
            assert seconds_until(frames, NoFrame) < 10 + BUSY_S
            assert policy.counts.stalls == round_ + 1
            assert policy.counts.recoveries == round_
        with serving(port):
            assert seconds_until(frames, Frame) < 10 + BUSY_S
        assert policy.counts.recoveries == 3


def seconds_until(frames: Iterator[Frame | NoFrame], kind: type[Frame | NoFrame]) -> float:
    begin_s = time.monotonic()
    next(taken for taken in frames if isinstance(taken, kind))
    return time.monotonic() - begin_s


def test_rtsp_login(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    port, file = free_port(), tmp_path / "password"
    camera = StreamCamera(address(port), SIZE_PX, 10.0, "viewer", file)
    with serving(port, "viewer", PASSWORD):
        file.write_text("another\n")
        refused = why_not(camera)
        assert "refuses the login" in refused
        # It is read anew at each attempt.
        file.write_text(f"{PASSWORD}\n")
        camera.open()
        wait_for_a_picture(camera)
        arguments = Path("/proc/self/cmdline").read_text() + Path("/proc/self/environ").read_text()
        camera.close()
        wants = why_not(StreamCamera(address(port), SIZE_PX, 10.0))
        assert "wants a login" in wants
    said = "".join(capfd.readouterr()) + refused + wants + arguments
    assert "p@ss" not in said
    assert "p%40ss" not in said
    assert "another" not in said


def why_not(camera: StreamCamera) -> str:
    with pytest.raises(CameraError) as error:
        camera.open()
    return str(error.value)


def test_rtsp_path_unknown(capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with serving(port):
        assert "has no stream /other" in why_not(StreamCamera(address(port, "other"), SIZE_PX, 10.0))
    assert not "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("rtsp://127.0.0.1:9/stream", "accepts no connections on port 9"),
        ("rtsp://camera.invalid/stream", "the name camera.invalid of [camera] source can't be found"),
        ("/dev/v4l/by-id/none", "there is no such camera"),
        ("/dev/null", "gives no video"),
        (str(SERVER), "is no camera"),
    ],
)
def test_open_nothing(source: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert said in why_not(StreamCamera(source, SIZE_PX, 10.0))
    assert not "".join(capfd.readouterr())


@pytest.mark.parametrize("content", [None, "", "\n", b"\xff\xfe"])
def test_open_password_file_bad(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    said = why_not(StreamCamera("rtsp://127.0.0.1:9/s", SIZE_PX, 10.0, "viewer", file))
    assert said.startswith(f"[camera] password_file {file}: ")


def test_open_again_and_again_leaves_nothing() -> None:
    port, threads = free_port(), active_count()
    handles = Path("/proc/self/fd")
    with serving(port):
        before = 0
        for round_ in range(6):
            camera = StreamCamera(address(port), SIZE_PX, 10.0)
            camera.open()
            wait_for_a_picture(camera)
            camera.close()
            before = before or len(list(handles.iterdir()))
            assert round_ == 0 or len(list(handles.iterdir())) == before
    wait_until(lambda: active_count() == threads)
