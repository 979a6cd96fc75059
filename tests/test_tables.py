"""Tables in a pipe of 80 columns: whole, without colours, and the central one where rich is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from agent.install.manifest import load_manifest, models_directory
from tests.conftest import ROOT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

# As long as identifiers may be, so that no line of them has room in 80 columns.
LONG = "one-stop-" * 7 + "x"
PROGRAM = f"""
import sys
from time import time_ns
# What is None can't be imported: as if only paho were installed, which the central side needs.
sys.modules.update(dict.fromkeys(["rich", "rich.table", "rich.console", "pydantic", "cyclopts"]))
from agent.central.overview import table
figures = {{"last_seq": 9, "stored": 3, "dropped": 0, "gone": 0, "missing": 6, "gaps": [[3, 4], [6, 9]]}}
states = [{{"rule": "gate", "known": True, "state": {{"kind": "line", "in_count": 2}}}}]
logs = [{{"log": "{LONG}"}} | figures]
agent = {{"agent": "{LONG}/{LONG}", "state": "online", "logs": logs, "states": states}}
agent["heard_ms"] = time_ns() // 1_000_000
print(table({{"agents": [agent], "refused": []}}))
"""


def piped(folder: Path, *words: str) -> list[str]:
    out = folder / "out.txt"
    environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    with out.open("wb") as file:
        command = [sys.executable, *words]
        subprocess.run(command, env=environment, stdout=file, check=True, timeout=PATIENCE_S)
    text = out.read_text()
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines == [line.rstrip() for line in lines]
    return lines


def test_models_list(tmp_path: Path) -> None:
    lines = piped(tmp_path, "-m", "agent", "models", "list")
    entries = load_manifest(models_directory()).entries
    assert len(lines) == 1 + 2 * len(entries)
    sizes = {line.index(" MB ") for line in lines[1::2]}
    assert len(sizes) == 1
    for entry, line, what in zip(entries, lines[1::2], lines[2::2], strict=True):
        # For a reader and for grep: what belongs together is on one line.
        assert line.split()[0] == entry.name
        assert line.endswith(f" MB  {entry.file}  ({entry.licence})")
        assert what.strip() == entry.what


def test_overview(tmp_path: Path) -> None:
    lines = piped(tmp_path, "-c", PROGRAM)
    head, row, _, _, rule = lines
    assert row.split() == [f"{LONG}/{LONG}", "online", LONG, "9", "3", "0", "0", "6", "3–4", "6–9"]
    assert [row.index(" online"), row.index(f" {LONG} ")] == [head.index(" state"), head.index(" log ")]
    assert rule.split() == [f"{LONG}/{LONG}", "gate", "line", "in_count", "2"]
