"""Image registration: by how much of a pixel a view is shifted and turned against a reference.

Each place of the grid tells its own displacement from its gradients (Lucas and Kanade, 1981; on the
reference's side, as Baker and Matthews, 2004), and all places together are fitted by one shift and turn
that those where somebody moves don't count for. What many places agree on is sure, whatever the others show.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, degrees, hypot, radians, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.shift import UNSHIFTED, Shift
from agent.vision.tile_features import PLACES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.tile_features import Flags, Floats, TileFeatureExtractor, TileFeatures

    Doubles = NDArray[np.float64]
    # A shift in px, and a turn in radians.
    Fit = tuple[float, float, float]

# A place tells where it is from this gradient energy on (grey levels over 2 px, squared) that its own
# brightness does not explain, and while its contrast is between these parts of the reference's.
_LEAST_ENERGY = 8.0
LEAST_GAIN, _MOST_GAIN = 0.25, 4.0
# Of displacements along gradients only so much less is believed.
_RIDGE = 0.02
# A place agrees when it is nearer than this to where all places together say; one so much farther off
# counts for a quarter (px of the small picture).
_AGREES_PX = 0.3
_SCALE_PX = 0.25
_ROUNDS = 3
# What nothing tells of stays where it is.
_SOFT_PX, _SOFT_TURN = 1e-3, 1.0
# So many places at least, and this part of all that could tell, make it sure; on each axis they must
# have this part of their gradients.
_LEAST_AGREEING = 8
_SURE = 0.55
_LEAST_AXIS = 0.05
# It is looked again from where it was found until it moves by less than this.
_STEADY_PX = 0.12
# One round is enough where it moves by less than this, and of an unshifted view that is none.
_SAME_PX = 0.05
_MOST_STEPS = 5
# A px is known where no more than this of it would come from beyond the border.
_KNOWN = 0.99


@dataclass(frozen=True, slots=True)
class Found:
    """Shift of a view, and which part of the places that have enough gradients agree, 0–1."""

    shift: Shift
    agreeing_ratio: float
    is_sure: bool


class Registration:
    """Finds by how much pictures are shifted and turned against one reference."""

    def __init__(self, extractor: TileFeatureExtractor, usual: TileFeatures) -> None:
        """Take what makes features, and the reference."""
        self._extractor = extractor
        self._level = np.float32(usual.small.mean())
        self._bands = np.stack([usual.small - self._level, usual.bands[0], usual.bands[1]])
        if extractor.valid is not None:
            self._bands[0] *= extractor.valid
        self._means, structure = extractor.moments(self._bands)
        structure[0, 0] += 1e-3
        by_level = structure[0, 1:] / structure[0, 0]
        tensor = structure[1:, 1:] - by_level[:, None] * structure[0, 1:]
        energy = tensor[0, 0] + tensor[1, 1]
        self._tells = (energy > _LEAST_ENERGY) & extractor.is_place
        places = energy.size
        tensors = np.moveaxis(tensor, (0, 1), (2, 3)).reshape(places, 2, 2)
        energies = energy.reshape(places, 1, 1)
        height, width = usual.small.shape
        self._reach_px = hypot(width, height) / 2
        rows, columns = PLACES
        y, x = np.mgrid[:rows, :columns].reshape(2, places) + 0.5
        # How a place goes by a shift in px and a turn in radians, f64[places, 2, 3].
        design = np.zeros((places, 2, 3))
        design[:, 0, 0] = design[:, 1, 1] = 1
        design[:, 0, 2] = -(y / rows - 0.5) * height
        design[:, 1, 2] = (x / columns - 0.5) * width
        # Each place has one voice, along its own gradients.
        weighing = design.transpose(0, 2, 1) @ (tensors / (energies + 1e-6))
        self._normal = (weighing @ design).reshape(places, 9)
        # All else that a place tells is linear in what it has in common with a picture, f64[places, 6, 3]:
        # its slopes, those weighed for a fit, and the contrast that they leave.
        slopes = np.linalg.inv(tensors + (_RIDGE * energies + 1e-3) * np.eye(2))
        slopes = slopes @ np.concatenate([-_column(by_level), np.broadcast_to(np.eye(2), tensors.shape)], 2)
        contrast = np.array([1.0, 0.0, 0.0]) - _column(structure[0, 1:]).transpose(0, 2, 1) @ slopes
        self._telling = np.concatenate([slopes, weighing @ slopes, contrast / _column(structure[:1, 0])], 1)

    def find(self, small: Floats, start: Shift, hidden: Flags) -> Found:
        """Look for a view near one.

        Args:
            small: f32[h, w], a picture made small.
            start: near where it is: within about 1 % of the width.
            hidden: bool[*PLACES], where persons are; they tell nothing.
        """
        shift = start
        for _ in range(_MOST_STEPS):
            found, step_px = self._step(small, shift, self._tells & ~hidden)
            shift = found.shift
            if step_px < _STEADY_PX:
                break
        return found

    def _step(self, small: Floats, shift: Shift, tells: Flags) -> tuple[Found, float]:
        width = small.shape[1]
        if shift != UNSHIFTED:
            small = taken_back(small, shift)
        ways, says, seen = self._ways(small)
        seen &= tells.ravel()
        telling = max(1, int(np.count_nonzero(tells)))
        enough = max(_LEAST_AGREEING, _SURE * telling)
        fit, weights, agreeing = self._fitted(ways, says, seen, enough)
        step_px = self._way_px(fit)
        dx, dy, turn = fit
        is_same = shift == UNSHIFTED and step_px < _SAME_PX
        found = shift if is_same else Shift(dx / width, dy / width, degrees(turn)).then(shift)
        sure = agreeing >= enough and self._is_firm(weights)
        return Found(found, agreeing / telling, sure), step_px

    def _way_px(self, fit: Fit) -> float:
        """How far it takes a corner at the most."""
        dx, dy, turn = fit
        return hypot(dx, dy) + abs(turn) * self._reach_px

    def _ways(self, small: Floats) -> tuple[Doubles, Doubles, Flags]:
        """Where each place went, f64[places, 2] in px, what that says, and where it has the usual contrast.

        What it says, f64[places, 13], is its way squared, its way weighed for a fit, and how that is.
        """
        common = self._extractor.covariance(self._bands, self._means, small, self._level)
        told = (self._telling @ _column(common))[..., 0]
        gain = told[:, 5]
        seen = (gain > LEAST_GAIN) & (gain < _MOST_GAIN)
        # A gradient is over 2 px; what is brighter to the right moves to the left by that.
        told = told[:, :5] * (-2 / np.where(seen, gain, 1.0))[:, None]
        ways, weighed = told[:, :2], told[:, 2:]
        # What is weighed is first the voice times the way.
        whole2 = (weighed[:, :2] * ways).sum(1, keepdims=True)
        return ways, np.concatenate([whole2, weighed, self._normal], 1), seen

    def _fitted(self, ways: Doubles, says: Doubles, seen: Flags, enough: float) -> tuple[Fit, Doubles, int]:
        """Shift in px and turn in radians, the weights of the places, and how many agree."""
        fit: Fit = 0.0, 0.0, 0.0
        weights, off2 = _weighed(fit, says, seen)
        agreeing = int(np.count_nonzero(seen & (off2 < _AGREES_PX**2)))
        near = _fit(weights, says)
        if agreeing >= enough and self._way_px(near) < _SAME_PX:
            return near, weights, agreeing
        if seen.any():
            dx, dy = _middle(ways[seen]).tolist()
            fit = dx, dy, 0.0
        for _ in range(_ROUNDS):
            fit = _fit(_weighed(fit, says, seen)[0], says)
        weights, off2 = _weighed(fit, says, seen)
        return fit, weights, int(np.count_nonzero(seen & (off2 < _AGREES_PX**2)))

    def _is_firm(self, weights: Doubles) -> bool:
        """Whether there are gradients across and down in what counts."""
        # The smaller eigenvalue of all voices together.
        xx, xy, _, _, yy, *_ = (weights @ self._normal).tolist()
        least = (xx + yy) / 2 - hypot((xx - yy) / 2, xy)
        return bool(least > _LEAST_AXIS * weights.sum())


def _column(some: Doubles) -> Doubles:
    """Values of each place as a column, f64[places, n, 1] from f64[n, *PLACES]."""
    return some.reshape(len(some), -1).T[..., None]


def _weighed(fit: Fit, says: Doubles, seen: Flags) -> tuple[Doubles, Doubles]:
    """What each place counts for a fit, and how much of its way that leaves, squared."""
    dx, dy, turn = fit
    # Multiplied out.
    terms = (1.0, -2 * dx, -2 * dy, -2 * turn, *(one * other for one in fit for other in fit))
    off2 = says @ np.array(terms)
    return seen / (1 + off2 / _SCALE_PX**2) ** 2, off2


def _fit(weights: Doubles, says: Doubles) -> Fit:
    """What the places say together, solved by Cramer's rule: for so few that takes a fraction of the time."""
    _, x, y, t, xx, xy, xt, _, yy, yt, _, _, tt = (weights @ says).tolist()
    xx, yy, tt = xx + _SOFT_PX, yy + _SOFT_PX, tt + _SOFT_TURN
    # The first row of cofactors, and the rest of them.
    a, b, c = yy * tt - yt * yt, xt * yt - xy * tt, xy * yt - xt * yy
    d, e, f = xx * tt - xt * xt, xy * xt - xx * yt, xx * yy - xy * xy
    whole = xx * a + xy * b + xt * c
    return (a * x + b * y + c * t) / whole, (b * x + d * y + e * t) / whole, (c * x + e * y + f * t) / whole


