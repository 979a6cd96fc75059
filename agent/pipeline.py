"""The whole way from frames to events, on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol

from agent.core.frame import Frame, Taken
from agent.core.visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.core.detections import Detections
    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant, NoFrame
    from agent.core.regions import Regions
    from agent.core.track import LookHint, Track


class TamperStage(Protocol):
    """Judges whether the camera can see."""

    def update(self, frame: Frame, tracks: Sequence[Track]) -> Visibility:
        """What is known of its sight at this frame; `tracks` are the persons of the one before."""


class AttentionStage(Protocol):
    """Decides which part of a frame is worth a look."""

    def plan(self, frame: Frame, watched: Sequence[LookHint]) -> Regions | None:
        """The regions to look at, or None for not at all."""

    def reset(self) -> None:
        """Forget the frames before: the next one is a first one."""


class DetectorStage(Protocol):
    """Finds persons and faces."""

    def detect(self, frame: Frame, look: Regions) -> Detections:
        """Boxes in px of the frame."""


class TrackerStage(Protocol):
    """Follows persons from look to look."""

    @property
    def watched(self) -> Sequence[LookHint]:
        """Everybody followed or suspected after the last update."""

    def update(self, frame: Frame, look: Regions | None, detections: Detections | None) -> Sequence[Track]:
        """The persons now present; `detections` None means that nobody looked."""

    def reset(self) -> None:
        """Forget everybody: whoever is seen next is new, and gets an id that nobody had."""


class PlacementStage(Protocol):
    """Has rules and masks lie where the view is."""

    @property
    def rules(self) -> Sequence[RuleStage]:
        """In the order in which they tell."""

    def update(self, sight: Visibility, at: Instant) -> None:
        """Move them along, if need be, before this frame is judged by them."""


class RuleStage(Protocol):
    """Turns tracks into events of one line or zone."""

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """What happened up to this frame."""

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """The closing event of all that is open; whoever is there afterwards is new."""


class LedgerStage(Protocol):
    """Knows what the rules' events add up to."""

    def update(
        self, told: Sequence[Event], tracks: Sequence[Track], sight: Visibility, at: Instant
    ) -> Sequence[Event]:
        """All events of a frame: those that the rules told, and what follows from them, in order."""


@dataclass(frozen=True, slots=True)
class Step(Generic[Taken]):
    """What one frame brought, or that there was none; `look`: None where nobody looked."""

    frame: Taken
    sight: Visibility
    tracks: Sequence[Track]
    events: tuple[Event, ...]
    look: Regions | None = None


def presence_steps(
    frames: Iterable[Taken],
    tamper: TamperStage,
    attention: AttentionStage,
    detector: DetectorStage,
    tracker: TrackerStage,
    placing: PlacementStage,
    ledger: LedgerStage,
) -> Iterator[Step[Taken]]:
    """Yield a step for each frame, in order, and for each time there was none; holds at most one frame."""
    tracks: Sequence[Track] = ()
    for frame in frames:
        sight = _sight(tamper, frame, tracks)
        placing.update(sight, frame.at)
        events: list[Event] = []
        look = None
        if isinstance(frame, Frame) and sight.cause is None:
            look = attention.plan(frame, tracker.watched)
            # None: did not look; empty: looked and saw nobody.
            detections = detector.detect(frame, look) if look else None
            # On a first sign of blindness whoever is seen is there; but that nobody is says nothing.
            if detections or not sight.suspected:
                tracks = tracker.update(frame, look, detections)
                events += [event for rule in placing.rules for event in rule.update(tracks, frame.at)]
        else:
            # Nobody is followed through blindness: whoever is there afterwards is a new visit.
            attention.reset()
            tracker.reset()
            tracks = ()
            events += [event for rule in placing.rules for event in rule.close(frame.at, "blind")]
        yield Step(frame, sight, tracks, tuple(ledger.update(events, tracks, sight, frame.at)), look)


def _sight(tamper: TamperStage, frame: Frame | NoFrame, tracks: Sequence[Track]) -> Visibility:
    """What is known of the camera's sight; one that gives no frames has none."""
    return tamper.update(frame, tracks) if isinstance(frame, Frame) else Visibility("lost", frame.since)
