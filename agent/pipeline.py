"""The whole way from frames to events, on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.core.detections import Detections
    from agent.core.event import EndedWhy, Event, State
    from agent.core.frame import Frame, Instant
    from agent.core.look import Look
    from agent.core.track import Track, Watched


class Attention(Protocol):
    """Decides which part of a frame is worth a look."""

    def plan(self, frame: Frame, watched: Sequence[Watched]) -> Look | None:
        """The regions to look at, or None for not at all."""


class Detector(Protocol):
    """Finds persons and faces."""

    def detect(self, frame: Frame, look: Look) -> Detections:
        """Boxes in px of the frame."""


class Tracker(Protocol):
    """Follows persons from look to look."""

    @property
    def watched(self) -> Sequence[Watched]:
        """Everybody followed or suspected after the last update."""

    def update(self, frame: Frame, look: Look | None, detections: Detections | None) -> Sequence[Track]:
        """The persons now present; `detections` None means that nobody looked."""


class Rule(Protocol):
    """Turns tracks into events of one line or zone."""

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """What happened up to this frame."""

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """The closing event of all that is open."""

    @property
    def state(self) -> State | None:
        """What holds now; None before anything was seen."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame brought."""

    frame: Frame
    tracks: Sequence[Track]
    events: tuple[Event, ...]


def presence_steps(
    frames: Iterable[Frame],
    attention: Attention,
    detector: Detector,
    tracker: Tracker,
    rules: Sequence[Rule],
) -> Iterator[Step]:
    """Yield a step for each frame, in order; holds at most one frame."""
    for frame in frames:
        look = attention.plan(frame, tracker.watched)
        # None: did not look; empty: looked and saw nobody.
        detections = detector.detect(frame, look) if look else None
        tracks = tracker.update(frame, look, detections)
        events = tuple(event for rule in rules for event in rule.update(tracks, frame.at))
        yield Step(frame, tracks, events)
