"""Placement of the rules on a shifted view: they follow it once it is steady."""

from __future__ import annotations

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


class ViewFollower:
    """Told the shift of each frame, says where the rules are to lie.

    Attributes:
        placed: where they lie now.
        covered: where masks have to lie: where they were drawn, where the rules are, and wherever the
            view was since then. A mask uncovers nothing while it waits for the view to be steady.
    """

    def __init__(self, size_px: tuple[int, int], placed: Shift = UNSHIFTED) -> None:
        """Take the size of the frames, and where the rules lie."""
        self._size_px = size_px
        self.place(placed)

    def place(self, shift: Shift) -> None:
        """Have the rules lie here."""
        self.placed = shift
        self.covered: tuple[Shift, ...] = tuple(dict.fromkeys((UNSHIFTED, shift)))
        self._mean, self._count = shift, 0
        self._since_s = self._known_s = float("-inf")
        self._back_s: float | None = None
        self._sight: Visibility | None = None

    def update(self, sight: Visibility, now_s: float) -> bool:
        """Take what is known at a moment; whether anything lies elsewhere from now on."""
        if sight is self._sight:
            # Frames between two that were judged say nothing new.
            return False
        self._sight, shift = sight, sight.shift
        if sight.cause is not None or shift is None:
            self._back_s = None
            return False
        before = self.placed, self.covered
        self._keep_steady(shift, now_s)
        at_home = self._is_same(shift, UNSHIFTED)
        self._back_s = (self._back_s if self._back_s is not None else now_s) if at_home else None
        if self._back_s is not None and now_s - self._back_s >= _BACK_S and self.placed != UNSHIFTED:
            self.place(UNSHIFTED)
        elif now_s - self._since_s >= _STEADY_S:
            mean = UNSHIFTED if self._is_same(self._mean, UNSHIFTED) else self._mean
            if not self._is_same(mean, self.placed):
                self.place(mean)
        if not any(self._is_same(shift, known) for known in self.covered):
            self.covered = (*self.covered, shift)
        return (self.placed, self.covered) != before

    def _is_same(self, one: Shift, other: Shift) -> bool:
        return one.apart_ratio(other, self._size_px) <= SAME_RATIO

    def _keep_steady(self, shift: Shift, now_s: float) -> None:
        """Note the mean since the view is steady."""
        lost = now_s - self._known_s > _GAP_S
        self._known_s = now_s
        if lost or shift.apart_ratio(self._mean, self._size_px) > _STEADY_RATIO:
            self._mean, self._count, self._since_s = shift, 1, now_s
            return
        self._count += 1
        part = 1 / self._count
        self._mean = Shift(
            self._mean.dx_ratio + part * (shift.dx_ratio - self._mean.dx_ratio),
            self._mean.dy_ratio + part * (shift.dy_ratio - self._mean.dy_ratio),
            self._mean.degrees + part * (shift.degrees - self._mean.degrees),
        )
