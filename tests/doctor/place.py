"""A machine for doctor to look at, whole until a test breaks something of it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from agent.app.sources import camera_of
from agent.doctor import System, examine
from tests.conftest import GATE
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from agent.doctor import Report
    from agent.doctor.checks_camera import CameraOf

SERVICE = {
    "LoadState": "loaded",
    "ActiveState": "inactive",
    "SubState": "dead",
    "UnitFileState": "enabled",
    "NRestarts": "0",
    "Result": "success",
    "ExecMainStatus": "0",
    "User": "",
    "ControlGroup": "/system.slice/presence-agent.service",
}
CGROUP = "sys/fs/cgroup/system.slice/presence-agent.service"
SIGHT: dict[str, Any] = {
    "v": 1,
    "size": [1280, 720],
    "brightness": 120,
    "sharpness": 40.0,
    "usual_sharpness": 42.0,
    "faces_upright": 3,
    "faces_upside_down": 0,
    "fps": 10.0,
    "camera": "ok",
}


@dataclass
class Place:
    """What doctor finds; `mqtt`, `camera` and `log` go into the configuration."""

    folder: Path
    camera: dict[str, object]
    mqtt: dict[str, object] = field(default_factory=dict)
    log: dict[str, object] = field(default_factory=dict)
    more: str = GATE
    synced: bool = True
    camera_of: CameraOf = camera_of

    def __post_init__(self) -> None:
        for path, content in {
            "proc/1/comm": "systemd\n",
            "proc/77/comm": "systemd-timesyn\n",
            "proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 500000 kB\n",
            "proc/locks": "",
            "proc/cmdline": "console=tty1 root=PARTUUID=0 rootwait\n",
            "proc/net/route": "Iface Destination\neth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0\n",
            "proc/swaps": "Filename Type Size Used Priority\n/var/swap file 524284 0 -2\n",
            "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
            f"{CGROUP}/memory.max": "471859200\n",
            f"{CGROUP}/memory.swap.max": "0\n",
            "sys/class/thermal/thermal_zone0/temp": "55300\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
            "usr/lib/systemd/catalog/presence-agent.catalog": "",
            "var/log/journal/0123/system.journal": "",
        }.items():
            self.write(path, content)
        (self.folder / "run").mkdir()
        (self.folder / "bin").mkdir()
        self.log.setdefault("path", self.folder / "log" / "events.db")
        self.service()
        self.program("journalctl", "")

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def config(self) -> Path:
        return self.folder / "agent.toml"

    def write(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)

    def program(self, name: str, says: str, code: int = 0) -> None:
        """Put a program of systemd's there that says this."""
        path = self.folder / "bin" / name
        (self.folder / f"{name}.out").write_text(says)
        path.write_text(f"#!/bin/sh\ncat '{self.folder / name}.out'\nexit {code}\n")
        path.chmod(0o755)

    def journal(self, *entries: dict[str, str]) -> None:
        """The journal has these of the service's lines, in order; it is asked for JSON and for bare lines."""
        self.program("journalctl", "".join(f"{entry.get('MESSAGE', '')}\n" for entry in entries))
        lines, path = self.folder / "journalctl.json", self.folder / "bin/journalctl"
        lines.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
        bare = path.read_text().removeprefix("#!/bin/sh\n")
        path.write_text(f'#!/bin/sh\ncase " $* " in *" json "*) exec cat \'{lines}\' ;; esac\n{bare}')

    def service(self, **shown: str) -> None:
        self.program("systemctl", "".join(f"{name}={value}\n" for name, value in (SERVICE | shown).items()))

    def installed(self, *, starts: str = f'exec {sys.executable} -m agent "$@"', says: str = "") -> None:
        """A service that starts this; `systemd-run` does what it is told without a sandbox, or says that."""
        start, run = (self.folder / "bin" / name for name in ("presence-agent", "systemd-run"))
        start.write_text(f"#!/bin/sh\n{starts}\n")
        run.write_text(
            f'#!/bin/sh\necho "$@" >{self.folder}/asked\n{says}\n'
            'while [ "$1" != -- ]; do case $1 in --setenv=*) export "${1#--setenv=}" ;; esac; shift; done\n'
            'shift; exec "$@"\n'
        )
        for program in (start, run):
            program.chmod(0o755)
        self.service()
        with (self.folder / "systemctl.out").open("a") as shown:
            shown.write(f"[Service]\nExecStart={start} run\nUser=somebody\n")

    def sight(self, age_s: float = 3, **numbers: object) -> None:
        """The service runs, and keeps these numbers."""
        self.service(ActiveState="active", SubState="running")
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        body = {**SIGHT, "ts": f"{at:%Y-%m-%dT%H:%M:%S}Z", **numbers}
        (self.folder / "run" / "sight.json").write_text(json.dumps(body))

    def write_config(self) -> Path:
        def table(name: str, values: dict[str, object]) -> str:
            rows = (f"{key} = {_toml(value)}\n" for key, value in values.items())
            return f"[{name}]\n{''.join(rows)}" if values else ""

        device: dict[str, object] = {"site": "que-phong", "name": "one-stop"}
        tables: dict[str, dict[str, object]] = {
            "device": device,
            "camera": self.camera,
            "mqtt": self.mqtt,
            "log": self.log,
        }
        self.config.write_text("".join(table(name, values) for name, values in tables.items()) + self.more)
        return self.config

    def examined(self, limit_s: float = PATIENCE_S) -> Report:
        machine = System(self.root, self.folder / "run", lambda: self.synced)
        return examine(self.write_config(), machine, self.camera_of, limit_s)


def _toml(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | int | float | list) else json.dumps(str(value))


def codes(report: Report) -> list[str]:
    """What was found that is not good; what could not be tried is left out."""
    return [item.code for item in report.findings if item.status in {"warning", "fault"}]
