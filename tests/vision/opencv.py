"""Oracles for the decoding: OpenCV runs and reads the upstream files, sharing no code with the agent."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Scored = tuple[list[list[float]], list[float]]
    """Boxes as left, top, right, bottom, and their scores."""

PERSON_SIDE, FACE_SIDE = 416, 640


class OpenCvPersons:
    """YOLOX-Nano in cv2.dnn, decoded one row after the other."""

    def __init__(self, directory: Path) -> None:
        self._network = cv2.dnn.readNetFromONNX(str(directory / "yolox_nano.onnx"))

    def found(self, pixels: NDArray[np.uint8], min_score: float) -> Scored:
        """Persons in a letterboxed u8[1, 3, 416, 416], before suppression."""
        self._network.setInput(pixels.astype(np.float32))
        rows = self._network.forward()[0].tolist()
        cells = [
            (column, row, stride)
            for stride in (8, 16, 32)
            for row in range(PERSON_SIDE // stride)
            for column in range(PERSON_SIDE // stride)
        ]
        boxes, scores = [], []
        for (column, row, stride), (x, y, w, h, objectness, person, *_) in zip(cells, rows, strict=True):
            if objectness * person >= min_score:
                cx, cy = (x + column) * stride, (y + row) * stride
                half_w, half_h = exp(w) * stride / 2, exp(h) * stride / 2
                boxes.append([cx - half_w, cy - half_h, cx + half_w, cy + half_h])
                scores.append(objectness * person)
        return boxes, scores


class OpenCvFaces:
    """YuNet as OpenCV itself feeds, decodes and suppresses it."""

    def __init__(self, directory: Path) -> None:
        path = str(directory / "face_detection_yunet_2023mar.onnx")
        self._detector = cv2.FaceDetectorYN.create(path, "", (FACE_SIDE, FACE_SIDE), top_k=9000)

    def found(self, pixels: NDArray[np.uint8], min_score: float, max_iou: float) -> Scored:
        """Faces in a letterboxed u8[1, 3, 640, 640], suppressed on whole px; not at a max_iou of 1."""
        self._detector.setScoreThreshold(min_score)
        self._detector.setNMSThreshold(max_iou)
        # Without a face there is no array at all, though OpenCV's types promise one.
        rows: Any = self._detector.detect(np.ascontiguousarray(pixels[0].transpose(1, 2, 0)))[1]
        found = [] if rows is None else rows.tolist()
        return [[x, y, x + w, y + h] for x, y, w, h, *_ in found], [row[14] for row in found]


def of_score(scored: Scored, min_score: float) -> Scored:
    """Those of at least this score."""
    sure = [(box, score) for box, score in zip(*scored, strict=True) if score >= min_score]
    return [box for box, _ in sure], [score for _, score in sure]


def suppressed_by_opencv(scored: Scored, max_iou: float) -> Scored:
    """The boxes that OpenCV keeps, on fractions of a px."""
    boxes, scores = scored
    if not boxes:
        return scored
    sized = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes]
    kept = cv2.dnn.NMSBoxes(sized, scores, 0.0, max_iou)
    return [boxes[i] for i in kept], [scores[i] for i in kept]


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def assert_one_to_one(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], expected: Scored, *, scale: float = 1.0
) -> None:
    """Each box has its like among the expected ones (divided by scale), and none is left over."""
    left = [([v / scale for v in box], score) for box, score in zip(*expected, strict=True)]
    assert len(boxes) == len(scores) == len(left)
    for box, score in zip(boxes.tolist(), scores.tolist(), strict=True):
        best = max(left, key=lambda one: overlap(one[0], box))
        assert overlap(best[0], box) >= 0.999
        assert abs(best[1] - score) <= 1e-3
        left.remove(best)
