"""Loop detection: a stream that repeats itself, a recording in place of the camera or a driver that hangs.

It is found by the noise (noise_loops) or by what moves (moving_loops).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.vision.moving_loops import MovingLoops
from agent.vision.noise_loops import NoiseLoops

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent.core.frame import Frame, Instant

    Luma = NDArray[np.uint8]

# So many pictures are noted together, which is faster than each by itself, or fewer when one is looked at.
_TOGETHER = 8


class Loops:
    """Notes pictures; since when they repeat."""

    def __init__(self, luma: Luma) -> None:
        """Take a picture of the size that all have."""
        height, width = luma.shape
        self._size = height, width
        self._noise = NoiseLoops(self._size)
        self._moving = MovingLoops(luma)
        self._waiting: list[tuple[Luma, Instant]] = []

    def forget_noise(self) -> None:
        """Forget what is known of the noise."""
        self._see_waiting()
        self._noise = NoiseLoops(self._size)

    @property
    def since(self) -> Instant | None:
        """When the first picture came that had been there before, while they do; else None."""
        return self._noise.since or self._moving.since

    def see(self, frame: Frame) -> None:
        """Note a picture; to be called with each."""
        self._waiting.append((frame.luma, frame.at))
        is_due = frame.at.monotonic_s >= min(self._noise.due_s, self._moving.due_s)
        if is_due or len(self._waiting) == _TOGETHER:
            self._see_waiting()

    def _see_waiting(self) -> None:
        self._moving.see(self._waiting)
        for luma, at in self._waiting:
            self._noise.see(luma, at)
        self._waiting.clear()
