"""Spells in which the camera can't see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.event import CameraBlind, CameraRestored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.core.visibility import Visibility

_RULE = "camera"
# A start in the dark knows nothing of it at first: so long it must see for a spell of before to be over.
_SURE_S = 3.0


class CameraRule:
    """Says `camera.blind` once a spell, and `camera.restored` when the camera sees again.

    ::

        sight    sees   dark   dark   covered   covered   sees
        told            blind(dark)                       restored(dark)

    A spell lasts until the camera sees, whatever else befalls it meanwhile: both events carry the
    cause that it began with, the states carry the present one. Nobody was looked for until the
    moment that `restored` is told, so `blind_s` runs up to it.

    An agent that stops while it is blind has not seen anything again: the spell goes on until a later
    start sees for some time, or somebody, which takes it up with `resume`.
    """

    def __init__(self) -> None:
        self._spell: CameraBlind | None = None
        self._doubtful = False
        self._good_from: Instant | None = None

    @property
    def blind(self) -> bool:
        """Whether a spell was told that is not over."""
        return self._spell is not None

    @property
    def spell(self) -> CameraBlind | None:
        """The spell that was told and is not over."""
        return self._spell

    def resume(self, spell: CameraBlind | None) -> None:
        """Go on with a spell that was told before this start; None: there is none."""
        self._spell, self._doubtful = spell, spell is not None

    def update(self, sight: Visibility, at: Instant, *, somebody: bool = False) -> Iterator[Event]:
        """Yield the begin or the end of a spell; `somebody`: this frame showed what somebody did."""
        if sight.cause is not None and self._spell is None:
            self._spell = CameraBlind(rule=_RULE, at=at, cause=sight.cause, since=sight.since)
            yield self._spell
        elif sight.cause is not None:
            self._doubtful = False
        elif self._spell is not None and (somebody or self._sees(sight, at)):
            spell, self._spell, self._doubtful = self._spell, None, False
            yield CameraRestored(
                rule=_RULE,
                at=at,
                cause=spell.cause,
                since=spell.since,
                blind_s=max(0.0, at.monotonic_s - spell.since.monotonic_s),
            )

    def _sees(self, sight: Visibility, at: Instant) -> bool:
        """Whether it is sure; of what turned blind and good again under its eyes a judge is."""
        if not self._doubtful:
            return True
        self._good_from = None if sight.suspected else self._good_from or at
        return self._good_from is not None and at.monotonic_s - self._good_from.monotonic_s >= _SURE_S
