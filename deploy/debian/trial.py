#!/usr/bin/python3 -IB
"""Trial of a new version of presence-agent, and the way back where it fails.

    trial ask NAME   notes that this version is to be tried; the one in force goes on until it is
    trial run        tries what is noted, and finishes what was cut short; nothing where nothing is noted

The new version first says itself whether it would run (`doctor --preflight`). Then it is put in force, and
must be ready and healthy for some time; else the one before is put in force again, and the agent tells so.
Each step is on the card before the next begins, so that `run` at the next boot goes on wherever this ended.
What was wrong before the update is not laid to the new version. It is of no version itself: only Python's
standard library.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

UNIT = "presence-agent.service"
CONFIG = "/etc/presence-agent/agent.toml"
# Exit code where the trial is over and the version failed; after any other than 0 systemd starts it again.
FAILED = 3
_PREFLIGHT_S = 240
_COMMAND_S = 180
# The agent writes its numbers each 10 s.
_STALE_S = 30
_LOOK_EVERY_S = 1.0
_GONE_LOOKS = 3
# A version with which the machine itself comes down is not tried for ever.
_MOST_STARTS = 3
# What tells of the place, the network or the update before, and not of the version.
_NOT_ITS_FAULT = frozenset(
    {
        "camera_covered", "camera_dark", "camera_blurred", "camera_moved", "camera_shifted", "shift_unknown",
        "clock_unsynced", "disk_low", "refusals_unseen", "throttled", "under_voltage", "card_errors",
        "calendar_refused", "certificate_ends", "update_failed",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Files and programs; tests have their own.

    Attributes:
        versions: where the versions are.
        runtime: the service's folder in memory.
        config: the agent's configuration.
        switch: the program that puts a version in force.
    """

    versions: Path = Path("/var/lib/presence-agent-versions")
    runtime: Path = Path("/run/presence-agent")
    config: Path = Path(CONFIG)
    switch: Path = Path("/usr/lib/presence-agent/versions")

    @property
    def trial(self) -> Path:
        """The note of a trial that is not over."""
        return self.versions / "trial.json"

    @property
    def failed(self) -> Path:
        """What the agent tells of."""
        return self.versions / "failed.json"


@dataclass(frozen=True)
class Trial:
    """A trial that is not over.

    Attributes:
        before: name of the version that was in force; empty: there was none.
        after: of the one to be tried.
        step: `asked`; `switching` until it is started; `tried`; `failed` once the way back is decided.
        switched: whether it may have been put in force.
        reasons: what was wrong with the one before, in health's words; None: it was not ready.
        cause: why it failed, in the words of the event `update.failed`.
        ts: when it failed, UTC.
        starts: how often `run` took it up.
    """

    before: str
    after: str
    step: str = "asked"
    reasons: tuple[str, ...] | None = ()
    cause: str = ""
    ts: str = ""
    switched: bool = False
    starts: int = 0


def write(path: Path, body: Mapping[str, Any]) -> None:
    """Replace a file, so that after a power cut it is the new one or the old one."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w") as file:
        json.dump(body, file)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(0o644)
    new.replace(path)
    _sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def noted(places: Places) -> Trial | None:
    """The trial that is not over; None: there is none, or its note makes no sense."""
    try:
        body = json.loads(places.trial.read_text())
        reasons = body["reasons"]
        return Trial(
            str(body["before"]),
            str(body["after"]),
            str(body["step"]),
            None if reasons is None else tuple(map(str, reasons)),
            str(body["cause"]),
            str(body["ts"]),
            body["switched"] is True,
            int(body["starts"]),
        )
    except (OSError, ValueError, TypeError, LookupError):
        return None


def note(places: Places, trial: Trial) -> Trial:
    """Keep it on the card."""
    write(places.trial, asdict(trial))
    return trial


def in_force(places: Places) -> str:
    """Name of the version in force; empty: none is."""
    link = places.versions / "current"
    return link.readlink().name if link.is_symlink() else ""


def ran(*words: str | Path, limit_s: float = _COMMAND_S) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever that is."""
    return subprocess.run(  # noqa: S603 - words of our own
        words, capture_output=True, text=True, check=False, timeout=limit_s
    )


