from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.frame import Instant
from agent.device import clock as clock_module
from agent.device.clock import Clock, boot_id, clock_synced, now, set_of_late

if TYPE_CHECKING:
    from pathlib import Path


def test_now_increases() -> None:
    moments = [now() for _ in range(200)]
    assert all(before.monotonic_s <= after.monotonic_s for before, after in pairwise(moments))
    assert moments[0].monotonic_s < moments[-1].monotonic_s


def test_now_is_now() -> None:
    before_s, moment, after_s = time.monotonic(), now(), time.monotonic()
    assert before_s <= moment.monotonic_s <= after_s
    assert moment.utc.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment.utc) < timedelta(seconds=5)


def test_now_tells_whether_the_clock_is_synced() -> None:
    assert isinstance(clock_synced(), bool)
    assert now().synced is clock_synced()


def test_boot_id() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}", boot_id())
    # The same until the machine starts again.
    assert boot_id() == boot_id()


# --- a clock that was right stays so, and never goes back ------------------------------------------

DAY_S = 86_400.0


class Machine:
    """Clocks that are set by hand: `mono_s` since the boot, and by how much the wall clock is ahead of it."""

    def __init__(self, *, synced: bool) -> None:
        self.mono_s = 100.0
        self.ahead_s = 1.7e9
        self.synced = synced
        self.clock = Clock(self._read)

    def _read(self) -> Instant:
        utc = datetime.fromtimestamp(0, UTC) + timedelta(seconds=self.mono_s + self.ahead_s)
        return Instant(self.mono_s, utc, self.synced)

    def after(self, seconds: float, *, step_s: float = 0.0, synced: bool | None = None) -> Instant:
        """Let time pass, then the wall clock step."""
        self.mono_s += seconds
        self.ahead_s += step_s
        self.synced = self.synced if synced is None else synced
        return self.clock.now()


def test_clock_reads_this_machine() -> None:
    before, moment, after = now(), Clock().now(), now()
    assert before.monotonic_s <= moment.monotonic_s <= after.monotonic_s
    assert before.utc <= moment.utc <= after.utc
    assert moment.synced is clock_synced()


def test_clock_holds_for_a_week() -> None:
    machine = Machine(synced=True)
    assert machine.after(0).synced
    # The network is gone.
    assert machine.after(60, synced=False).synced
    for _ in range(7 * 24 - 1):
        assert machine.after(3600).synced
    assert machine.after(3540).synced
    assert not machine.after(1).synced
    # It is back.
    assert machine.after(60, synced=True).synced
    assert machine.after(6 * DAY_S, synced=False).synced
    assert not machine.after(2 * DAY_S).synced


def test_clock_that_was_never_right_holds_nothing() -> None:
    machine = Machine(synced=False)
    assert not machine.after(0).synced
    assert not machine.after(1).synced
    assert machine.after(1, synced=True).synced


@pytest.mark.parametrize("step_s", [1.5, -1.5, 3600, -3600, 5e7])
def test_clock_forgets_on_a_step(step_s: float) -> None:
    machine = Machine(synced=True)
    machine.after(0)
    assert machine.after(60, synced=False).synced
    # Somebody sets it by hand: nobody knows whether it is right.
    at = machine.after(0.1, step_s=step_s)
    assert not at.synced
    assert at.utc.timestamp() == pytest.approx(machine.mono_s + machine.ahead_s)
    assert not machine.after(60).synced
    assert machine.after(60, synced=True).synced
    assert machine.after(60, synced=False).synced


def test_clock_that_steps_while_synced_is_synced() -> None:
    machine = Machine(synced=True)
    before = machine.after(0)
    at = machine.after(0.1, step_s=-30)
    assert at.synced
    # What is more than a second is a step, and is told.
    assert at.utc < before.utc


@pytest.mark.parametrize("synced", [True, False])
def test_clock_stands_still_where_it_would_go_back(synced: bool) -> None:
    machine = Machine(synced=synced)
    before = machine.after(0)
    at = machine.after(0.1, step_s=-0.6)
    assert (at.utc, at.synced) == (before.utc, synced)
    assert at.monotonic_s > before.monotonic_s
    at = machine.after(0.1)
    assert at.utc == before.utc
    # Until the wall clock has come up with it.
    assert machine.after(0.45).utc > before.utc
    assert machine.after(0).utc.timestamp() == pytest.approx(machine.mono_s + machine.ahead_s)


@given(
    steps=st.lists(
        st.tuples(st.floats(0.001, 5), st.floats(-0.2, 0.2), st.booleans()), min_size=1, max_size=60
    )
)
def test_clock_never_goes_back(steps: list[tuple[float, float, bool]]) -> None:
    machine = Machine(synced=False)
    moments = [machine.after(passed_s, step_s=step_s, synced=synced) for passed_s, step_s, synced in steps]
    for before, after in pairwise(moments):
        assert before.utc <= after.utc
        assert before.monotonic_s < after.monotonic_s


def test_clock_does_not_drift_away_in_small_steps() -> None:
    # Put back by half a second every second: it may stand still, but not for ever.
    machine = Machine(synced=True)
    for _ in range(100):
        at = machine.after(1, step_s=-0.5)
        assert abs(at.utc.timestamp() - (machine.mono_s + machine.ahead_s)) <= 1


@pytest.mark.parametrize(
    ("age_s", "right"),
    [
        (0, True),
        (2048, True),  # the longest that systemd-timesyncd waits between two questions
        (3 * 3600, False),  # no server has answered since
        (None, False),  # none ever has, or another program sets the clock
    ],
)
def test_clock_set_of_late_by_timesyncd(tmp_path: Path, age_s: int | None, right: bool) -> None:
    trace = tmp_path / "synchronized"
    if age_s is not None:
        trace.touch()
        os.utime(trace, (time.time() - age_s,) * 2)
    assert set_of_late(trace) is right


STA_UNSYNC, TIME_ERROR = 0x40, 5


@pytest.mark.parametrize(
    ("code", "status", "synced"),
    [
        # What adjtimex returns and writes, man 2 adjtimex; no test may set the clock of its machine.
        (0, 0x2001, True),
        (TIME_ERROR, 0x2001, False),
        (0, STA_UNSYNC, False),
        (TIME_ERROR, STA_UNSYNC, False),
    ],
)
def test_clock_is_as_the_kernel_says(
    monkeypatch: pytest.MonkeyPatch, code: int, status: int, synced: bool
) -> None:
    class Kernel:
        @staticmethod
        def adjtimex(pointer: Any) -> int:  # noqa: ANN401 - what ctypes.byref gives
            timex = pointer._obj
            timex.status, timex.offset = status, 1500
            return code

    monkeypatch.setattr(clock_module, "_libc", Kernel)
    assert clock_module.clock_synced() is synced
    assert clock_module.now().synced is synced
    # Nanoseconds or microseconds, as the status says; nothing where the clock is wrong anyhow.
    assert clock_module.offset_ms() == ((0.002 if status & 0x2000 else 1.5) if synced else None)
