"""Person and face detector: two light networks in onnxruntime."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnxruntime as ort

from agent.core.detections import FACE, PERSON, Detections
from agent.errors import ModelError
from agent.networks.nms import suppressed
from agent.vision.letterbox import Letterbox, Shape, best_shape, fitting_scale

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.frame import Frame
    from agent.core.regions import Box, Regions
    from agent.networks.family import Boxes, NetworkFamily

# Nearer to the border of a crop than this part of it, somebody may go on beyond it.
_CUT_RATIO = 0.01

# An upper body is worth a look of its own when the face in it, at most 0.3 of the body's width, is
# too small for the network in the whole region and yet has a few px to show. Of 334 persons in six
# clips such a look alone found the face of 48 % below 11 px at the network's scale, of 23 % from 11
# to 17 px, of 8 % from 17 to 25 px and of none above.
_FACE_TO_BODY = 0.3
_FACE_SEEN_PX = 17.0
_FACE_WORTH_PX = 6.0
_MOST_CROPS = 6
_HALF = 0.5
_UPPER_BODY: Shape = (160, 160)


@cache
def _one_arena_for_all() -> None:
    """Networks that run one after the other work in the same memory; sessions must ask for it."""
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({}))


def _session(model: Path, threads: int) -> ort.InferenceSession:
    """A network ready to run, from its prepared file.

    Raises:
        ModelError: onnxruntime does not take it.
    """
    options = ort.SessionOptions()
    # Named, since onnxruntime would bind threads of its own choice to cores, which a sandbox forbids.
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would burn a quarter of a core between two looks.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    _one_arena_for_all()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # A plan of the memory for each shape saves no time, and keeps a block for each.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        # By its name: the file's content would be kept as long as the session.
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common root but this
        raise ModelError(f"onnxruntime can't load a model: {error}") from error
    # What loading took, glibc would keep for a next time that never comes.
    ctypes.CDLL(None).malloc_trim(0)
    return session


class Network:
    """One network, from a picture's region of any shape to boxes in px of the picture.

    Attributes:
        family: how it is fed and decoded, and what its scores mean.
    """

    def __init__(
        self, family: NetworkFamily, model: Path, shapes: Sequence[Shape], threads: int | None = None
    ) -> None:
        """Load a network.

        Args:
            family: how it is fed and decoded.
            model: its prepared file.
            shapes: of the input, in px; the one that fits a picture best is used.
            threads: for one inference; None: one a core.

        Raises:
            ModelError: onnxruntime does not take the file.
        """
        self.family = family
        self._session = _session(model, threads or len(os.sched_getaffinity(0)))
        self._input = self._session.get_inputs()[0].name
        self._shapes = tuple(shapes)
        self._letterboxes: dict[Shape, Letterbox] = {}

    def scale(self, width_px: int, height_px: int) -> float:
        """Input px for each px of a picture of this size."""
        return fitting_scale(best_shape(self._shapes, width_px, height_px), width_px, height_px)

    def boxes(self, image: NDArray[np.uint8], min_score: float, shape: Shape | None = None) -> Boxes:
        """Boxes of at least this score after suppression, best first.

        Args:
            image: u8[H, W, 3] BGR.
            min_score: 0–1.
            shape: of the input; None: whichever of the network's shapes fits the picture best.
        """
        height, width = image.shape[:2]
        shape = shape or best_shape(self._shapes, width, height)
        family = self.family
        if shape not in self._letterboxes:
            self._letterboxes[shape] = Letterbox(shape, family.feeding.pad, centred=family.feeding.centred)
        fitted = self._letterboxes[shape]
        scale = fitted.fill(image)
        raw = self.infer(fitted.pixels)
        xyxy, score = family.decode(raw, *shape, min_score)
        kept = family.suppress((xyxy, score), family.max_iou)
        left, top = fitted.corner
        limits = np.array([width, height, width, height], np.float32)
        placed = (xyxy[kept] - np.array([left, top, left, top], np.float32)) / np.float32(scale)
        return np.minimum(np.maximum(placed, 0), limits), score[kept]

    def infer(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The network's outputs for an input u8[1, 3, H, W], H and W multiples of its family's."""
        raw: list[NDArray[np.float32]] = self._session.run(self.family.outputs, {self._input: pixels})
        return raw


class _View:
    """A region of a frame, as the input of networks."""

    def __init__(self, frame: Frame, region: Box, *, halved: bool = False) -> None:
        """Take it as it is, or in half as many px each way: means of four, alike on every processor."""
        left, top, right, bottom = region
        self._region = region
        self._frame_size = frame.size_px
        self._zoom = 2 if halved else 1
        self._image = frame.image[top:bottom, left:right]
        if halved:
            size = (right - left) // 2, (bottom - top) // 2
            self._image = cv2.resize(self._image, size, interpolation=cv2.INTER_LINEAR_EXACT).astype(
                np.uint8, copy=False
            )

    def boxes(self, network: Network, min_score: float, shape: Shape | None = None) -> Boxes:
        """The boxes that a network finds, in px of the frame."""
        xyxy, score = network.boxes(self._image, min_score, shape)
        left, top, _, _ = self._region
        return xyxy * self._zoom + np.array([left, top, left, top], np.float32), score

    def uncut(self, network: Network, min_score: float) -> Boxes:
        """The boxes that the region's border does not cut, unless it is the frame's."""
        xyxy, score = self.boxes(network, min_score)
        left, top, right, bottom = self._region
        width, height = self._frame_size
        if self._region == (0, 0, width, height):
            return xyxy, score
        margin = _CUT_RATIO * max(right - left, bottom - top)
        low = [left + margin if left > 0 else -1, top + margin if top > 0 else -1]
        high = [
            right - margin if right < width else width + 1,
            bottom - margin if bottom < height else height + 1,
        ]
        uncut = np.all(xyxy[:, :2] >= low, axis=1) & np.all(xyxy[:, 2:] <= high, axis=1)
        return xyxy[uncut], score[uncut]


