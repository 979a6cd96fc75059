"""A picture and the instant it was taken, or that there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

LUMA_WIDTH_PX = 320
_STEP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on two clocks: durations are taken from `monotonic_s` only.

    Attributes:
        monotonic_s: seconds on a clock that never steps; its zero has no meaning.
        utc: the same moment in UTC, time zone aware.
        synced: whether the wall clock was known to be right then.
    """

    monotonic_s: float
    utc: datetime
    synced: bool = True

    def shifted(self, seconds: float) -> Instant:
        """So many seconds later, or earlier, on both clocks; UTC to whole milliseconds of difference."""
        utc = self.utc + timedelta(milliseconds=round(seconds * 1000))
        return Instant(self.monotonic_s + seconds, utc, self.synced)

    def by_clock_of(self, at: Instant) -> Instant:
        """The same moment by the wall clock of another, which may have been set in between."""
        utc = at.utc - timedelta(seconds=at.monotonic_s - self.monotonic_s)
        return self if abs(utc - self.utc) <= _STEP else Instant(self.monotonic_s, utc, self.synced)


def later(one: Instant, other: Instant) -> Instant:
    """Whichever is later, by the monotonic clock."""
    return one if one.monotonic_s >= other.monotonic_s else other


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    Attributes:
        index: 0 for the first frame of the source, rising by one.
        at: when it was exposed (for a recording: on the recording's own time).
        image: u8[H, W, 3], BGR.
        luma: u8[h, w], the same view small and grey, at most LUMA_WIDTH_PX wide; single px picked out
            of the picture, so with all of its noise.
    """

    index: int
    at: Instant
    image: NDArray[np.uint8]
    luma: NDArray[np.uint8]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True)
class NoFrame:
    """What a camera's source gives in place of a frame while none comes.

    Attributes:
        at: now.
        since: when the last frame came, or the source started.
    """

    at: Instant
    since: Instant


Taken = TypeVar("Taken", bound=Frame | NoFrame)
