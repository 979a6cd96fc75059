"""When to look, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.look import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.frame import Frame
    from agent.core.look import Look
    from agent.core.track import Track


class EveryFrame:
    """Looks at the whole frame, at most `looks_per_s` times a second."""

    def __init__(self, looks_per_s: float) -> None:
        self._interval_s = 1 / looks_per_s
        self._due_s: float | None = None

    def plan(self, frame: Frame, tracks: Sequence[Track]) -> Look | None:  # noqa: ARG002
        """The whole frame when a look is due, None otherwise."""
        now = frame.at.monotonic_s
        if self._due_s is None:
            self._due_s = now
        # Half a frame's grace: times of frames are rounded, and 10 of 30 must stay every third.
        if now < self._due_s - 0.1 * self._interval_s:
            return None
        self._due_s = max(self._due_s + self._interval_s, now)
        return whole(frame)
