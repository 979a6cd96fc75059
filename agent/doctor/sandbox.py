"""Doctor as the service's user in its sandbox: a transient unit with the service's own settings.

What may be read, written and opened differs between the service and root: its user, ProtectHome=,
DevicePolicy= and the credentials decide. So checks that depend on rights run in there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent.core.file_access import user
from agent.core.own_python import own_path, own_python
from agent.doctor.messages import MESSAGES
from agent.doctor.report import Finding
from agent.doctor.system import UNIT, command_output, unit_properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# Time for the checks in there, and time until their answer is given up.
SANDBOX_S: Final = 7.0
_WAIT_S: Final = 10.0
# Loading networks, and reading and writing a log of 200 MB on a slow card.
_PREFLIGHT_S: Final = 180.0
# What settles who may do what, and that no picture gets onto the card. Nothing that makes or keeps folders,
# starts again, or takes away what belongs to the running service, as RemoveIPC= would.
_KEPT: Final = re.compile(
    r"User|Group|DynamicUser|SupplementaryGroups|UMask|(Load|Set|Import)Credential(Encrypted)?|Device(Policy|Allow)"
    r"|(Capability|Ambient).*|NoNewPrivileges|(Protect|Private|Restrict|SystemCall|IPAddress|Lock|MemoryDeny).*"
    r"|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec|Bind|BindReadOnly)Paths|TemporaryFileSystem|KeyringMode"
    r"|(Pass|Unset)?Environment|EnvironmentFile|WorkingDirectory|LimitCORE|CoredumpFilter|MemorySwapMax"
)
_FOLDERS: Final = {"StateDirectory": "/var/lib", "RuntimeDirectory": "/run"}


@dataclass(frozen=True, slots=True)
class SandboxAnswer:
    """Answer of the checks in the sandbox.

    Attributes:
        whose: the user that checked, for the report.
        findings: what was found; None: nothing could be, so that whoever asks has to look as the caller.
    """

    whose: Finding
    findings: tuple[Finding, ...] | None = None


def as_json(findings: Iterable[Finding]) -> str:
    """Findings on their way out of the sandbox, on one line."""
    rows = [{"code": finding.code, "values": dict(finding.values)} for finding in findings]
    return json.dumps(rows, default=str)


def settings(unit_text: str) -> Iterator[tuple[str, str]]:
    """Settings of [Service] in the text of `systemctl cat`, drop-ins included, in order."""
    section = ""
    rows = (row for row in unit_text.splitlines() if not row.lstrip().startswith(("#", ";")))
    for row in "\n".join(rows).replace("\\\n", " ").splitlines():
        if row.startswith("["):
            section = row.strip()
        key, equals, value = row.partition("=")
        if section == "[Service]" and equals:
            yield key.strip(), value.strip()


def properties(unit_text: str) -> list[str]:
    """The service's settings for a transient unit that may do what it may, and changes nothing."""
    found = []
    for key, value in settings(unit_text):
        if _KEPT.fullmatch(key):
            found.append(f"{key}={value.replace('%%', '%')}")
        elif key in _FOLDERS:
            # As it is: systemd would make the folder, or give it to the service's user.
            found += [f"ReadWritePaths=-{_FOLDERS[key]}/{name}" for name in value.split()]
    return found


def program(unit_text: str) -> str | None:
    """Path of the program that the service starts."""
    starts = [value for key, value in settings(unit_text) if key == "ExecStart" and value]
    return starts[-1].split()[0].lstrip("-@:+!") if starts else None


def ask_sandbox(path: Path) -> SandboxAnswer:
    """Run the checks as the service, if this user may and there is one; takes ten seconds at most.

    Args:
        path: of the configuration.
    """
    return _asked(path, [], _WAIT_S)


def ask_preflight(path: Path) -> SandboxAnswer:
    """Run the preflight of this version, which need not be the service's, as `ask_sandbox` does.

    It takes three minutes at most.

    Args:
        path: of the configuration.
    """
    return _asked(path, own_python("-m", "agent", "doctor", "--preflight"), _PREFLIGHT_S)


def _asked(path: Path, own: list[str], limit_s: float) -> SandboxAnswer:
    """Run a command in the sandbox; `own`: it is this process's program, not the service's."""
    caller = {"user": user()}
    shown = unit_properties()
    if shown is None or shown.get("LoadState") != "loaded":
        return SandboxAnswer(Finding("whose.no_service", caller))
    if os.geteuid() != 0:
        return SandboxAnswer(Finding("whose.caller", caller))
    text = command_output("systemctl", "cat", "--no-pager", UNIT) or ""
    start = program(text)
    if start is None:
        return SandboxAnswer(Finding("whose.no_service", caller))
    name = f"presence-agent-doctor-{os.getpid()}"
    words = [
        *("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec", f"--unit={name}"),
        *(f"--property={setting}" for setting in [*properties(text), f"RuntimeMaxSec={limit_s:g}"]),
        *(f"--setenv={name}={value}" for name, value in (own_path() if own else {}).items()),
        *("--", *(own or [start, "doctor"]), "--inside", "--config", str(path.absolute())),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - words of our own and of the service's unit
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, check=False,
            errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = (
            f"no answer within {limit_s:g} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        )
        return SandboxAnswer(Finding("whose.not_inside", {**caller, "problem": problem}))
    findings = _read(done.stdout, f"/run/credentials/{name}.service/")
    if findings is None:
        said = " ".join(done.stderr.split())[-300:]
        problem = f"{said or 'no message'} (exit code {done.returncode})"
        return SandboxAnswer(Finding("whose.not_inside", {**caller, "problem": problem}))
    return SandboxAnswer(Finding("whose.service", {"user": shown.get("User") or "root"}), findings)


def _read(text: str, credentials: str) -> tuple[Finding, ...] | None:
    """Findings as they came out; None: they make no sense."""
    try:
        rows: Any = json.loads(text)
        # The reader knows where secrets are kept, not where systemd puts a copy for a moment.
        found = [Finding(row["code"], _in_place(row["values"], credentials)) for row in rows]
        known = all(finding.code in MESSAGES for finding in found)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return tuple(found) if known and found else None


def _in_place(values: Mapping[str, object], credentials: str) -> dict[str, object]:
    return {
        name: value.replace(credentials, "/etc/presence-agent/") if isinstance(value, str) else value
        for name, value in values.items()
    }
