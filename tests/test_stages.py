from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from agent.config import Attention, Tamper, load
from agent.core.geometry import contains
from agent.stages import geometry
from agent.vision.attention import Pace
from agent.vision.tamper import TamperSettings
from tests.conftest import write_config

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.geometry import Point


@pytest.mark.parametrize(
    ("edge", "feet", "holds"),
    [
        # A box that ends where the picture ends has its feet on the picture's last line.
        pytest.param(1.0, (640, 720), True, id="cut-off-by-the-lower-edge"),
        pytest.param(1.0, (1280, 400), True, id="at-the-right-edge"),
        pytest.param(1.0, (0, 0), True, id="at-the-upper-left-corner"),
        # People who draw a zone down to the edge draw it nearly there.
        pytest.param(0.99, (640, 720), True, id="drawn-nearly-to-the-edge"),
        pytest.param(0.9, (640, 720), False, id="drawn-above-it"),
        pytest.param(0.9, (640, 640), True, id="within"),
    ],
)
def test_zone_at_the_edge(tmp_path: Path, edge: float, feet: Point, holds: bool) -> None:
    config = write_config(tmp_path, "x.avi")
    corners = f"[[0.0, 0.0], [{edge}, 0.0], [{edge}, {edge}], [0.0, {edge}]]"
    text = config.read_text()
    before = text[text.index("polygon = ") : text.index("min_dwell_s")]
    config.write_text(text.replace(before, f"polygon = {corners}\n"))
    _, (zone,) = geometry(load(config), (1280, 720))
    assert contains(zone.polygon, feet) == holds


def test_settings_of_the_file_are_those_of_the_stages() -> None:
    assert asdict(TamperSettings()) == Tamper().model_dump()
    assert asdict(Pace()) == Attention().model_dump(exclude={"always"})
