"""Loop detection by movement: all that moves repeats and jumps back each time, as in a looped recording.

It needs no noise, which a video's compression leaves little of, but something that moves. What turns,
swings or waves comes back to where it was without a jump, a sign that blinks only jumps, and of what
moves at a place most of the time nothing is known: a fan is always there, too.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision.lags import FROM_S, GOLDEN, LOOK_S, STEP_S, STEPS, by_step, dips, steps_ago

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Instant

    Floats = NDArray[np.float64]
    Luma = NDArray[np.uint8]

# Pictures are kept as means of so many px squared, so many of them, no closer than so: of at least 10 s,
# the longest loop. 230 kB for 16:9.
_PLACE_PX = 8
_PICTURES = 256
_APART_S = 0.042
# A place has moved when its mean changed by more than so many grey levels; where pictures follow each
# other, by half of it.
_MOVED = 6
# What moves at a place in this part of all looks, within so many seconds, tells nothing there.
_OFTEN = 0.5
_FOLLOW_S = 60.0
_LATELY_S = 0.4, 1.5
# It is judged by so many looks, and by the last ones whether it is over.
_LOOKS = 10
_LAST_LOOKS = 4
_KEPT_LOOKS = 20
# What repeated from the start on, until it was judged so often, is as it should be.
_LEAST_JUDGED = 4
# So many places moved at least since a little longer or shorter ago, and of those this part since as long
# ago as the loop takes, at no look more than that.
_LEAST_PLACES = 3.0
_DIP = 0.25
_DIP_ONCE = 0.3
_MULTIPLES = 3
# Over is what moves otherwise, or moves no more.
_OVER = 0.5
# Of the pictures of two turns, or of more in so many seconds: something moves in this part. In the jump,
# which comes once in each turn, so many times as much moves as in three quarters of the others, and never
# more than this part of that a few pictures away from it.
_TURNS, _LEAST_TURNS_S = 2.3, 9.0
_MOVING = 0.2
_OFTEN_LESS = 0.75
_JUMP = 1.9
_ALONE = 0.8
_BESIDE = 2
# In so long before and after it at least this part of that moves.
_BESIDE_S = 1.0
_GOES_ON = 0.25


class MovingLoops:
    """Notes pictures; since when what moves in them repeats.

    Attributes:
        since: when the first picture came of which that is so, while it is; else None.
        due_s: from when on a picture is looked at, which must be the last one that is noted with others.
    """

    def __init__(self, luma: Luma) -> None:
        """Take a picture of the size that all have."""
        rows, columns = (max(1, side // _PLACE_PX) for side in luma.shape)
        self._size = columns, rows
        self._seen = np.zeros((_PICTURES, rows * columns), np.uint8)
        self._seen_s = np.full(_PICTURES, -np.inf)
        self._next = self._number = 0
        self.due_s = -np.inf
        self._often = np.zeros(rows * columns, np.float32)
        self._looked_s: float | None = None
        # Of each look: how many places moved since so long ago.
        self._moved = np.zeros((_KEPT_LOOKS, STEPS), np.float32)
        self._looks: deque[Instant] = deque(maxlen=_KEPT_LOOKS)
        self._step = self._judged = 0
        # How many places moved in the loop: since a little longer or shorter ago than it takes, and in all.
        self._usual = self._usual_all = 0.0
        self.since: Instant | None = None

    def see(self, pictures: Sequence[tuple[Luma, Instant]]) -> None:
        """Note the next pictures."""
        last_s, taken = self._seen_s[self._next - 1], []
        for luma, at in pictures:
            if at.monotonic_s - last_s >= _APART_S:
                taken.append((luma, at))
                last_s = at.monotonic_s
        if not taken:
            return
        for small, (_, at) in zip(self._small([luma for luma, _ in taken]), taken, strict=True):
            self._seen[self._next], self._seen_s[self._next] = small, at.monotonic_s
            self._next = (self._next + 1) % _PICTURES
        if last_s >= self.due_s:
            self._number += 1
            self.due_s = last_s + LOOK_S * (0.5 + self._number * GOLDEN % 1)
            self._compare(taken[-1][1])

    def _small(self, lumas: Sequence[Luma]) -> Luma:
        """Means of the places of each, by halves: three times as fast as at once."""
        columns, rows = self._size
        height, width = rows * _PLACE_PX, columns * _PLACE_PX
        # Halved once they lie below each other, and are halved on together.
        halves = np.empty((len(lumas), height // 2, width // 2), np.uint8)
        for luma, half in zip(lumas, halves, strict=True):
            cv2.resize(luma[:height, :width], (width // 2, height // 2), half, interpolation=cv2.INTER_AREA)
        small: Luma = halves.reshape(-1, width // 2)
        while small.shape[1] > columns:
            size = small.shape[1] // 2, len(small) // 2
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        return small.reshape(len(lumas), -1)

    def _compare(self, at: Instant) -> None:
        # The last picture that is kept is that of now; it is of no age that is compared.
        picture = self._seen[self._next - 1]
        ages_s = at.monotonic_s - self._seen_s
        known, steps = steps_ago(ages_s)
        if not known.size:
            return
        # What is between the least and the most level has not moved; what is less wraps around.
        below = np.minimum(picture, _MOVED)
        span = below + np.minimum(~picture, _MOVED)
        above = self._seen[known]
        above -= picture - below
        telling = (above > np.where(self._often < _OFTEN, span, np.uint8(255))).view(np.uint8)
        places = cv2.reduce(telling, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
        self._moved[:-1] = self._moved[1:].copy()
        self._moved[-1] = by_step(steps, places.ravel())
        self._looks.append(at)
        if self.since:
            self._see_end()
            return
        if len(self._looks) >= _LOOKS and self._number % 2:
            self._judge(ages_s)
        if not self.since:
            known_s = ages_s[known]
            lately = above[(known_s >= _LATELY_S[0]) & (known_s <= _LATELY_S[1])] > span
            passed_s = at.monotonic_s - (at.monotonic_s if self._looked_s is None else self._looked_s)
            self._often += min(1.0, passed_s / _FOLLOW_S) * (lately.any(axis=0) - self._often)
            self._looked_s = at.monotonic_s

    def _judge(self, ages_s: Floats) -> None:
        recent = self._moved[-_LOOKS:]
        if recent.max() < _LEAST_PLACES:
            # So little moves that no part of it tells anything.
            self._judged += 1
            return
        means, parts = dips(recent)
        with np.errstate(invalid="ignore"):
            around = means / parts
        found = np.flatnonzero((parts <= _DIP) & (around >= _LEAST_PLACES))
        # The deepest of those side by side, and the shortest few: the others are multiples.
        sides = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1) if found.size else []
        for step in (int(side[parts[side].argmin()]) for side in sides[:_MULTIPLES]):
            nearest = self._nearest(step)
            other = np.flatnonzero(nearest > _DIP_ONCE * around[step])
            is_same = not other.size or other[-1] < _KEPT_LOOKS - _LOOKS
            if is_same and self._jumps_back(FROM_S + step * STEP_S, ages_s):
                if self._judged >= _LEAST_JUDGED:
                    self._step, self._usual = step, float(around[step])
                    self._usual_all = float(recent[recent > 0].mean())
                    # Of all looks that are kept the last ones are known.
                    repeated = _KEPT_LOOKS - 1 - other[-1] if other.size else _KEPT_LOOKS
                    self.since = self._looks[-min(len(self._looks), int(repeated))]
                return
        self._judged += 1

    def _nearest(self, step: int) -> NDArray[np.float32]:
        """How many places moved at the least in each look since about so many steps ago; 0: not known."""
        some = self._moved[:, max(step - 1, 0) : step + 2]
        nearest = np.where(some > 0, some, np.inf).min(axis=1)
        return np.where(np.isfinite(nearest), nearest, 0).astype(np.float32)

    def _jumps_back(self, period_s: float, ages_s: Floats) -> bool:
        """Whether in the last turns there was movement, and one jump in each."""
        recent = np.flatnonzero((ages_s > 0) & (ages_s <= max(_TURNS * period_s, _LEAST_TURNS_S)))
        recent = recent[np.argsort(-ages_s[recent])]
        pictures, times_s = self._seen[recent], -ages_s[recent]
        if not recent.size or np.ptp(times_s) < period_s:
            # As after a time without pictures: of less than a turn nothing is known.
            return False
        change = _apart(pictures[1:], pictures[:-1])
        change[change <= _MOVED // 2] = 0
        # Squares: what goes on moves by the rims of things, what jumps as a whole.
        ways = np.square(change, dtype=np.int32).sum(axis=1, dtype=np.int64)
        usual = float(np.quantile(ways, _OFTEN_LESS))
        if np.count_nonzero(ways) < _MOVING * ways.size:
            return False
        # By the time in the turn; a jump that comes a picture sooner or later is the same.
        phases = max(3, round(period_s / float(np.median(np.diff(times_s)))))
        turn_s = times_s[1:] - times_s[0]
        turns = (turn_s / period_s).astype(int)
        table = np.full((turns[-1] + 1, phases), -1, np.int64)
        np.maximum.at(table, (turns, (turn_s / period_s % 1 * phases).astype(int)), ways)
        table = np.maximum(np.maximum(table, np.roll(table, 1, axis=1)), np.roll(table, -1, axis=1))
        least = np.where(table >= 0, table, np.iinfo(np.int64).max).min(axis=0)
        jump = int(least.argmax())
        away = np.abs((np.arange(phases) - jump + phases // 2) % phases - phases // 2)
        others = least[away > _BESIDE]
        # What appears after a pause, as a car's light, is no jump of all that moves.
        reach = np.arange(_BESIDE + 1, max(2 * _BESIDE + 1, round(_BESIDE_S * phases / period_s)) + 1)
        goes_on = min(least[(jump + way * reach) % phases].max() for way in (-1, 1)) >= _GOES_ON * usual
        is_jump = least[jump] > max(_JUMP * usual, _LEAST_PLACES * _MOVED**2)
        return bool(is_jump and goes_on and others.size and others.max() <= _ALONE * least[jump])

    def _see_end(self) -> None:
        last = self._moved[-_LAST_LOOKS:]
        nearest = self._nearest(self._step)[-_LAST_LOOKS:]
        if nearest.mean() > _OVER * self._usual or last[last > 0].mean() < (1 - _OVER) * self._usual_all:
            self.since = None
            self._looks.clear()


def _apart(some: Luma, other: Luma) -> Luma:
    """The difference of grey levels."""
    return np.maximum(some, other) - np.minimum(some, other)
