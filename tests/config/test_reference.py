"""The reference of the configuration says what `check` says, and has the rules that others registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.app.rule_kinds import registered
from agent.config.load import load
from agent.config.reference import reference
from agent.errors import ConfigError
from tests.app.toy_spot_kind import SPOT
from tests.conftest import write_config

if TYPE_CHECKING:
    from pathlib import Path


def test_right_is_what_check_says(tmp_path: Path) -> None:
    (log,) = (table for table in reference() if table.header == "[log]")
    (key,) = (key for key in log.keys if key.name == "keep_days")
    path = write_config(tmp_path, "x.avi")
    path.write_text(f"{path.read_text()}keep_days = 0\n")
    with pytest.raises(ConfigError, match=rf"^\[log\] keep_days = 0: {key.right}\.$"):
        load(path)


def test_headers_are_those_of_the_file() -> None:
    assert [table.header for table in reference() if table.is_required] == ["[device]", "[camera]"]
    several = {table.header for table in reference() if table.header.startswith("[[")}
    assert several == {"[[hours]]", "[[line]]", "[[zone]]", "[[counter]]"}


def test_no_text_repeats_its_header() -> None:
    for table in reference():
        assert not table.text.startswith("[")
        assert all(key.text.endswith((".", "…")) for key in table.keys)


def test_registered_kind_has_its_table() -> None:
    with registered(SPOT):
        (spot,) = (table for table in reference() if table.header == "[[spot]]")
    assert [key.name for key in spot.keys] == ["id", "polygon", "beside"]
