"""The units are installed in one way."""

from __future__ import annotations

import re
import subprocess

from tests.conftest import ROOT

FOLDER = ROOT / "systemd"


def test_readme_and_acceptance_install_in_one_way() -> None:
    steps = "sudo bash deploy/install.sh ", "sudo systemctl restart --no-block presence-agent\n"
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [readme.count(f"\n{step}") for step in steps] == [1, 1]
    for name in ("acceptance", "rotation"):
        script = (ROOT / f"tests/systemd/{name}.sh").read_text("utf-8")
        assert "bash /opt/src/deploy/install.sh" in script
        # Nothing that is the installer's is done beside it.
        assert not re.findall(
            r"systemd-sysusers|systemd-tmpfiles|systemctl( -\S+)* enable|--update-catalog", script
        )


def test_installer_puts_every_file_somewhere() -> None:
    script = (ROOT / "deploy/install.sh").read_text("utf-8")
    tracked = subprocess.run(
        ["git", "ls-files", "systemd"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    names = {path.rpartition("/")[2] for path in tracked} or {path.name for path in FOLDER.iterdir()}
    # The page to read, and what is for machines with chrony only.
    by_hand = {"field-guide.md", "presence-agent-clock.conf"}
    put = {name for name in names if name.endswith((".service", ".path", ".timer")) or f" {name}" in script}
    assert put == names - by_hand