class PersonFaceDetector:
    """Networks for persons, and for faces in the whole region and on upper bodies where that pays.

    Attributes:
        faces: the network that finds faces; None: faces are not looked for.
        took_ms: how long the last detection took.
    """

    def __init__(
        self,
        persons: Network,
        faces: Network | None = None,
        *,
        person_score: float,
        face_score: float,
        crop_score: float | None = None,
    ) -> None:
        """Take the networks and the least scores.

        Args:
            persons: finds persons in a region.
            faces: finds faces in a region and on upper bodies; None: faces are not looked for.
            person_score: least score of a person, 0–1.
            face_score: least score of a face, 0–1.
            crop_score: least score of a person whose upper body is looked at; None: nobody's is.
        """
        self._persons = persons
        self._crop_score = crop_score
        self.took_ms = 0.0
        self.faces, self._person_score, self._face_score = faces, person_score, face_score

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks in use, that of persons first."""
        return (self._persons, self.faces) if self.faces else (self._persons,)

    def change(self, faces: Network | None, person_score: float, face_score: float) -> None:
        """Go by other settings from now on; the network of persons stays.

        Args:
            faces: finds faces; None: faces are not looked for.
            person_score: least score of a person, 0–1.
            face_score: least score of a face, 0–1.
        """
        self.faces, self._person_score, self._face_score = faces, person_score, face_score

    def detect(self, frame: Frame, regions: Regions) -> Detections:
        """Persons and faces in these regions, in px of the frame."""
        start_s = perf_counter()
        views = [self._view(frame, region) for region in regions.regions]
        persons = _merged([view.uncut(self._persons, self._person_score) for view in views], self._persons)
        found = [_detections(persons, PERSON)]
        if self.faces:
            parts = [view.uncut(self.faces, self._face_score) for view in views]
            if self._crop_score is not None:
                parts += self._on_upper_bodies(self.faces, frame, regions, persons, self._crop_score)
            found.append(_detections(_merged(parts, self.faces), FACE))
        self.took_ms = (perf_counter() - start_s) * 1000
        return Detections.joined(found)

    def _view(self, frame: Frame, region: Box) -> _View:
        """A region; in half its size where one network asks for just that and none for more.

        So a picture of 1280 px costs a quarter less to fit into both.
        """
        width, height = region[2] - region[0], region[3] - region[1]
        largest = max(network.scale(width, height) for network in self.networks)
        even = width % 2 == height % 2 == 0
        return _View(frame, region, halved=even and largest == _HALF and self.faces is not None)

    def _on_upper_bodies(
        self, faces: Network, frame: Frame, regions: Regions, persons: Boxes, least_score: float
    ) -> Iterator[Boxes]:
        """Faces that the look at their region was too coarse for."""
        return islice(
            (
                _View(frame, _upper_body(box)).boxes(faces, self._face_score, _UPPER_BODY)
                for box, score in zip(persons[0].tolist(), persons[1].tolist(), strict=True)
                if score >= least_score and _worth_another_look(box, regions, faces)
            ),
            _MOST_CROPS,
        )


def _worth_another_look(person: list[float], regions: Regions, faces: Network) -> bool:
    """Whether a person's face was too small for a network where it was looked at, and is no mere dot."""
    left, top, right, _ = person
    face_px = (right - left) * _FACE_TO_BODY
    scales = [
        faces.scale(x2 - x1, y2 - y1)
        for x1, y1, x2, y2 in regions.regions
        if x1 <= (left + right) / 2 <= x2 and y1 <= top <= y2
    ]
    return face_px >= _FACE_WORTH_PX and face_px * max(scales) < _FACE_SEEN_PX


def _upper_body(person: list[float]) -> Box:
    """A square around head and shoulders."""
    left, top, right, bottom = person
    side = max(1.2 * (right - left), 0.35 * (bottom - top))
    x, y = max(0, int((left + right - side) / 2)), max(0, int(top - 0.1 * side))
    return x, y, x + int(side), y + int(side)


def _merged(parts: list[Boxes], network: Network) -> Boxes:
    if len(parts) == 1:
        return parts[0]
    xyxy = np.concatenate([part[0] for part in parts])
    score = np.concatenate([part[1] for part in parts])
    kept = suppressed((xyxy, score), network.family.max_iou)
    return xyxy[kept], score[kept]


def _detections(boxes: Boxes, class_id: int) -> Detections:
    xyxy, score = boxes
    return Detections(xyxy, score, np.full(len(score), class_id, np.int64))
