"""Reasons that `run` gives when it ends."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import agent
from agent.cli.errors import exit_code, sentence
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.setblocking(False)
        listening.bind(str(tmp_path / "notify"))
        yield listening


def _run(tmp_path: Path, package: Path) -> subprocess.CompletedProcess[str]:
    """With the package that lies in this folder."""
    return subprocess.run(
        [sys.executable, "-m", "agent", "run", "--config", str(tmp_path / "agent.toml")],
        cwd=package,
        env={"NOTIFY_SOCKET": str(tmp_path / "notify")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_status_says_why_it_ended(systemd: socket.socket, tmp_path: Path) -> None:
    done = _run(tmp_path, Path(agent.__file__).parents[1])
    assert done.returncode == 2
    said = systemd.recv(4096).decode()
    assert said.startswith(f"STATUS=ended: {tmp_path}/agent.toml: there is no such file")


def test_damaged_program_says_what_to_do(systemd: socket.socket, tmp_path: Path) -> None:
    shutil.copytree(Path(agent.__file__).parent, tmp_path / "agent")
    # As a card leaves a file whose blocks were never written.
    (tmp_path / "agent/app/reload.py").write_text("")
    done = _run(tmp_path, tmp_path)
    assert done.returncode == 2
    for said in (done.stderr, systemd.recv(4096).decode()):
        assert "agent.app.reload" in said
        assert "install presence-agent again" in said


@pytest.mark.parametrize(
    "error", [SyntaxError("source code string cannot contain null bytes"), ImportError("x")]
)
def test_a_start_does_not_mend_a_program(error: Exception) -> None:
    assert "install presence-agent again" in sentence(error)
    assert exit_code(error) == 2
