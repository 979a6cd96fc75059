"""Whether the camera still sees: covered, dark, blurred, moved or frozen; and how its view is shifted.

About once a second the small grey view is compared with a reference of it, place by place on a coarse
grid: by gradients, which light changes little, and by how much fine structure there is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agent.core.shift import UNSHIFTED
from agent.core.visibility import Visibility
from agent.vision.loops import Loops
from agent.vision.reference import LEARN_S, Reference
from agent.vision.registration import LEAST_GAIN
from agent.vision.tamper_settings import TamperSettings
from agent.vision.tile_features import PLACES, TileFeatureExtractor, hidden_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Frame, Instant
    from agent.core.geometry import Polygon
    from agent.core.shift import Shift
    from agent.core.track import Track
    from agent.core.visibility import BlindCause
    from agent.vision.tile_features import TileFeatures

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Luma = NDArray[np.uint8]

__all__ = ["Tamper", "TamperSettings"]

# A picture is judged no sooner than this after the last one, and stands for no longer than that.
_INTERVAL_S = 0.9
_LONGEST_STEP_S = 2.0
# Noise is looked for between two pictures this far apart: a video's key frames, which bring a noise of
# their own, seldom come between, and a camera's same picture, sent twice, does not fill it.
_CHANGE_S = 0.15
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
# Nothing to be seen: the second best place has no more gradient than the grain of a cover.
_BARE = 5.0
# Dark is all of the picture but this share; the contrast left of the reference's in which a scene shows.
_BRIGHT_SHARE = 0.05
_TRACE = 0.01
# Change is the middle one of so many; below this many grey levels a source has no noise to miss.
_CHANGES = 5
_LEAST_CHANGE = 0.1
# The least change that is usual is known after so many seconds of good sight.
_COMPARE_S = 10.0
# A sign that is neither confirmed nor contradicted for so long is none.
_SUSPECTED_S = 30.0
# What is blind sees again only when it is better than the threshold by this factor.
_SLACK = 1.25


class Tamper:
    """Tells from the frames alone whether the camera sees, and by how much its view is shifted.

    A view that was moved further than rules follow stays so until it is back, or somebody accepts it.
    """

    def __init__(self, settings: TamperSettings) -> None:
        self._judge: _Judge | None = None
        # For each cause, and None for good sight: seconds of evidence left, and the first of it.
        self._evidence: dict[BlindCause | None, tuple[float, Instant]] = {}
        self._is_away = False
        self._before = UNSHIFTED
        self.change(settings)
        self.reset()

    def change(self, settings: TamperSettings) -> None:
        """Judge by other settings from now on; the reference and the evidence so far stay."""
        self._settings = settings
        if self._judge:
            self._judge.settings = settings
        self._after_s: dict[BlindCause | None, float] = {
            None: settings.restored_after_s,
            "covered": settings.covered_after_s,
            "dark": settings.dark_after_s,
            "blurred": settings.blurred_after_s,
            "moved": settings.moved_after_s,
            "frozen": settings.frozen_after_s,
        }

    def reset(self, before: Shift = UNSHIFTED, *, moved: bool = False) -> None:
        """Begin anew: the view of the next seconds becomes the reference.

        Args:
            before: by how much that view is shifted already.
            moved: it was moved before, and nobody has accepted it.
        """
        self._judge, self._before, self._is_away = None, before, moved
        self._evidence.clear()

    def accept(self) -> None:
        """What the camera sees from now on is right: it becomes the reference, unshifted."""
        self._before, self._is_away = UNSHIFTED, False
        if self._judge:
            self._judge.forget()
            if self._sight.cause == "moved":
                self._turn(None, self._judge.at)
            self._evidence.clear()

    def mask(self, masks: Sequence[Polygon]) -> None:
        """These polygons, in fractions of the picture, are masked from the next frame on."""
        if self._judge:
            self._judge.mask(masks)

    @property
    def sees(self) -> bool:
        """Whether the camera could see at the last frame, if there was one."""
        return not self._is_away and (self._judge is None or self._sight.cause is None)

    @property
    def is_away(self) -> bool:
        """Whether the view was moved, and is neither back nor accepted."""
        return self._is_away

    def update(self, frame: Frame, tracks: Sequence[Track]) -> Visibility:
        """Whether the camera sees; to be called with every frame.

        Args:
            frame: only its luma is looked at, about once a second.
            tracks: the persons in it; close to the camera they may hide most of the view.
        """
        if self._judge is None or self._judge.luma.shape != frame.luma.shape:
            self._evidence.clear()
            self._judge = _Judge(self._settings, frame, self._before)
            self._sight = Visibility("moved" if self._is_away else None, frame.at)
            self._judged_s = frame.at.monotonic_s
        self._judge.loops.see(frame)
        step_s = frame.at.monotonic_s - self._judged_s
        if step_s >= _CHANGE_S:
            self._judge.note_change(frame.luma)
        if step_s < _INTERVAL_S:
            return self._sight
        self._judged_s = frame.at.monotonic_s
        sign = self._judge.sign(frame, hidden_places(tracks, frame.size_px), self._sight.cause)
        if sign.cause is None and self._is_away and not self._judge.is_usual:
            # A view that nobody knows is not the usual one, however well one sees in it.
            sign = _Sign("moved")
        step_s = min(step_s, _LONGEST_STEP_S) * sign.weight
        self._count(sign.cause, step_s, self._judge.first_sign(sign.cause, frame.at))
        if self._sight.cause is None and not self._evidence.keys() - {None}:
            self._judge.learn(step_s)
        if self._sight.cause is None:
            self._sight = replace(
                self._sight, suspected=self._is_suspected(frame.at), shift=self._judge.shift
            )
        return self._sight

    def _is_suspected(self, at: Instant) -> bool:
        """Whether there is a sign, and not an old one, that people can't be seen any more."""
        begun = [first for cause, (_, first) in self._evidence.items() if cause not in {None, "frozen"}]
        return any(at.monotonic_s - first.monotonic_s <= _SUSPECTED_S for first in begun)

    def _count(self, cause: BlindCause | None, step_s: float, first: Instant) -> None:
        """Add up the evidence for each cause; what contradicts it takes it away again."""
        seconds, since = self._evidence.pop(cause, (0.0, first))
        seconds = min(seconds + step_s, self._after_s[cause])
        others = ((other, left_s - step_s, begun) for other, (left_s, begun) in self._evidence.items())
        self._evidence = {other: (left_s, begun) for other, left_s, begun in others if left_s > 0}
        self._evidence[cause] = seconds, since
        if cause != self._sight.cause and seconds >= self._after_s[cause]:
            self._turn(cause, since)

    def _turn(self, cause: BlindCause | None, since: Instant) -> None:
        self._sight = Visibility(cause, since)
        # What is dark or covered meanwhile is still moved afterwards.
        self._is_away = cause == "moved" or (self._is_away and cause is not None)
        self._evidence.clear()


