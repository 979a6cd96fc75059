"""Labels in a picture, none of which covers another."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from agent.render.text import fitted, ink, write_outlined

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Color = tuple[int, int, int]
    Rectangle = tuple[int, int, int, int]

_ROW = 1.4
_MOST_ROWS, _MOST_SIDEWAYS = 12, 1


class Labels:
    """Labels of one picture; earlier ones get their place first."""

    def __init__(self, canvas: Image) -> None:
        """Take the picture, u8[H, W, 3] BGR; the size of the letters goes by its height."""
        self._canvas = canvas
        self.size_px = min(max(int(canvas.shape[0]) // 30, 14), 36)
        self._taken: list[Rectangle] = []

    def keep_free(self, left: int, top: int, right: int, bottom: int) -> None:
        """Keep a rectangle free of labels.

        Args:
            left: first column, px.
            top: first row, px.
            right: column after the last one, px.
            bottom: row after the last one, px.
        """
        self._taken.append((left, top, right, bottom))

    def write(self, text: str, at: tuple[float, float], color: Color, *, needed: bool = True) -> bool:
        """Write a text where there is room, as near to a place as possible; return whether it was written.

        Args:
            text: cut if it is wider than the picture.
            at: left end of the base line, x and y in px.
            color: of the letters, BGR, 0–255 each.
            needed: try all places of the picture; otherwise only near ones, and leave it out if none is free.
        """
        if not text:
            return False
        height, width = self._canvas.shape[:2]
        text = fitted(text, self.size_px, width - 8)
        left, top, right, bottom = ink(text, self.size_px)
        places = self._around(at, right - left) if not needed else self._anywhere(at, right - left)
        for x, y in places:
            # All of it stays in the picture.
            x_in = max(-left, min(round(x), width - right))
            y_in = max(-top, min(round(y), height - bottom))
            mine = x_in + left, y_in + top, x_in + right, y_in + bottom
            if not any(_overlap(mine, other) for other in self._taken):
                self._taken.append(mine)
                write_outlined(self._canvas, text, (x_in, y_in), self.size_px, color)
                return True
        return False

    def _around(self, at: tuple[float, float], wide_px: int) -> Iterator[tuple[float, float]]:
        """Places around a point, the nearest first."""
        rows, sides = range(-_MOST_ROWS, _MOST_ROWS + 1), range(-_MOST_SIDEWAYS, _MOST_SIDEWAYS + 1)
        steps = [(side * (wide_px + 4), row * _ROW * self.size_px) for row in rows for side in sides]
        for right, down in sorted(steps, key=lambda step: hypot(*step)):
            yield at[0] + right, at[1] + down

    def _anywhere(self, at: tuple[float, float], wide_px: int) -> Iterator[tuple[float, float]]:
        yield from self._around(at, wide_px)
        height, width = self._canvas.shape[:2]
        for y in range(self.size_px, height, max(1, self.size_px // 2)):
            for x in range(0, width, max(1, width // 16)):
                yield x, y


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
