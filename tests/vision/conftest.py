"""Pictures and networks that several tests of this room look at and with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.device.recording import open_recording, read_picture
from agent.install.manifest import Weights, load_manifest
from agent.install.prepare import prepared_model
from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET
from agent.vision.onnx_detector import Network
from tests.bench import edits
from tests.bench.edits import Scene
from tests.vision.opencv import OpenCvFaces, OpenCvPersons

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.networks.family import NetworkFamily

    Picture = NDArray[np.uint8]


def weights_of(directory: Path, name: str) -> Weights:
    entry = load_manifest(directory).named(name)
    assert isinstance(entry, Weights)
    return entry


def network(family: NetworkFamily, directory: Path, name: str) -> Network:
    entry = weights_of(directory, name)
    return Network(family, prepared_model(directory, entry), entry.shapes)


@pytest.fixture(scope="session")
def persons_network(weights: Path) -> Network:
    return network(YOLOX, weights, "yolox_nano")


@pytest.fixture(scope="session")
def faces_network(weights: Path) -> Network:
    return network(YUNET, weights, "yunet")


@pytest.fixture(scope="session")
def opencv_persons(weights: Path) -> OpenCvPersons:
    return OpenCvPersons(weights)


@pytest.fixture(scope="session")
def opencv_faces(weights: Path) -> OpenCvFaces:
    return OpenCvFaces(weights)


@pytest.fixture(scope="session")
def yard(vtest: Path) -> list[Picture]:
    """Each 40th of the first 400 frames of vtest: three to ten people far away."""
    pictures = []
    with open_recording(vtest, 1.0) as recording:
        for index, (_, image) in enumerate(recording.frames()):
            if index % 40 == 0:
                pictures.append(image)
            if len(pictures) == 10:
                break
    return pictures


@pytest.fixture(scope="session")
def portrait(astronaut: Path) -> Picture:
    return read_picture(astronaut)


def shrunk(picture: Picture, size: tuple[int, int]) -> Picture:
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


@pytest.fixture(scope="session")
def pictures(yard: list[Picture], portrait: Picture) -> dict[str, Picture]:
    """Real pictures with many persons and few, near and far, wide and tall."""
    tile = (320, 240)
    mosaics = {
        "yard and portrait": [yard[0], portrait, yard[4], portrait],
        "portraits": [portrait, portrait[:, ::-1], portrait[::-1], portrait[100:400, 100:400]],
        "yards": [yard[1], yard[3], yard[6], yard[8]],
    }
    return {
        **{f"yard {40 * i}": yard[i] for i in (0, 4, 8)},
        **{f"portrait of {s}": shrunk(portrait, (s, s)) for s in (512, 301, 150, 77, 48)},
        **{
            name: np.vstack([
                np.hstack([shrunk(part, tile) for part in parts[i : i + 2]]) for i in (0, 2)
            ])
            for name, parts in mosaics.items()
        },
        "wide": np.hstack([yard[2], yard[5]]),
        "tall": np.vstack([yard[7][:, 500:], shrunk(portrait, (268, 268))]),
        "nobody": np.full((300, 400, 3), 77, np.uint8),
    }  # fmt: skip


@pytest.fixture(scope="session")
def street(yard: list[Picture]) -> Scene:
    """People far away who walk, in pictures of vtest 4 s apart."""
    return Scene("yard", [edits.shrunk(picture, 480) for picture in yard], 0.25)
