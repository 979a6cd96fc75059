"""Faults that come, go and flap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.health.reasons import HOLD_TIMES, Reasons, verdict

if TYPE_CHECKING:
    from agent.wire.health import Reason, Verdict

_DAY_S = 86_400


@pytest.mark.parametrize("reason", HOLD_TIMES)
def test_reason_held_and_gone(reason: Reason) -> None:
    times, reasons = HOLD_TIMES[reason], Reasons()
    begin_s = next(s for s in range(1000) if reasons.update({reason: True}, s))
    assert begin_s == times.begins_after_s
    end_s = next(s for s in range(1000) if not reasons.update({reason: False}, 1000 + s))
    assert end_s == times.ends_after_s


@pytest.mark.parametrize("period_s", [2, 20, 60])
def test_reason_flapping(period_s: int) -> None:
    reasons, changes, told = Reasons(), 0, False
    for now_s in range(_DAY_S):
        now = bool(reasons.update({"too_hot": now_s % period_s < period_s / 2}, now_s))
        changes, told = changes + (now != told), now
    assert changes <= 1


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ((), "ok"),
        (("refusals_unseen",), "ok"),
        (("camera_dark", "clock_unsynced"), "degraded"),
        (("too_hot", "camera_lost"), "failing"),
    ],
)
def test_verdict_reasons(reasons: tuple[Reason, ...], expected: Verdict) -> None:
    assert verdict(reasons) == expected