def _middle(ways: Doubles) -> Doubles:
    """The median on each axis; np.median takes five times as long."""
    ordered, middle = np.sort(ways, axis=0), len(ways) // 2
    return np.asarray((ordered[(len(ways) - 1) // 2] + ordered[middle]) / 2)


def matrix_of(shift: Shift, small: Floats) -> Doubles:
    """From the unshifted picture to the shifted one, f64[2, 3] in px of it, as OpenCV counts them."""
    height, width = small.shape
    turned, rising = cos(radians(shift.degrees)), sin(radians(shift.degrees))
    x, y = (width - 1) / 2, (height - 1) / 2
    dx, dy = x + shift.dx_ratio * width, y + shift.dy_ratio * width
    return np.array(
        [[turned, -rising, dx - turned * x + rising * y], [rising, turned, dy - rising * x - turned * y]]
    )


def shift_of(matrix: Doubles, small: Floats) -> Shift:
    """The shift that takes the unshifted picture where this matrix takes it, f64[2, 3] in px."""
    height, width = small.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    dx, dy = (matrix[:, :2] @ centre + matrix[:, 2] - centre) / width
    return Shift(float(dx), float(dy), degrees(float(np.arctan2(matrix[1, 0], matrix[0, 0]))))


def taken_back(small: Floats, shift: Shift, unknown: Floats | None = None) -> Floats:
    """A shifted picture as it would be unshifted.

    Args:
        small: f32[h, w].
        shift: by which it is shifted.
        unknown: what is taken where nothing is known; None: its border goes on.
    """
    matrix = matrix_of(shift, small)
    size = small.shape[1], small.shape[0]
    # What is for the reference is finer, and comes less often.
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if unknown is None else cv2.INTER_CUBIC)
    back = cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if unknown is not None:
        # OpenCV 5.0's BORDER_TRANSPARENT writes beyond the border, too.
        known = cv2.warpAffine(
            np.ones_like(small), matrix, size, flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        )
        back = np.where(known > _KNOWN, back, unknown)
    return np.asarray(back, np.float32)
