"""Examples that installers start with."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import permutations, product
from typing import TYPE_CHECKING

import pytest

from agent.app.working_time import working_time
from agent.config.examples import PLACES, example
from agent.config.load import load
from agent.config.risks import notices
from agent.core.geometry import contains, distance_to_line
from agent.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


# Lines, zones and counters of each.
RULES = {
    "gate": (1, 0, 0),
    "parking": (1, 1, 0),
    "counter": (0, 2, 1),
    "reception": (1, 2, 1),
    "corridor": (1, 1, 0),
}


@pytest.mark.parametrize("place", PLACES)
def test_example_loads(tmp_path: Path, place: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(example(place), encoding="utf-8")
    loaded = load(path)
    assert loaded.device.name == place
    assert (len(loaded.line), len(loaded.zone), len(loaded.counter)) == RULES[place]
    assert loaded.camera.night == (place == "parking")
    assert not notices(loaded)


@pytest.mark.parametrize("place", PLACES)
def test_example_hours(tmp_path: Path, place: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(example(place), encoding="utf-8")
    hours = working_time(load(path))
    # 09:00 in Vietnam: a Monday, a Sunday, and the eve of lunar new year.
    monday, sunday, tet = (datetime(2026, *day, 2, tzinfo=UTC) for day in ((1, 5), (1, 4), (2, 16)))
    assert [hours.span(at).open for at in (monday, sunday, tet)] == [True, False, False]


@pytest.mark.parametrize("place", PLACES)
def test_example_zones_apart(tmp_path: Path, place: str) -> None:
    """Nobody is in two zones at once, and no zone lies on both sides of a line."""
    path = tmp_path / "agent.toml"
    path.write_text(example(place), encoding="utf-8")
    loaded = load(path)
    for one, other in permutations(loaded.zone, 2):
        assert not any(contains(one.polygon, corner) for corner in other.polygon)
    for line, zone in product(loaded.line, loaded.zone):
        sides = {distance_to_line(line.start, line.end, corner) > 0 for corner in zone.polygon}
        assert sides == {distance_to_line(line.start, line.end, line.inside) > 0}


@pytest.mark.parametrize("place", PLACES)
def test_example_fits_a_phone(place: str) -> None:
    rows = example(place).splitlines()
    assert len(rows) <= 72
    assert max(map(len, rows)) <= 74
    # What to change is marked: who and where the camera is, each end of a line, each area, the broker.
    assert all(
        "<--" in row for row in rows if re.match(r"(site|name|place|start|end|polygon|host|username) =", row)
    )


@pytest.mark.parametrize("place", PLACES)
def test_example_optional_lines_load(tmp_path: Path, place: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(re.sub(r"(?m)^# (?=\w+ = )", "", example(place)), encoding="utf-8")
    loaded = load(path)
    assert loaded.mqtt
    assert loaded.mqtt.ca_file
    assert loaded.calendar.holidays
    hours = working_time(loaded)
    friday, saturday = (datetime(2027, 1, day, 2, tzinfo=UTC) for day in (8, 9))
    assert (hours.span(friday).open, hours.span(saturday).open) == (False, True)


@pytest.mark.parametrize("place", ["", "kitchen", "../config", "gate.toml", "Gate"])
def test_example_unknown_place(place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        example(place)
    (problem,) = caught.value.problems
    assert all(known in problem for known in PLACES)
