"""Builders of values for tests, with defaults that differ from expected numbers."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from agent.config.models import AttentionConfig, TamperConfig
from agent.core.detections import PERSON, Detections
from agent.core.frame import Instant
from agent.core.geometry import distance_to_segment
from agent.core.track import Track
from agent.device.frames import frame_of
from agent.vision.attention import Pace
from agent.vision.tamper_settings import TamperSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.frame import Frame
    from agent.core.geometry import Point, Polygon

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def make_at(seconds: float, *, synced: bool = True) -> Instant:
    """An instant so many seconds after a Monday morning, 07:00 in Vietnam."""
    return Instant(seconds, BEGIN + timedelta(seconds=seconds), synced)


def make_frame(seconds: float = 0.0, size_px: tuple[int, int] = (64, 48), index: int = 0) -> Frame:
    """A grey frame."""
    return frame_of(index, make_at(seconds), np.full((size_px[1], size_px[0], 3), 77, np.uint8))


def make_tamper_settings(**changed: float) -> TamperSettings:
    """The configuration's defaults, but for these."""
    table = TamperConfig()
    usual = {one.name: getattr(table, one.name) for one in fields(TamperSettings)}
    return TamperSettings(**{**usual, **changed})


def make_pace(**changed: float) -> Pace:
    """The configuration's defaults, but for these."""
    table = AttentionConfig()
    usual = {one.name: getattr(table, one.name) for one in fields(Pace)}
    return Pace(**{**usual, **changed})


def make_detections(*boxes: Sequence[float], confidence: float = 0.77, class_id: int = PERSON) -> Detections:
    """Boxes (left, top, right, bottom), all of one confidence and class."""
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), confidence, np.float32),
        np.full(len(boxes), class_id, np.int64),
    )


def make_track(
    feet: tuple[float, float],
    seconds: float,
    track_id: str = "t77",
    *,
    origin: tuple[float, float] | None = None,
    height_px: float = 100.0,
    seen_s: float | None = None,
    first_s: float | None = None,
) -> Track:
    """Somebody 100 px tall whose feet are here now.

    `seen_s` tells when they were really seen last, and `first_s` when first: the same unless told.
    """
    x, y = feet
    box = (x - height_px / 5, y - height_px, x + height_px / 5, y)
    seen_s = seconds if seen_s is None else seen_s
    return Track(track_id, box, origin or feet, 0.77, seen_s if first_s is None else first_s, seen_s)


def distance_to_border(polygon: Polygon, point: Point) -> float:
    """Distance of a point from the nearest edge of a polygon, 0 or more."""
    return min(
        distance_to_segment(a, b, point) for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True)
    )
