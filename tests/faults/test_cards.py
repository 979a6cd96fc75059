from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.faults.cards import KINDS
from tests.patience import PATIENCE_S
from tests.samples import CHECKOUT


@pytest.mark.parametrize("kind", KINDS)
def test_card_that_fails_and_kills(kind: str) -> None:
    """kill -9 while the card takes nothing, or not all: what is not there is told as dropped."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root can mount a disk that is full")
    if not shutil.which("strace"):
        pytest.skip("strace is not here")
    if kind == "read-only" and not (shutil.which("mkfs.ext4") and os.path.exists("/dev/loop-control")):  # noqa: PTH110
        pytest.skip("no disk in a file can be mounted here")
    seed = 2 * KINDS.index(kind) + 2
    words = ["-m", "tests.faults.cards", "--rounds", "1", "--kind", kind, "--seed", str(seed)]
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=CHECKOUT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = re.findall(r"(?<=\| )[^|]+(?= \|)", done.stdout.splitlines()[-1])
    kills, refused, kept, volatile, found, dropped, unsaid = map(int, cells[2:9])
    assert kills >= 2
    assert kept > 500
    assert (found + dropped, unsaid) == (kept, 0)
    if kind in {"read-only", "errors", "held"}:
        assert volatile > 0
    assert refused == (kind == "read-only")
