"""Clocks of a log's events: the offset of UTC to the monotonic clock, which orders them within a boot."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

# So much a clock is corrected without being set.
_STEP_S = 1.0
# A clock that is set again and again.
_MOST = 100


@dataclass(frozen=True, slots=True)
class EventClock:
    """What the events from a number on have in common.

    Attributes:
        first_seq: the first of them.
        boot: whose monotonic clock they have.
        offset_s: their UTC since 1970 less their moment on it.
    """

    first_seq: int
    boot: str
    offset_s: float


def clocks_after(clocks: tuple[EventClock, ...], now: EventClock) -> tuple[EventClock, ...]:
    """Add a clock, unless it is the last one still."""
    last = clocks[-1] if clocks else None
    if last and last.boot == now.boot and abs(last.offset_s - now.offset_s) <= _STEP_S:
        return clocks
    return (*clocks, now)[-_MOST:]


def clock_at(clocks: tuple[EventClock, ...], seq: int) -> EventClock | None:
    """The clock of an event; None: not known."""
    return next((clock for clock in reversed(clocks) if clock.first_seq <= seq), None)


def clocks_text(clocks: tuple[EventClock, ...]) -> str:
    """As JSON, for the log's notes."""
    return json.dumps([astuple(clock) for clock in clocks], separators=(",", ":"))


def clocks_of(text: str | None) -> tuple[EventClock, ...]:
    """Read such JSON; empty where it can't be read."""
    try:
        return tuple(
            EventClock(int(seq), str(boot), float(offset)) for seq, boot, offset in json.loads(text or "[]")
        )
    except (ValueError, TypeError, RecursionError):
        return ()
