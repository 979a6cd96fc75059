from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from threading import Event, Timer
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.core.frame import Frame, Instant, NoFrame
from agent.device.camera import CameraCounts, Picture, RecoveryPolicy, Timeouts
from agent.device.clock import Clock, now
from agent.device.frames import View
from agent.device.recovery import live_frames
from agent.errors import CameraError
from tests.builders import make_at
from tests.patience import BUSY_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SIZE_PX = (64, 48)
PERIOD_S = 0.01
QUICK = Timeouts(
    begin_s=1.0,
    lost_after_s=0.5,
    first_after_s=0.8,
    say_every_s=0.1,
    pauses_s=(0.05, 0.1),
    open_s=2.4,
    close_s=1.2,
    blank_s=2.0,
    end_s=0.8,
)
TOP_LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))


@dataclass
class Scripted:
    """Scripted camera; gives pictures unless the script says otherwise."""

    size_px: tuple[int, int] = SIZE_PX
    luma: NDArray[np.uint8] | None = None
    gives: bool = True
    refuses: str | None = None
    breaks: str | None = None
    age_s: float = 0.0
    same: bool = False
    hangs: dict[str, Event] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    stamp: Instant | None = None
    before_next: Callable[[], None] = lambda: None

    def _does(self, step: str) -> None:
        self.did.append(step)
        if step in self.hangs:
            self.hangs[step].wait(PATIENCE_S)

    def open(self) -> None:
        self._does("open")
        if self.refuses:
            raise CameraError(self.refuses)

    def picture(self, wait_s: float) -> Picture | None:
        self.before_next()
        if self.breaks:
            raise CameraError(self.breaks)
        if not self.gives:
            time.sleep(wait_s)
            return None
        time.sleep(PERIOD_S)
        if not (self.same and self.stamp):
            self.stamp = now().shifted(-self.age_s)
        return Picture(self.stamp, np.full((*self.size_px[::-1], 3), 77, np.uint8), self.luma)

    def flush(self) -> None:
        self._does("flush")

    def close(self) -> None:
        self._does("close")


