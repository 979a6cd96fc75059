"""Reasons of bad health, held so long that one that flaps is not reported each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from agent.wire.health import Reason, Verdict


@dataclass(frozen=True, slots=True)
class HoldTimes:
    """How long a fault has to hold before it is told, and to be gone before it is over."""

    begins_after_s: float
    ends_after_s: float


_USUAL: Final = HoldTimes(10, 120)
# What is not here has the usual patience. The camera's are already judged with patience where they are found.
PATIENCE: Final[dict[Reason, HoldTimes]] = {
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
}
# Said, but nothing that somebody should mend.
_NOTES: Final[frozenset[Reason]] = frozenset({"refusals_unseen", "shift_unknown"})
# Nobody is counted, and it does not go away by itself.
_FAILING: Final[frozenset[Reason]] = frozenset({"camera_lost", "camera_frozen"})


@dataclass(slots=True)
class Reasons:
    """Told what is found, says what holds, by the monotonic clock."""

    _told: dict[Reason, None] = field(default_factory=dict)
    _other_since: dict[Reason, float] = field(default_factory=dict)

    def update(self, found: Mapping[Reason, bool | None], now_s: float) -> tuple[Reason, ...]:
        """What holds now; `found` has the same keys each time, None where it stays as it is."""
        for reason, is_there in found.items():
            if is_there is None or is_there == (reason in self._told):
                self._other_since.pop(reason, None)
                continue
            patience = PATIENCE.get(reason, _USUAL)
            wait_s = patience.begins_after_s if is_there else patience.ends_after_s
            if now_s - self._other_since.setdefault(reason, now_s) < wait_s:
                continue
            del self._other_since[reason]
            if is_there:
                self._told[reason] = None
            else:
                del self._told[reason]
        return tuple(reason for reason in found if reason in self._told)


def verdict(reasons: Collection[Reason]) -> Verdict:
    """What the reasons come to."""
    faults = set(reasons) - _NOTES
    if faults & _FAILING:
        return "failing"
    return "degraded" if faults else "ok"


def beyond(value: float | None, bad: float, good: float) -> bool | None:
    """Whether a figure is bad; None between bad and good, and where there is no figure.

    `bad` above `good`: too much is bad; below it: too little.
    """
    if value is None:
        return None
    if bad > good:
        return True if value >= bad else False if value < good else None
    return True if value < bad else False if value >= good else None
