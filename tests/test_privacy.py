"""Nothing leaves the device but what the wire form names; tests/wire/test_payloads.py holds that form."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, command, write_config
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("weights")


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=PATIENCE_S)


@pytest.mark.parametrize("setting", [None, "0"])
def test_libraries_report_to_nobody(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str | None
) -> None:
    # onnxruntime would tell its maker, and keep a number of this device for that in the home directory.
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "CI", "ORT_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    if setting:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", setting)
    calls = tmp_path / "calls.txt"
    strace = ["strace", "-f", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(calls)]
    traced = bool(shutil.which("strace")) and not _run(["strace", "true"]).returncode
    done = _run([*(strace if traced else []), *command("run", "--config", write_config(tmp_path, clip))])
    assert done.returncode == 0, done.stderr
    assert not list(home.iterdir())
    assert all(line.startswith(("INFO", "WARNING")) for line in done.stderr.splitlines()), done.stderr
    if not traced:
        pytest.skip("strace is not here, or may not trace: only files and words were looked at")
    # There is no [mqtt] in this configuration, so there is nobody to talk to.
    assert "AF_INET" not in calls.read_text()


def test_running_agent_writes_no_picture(clip: Path, tmp_path: Path) -> None:
    assert _run(command("run", "--config", write_config(tmp_path, clip))).returncode == 0
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {
        "agent.toml",
        "log/events.db",
        "log/events.db.lock",
        "log/events.db.reserve",
        "log/events.db.view.json",
    }
