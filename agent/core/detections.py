"""Detections: the boxes that a detector found in one look at a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERSON = 0
FACE = 1


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes of one look, in no particular order.

    Attributes:
        xyxy: f32[N, 4], left, top, right, bottom in px of `Frame.image`.
        confidence: f32[N], 0–1.
        class_id: i64[N], PERSON or FACE.

    Raises:
        ValueError: the three do not have the same N, or a wrong shape.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.confidence)
        if self.xyxy.shape != (n, 4) or self.confidence.shape != (n,) or self.class_id.shape != (n,):
            shapes = self.xyxy.shape, self.confidence.shape, self.class_id.shape
            raise ValueError(f"detections of unequal shapes: {shapes}")

    @classmethod
    def empty(cls) -> Self:
        """Looked, and saw nobody (not looking at all is None)."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """The boxes of several regions of one frame together."""
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([part.xyxy for part in parts]),
            np.concatenate([part.confidence for part in parts]),
            np.concatenate([part.class_id for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.confidence)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Those that a mask or an index array picks."""
        return type(self)(self.xyxy[keep], self.confidence[keep], self.class_id[keep])

    def of_class(self, class_id: int) -> Self:
        """Only the persons, or only the faces."""
        return self.where(self.class_id == class_id)