class _Sign(NamedTuple):
    """What one picture is a sign of, and how much that counts, 0–1."""

    cause: BlindCause | None
    weight: float = 1.0


class _Judge:
    """Holds the reference, and tells what a picture is a sign of.

    Attributes:
        luma: the last picture that was judged.
        at: when it was taken.
        shift: by how much the view is shifted since the rules were drawn; None: that is not known.
        is_usual: whether the last picture surely shows the usual view where rules follow it.
    """

    def __init__(self, settings: TamperSettings, frame: Frame, before: Shift) -> None:
        self.settings = settings
        self._before = before
        self.loops = Loops(frame.luma)
        self.luma = frame.luma
        self.at = frame.at
        # When the picture that has been the same since then came first.
        self._same_since: Instant | None = None
        self._begin()

    def _begin(self) -> None:
        self._eye = TileFeatureExtractor(self.luma)
        self._last = self._eye.look(self.luma)
        self._reference = Reference(self._eye, self._last.small)
        self._is_change_due = True
        self._compared_s = 0.0
        self._energy = np.zeros((3, *PLACES), np.float32)
        self._likeness, self._has_jumped = 1.0, False
        self._changes: deque[float] = deque(maxlen=_CHANGES)
        self._least_change = float("inf")
        self.shift: Shift | None = None
        self.is_usual = self._sways = self._is_far = False
        self._registered_s = float("-inf")

    def forget(self) -> None:
        """Learn a new reference from now on, which is not shifted."""
        self._before = UNSHIFTED
        self._begin()

    def mask(self, masks: Sequence[Polygon]) -> None:
        """These polygons, in fractions, are black from the next picture on."""
        self._eye.mask(masks)
        self._reference.draw()

    def learn(self, step_s: float) -> None:
        """Let the reference follow the last picture: its mean at first, slowly later on."""
        slow_s = self.settings.reference_s
        if len(self._changes) == _CHANGES:
            # What wind changes is not usual: it ends, and then the picture does not stand still.
            change, rise = self._change(), 0.0 if self._sways else step_s / slow_s
            self._least_change = min(change, self._least_change + rise * (change - self._least_change))
            self._compared_s += step_s
        self._reference.learn(self._last, self._energy, step_s, slow_s, self._likeness)

    def note_change(self, luma: Luma) -> None:
        """Note how much noise there is between the last picture judged and the next one."""
        if self._is_change_due:
            self._changes.append(self._eye.change(luma, self.luma))
            self._is_change_due = False

    def _change(self) -> float:
        """By how many grey levels pictures differ now; rare changes do not count."""
        return sorted(self._changes)[_CHANGES // 2] if len(self._changes) == _CHANGES else 0.0

    def first_sign(self, cause: BlindCause | None, at: Instant) -> Instant:
        """When a sign that is seen at an instant was there first."""
        return (self.loops.since or self._same_since or at) if cause == "frozen" else at

    def sign(self, frame: Frame, hidden: Flags, cause: BlindCause | None) -> _Sign:
        """What a picture is a sign of.

        Args:
            frame: to be judged; the next one will be compared with it.
            hidden: bool[*PLACES], where persons are.
            cause: by what the camera is blind; it must get better than the threshold to see again.
        """
        if self._eye.see_masks(frame.luma):
            self._reference.draw()
        now, last = self._eye.look(frame.luma), self._last
        self._energy = self._eye.energy(now, last)
        # A row tells most pictures apart.
        row = len(frame.luma) // 2
        is_same = np.array_equal(frame.luma[row], self.luma[row]) and np.array_equal(frame.luma, self.luma)
        self._same_since = (self._same_since or self.at) if is_same else None
        self._last, self.luma, self.at, self._is_change_due = now, frame.luma, frame.at, True
        self._reference.change, self.is_usual = self._change(), False
        level = _eased(self.settings.dark_level, cause == "dark")
        if self._eye.bright_share(now, level) < _BRIGHT_SHARE:
            return _Sign(self._night_or_cover(now, cause))
        sign = self._other_view(now, last, hidden, cause)
        if self._sways and cause != "frozen":
            # A pole that sways brings the same view again and again, whatever the noise in it.
            self.loops.forget_noise()
        # What repeats shows nothing of now, whatever its view is like.
        is_frozen = self.loops.since or (sign.cause is None and self._is_frozen(frame.at, cause))
        return _Sign("frozen") if is_frozen else sign

    def _night_or_cover(self, now: TileFeatures, cause: BlindCause | None) -> BlindCause:
        # One that sways may be anywhere, so that its trace is not found.
        if self._reference.learned_s < LEARN_S or cause == "dark" or self._sways:
            return "dark"
        # What is black at once, without a trace of the scene, is a cover rather than the night.
        usual = self._reference.usual.look
        trace = float(self._eye.common(now, usual, 2).sum())
        return "dark" if trace > _TRACE * float(usual.energy[:2].sum()) else "covered"

    def _other_view(  # noqa: PLR0911 - a sign a case
        self, now: TileFeatures, last: TileFeatures, hidden: Flags, cause: BlindCause | None
    ) -> _Sign:
        """Whether and how the view is another than the usual one."""
        settings, reference = self.settings, self._reference
        is_bare = _second(self._energy) < _BARE**2
        if reference.learned_s < LEARN_S:
            self.shift = None
            return _Sign("covered" if is_bare else None)
        textured = reference.textured(reference.usual.look)
        if textured is None:
            self.shift = None
            was_bare = _second(reference.usual.look.energy) < 4 * _BARE**2
            return _Sign("covered" if is_bare and not was_bare else None)
        is_near = self._follow(now, hidden, textured, cause)
        if is_near is False:
            return _Sign("moved")
        usual = reference.usual
        textured = textured & usual.known
        is_strange = self._likeness <= settings.moved_ratio
        self.is_usual = bool(is_near) or not is_strange
        # What is known to be near went nowhere.
        self._has_jumped = is_strange and (
            self._has_jumped or (not is_near and reference.jumps(now, self._energy, last))
        )
        sharp = reference.sharpness(self._energy, textured[0] | textured[1])
        if self._likeness >= _STRANGE * settings.moved_ratio:
            if sharp < _eased(settings.blurred_ratio, cause == "blurred"):
                return _Sign("blurred")
            may_be_moved = not is_near and is_strange and (self._has_jumped or cause == "moved")
            return _Sign("moved" if may_be_moved and reference.is_displaced(now, self._energy) else None)
        by_persons = np.count_nonzero(textured & hidden) > _CROWDED * np.count_nonzero(textured)
        if reference.left(self._energy) < settings.covered_ratio or is_bare or sharp < settings.blurred_ratio:
            if self._eye.has_forms(now, usual.look):
                return _Sign("blurred")
            return _Sign("covered", _DOUBT if by_persons else 1.0)
        if is_near:
            return _Sign(None)
        if cause == "moved" or (self._has_jumped and reference.is_displaced(now, self._energy)):
            return _Sign("moved")
        return _Sign("moved", 0.0 if by_persons else _DOUBT)

    def _follow(
        self, now: TileFeatures, hidden: Flags, textured: Flags, cause: BlindCause | None
    ) -> bool | None:
        """Note where the view is; whether that is near enough for the rules, None: it is not known."""
        reference, now_s = self._reference, self.at.monotonic_s
        self._likeness = self._match(now, textured)
        is_strange = self._likeness <= self.settings.moved_ratio
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
            self._likeness = self._match(now, textured)
        return True

    def _match(self, now: TileFeatures, textured: Flags) -> float:
        """Share of the places that look as usual, where the view is now."""
        usual = self._reference.usual
        return self._reference.match(now, self._energy, usual.look, textured & usual.known)

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
