"""Access to the machine for doctor: files, commands, systemd and processes, each with a time limit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from agent.core.credentials import origin
from agent.device import clock
from agent.device.systemd import runtime_folder
from agent.doctor.report import Finding

Emit = Callable[[Finding], None]
_T = TypeVar("_T")
_COMMAND_S = 5.0
UNIT = "presence-agent.service"
TIMER = "presence-agent-check.timer"
_ASKED = (
    "LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts", "Result", "ExecMainStatus", "User",
    "ControlGroup", "MainPID", "InvocationID", "WatchdogUSec", "WatchdogTimestampMonotonic", "ProtectClock",
    "StatusText",
)  # fmt: skip
_JOURNALS = ("var/log/journal", "run/log/journal")


def _runtime() -> Path:
    return runtime_folder() or Path("/run/presence-agent")


@dataclass(frozen=True, slots=True)
class System:
    """The machine that is looked at.

    Attributes:
        root: of /proc, /sys, /var and so on.
        runtime: where the service keeps its numbers.
        synced: whether the clock is known to be right.
    """

    root: Path = Path("/")
    runtime: Path = field(default_factory=_runtime)
    synced: Callable[[], bool] = clock.clock_synced

    def read_words(self, path: str) -> list[str] | None:
        """Words of a file below the root; None: it can't be read."""
        try:
            return (self.root / path).read_text().split()
        except (OSError, UnicodeDecodeError):
            return None

    def secret_path(self, path: Path | None) -> Path | None:
        """Path of a secret of the service; while it does not run, the file that systemd takes it from."""
        if path is None or origin(path) == path:
            return path
        if own := os.environ.get("CREDENTIALS_DIRECTORY"):
            # In the service's sandbox there are copies as the service has them.
            return Path(own) / path.name
        taken_from = self.root / origin(path).relative_to("/")
        try:
            return path if path.exists() else taken_from
        except OSError:
            return path


def within(seconds: float, ask: Callable[[], _T]) -> _T:
    """Call something that may hang, in a thread.

    Raises:
        TimeoutError: it has not returned in time; its thread goes on and ends with the process.
    """
    answers: SimpleQueue[tuple[_T | None, BaseException | None]] = SimpleQueue()

    def asking() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            answers.put((None, error))

    Thread(target=asking, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error:
        raise error
    return answer  # type: ignore[return-value]


def run_command(*words: str) -> subprocess.CompletedProcess[str] | None:
    """Run a command, whatever its exit code; None: there is none, or it takes too long."""
    try:
        return subprocess.run(  # noqa: S603 - words of our own
            words, capture_output=True, text=True, timeout=_COMMAND_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def command_output(*words: str) -> str | None:
    """Output of a command; None: there is none, it fails, or it takes too long."""
    done = run_command(*words)
    return done.stdout if done and done.returncode == 0 else None


def unit_properties(unit: str = UNIT) -> dict[str, str] | None:
    """Properties of the service's unit, or of another, as systemd shows them; None: there is no systemd."""
    shown = command_output("systemctl", "show", unit, f"--property={','.join(_ASKED)}")
    if not shown:
        return None
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def exists(path: Path) -> bool:
    """Path.exists() is False, on newer Pythons, for a path that may not be looked at; this raises OSError."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def journals(machine: System) -> list[Path]:
    """Files of the system's journal."""
    return [file for folder in _JOURNALS for file in (machine.root / folder).glob("*/system.journal")]


def writer_of(log_path: Path, machine: System) -> int | None:
    """The process that holds a log; None: none that this user can see.

    The kernel's list is read and no lock is tried: an agent that starts at that moment would find it taken.
    """
    lock = log_path.with_name(f"{log_path.name}.lock")
    try:
        there = lock.stat()
        lines = (machine.root / "proc/locks").read_text().splitlines()
    except OSError:
        return None
    device = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    for line in lines:
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == device:  # noqa: PLR2004
            return int(fields[4])
    return None


def writer_of_removed(log_path: Path, machine: System) -> int | None:
    """The process that writes to a log which was removed; None: none that this user can see."""
    gone = {f"{log_path.absolute()}{end} (deleted)" for end in ("", "-wal", "-shm")}
    for descriptor in (machine.root / "proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(descriptor.readlink()) in gone:
                return int(descriptor.parts[-3])
    return None
