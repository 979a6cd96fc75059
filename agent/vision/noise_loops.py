"""Loop detection by a sensor's noise, which never comes twice.

Some px of every picture are kept for some seconds, and the quieter places of new pictures compared with
them: where all that is as long ago as the loop takes is much more alike than what is a little longer or
shorter ago, and than anything ever was, the noise itself repeats. What moves periodically (a fan, a flag)
does so in its own places, and a lamp that blinks keeps the noise. A source without any noise is never judged
by it: there the picture of a sign comes back exactly, too.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision.lags import GOLDEN, LOOK_S, STEPS, by_step, dips, steps_ago

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.core.frame import Instant

    Floats = NDArray[np.float64]
    Luma = NDArray[np.uint8]

# Px are compared in so many places, and kept of so many pictures: 250 kB.
_PLACES = 6, 8
_PICTURES = 256
# Of all places, the one that this part of them are quieter than decides; of no fewer, and not where
# masks and lamps leave no noise.
_QUIET = 0.3
_LEAST_PLACES = 8
_BLACK, _WHITE = 3, 252
# It is judged at every second look: by the mean of so many, and by that of the last ones whether it is over.
_LOOKS = 10
_LAST_LOOKS = 4
_KEPT_LOOKS = 16
# It is told when it has gone on for so long, with so many of the pictures: a few that are sent again are
# none. Those are nearer than pictures just before and after by this part; the last few tell how near.
_SURE_S = 12.0
_MOST = 0.8
_NEARER = 0.95
_FEW = 3
# A repetition leaves this part of the difference around it at the most, this part of what was usually
# left, and this part of the least difference that was usual.
_DIP = 0.85
_CHANCE = 0.9
_UNUSUAL = 0.9
# What is usual is known after so many seconds, follows what is less within so many and what is more within
# so many, and is at least so many grey levels.
_LEARN_S = 10.0
_FALL_S = 8.0
_RISE_S = 1800.0
_LEAST_NOISE = 0.3


class NoiseLoops:
    """Notes pictures; since when their noise repeats.

    Attributes:
        since: when the first picture came that had been there before, while they do; else None.
        due_s: from when on a picture is compared, monotonic.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        """Take the height and width in px of all pictures."""
        height, width = size
        rows, columns = _PLACES
        # A row of each band of places, whole: what lies side by side is quick to fetch.
        step = max(1, height // rows)
        self._rows = slice(step // 2, step // 2 + (min(rows, height) - 1) * step + 1, step)
        px = width // 2 // columns
        self._here, self._beside = slice(0, 2 * px * columns, 2), slice(1, 2 * px * columns, 2)
        self._px = max(1, px)
        self._seen = np.zeros((_PICTURES, min(rows, height) * px * columns), np.uint8)
        self._seen_s = np.full(_PICTURES, -np.inf)
        self._last = b""
        self._next = self._number = 0
        self.due_s = self._judged_s = -np.inf
        # Of each comparison: how different pictures of so long ago were, 0 where there was none.
        self._apart = np.zeros((_KEPT_LOOKS, STEPS), np.float32)
        self._looks: deque[Instant] = deque(maxlen=_KEPT_LOOKS)
        # The least difference in grey levels, and the deepest dip; above what dip a repetition is over.
        self._usual = self._usual_dip = self._learned_s = 0.0
        self._over = 1.0
        self.since: Instant | None = None

    def see(self, luma: Luma, at: Instant) -> None:
        """Note a picture; to be called with each."""
        band = luma[self._rows]
        here = band[:, self._here]
        # Light changes px that are neighbours alike. What wraps around does so the shorter way.
        picture = (here - band[:, self._beside]).ravel()
        last, self._last = self._last, picture.tobytes()
        if last == self._last:
            # Sent twice, or without any noise.
            return
        now_s = at.monotonic_s
        if now_s >= self.due_s:
            self._number += 1
            self.due_s = now_s + LOOK_S * (0.5 + self._number * GOLDEN % 1)
            if self._compare(picture, here.reshape(-1, self._px), now_s):
                self._looks.append(at)
                if self._number % 2 and len(self._looks) >= _LOOKS // 2:
                    self._judge(min(now_s - self._judged_s, 4 * LOOK_S))
                    self._judged_s = now_s
        self._seen[self._next], self._seen_s[self._next] = picture, now_s
        self._next = (self._next + 1) % _PICTURES

    def _compare(self, picture: Luma, here: Luma, now_s: float) -> bool:
        """Compare a picture with those of before; False where it has too little to compare."""
        known, steps = steps_ago(now_s - self._seen_s)
        is_place = (here.max(axis=1) > _BLACK) & (here.min(axis=1) < _WHITE)
        places = int(np.count_nonzero(is_place)) if here.size else 0
        if not known.size or places < _LEAST_PLACES:
            return False
        # Differences of bytes, the shorter way round.
        apart = self._seen[known]
        apart -= picture
        np.abs(apart.view(np.int8), out=apart.view(np.int8))
        sums = cv2.reduce(apart.reshape(-1, self._px), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
        quiet = int(_QUIET * (places - 1))
        levels = np.partition(sums.reshape(known.size, -1)[:, is_place], quiet, axis=1)[:, quiet]
        self._apart[:-1] = self._apart[1:].copy()
        self._apart[-1] = by_step(steps, levels / np.float32(self._px))
        return True

    def _judge(self, passed_s: float) -> None:
        if self.since:
            if self._over < self._last_dip() < np.inf:
                self.since = None
                self._looks.clear()
            return
        means, parts = dips(self._apart[-_LOOKS:])
        step = int(parts.argmin())
        part = float(parts[step])
        if not np.isfinite(part):
            return
        is_deep = part <= min(_DIP, _CHANCE * self._usual_dip) and means[step] <= _UNUSUAL * self._usual
        if self._learned_s < _LEARN_S or not is_deep:
            self._learn(part, float(means.min()), passed_s)
        elif self._usual >= _LEAST_NOISE and (last := self._last_dip()) <= _DIP:
            self.since = self._first(means, parts)
            self._over = (last + self._usual_dip) / 2

    def _last_dip(self) -> float:
        """The deepest dip of the last looks."""
        return float(dips(self._apart[-_LAST_LOOKS:])[1].min())

    def _learn(self, part: float, least: float, passed_s: float) -> None:
        """Note what is usual: a lamp that blinks, or footage under a noise of its own, repeats a little."""
        if not self._learned_s:
            self._usual, self._usual_dip = least, part
        self._learned_s += passed_s
        self._usual = _followed(self._usual, least, passed_s)
        self._usual_dip = _followed(self._usual_dip, part, passed_s)

    def _first(self, means: Floats, parts: Floats) -> Instant | None:
        """When the shortest repetition started, if most pictures repeat and have done so for long enough."""
        shortest = int(np.argmax(parts <= (1 + parts.min()) / 2))
        apart = self._apart[-len(self._looks) :]
        apart = np.where(apart > 0, apart, np.inf)
        nearest = apart[:, max(shortest - 1, 0) : shortest + 2].min(axis=1)
        known = np.isfinite(nearest)
        # From then on pictures were nearer than halfway, in sum.
        halfway = (nearest[known][-_FEW:].mean() + means[shortest] / parts[shortest]) / 2
        first = int(np.cumsum(np.where(known, halfway - nearest, 0)[::-1])[::-1].argmax())
        # A lamp that blinks is as alike just before and after, mostly.
        beside = np.minimum(
            _next_known(apart[:, : shortest - 1][:, ::-1]), _next_known(apart[:, shortest + 2 :])
        )
        repeated = np.count_nonzero(nearest[first:] < np.minimum(halfway, _NEARER * beside[first:]))
        is_long = self._looks[-1].monotonic_s - self._looks[first].monotonic_s >= _SURE_S
        return self._looks[first] if is_long and repeated >= _MOST * np.count_nonzero(known[first:]) else None


def _next_known(apart: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first in each row that is not inf."""
    first = np.isfinite(apart).argmax(axis=1)
    return np.take_along_axis(apart, first[:, None], axis=1)[:, 0]


def _followed(usual: float, value: float, passed_s: float) -> float:
    """The usual value, nearer to what it is now: soon if that is less."""
    return usual + min(1.0, passed_s / (_FALL_S if value < usual else _RISE_S)) * (value - usual)
