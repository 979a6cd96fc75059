"""Clock rule: steps and synchronisation of the wall clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.event import ClockSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.frame import Instant

_STEP_S = 1.0


class ClockRule:
    """Reports `agent.clock_set` when the clock becomes synchronised, or steps.

    From then on a moment's UTC is its monotonic time and the event's `offset_s`: whoever keeps events
    that were unsynced can put them right by their `mono_s`.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._synced = False

    @property
    def believed_s(self) -> float | None:
        """The offset that was last known to be right; None: none was."""
        return self._offset_s if self._synced else None

    def replay(self, at: Instant) -> None:
        """Take the clock of an event of the same boot, reported before this start."""
        self._offset_s, self._synced = offset_s(at), at.synced

    def update(self, at: Instant) -> Iterator[ClockSet]:
        """Yield the change that this moment shows."""
        before_s, self._offset_s = self._offset_s, offset_s(at)
        was_synced, self._synced = self._synced, at.synced
        if before_s is None:
            return
        if (at.synced and not was_synced) or abs(self._offset_s - before_s) > _STEP_S:
            yield ClockSet(rule="agent", at=at, offset_s=self._offset_s)


def offset_s(at: Instant) -> float:
    """UTC, in seconds since 1970, less the monotonic clock."""
    return at.utc.timestamp() - at.monotonic_s
