"""Regions of interest of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

Box = tuple[int, int, int, int]

if TYPE_CHECKING:
    from agent.core.frame import Frame


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of a frame for the detector: left, top, right, bottom in px, right and bottom excluded."""

    regions: tuple[Box, ...]


def whole(frame: Frame) -> Regions:
    """One region: all of a frame."""
    width, height = frame.size_px
    return Regions(((0, 0, width, height),))
