"""Weights in use: the manifest's entries for `[detector]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.config.messages import shown
from agent.core.detections import FACE, PERSON
from agent.errors import ConfigError, ModelError
from agent.install.manifest import load_manifest, models_directory

if TYPE_CHECKING:
    from agent.config.models import DetectorConfig
    from agent.install.manifest import Weights


def weights_in_use(settings: DetectorConfig) -> tuple[Weights, ...]:
    """The entry for persons and, where faces are looked for, the one for faces.

    Raises:
        ConfigError: `model` names no weights that find persons.
        ModelError: the manifest can't be used.
    """
    persons = person_weights(settings)
    return (persons, face_weights()) if settings.faces else (persons,)


def person_weights(settings: DetectorConfig) -> Weights:
    """The entry that `[detector] model` names.

    Raises:
        ConfigError: there is none, or it does not find persons.
        ModelError: the manifest can't be used.
    """
    finders = {entry.name: entry for entry in _finders(PERSON)}
    if settings.model not in finders:
        names = " or ".join(map(shown, finders))
        raise ConfigError(f"[detector] model = {shown(settings.model)}: give {names}.")
    return finders[settings.model]


def face_weights() -> Weights:
    """The manifest's first entry for faces; ModelError: it has none, or can't be used."""
    for entry in _finders(FACE):
        return entry
    raise ModelError(f"The manifest of {models_directory()} has no network that finds faces.")


def _finders(class_id: int) -> list[Weights]:
    manifest = load_manifest(models_directory())
    entries = (*manifest.weights, *manifest.optional_weights)
    return [entry for entry in entries if entry.family.finds == class_id]
