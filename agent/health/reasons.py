"""Reasons of bad health, with hold times so that a flapping one is not reported each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from agent.wire.health import Reason, Verdict


@dataclass(frozen=True, slots=True)
class HoldTimes:
    """Seconds that a fault has to last to be reported, and to be gone to be over."""

    begins_after_s: float
    ends_after_s: float


_USUAL_TIMES: Final = HoldTimes(10, 120)
# Others have the usual times. Those of the camera are short: vision has hold times of its own.
HOLD_TIMES: Final[dict[Reason, HoldTimes]] = {
    "camera_covered": HoldTimes(0, 5),
    "camera_dark": HoldTimes(0, 5),
    "camera_blurred": HoldTimes(0, 5),
    "camera_moved": HoldTimes(0, 5),
    "camera_frozen": HoldTimes(0, 5),
    "camera_lost": HoldTimes(0, 5),
    "camera_shifted": HoldTimes(3, 30),
    "shift_unknown": HoldTimes(60, 10),
    "clock_unsynced": HoldTimes(0, 10),
    "log_volatile": HoldTimes(0, 10),
    "log_damaged": HoldTimes(0, 0),
    "disk_low": HoldTimes(0, 120),
    "broker_refuses": HoldTimes(0, 10),
    "refusals_unseen": HoldTimes(0, 0),
    "broker_lost": HoldTimes(60, 10),
    "too_hot": HoldTimes(30, 300),
    "too_slow": HoldTimes(60, 300),
    "throttled": HoldTimes(10, 600),
    "under_voltage": HoldTimes(0, 900),
    "card_errors": HoldTimes(0, 0),
    "calendar_refused": HoldTimes(0, 0),
    "configuration_refused": HoldTimes(0, 0),
    "certificate_ends": HoldTimes(0, 0),
    "update_failed": HoldTimes(0, 0),
}
# Reported, but nothing to fix.
_NOTES: Final[frozenset[Reason]] = frozenset({"refusals_unseen", "shift_unknown"})
# No one is counted, and it does not end by itself.
_FAILING: Final[frozenset[Reason]] = frozenset({"camera_lost", "camera_frozen"})


@dataclass(slots=True)
class Reasons:
    """State of the reasons with their hold times, by the monotonic clock."""

    _holding: dict[Reason, None] = field(default_factory=dict)
    _other_since: dict[Reason, float] = field(default_factory=dict)

    def update(self, found: Mapping[Reason, bool | None], now_s: float) -> tuple[Reason, ...]:
        """Take the findings, with the same keys each time (None: no change); return the reasons that hold."""
        for reason, is_there in found.items():
            if is_there is None or is_there == (reason in self._holding):
                self._other_since.pop(reason, None)
                continue
            times = HOLD_TIMES.get(reason, _USUAL_TIMES)
            wait_s = times.begins_after_s if is_there else times.ends_after_s
            if now_s - self._other_since.setdefault(reason, now_s) < wait_s:
                continue
            del self._other_since[reason]
            if is_there:
                self._holding[reason] = None
            else:
                del self._holding[reason]
        return tuple(reason for reason in found if reason in self._holding)


def verdict(reasons: Collection[Reason]) -> Verdict:
    """Verdict on some reasons."""
    faults = set(reasons) - _NOTES
    if faults & _FAILING:
        return "failing"
    return "degraded" if faults else "ok"


def beyond(value: float | None, bad: float, good: float) -> bool | None:
    """Threshold with hysteresis: whether a figure is bad; None between bad and good, and without a figure.

    Args:
        value: the figure; None: not known.
        bad: threshold of bad; above `good` where too much is bad, below it where too little is.
        good: threshold of good, in the same unit.
    """
    if value is None:
        return None
    if bad > good:
        return True if value >= bad else False if value < good else None
    return True if value < bad else False if value >= good else None
