"""Tamper detection: camera covered, dark, blurred, moved or frozen; and by how much its view is shifted.

Each picture that is judged is a sign of one cause or of good visibility; a cause holds once its signs have
added up for as long as the settings ask.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent.core.shift import UNSHIFTED
from agent.core.visibility import Visibility
from agent.vision.tamper_judge import Sign, TamperJudge
from agent.vision.tamper_settings import TamperSettings
from agent.vision.tile_features import hidden_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.frame import Frame, Instant
    from agent.core.geometry import Polygon
    from agent.core.shift import Shift
    from agent.core.track import Track
    from agent.core.visibility import BlindCause

__all__ = ["Tamper", "TamperSettings"]

# A picture is judged no sooner than this after the last one, and stands for no longer than that.
_INTERVAL_S = 0.9
_LONGEST_STEP_S = 2.0
# Noise is looked for between two pictures this far apart: a video's key frames, which bring a noise of
# their own, seldom come between, and a camera's same picture, sent twice, does not fill it.
_CHANGE_S = 0.15
# A sign that is neither confirmed nor contradicted for so long is none.
_SUSPECTED_S = 30.0


@dataclass(slots=True)
class _State:
    """All that is known since the last reset.

    Attributes:
        before: by how much the view of the first picture is shifted.
        is_away: whether the view was moved, and is neither back nor accepted.
        judge: None before the first frame.
        visibility: at the last frame; None before the first one.
        judged_s: when a picture was judged last, monotonic.
        evidence: for each cause, and None for good visibility, the seconds left, and the first sign.
    """

    before: Shift = UNSHIFTED
    is_away: bool = False
    judge: TamperJudge | None = None
    visibility: Visibility | None = None
    judged_s: float = 0.0
    evidence: dict[BlindCause | None, tuple[float, Instant]] = field(default_factory=dict)


class Tamper:
    """Judges from the frames alone whether the camera sees, and by how much its view is shifted.

    A view that was moved further than rules follow stays so until it is back, or somebody accepts it.
    """

    def __init__(self, settings: TamperSettings) -> None:
        self._settings = settings
        self._after_s = _after_s(settings)
        self._state = _State()

    def change(self, settings: TamperSettings) -> None:
        """Judge by other settings from now on; the reference and the evidence so far stay."""
        self._settings = settings
        self._after_s = _after_s(settings)
        if self._state.judge:
            self._state.judge.settings = settings

    def reset(self, before: Shift = UNSHIFTED, *, moved: bool = False) -> None:
        """Restart: the view of the next seconds becomes the reference.

        Args:
            before: by how much that view is shifted already.
            moved: it was moved before, and nobody has accepted it.
        """
        self._state = _State(before, moved)

    def accept(self) -> None:
        """Accept the view from now on: it becomes the reference, unshifted."""
        state = self._state
        state.before, state.is_away = UNSHIFTED, False
        if state.judge and state.visibility:
            state.judge = state.judge.restarted()
            if state.visibility.cause == "moved":
                self._turn(None, state.judge.at)
            state.evidence.clear()

    def mask(self, masks: Sequence[Polygon]) -> None:
        """These polygons, in fractions of the picture, are masked from the next frame on."""
        if self._state.judge:
            self._state.judge.mask(masks)

    @property
    def sees(self) -> bool:
        """Whether the camera could see at the last frame, if there was one."""
        state = self._state
        return not state.is_away and (state.visibility is None or state.visibility.cause is None)

    @property
    def is_away(self) -> bool:
        """Whether the view was moved, and is neither back nor accepted."""
        return self._state.is_away

    def update(self, frame: Frame, tracks: Sequence[Track]) -> Visibility:
        """The visibility; to be called with every frame.

        Args:
            frame: only its luma is looked at, about once a second.
            tracks: the persons in it; close to the camera they may hide most of the view.
        """
        state, at = self._state, frame.at
        judge, visibility = state.judge, state.visibility
        if judge is None or visibility is None or judge.luma.shape != frame.luma.shape:
            state.evidence.clear()
            state.judge = judge = TamperJudge(self._settings, frame.luma, at, state.before)
            state.visibility = visibility = Visibility("moved" if state.is_away else None, at)
            state.judged_s = at.monotonic_s
        judge.loops.see(frame)
        step_s = at.monotonic_s - state.judged_s
        if step_s >= _CHANGE_S:
            judge.note_change(frame.luma)
        if step_s < _INTERVAL_S:
            return visibility
        state.judged_s = at.monotonic_s
        sign = judge.sign(frame, hidden_places(tracks, frame.size_px), visibility.cause)
        if sign.cause is None and state.is_away and not judge.is_usual:
            # A view that nobody knows is not the usual one, however well one sees in it.
            sign = Sign("moved")
        step_s = min(step_s, _LONGEST_STEP_S) * sign.weight
        visibility = self._count(visibility, sign.cause, step_s, judge.first_sign(sign.cause, at))
        if visibility.cause is None:
            if not state.evidence.keys() - {None}:
                judge.learn(step_s)
            state.visibility = visibility = replace(
                visibility, suspected=self._is_suspected(at), shift=judge.shift
            )
        return visibility

    def _is_suspected(self, at: Instant) -> bool:
        """Whether there is a sign, and not an old one, that people can't be seen any more."""
        evidence = self._state.evidence.items()
        started = [first for cause, (_, first) in evidence if cause not in {None, "frozen"}]
        return any(at.monotonic_s - first.monotonic_s <= _SUSPECTED_S for first in started)

    def _count(
        self, visibility: Visibility, cause: BlindCause | None, step_s: float, first: Instant
    ) -> Visibility:
        """Add up the evidence for each cause; what contradicts it takes it away again."""
        evidence = self._state.evidence
        seconds, since = evidence.pop(cause, (0.0, first))
        seconds = min(seconds + step_s, self._after_s[cause])
        others = ((other, left_s - step_s, started) for other, (left_s, started) in evidence.items())
        self._state.evidence = {other: (left_s, started) for other, left_s, started in others if left_s > 0}
        self._state.evidence[cause] = seconds, since
        if cause != visibility.cause and seconds >= self._after_s[cause]:
            return self._turn(cause, since)
        return visibility

    def _turn(self, cause: BlindCause | None, since: Instant) -> Visibility:
        state = self._state
        state.visibility = visibility = Visibility(cause, since)
        # What is dark or covered meanwhile is still moved afterwards.
        state.is_away = cause == "moved" or (state.is_away and cause is not None)
        state.evidence.clear()
        return visibility


def _after_s(settings: TamperSettings) -> dict[BlindCause | None, float]:
    """Seconds of evidence after which each cause holds; None: good visibility."""
    return {
        None: settings.restored_after_s,
        "covered": settings.covered_after_s,
        "dark": settings.dark_after_s,
        "blurred": settings.blurred_after_s,
        "moved": settings.moved_after_s,
        "frozen": settings.frozen_after_s,
    }
