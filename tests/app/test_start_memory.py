"""A start on a full log takes little more memory than one on an empty log; processes as they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("per_day", "events"),
    [
        pytest.param(50_000, 104_000, id="two-days"),
        pytest.param(100_000, 200_000, id="twice-as-busy"),
    ],
)
def test_start_on_a_full_log(per_day: int, events: int) -> None:
    words = ["--per-day", per_day, "--events", events, "--most-mib", 10]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.starting", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
