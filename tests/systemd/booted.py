"""The Debian that tests/systemd/faults.sh boots: a good device with its broker, and the way back to it.

Runs inside, by its own python3 and as root; the agent under test is that of the package.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

UNIT = "presence-agent"
SOURCE = Path("/opt/src")
ETC = Path("/etc/presence-agent")
CONFIG = ETC / "agent.toml"
PASSWORD = ETC / "mqtt-password"
STATE = Path("/var/lib/presence-agent")
LOG = STATE / "events.db"
APP = Path("/var/lib/presence-agent-versions/current/site-packages")
MODELS = APP / "share/presence-agent/models"
BROKER = Path("/etc/mosquitto/presence")
RECORDING = Path("/srv/footage/hall.mp4")
HOME = Path("/home/technician")
SCRIPTS = SOURCE / "deploy/broker"
_KEPT = Path("/root/good")
# What a fault may touch, apart from the state folder, which is empty on a good device.
_TREES = (ETC, APP / "agent", MODELS, BROKER, RECORDING.parent)
_SERVER = "/run/systemd/system/weights-server.service"
_READY_S = 90
_MODE = 0o7777


def run(*words: str, check: bool = True, limit_s: float = 120) -> str:
    """What a command prints, standard error too.

    Raises:
        RuntimeError: it fails, and that was not to be.
    """
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=limit_s,
        check=False,
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words)} ends with {done.returncode}:\n{done.stdout}")
    return done.stdout


def script(text: str, *, check: bool = True) -> str:
    """What a few lines for bash print; the first that fails ends them."""
    return run("bash", "-c", f"set -e; {text}", check=check)


def shown(name: str) -> str:
    """A property of the service."""
    return run("systemctl", "show", UNIT, "-p", name, "--value").strip()


def main_pid() -> int:
    """The service's process.

    Raises:
        RuntimeError: it has none: nobody is to send a signal to process 0.
    """
    pid = int(shown("MainPID"))
    if pid <= 1:
        raise RuntimeError("The service has no process.")
    return pid


def restart() -> None:
    """As an installer does after a change; it may fail, or wait for ever."""
    run("systemctl", "restart", "--no-block", UNIT)


def stop() -> None:
    """Stop it, so that nobody writes what is to be damaged."""
    run("systemctl", "stop", UNIT)


def edit(old: str, new: str, path: Path = CONFIG) -> None:
    """Change a text file in place, as by an editor: its mode stays.

    Raises:
        RuntimeError: there is nothing to change.
    """
    text = path.read_text()
    if old not in text:
        raise RuntimeError(f"{path} has no {old!r}.")
    path.write_text(text.replace(old, new, 1))


def account(*words: str) -> None:
    """What the broker's administrator does with accounts."""
    run("bash", str(SCRIPTS / "account.sh"), *words)


def certificates(*words: str) -> None:
    """What the broker's administrator does with certificates."""
    run("bash", str(SCRIPTS / "certificates.sh"), *words)


def put_back(*paths: Path) -> None:
    """Make files as they are on a good device."""
    for path in paths:
        kept = _KEPT / path.relative_to("/")
        if path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-aT", str(kept), str(path))


