"""What is built from the checkout, or written from it, by the real commands."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.conftest import ROOT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

# What a build would take from whoever runs the tests.
_TOLD = {"SOURCE_DATE_EPOCH", "PRESENCE_AGENT_COMMIT"}


def wheel(root: Path, into: Path, **environment: str) -> Path:
    """Build the wheel of a checkout, without an index, into a folder of its own; return its path."""
    words: list[str | Path] = [
        *("wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-index", "-w"),
        *(into, root),
    ]
    named = {name: value for name, value in os.environ.items() if name not in _TOLD} | environment
    subprocess.run([sys.executable, "-P", "-m", "pip", *words], check=True, timeout=PATIENCE_S, env=named)
    (path,) = into.iterdir()
    return path


def script(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a Python script of deploy/ with these words to its end."""
    return subprocess.run(
        [sys.executable, "-P", ROOT / "deploy" / name, *words],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip


def written(name: str, folder: Path) -> Path:
    """Let a script of deploy/ write into a folder, without a word."""
    done = script(name, folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder
