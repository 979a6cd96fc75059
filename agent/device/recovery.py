"""Camera recovery: flush, close, reopen, then exit."""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import Future, wait
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.frame import Instant, NoFrame
from agent.core.log_messages import (
    CAMERA_BACK,
    CAMERA_CLOSED_BADLY,
    CAMERA_GIVES,
    CAMERA_HANGS,
    CAMERA_NO_PICTURES,
    CAMERA_SCALED,
)
from agent.device.frames import viewed
from agent.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from threading import Event

    from agent.core.frame import Frame
    from agent.device.camera import Camera, Picture, RecoveryPolicy
    from agent.device.frames import View

_log = logging.getLogger(__name__)

# A request to stop is noticed within this time.
_REACT_S = 0.15
# Closing has this long even when opening took all the time that the end has.
_CLOSE_AT_LEAST_S = 0.5
# So many different reasons are logged until there are pictures again.
_REASONS = 5
# A wall clock that is put back by no more than this stands still instead.
_STEP = timedelta(seconds=1)


class SupervisedCamera:
    """State machine that recovers a camera: flush, close, pause, open; see `live_frames`."""

    def __init__(
        self,
        camera: Camera,
        size_px: tuple[int, int],
        view: Callable[[], View],
        watch: Callable[[], Instant],
        stop: Event,
        policy: RecoveryPolicy,
    ) -> None:
        """Take the arguments of `live_frames`; nothing is opened yet.

        Args:
            camera: not open yet.
            size_px: width and height of all frames, px.
            view: gives rotation and masks, called for each picture.
            watch: gives this moment.
            stop: ends it.
            policy: timeouts of the recovery, and its counters.
        """
        self._camera, self._size_px, self._view = camera, size_px, view
        self._watch, self._stop = watch, stop
        self._patience, self._counts, self._on_try = policy.patience, policy.counts, policy.on_try
        self._index = 0
        self._since = self._last = watch()
        self._lost_from_s = self._since.monotonic_s + self._patience.begin_s
        self._call: Future[None] | None = None
        self._reasons: set[str] = set()
        self._pauses = 0
        self._blank_since_s: float | None = None
        self._sizes_logged: set[tuple[int, int]] = set()

    def frames(self) -> Generator[Frame | NoFrame]:
        """Open it, yield its pictures, and open it again when there are none, until `stop` is set."""
        try:
            while not self._stop.is_set():
                if (yield from self._opened()):
                    yield from self._pictures()
                    if self._stop.is_set():
                        break
                    yield from self._no_frame()
                    yield from self._closed()
                    self._give_up_if_blank()
                yield from self._paused()
        finally:
            self._release()

    def _opened(self) -> Generator[NoFrame, None, bool]:
        """Open it; return whether it is open."""
        self._counts.opens += 1
        try:
            yield from self._bounded(self._camera.open, self._patience.open_s, "opened")
        except _HangsError:
            raise
        except CameraError as error:
            self._counts.refusals += 1
            self._blank_since_s = None
            self._lose(str(error))
            self._on_try()
            return False
        if self._blank_since_s is None:
            self._blank_since_s = self._now_s()
        return True

    def _pictures(self) -> Generator[Frame | NoFrame]:
        """Yield pictures until none come any more."""
        waits_s, asked_s = self._patience.first_after_s, self._now_s()
        while not self._stop.is_set():
            try:
                picture = self._camera.picture(_REACT_S)
            except CameraError as error:
                self._lose(str(error))
                return
            if picture and self._is_new(picture):
                yield self._frame(picture)
                # Counted from here: the time that the stages took for the frame is not the camera's.
                waits_s, asked_s = self._patience.lost_after_s, self._now_s()
            elif self._now_s() - asked_s >= waits_s:
                self._lose(f"none came in {self._patience.lost_after_s:g} s")
                return
            else:
                yield from self._no_frame()

    def _closed(self) -> Generator[NoFrame]:
        def flush_and_close() -> None:
            self._counts.flushes += 1
            self._camera.flush()
            self._counts.closes += 1
            self._camera.close()

        yield from self._bounded(flush_and_close, self._patience.close_s, "closed")

    def _paused(self) -> Generator[NoFrame]:
        pauses_s = self._patience.pauses_s
        until_s = self._now_s() + pauses_s[min(self._pauses, len(pauses_s) - 1)]
        self._pauses += 1
        while not self._stop.is_set() and (left_s := until_s - self._now_s()) > 0:
            yield from self._no_frame()
            self._stop.wait(min(left_s, _REACT_S))

    def _bounded(self, step: Callable[[], None], within_s: float, done: str) -> Generator[NoFrame]:
        """Run a step that may hang, in a thread, and yield `NoFrame` meanwhile."""
        call = self._call = _started(step)
        until_s = self._now_s() + within_s
        while not _ended(call, _REACT_S):
            if self._stop.is_set():
                return
            if self._now_s() >= until_s:
                raise _HangsError(
                    f"the camera hangs: it could not be {done} in {within_s:g} s; restart the agent"
                )
            yield from self._no_frame()
        self._call = None
        call.result()

    def _no_frame(self) -> Generator[NoFrame]:
        """Yield `NoFrame` if there are no pictures and the last one was a second ago."""
        at = self._watch()
        next_s = self._last.monotonic_s + self._patience.say_every_s
        if at.monotonic_s >= max(next_s, self._lost_from_s):
            self._last = at
            yield NoFrame(at, self._since)

    def _is_new(self, picture: Picture) -> bool:
        """Whether it is newer than the last one, and not older than `lost_after_s`."""
        age_s = self._now_s() - picture.at.monotonic_s
        return picture.at.monotonic_s > self._last.monotonic_s and age_s < self._patience.lost_after_s

    def _frame(self, picture: Picture) -> Frame:
        at, last = picture.at, self._last
        if timedelta() < last.utc - at.utc <= _STEP:
            # A wall clock set back by up to 1 s stands still: no event is older than the one before.
            at = Instant(at.monotonic_s, last.utc, at.synced)
        image = picture.image
        height, width = image.shape[:2]
        if (width, height) != self._size_px:
            if (width, height) not in self._sizes_logged:
                self._sizes_logged.add((width, height))
                _log.warning(
                    CAMERA_SCALED,
                    *(width, height), *self._size_px,
                )  # fmt: skip
            image = cv2.resize(image, self._size_px, interpolation=cv2.INTER_AREA).astype(
                np.uint8, copy=False
            )
        if self._reasons:
            self._counts.recoveries += 1
            _log.info(
                CAMERA_BACK,
                at.monotonic_s - self._since.monotonic_s,
            )
        elif not self._index:
            _log.info(CAMERA_GIVES)
        self._reasons.clear()
        self._pauses, self._blank_since_s = 0, None
        self._since = self._last = at
        self._lost_from_s = math.inf
        view, index = self._view(), self._index
        self._index += 1
        return viewed(index, at, view, image, picture.luma)

    def _lose(self, reason: str) -> None:
        """Count and log that there are no pictures, each reason once until there are some."""
        self._lost_from_s = 0.0
        if not self._reasons:
            self._counts.stalls += 1
        if reason not in self._reasons and len(self._reasons) < _REASONS:
            self._reasons.add(reason)
            _log.warning(
                CAMERA_NO_PICTURES, reason,
                extra={"reason": "lost"},
            )  # fmt: skip

    def _give_up_if_blank(self) -> None:
        if self._index and self._blank_since_s is not None:
            blank_s = self._now_s() - self._blank_since_s
            if blank_s >= self._patience.blank_s:
                raise CameraError(
                    f"the camera can be opened but gave no picture in {blank_s:.0f} s: restart the agent"
                )

    def _release(self) -> None:
        """Close it at the end, within `end_s`."""
        until_s = time.monotonic() + self._patience.end_s
        call = self._call
        if call is None or _ended(call, self._patience.end_s):
            call = _started(self._camera.close)
            _ended(call, max(_CLOSE_AT_LEAST_S, until_s - time.monotonic()))
        if not call.done():
            self._counts.hangs += 1
            _log.warning(CAMERA_HANGS)
        elif error := call.exception():
            _log.warning(CAMERA_CLOSED_BADLY, error)

    def _now_s(self) -> float:
        return self._watch().monotonic_s


