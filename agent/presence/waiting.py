"""Waits before a counter: visits to its public zone by others than its staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from agent.presence.visits import logged_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Instant
    from agent.presence.intervals import Window
    from agent.presence.visits import Visits

ON_THE_WAY_S: Final = 60.0
"""Who is behind the desk so soon after leaving the public zone was on the way there, and did not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFigures:
    """How long people waited: `visits` that were waits, and percentiles of them; None: there were none."""

    visits: int
    wait_p50_s: float | None
    wait_p90_s: float | None
    wait_max_s: float | None


class Waits:
    """Who waits before a counter, and how long those waited who have left.

    ::

        public     ├──────────┤   ├────┤        ├─────┤           ├──────
        staff                         ├──────┤                  ·
        same track? no            no   yes                        blind
        a wait     yes            no: on the way               no: nobody knows how long

    A wait is a visit to the public zone that ended because its visitor was seen leaving, or was lost. It is
    none if the same track was in the staff's zone before, meanwhile, or until ON_THE_WAY_S after it: that is
    known a moment later for good, so that a sum which waits for it never has to be corrected. A wait counts
    where it ended.
    """

    def __init__(self, public: Visits, staff: Visits) -> None:
        """Take the visits to the counter's two zones, which go on to change."""
        self._public, self._staff = public, staff
        self._changes = -1
        self._since: Instant | None = None
        # Of those in the public zone: how many visits to the other one had ended without theirs; None: one is
        # theirs.
        self._looked: dict[str, int | None] = {}

    @property
    def since(self) -> Instant | None:
        """Since when the longest now waiting waits; None: nobody does, as far as is known."""
        changes = self._public.changes + self._staff.changes
        if changes != self._changes:
            # It is asked for at each frame.
            self._changes, self._since = changes, self._longest()
        return self._since

    def figures(self, of: Window) -> WaitFigures:
        """Figures of the waits that ended in a window."""
        waits_ms = np.sort(np.asarray(self._public.dwell_ms)[self._ended_in(of)]).tolist()
        return WaitFigures(
            visits=len(waits_ms),
            wait_p50_s=_nearest_rank_s(waits_ms, 50),
            wait_p90_s=_nearest_rank_s(waits_ms, 90),
            wait_max_s=_nearest_rank_s(waits_ms, 100),
        )

    def _longest(self) -> Instant | None:
        before, self._looked = self._looked, {}
        longest: Instant | None = None
        for track, (since, _) in self._public.open.items():
            after = before.get(track, 0)
            if after is None or self._staff.includes(track, after):
                self._looked[track] = None
                continue
            self._looked[track] = self._staff.ended
            if longest is None or since.monotonic_s < longest.monotonic_s:
                longest = since
        return longest

    def _ended_in(self, of: Window) -> NDArray[np.intp]:
        """Which of the visits that ended are waits of a window, by their place in the columns."""
        ends_ms, tracks = self._public.ends_ms(), np.asarray(self._public.tracks)
        left = np.asarray(self._public.left) == 1
        (found,) = np.nonzero(left & (of.start_s * 1000 <= ends_ms) & (ends_ms < of.end_s * 1000))
        behind_ms = self._behind_ms(tracks[found])
        waited = [behind_ms.get(int(tracks[i]), np.inf) > ends_ms[i] + ON_THE_WAY_S * 1000 for i in found]
        waits: NDArray[np.intp] = found[np.array(waited, bool)]
        return waits

    def _behind_ms(self, tracks: NDArray[np.int64]) -> dict[int, float]:
        """When each of these tracks, if ever, was in the staff's zone first, since 1970."""
        ended, going_on = self._staff.done.starts.utc_s, self._staff.open
        known = np.array([*self._staff.tracks, *map(hash, going_on)], np.int64)
        starts_ms = logged_ms(np.array([*ended, *(start.utc_s for _, start in going_on.values())]))
        among = np.isin(known, tracks)
        first_ms: dict[int, float] = {}
        for track, start_ms in zip(known[among].tolist(), starts_ms[among].tolist(), strict=True):
            first_ms[track] = min(start_ms, first_ms.get(track, np.inf))
        return first_ms


def _nearest_rank_s(sorted_ms: Sequence[int], percent: int) -> float | None:
    """The nearest rank: the least wait such that so many per cent were no longer; one that there was."""
    if not sorted_ms:
        return None
    return sorted_ms[-(-percent * len(sorted_ms) // 100) - 1] / 1000
