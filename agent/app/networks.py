"""Networks loaded from the weights in use, and the detector made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app.weights import face_weights, person_weights
from agent.config.models import DetectorConfig
from agent.install.manifest import models_directory
from agent.install.prepare import prepared_model
from agent.vision.onnx_detector import Network, PersonFaceDetector

if TYPE_CHECKING:
    from agent.install.manifest import Weights


def detector(
    settings: DetectorConfig,
    person_score: float,
    face_score: float,
    *,
    crop_score: float | None = None,
    threads: int | None = None,
) -> PersonFaceDetector:
    """Load the networks.

    Args:
        settings: which networks.
        person_score: least score of a person, 0–1.
        face_score: least score of a face, 0–1.
        crop_score: least score of a person whose upper body is searched for a face of its own; None: none.
            For presence a face says nothing more of somebody whose body is seen.
        threads: of a network; None: as many as there are cores.

    Raises:
        ConfigError: `model` names no weights that find persons.
        ModelError: weights are missing or damaged.
    """
    return PersonFaceDetector(
        _network(person_weights(settings), threads),
        face_network(threads) if settings.faces else None,
        person_score=person_score,
        face_score=face_score,
        crop_score=crop_score,
    )


def blur_finder() -> PersonFaceDetector:
    """Detector of all that may be a person or a face, for blurring in drawings; not as `[detector]` says."""
    settings = DetectorConfig()
    person = person_weights(settings).family.calibration.possible
    return detector(settings, person, face_weights().family.calibration.possible, crop_score=person)


def face_network(threads: int | None = None) -> Network:
    """Load what finds faces; ModelError: weights are missing or damaged."""
    return _network(face_weights(), threads)


def _network(entry: Weights, threads: int | None) -> Network:
    model = prepared_model(models_directory(), entry)
    return Network(entry.family, model, entry.shapes, threads)