class _HangsError(CameraError):
    """The camera did not answer in time."""


def _started(step: Callable[[], None]) -> Future[None]:
    """Run a step in a daemon thread, which does not keep the process alive."""
    call: Future[None] = Future()

    def work() -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001  # raised where the result is read
            call.set_exception(error)
        else:
            call.set_result(None)

    Thread(target=work, name="camera", daemon=True).start()
    return call


def _ended(call: Future[None], within_s: float) -> bool:
    return bool(wait([call], within_s).done)


def live_frames(
    camera: Camera,
    size_px: tuple[int, int],
    view: Callable[[], View],
    watch: Callable[[], Instant],
    stop: Event,
    policy: RecoveryPolicy,
) -> Generator[Frame | NoFrame]:
    """Yield a frame for each picture, and `NoFrame` about each second without any, until `stop` is set.

    Args:
        camera: not open yet; closed at the end.
        size_px: width and height of all frames; pictures of another size are scaled to it.
        view: gives rotation and masks, called for each picture.
        watch: gives this moment.
        stop: ends it within a fraction of a second.
        policy: timeouts of the recovery, and its counters.

    Raises:
        CameraError: only a new process may help: the camera hangs, or gives nothing though it is there.
    """
    return SupervisedCamera(camera, size_px, view, watch, stop, policy).frames()
