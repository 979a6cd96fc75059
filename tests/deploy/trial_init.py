"""Small service manager and small agents, for trials of versions without systemd.

As `systemctl` it starts what the link `current` leads to, restarts it where it fails, and says how it is; the
agents are processes, ready or not, well or not.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SYSTEMCTL = """\
#!{python}
import json, socket, sys

with socket.socket(socket.AF_UNIX) as line:
    line.connect("{socket}")
    line.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    print(line.makefile().read(), end="")
"""
# Of a version: what its file `behaviour` says. The figures are seconds of life.
AGENT = """\
import json, os, sys, time
from datetime import UTC, datetime
from pathlib import Path

place = Path(__file__).parents[3]
behaves = json.loads((Path(__file__).parents[1] / "behaviour").read_text())
if sys.argv[1] == "doctor":
    faults = behaves.get("faults")
    if faults is None:
        sys.exit("Traceback")
    checks = [{"check": check, "status": "fault"} for check in faults]
    print(json.dumps({"checks": [{"check": "start", "status": "ok"}, *checks]}))
    sys.exit(1 if faults else 0)
runtime, began = place / "run", time.monotonic()
while time.monotonic() - began < behaves.get("lives_s", 3600):
    if behaves.get("ready", True):
        body = {"ts": datetime.now(UTC).isoformat(), "process": os.getpid()}
        body["reasons"] = behaves.get("reasons", [])
        new = runtime / f".{os.getpid()}"
        new.write_text(json.dumps(body))
        new.replace(runtime / "sight.json")
        (runtime / f"ready-{os.getpid()}").touch()
    time.sleep(0.05)
sys.exit(behaves.get("code", 1))
"""


class Init:
    """Keeps one agent running, as the unit says: again after a failure, not after exit code 2."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started = ""
        self._restarts = 0
        path = folder / "systemd"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        (folder / "bin").mkdir()
        program = folder / "bin/systemctl"
        program.write_text(_SYSTEMCTL.format(python=sys.executable, socket=path))
        program.chmod(0o755)
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                words = json.loads(line.makefile().readline())
                line.sendall(self._do(next(word for word in words if not word.startswith("-"))).encode())

    def _do(self, verb: str) -> str:
        with self._lock:
            match verb:
                case "stop":
                    self._end()
                case "start":
                    self._restarts = 0
                    self._start()
                case "show":
                    return self._shown()
        return ""

    def _start(self) -> None:
        program = (self.folder / "versions/current/bin/presence-agent").resolve()
        self._process = subprocess.Popen([sys.executable, program, "run"])
        self._started = program.parents[1].name

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _shown(self) -> str:
        code = self._process.poll() if self._process else 0
        if code not in {None, 0, 2}:
            self._restarts += 1
            self._start()
        pid = self._process.pid if self._process else 0
        is_ready = (self.folder / f"run/ready-{pid}").exists()
        state = "failed" if code == 2 else "inactive" if code == 0 else "active" if is_ready else "activating"
        rows = {
            "ActiveState": state,
            "NRestarts": self._restarts,
            "MainPID": pid,
            "ExecMainStatus": code or 0,
        }
        return "".join(f"{name}={value}\n" for name, value in rows.items())

    @property
    def runs(self) -> str | None:
        """Name of the version that runs; None: none does."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._started

    def reboot(self) -> None:
        """End what runs, and start what is in force."""
        self._do("stop")
        self._do("start")

    def close(self) -> None:
        self._do("stop")
        self._socket.close()