@dataclass(slots=True)
class Device:
    """A device that is in order.

    Attributes:
        kept: what the trees of a good device are like.
    """

    kept: dict[Path, str]

    @classmethod
    def installed(cls) -> Device:
        """Install broker, agent and service as deploy/README.md says, and keep what that gives."""
        run("ip", "link", "set", "lo", "up")
        with Path("/etc/hosts").open("a") as file:
            file.write(f"127.0.1.1 {os.uname().nodename}\n")
        run("bash", str(SCRIPTS / "mosquitto.sh"), "--name", "localhost")
        account("add-device", "que-phong", "one-stop", "--password-file", str(PASSWORD))
        shutil.copy(BROKER / "ca.pem", ETC)
        _install_agent()
        keep_time()
        _serve_weights()
        HOME.mkdir(parents=True, exist_ok=True)
        for tree in _TREES:
            (_KEPT / tree.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-aT", str(tree), str(_KEPT / tree.relative_to("/")))
        run("systemctl", "start", UNIT)
        return cls({tree: _signature(tree) for tree in _TREES})

    @staticmethod
    def is_configured_as_before() -> bool:
        """Whether the configuration is the one that was installed."""
        return CONFIG.read_bytes() == (_KEPT / CONFIG.relative_to("/")).read_bytes()

    def restore(self) -> None:
        """Make it good again, whatever was done to it, with a log and a journal that begin here.

        Raises:
            RuntimeError: it does not start again.
        """
        run("systemctl", "kill", "-s", "KILL", UNIT, check=False)
        stop()
        for unit in ("by-hand", "silent-camera"):
            run("systemctl", "stop", unit, check=False)
        while run("findmnt", "-n", str(STATE), check=False):
            run("umount", str(STATE))
        if STATE.exists():
            for path in STATE.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            shutil.chown(STATE, UNIT, UNIT)
            STATE.chmod(0o700)
        for path in (*HOME.iterdir(), Path("/srv/hall.mp4")):
            path.unlink(missing_ok=True)
        broken = [tree for tree in _TREES if _signature(tree) != self.kept[tree]]
        put_back(*broken)
        if BROKER in broken or run("systemctl", "is-active", "mosquitto", check=False).strip() != "active":
            run("systemctl", "restart", "mosquitto")
        run("systemctl", "enable", "-q", "--now", "systemd-timesyncd")
        run("systemctl", "enable", "-q", UNIT)
        run("systemctl", "reset-failed", UNIT, check=False)
        script("journalctl --rotate; journalctl -q --vacuum-time=1s")
        # A secret that is put back has the service started again by a unit of its own, perhaps just now.
        run("systemctl", "start", UNIT, check=False, limit_s=_READY_S)
        run("systemctl", "start", UNIT, limit_s=_READY_S)


def _signature(tree: Path) -> str:
    """Names, modes, owners, sizes and times of all that is in it."""
    found = hashlib.sha256()
    for folder, names, files in os.walk(tree):
        names.sort()
        for name in sorted([*files, "."]):
            path = Path(folder, name)
            there = path.lstat()
            found.update(f"{path} {there.st_mode & _MODE} {there.st_uid} {there.st_gid}".encode())
            if name != ".":
                found.update(f"{there.st_size} {there.st_mtime_ns}".encode())
    return found.hexdigest()


def _install_agent() -> None:
    """By the package. What it fetches comes from a server in here: there is no way out."""
    (package,) = Path("/opt/package").glob("presence-agent_*.deb")
    run("apt-get", "install", "-qy", "--no-install-recommends", str(package))
    manifest = MODELS / "manifest.toml"
    here = re.sub(r'url = "[^"]*/([^"/]+)"', r'url = "http://localhost:8000/\1"', manifest.read_text())
    manifest.write_text(here)


def _serve_weights() -> None:
    words = f"/usr/bin/python3 -m http.server 8000 --bind 127.0.0.1 --directory {SOURCE}/models"
    Path(_SERVER).write_text(f"[Service]\nExecStart={words}\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "weights-server")


def keep_time() -> None:
    """A stand-in for systemd-timesyncd, which starts in no container: same unit, process and trace."""
    program = Path("/usr/local/lib/stand-in/systemd-timesyncd")
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\nwhile touch /run/systemd/timesync/synchronized; do sleep 5; done\n")
    program.chmod(0o755)
    drop = Path("/etc/systemd/system/systemd-timesyncd.service.d/stand-in.conf")
    drop.parent.mkdir(parents=True, exist_ok=True)
    drop.write_text(
        "[Unit]\nConditionVirtualization=\nConditionCapability=\n"
        f"[Service]\nType=exec\nWatchdogSec=0\nExecStart=\nExecStart={program}\n"
        "AmbientCapabilities=\nCapabilityBoundingSet=\n"
    )
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "-q", "--now", "systemd-timesyncd")
