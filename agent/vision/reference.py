"""Reference of a camera's usual view: its features, the shift of a picture against it, and what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from agent.core.shift import UNSHIFTED, Shift
from agent.vision.registration import Registration, matrix_of, shift_of, taken_back
from agent.vision.tile_features import PLACES, Alignment, quantile

if TYPE_CHECKING:
    from agent.vision.tile_features import Flags, Floats, TileFeatureExtractor, TileFeatures

# A reference is made from this many seconds of good sight, then renewed this often; what pictures are
# registered to follows it less often.
LEARN_S = 5.0
_RENEW_S = 5.0
_REGISTERED_S = 30.0
# A young reference follows the view fast only where so many places match.
ALIKE = 0.6
# A place has texture from this root mean square of its gradient on (grey levels over 2 px), and only
# where that is so many times what noise changes between two pictures. So few places tell nothing.
_TEXTURE = 1.0
_TEXTURE_TO_CHANGE = 0.6
_NOISE_TO_CHANGE = 0.3
LEAST_ENERGY = 0.02
_LEAST_PLACES = 8
# A place looks as it did from this correlation on.
_MATCH = 0.5
# A view that nothing registers was moved when it goes as far as this part of the width, further than any
# that the rules follow, and makes so many more places match.
_LEAST_WAY = 0.04
_EXPLAINED = 0.25
# The sharpest fifth of the places decides on blur, since people who move may hide the others.
_SHARPEST = 0.8
# A shift by less (px of the small picture, at a corner) makes no other picture of the usual view.
_SAME_PX = 0.15


class Usual(NamedTuple):
    """The features of the usual view where it is now: nothing has changed but the shift.

    Attributes:
        features: of the mean of many pictures.
        energy: f32[3, *PLACES] as pictures have it, which is more than that of their mean.
        known: bool[*PLACES], where that is known: not where the shift uncovers something.
    """

    features: TileFeatures
    energy: Floats
    known: Flags


class Reference:
    """The mean of many pictures of a good view, each taken back by its shift."""

    def __init__(self, extractor: TileFeatureExtractor, small: Floats) -> None:
        """Take what makes features, and a first picture made small."""
        self._extractor = extractor
        self.change = 0.0
        self.learned_s = self._waiting_s = 0.0
        self._energy = np.zeros((3, *PLACES), np.float32)
        # Where the view was when that was last sure, and near enough for the rules.
        self.shift = UNSHIFTED
        # Where it was found last, however far; None: it was not.
        self._found: Shift | None = None
        self._features = extractor.features_of(small)
        self._alignment: Alignment | None = None
        self._registration: Registration | None = None
        # When the reference was as pictures are registered to, in seconds of learning.
        self._registered_s = 0.0
        self._laid, self.usual = self._usual_now()

    def draw(self) -> None:
        """Make the features again: other parts of the reference are masked."""
        self._features = self._extractor.features_of(self._features.small)
        self._alignment = self._registration = None
        self._registered_s = self.learned_s
        self._laid, self.usual = self._usual_now()

    def learn(
        self, last: TileFeatures, energy: Floats, step_s: float, slow_s: float, match_ratio: float
    ) -> None:
        """Follow a picture: as its mean at first, slowly later on.

        Args:
            last: the picture.
            energy: f32[3, *PLACES], its own without its noise.
            step_s: seconds for which it stands.
            slow_s: time constant later on, in seconds.
            match_ratio: share of the places that look as usual, 0–1.
        """
        self._waiting_s += step_s
        if self.learned_s >= LEARN_S and self._waiting_s < _RENEW_S:
            return
        self.learned_s += self._waiting_s
        weight = np.float32(self._waiting_s / min(self.learned_s if match_ratio > ALIKE else slow_s, slow_s))
        self._waiting_s = 0.0
        self._energy = self._energy + weight * (energy - self._energy)
        # Else what is shifted would draw the reference along, and with it what it is shifted against.
        back = taken_back(last.small, self.shift, self._features.small) if self.is_shifted else last.small
        small = self._features.small + weight * (back - self._features.small)
        self._features = self._extractor.features_of(small)
        if self.learned_s - self._registered_s >= _REGISTERED_S:
            self._registration, self._alignment, self._registered_s = None, None, self.learned_s
        self._laid, self.usual = self._usual_now()

    @property
    def is_shifted(self) -> bool:
        """Whether the view is not just where it was learned."""
        return self.shift != UNSHIFTED

    def register(self, now: TileFeatures, hidden: Flags, *, far: bool) -> Shift | None:
        """By how much a picture is shifted; None: that is not sure.

        Args:
            now: the picture.
            hidden: bool[*PLACES], where persons are.
            far: look for it far from where it was, too.
        """
        self._registration = self._registration or Registration(self._extractor, self._features)
        # Each once; what is far away is found there again in a step or two.
        starts = dict.fromkeys([self._found or self.shift, self.shift, UNSHIFTED])
        for start in starts:
            found = self._registration.find(now.small, start, hidden)
            if found.is_sure:
                break
        if far and not found.is_sure:
            matrix, _ = self._aligned(now)
            found = self._registration.find(now.small, shift_of(matrix, now.small), hidden)
        self._found = found.shift if found.is_sure else None
        return self._found

    def lay(self, shift: Shift) -> bool:
        """From now on the view is here; whether that makes another picture of the usual view."""
        self.shift = shift
        height, width = self._features.small.shape
        is_other = bool(shift.apart_ratio(self._laid, (width, height)) * width > _SAME_PX)
        if is_other:
            self._laid, self.usual = self._usual_now()
        return is_other

    def _usual_now(self) -> tuple[Shift, Usual]:
        """The usual view where it is now, and the shift by which it was made."""
        height, width = self._features.small.shape
        if self.shift.apart_ratio(UNSHIFTED, (width, height)) * width <= _SAME_PX:
            return UNSHIFTED, Usual(self._features, self._energy, self._extractor.is_place)
        features, known = self._extractor.displaced(
            self._features, matrix_of(self.shift, self._features.small)
        )
        rows, columns = PLACES
        across, down = self.shift.dx_ratio * columns, self.shift.dy_ratio * width / height * rows
        moved = np.array([[1.0, 0.0, across], [0.0, 1.0, down]])
        energy = [
            cv2.warpAffine(band, moved, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
            for band in self._energy
        ]
        return self.shift, Usual(features, np.asarray(energy, np.float32), known)

    # --- what of it is left in a picture

    def textured(self, features: TileFeatures) -> Flags | None:
        """Where gradients across and down tell something, bool[2, *PLACES]; None: almost nowhere."""
        least = max(_TEXTURE, _TEXTURE_TO_CHANGE * self.change) ** 2
        textured = (features.energy[:2] > least) & self._extractor.is_place
        # Counting by axes takes ten times as long.
        enough = [np.count_nonzero(places) >= _LEAST_PLACES for places in textured]
        return textured & np.array(enough)[:, None, None] if any(enough) else None

    def left(self, energy: Floats) -> float:
        """Part of the usual gradients' energy that is left; `energy`: f32[3, *PLACES] of a picture."""
        return float(energy[:2].sum() / self.usual.energy[:2].sum())

    def match(self, now: TileFeatures, energy: Floats, usual: TileFeatures, seen: Flags) -> float:
        """Share of the places that match, 0–1, in the direction of gradients in which fewer do.

        Args:
            now: the picture.
            energy: f32[3, *PLACES], its own without its noise.
            usual: what it is compared with.
            seen: bool[2, *PLACES], which gradients of which places count.
        """
        least = max(LEAST_ENERGY, (_NOISE_TO_CHANGE * self.change) ** 2)
        energies = np.maximum(energy[:2], least) * np.maximum(usual.energy[:2], LEAST_ENERGY)
        match = (self._extractor.common(now, usual, 2) > _MATCH * np.sqrt(energies)) & seen
        counts = [
            (np.count_nonzero(alike), np.count_nonzero(places))
            for alike, places in zip(match, seen, strict=True)
        ]
        return min(alike / places if places else 1.0 for alike, places in counts)

    def sharpness(self, energy: Floats, seen: Flags) -> float:
        """Fine structure left of the usual, at equal contrast, in the sharpest of the places that have it."""
        fine, usual_fine = energy[2][seen], self.usual.energy[2][seen]
        usual = self.usual.energy
        edges, usual_edges = (energy[0] + energy[1])[seen], (usual[0] + usual[1])[seen]
        strong = usual_fine >= quantile(usual_fine, 0.5)
        sharp = fine * usual_edges / np.maximum(edges * usual_fine, LEAST_ENERGY)
        return quantile(sharp[strong], _SHARPEST)

    # --- views that went far

    def is_displaced(self, now: TileFeatures, energy: Floats) -> bool:
        """Whether a picture is the usual view, shifted or turned far."""
        matrix, way_px = self._aligned(now)
        return self._explains(now, energy, self._features, matrix, way_px)

    def jumps(self, now: TileFeatures, energy: Floats, last: TileFeatures) -> bool:
        """Whether the view is another than a moment ago, and that one was shifted or turned, or was none.

        Args:
            now: the picture.
            energy: f32[3, *PLACES], its own without its noise.
            last: the picture before it.
        """
        textured = self.textured(last)
        if textured is None:
            return True
        if self.match(now, energy, last, textured) >= ALIKE:
            return False
        return self._explains(now, energy, last, *Alignment(last).find(now))

    def _aligned(self, now: TileFeatures) -> tuple[np.ndarray, float]:
        self._alignment = self._alignment or Alignment(self._features)
        return self._alignment.find(now)

    def _explains(
        self, now: TileFeatures, energy: Floats, before: TileFeatures, matrix: np.ndarray, way_px: float
    ) -> bool:
        """Whether a picture of before looks more like this one once it is shifted or turned."""
        if way_px < _LEAST_WAY * now.small.shape[1]:
            return False
        shifted, known = self._extractor.displaced(before, matrix)
        there, here = self.textured(shifted), self.textured(before)
        if there is None or here is None:
            return False
        gain = self.match(now, energy, shifted, there & known) - self.match(now, energy, before, here)
        return gain > _EXPLAINED
