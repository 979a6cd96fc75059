"""Difference of pictures by their lag: what repeats differs least from what is one period older."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Row = NDArray[np.float32]

# Pictures are looked for this often, in step with no encoder's key frames.
LOOK_S = 2.0
GOLDEN = 0.618
# How long ago pictures are compared, in steps: 0.3 to 12.3 s. A loop that takes less than the least is
# found by a multiple: much of an encoder's last picture is in its next one.
STEP_S = 0.05
FROM_S = 0.3
STEPS = 240
_LEAST = 20
# What is a little longer or shorter ago: from so many steps to so many.
_NEAR, _AROUND = 3, 20
# From where to where the steps go that are as long ago as one, as times jitter; a little less, and more:
# from _AROUND before it on.
_SPANS = (_AROUND - 1, _AROUND + 2), (0, _AROUND + 1 - _NEAR), (_AROUND + _NEAR, 2 * _AROUND + 1)
# In this part of these looks there was a picture of so long ago.
_LEAST_HITS = 0.4
# Stands for 0, as 0 stands for no picture.
_NOTHING = np.float32(1e-3)


def steps_ago(ages_s: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which pictures are of an age that is compared, and at which step each of them is."""
    steps = (ages_s - (FROM_S - STEP_S / 2)) * (1 / STEP_S)
    known = np.flatnonzero((steps >= 0) & (steps < STEPS))
    return known, steps[known].astype(np.intp)


def by_step(steps: NDArray[np.intp], values: NDArray[np.generic]) -> Row:
    """The least value at each step, f32[STEPS]; 0 where there is none, and a little more than 0 for 0."""
    least = np.full(STEPS, np.inf, np.float32)
    np.minimum.at(least, steps, values.astype(np.float32) + _NOTHING)
    least[np.isinf(least)] = 0
    return least


def dips(looks: Row) -> tuple[Floats, Floats]:
    """How different pictures of so long ago are, and which part that is of those around; inf: not known.

    Args:
        looks: f32[looks, STEPS], a row for each picture that was compared, of by_step.
    """
    # Sums up to each step, going on before the first and beyond the last one.
    sums = np.zeros((2, _AROUND + STEPS + 1 + _AROUND))
    inside = sums[:, _AROUND + 1 : -_AROUND]
    np.cumsum(looks.sum(axis=0), out=inside[0])
    np.cumsum((looks > 0).sum(axis=0, dtype=np.uint8), out=inside[1])
    sums[:, -_AROUND:] = inside[:, -1:]
    spans = [sums[:, end : end + STEPS] - sums[:, begin : begin + STEPS] for begin, end in _SPANS]
    totals, counts = np.stack(spans, axis=1)
    averages = totals / np.maximum(counts, 1)
    averages[counts < [[_LEAST_HITS * len(looks)], [1], [1]]] = np.inf
    means, around = averages[0], averages[1:].min(axis=0)
    unknown = around == np.inf
    unknown[:_LEAST] = True
    means[unknown], around[unknown] = np.inf, 1
    return means, means / around
