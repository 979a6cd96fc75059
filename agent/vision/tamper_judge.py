"""Judge of single pictures: each is compared with a reference of the usual view.

About once a second the small grey view is compared with the reference, place by place on a coarse
grid: by gradients, which light changes little, and by how much fine structure there is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agent.core.shift import UNSHIFTED
from agent.vision.loops import Loops
from agent.vision.reference import LEARN_S, Reference
from agent.vision.registration import LEAST_GAIN
from agent.vision.tile_features import PLACES, TileFeatureExtractor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Frame, Instant
    from agent.core.geometry import Polygon
    from agent.core.shift import Shift
    from agent.core.visibility import BlindCause
    from agent.vision.tamper_settings import TamperSettings
    from agent.vision.tile_features import TileFeatures

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Luma = NDArray[np.uint8]

# Nothing at all of the reference is seen below this part of `moved_ratio`.
_STRANGE = 1 / 3
# Rules follow a view that is shifted by so much of its width and turned by so many degrees.
_MOST_SHIFT = 0.033
_MOST_DEGREES = 1.1
# One that is steady is registered in each third picture only.
_REGISTER_S = 2.5
_STEADY = 0.0015
# Evidence that may have another reason counts for a fifth: a strange view that nothing explains, or
# one that persons hide so much of.
_DOUBT = 0.2
_CROWDED = 0.5
# A picture is bare when the second best place has no more gradient than the grain of a cover.
_BARE = 5.0
# Dark is all of the picture but this share; the contrast left of the reference's in which a scene shows.
_BRIGHT_SHARE = 0.05
_TRACE = 0.01
# Change is the middle one of so many; below this many grey levels a source has no noise to miss.
_CHANGES = 5
_LEAST_CHANGE = 0.1
# The least change that is usual is known after so many seconds of good sight.
_COMPARE_S = 10.0
# What is blind sees again only when it is better than the threshold by this factor.
_SLACK = 1.25


class Sign(NamedTuple):
    """Sign that one picture gives: of a cause, or of good visibility (None), and how much it counts, 0–1."""

    cause: BlindCause | None
    weight: float = 1.0


class TamperJudge:
    """Judges pictures by a reference that follows the view.

    Attributes:
        luma: the last picture that was judged.
        at: when it was taken.
        shift: by how much the view is shifted since the rules were drawn; None: that is not known.
        is_usual: whether the last picture surely shows the usual view where rules follow it.
    """

    def __init__(
        self,
        settings: TamperSettings,
        luma: Luma,
        at: Instant,
        before: Shift = UNSHIFTED,
        loops: Loops | None = None,
    ) -> None:
        """Start with a picture.

        Args:
            settings: thresholds and hold times; they may be replaced later on.
            luma: u8[h, w], the first picture.
            at: when it was taken.
            before: by how much its view is shifted already.
            loops: has seen the pictures before it; None: there were none.
        """
        self.settings = settings
        self.luma = luma
        self.at = at
        self.loops = loops or Loops(luma)
        self.shift: Shift | None = None
        self.is_usual = False
        self._before = before
        self._extractor = TileFeatureExtractor(luma)
        self._last = self._extractor.features(luma)
        self._reference = Reference(self._extractor, self._last.small)
        self._energy = np.zeros((3, *PLACES), np.float32)
        self._match_ratio = 1.0
        self._has_jumped = self._sways = self._is_far = False
        self._registered_s = float("-inf")
        # When the picture that has been the same since then came first.
        self._same_since: Instant | None = None
        self._is_change_due = True
        self._changes: deque[float] = deque(maxlen=_CHANGES)
        self._least_change = float("inf")
        self._compared_s = 0.0

    def restarted(self) -> TamperJudge:
        """A judge that learns a new reference from the last picture on, which is not shifted."""
        judge = TamperJudge(self.settings, self.luma, self.at, loops=self.loops)
        judge._same_since = self._same_since
        return judge

    def mask(self, masks: Sequence[Polygon]) -> None:
        """These polygons, in fractions, are black from the next picture on."""
        self._extractor.mask(masks)
        self._reference.draw()

    def learn(self, step_s: float) -> None:
        """Let the reference follow the last picture: its mean at first, slowly later on."""
        slow_s = self.settings.reference_s
        if len(self._changes) == _CHANGES:
            # What wind changes is not usual: it ends, and then the picture does not stand still.
            change, rise = self._change(), 0.0 if self._sways else step_s / slow_s
            self._least_change = min(change, self._least_change + rise * (change - self._least_change))
            self._compared_s += step_s
        self._reference.learn(self._last, self._energy, step_s, slow_s, self._match_ratio)

    def note_change(self, luma: Luma) -> None:
        """Note how much noise there is between the last picture judged and the next one."""
        if self._is_change_due:
            self._changes.append(self._extractor.change(luma, self.luma))
            self._is_change_due = False

    def _change(self) -> float:
        """By how many grey levels pictures differ now; rare changes do not count."""
        return sorted(self._changes)[_CHANGES // 2] if len(self._changes) == _CHANGES else 0.0

    def first_sign(self, cause: BlindCause | None, at: Instant) -> Instant:
        """When a sign that is seen at an instant was there first."""
        return (self.loops.since or self._same_since or at) if cause == "frozen" else at

    def sign(self, frame: Frame, hidden: Flags, cause: BlindCause | None) -> Sign:
        """Judge a picture.

        Args:
            frame: to be judged; the next one will be compared with it.
            hidden: bool[*PLACES], where persons are.
            cause: by what the camera is blind; it must get better than the threshold to see again.
        """
        if self._extractor.see_masks(frame.luma):
            self._reference.draw()
        now, last = self._extractor.features(frame.luma), self._last
        self._energy = self._extractor.energy(now, last)
        # A row tells most pictures apart.
        row = len(frame.luma) // 2
        is_same = np.array_equal(frame.luma[row], self.luma[row]) and np.array_equal(frame.luma, self.luma)
        self._same_since = (self._same_since or self.at) if is_same else None
        self._last, self.luma, self.at, self._is_change_due = now, frame.luma, frame.at, True
        self._reference.change, self.is_usual = self._change(), False
        level = _eased(self.settings.dark_level, cause == "dark")
        if self._extractor.bright_share(now, level) < _BRIGHT_SHARE:
            return Sign(self._night_or_cover(now, cause))
        sign = self._other_view(now, last, hidden, cause)
        if self._sways and cause != "frozen":
            # A pole that sways brings the same view again and again, whatever the noise in it.
            self.loops.forget_noise()
        # What repeats shows nothing of now, whatever its view is like.
        is_frozen = self.loops.since or (sign.cause is None and self._is_frozen(frame.at, cause))
        return Sign("frozen") if is_frozen else sign

    def _night_or_cover(self, now: TileFeatures, cause: BlindCause | None) -> BlindCause:
        # One that sways may be anywhere, so that its trace is not found.
        if self._reference.learned_s < LEARN_S or cause == "dark" or self._sways:
            return "dark"
        # What is black at once, without a trace of the scene, is a cover rather than the night.
        usual = self._reference.usual.features
        trace = float(self._extractor.common(now, usual, 2).sum())
        return "dark" if trace > _TRACE * float(usual.energy[:2].sum()) else "covered"

    def _other_view(  # noqa: PLR0911 - a sign a case
        self, now: TileFeatures, last: TileFeatures, hidden: Flags, cause: BlindCause | None
    ) -> Sign:
        """Whether and how the view is another than the usual one."""
        settings, reference = self.settings, self._reference
        is_bare = _second(self._energy) < _BARE**2
        if reference.learned_s < LEARN_S:
            self.shift = None
            return Sign("covered" if is_bare else None)
        textured = reference.textured(reference.usual.features)
        if textured is None:
            self.shift = None
            was_bare = _second(reference.usual.features.energy) < 4 * _BARE**2
            return Sign("covered" if is_bare and not was_bare else None)
        is_near = self._follow(now, hidden, textured, cause)
        if is_near is False:
            return Sign("moved")
        usual = reference.usual
        textured = textured & usual.known
        is_strange = self._match_ratio <= settings.moved_ratio
        self.is_usual = bool(is_near) or not is_strange
        # What is known to be near went nowhere.
        self._has_jumped = is_strange and (
            self._has_jumped or (not is_near and reference.jumps(now, self._energy, last))
        )
        sharp = reference.sharpness(self._energy, textured[0] | textured[1])
        if self._match_ratio >= _STRANGE * settings.moved_ratio:
            if sharp < _eased(settings.blurred_ratio, cause == "blurred"):
                return Sign("blurred")
            may_be_moved = not is_near and is_strange and (self._has_jumped or cause == "moved")
            return Sign("moved" if may_be_moved and reference.is_displaced(now, self._energy) else None)
        by_persons = np.count_nonzero(textured & hidden) > _CROWDED * np.count_nonzero(textured)
        if reference.left(self._energy) < settings.covered_ratio or is_bare or sharp < settings.blurred_ratio:
            if self._extractor.has_forms(now, usual.features):
                return Sign("blurred")
            return Sign("covered", _DOUBT if by_persons else 1.0)
        if is_near:
            return Sign(None)
        if cause == "moved" or (self._has_jumped and reference.is_displaced(now, self._energy)):
            return Sign("moved")
        return Sign("moved", 0.0 if by_persons else _DOUBT)

    def _follow(
        self, now: TileFeatures, hidden: Flags, textured: Flags, cause: BlindCause | None
    ) -> bool | None:
        """Find the shift of the view; whether it is near enough for the rules, None: it is not known."""
        reference, now_s = self._reference, self.at.monotonic_s
        self._match_ratio = self._match(now, textured)
        is_strange = self._match_ratio <= self.settings.moved_ratio
        is_steady = self.shift is not None and not (self._sways or self._is_far)
        is_due = not is_steady or now_s - self._registered_s >= _REGISTER_S
        if not is_strange and not is_due:
            return True
        self._registered_s = now_s
        is_shown = not is_strange or reference.left(self._energy) >= LEAST_GAIN**2
        found = reference.register(now, hidden, far=is_strange) if is_shown else None
        if found is None:
            self.shift = None
            return None
        self.shift = shift = self._before.then(found)
        most = 1 / _SLACK if cause == "moved" else 1.0
        self._is_far = shift.far_ratio > most * _MOST_SHIFT or abs(shift.degrees) > most * _MOST_DEGREES
        if self._is_far:
            return False
        height, width = now.small.shape
        self._sways = found.apart_ratio(reference.shift, (width, height)) > _STEADY
        if reference.lay(found):
            self._match_ratio = self._match(now, textured)
        return True

    def _match(self, now: TileFeatures, textured: Flags) -> float:
        """Share of the places that look as usual, where the view is now."""
        usual = self._reference.usual
        return self._reference.match(now, self._energy, usual.features, textured & usual.known)

    def _is_frozen(self, at: Instant, cause: BlindCause | None) -> bool:
        settings = self.settings
        same_s = at.monotonic_s - (self._same_since or at).monotonic_s
        if (same_s and cause == "frozen") or same_s >= settings.identical_after_s:
            return True
        if self._compared_s < _COMPARE_S or self._least_change < _LEAST_CHANGE:
            return False
        return self._change() < _eased(settings.frozen_ratio, cause == "frozen") * self._least_change


def _eased(threshold: float, is_blind: bool) -> float:
    return threshold * _SLACK if is_blind else threshold


def _second(energy: Floats) -> float:
    """Gradient energy of the second best place."""
    return float(np.sort(energy[0] + energy[1], axis=None)[-2])
