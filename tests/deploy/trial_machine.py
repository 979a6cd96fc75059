"""Machine with versions of an agent on which trials are made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deploy.debian import trial
from deploy.debian.trial import Places
from tests.conftest import ROOT
from tests.deploy.trial_init import Init

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

OLD, NEW, THIRD = "1.0.0~deb13", "1.1.0~deb13", "1.2.0~deb13"
GOOD_S = 20.0
GOOD: dict[str, Any] = {"faults": []}


class Machine:
    """A machine with two versions, of which the old one runs; `trial` works on the last that was made."""

    def __init__(
        self, folder: Path, old: dict[str, Any], new: dict[str, Any], patch: pytest.MonkeyPatch
    ) -> None:
        self.places = Places(folder / "versions", folder / "run", folder / "agent.toml", folder / "switch")
        self.places.runtime.mkdir(parents=True)
        for name in (OLD, NEW):
            program = self.places.versions / name / "bin/presence-agent"
            program.parent.mkdir(parents=True)
            program.touch(0o755)
            (program.parents[1] / "log-form").write_text("1 2\n")
        (self.places.versions / "current").symlink_to(OLD)
        # The real one, on this folder.
        text = (ROOT / "deploy/debian/versions").read_text()
        self.places.switch.write_text(text.replace("/var/lib/presence-agent-versions", "/versions"))
        self.places.switch.chmod(0o755)
        self.init = Init(self.places, {OLD: old, NEW: new, THIRD: new})
        patch.setenv("DPKG_ROOT", str(folder))
        patch.setattr(trial, "time", self.init)
        patch.setattr(trial, "ran", self.init.ran)
        self.init.reboot()
        self.init.sleep(10)

    @property
    def in_force(self) -> str:
        return trial.in_force(self.places)

    @property
    def told(self) -> tuple[str, str, str] | None:
        if not self.places.failed.exists():
            return None
        body = json.loads(self.places.failed.read_text())
        return body["from_version"], body["to_version"], body["cause"]
