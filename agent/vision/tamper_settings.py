"""Settings of tamper detection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TamperSettings:
    """Thresholds and hold times that decide when the camera counts as blind.

    Attributes:
        covered_ratio: structure left of the reference's, 0–1; a view that shows nothing of the reference
            is covered below it, and moved above.
        covered_after_s: seconds that this must last, as with each `_after_s`.
        dark_level: grey level 0–255 that at most 5 % of the picture are above.
        blurred_ratio: fine structure left of the reference's, at equal contrast, 0–1.
        moved_ratio: share of the places with texture that look as in the reference, 0–1; below it the camera
            was moved if the view jumped and is the reference shifted or turned further than rules follow.
            Below a third of it the view is another one in any case, but then it must last five times as
            long.
        frozen_ratio: change between pictures left of the least that was usual, 0–1.
        identical_after_s: seconds of equal pictures after which a source without noise is frozen, too.
        restored_after_s: seconds of good sight after which it counts as restored.
        reference_s: time constant with which the reference follows a good view, in seconds.
    """

    covered_ratio: float
    covered_after_s: float
    dark_level: float
    dark_after_s: float
    blurred_ratio: float
    blurred_after_s: float
    moved_ratio: float
    moved_after_s: float
    frozen_ratio: float
    frozen_after_s: float
    identical_after_s: float
    restored_after_s: float
    reference_s: float
