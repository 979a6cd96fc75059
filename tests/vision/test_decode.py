from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime as ort
import pytest

from agent.install.prepare import prepared_model
from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET
from agent.vision.letterbox import Letterbox
from tests.vision.conftest import weights_of
from tests.vision.opencv import assert_one_to_one, of_score, suppressed_by_opencv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from agent.networks.family import NetworkFamily
    from agent.vision.letterbox import Shape
    from tests.vision.opencv import OpenCvFaces, OpenCvPersons, Scored

    Picture = NDArray[np.uint8]
    Outputs = tuple[Picture, list[NDArray[np.float32]]]
    """A network's input, and what it makes of it."""


def outputs_of(
    directory: Path, name: str, family: NetworkFamily, shape: Shape, pictures: Iterable[Picture]
) -> list[Outputs]:
    session = ort.InferenceSession(prepared_model(directory, weights_of(directory, name)))
    (taken,) = session.get_inputs()
    found = []
    for image in pictures:
        fitted = Letterbox(shape, family.feeding.pad)
        fitted.fill(image)
        found.append((fitted.pixels, list(session.run(family.outputs, {taken.name: fitted.pixels}))))
    return found


@pytest.fixture(scope="module")
def person_outputs(weights: Path, pictures: dict[str, Picture]) -> list[Outputs]:
    return outputs_of(weights, "yolox_nano", YOLOX, (416, 416), pictures.values())


@pytest.fixture(scope="module")
def expected_persons(person_outputs: list[Outputs], opencv_persons: OpenCvPersons) -> list[Scored]:
    return [opencv_persons.found(pixels, 0.01) for pixels, _ in person_outputs]


@pytest.fixture(scope="module")
def face_outputs(weights: Path, pictures: dict[str, Picture]) -> list[Outputs]:
    return outputs_of(weights, "yunet", YUNET, (640, 640), pictures.values())


@pytest.mark.parametrize("min_score", [0.35, 0.14, 0.05, 0.01])
def test_yolox_persons_are_those_of_opencv(
    person_outputs: list[Outputs], expected_persons: list[Scored], min_score: float
) -> None:
    found = 0
    for (_, outputs), scored in zip(person_outputs, expected_persons, strict=True):
        xyxy, score = YOLOX.decode(outputs, 416, 416, min_score)
        expected = of_score(scored, min_score)
        assert_one_to_one(xyxy, score, expected)
        kept = YOLOX.suppress((xyxy, score), YOLOX.max_iou)
        assert_one_to_one(xyxy[kept], score[kept], suppressed_by_opencv(expected, 0.45))
        found += len(kept)
    # A comparison of nothing with nothing would prove nothing.
    assert found > 50


@pytest.mark.parametrize("min_score", [0.6, 0.35, 0.14, 0.02])
def test_yunet_faces_are_those_of_opencv(
    face_outputs: list[Outputs], opencv_faces: OpenCvFaces, min_score: float
) -> None:
    found = 0
    for pixels, outputs in face_outputs:
        xyxy, score = YUNET.decode(outputs, 640, 640, min_score)
        # On whole px, as OpenCV does it: among many tiny boxes that decides otherwise.
        kept = YUNET.suppress((xyxy, score), YUNET.max_iou)
        assert_one_to_one(xyxy[kept], score[kept], opencv_faces.found(pixels, min_score, 0.3))
        found += len(kept)
    assert found > 10
