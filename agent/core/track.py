"""One person followed over time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Track:
    """Where one person is now; the id names nobody and ends with the visit.

    Attributes:
        track_id: unique in one run of the agent.
        xyxy: left, top, right, bottom in px of the frame, smoothed.
        origin: where the feet were first seen, in px; earlier than the track was confirmed.
        confidence: of the last sighting, 0–1.
        first_seen_s, last_seen_s: monotonic seconds of the first and the last sighting.
        anchor: bottom centre in px, where the feet are; reckoned once, for every rule asks for it.
    """

    track_id: str
    xyxy: tuple[float, float, float, float]
    origin: tuple[float, float]
    confidence: float
    first_seen_s: float
    last_seen_s: float
    anchor: tuple[float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        left, _, right, bottom = self.xyxy
        object.__setattr__(self, "anchor", ((left + right) / 2, bottom))

    @property
    def height_px(self) -> float:
        """Height of the box."""
        return self.xyxy[3] - self.xyxy[1]


@dataclass(frozen=True, slots=True)
class LookHint:
    """A place where a person is, or may be: the next look should settle that.

    Attributes:
        xyxy: left, top, right, bottom in px of the frame.
        looked_s: monotonic seconds of the last look at it.
        settled: a person for sure, and found by that look.
        within_s: how soon to look again while it moves, so that it is still known for the same.
    """

    xyxy: tuple[float, float, float, float]
    looked_s: float
    settled: bool
    within_s: float
