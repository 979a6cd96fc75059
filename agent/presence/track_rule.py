"""Stage that turns tracks into events of one rule that lies in the picture: what every kind's can do."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.event import EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.geometry import Shape
    from agent.core.track import Track

_Shape = TypeVar("_Shape", bound="Shape")


class TrackRule(Generic[_Shape]):
    """Rule that is made of tracks; a kind of rule says what it reports.

    Attributes:
        shape: where it lies, px of the frame.
        from_s: since when it lies there, in monotonic seconds.
    """

    def __init__(self, shape: _Shape, from_s: float = -inf) -> None:
        """Take where it lies, and since when."""
        self.shape, self.from_s = shape, from_s

    def update(self, tracks: Sequence[Track], at: Instant) -> Iterator[Event]:
        """Yield what changed up to this frame."""
        raise NotImplementedError

    def close(self, at: Instant, why: EndedWhy) -> Iterator[Event]:
        """Yield the end of what is open."""
        raise NotImplementedError

    def lay(self, shape: _Shape, at: Instant) -> None:
        """It lies here from now on, as the view is shifted; what is open goes on."""
        self.shape, self.from_s = shape, at.monotonic_s

    def change(self, shape: _Shape, at: Instant) -> bool:
        """Go by another shape from now on; False: it can't, and another rule has to be made."""
        if shape != self.shape:
            self.lay(shape, at)
        return True


AnyTrackRule = TrackRule[Any]
