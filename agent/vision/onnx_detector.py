"""Persons and faces by two light networks in onnxruntime."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from agent.core.detections import FACE, PERSON, Detections
from agent.errors import ModelError
from agent.vision.decode import Boxes, suppressed, yolox_persons, yunet_faces
from agent.vision.letterbox import letterbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from agent.core.frame import Frame
    from agent.core.look import Look

    Decode = Callable[[list[NDArray[np.float32]], int, int, float], Boxes]

_PERSON_IOU = 0.45
_FACE_IOU = 0.3

# An upper body is worth a look of its own when the face in it, about 0.3 of the body's width, is
# too small for the network in the whole frame and yet has a few px to show.
_FACE_TO_BODY = 0.3
_FACE_SEEN_PX = 14.0
_FACE_WORTH_PX = 6.0
_MOST_CROPS = 6


def _session(model: bytes) -> ort.InferenceSession:
    """A network ready to run, from an ONNX file's content, on all cores.

    Raises:
        ModelError: onnxruntime does not take it.
    """
    options = ort.SessionOptions()
    # Named, since onnxruntime would bind threads of its own choice to cores, which a sandbox forbids.
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    # Spinning threads would burn a quarter of a core between two looks.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common root but this
        raise ModelError(f"onnxruntime can't load a model: {error}") from error


@dataclass(frozen=True, slots=True)
class _Kind:
    """What two networks differ in: how they are fed, and read."""

    decode: Decode
    outputs: list[str]
    pad: int
    suppress: Callable[[Boxes], NDArray[np.int64]]


def _suppressed_faces(boxes: Boxes) -> NDArray[np.int64]:
    """As OpenCV's FaceDetectorYN does it: on whole px."""
    xyxy, score = boxes
    corner, size = np.trunc(xyxy[:, :2]), np.trunc(xyxy[:, 2:] - xyxy[:, :2])
    return suppressed((np.concatenate([corner, corner + size], axis=1), score), _FACE_IOU)


YOLOX = _Kind(yolox_persons, ["output"], pad=114, suppress=partial(suppressed, max_iou=_PERSON_IOU))
YUNET = _Kind(
    yunet_faces,
    [f"{name}_{stride}" for name in ("cls", "obj", "bbox") for stride in (8, 16, 32)],
    pad=0,
    suppress=_suppressed_faces,
)


class Network:
    """One network of a fixed input, from a picture's region to boxes in px of the picture."""

    def __init__(self, kind: _Kind, model: bytes) -> None:
        self._kind = kind
        self._session = _session(model)
        self._input = self._session.get_inputs()[0].name
        _, _, self.height_px, self.width_px = self._session.get_inputs()[0].shape

    def boxes(self, image: NDArray[np.uint8], min_score: float) -> Boxes:
        """Boxes of at least this score after suppression, best first."""
        fitted = letterbox(image, self.height_px, self.width_px, self._kind.pad)
        raw = self._session.run(self._kind.outputs, {self._input: fitted.pixels})
        xyxy, score = self._kind.decode(raw, self.height_px, self.width_px, min_score)
        kept = self._kind.suppress((xyxy, score))
        height, width = image.shape[:2]
        limits = np.array([width, height, width, height], np.float32)
        return np.clip(xyxy[kept] / np.float32(fitted.scale), 0, limits), score[kept]


class PersonFaceDetector:
    """YOLOX for persons; YuNet for faces, in the whole region and on upper bodies where that pays."""

    def __init__(
        self,
        persons: Network,
        faces: Network | None = None,
        upper_bodies: Network | None = None,
        *,
        person_score: float,
        face_score: float,
        crop_score: float,
    ) -> None:
        """Take the networks to ask.

        Args:
            persons: finds persons in a region.
            faces: finds faces in a region; None: faces are not looked for.
            upper_bodies: finds faces in a small square; None: only whole regions are looked at.
            person_score: least score of a person, 0–1.
            face_score: least score of a face, 0–1.
            crop_score: least score of a person whose upper body is looked at.
        """
        self._persons = persons
        self._faces = faces
        self._upper_bodies = upper_bodies
        self._person_score = person_score
        self._face_score = face_score
        self._crop_score = crop_score

    def detect(self, frame: Frame, look: Look) -> Detections:
        """Persons and faces in the regions of a look, in px of the frame."""
        persons = self._in_regions(self._persons, frame, look, self._person_score, _PERSON_IOU)
        found = [_detections(persons, PERSON)]
        if self._faces:
            faces = self._in_regions(self._faces, frame, look, self._face_score, _FACE_IOU)
            if self._upper_bodies:
                width, height = frame.size_px
                scale = min(self._faces.width_px / width, self._faces.height_px / height)
                faces = self._with_small_faces(self._upper_bodies, frame, persons, faces, scale)
            found.append(_detections(faces, FACE))
        return Detections.joined(found)

    @staticmethod
    def _in_regions(network: Network, frame: Frame, look: Look, min_score: float, max_iou: float) -> Boxes:
        parts = []
        for left, top, right, bottom in look.regions:
            xyxy, score = network.boxes(frame.image[top:bottom, left:right], min_score)
            parts.append(
                _uncut(
                    (xyxy + np.array([left, top, left, top], np.float32), score),
                    (left, top, right, bottom),
                    frame.size_px,
                )
            )
        return _merged(parts, max_iou)

    def _with_small_faces(
        self, network: Network, frame: Frame, persons: Boxes, faces: Boxes, scale: float
    ) -> Boxes:
        parts = [faces]
        for (x1, y1, x2, y2), score in zip(*persons, strict=True):
            face_px = (x2 - x1) * _FACE_TO_BODY
            if score < self._crop_score or face_px < _FACE_WORTH_PX or face_px * scale >= _FACE_SEEN_PX:
                continue
            side = max(1.2 * (x2 - x1), 0.35 * (y2 - y1))
            left, top = max(0, int((x1 + x2 - side) / 2)), max(0, int(y1 - 0.1 * side))
            square = frame.image[top : top + int(side), left : left + int(side)]
            xyxy, score_ = network.boxes(square, self._face_score)
            parts.append((xyxy + np.array([left, top, left, top], np.float32), score_))
            if len(parts) > _MOST_CROPS:
                break
        return _merged(parts, _FACE_IOU)


def _uncut(boxes: Boxes, region: tuple[int, int, int, int], size_px: tuple[int, int]) -> Boxes:
    """Boxes that the border of a region, and not of the picture, doesn't cut."""
    xyxy, score = boxes
    left, top, right, bottom = region
    if (left, top) == (0, 0) and (right, bottom) == size_px:
        return boxes
    margin = 0.01 * max(right - left, bottom - top)
    cut = np.zeros(len(score), np.bool_)
    if left > 0:
        cut |= xyxy[:, 0] < left + margin
    if top > 0:
        cut |= xyxy[:, 1] < top + margin
    if right < size_px[0]:
        cut |= xyxy[:, 2] > right - margin
    if bottom < size_px[1]:
        cut |= xyxy[:, 3] > bottom - margin
    return xyxy[~cut], score[~cut]


def _merged(parts: list[Boxes], max_iou: float) -> Boxes:
    if len(parts) == 1:
        return parts[0]
    xyxy = np.concatenate([part[0] for part in parts])
    score = np.concatenate([part[1] for part in parts])
    kept = suppressed((xyxy, score), max_iou)
    return xyxy[kept], score[kept]


def _detections(boxes: Boxes, class_id: int) -> Detections:
    xyxy, score = boxes
    return Detections(xyxy, score, np.full(len(score), class_id, np.int64))
