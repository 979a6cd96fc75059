"""Cursors: where the reading of a list goes on, in a text that a program gives back as it got it."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

from starlette.exceptions import HTTPException

_MS = r"(\d{1,15})"
_NAMES = r"([a-z0-9/-]{1,65}):([a-z0-9-]{1,32})"
_QUARTER = re.compile(rf"{_MS}:{_NAMES}", re.ASCII)
_DAY = re.compile(rf"{_MS}(?::{_NAMES}:(\d{{4}}-\d\d-\d\d))?", re.ASCII)


class QuarterCursor(NamedTuple):
    """The last quarter that was given."""

    start_ms: int
    agent: str
    rule: str

    def text(self) -> str:
        """As it is given out."""
        return ":".join(map(str, self))


class DayCursor(NamedTuple):
    """The last day that was given, by when it changed."""

    changed_ms: int
    agent: str
    rule: str
    date: str

    def text(self) -> str:
        """As it is given out."""
        return ":".join(map(str, self))


def quarter_cursor(text: str) -> QuarterCursor:
    """Read what a program gives back.

    Raises:
        HTTPException: it is none of ours.
    """
    if not (found := _QUARTER.fullmatch(text)):
        raise _wrong("after")
    return QuarterCursor(int(found[1]), found[2], found[3])


def day_cursor(text: str) -> DayCursor:
    """Read what a program gives back, or a time in ms since 1970.

    Raises:
        HTTPException: it is neither.
    """
    if not (found := _DAY.fullmatch(text)):
        raise _wrong("changed_after")
    # All of that millisecond: nothing sorts behind it.
    return DayCursor(int(found[1]), found[2] or "~", found[3] or "~", found[4] or "~")


def _wrong(name: str) -> HTTPException:
    return HTTPException(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: give the `next` of the answer before, or leave it out"
    )
