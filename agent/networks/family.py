"""Network family: all that the agent has to know of a model beside its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.core.detections import FACE, PERSON
from agent.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import GraphProto

Boxes = tuple[NDArray[np.float32], NDArray[np.float32]]
"""xyxy f32[N, 4] in px, score f32[N], 0–1."""


@dataclass(frozen=True, slots=True)
class Feeding:
    """Form of the input, u8[1, 3, H, W], blue, green, red: a picture scaled by the same factor both ways.

    What else a network wants (another order, a mean, a scale) `prepare` puts into its graph.

    Attributes:
        pad: grey value of what the picture does not fill, 0–255.
        centred: the picture is in the middle; otherwise at the top left.
        multiple_px: H and W are multiples of it.
    """

    pad: int
    centred: bool
    multiple_px: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Meaning of a family's scores, 0–1; another training or another loss has other ones.

    Attributes:
        possible: least score of a box that may be one at all; in drawings it is blurred.
        clear: score from which on a box, or the mean of a track's boxes, is one for sure.
    """

    possible: float
    clear: float


@dataclass(frozen=True, slots=True)
class PersonCalibration(Calibration):
    """Meaning of the scores of persons, who are followed from look to look.

    Attributes:
        birth: sum of scores over looks from which on somebody is followed.
        unsure_ratio: boxes below this part of `[detector] confidence` can't even prolong a track.
        unsure_miss_ratio: so much of a miss is it when only an unsure box was found of somebody.
    """

    birth: float
    unsure_ratio: float
    unsure_miss_ratio: float


@dataclass(frozen=True, slots=True)
class NetworkFamily:
    """A family of networks; `network` of an entry of the manifest names it.

    Attributes:
        name: as in the manifest.
        calibration: of its scores; a `PersonCalibration` makes it one that finds persons.
        feeding: form of its input.
        outputs: names of the prepared graph's outputs, in the order in which `decode` takes them.
        max_iou: boxes that overlap a better one by more than this are the same person's or face's, 0–1.
        prepare: rewrites the upstream graph in place, so that it has these outputs, each [1, rows, …]. Its
            input takes bytes already, and height and width are free; shapes inside are not noted any more.
        decode: boxes in px of the input, from the outputs, the input's height and width in px, and the
            least score.
        suppress: indices of the boxes to keep, best first, from boxes and `max_iou`.
    """

    name: str
    calibration: Calibration
    feeding: Feeding
    outputs: tuple[str, ...]
    max_iou: float
    prepare: Callable[[GraphProto], None]
    decode: Callable[[list[NDArray[np.float32]], int, int, float], Boxes]
    suppress: Callable[[Boxes, float], NDArray[np.int64]]

    @property
    def finds(self) -> int:
        """PERSON or FACE, as in `Detections.class_id`."""
        return PERSON if isinstance(self.calibration, PersonCalibration) else FACE

    def of_persons(self) -> PersonCalibration:
        """Calibration of a family that finds persons; ModelError: this one finds faces."""
        if not isinstance(self.calibration, PersonCalibration):
            raise ModelError(f"the network family {self.name} finds faces, not persons")
        return self.calibration
