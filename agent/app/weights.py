"""Weights in use: the manifest's entries for `[detector]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.config.messages import shown
from agent.core.detections import FACE, PERSON
from agent.errors import ConfigError, ModelError
from agent.install.manifest import load_manifest, models_directory

if TYPE_CHECKING:
    from agent.install.manifest import Weights


def weights_in_use(model: str, *, faces: bool) -> tuple[Weights, ...]:
    """The entry for persons and, if faces are looked for, the one for faces.

    Raises:
        ConfigError: `model` names no weights that find persons.
        ModelError: the manifest can't be used, or has none for faces.
    """
    persons = person_weights(model)
    return (persons, first_weights(FACE)) if faces else (persons,)


def person_weights(model: str) -> Weights:
    """The entry that `[detector] model` names.

    Raises:
        ConfigError: there is none, or it does not find persons.
        ModelError: the manifest can't be used.
    """
    finders = {entry.name: entry for entry in _finders(PERSON)}
    if model not in finders:
        names = " or ".join(map(shown, finders))
        raise ConfigError(f"[detector] model = {shown(model)}: give {names}.")
    return finders[model]


def first_weights(class_id: int) -> Weights:
    """The manifest's first entry for PERSON or FACE; ModelError: it has none, or can't be used."""
    for entry in _finders(class_id):
        return entry
    what = "persons" if class_id == PERSON else "faces"
    raise ModelError(f"The manifest of {models_directory()} has no network that finds {what}.")


def _finders(class_id: int) -> list[Weights]:
    manifest = load_manifest(models_directory())
    entries = (*manifest.weights, *manifest.optional_weights)
    return [entry for entry in entries if entry.family.finds == class_id]
