"""Blur of pictures for people, on a grid of cells.

A cell's level is the size of the blocks that it is shown in: 0 as it is, k in blocks of 2**k cells each way.
The size goes by the person, not by the blurred region, so that a head is one or two blocks: nobody can be
recognised, and the picture can't be computed back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.detections import FACE, PERSON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.core.detections import Detections

    Image = NDArray[np.uint8]
    Levels = NDArray[np.uint8]
    Box = Sequence[float]

# So many cells across a picture: a person of a tenth of its height is some five of them high.
_CELLS = 192
_LEAST_CELL_PX = 2
# A whole person is so many blocks wide and high, at the most: a head is a third by a seventh of that.
_PERSON_BLOCKS = 5.0, 10.0
_FACE_BLOCKS = 2.0
# Rim around a box that is blurred too: boxes are some px off, and a face's box is less than the head.
_PERSON_RIM_RATIO = 0.15
_FACE_RIM_RATIO = 0.4


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of pictures of one size; those at the right and lower edge may be cut.

    Attributes:
        size_px: width and height of the pictures.
        cell_px: width and height of a cell.
    """

    size_px: tuple[int, int]
    cell_px: int

    @classmethod
    def of(cls, size_px: tuple[int, int]) -> Grid:
        """The grid of pictures of this width and height."""
        return cls(size_px, max(_LEAST_CELL_PX, -(-max(size_px) // _CELLS)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        width, height = self.size_px
        return -(-height // self.cell_px), -(-width // self.cell_px)

    def nothing(self) -> Levels:
        """Levels of a picture that is not blurred."""
        return np.zeros(self.shape, np.uint8)

    def small(self, image: Image) -> Image:
        """The mean of each cell, u8[rows, columns, 3]."""
        rows, columns = self.shape
        return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    def level(self, block_px: float) -> int:
        """The level whose blocks are nearest to this size."""
        return max(1, round(float(np.log2(max(block_px / self.cell_px, 1.0)))))

    def cells(self, box: Box, rim_ratio: float = 0.0) -> tuple[slice, slice]:
        """Rows and columns of all cells that a box in px and its rim touch."""
        left, top, right, bottom = box
        rim_x, rim_y = rim_ratio * (right - left), rim_ratio * (bottom - top)
        rows, columns = self.shape

        def touched(low: float, high: float, most: int) -> slice:
            first = min(max(int(np.floor(low / self.cell_px)), 0), most)
            return slice(first, max(first, min(int(np.ceil(high / self.cell_px)), most)))

        return touched(top - rim_y, bottom + rim_y, rows), touched(left - rim_x, right + rim_x, columns)

    def cover_persons(self, levels: Levels, boxes: Sequence[Box]) -> None:
        """Blur persons whose boxes these are, in px."""
        for box in boxes:
            wide, high = box[2] - box[0], box[3] - box[1]
            level = self.level(max(wide / _PERSON_BLOCKS[0], high / _PERSON_BLOCKS[1]))
            _raise(levels, self.cells(box, _PERSON_RIM_RATIO), level)

    def cover_faces(self, levels: Levels, boxes: Sequence[Box]) -> None:
        """Blur heads whose faces these are, in px."""
        for box in boxes:
            level = self.level(max(box[2] - box[0], box[3] - box[1]) / _FACE_BLOCKS)
            _raise(levels, self.cells(box, _FACE_RIM_RATIO), level)

    def cover(self, levels: Levels, seen: Detections) -> None:
        """Blur all persons and faces detected in a look."""
        self.cover_persons(levels, seen.of_class(PERSON).xyxy.tolist())
        self.cover_faces(levels, seen.of_class(FACE).xyxy.tolist())

    def blurred(self, image: Image, levels: Levels) -> Image:
        """Blurred copy of a picture, its cells in blocks by their levels."""
        canvas = image.copy()
        width, height = self.size_px
        for level in np.unique(levels[levels > 0]).tolist():
            where = np.repeat(np.repeat(levels == level, self.cell_px, 0), self.cell_px, 1)
            block_px = self.cell_px << level
            blocks = -(-width // block_px), -(-height // block_px)
            coarse = cv2.resize(image, blocks, interpolation=cv2.INTER_AREA)
            smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
            np.copyto(canvas, smooth, where=where[:height, :width, None])
        return canvas


def _raise(levels: Levels, where: tuple[slice, slice], level: int) -> None:
    np.maximum(levels[where], level, out=levels[where])
