"""Source of frames: the camera or the recording that the configuration names."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.device.camera import CameraCounts, RecoveryPolicy, Timeouts
from agent.device.frames import played_frames
from agent.device.recording import open_recording
from agent.device.recovery import live_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from agent.app.settings import CameraSettings
    from agent.core.frame import Frame, Instant, NoFrame
    from agent.device.camera import Camera
    from agent.device.frames import View

_FEW = 3


@dataclass(frozen=True, slots=True)
class Source:
    """Open source of frames.

    Attributes:
        size_px: width and height of each frame.
        frames: as they come, and `NoFrame` about each second without any; a recording's until its end.
        counts: how often the camera stalled; None: it is a recording.
    """

    size_px: tuple[int, int]
    frames: Iterator[Frame | NoFrame]
    counts: CameraCounts | None = None


@contextmanager
def open_source(
    camera: CameraSettings,
    view: Callable[[], View],
    watch: Callable[[], Instant],
    stop: Event,
    on_try: Callable[[], None],
) -> Iterator[Source]:
    """Open a recording, or start trying to open a camera.

    Args:
        camera: or recording.
        view: gives the rotation and masks of the next frame.
        watch: gives this moment.
        stop: ends the frames.
        on_try: called after each attempt to open the camera that failed with a clear answer.

    Raises:
        SourceError: the recording can't be read at all.
    """
    if camera.is_live:
        policy = RecoveryPolicy(_timeouts(camera.fps), on_try=on_try)
        frames = live_frames(camera_of(camera, watch), camera.size, view, watch, stop, policy)
        try:
            yield Source(camera.size, frames, policy.counts)
        finally:
            frames.close()
    else:
        with open_recording(Path(camera.source), camera.fps) as recording:
            yield Source(recording.size_px, played_frames(recording, view, watch, stop))


def _timeouts(fps: float) -> Timeouts:
    """Timeouts for this rate: a camera is lost after three frame periods at the earliest."""
    usual, few_s = Timeouts(), _FEW / fps
    return replace(
        usual, lost_after_s=max(usual.lost_after_s, few_s), first_after_s=max(usual.first_after_s, few_s)
    )


def camera_of(camera: CameraSettings, watch: Callable[[], Instant]) -> Camera:
    """The live camera of these settings, not opened yet; what only it needs is imported here."""
    if camera.source == "picamera2":
        from agent.device.picamera import PiCamera  # noqa: PLC0415 - not where another camera is used

        return PiCamera(camera.size, camera.fps, watch=watch)
    from agent.device.stream import StreamCamera  # noqa: PLC0415 - the same

    return StreamCamera(camera.source, camera.size, camera.fps, camera.username, camera.password_file, watch)
