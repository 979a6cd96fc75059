"""Spells in which the camera can't see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.event import CameraBlind, CameraRestored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.core.sight import Sight

_RULE = "camera"


class CameraRule:
    """Says `camera.blind` once a spell, and `camera.restored` when the camera sees again.

    ::

        sight    sees   dark   dark   covered   covered   sees
        told            blind(dark)                       restored(dark)

    A spell lasts until the camera sees, whatever else befalls it meanwhile: both events carry the
    cause that it began with, the states carry the present one. Nobody was looked for until the
    moment that `restored` is told, so `blind_s` runs up to it.

    There is nothing to close when the agent stops: an agent that stops while it is blind has not seen
    anything again, and its last word is `agent.stopped`.
    """

    def __init__(self) -> None:
        self._spell: CameraBlind | None = None

    def update(self, sight: Sight, at: Instant) -> Iterator[Event]:
        """Yield the begin or the end of a spell."""
        if sight.cause is not None and self._spell is None:
            self._spell = CameraBlind(rule=_RULE, at=at, cause=sight.cause, since=sight.since)
            yield self._spell
        elif sight.cause is None and self._spell is not None:
            spell, self._spell = self._spell, None
            yield CameraRestored(
                rule=_RULE,
                at=at,
                cause=spell.cause,
                since=spell.since,
                blind_s=at.monotonic_s - spell.since.monotonic_s,
            )
