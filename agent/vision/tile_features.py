"""Features of a small grey picture, place by place on a coarse grid, and its alignment to another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.geometry import scaled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from agent.core.geometry import Polygon
    from agent.core.track import Track

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Luma = NDArray[np.uint8]

PLACES = 6, 8
# Pictures are made no larger than this, so 5 % of the width are 8 px.
_MOST_PX = 160, 160
# A px that never was brighter is masked; a place is judged where this part of it is not.
_MASK_LEVEL = 3
_LESS_MASKED = 0.9
# What is less of the picture is no mask, but a few dark px that noise lights one after the other.
_LEAST_MASKED = 0.002
_LEAST_VALID = 0.25
# Rows of the full picture in which change is looked for.
_SAMPLED_ROWS = 48
# Nothing moves in this part of the places.
_STILL = 0.3
# Even a scene blurred beyond recognition has its large forms: correlation and contrast left of them.
_FORMS_MATCH = 0.6
_FORMS_CONTRAST = 0.35
# A turned view is looked for at these angles, by structure finer than this (sigma in px).
_DEGREES = 0.0, 3.0, -3.0, 5.0, -5.0, 8.0, -8.0
_ALIGNED_SIGMA_PX = 6.0
_BLACK = np.float32(0)


@dataclass(frozen=True, slots=True)
class TileFeatures:
    """Features of one picture.

    Attributes:
        small: f32[h, w], grey levels.
        bands: f32[3, h, w]: gradient across, gradient down, Laplacian; 0 where masked.
        means, energy: f32[3, *PLACES], mean and variance of the bands.
    """

    small: Floats
    bands: Floats
    means: Floats
    energy: Floats


@dataclass(frozen=True, slots=True)
class _Unmasked:
    """The part of pictures that is not masked.

    Attributes:
        valid: f32[h, w], 1 where a px of a small picture is not masked, 0 where it is.
        valid_px: how many there are, at least 1.
        is_place: bool[*PLACES], where enough of a place is not masked.
        count: f32[*PLACES], px of each place that are not masked, at least 1.
        row_count: f32[*PLACES], the same in the rows of the full picture that are sampled.
    """

    valid: Floats
    valid_px: float
    is_place: Flags
    count: Floats
    row_count: Floats


class TileFeatureExtractor:
    """Makes features of pictures of one size, except where they are always black."""

    def __init__(self, luma: Luma) -> None:
        """Take the first picture."""
        height, width = luma.shape
        scale = min(1.0, _MOST_PX[0] / width, _MOST_PX[1] / height)
        self._size = max(1, round(width * scale)), PLACES[0] * max(1, round(height * scale / PLACES[0]))
        self._grid = _Grid(self._size[1], self._size[0], PLACES)
        step = max(1, height // _SAMPLED_ROWS)
        self._rows = slice(0, len(luma[::step]) // PLACES[0] * PLACES[0] * step, step)
        self._row_grid = _Grid(len(luma[self._rows]), width, PLACES)
        self._products = np.empty((4, self._size[1], self._size[0]), np.float32)
        self._brightest = luma.copy()
        lit, self._masked = self._lit()
        self._unmasked = self._without(lit)

    def mask(self, masks: Sequence[Polygon]) -> None:
        """Take these polygons, in fractions of the picture, as masked besides what is."""
        height, width = self._brightest.shape
        for mask in masks:
            corners = np.rint(scaled(mask, (width, height))).astype(np.int32)
            cv2.fillPoly(self._brightest, [corners], (0,))
            cv2.polylines(self._brightest, [corners], True, (0,), 3)
        self._masked = 2 * self._brightest.size
        self.see_masks(np.zeros_like(self._brightest))

    def see_masks(self, luma: Luma) -> bool:
        """Take what never had any light as masked; whether that became less."""
        if not self._masked:
            return False
        cv2.max(self._brightest, luma, self._brightest)
        lit, masked = self._lit()
        # A few px more or less are not worth looking at everything anew.
        if masked == self._masked or masked > _LESS_MASKED * self._masked:
            return False
        self._masked, self._unmasked = masked, self._without(lit)
        return True

    def _lit(self) -> tuple[Luma, int]:
        """255 where a px ever had light, u8[h, w], and how many never had."""
        _, lit = cv2.threshold(self._brightest, _MASK_LEVEL, 255, cv2.THRESH_BINARY)
        masked = lit.size - cv2.countNonZero(lit)
        if masked < _LEAST_MASKED * lit.size:
            masked, lit[:] = 0, 255
        return lit.astype(np.uint8, copy=False), masked

    def _without(self, lit: Luma) -> _Unmasked:
        small = cv2.resize(lit, self._size, interpolation=cv2.INTER_AREA)
        # Beside a mask the gradient is the mask's.
        inside = cv2.erode((small == 255).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)  # noqa: PLR2004
        valid = inside.astype(np.float32)
        count = self._grid.sums(valid)
        row_count = self._row_grid.sums((lit[self._rows] > 0).astype(np.float32))
        return _Unmasked(
            valid,
            max(1.0, float(valid.sum())),
            count >= _LEAST_VALID * valid.size / count.size,
            np.maximum(count, np.float32(1)),
            np.maximum(row_count, np.float32(1)),
        )

    @property
    def is_place(self) -> Flags:
        """Where enough of a place is not masked to judge it, bool[*PLACES]."""
        return self._unmasked.is_place

    def features(self, luma: Luma) -> TileFeatures:
        """The features of a picture, u8[h, w]."""
        return self.features_of(cv2.resize(luma, self._size, interpolation=cv2.INTER_AREA).astype(np.float32))

    def features_of(self, small: Floats) -> TileFeatures:
        """The features of a picture made small, f32[h, w] in grey levels."""
        bands = np.empty((3, *small.shape), np.float32)
        # In one run over all rows; what lies across the end of a row means nothing.
        np.subtract(small.ravel()[2:], small.ravel()[:-2], out=bands[0].ravel()[1:-1])
        bands[0, :, 0] = bands[0, :, -1] = 0
        np.subtract(small[2:], small[:-2], out=bands[1, 1:-1])
        bands[1, 0] = bands[1, -1] = 0
        cv2.Laplacian(small, cv2.CV_32F, bands[2])
        if self._masked:
            bands *= self._unmasked.valid
        means = np.asarray(self._grid.sums(bands) / self._unmasked.count, np.float32)
        squares = np.multiply(bands, bands, out=self._products[:3])
        energy = self._grid.sums(squares) / self._unmasked.count - means * means
        return TileFeatures(small, bands, means, np.asarray(energy, np.float32))

    def common(self, one: TileFeatures, other: TileFeatures, bands: int = 3) -> Floats:
        """Covariance of the bands of two pictures in each place, f32[bands, *PLACES].

        Args:
            one: a picture.
            other: another one.
            bands: how many of them, from the first on, 1–3.
        """
        products = np.multiply(one.bands[:bands], other.bands[:bands], out=self._products[:bands])
        return self._grid.sums(products) / self._unmasked.count - one.means[:bands] * other.means[:bands]

    @property
    def valid(self) -> Floats | None:
        """1 where a px is not masked, 0 where it is, f32[h, w]; None: none is masked."""
        return self._unmasked.valid if self._masked else None

    def covariance(
        self, bands: Floats, means: Floats, picture: Floats, level: np.float32 = _BLACK
    ) -> NDArray[np.float64]:
        """Covariance of bands, whose means are known, with a picture in each place, f64[n, *PLACES].

        Args:
            bands: f32[n, h, w], n up to 3.
            means: f32[n, *PLACES], theirs.
            picture: f32[h, w].
            level: about which the picture lies, which makes it exact.
        """
        # The picture is summed with the products, in one run.
        products = self._products[: len(bands) + 1]
        shifted = np.subtract(picture, level, out=products[-1])
        if self._masked:
            shifted *= self._unmasked.valid
        np.multiply(bands, shifted, out=products[:-1])
        sums = self._grid.sums(products) / self._unmasked.count
        return np.asarray(sums[:-1] - means * sums[-1], np.float64)

    def moments(self, bands: Floats) -> tuple[Floats, NDArray[np.float64]]:
        """Means and covariances of bands in each place, f32[n, *PLACES] and f64[n, n, *PLACES]."""
        means = np.asarray(self._grid.sums(bands) / self._unmasked.count, np.float32)
        return means, np.stack([self.covariance(bands, means, band) for band in bands], axis=1)

    def energy(self, features: TileFeatures, last: TileFeatures) -> Floats:
        """Energy of a picture without that of its noise, f32[3, *PLACES]; `last`: the picture before it."""
        common = self.common(features, last)
        # What two pictures do not share is noise where nothing moves, and that is so in some places.
        apart = ((features.energy + last.energy) / 2 - common)[:, self.is_place]
        noise = np.sort(apart, axis=1)[:, int(_STILL * (apart.shape[1] - 1))] if apart.size else np.zeros(3)
        return np.maximum(common, features.energy - np.maximum(noise, 0)[:, None, None]).astype(np.float32)

    def change(self, luma: Luma, last: Luma) -> float:
        """Mean difference of two pictures in grey levels, in the middle one of all places."""
        difference = cv2.absdiff(luma[self._rows], last[self._rows]).astype(np.float32)
        changes = np.asarray(self._row_grid.sums(difference) / self._unmasked.row_count, np.float32)
        return quantile(changes[self.is_place], 0.5)

    def bright_share(self, features: TileFeatures, level: float) -> float:
        """Which part of the picture is brighter than a level."""
        return float(np.count_nonzero(features.small > level)) / self._unmasked.valid_px

    def has_forms(self, features: TileFeatures, usual: TileFeatures) -> bool:
        """Whether large forms are where they usually are, whatever became of all else."""
        now, then = self._forms(features), self._forms(usual)
        common, spread = float(now @ then), float(then @ then)
        is_alike = common > _FORMS_MATCH * float(np.sqrt(spread * (now @ now)))
        return is_alike and common > _FORMS_CONTRAST * spread

    def _forms(self, features: TileFeatures) -> NDArray[np.float64]:
        forms = (self._grid.sums(features.small * self._unmasked.valid) / self._unmasked.count)[self.is_place]
        # A slope of light says nothing: it falls off across a cover, too.
        y, x = np.nonzero(self.is_place)
        slope = np.linalg.qr(np.stack([np.ones(x.size), x, y], axis=1))[0]
        return np.asarray(forms - slope @ (slope.T @ forms), np.float64)

    def displaced(self, usual: TileFeatures, matrix: NDArray[np.float64]) -> tuple[TileFeatures, Flags]:
        """A view shifted or turned, and the places bool[*PLACES] where it is known."""
        size = self._size
        small = cv2.warpAffine(usual.small, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        known = cv2.warpAffine(np.ones_like(usual.small), matrix, size)
        part = self._grid.sums(known.astype(np.float32)) * PLACES[0] * PLACES[1] / known.size
        return self.features_of(small.astype(np.float32)), part > 1 - _LEAST_VALID


class _Grid:
    """Divides pictures of one size into places; their height is a multiple of the rows."""

    def __init__(self, height: int, width: int, places: tuple[int, int]) -> None:
        rows, columns = places
        self._shape = rows, height // rows, width
        self._down = np.ones(height // rows, np.float32)
        self._across = np.zeros((width, columns), np.float32)
        self._across[np.arange(width), np.arange(width) * columns // width] = 1

    def sums(self, pictures: Floats) -> Floats:
        """Sum of each place, f32[…, rows, columns]."""
        down = self._down @ pictures.reshape(*pictures.shape[:-2], *self._shape)
        return np.asarray(down @ self._across, np.float32)


class Alignment:
    """Finds where a view went, by phase correlation (Kuglin and Hines, 1975) at some angles."""

    def __init__(self, usual: TileFeatures) -> None:
        """Take the view as it was."""
        self._shape = usual.small.shape
        height, width = self._shape
        self._window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
        self._turned = list(self._spectra(usual.small))
        self._features, self._found = usual, (np.eye(2, 3), 0.0)

    def _spectra(self, small: Floats) -> Iterator[tuple[NDArray[np.float64], NDArray[np.complex64]]]:
        height, width = self._shape
        # The window hides the border, the only place where it matters what comes first.
        fine = _fine(small)
        for degrees in _DEGREES:
            matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0), np.float64)
            turned = cv2.warpAffine(fine, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
            yield matrix, np.conj(self._spectrum(turned.astype(np.float32, copy=False)))

    def _spectrum(self, fine: Floats) -> NDArray[np.complex64]:
        return np.asarray(np.fft.rfft2(fine * self._window), np.complex64)

    def find(self, features: TileFeatures) -> tuple[NDArray[np.float64], float]:
        """The likeliest way from the old view to this one: f64[2, 3] in px of small, and its longest way."""
        if features is not self._features:
            self._features, self._found = features, self._find(features)
        return self._found

    def _find(self, features: TileFeatures) -> tuple[NDArray[np.float64], float]:
        height, width = self._shape
        spectrum, best, found = self._spectrum(_fine(features.small)), -1.0, np.eye(2, 3)
        for matrix, usual in self._turned:
            cross = spectrum * usual
            size = np.abs(cross)
            # By reciprocals: complex numbers are divided much more slowly.
            peaks = np.fft.irfft2(cross * (1 / (size + 1e-3 * size.mean() + 1e-9)), self._shape)
            at = int(peaks.argmax())
            if peaks.flat[at] > best:
                best = float(peaks.flat[at])
                down, across = divmod(at, width)
                found = matrix.copy()
                # Beyond the middle a shift goes the other way.
                found[:, 2] += (
                    (across + width // 2) % width - width // 2,
                    (down + height // 2) % height - height // 2,
                )
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
        return found, float(np.hypot(*(found @ corners.T - corners.T[:2])).max())


def _fine(small: Floats) -> Floats:
    """The finer structure of a picture."""
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), _ALIGNED_SIGMA_PX), np.float32)


def quantile(values: Floats, part: float) -> float:
    """The value that this part of them is below; 0 where there are none."""
    return float(np.sort(values, axis=None)[int(part * (values.size - 1))]) if values.size else 0.0


def hidden_places(tracks: Sequence[Track], size_px: tuple[int, int]) -> Flags:
    """Which places persons cover about half at least, bool[*PLACES]."""
    hidden = np.zeros(PLACES, np.bool_)
    down, across = PLACES[0] / size_px[1], PLACES[1] / size_px[0]
    for track in tracks:
        left, top, right, bottom = (max(0.0, side) for side in track.xyxy)
        hidden[round(top * down) : round(bottom * down), round(left * across) : round(right * across)] = True
    return hidden
