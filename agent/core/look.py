"""Where to look in a frame."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Regions of a frame worth a look: left, top, right, bottom in px, right and bottom excluded."""

    regions: tuple[Box, ...]
