"""Rates of the agent over the last minutes: frames, delays, shifts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_FRAMES_S = 60.0
_TIMES_S = 300.0
_SWAY_S = 10.0


@dataclass(frozen=True, slots=True)
class Speed:
    """Rates at a moment; None: not known.

    Attributes:
        frames_per_s, looks_per_s: over the last minute.
        motion_ratio: share of its frames in which something moved.
        inference_ms: median and 95th percentile of the inference times of the last five minutes' looks.
        latency_p95_ms: 95th percentile from a frame's exposure until its events are in the log, five minutes.
        settled: whether the agent has run for a minute.
    """

    frames_per_s: float | None = None
    looks_per_s: float | None = None
    motion_ratio: float | None = None
    inference_ms: tuple[float | None, float | None] = None, None
    latency_p95_ms: float | None = None
    settled: bool = False


class Shifts:
    """Largest shift of the camera's view in the last 10 s, so that a swaying camera does not flap."""

    def __init__(self) -> None:
        self._ratios: deque[tuple[float, float]] = deque()

    def update(self, now_s: float, ratio: float | None) -> None:
        """Add a shift as a part of the width; None: not known."""
        while self._ratios and now_s - self._ratios[0][0] > _SWAY_S:
            self._ratios.popleft()
        if ratio is not None:
            # An earlier smaller one can't be the largest any more.
            while self._ratios and self._ratios[-1][1] <= ratio:
                self._ratios.pop()
            self._ratios.append((now_s, ratio))

    @property
    def most(self) -> float | None:
        """Largest shift as a part of the width; None: none is known."""
        return self._ratios[0][1] if self._ratios else None


@dataclass(slots=True)
class Rates:
    """Counts of frames, looks and delays; all moments are in monotonic seconds."""

    _begin_s: float | None = None
    _frames: deque[tuple[float, bool, bool]] = field(default_factory=deque)
    _inferences_ms: deque[tuple[float, float]] = field(default_factory=deque)
    _latencies_ms: deque[tuple[float, float]] = field(default_factory=deque)

    def frame(self, now_s: float, *, moved: bool, looked_ms: float | None) -> None:
        """Count a frame that went through the stages.

        Args:
            now_s: monotonic seconds of its exposure.
            moved: something moved in it.
            looked_ms: inference time of the look at it; None: there was no look.
        """
        self._begin_s = now_s if self._begin_s is None else self._begin_s
        self._frames.append((now_s, moved, looked_ms is not None))
        if looked_ms is not None:
            self._inferences_ms.append((now_s, looked_ms))

    def event(self, now_s: float, latency_ms: float) -> None:
        """Count the delay from a frame's exposure until its events were in the log."""
        self._latencies_ms.append((now_s, latency_ms))

    def speed(self, now_s: float) -> Speed:
        """Rates over the last minutes; all None in the first second."""
        if self._begin_s is None or now_s - self._begin_s < 1:
            return Speed()
        _forget(self._frames, now_s - _FRAMES_S)
        _forget(self._inferences_ms, now_s - _TIMES_S)
        _forget(self._latencies_ms, now_s - _TIMES_S)
        over_s, count = min(now_s - self._begin_s, _FRAMES_S), len(self._frames)
        moved = sum(moved for _, moved, _ in self._frames)
        looks = sum(looked for _, _, looked in self._frames)
        inferences_ms = sorted(took_ms for _, took_ms in self._inferences_ms)
        return Speed(
            round(count / over_s, 3),
            round(looks / over_s, 3),
            round(moved / count, 3) if count else None,
            (_quantile(inferences_ms, 0.5), _quantile(inferences_ms, 0.95)),
            _quantile(sorted(latency_ms for _, latency_ms in self._latencies_ms), 0.95),
            now_s - self._begin_s >= _FRAMES_S,
        )


def _forget(moments: deque[tuple[float, float]] | deque[tuple[float, bool, bool]], before_s: float) -> None:
    while moments and moments[0][0] < before_s:
        moments.popleft()


def _quantile(rising: list[float], part: float) -> float | None:
    return round(rising[int(part * (len(rising) - 1))], 1) if rising else None
