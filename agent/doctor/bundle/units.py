"""State and text of the units, and the journal's last lines of them; of a text only what is on a list."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from agent.core.log_messages import HEALTH
from agent.doctor.bundle.redaction import HIDDEN
from agent.doctor.system import journals, run_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.doctor.system import System

UNITS: Final = (
    "presence-agent.service",
    "presence-agent-check.service",
    "presence-agent-check.timer",
    "presence-agent-credentials.path",
    "presence-agent-credentials.service",
)
MOST_LINES: Final = 500
# No Environment=, no command lines: what is in there is anybody's guess.
_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,UnitFilePreset,FragmentPath,DropInPaths,NeedDaemonReload,"
    "Result,ExecMainStatus,ExecMainCode,ExecMainStartTimestamp,ExecMainExitTimestamp,NRestarts,MainPID,User,"
    "ActiveEnterTimestamp,InactiveEnterTimestamp,StateChangeTimestamp,StatusText,StatusErrno,MemoryCurrent,"
    "MemoryPeak,MemoryMax,MemoryHigh,MemorySwapMax,CPUUsageNSec,TasksCurrent,OOMScoreAdjust,WatchdogUSec,"
    "WatchdogTimestamp,LastTriggerUSec,NextElapseUSecRealtime,ConditionResult,AssertResult,ReloadResult"
)
# Directives that say nothing of a secret, whatever somebody puts there; all others are hidden.
_DIRECTIVES = re.compile(
    r"^(Description|Documentation|Wants|Requires|After|Before|PartOf|BindsTo|Conflicts|WantedBy|Type"
    r"|Restart\w*|\w+Sec|StartLimit\w+|\w+Timeout\w*|User|Group|SupplementaryGroups|\w+Directory(Mode|Preserve)?"
    r"|LoadCredential|UMask|Memory\w+|TasksMax|CPU\w+|IO\w+|Nice|OOM\w+|Limit\w+|Device\w+|CapabilityBoundingSet"
    r"|AmbientCapabilities|NoNewPrivileges|Protect\w+|Private\w+|Restrict\w+|ReadWritePaths|ReadOnlyPaths"
    r"|InaccessiblePaths|LockPersonality|SystemCall\w+|KeyringMode|RemoveIPC|NotifyAccess|Watchdog\w+"
    r"|CoredumpFilter|IPAddress(Deny|Allow)|On\w+|Persistent|PathChanged|PathModified|(Condition)?PathExists|Unit|RemainAfterExit"
    r"|ProcSubset|SuccessExitStatus|KillMode|KillSignal|DynamicUser|Slice)$"
)
_COMMAND = re.compile(r"^Exec\w+$")
_OURS = re.compile(
    r"^(/usr/(bin/presence-agent|lib/presence-agent/check)( run)?( --config)?( /[\w./-]+)?"
    r"|/usr/bin/presence-agent reload \$MAINPID)$"
)
_HEADER = re.compile(r"^# /\S+$")
_SECTION = re.compile(r"^\[\w+\]$")


class UnavailableError(Exception):
    """A part can't be had; the reason in one sentence."""


def unit_texts() -> str | None:
    """All of the units as they are, to look for secrets in; None: there is no systemd."""
    try:
        return _command_output("systemctl", "cat", "--no-pager", *UNITS)
    except UnavailableError:
        return None


def units() -> str:
    """State and text of each unit.

    Raises:
        NotHadError: there is no systemd.
    """
    parts = []
    for unit in UNITS:
        shown = _command_output("systemctl", "show", unit, f"--property={_PROPERTIES}")
        if not shown.strip():
            raise UnavailableError("there is no systemd here that answers")
        status = _command_output("systemctl", "status", "--no-pager", "--lines=0", unit)
        lines = _command_output("systemctl", "cat", "--no-pager", unit).splitlines()
        parts += [f"=== {unit}: show", shown.strip(), f"=== {unit}: status", *_safe_status(status)]
        parts += [f"=== {unit}: cat", *safe_directives(lines), ""]
    return "\n".join(parts)


def journal(machine: System) -> str:
    """The last lines of the units.

    Raises:
        NotHadError: there is no journal, or this user may not read it.
    """
    _check_journal_readable(machine)
    named = [word for unit in UNITS for word in ("-u", unit)]
    said = _command_output("journalctl", "-q", "--no-pager", "-o", "short-iso", "-n", str(MOST_LINES), *named)
    if not said.strip():
        raise UnavailableError("the journal has no lines of the agent's units")
    return said


def last_health(machine: System) -> str:
    """The newest line that sums up how the agent is; empty: there is none.

    Raises:
        NotHadError: as above.
    """
    _check_journal_readable(machine)
    match = f"MESSAGE_ID={HEALTH.message_id}"
    return _command_output("journalctl", "-q", "--no-pager", "-o", "short-iso", "-n", "1", match).strip()


def safe_directives(lines: Iterable[str]) -> Iterator[str]:
    """Lines of a unit: what is on the list as it is, of the rest the name, of remarks where it is."""
    going_on = hidden = False
    for raw in lines:
        line = raw.strip()
        was_going_on, going_on = going_on, line.endswith("\\")
        if was_going_on:
            if not hidden:
                yield raw
            continue
        hidden = False
        name, separator, value = line.partition("=")
        if _SECTION.match(line) or _HEADER.match(line):
            yield line
        elif separator and not line.startswith(("#", ";")):
            hidden = not (_DIRECTIVES.match(name) or (_COMMAND.match(name) and _OURS.match(value)))
            yield f"{name if name.isalnum() else HIDDEN}={HIDDEN}" if hidden else line


def _safe_status(status: str) -> Iterator[str]:
    """Without its list of processes: their command lines are not ours."""
    for line in status.splitlines():
        if re.match(r"^\s+(CGroup|Process|Main PID):", line):
            yield f"{line.partition(':')[0]}: {HIDDEN}"
        elif not re.match(r"^\s+[├└│─|`]", line):
            yield line


def _check_journal_readable(machine: System) -> None:
    there = journals(machine)
    if there and not any(os.access(file, os.R_OK) for file in there):
        raise UnavailableError("the journal may not be read by this user; run it with sudo")


def _command_output(*words: str) -> str:
    """Output of a command, whatever its exit code: `status` ends with 3 where a unit does not run.

    Raises:
        NotHadError: there is none, or it takes too long.
    """
    done = run_command(*words)
    if done is None:
        raise UnavailableError(f"{words[0]} is not here, or gives no answer")
    return done.stdout
