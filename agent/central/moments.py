"""Times of the wire form as milliseconds since 1970, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
# The end of the year 9999, the last that RFC 3339 can write.
LAST_MS: Final = 253_402_300_799_999


def ms_of(text: object) -> int:
    """Milliseconds since 1970 of what looks like a time; 0: it is none."""
    try:
        return (datetime.fromisoformat(str(text)) - _START) // _MS
    except (ValueError, TypeError, OverflowError):
        return 0


def text_of(ms: int) -> str:
    """A time as the wire form has it, with milliseconds; those that it can't write are its first or last."""
    moment = _START + min(max(ms, 0), LAST_MS) * _MS
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
