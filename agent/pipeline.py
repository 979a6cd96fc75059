"""Pipeline from frames to events, on one screen."""

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
        """The visibility at this frame; `tracks` are the persons of the one before."""


class AttentionStage(Protocol):
    """Decides which regions of a frame are looked at."""

    def plan(self, frame: Frame, watched: Sequence[LookHint]) -> Regions | None:
        """The regions to look at; None: do not look at this frame."""

    def reset(self) -> None:
        """Forget the frames before: the next one counts as the first."""


class DetectorStage(Protocol):
    """Finds persons and faces."""

    def detect(self, frame: Frame, regions: Regions) -> Detections:
        """The boxes in these regions, in px of the frame."""


class TrackerStage(Protocol):
    """Follows persons from look to look."""

    @property
    def watched(self) -> Sequence[LookHint]:
        """Everybody followed or suspected after the last update."""

    def update(self, frame: Frame, regions: Regions | None, detections: Detections | None) -> Sequence[Track]:
        """The persons now present.

        Args:
            frame: the present one.
            regions: that were looked at; None: none.
            detections: found in them; None: nobody looked at this frame.
        """

    def reset(self) -> None:
        """Forget everybody: who is seen next is new, and gets an id that nobody had."""


class PlacementStage(Protocol):
    """Places rules and masks on a view that may be shifted."""

    @property
    def rules(self) -> Sequence[RuleStage]:
        """In the order in which they report."""

    def update(self, visibility: Visibility, at: Instant) -> None:
        """Move them, if the view moved, before they judge this frame."""


class RuleStage(Protocol):
    """Turns tracks into events of one line or zone."""

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """What happened up to this frame."""

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """The closing events of all that is open; who is there afterwards is new."""


class LedgerStage(Protocol):
    """Adds what follows from the rules' events."""

    def update(
        self, reported: Sequence[Event], tracks: Sequence[Track], visibility: Visibility, at: Instant
    ) -> Sequence[Event]:
        """All events of a frame, in order.

        Args:
            reported: by the rules.
            tracks: the persons now present.
            visibility: of the camera.
            at: when the frame was taken.
        """


@dataclass(frozen=True, slots=True)
class Step(Generic[Taken]):
    """Result of one frame, or of a time without one; `regions`: None where nobody looked."""

    frame: Taken
    visibility: Visibility
    tracks: Sequence[Track]
    events: tuple[Event, ...]
    regions: Regions | None = None


def presence_steps(
    frames: Iterable[Taken],
    tamper: TamperStage,
    attention: AttentionStage,
    detector: DetectorStage,
    tracker: TrackerStage,
    placing: PlacementStage,
    ledger: LedgerStage,
) -> Iterator[Step[Taken]]:
    """Yield a step for each frame, in order, and for each time there was none; holds at most one frame.

    Args:
        frames: the source's.
        tamper: judges the camera's visibility.
        attention: decides which regions are looked at.
        detector: finds persons and faces in them.
        tracker: follows the persons.
        placing: places the rules on the view.
        ledger: adds what follows from the rules' events.
    """
    tracks: Sequence[Track] = ()
    for frame in frames:
        visibility = _visibility(tamper, frame, tracks)
        placing.update(visibility, frame.at)
        events: list[Event] = []
        regions = None
        if isinstance(frame, Frame) and visibility.cause is None:
            regions = attention.plan(frame, tracker.watched)
            # None: did not look; empty: looked and saw nobody.
            detections = detector.detect(frame, regions) if regions else None
            # On a first sign of blindness who is seen is there; but that nobody is seen says nothing.
            if detections or not visibility.suspected:
                tracks = tracker.update(frame, regions, detections)
                events += [event for rule in placing.rules for event in rule.update(tracks, frame.at)]
        else:
            # Nobody is followed through blindness: who is there afterwards is a new visit.
            attention.reset()
            tracker.reset()
            tracks = ()
            events += [event for rule in placing.rules for event in rule.close(frame.at, "blind")]
        all_events = tuple(ledger.update(events, tracks, visibility, frame.at))
        yield Step(frame, visibility, tracks, all_events, regions)


def _visibility(tamper: TamperStage, frame: Frame | NoFrame, tracks: Sequence[Track]) -> Visibility:
    """The camera's visibility; one that gives no frames is lost."""
    return tamper.update(frame, tracks) if isinstance(frame, Frame) else Visibility("lost", frame.since)
