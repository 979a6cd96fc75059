"""The daily check's look at the kernel's log, with a journalctl that says what man journalctl promises."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.conftest import ROOT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

# The error came before the machine was started again: -k, --dmesg and -b have only what came since.
JOURNALCTL = """case " $* " in
    *" -k "*|*" --dmesg "*|*" -b "*) ;;
    *" _TRANSPORT=kernel "*) echo "I/O error, dev mmcblk0, sector 8" ;;
esac"""


def test_faults_of_before_a_restart_count(tmp_path: Path) -> None:
    for name, says in {"journalctl": JOURNALCTL, "sleep": "", "logger": "cat", "presence-agent": ""}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "check"
    text = (ROOT / "systemd" / "presence-agent-check").read_text()
    script.write_text(text.replace("/usr/bin/presence-agent", str(tmp_path / "presence-agent")))
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STATE_DIRECTORY": str(tmp_path)}
    ran = subprocess.run(
        ["sh", script], capture_output=True, text=True, check=False, env=env, timeout=PATIENCE_S
    )
    assert "the kernel reported 1 faults of the card" in ran.stdout
    assert ran.returncode == 1
