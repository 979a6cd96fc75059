"""The README's picture is what the product draws today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.device.recording import read_picture
from tests.deploy.demo_picture import PICTURE, annotated

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("vtest")
def test_picture_is_the_demos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    kept = read_picture(PICTURE)
    made = annotated(tmp_path)
    assert made.shape == kept.shape
    # JPEG leaves up to 35 of 255 grey levels in 9 by 9 px; a label that moved by 4 px leaves 125.
    error = np.abs(made.astype(float) - kept).mean(axis=2)
    assert cv2.blur(error, (9, 9)).max() < 60
    assert PICTURE.stat().st_size < 200_000
