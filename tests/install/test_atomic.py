"""In which order a file comes to be under its name, as the kernel sees it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agent.install.atomic import write_atomically
from tests.conftest import ROOT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

WRITE = "import sys, pathlib; from agent.install.atomic import write_atomically; "


def test_write_whole_is_readable_for_everybody(tmp_path: Path) -> None:
    # The service runs as another user than whoever fetched the weights.
    write_atomically(tmp_path / "thing.bin", b"whole")
    assert (tmp_path / "thing.bin").read_bytes() == b"whole"
    assert (tmp_path / "thing.bin").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["thing.bin"]


def test_write_whole_survives_a_power_cut(tmp_path: Path) -> None:
    if (
        not shutil.which("strace")
        or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("strace is not here, or may not trace")
    calls, path = tmp_path / "calls.txt", tmp_path / "thing.bin"
    traced = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", str(calls)]
    code = f"{WRITE}write_atomically(pathlib.Path(sys.argv[1]), b'whole')"
    subprocess.run([*traced, sys.executable, "-c", code, path], check=True, cwd=ROOT, timeout=PATIENCE_S)
    done = [
        (call[1], "folder" if call[2].startswith(f"{tmp_path}>") else "file")
        for line in calls.read_text().splitlines()
        if (call := re.search(rf"\b(fsync|fdatasync|rename)\w*\(.*?({re.escape(str(tmp_path))}\S*)", line))
    ]
    # Its content first, then its name, then the folder that has the name.
    assert done == [("fsync", "file"), ("rename", "file"), ("fsync", "folder")]
