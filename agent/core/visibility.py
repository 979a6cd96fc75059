"""Visibility: whether the camera can see, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agent.core.frame import Instant
    from agent.core.shift import Shift

BlindCause = Literal["covered", "dark", "blurred", "moved", "frozen", "lost"]


@dataclass(frozen=True, slots=True)
class Visibility:
    """The camera's visibility at one frame.

    Attributes:
        cause: why the camera is blind; None: it sees.
        since: the first sign of it; where it sees, since when it does.
        suspected: there is a first sign that it does not see, and it is soon known whether that is so.
        shift: by how much the view is shifted since the rules were drawn; None: that is not known.
    """

    cause: BlindCause | None
    since: Instant
    suspected: bool = False
    shift: Shift | None = None
