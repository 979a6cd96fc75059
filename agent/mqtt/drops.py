"""Connections that a broker ended: the recent count, so that many are logged once instead of each time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WITHIN_S = 60.0
# Fewer a minute are bad Wi-Fi, or a broker that is started again.
MANY = 3
# Twice the longest pause before a connection is made again.
QUIET_S = 120.0


@dataclass(slots=True)
class Drops:
    """The connections of the last minute that were taken or dropped; moments are in monotonic seconds.

    Attributes:
        unsteady: there were many, and no quiet time since.
    """

    unsteady: bool = False
    _ended: deque[tuple[float, bool]] = field(default_factory=deque)

    def ended(self, now_s: float, *, taken: bool) -> bool:
        """One was dropped, or taken by another client; return whether they are many from now on."""
        self._ended.append((now_s, taken))
        while now_s - self._ended[0][0] > WITHIN_S:
            self._ended.popleft()
        before, self.unsteady = self.unsteady, self.unsteady or self.count >= MANY
        return self.unsteady and not before

    @property
    def count(self) -> int:
        """How many there were within the minute before the last one."""
        return len(self._ended)

    @property
    def taken(self) -> bool:
        """Whether another client is known to have taken one of them; MQTT 3.1.1 never tells."""
        return any(taken for _, taken in self._ended)

    def over(self, now_s: float) -> bool:
        """Whether an unsteady time ends now: there is a connection, and for long none was dropped."""
        over = self.unsteady and now_s - self._ended[-1][0] > QUIET_S
        if over:
            self.unsteady = False
        return over
