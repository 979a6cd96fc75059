"""Networks loaded from the weights in use, and the detector made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app.weights import first_weights
from agent.core.detections import FACE, PERSON
from agent.install.manifest import models_directory
from agent.install.prepare import prepared_model
from agent.vision.onnx_detector import Network, PersonFaceDetector

if TYPE_CHECKING:
    from agent.install.manifest import Weights


def detector(
    persons: Weights,
    person_score: float,
    face_score: float,
    *,
    faces: bool,
    crop_score: float | None = None,
    threads: int | None = None,
) -> PersonFaceDetector:
    """Load the networks.

    Args:
        persons: of the network that finds persons.
        person_score: least score of a person, 0–1.
        face_score: least score of a face, 0–1.
        faces: whether faces are looked for.
        crop_score: least score of a person whose upper body is searched for a face of its own; None: none.
            For presence a face says nothing more of somebody whose body is seen.
        threads: of a network; None: as many as there are cores.

    Raises:
        ModelError: weights are missing or damaged.
    """
    return PersonFaceDetector(
        _network(persons, threads),
        face_network(threads) if faces else None,
        person_score=person_score,
        face_score=face_score,
        crop_score=crop_score,
    )


def blur_finder() -> PersonFaceDetector:
    """Detector of all that may be a person or a face, for blurring in drawings; not as `[detector]` says."""
    persons = first_weights(PERSON)
    person = persons.family.calibration.possible
    face = first_weights(FACE).family.calibration.possible
    return detector(persons, person, face, faces=True, crop_score=person)


def face_network(threads: int | None = None) -> Network:
    """Load what finds faces; ModelError: weights are missing or damaged."""
    return _network(first_weights(FACE), threads)


def _network(entry: Weights, threads: int | None) -> Network:
    model = prepared_model(models_directory(), entry)
    return Network(entry.family, model, entry.shapes, threads)
