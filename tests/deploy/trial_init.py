"""Small service manager with small agents in a time of its own, for trials of versions at every moment.

What the real ones do is in tests/systemd/upgrade.sh. Here the links are real, and the program that sets them;
an agent is ready a second after its start, if ever.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.debian.trial import Places

Ran = subprocess.CompletedProcess[str]
_READY_S = 1.0


@dataclass(slots=True)
class _Agent:
    version: str
    pid: int
    started_s: float


class Init:
    """Keeps one agent running, as the unit says: again after a failure, not after exit code 2.

    Args:
        places: of the versions.
        behaves: of each version: `faults` of its preflight (without: it ends with a traceback), whether it
            gets `ready`, the `reasons` of its health, `lives_s`, and the `code` that it then ends with.
    """

    def __init__(self, places: Places, behaves: dict[str, Mapping[str, Any]]) -> None:
        self._places = places
        self.behaves = behaves
        self._agent: _Agent | None = None
        self._code = 0
        self._restarts = 0
        self._pid = 0
        self.now_s = 0.0
        # Time, as `trial` asks for it.
        self.monotonic = lambda: self.now_s

    def sleep(self, wait_s: float) -> None:
        """Let so much time go by."""
        self.now_s += wait_s

    def ran(self, *words: str | Path, limit_s: float = 0) -> Ran:
        """What a program answers."""
        assert limit_s >= 0
        if words[0] == "systemctl":
            return Ran(words, 0, self._does(next(str(word) for word in words[1:] if str(word)[0] != "-")), "")
        if words[0] == self._places.switch:
            return subprocess.run(words, capture_output=True, text=True, check=False)
        assert words[1:4] == ("doctor", "--preflight", "--json")
        faults = self._of(str(words[0]).split("/")[-3]).get("faults")
        if faults is None:
            return Ran(words, 1, "", "Traceback")
        checks = [{"check": check, "status": "fault"} for check in faults]
        said = json.dumps({"checks": [{"check": "start", "status": "ok"}, *checks]})
        return Ran(words, 1 if faults else 0, said, "")

    def _does(self, verb: str) -> str:
        match verb:
            case "stop":
                self._agent, self._code = None, 0
            case "start":
                self._restarts = 0
                self._start()
            case "show":
                return self._shown()
        return ""

    def _of(self, version: str) -> Mapping[str, Any]:
        return self.behaves[version]

    def _start(self) -> None:
        self._pid += 1
        self._agent = _Agent((self._places.versions / "current").resolve().name, self._pid, self.now_s)

    def _shown(self) -> str:
        agent = self._agent
        if agent and self.now_s - agent.started_s >= self._of(agent.version).get("lives_s", 1e9):
            self._agent, self._code = None, self._of(agent.version).get("code", 1)
            if self._code != 2:
                self._restarts += 1
                self._start()
        agent = self._agent
        state = "failed" if self._code == 2 else "inactive"
        if agent:
            state = "active" if self._is_ready(agent) else "activating"
        rows = {
            "ActiveState": state,
            "NRestarts": self._restarts,
            "MainPID": agent.pid if agent else 0,
            "ExecMainStatus": self._code,
        }
        return "".join(f"{name}={value}\n" for name, value in rows.items())

    def _is_ready(self, agent: _Agent) -> bool:
        """Whether it is; then its health is told, as of now."""
        behaves = self._of(agent.version)
        is_ready = bool(behaves.get("ready", True)) and self.now_s - agent.started_s >= _READY_S
        if is_ready:
            body = {"ts": datetime.now(UTC).isoformat(), "process": agent.pid}
            body["reasons"] = behaves.get("reasons", [])
            (self._places.runtime / "sight.json").write_text(json.dumps(body))
        return is_ready

    @property
    def runs(self) -> str | None:
        """Name of the version that runs; None: none does."""
        return self._agent.version if self._agent else None

    def reboot(self) -> None:
        """End what runs, and start what is in force."""
        self._does("stop")
        self._does("start")
