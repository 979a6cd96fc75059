"""Person boxes of a look: detected persons, and bodies added for faces whose bodies are hidden."""

from __future__ import annotations

import numpy as np

from agent.core.detections import FACE, PERSON, Detections

PersonBox = tuple[float, float, float, float, float]
"""left, top, right, bottom in px, and the score."""

# A body for a face that has none in sight: shoulders and chest below it, in widths of the face.
_BODY_WIDTH = 2.6
_BODY_ABOVE = 0.4
_BODY_BELOW = 3.4


def person_boxes(detections: Detections, clear: float) -> list[PersonBox]:
    """Persons, scored by their face where that is higher; for each face in no person the body below it.

    Args:
        detections: of a look.
        clear: score of a person for sure, 0–1. A face without a body may be a portrait: it never scores so
            high on its own, but must move or breathe.
    """
    if not np.any(detections.class_id == FACE):
        return _listed(detections)
    persons, faces = detections.of_class(PERSON), detections.of_class(FACE)
    bodies = _listed(persons)
    lone: list[PersonBox] = []
    for left, top, right, bottom, score in _listed(faces):
        x, y, width = (left + right) / 2, (top + bottom) / 2, right - left
        owners = [
            index for index, body in enumerate(bodies) if body[0] <= x <= body[2] and body[1] <= y <= body[3]
        ]
        if owners:
            # The upper half of a body is where its face is; the surest of those has it.
            index = max(owners, key=lambda owner: bodies[owner][4])
            body = bodies[index]
            if y <= (body[1] + body[3]) / 2:
                bodies[index] = (*body[:4], max(body[4], score))
            continue
        lone.append(
            (
                x - width * _BODY_WIDTH / 2,
                top - width * _BODY_ABOVE,
                x + width * _BODY_WIDTH / 2,
                top + width * _BODY_BELOW,
                score * clear,
            )
        )
    return bodies + lone


def _listed(detections: Detections) -> list[PersonBox]:
    return [
        (*box, score)
        for box, score in zip(detections.xyxy.tolist(), detections.confidence.tolist(), strict=True)
    ]
