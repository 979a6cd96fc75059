"""What people who stroll did at a line and in zones, from their exact way: no rule is asked.

What a camera can't tell is neutral: it may be told or not, and both are right.

- an excursion seen in fewer than two looks, or shorter than two looks: beyond the line and back, out of a
  zone and back in;
- a stay whose length is least_dwell to within two looks, since its ends are only known to a look;
- with `margin_ratio` above 0 also what depends on where exactly the border is drawn: who comes within
  so many heights of the dead band's edge, or of the zone's, and no farther, is on neither side for
  sure. 0 is the truth to the letter; a box that jitters by 5 % can't tell less than that 5 %;
- somebody who turns up again under another id so late or so far off that they may be somebody else.

Even of what is neutral nobody may be told twice: who stands on a zone's border is one visit at the most.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.strollers import NEAR_RATIO, distances, feet_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.geometry import Line, Polygon, Zone
    from tests.bench.strollers import Array, Seen

BAND_RATIO = 0.2
BAND_PX = 2.0
BORDER_RATIO = 0.1
GRACE_S = 1.0
_STEP_S = 0.025
_LOOKS = 2
# Lost and found again: the same within NEAR_RATIO and FOUND_S, somebody new beyond these, else neutral.
_FAR_RATIO = 1.3
_FOUND_S, _FORGOTTEN_S = 3.5, 5.0
_ALIKE_RATIO = 0.65


@dataclass(frozen=True)
class Crossings:
    """What may be told of one person: their tracks, and each right sequence of directions."""

    track_ids: tuple[str, ...]
    right: frozenset[tuple[str, ...]]

    @property
    def sure(self) -> bool:
        """Whether nothing of it is neutral."""
        return len(self.right) == 1


@dataclass(frozen=True)
class Stays:
    """What may be told of one track in a zone: between these times so many visits, least and most."""

    track_id: str
    begin_s: float
    end_s: float
    least: int
    most: int


@dataclass(frozen=True)
class _Run:
    """One stretch on one side."""

    side: int
    through: frozenset[bool]
    solid: bool


def chained(line: Line, seen: Sequence[Seen]) -> list[list[Seen] | None]:
    """Tracks of one person after each other; None: nobody knows whether they are one."""
    chains: list[list[Seen] | None] = []
    before: Seen | None = None
    for track in seen:
        if track.successor and before is not None and before.stroller is track.stroller:
            ends_s = np.array([before.times_s[-1], track.times_s[0]])
            feet = feet_of(track.stroller.boxes(ends_s))
            heights = float(hypot(*(feet[1] - feet[0]))) / track.stroller.height_px
            gap_s = float(ends_s[1] - ends_s[0])
            if heights <= NEAR_RATIO and gap_s <= _FOUND_S:
                if chains[-1] is not None:
                    chains[-1].append(track)
            elif heights >= _FAR_RATIO or gap_s >= _FORGOTTEN_S:
                chains.append([track])
            else:
                chains[-1] = None
        else:
            chains.append([track])
        if any(_mistakable(line if chains[-1] == [track] else None, track, other) for other in seen):
            chains[-1] = None
        if (
            chains[-1]
            and len(chains[-1]) > 1
            and any(_mistakable(None, other, chains[-1][-2]) for other in seen if other is not track)
        ):
            chains[-1] = None
        before = track
    return chains


def _mistakable(line: Line | None, track: Seen, other: Seen) -> bool:
    """Whether somebody else had just been lost where a track begins: nobody knows who that is."""
    before = other.times_s[other.times_s < track.times_s[0]]
    after = other.times_s[other.times_s >= track.times_s[0]]
    told_s = track.times_s[1]
    if other.stroller is track.stroller or not len(before) or (len(after) and after[0] <= told_s):
        return False
    if track.times_s[0] - before[-1] >= _FORGOTTEN_S:
        return False
    heights = sorted((track.stroller.height_px, other.stroller.height_px))
    boxes = np.concatenate([other.stroller.boxes(before[-2:]), track.stroller.boxes(track.times_s[:1])])
    feet = feet_of(boxes)
    away = hypot(*(feet[-1] - feet[-2]))
    if line and len(before) > 1:
        off = distances(line, feet)
        if (np.all(off > 0) or np.all(off < 0)) and np.all(np.abs(off) > BAND_RATIO * heights[1]):
            # All surely on one side: it does not matter who is who.
            return False
    return bool(away < _FAR_RATIO * heights[1] and heights[0] >= _ALIKE_RATIO * heights[1])


def crossings(line: Line, chain: Sequence[Seen], looks_per_s: float, margin_ratio: float) -> Crossings:
    """Each sequence of directions that is right for one person."""
    stroller = chain[0].stroller
    sighted_s = np.concatenate([track.times_s for track in chain])
    times_s = _fine(sighted_s)
    boxes = stroller.boxes(times_s)
    feet, heights = feet_of(boxes), boxes[:, 3] - boxes[:, 1]
    (x1, y1), (x2, y2) = line.start, line.end
    length = hypot(x2 - x1, y2 - y1)
    off = ((x2 - x1) * (feet[:, 1] - y1) - (y2 - y1) * (feet[:, 0] - x1)) / length
    ix, iy = line.inside
    off *= 1 if (x2 - x1) * (iy - y1) - (y2 - y1) * (ix - x1) > 0 else -1
    along = ((x2 - x1) * (feet[:, 0] - x1) + (y2 - y1) * (feet[:, 1] - y1)) / length**2
    narrow = np.maximum(BAND_PX, (BAND_RATIO - margin_ratio) * heights)
    wide = np.maximum(BAND_PX, (BAND_RATIO + margin_ratio) * heights)
    side = np.sign(off) * (np.abs(off) >= narrow)
    surely = np.sign(off) * (np.abs(off) >= wide)
    is_sighting = np.isin(times_s, sighted_s)
    # Where feet went over the endless line, and whether that was between the ends of this one.
    swaps = np.flatnonzero((off[1:] > 0) != (off[:-1] > 0)) + 1
    known = np.flatnonzero(side)
    if not len(known):
        return Crossings(tuple(track.track_id for track in chain), frozenset({()}))
    cuts = np.flatnonzero(np.diff(side[known])) + 1
    runs: list[_Run] = []
    for part in np.split(known, cuts):
        first, last = part[0], part[-1]
        one = int(side[first])
        sure = np.flatnonzero(surely[first : last + 1] == one) + first
        solid = False
        if len(sure):
            lasts_s = times_s[sure[-1]] - times_s[sure[0]]
            solid = bool(np.count_nonzero(is_sighting[sure]) >= _LOOKS and lasts_s >= _LOOKS / looks_per_s)
        past = swaps[swaps <= first]
        through = frozenset({False})
        if len(past):
            since = known[known < first][-1] if first > known[0] else 0
            over = [swap for swap in past if swap > since] or [past[-1]]
            within = margin_ratio * heights
            through = frozenset().union(
                *(_through(swap, along, off, within, length, is_sighting) for swap in over)
            )
        runs.append(_Run(one, through, solid))
    return Crossings(tuple(track.track_id for track in chain), frozenset(_sequences(runs)))


def _through(
    swap: int, along: Array, off: Array, within: Array, length: float, is_sighting: NDArray[np.bool_]
) -> frozenset[bool]:
    """Whether feet went over the line between its ends, by the way and by the sightings around it."""
    before, after = np.flatnonzero(is_sighting[:swap]), np.flatnonzero(is_sighting[swap:]) + swap
    places = [along[swap]]
    if len(before) and len(after):
        a, b = before[-1], after[0]
        if (off[a] > 0) != (off[b] > 0):
            places.append(along[a] + (along[b] - along[a]) * off[a] / (off[a] - off[b]))
        else:
            places += [along[a], along[b]]
    # Who is on the line to within the margin may go over it anywhere there.
    first = last = swap
    while first > 0 and abs(off[first - 1]) <= within[first - 1]:
        first -= 1
    while last + 1 < len(off) and abs(off[last + 1]) <= within[last + 1]:
        last += 1
    places += [along[first : last + 1].min(), along[first : last + 1].max()] if last > first else []
    reach = within[swap] / length
    return frozenset(bool(0 <= place + shift <= 1) for place in places for shift in (-reach, 0.0, reach))


def _sequences(runs: Sequence[_Run]) -> set[tuple[str, ...]]:
    """The directions told, for each choice of the neutral excursions."""
    found: set[tuple[int, tuple[str, ...]]] = {(0, ())}
    for run in runs:
        after = set() if run.solid else set(found)
        for before, told in found:
            if not before or before == run.side:
                after.add((run.side, told))
            else:
                direction = ("in" if run.side > 0 else "out",)
                after |= {(run.side, told + direction * through) for through in run.through}
        found = after
    return {told for _, told in found}


def stays(zone: Zone, track: Seen, looks_per_s: float, margin_ratio: float) -> list[Stays]:
    """How many visits of one track may be told, spell by spell."""
    times_s = _fine(track.times_s)
    boxes = track.stroller.boxes(times_s)
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    depth = depth_in(zone.polygon, feet_of(boxes)) / heights
    is_sighting = np.isin(times_s, track.times_s)
    surely = depth > margin_ratio if margin_ratio else depth >= 0

    def lasts_s(first: int, last: int) -> float:
        return float(times_s[last] - times_s[first])

    def gaps(beyond: float) -> list[tuple[int, int]]:
        return [gap for gap in _spells(depth < -beyond) if lasts_s(*gap) >= GRACE_S]

    # Out for so long, and so often seen there, that nobody can take it for a part of the stay.
    sure_gaps = [
        (first, last)
        for first, last in gaps(BORDER_RATIO + margin_ratio)
        if lasts_s(first, last) >= GRACE_S + _LOOKS / looks_per_s
        and np.count_nonzero(is_sighting[first : last + 1]) > _LOOKS
        and np.ptp(times_s[first : last + 1][is_sighting[first : last + 1]]) >= GRACE_S
    ]
    spells: list[tuple[int, int]] = []
    for first, last in _spells(depth >= -margin_ratio):
        if spells and not any(spells[-1][1] < a and b < first for a, b in sure_gaps):
            spells[-1] = (spells[-1][0], last)
        else:
            spells.append((first, last))
    eager = [gaps(BORDER_RATIO + shift) for shift in (-margin_ratio, 0.0, margin_ratio)]
    found = []
    for first, last in spells:
        inside = np.flatnonzero((surely & is_sighting)[first : last + 1]) + first
        least = int(len(inside) >= _LOOKS and _longest(inside, times_s, eager) >= zone.min_dwell_s)
        parts = 1 + max(sum(first < a and b < last for a, b in some) for some in eager)
        most = parts if lasts_s(first, last) >= zone.min_dwell_s else 0
        found.append(
            Stays(track.track_id, float(times_s[first]), float(times_s[last]), least, max(least, most))
        )
    return found


def _longest(inside: NDArray[np.intp], times_s: Array, gaps: Sequence[Sequence[tuple[int, int]]]) -> float:
    """The longest stay from sighting to sighting that no gap may have parted."""
    parting = [gap for some in gaps for gap in some]
    best, begin = 0.0, inside[0]
    for before, after in pairwise(inside):
        if any(before < first and last < after for first, last in parting):
            begin = after
        best = max(best, times_s[after] - times_s[begin])
    return float(best)


def _spells(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each stretch that is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _fine(sighted_s: Array) -> Array:
    """Small steps from the first to the last sighting, all sightings among them."""
    return np.union1d(np.arange(sighted_s[0], sighted_s[-1], _STEP_S), sighted_s)


def depth_in(polygon: Polygon, points: Array) -> Array:
    """Distance from the border, positive inside; by the turns round each point (winding number)."""
    corners = np.array(polygon)
    ahead = np.roll(corners, -1, axis=0)
    to, on = corners[None] - points[:, None], ahead[None] - points[:, None]
    angles = np.arctan2(to[..., 0] * on[..., 1] - to[..., 1] * on[..., 0], (to * on).sum(axis=-1))
    inside = np.abs(angles.sum(axis=1)) > np.pi
    edge = ahead - corners
    part = np.clip(-(to * edge).sum(axis=-1) / (edge**2).sum(axis=-1), 0, 1)
    distance = np.hypot(*np.moveaxis(to + part[..., None] * edge, -1, 0)).min(axis=1)
    depth: Array = np.where(inside, distance, -distance)
    return depth
