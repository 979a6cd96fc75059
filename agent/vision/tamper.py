"""Whether the camera still sees: covered, dark, blurred, moved or frozen.

About once a second the small grey view is compared with a reference of it, place by place on a coarse
grid: by gradients, which light changes little, and by how much fine structure there is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agent.core.sight import Sight
from agent.vision.loops import Loops
from agent.vision.places import PLACES, Alignment, Eye, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.frame import Frame, Instant
    from agent.core.sight import BlindCause
    from agent.core.track import Track
    from agent.vision.places import Look

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]
    Luma = NDArray[np.uint8]

# A picture is judged no sooner than this after the last one, and stands for no longer than that.
_INTERVAL_S = 0.9
_LONGEST_STEP_S = 2.0
# Noise is looked for between two pictures this far apart: a video's key frames, which bring a noise of
# their own, seldom come between, and a camera's same picture, sent twice, does not fill it.
_CHANGE_S = 0.15
# A reference is made from this many seconds of good sight, then renewed this often.
_LEARN_S = 5.0
_RENEW_S = 5.0
# A young reference follows the view fast only where so many places match.
_ALIKE = 0.6
# A place has texture from this root mean square of its gradient on (grey levels over 2 px), and only
# where that is so many times what noise changes between two pictures. So few places tell nothing.
_TEXTURE = 1.0
_TEXTURE_TO_CHANGE = 0.6
_NOISE_TO_CHANGE = 0.3
_LEAST_ENERGY = 0.02
_LEAST_PLACES = 8
# A place looks as it did from this correlation on.
_MATCH = 0.5
# Nothing at all of the reference is seen below this part of `moved_ratio`.
_STRANGE = 1 / 3
# A camera was moved when the view jumped, as a whole, and is the reference shifted or turned: when that
# goes as far as this part of the width, and makes so many more places match.
_LEAST_WAY = 0.02
_EXPLAINED = 0.25
# Evidence that may have another reason counts for a fifth: a strange view that nothing explains, or
# one that persons hide so much of.
_DOUBT = 0.2
_CROWDED = 0.5
# The sharpest fifth of the places decides on blur, since people who move may hide the others.
_SHARPEST = 0.8
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


@dataclass(frozen=True, slots=True)
class TamperSettings:
    """From when on the camera counts as blind.

    Attributes:
        covered_ratio: structure left of the reference's, 0–1; a view that shows nothing of the reference
            is covered below it, and moved above.
        covered_after_s: seconds that this must last, as with each `_after_s`.
        dark_level: grey level 0–255 that at most 5 % of the picture are above.
        blurred_ratio: fine structure left of the reference's, at equal contrast, 0–1.
        moved_ratio: share of the places with texture that look as in the reference, 0–1; below it the camera
            was moved if the view jumped and is the reference shifted or turned. Below a third of it the
            view is another one in any case, but then it must last five times as long.
        frozen_ratio: change between pictures left of the least that was usual, 0–1.
        identical_after_s: seconds of equal pictures after which a source without noise is frozen, too.
        restored_after_s: seconds of good sight after which it counts as restored.
        reference_s: time constant with which the reference follows a good view, in seconds.
        accept_new_view_s: seconds after which the new view of a moved camera becomes the reference.
    """

    covered_ratio: float = 0.1
    covered_after_s: float = 5.0
    dark_level: float = 40.0
    dark_after_s: float = 5.0
    blurred_ratio: float = 0.3
    blurred_after_s: float = 5.0
    moved_ratio: float = 0.6
    moved_after_s: float = 5.0
    frozen_ratio: float = 0.1
    frozen_after_s: float = 4.0
    identical_after_s: float = 300.0
    restored_after_s: float = 3.0
    reference_s: float = 1800.0
    accept_new_view_s: float = 3600.0


class Tamper:
    """Tells from the frames alone whether the camera sees."""

    def __init__(self, settings: TamperSettings) -> None:
        self._judge: _Judge | None = None
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

    def reset(self) -> None:
        """Begin anew: the view of the next seconds becomes the reference."""
        self._judge = None
        # For each cause, and None for good sight: seconds of evidence left, and the first of it.
        self._evidence: dict[BlindCause | None, tuple[float, Instant]] = {}

    @property
    def sees(self) -> bool:
        """Whether the camera could see at the last frame, if there was one."""
        return self._judge is None or self._sight.cause is None

    def update(self, frame: Frame, tracks: Sequence[Track]) -> Sight:
        """Whether the camera sees; to be called with every frame.

        Args:
            frame: only its luma is looked at, about once a second.
            tracks: the persons in it; close to the camera they may hide most of the view.
        """
        if self._judge is None or self._judge.luma.shape != frame.luma.shape:
            self.reset()
            self._judge = _Judge(self._settings, frame)
            self._sight, self._judged_s = Sight(None, frame.at), frame.at.monotonic_s
        self._judge.loops.see(frame)
        step_s = frame.at.monotonic_s - self._judged_s
        if step_s >= _CHANGE_S:
            self._judge.note_change(frame.luma)
        if step_s < _INTERVAL_S:
            return self._sight
        self._judged_s = frame.at.monotonic_s
        sign = self._judge.sign(frame, _hidden(tracks, frame.size_px), self._sight.cause)
        step_s = min(step_s, _LONGEST_STEP_S) * sign.weight
        self._count(sign.cause, step_s, self._judge.first_sign(sign.cause, frame.at))
        if self._sight.cause == "moved" and self._blind_s(frame.at) >= self._settings.accept_new_view_s:
            self._judge.forget()
            self._turn(None, frame.at)
        elif self._sight.cause is None and not self._evidence.keys() - {None}:
            self._judge.learn(step_s)
        if self._sight.cause is None:
            self._sight = replace(self._sight, suspected=self._is_suspected(frame.at))
        return self._sight

    def _is_suspected(self, at: Instant) -> bool:
        """Whether there is a sign, and not an old one, that people can't be seen any more."""
        begun = [first for cause, (_, first) in self._evidence.items() if cause not in {None, "frozen"}]
        return any(at.monotonic_s - first.monotonic_s <= _SUSPECTED_S for first in begun)

    def _blind_s(self, at: Instant) -> float:
        return at.monotonic_s - self._sight.since.monotonic_s

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
        self._sight = Sight(cause, since)
        self._evidence.clear()


