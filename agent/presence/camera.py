"""Camera rule: the intervals in which the camera is blind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.event import CameraBlind, CameraRestored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.core.visibility import Visibility

_RULE = "camera"
# A start in the dark knows nothing of it at first: so long it must see until a blindness of before is over.
_SURE_S = 3.0


class CameraRule:
    """Reports `camera.blind` once, and `camera.restored` when the camera sees again.

    ::

        camera    sees   dark   dark   covered   covered   sees
        reported          blind(dark)                       restored(dark)

    A blindness lasts until the camera sees, whatever else happens to it meanwhile: both events carry the
    cause that it started with, the states carry the present one. Nobody was looked for until the
    moment that `restored` is reported, so `blind_s` runs up to it.

    An agent that stops while it is blind has not seen anything again: the blindness goes on until a later
    start sees for some time, or somebody, which takes it up with `resume`.
    """

    def __init__(self) -> None:
        self._blindness: CameraBlind | None = None
        self._doubtful = False
        self._good_from: Instant | None = None

    @property
    def blind(self) -> bool:
        """Whether a blindness was reported that is not over."""
        return self._blindness is not None

    @property
    def blindness(self) -> CameraBlind | None:
        """The blindness that was reported and is not over."""
        return self._blindness

    def resume(self, blindness: CameraBlind | None) -> None:
        """Go on with a blindness that was reported before this start; None: there is none."""
        self._blindness, self._doubtful = blindness, blindness is not None

    def update(self, visibility: Visibility, at: Instant, *, somebody: bool = False) -> Iterator[Event]:
        """Yield the start or the end of a blindness.

        Args:
            visibility: of this frame.
            at: when it was taken.
            somebody: whether the rules reported anything of this frame, so that it surely shows people.
        """
        if visibility.cause is not None and self._blindness is None:
            self._blindness = CameraBlind(rule=_RULE, at=at, cause=visibility.cause, since=visibility.since)
            yield self._blindness
        elif visibility.cause is not None:
            self._doubtful = False
        elif self._blindness is not None and (somebody or self._sees(visibility, at)):
            blindness, self._blindness, self._doubtful = self._blindness, None, False
            yield CameraRestored(
                rule=_RULE,
                at=at,
                cause=blindness.cause,
                since=blindness.since,
                blind_s=max(0.0, at.monotonic_s - blindness.since.monotonic_s),
            )

    def _sees(self, visibility: Visibility, at: Instant) -> bool:
        """Whether the camera surely sees; sooner where this run itself saw it turn blind."""
        if not self._doubtful:
            return True
        self._good_from = None if visibility.suspected else self._good_from or at
        return self._good_from is not None and at.monotonic_s - self._good_from.monotonic_s >= _SURE_S
