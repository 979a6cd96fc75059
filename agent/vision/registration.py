"""Image registration: by how much of a pixel a view is shifted and turned against a reference.

Each place of the grid tells its own displacement from its gradients (Lucas and Kanade, 1981; on the
reference's side, as Baker and Matthews, 2004), and all places together are fitted by one shift and turn
that those where somebody moves don't count for. What many places agree on is sure, whatever the others show.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import degrees, hypot, radians
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.shift import UNSHIFTED, Shift
from agent.vision.tile_features import PLACES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.tile_features import Flags, Floats, TileFeatureExtractor, TileFeatures

    Doubles = NDArray[np.float64]

# A place tells where it is from this gradient energy on (grey levels over 2 px, squared) that its own
# brightness does not explain, and while its contrast is between these parts of the reference's.
_LEAST_ENERGY = 8.0
_LEAST_GAIN, _MOST_GAIN = 0.25, 4.0
# Of displacements along gradients only so much less is believed.
_RIDGE = 0.02
# A place agrees when it is nearer than this to where all places together say; one so much farther off
# counts for a quarter (px of the small picture).
_AGREES_PX = 0.3
_SCALE_PX = 0.25
_ROUNDS = 3
# What nothing tells of stays where it is.
_SOFT = np.diag([1e-3, 1e-3, 1.0])
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
    """Where the view is, and which part of the places that could tell agrees, 0–1."""

    shift: Shift
    agreeing_ratio: float
    is_sure: bool


class Registration:
    """Finds by how much pictures are shifted and turned against one reference."""

    def __init__(self, eye: TileFeatureExtractor, usual: TileFeatures) -> None:
        """Take what looks, and the reference."""
        self._eye = eye
        self._level = np.float32(usual.small.mean())
        self._bands = np.stack([usual.small - self._level, usual.bands[0], usual.bands[1]])
        if eye.valid is not None:
            self._bands[0] *= eye.valid
        self._means, structure = eye.moments(self._bands)
        structure[0, 0] += 1e-3
        self._structure = structure
        self._by_level = structure[0, 1:] / structure[0, 0]
        tensor = structure[1:, 1:] - self._by_level[:, None] * structure[0, 1:]
        energy = tensor[0, 0] + tensor[1, 1]
        self._tells = (energy > _LEAST_ENERGY) & eye.is_place
        places = energy.size
        tensors = np.moveaxis(tensor, (0, 1), (2, 3)).reshape(places, 2, 2)
        energies = energy.reshape(places, 1, 1)
        self._solver = np.linalg.inv(tensors + (_RIDGE * energies + 1e-3) * np.eye(2))
        height, width = usual.small.shape
        self._reach_px = hypot(width, height) / 2
        rows, columns = PLACES
        y, x = np.mgrid[:rows, :columns].reshape(2, places) + 0.5
        # How a place goes by a shift in px and a turn in radians, f64[places, 2, 3].
        self._design = np.zeros((places, 2, 3))
        self._design[:, 0, 0] = self._design[:, 1, 1] = 1
        self._design[:, 0, 2] = -(y / rows - 0.5) * height
        self._design[:, 1, 2] = (x / columns - 0.5) * width
        # Each place has one voice, along its own gradients.
        self._voice = tensors / (energies + 1e-6)
        self._weighing = self._design.transpose(0, 2, 1) @ self._voice
        self._normal = (self._weighing @ self._design).reshape(places, 9)

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
        ways, seen = self._ways(small)
        seen &= tells.ravel()
        telling = max(1, int(np.count_nonzero(tells)))
        fit, weights, agreeing = self._fitted(ways, seen, max(_LEAST_AGREEING, _SURE * telling))
        step_px = self._way_px(fit)
        dx, dy, turn = fit.tolist()
        is_same = shift == UNSHIFTED and step_px < _SAME_PX
        found = shift if is_same else Shift(dx / width, dy / width, degrees(turn)).then(shift)
        sure = agreeing >= max(_LEAST_AGREEING, _SURE * telling) and self._is_firm(weights)
        return Found(found, agreeing / telling, sure), step_px

    def _way_px(self, fit: Doubles) -> float:
        """How far it takes a corner at the most."""
        dx, dy, turn = fit.tolist()
        return float(hypot(dx, dy) + abs(turn) * self._reach_px)

    def _ways(self, small: Floats) -> tuple[Doubles, Flags]:
        """Where each place went, f64[places, 2] in px, and where its contrast is the reference's."""
        common = self._eye.covariance(self._bands, self._means, small - self._level)
        rest = (common[1:] - self._by_level * common[0]).reshape(2, -1).T
        slopes = (self._solver @ rest[..., None])[..., 0]
        explained = (self._structure[0, 1:].reshape(2, -1).T * slopes).sum(1)
        gain = (common[0].ravel() - explained) / self._structure[0, 0].ravel()
        seen = (gain > _LEAST_GAIN) & (gain < _MOST_GAIN)
        # A gradient is over 2 px; what is brighter to the right moves to the left by that.
        return -2 * slopes / np.where(seen, gain, 1.0)[:, None], seen

    def _fitted(self, ways: Doubles, seen: Flags, enough: float) -> tuple[Doubles, Doubles, int]:
        """Shift in px and turn in radians, the weights of the places, and how many agree."""
        told = (self._weighing @ ways[..., None])[..., 0]
        # A way's voice times the way; told's first two are the voice.
        whole2 = (told[:, :2] * ways).sum(1)
        fit = np.zeros(3)
        weights, agreeing = self._weighed(fit, told, whole2, seen)
        near = self._fit(weights, told)
        if agreeing >= enough and self._way_px(near) < _SAME_PX:
            return near, weights, agreeing
        if seen.any():
            fit[:2] = _middle(ways[seen])
        for _ in range(_ROUNDS):
            fit = self._fit(self._weighed(fit, told, whole2, seen)[0], told)
        return fit, *self._weighed(fit, told, whole2, seen)

    def _weighed(self, fit: Doubles, told: Doubles, whole2: Doubles, seen: Flags) -> tuple[Doubles, int]:
        """What each place counts for a fit, and how many agree with it."""
        # What of each way the fit leaves, squared, and multiplied out.
        off2 = whole2 - 2 * (told @ fit) + self._normal @ np.outer(fit, fit).ravel()
        weights = seen / (1 + off2 / _SCALE_PX**2) ** 2
        return weights, int(np.count_nonzero(seen & (off2 < _AGREES_PX**2)))

    def _fit(self, weights: Doubles, told: Doubles) -> Doubles:
        normal = (weights @ self._normal).reshape(3, 3) + _SOFT
        return np.asarray(np.linalg.solve(normal, weights @ told))

    def _is_firm(self, weights: Doubles) -> bool:
        """Whether there are gradients across and down in what counts."""
        # The smaller eigenvalue of all voices together.
        (xx, xy, _), (_, yy, _), _ = (weights @ self._normal).reshape(3, 3).tolist()
        least = (xx + yy) / 2 - hypot((xx - yy) / 2, xy)
        return bool(least > _LEAST_AXIS * weights.sum())


def _middle(ways: Doubles) -> Doubles:
    """The median on each axis; np.median takes five times as long."""
    ordered, middle = np.sort(ways, axis=0), len(ways) // 2
    return np.asarray((ordered[(len(ways) - 1) // 2] + ordered[middle]) / 2)


def matrix_of(shift: Shift, small: Floats) -> Doubles:
    """From the unshifted picture to the shifted one, f64[2, 3] in px of it, as OpenCV counts them."""
    height, width = small.shape
    turn = radians(shift.degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, 2] = centre - matrix[:, :2] @ centre + np.array([shift.dx_ratio, shift.dy_ratio]) * width
    return matrix


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