class _Sign(NamedTuple):
    """What one picture is a sign of, and how much that counts, 0–1."""

    cause: BlindCause | None
    weight: float = 1.0


class _Judge:
    """Holds the reference, and tells what a picture is a sign of."""

    def __init__(self, settings: TamperSettings, frame: Frame) -> None:
        self.settings = settings
        self._eye, self.loops = Eye(frame.luma), Loops(frame.luma)
        self._last = self._eye.look(frame.luma)
        self.luma = frame.luma
        self._luma_at = frame.at
        self._is_change_due = True
        # When the picture that has been the same since then came first.
        self._same_since: Instant | None = None
        self.forget()

    def forget(self) -> None:
        """Learn a new reference from now on."""
        self._learned_s = self._waiting_s = self._compared_s = 0.0
        self._energy = self._usual_energy = np.zeros((3, *PLACES), np.float32)
        self._likeness, self._has_jumped = 1.0, False
        self._changes: deque[float] = deque(maxlen=_CHANGES)
        self._least_change = float("inf")
        self._draw(self._last.small)

    def learn(self, step_s: float) -> None:
        """Let the reference follow the last picture: its mean at first, slowly later on."""
        if len(self._changes) == _CHANGES:
            change, rise = self._change(), step_s / self.settings.reference_s
            self._least_change = min(change, self._least_change + rise * (change - self._least_change))
            self._compared_s += step_s
        self._waiting_s += step_s
        if self._learned_s >= _LEARN_S and self._waiting_s < _RENEW_S:
            return
        self._learned_s += self._waiting_s
        slow_s = self.settings.reference_s
        weight = self._waiting_s / min(self._learned_s if self._likeness > _ALIKE else slow_s, slow_s)
        self._waiting_s = 0.0
        self._usual_energy = self._usual_energy + np.float32(weight) * (self._energy - self._usual_energy)
        self._draw(self._usual.small + np.float32(weight) * (self._last.small - self._usual.small))

    def note_change(self, luma: Luma) -> None:
        """Note how much noise there is between the last picture judged and the next one."""
        if self._is_change_due:
            self._changes.append(self._eye.change(luma, self.luma))
            self._is_change_due = False

    def _draw(self, small: Floats) -> None:
        self._usual = self._eye.look_at(small)
        self._alignment: Alignment | None = None

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
            self._draw(self._usual.small)
        now, last = self._eye.look(frame.luma), self._last
        self._energy = self._eye.energy(now, last)
        is_same = np.array_equal(frame.luma, self.luma)
        self._same_since = (self._same_since or self._luma_at) if is_same else None
        self._last, self.luma, self._luma_at, self._is_change_due = now, frame.luma, frame.at, True
        level = _eased(self.settings.dark_level, cause == "dark")
        if self._eye.bright_share(now, level) < _BRIGHT_SHARE:
            return _Sign(self._night_or_cover(now, cause))
        sign = self._other_view(now, last, hidden, cause)
        return _Sign("frozen") if sign.cause is None and self._is_frozen(frame.at, cause) else sign

    def _night_or_cover(self, now: Look, cause: BlindCause | None) -> BlindCause:
        if self._learned_s < _LEARN_S or cause == "dark":
            return "dark"
        # What is black at once, without a trace of the scene, is a cover rather than the night.
        trace = float(self._eye.common(now, self._usual, 2).sum())
        return "dark" if trace > _TRACE * float(self._usual.energy[:2].sum()) else "covered"

    def _other_view(  # noqa: PLR0911 - a sign a case
        self, now: Look, last: Look, hidden: Flags, cause: BlindCause | None
    ) -> _Sign:
        """Whether and how the view is another than the usual one."""
        settings = self.settings
        is_bare = _second(self._energy) < _BARE**2
        if self._learned_s < _LEARN_S:
            return _Sign("covered" if is_bare else None)
        textured = self._textured(self._usual)
        if textured is None:
            was_bare = _second(self._usual.energy) < 4 * _BARE**2
            return _Sign("covered" if is_bare and not was_bare else None)
        self._likeness = self._match(now, self._usual, textured)
        is_strange = self._likeness <= settings.moved_ratio
        self._has_jumped = is_strange and (self._has_jumped or self._jumps(now, last))
        sharp = self._sharpness(textured[0] | textured[1])
        if self._likeness >= _STRANGE * settings.moved_ratio:
            if sharp < _eased(settings.blurred_ratio, cause == "blurred"):
                return _Sign("blurred")
            may_be_moved = self._has_jumped or (cause == "moved" and self._likeness <= settings.moved_ratio)
            return _Sign("moved" if may_be_moved and self._is_displaced(now) else None)
        by_persons = np.count_nonzero(textured & hidden) > _CROWDED * np.count_nonzero(textured)
        left = float(self._energy[:2].sum() / self._usual_energy[:2].sum())
        if left < settings.covered_ratio or is_bare or sharp < settings.blurred_ratio:
            if self._eye.has_forms(now, self._usual):
                return _Sign("blurred")
            return _Sign("covered", _DOUBT if by_persons else 1.0)
        if cause == "moved" or (self._has_jumped and self._is_displaced(now)):
            return _Sign("moved")
        return _Sign("moved", 0.0 if by_persons else _DOUBT)

    def _textured(self, usual: Look) -> Flags | None:
        """Where gradients across and down tell something, bool[2, *PLACES]; None: almost nowhere."""
        least = max(_TEXTURE, _TEXTURE_TO_CHANGE * self._change()) ** 2
        textured = (usual.energy[:2] > least) & self._eye.is_place
        enough = np.count_nonzero(textured, axis=(1, 2)) >= _LEAST_PLACES
        return textured & enough[:, None, None] if enough.any() else None

    def _match(self, now: Look, usual: Look, seen: Flags) -> float:
        """Share of the places that look as usual, in the direction of gradients in which fewer do."""
        least = max(_LEAST_ENERGY, (_NOISE_TO_CHANGE * self._change()) ** 2)
        energy = np.maximum(self._energy[:2], least) * np.maximum(usual.energy[:2], _LEAST_ENERGY)
        match = (self._eye.common(now, usual, 2) > _MATCH * np.sqrt(energy)) & seen
        places = np.count_nonzero(seen, axis=(1, 2))
        return float(
            np.where(places, np.count_nonzero(match, axis=(1, 2)) / np.maximum(places, 1), 1.0).min()
        )

    def _jumps(self, now: Look, last: Look) -> bool:
        """Whether the view is another than a moment ago, and that one was shifted or turned, or was none."""
        textured = self._textured(last)
        if textured is None:
            return True
        return self._match(now, last, textured) < _ALIKE and self._is_shifted(now, last, Alignment(last))

    def _is_displaced(self, now: Look) -> bool:
        """Whether the view is the usual one, shifted or turned."""
        if self._alignment is None:
            self._alignment = Alignment(self._usual)
        return self._is_shifted(now, self._usual, self._alignment)

    def _is_shifted(self, now: Look, before: Look, alignment: Alignment) -> bool:
        matrix, way_px = alignment.find(now)
        if way_px < _LEAST_WAY * now.small.shape[1]:
            return False
        shifted, known = self._eye.displaced(before, matrix)
        there, here = self._textured(shifted), self._textured(before)
        if there is None or here is None:
            return False
        return self._match(now, shifted, there & known) > self._match(now, before, here) + _EXPLAINED

    def _sharpness(self, seen: Flags) -> float:
        """Fine structure left of the usual, at equal contrast, in the sharpest of the places that have it."""
        fine, usual_fine = self._energy[2][seen], self._usual_energy[2][seen]
        edges, usual_edges = self._energy[:2].sum(0)[seen], self._usual_energy[:2].sum(0)[seen]
        strong = usual_fine >= quantile(usual_fine, 0.5)
        sharp = fine * usual_edges / np.maximum(edges * usual_fine, _LEAST_ENERGY)
        return quantile(sharp[strong], _SHARPEST)

    def _is_frozen(self, at: Instant, cause: BlindCause | None) -> bool:
        settings = self.settings
        same_s = at.monotonic_s - (self._same_since or at).monotonic_s
        if self.loops.since or (same_s and cause == "frozen") or same_s >= settings.identical_after_s:
            return True
        if self._compared_s < _COMPARE_S or self._least_change < _LEAST_CHANGE:
            return False
        return self._change() < _eased(settings.frozen_ratio, cause == "frozen") * self._least_change


def _eased(threshold: float, is_blind: bool) -> float:
    return threshold * _SLACK if is_blind else threshold


def _second(energy: Floats) -> float:
    """Gradient energy of the second best place."""
    return float(np.sort(energy[:2].sum(0), axis=None)[-2])


def _hidden(tracks: Sequence[Track], size_px: tuple[int, int]) -> Flags:
    """Which places persons cover about half at least, bool[*PLACES]."""
    hidden = np.zeros(PLACES, np.bool_)
    down, across = PLACES[0] / size_px[1], PLACES[1] / size_px[0]
    for track in tracks:
        left, top, right, bottom = (max(0.0, side) for side in track.xyxy)
        hidden[round(top * down) : round(bottom * down), round(left * across) : round(right * across)] = True
    return hidden
