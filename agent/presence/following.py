"""Placement of the rules on a shifted view: they follow it once it is steady."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from agent.core.shift import UNSHIFTED, Shift

if TYPE_CHECKING:
    from agent.core.visibility import Visibility

# A view is steady while its shift stays so near to its mean (part of the width, at a corner) for so long.
_STEADY_RATIO = 0.006
_STEADY_S = 60.0
# Nearer than this is the same place; what is back is so for so long.
SAME_RATIO = 0.0025
_BACK_S = 3.0
# What was not known for longer than this may have been anywhere.
_GAP_S = 15.0


@dataclass(slots=True)
class _Seen:
    """The view since the rules were last placed.

    Attributes:
        mean, count: of the shifts since the view is steady, and how many there were.
        since_s: since when it is steady, monotonic.
        known_s: when its shift was last known, monotonic.
        back_s: since when it is where the rules were drawn, monotonic; None: it is not.
        visibility: the last one that was judged.
    """

    mean: Shift
    count: int = 0
    since_s: float = -inf
    known_s: float = -inf
    back_s: float | None = None
    visibility: Visibility | None = None


class ViewFollower:
    """Places the rules by the shift of each frame.

    Attributes:
        placed: where they lie now.
        covered: where masks have to lie: where they were drawn, where the rules are, and wherever the
            view was since then. A mask uncovers nothing while it waits for the view to be steady.
    """

    def __init__(self, size_px: tuple[int, int], placed: Shift = UNSHIFTED) -> None:
        """Take the size of the frames, and where the rules lie."""
        self._size_px = size_px
        self.placed, self.covered, self._seen = placed, _covered(placed), _Seen(placed)

    def place(self, shift: Shift) -> None:
        """Have the rules lie here."""
        self.placed, self.covered, self._seen = shift, _covered(shift), _Seen(shift)

    def update(self, visibility: Visibility, now_s: float) -> bool:
        """Take what is known at a moment; whether anything lies elsewhere from now on."""
        seen = self._seen
        if visibility is seen.visibility:
            # Frames between two that were judged say nothing new.
            return False
        seen.visibility, shift = visibility, visibility.shift
        if visibility.cause is not None or shift is None:
            seen.back_s = None
            return False
        before = self.placed, self.covered
        self._keep_steady(shift, now_s)
        at_home = self._is_same(shift, UNSHIFTED)
        seen.back_s = (seen.back_s if seen.back_s is not None else now_s) if at_home else None
        if seen.back_s is not None and now_s - seen.back_s >= _BACK_S and self.placed != UNSHIFTED:
            self.place(UNSHIFTED)
        elif now_s - seen.since_s >= _STEADY_S:
            mean = UNSHIFTED if self._is_same(seen.mean, UNSHIFTED) else seen.mean
            if not self._is_same(mean, self.placed):
                self.place(mean)
        if not any(self._is_same(shift, known) for known in self.covered):
            self.covered = (*self.covered, shift)
        return (self.placed, self.covered) != before

    def _is_same(self, one: Shift, other: Shift) -> bool:
        return one.apart_ratio(other, self._size_px) <= SAME_RATIO

    def _keep_steady(self, shift: Shift, now_s: float) -> None:
        """Note the mean since the view is steady."""
        seen, mean = self._seen, self._seen.mean
        lost = now_s - seen.known_s > _GAP_S
        seen.known_s = now_s
        if lost or shift.apart_ratio(mean, self._size_px) > _STEADY_RATIO:
            seen.mean, seen.count, seen.since_s = shift, 1, now_s
            return
        seen.count += 1
        part = 1 / seen.count
        seen.mean = Shift(
            mean.dx_ratio + part * (shift.dx_ratio - mean.dx_ratio),
            mean.dy_ratio + part * (shift.dy_ratio - mean.dy_ratio),
            mean.degrees + part * (shift.degrees - mean.degrees),
        )


def _covered(placed: Shift) -> tuple[Shift, ...]:
    """Where masks lie at least: where they were drawn, and where the rules are."""
    return tuple(dict.fromkeys((UNSHIFTED, placed)))
