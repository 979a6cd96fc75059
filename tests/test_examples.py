"""The examples that installers begin with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from agent import config
from agent.errors import ConfigError
from agent.install.examples import PLACES, example

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("place", PLACES)
def test_example_loads(tmp_path: Path, place: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(example(place), encoding="utf-8")
    loaded = config.load(path)
    assert loaded.device.name == place
    assert loaded.line or loaded.zone
    assert all("not in force yet" in notice for notice in config.notices(loaded))


@pytest.mark.parametrize("place", PLACES)
def test_example_optional_lines_load(tmp_path: Path, place: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(re.sub(r"(?m)^# (?=\w+ = )", "", example(place)), encoding="utf-8")
    loaded = config.load(path)
    assert loaded.mqtt
    assert loaded.mqtt.ca_file


@pytest.mark.parametrize("place", ["", "kitchen", "../config", "gate.toml", "Gate"])
def test_example_unknown_place(place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        example(place)
    (problem,) = caught.value.problems
    assert all(known in problem for known in PLACES)
