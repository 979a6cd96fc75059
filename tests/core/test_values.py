"""Frames, instants, looks and tracks: what is computed from them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from agent.core.regions import Regions
from agent.core.track import LookHint
from agent.device.frames import frame_of
from tests.builders import make_at, make_frame, make_track


def test_frame_size_px() -> None:
    frame = frame_of(3, make_at(0), np.zeros((48, 64, 3), np.uint8))
    # Width and height, though a picture's first axis is the height.
    assert frame.size_px == (64, 48)


def test_track_anchor() -> None:
    track = make_track((100.0, 200.0), 1.0, height_px=50)
    assert track.xyxy == (90.0, 150.0, 110.0, 200.0)
    assert (track.anchor, track.height_px) == ((100.0, 200.0), 50.0)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (make_at(0), "utc"),
        (make_frame(), "index"),
        (make_track((0, 0), 0), "xyxy"),
        (Regions(()), "regions"),
        (LookHint((0, 0, 1, 1), 0.0, settled=True, within_s=1.0), "looked_s"),
    ],
)
def test_values_are_frozen(value: object, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)


def test_instant_shifted() -> None:
    at = make_at(5.0, synced=False)
    assert at.shifted(-0.5) == make_at(4.5, synced=False)
    # UTC to whole milliseconds, as frames have it.
    assert at.shifted(-0.0004).utc == at.utc
    assert at.shifted(0) == at
