"""Processes that are killed and started again, and the broker among them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[2]
PORT = 1883
_TAIL = 600
_TOO_OFTEN = 5


class Role:
    """One of agent, broker and receiver: the same command again and again.

    Attributes:
        kills: how often it was killed with SIGKILL.
        ends: how often it was ended in order.
        ended: how it ended when nobody had told it to; each is a fault of ours.
    """

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        # Whoever starts it may be killed too: nothing of a run is to stay behind.
        setpriv = shutil.which("setpriv")
        dying = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        self._command = [*dying, *map(str, command)]
        self._said = folder / f"{name}.err"
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0
        self.ends = 0
        self.ended: list[str] = []

    def start(self, *more: str) -> None:
        """Start it, if it does not run."""
        self.look()
        if len(self.ended) >= _TOO_OFTEN:
            raise RuntimeError(f"{self.name} does not stay: {self.ended[-1]}")
        if self._process is None:
            with self._said.open("ab") as file:
                # Scripts that are not started as modules find this checkout's package too.
                self._process = subprocess.Popen(
                    [*self._command, *more],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    cwd=ROOT,
                    env=os.environ | {"PYTHONPATH": str(ROOT)},
                )

    def look(self) -> None:
        """Notice if it ended by itself."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self.ended.append(f"{self.name} ended by itself with {code}: {self.said()[-_TAIL:]}")
            self._process = None

    def kill(self) -> None:
        """Kill it where it is."""
        self.look()
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.kills += 1

    def signal(self, number: signal.Signals) -> bool:
        """Send it one; False if it does not run, or not far enough to care about it: it would die of it."""
        self.look()
        if self._process is None:
            return False
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1
        if caught:
            self._process.send_signal(number)
        return bool(caught)

    def end(self, within_s: float) -> None:
        """Let it end in order; whoever does not is killed, and that is remembered."""
        self.look()
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self.ended.append(
                f"{self.name} did not end within {within_s} s of SIGTERM: {self.said()[-_TAIL:]}"
            )
        self._process = None
        self.ends += 1

    @property
    def running(self) -> bool:
        """Whether it was started and has not been ended since; it may have ended by itself."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process, f"{self.name} does not run"
        return self._process.pid

    def said(self) -> str:
        """Its standard output and error, of all its lives."""
        return self._said.read_text(errors="replace") if self._said.exists() else ""


def mosquitto() -> str:
    """Where the broker is; empty where there is none."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def broker_command(folder: Path, *, persistence: bool, port: int = PORT, more: str = "") -> list[str | Path]:
    """A mosquitto that drops nothing for being too much, with its default persistence or none."""
    config = folder / "mosquitto.conf"
    # As root mosquitto would change to a user that can't write the test's folder.
    user = "user root\n" if os.geteuid() == 0 else ""
    kept = f"persistence {'true' if persistence else 'false'}\npersistence_location {folder}/\n"
    config.write_text(
        f"{user}{kept}listener {port}\nallow_anonymous true\nlog_type error\nlog_type warning\n"
        # As deploy/broker/mosquitto.sh sets them.
        f"max_queued_messages 0\nmax_queued_bytes 512000000\nmax_inflight_messages 100\n{more}"
    )
    return [mosquitto(), "-c", config]


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody does on loopback."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def memory_mb(pid: int | str) -> tuple[float, float]:
    """What a process has resident now, and the most that it ever had."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    now, most = (int(fields[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM"))
    return now, most


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(holds: Callable[[], object], within_s: float, what: str) -> None:
    """Look again and again until it holds."""
    give_up_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_s, f"{what}: still not so after {within_s} s"
        time.sleep(0.05)
