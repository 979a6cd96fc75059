from __future__ import annotations

import logging
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.faults import crash_points

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POINTS = 100
COMMITS = 130


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    # Hundreds of logs are found damaged where nothing synchronises.
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("how", ["full", "off"])
def test_power_cut_at_any_moment(tmp_path: Path, how: str) -> None:
    tried = ["strace", "-o", "/dev/null", "true"]
    if not shutil.which("strace") or subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip("strace is not here, or may not trace")
    calls = crash_points.recorded(tmp_path, COMMITS, how)
    found = crash_points.outcome(calls, POINTS, tmp_path)
    assert found.points == POINTS
    assert found.acknowledged > POINTS * 50
    losses = (found.lost, found.unopened, found.undelivered)
    if how == "full":
        assert losses == (0, 0, 0)
    else:
        # So a loss would be seen.
        assert min(losses) > POINTS // 10
