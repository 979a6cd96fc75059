"""What goes through the steps while nothing can be seen, and with the first frame after that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.core.frame import NoFrame
from agent.core.visibility import Visibility
from agent.networks.yolox import YOLOX
from agent.pipeline import presence_steps
from agent.vision.attention import Attention, EveryFrame
from agent.vision.static_objects import StaticObjectFilter
from agent.vision.tracker import PersonTracker
from tests.builders import make_at, make_detections, make_frame, make_pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.detections import Detections
    from agent.core.event import Event
    from agent.core.frame import Frame, Instant
    from agent.core.regions import Regions
    from agent.core.track import Track

# Seconds in which nothing can be seen, of a frame a second.
BLIND = range(6, 9)


class Judge:
    """Blind by the clock."""

    def update(self, frame: Frame, tracks: Sequence[Track]) -> Visibility:  # noqa: ARG002
        return Visibility("covered" if int(frame.at.monotonic_s) in BLIND else None, frame.at)


class Somebody:
    """Sits there in every look."""

    def detect(self, frame: Frame, look: Regions) -> Detections:  # noqa: ARG002
        return make_detections((10, 10, 30, 46))


class NoRules:
    """Places nothing."""

    rules = ()

    def update(self, sight: Visibility, at: Instant) -> None:
        """Leave all where it is."""


class NoLedger:
    """Adds nothing up."""

    def update(
        self,
        told: Sequence[Event],
        tracks: Sequence[Track],  # noqa: ARG002
        sight: Visibility,  # noqa: ARG002
        at: Instant,  # noqa: ARG002
    ) -> Sequence[Event]:
        return told


@pytest.mark.parametrize(
    "attention",
    [
        # Nothing moves, and the next look of its own accord is far away.
        pytest.param(Attention(make_pace(heartbeat_s=60, zone_heartbeat_s=60), 1.0, []), id="attention"),
        pytest.param(EveryFrame(1 / 60), id="always"),
    ],
)
@pytest.mark.parametrize("lost", [False, True])
def test_first_frame_after_blindness_is_looked_at(attention: Attention | EveryFrame, lost: bool) -> None:
    frames = [
        NoFrame(make_at(second), make_at(BLIND[0])) if lost and second in BLIND else make_frame(second)
        for second in range(12)
    ]
    ids = iter(f"t{number}" for number in range(10))
    tracker = PersonTracker(0.35, YOLOX.of_persons(), lambda: next(ids), StaticObjectFilter())
    attention.reset()
    steps = list(presence_steps(frames, Judge(), attention, Somebody(), tracker, NoRules(), NoLedger()))
    looked_at = [second for second, step in enumerate(steps) if step.regions]
    assert 0 in looked_at
    assert BLIND[-1] + 1 in looked_at
    assert not set(BLIND) & set(looked_at)
    # A camera that gives nothing is one that can't see, since when it gave none.
    causes = {second: step.visibility.cause for second, step in enumerate(steps)}
    assert {causes[second] for second in BLIND} == {"lost" if lost else "covered"}
    assert {cause for second, cause in causes.items() if second not in BLIND} == {None}
    if lost:
        assert {steps[second].visibility.since.monotonic_s for second in BLIND} == {BLIND[0]}