def shown() -> dict[str, str]:
    """The service as systemd shows it."""
    names = "ActiveState,NRestarts,MainPID,ExecMainStatus"
    said = ran("systemctl", "show", UNIT, f"--property={names}").stdout
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def health(places: Places, process: str) -> tuple[str, ...] | None:
    """Reasons of health that the running agent gives; None: it is not ready, or says nothing any more."""
    try:
        body = json.loads((places.runtime / "sight.json").read_text())
        age_s = (datetime.now(UTC) - datetime.fromisoformat(body["ts"])).total_seconds()
        if str(body["process"]) != process or abs(age_s) > _STALE_S:
            return None
        return tuple(map(str, body["reasons"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None


def preflight(places: Places, name: str) -> str:
    """Ask a version whether it would run; return the cause of the failure, or nothing."""
    program = places.versions / name / "bin/presence-agent"
    try:
        done = ran(
            program, "doctor", "--preflight", "--json", "--config", places.config, limit_s=_PREFLIGHT_S
        )
        if done.returncode == 0:
            return ""
        checks = json.loads(done.stdout)["checks"]
        faults = {str(check["check"]) for check in checks if check["status"] == "fault"}
    except subprocess.TimeoutExpired:
        return "not_ready"
    except (OSError, ValueError, TypeError, LookupError):
        return "ended"
    return "log" if faults == {"log"} else "configuration"


def can_go_back(places: Places, before: str, after: str) -> bool:
    """Whether the version before reads the form of event log that the new one writes.

    In the file `log-form` of each are two numbers: the form that it writes, and the newest that it reads.
    """
    if not before:
        return True
    try:
        written = int((places.versions / after / "log-form").read_text().split()[0])
        return written <= int((places.versions / before / "log-form").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return False


def judged(places: Places, trial: Trial, good_s: float) -> str:
    """Watch the version in force; return the cause of its failure, or nothing once it was good for so long.

    Args:
        places: where to look.
        trial: the version must do no worse than the one before did.
        good_s: time to be ready, then of good health without a break, seconds; at most thrice that in all.
    """
    before = trial.reasons or ()
    # Where the one before was not ready, or had lost its camera, this one can't be, and must only stay.
    must_be_ready = trial.reasons is not None and "camera_lost" not in before
    started_s = time.monotonic()
    good_since_s: float | None = None
    restarts, was_ready, gone = shown().get("NRestarts"), False, 0
    while (now_s := time.monotonic()) < started_s + 3 * good_s:
        service = shown()
        # Between two of systemd's jobs it is nothing for a moment.
        gone = gone + 1 if service.get("ActiveState") in {"inactive", "failed"} else 0
        if service.get("NRestarts") != restarts or gone >= _GONE_LOOKS:
            return "configuration" if service.get("ExecMainStatus") == "2" else "ended"
        reasons = health(places, service.get("MainPID", ""))
        is_ready = service.get("ActiveState") in {"active", "reloading"} and reasons is not None
        was_ready = was_ready or is_ready
        worse = set(reasons or ()) - set(before) - _NOT_ITS_FAULT if trial.reasons is not None else set()
        is_good = (is_ready or not must_be_ready) and not worse
        good_since_s = (now_s if good_since_s is None else good_since_s) if is_good else None
        if good_since_s is not None and now_s - good_since_s >= good_s:
            return ""
        if not was_ready and must_be_ready and now_s > started_s + good_s:
            return "not_ready"
        time.sleep(_LOOK_EVERY_S)
    return "unhealthy" if was_ready else "not_ready"


def switch(places: Places, name: str) -> None:
    """Put a version in force, and start it; done twice it does no harm."""
    if in_force(places) != name:
        done = ran(places.switch, "switch", name)
        if done.returncode != 0:
            raise OSError(done.stderr.strip() or f"{places.switch} failed")
    ran("systemctl", "stop", UNIT)
    ran("systemctl", "reset-failed", UNIT)
    # It is ready when it sees, which may be never.
    ran("systemctl", "--no-block", "start", UNIT)


def ask(places: Places, name: str) -> None:
    """Note that a version is to be tried; the one to go back to is the one that last proved itself.

    No `run` may be under way meanwhile: whoever asks ends it first.
    """
    if open_one := noted(places):
        if open_one.step == "failed":
            _tell(places, open_one)
        note(places, replace(open_one, after=name, step="asked", cause="", ts="", starts=0))
    else:
        note(places, Trial(in_force(places), name))


def run(places: Places, good_s: float) -> str:
    """Go on with the trial that is noted, to its end; return the cause of its failure, or nothing."""
    trial = noted(places)
    if trial is None:
        return ""
    trial = note(places, replace(trial, starts=trial.starts + 1))
    if trial.step == "asked":
        trial = _asked(places, trial, good_s)
    if trial.step == "switching":
        switch(places, trial.after)
        trial = note(places, replace(trial, step="tried"))
    if trial.step == "tried":
        cause = "ended" if trial.starts > _MOST_STARTS else judged(places, trial, good_s)
        trial = _failed(places, trial, cause) if cause else trial
    if trial.step == "failed":
        _tell(places, trial)
        if trial.switched and trial.before:
            switch(places, trial.before)
    else:
        remove(places.failed)
    remove(places.trial)
    ran(places.switch, "tidy")
    return trial.cause


def _tell(places: Places, trial: Trial) -> None:
    """Say what failed, to the agent that is started next."""
    body = {"from_version": trial.before, "to_version": trial.after, "cause": trial.cause, "ts": trial.ts}
    write(places.failed, {"v": 1, **body})


def _failed(places: Places, trial: Trial, cause: str) -> Trial:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return note(places, replace(trial, step="failed", cause=cause, ts=now))


def _reasons_now(places: Places, wait_s: float) -> tuple[str, ...] | None:
    """Reasons of the version in force; None: it is not ready, nor gets so in this time, as after a boot."""
    end_s = time.monotonic() + wait_s
    while True:
        service = shown()
        is_ready = service.get("ActiveState") in {"active", "reloading"}
        reasons = health(places, service.get("MainPID", "")) if is_ready else None
        if reasons is not None:
            return reasons
        if time.monotonic() >= end_s:
            return () if is_ready else None
        time.sleep(_LOOK_EVERY_S)


def _asked(places: Places, trial: Trial, good_s: float) -> Trial:
    cause = preflight(places, trial.after)
    if not cause and not can_go_back(places, trial.before, trial.after):
        cause = "log"
    if cause:
        return _failed(places, trial, cause)
    if trial.switched:
        # Another one was being tried: what runs now has not proved itself.
        return note(places, replace(trial, step="switching"))
    reasons = _reasons_now(places, good_s)
    # First: with this on the card the next boot knows which one to go back to.
    return note(places, replace(trial, step="switching", switched=True, reasons=reasons))


def main() -> int:
    """Do what is asked on the command line; the setting is in the environment."""
    places = Places()
    good_s = float(os.environ.get("PRESENCE_AGENT_TRIAL_S", "180"))
    match sys.argv[1:]:
        case ["ask", name]:
            ask(places, name)
        case ["run"]:
            if cause := run(places, good_s):
                print(f"the new version failed ({cause}): the one before is in force", file=sys.stderr)  # noqa: T201 - a program
                return FAILED
        case _:
            print("usage: trial ask NAME|run", file=sys.stderr)  # noqa: T201 - a program
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