@dataclass
class Watched:
    """The frames of a camera, one after the other."""

    camera: Scripted = field(default_factory=Scripted)
    patience: Timeouts = QUICK
    view: View = field(default_factory=View)
    stop: Event = field(default_factory=Event)
    counts: CameraCounts = field(default_factory=CameraCounts)
    tries: list[None] = field(default_factory=list)
    watch: Callable[[], Instant] = field(default_factory=lambda: Clock().now)
    taken: list[Frame | NoFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        policy = RecoveryPolicy(self.patience, self.counts, lambda: self.tries.append(None))
        self.frames = live_frames(self.camera, SIZE_PX, lambda: self.view, self.watch, self.stop, policy)

    def until(
        self, holds: Callable[[Frame | NoFrame], bool], within_s: float = PATIENCE_S
    ) -> Frame | NoFrame:
        give_up_s = time.monotonic() + within_s
        for step in self.frames:
            assert time.monotonic() < give_up_s, f"not within {within_s} s; {self.camera.did}"
            self.taken.append(step)
            if holds(step):
                return step
        raise AssertionError("the frames are over")

    def frame(self) -> Frame:
        step = self.until(lambda step: isinstance(step, Frame))
        assert isinstance(step, Frame)
        return step

    def nothing(self) -> NoFrame:
        step = self.until(lambda step: isinstance(step, NoFrame))
        assert isinstance(step, NoFrame)
        return step


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    with closing(watched.frames):
        yield watched


def test_frames_of_a_good_camera(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        frames = [watched.frame() for _ in range(20)]
    watched.frames.close()
    assert watched.taken == frames
    assert [frame.index for frame in frames] == list(range(20))
    assert all(one.at.monotonic_s < other.at.monotonic_s for one, other in pairwise(frames))
    assert watched.camera.did == ["open", "close"]
    assert watched.counts == CameraCounts(opens=1)
    assert [record.getMessage() for record in caplog.records] == ["the camera gives pictures"]


def test_camera_lost_and_back(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        last = watched.frame()
        watched.camera.gives = False
        gone_s = time.monotonic()
        first = watched.nothing()
        assert QUICK.lost_after_s <= time.monotonic() - gone_s < QUICK.lost_after_s + BUSY_S
        assert first.since == last.at
        second = watched.nothing()
        assert (second.since, second.at.monotonic_s > first.at.monotonic_s) == (last.at, True)
        watched.until(lambda _: watched.camera.did.count("open") == 3)
        watched.camera.gives = True
        back = watched.frame()
        watched.frame()
    assert back.index == last.index + 1
    assert back.at.monotonic_s > watched.taken[-3].at.monotonic_s
    assert watched.camera.did == ["open", *["flush", "close", "open"] * 2]
    assert watched.counts == CameraCounts(stalls=1, recoveries=1, flushes=2, closes=2, opens=3)
    gone, came = caplog.records[1:]
    # However many steps it took: one line that it is gone, and one that it is back.
    assert (gone.levelname, gone.getMessage()) == (
        "WARNING",
        "no pictures from the camera: none came in 0.5 s; it is opened again until there are some",
    )
    without_s = back.at.monotonic_s - last.at.monotonic_s
    assert came.getMessage() == f"the camera gives pictures again, after {without_s:.0f} s without"


def test_camera_lost_again_and_again(watched: Watched) -> None:
    for _ in range(5):
        watched.camera.gives = True
        watched.frame()
        watched.camera.gives = False
        watched.nothing()
    assert (watched.counts.stalls, watched.counts.recoveries) == (5, 4)


@pytest.mark.parametrize("fault", [{"age_s": 0.7}, {"same": True}])
def test_pictures_that_are_none(watched: Watched, fault: dict[str, object]) -> None:
    # Old ones, and always the same one: a camera that is stuck may give either.
    last = watched.frame()
    for name, value in fault.items():
        setattr(watched.camera, name, value)
    since = watched.nothing().since
    # One may have been under way.
    assert since.monotonic_s - last.at.monotonic_s <= 2 * PERIOD_S
    watched.until(lambda _: watched.camera.did.count("open") == 3)
    assert watched.counts.stalls == 1


def test_camera_that_breaks(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.frame()
    watched.camera.breaks = "the stream is over"
    watched.nothing()
    watched.until(lambda _: watched.camera.did.count("open") == 4)
    watched.camera.breaks = None
    watched.frame()
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.getMessage() == (
        "no pictures from the camera: the stream is over; it is opened again until there are some"
    )
    assert vars(record)["reason"] == "lost"


def test_camera_missing_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(Scripted(refuses="no camera is found: look at its cable"))
    begun_s = time.monotonic()
    with closing(watched.frames):
        # It is known at once, and goes on for much longer than a camera without pictures may.
        watched.nothing()
        assert time.monotonic() - begun_s < BUSY_S
        watched.until(lambda _: time.monotonic() - begun_s > 1.5 * QUICK.blank_s)
        watched.camera.refuses = None
        watched.frame()
    refused = watched.counts.refusals
    assert refused > 5
    assert len(watched.tries) == refused
    assert watched.counts == CameraCounts(stalls=1, recoveries=1, opens=refused + 1, refusals=refused)
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.getMessage() == (
        "no pictures from the camera: no camera is found: look at its cable; it is opened again until there"
        " are some"
    )


def test_camera_gone_for_long_stays_awaited(watched: Watched) -> None:
    # Unplugged, with answers that differ each time.
    watched.frame()
    watched.camera.breaks = watched.camera.refuses = "not there"
    gone_s = time.monotonic()

    def long_gone(step: Frame | NoFrame) -> bool:
        watched.camera.refuses = f"not there at {step.at.utc}"
        return time.monotonic() - gone_s > 1.5 * QUICK.blank_s

    watched.until(long_gone)
    watched.camera.breaks = watched.camera.refuses = None
    watched.frame()


def test_reasons_told_are_bounded(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.frame()
    watched.camera.breaks = "reason"
    for reason in range(20):
        watched.camera.refuses = f"reason {reason}"
        before = watched.counts.refusals
        watched.until(lambda _, before=before: watched.counts.refusals > before)  # type: ignore[misc]
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 5


def test_camera_blank_after_pictures_ends_the_process(watched: Watched) -> None:
    watched.frame()
    watched.camera.gives = False
    gone_s = time.monotonic()
    with pytest.raises(CameraError, match=r"can be opened but gave no picture in \d+ s.*restart the agent"):
        watched.until(lambda _: False)
    assert QUICK.blank_s < time.monotonic() - gone_s < 3 * QUICK.blank_s + BUSY_S
    assert watched.counts.hangs == 0
    assert watched.camera.did[-1] == "close"


def test_camera_blank_from_the_start_is_awaited() -> None:
    watched = Watched(Scripted(gives=False))
    begun_s = time.monotonic()
    with closing(watched.frames):
        first = watched.nothing()
        # A camera needs a while to begin: that is no fault.
        assert time.monotonic() - begun_s >= QUICK.first_after_s
        assert first.since.monotonic_s < begun_s + QUICK.first_after_s
        watched.until(lambda _: time.monotonic() - begun_s > 2 * QUICK.blank_s)
        watched.camera.gives = True
        watched.frame()


def test_slow_open_is_told_only_after_a_while() -> None:
    opened = Event()
    watched = Watched(Scripted(hangs={"open": opened}))
    begun_s = time.monotonic()
    with closing(watched.frames):
        first = watched.nothing()
        assert QUICK.begin_s <= first.at.monotonic_s - begun_s < QUICK.begin_s + BUSY_S
        opened.set()
        watched.frame()
    assert watched.counts == CameraCounts(opens=1)


@pytest.mark.parametrize(("step", "told"), [("close", "closed"), ("flush", "closed"), ("open", "opened")])
def test_hang_ends_the_process(watched: Watched, step: str, told: str) -> None:
    freed = Event()
    watched.frame()
    watched.camera.gives = False
    watched.camera.hangs[step] = freed
    gone_s = time.monotonic()
    with pytest.raises(
        CameraError, match=rf"the camera hangs: it could not be {told} in (1\.2|2\.4) s.*restart the agent"
    ):
        watched.until(lambda _: False)
    assert time.monotonic() - gone_s < QUICK.lost_after_s + QUICK.open_s + QUICK.end_s + BUSY_S
    # States were said to be unknown meanwhile, and whoever ends the process knows that a thread hangs.
    assert len([step for step in watched.taken if isinstance(step, NoFrame)]) >= 3
    assert watched.counts.hangs == 1
    freed.set()


@pytest.mark.parametrize("step", ["close", "open"])
def test_hang_at_the_end(watched: Watched, step: str, caplog: pytest.LogCaptureFixture) -> None:
    freed = Event()
    if step == "open":
        watched.camera.hangs[step] = freed
        next_frame = watched.nothing
    else:
        next_frame = watched.frame  # type: ignore[assignment]
        watched.camera.hangs[step] = freed
    next_frame()
    watched.stop.set()
    stopped_s = time.monotonic()
    assert [step for step in watched.frames if isinstance(step, NoFrame)] == []
    assert time.monotonic() - stopped_s < QUICK.end_s + BUSY_S
    assert watched.counts.hangs == 1
    assert "camera did not close in time" in caplog.text
    freed.set()


@pytest.mark.parametrize("state", ["pictures", "lost", "refused", "paused"])
def test_stop(state: str) -> None:
    patience = Timeouts(begin_s=0, lost_after_s=0.5, pauses_s=(600.0,))
    watched = Watched(Scripted(refuses="none" if state in {"refused", "paused"} else None), patience)
    if state == "pictures":
        watched.frame()
    elif state == "lost":
        watched.frame()
        watched.camera.gives = False
    else:
        watched.nothing()
    Timer(0.3, watched.stop.set).start()
    stops_s = time.monotonic() + 0.3
    assert len(list(watched.frames)) >= (state == "pictures")
    assert time.monotonic() - stops_s < BUSY_S
    assert watched.camera.did[-1] == "close"
    assert watched.counts.hangs == 0


def test_stopped_before_it_begins() -> None:
    watched = Watched()
    watched.stop.set()
    assert list(watched.frames) == []


def test_slow_consumer_is_no_stall(watched: Watched) -> None:
    for _ in range(3):
        watched.frame()
        time.sleep(2 * QUICK.lost_after_s)
    assert watched.counts.stalls == 0


def test_bug_in_a_camera_is_not_hidden(watched: Watched) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    watched.frame()
    watched.camera.before_next = fails
    with pytest.raises(ZeroDivisionError):
        watched.frame()
    assert watched.camera.did[-1] == "close"


def test_picture_of_another_size_is_scaled(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(Scripted(size_px=(100, 100)))
    with closing(watched.frames):
        frame = watched.frame()
        watched.frame()
        assert frame.size_px == SIZE_PX
        assert (frame.image == 77).all()
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.getMessage() == "the camera gives pictures of 100x100 px; they are scaled to 64x48"


@pytest.mark.parametrize("rotation", [0, 180])
def test_luma_is_turned_and_masked_as_the_picture_is(rotation: int) -> None:
    luma = np.tile(np.arange(100, 132, dtype=np.uint8), (24, 1))
    watched = Watched(Scripted(luma=luma), view=View(rotation, (TOP_LEFT,)))
    with closing(watched.frames):
        frame = watched.frame()
        assert not frame.image[:24, :32].any()
        # What the px on its border were made of is partly behind the mask.
        assert not frame.luma[:14, :18].any()
        upright = luma[::-1, ::-1] if rotation else luma
        np.testing.assert_array_equal(frame.luma[15:], upright[15:])
        np.testing.assert_array_equal(frame.luma[:, 19:], upright[:, 19:])
        # A changed configuration has other masks.
        watched.view = View(rotation)
        frame = watched.frame()
        assert frame.image.all()
        np.testing.assert_array_equal(frame.luma, upright)
    np.testing.assert_array_equal(luma[0], np.arange(100, 132))


def test_frames_while_the_clock_is_put_back(watched: Watched) -> None:
    before = watched.frame()
    back = timedelta(seconds=0.4)
    camera, real = watched.camera, watched.camera.picture

    def put_back(wait_s: float) -> Picture | None:
        taken = real(wait_s)
        assert taken
        at = taken.at
        return Picture(Instant(at.monotonic_s, at.utc - back, at.synced), taken.image)

    camera.picture = put_back  # type: ignore[method-assign]
    after = watched.frame()
    assert after.at.monotonic_s > before.at.monotonic_s
    assert after.at.utc == before.at.utc
    # By hours it is put right.
    back = timedelta(hours=2)
    assert watched.frame().at.utc < before.at.utc - timedelta(hours=1)


# --- the patience that a device has -----------------------------------------------------------------


@dataclass
class Simulated:
    """A clock that goes on only while somebody waits; `tick_s`: and by so much whenever it is read."""

    now_s: float = 1000.0
    tick_s: float = 0.0

    def now(self) -> Instant:
        self.now_s += self.tick_s
        return make_at(self.now_s)


class Waiting(Event):
    """Stop flag that is never set; waiting for it advances the clock."""

    def __init__(self, clock: Simulated) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now_s += timeout or 0.0
        return self.is_set()


@dataclass
class OnTime(Scripted):
    """A camera on that clock: ten pictures a second, while it gives some."""

    clock: Simulated = field(default_factory=Simulated)
    opened_s: list[float] = field(default_factory=list)

    def open(self) -> None:
        self.opened_s.append(self.clock.now_s)
        super().open()

    def picture(self, wait_s: float) -> Picture | None:
        if not self.gives:
            self.clock.now_s += wait_s
            return None
        self.clock.now_s += 0.1
        return Picture(self.clock.now(), np.full((*self.size_px[::-1], 3), 77, np.uint8), None)


def usual() -> Watched:
    """A camera with the patience of a device."""
    clock = Simulated()
    return Watched(OnTime(clock=clock), Timeouts(), stop=Waiting(clock), watch=clock.now)


def test_usual_camera_is_lost_after_3_s_and_opened_again_and_again() -> None:
    # As systemd/README.md says: lost after 3 s; opened again after 1, 2, 4, then every 5 s, with 5 s for a
    # picture; after a minute of that only a new process may help.
    watched = usual()
    camera = watched.camera
    assert isinstance(camera, OnTime)
    with closing(watched.frames):
        last = [watched.frame() for _ in range(50)][-1]
        camera.gives = False
        nothing = watched.nothing()
        assert nothing.since == last.at
        assert 3.0 <= nothing.at.monotonic_s - last.at.monotonic_s < 4.0
        # It is said about once a second.
        said = [watched.nothing().at.monotonic_s for _ in range(5)]
        assert all(1.0 <= other - one < 2.0 for one, other in pairwise(said))
        with pytest.raises(CameraError, match="gave no picture"):
            watched.until(lambda _: False)
    waits_s = [other - one for one, other in pairwise([last.at.monotonic_s, *camera.opened_s[1:]])]
    expected = [3 + 1, 5 + 2, 5 + 4, *[5 + 5] * 4]
    assert waits_s[: len(expected)] == pytest.approx(expected, abs=1.0)
    assert 60 <= camera.clock.now_s - camera.opened_s[1] < 75


def test_usual_camera_that_was_never_there_is_told_after_10_s() -> None:
    watched = usual()
    watched.camera.refuses = "there is none"
    with closing(watched.frames):
        assert 0 <= watched.nothing().at.monotonic_s - 1000.0 < 1.5
    watched = usual()
    watched.camera.gives = False
    with closing(watched.frames):
        # One that was opened has 5 s for its first picture, and is no news until then.
        assert 5.0 <= watched.nothing().at.monotonic_s - 1000.0 < 6.5


@pytest.mark.parametrize(("step", "most_s"), [("open", 30), ("close", 10)])
def test_usual_camera_that_hangs(step: str, most_s: float) -> None:
    watched = usual()
    camera = watched.camera
    assert isinstance(camera, OnTime)
    let_go = camera.hangs[step] = Event()
    try:
        with closing(watched.frames):
            if step == "close":
                watched.frame()
                camera.gives = False
                watched.nothing()
            begin_s = camera.clock.now_s
            # The thread that hangs takes real time; the clock need not.
            camera.clock.tick_s = 0.5
            if step == "open":
                # At the begin nothing is said of it for 10 s.
                assert 10.0 <= watched.nothing().at.monotonic_s - begin_s < 12.0
            with pytest.raises(CameraError, match=f"in {most_s} s"):
                watched.until(lambda step: isinstance(step, Frame))
            assert most_s - 3 <= camera.clock.now_s - begin_s < most_s + 3
    finally:
        let_go.set()
