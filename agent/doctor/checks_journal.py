"""Check of the journal: kept over restarts, explained, and free of unresolved errors."""

from __future__ import annotations

import json
import os
from shutil import which
from typing import TYPE_CHECKING

from agent.core.log_messages import HEALTH
from agent.doctor.report import Finding
from agent.doctor.system import UNIT, command_output, journals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.doctor.system import System

_CATALOGUES = ("usr/lib/systemd/catalog", "etc/systemd/catalog")
_ERRORS = tuple(f"PRIORITY={priority}" for priority in range(4))
_OF_AGENT = f"_SYSTEMD_UNIT={UNIT}"
# Errors of the agent, systemd's errors on it, and its health lines: `+` is 'or'.
_WANTED = (
    _OF_AGENT, *_ERRORS,
    "+", "_PID=1", f"UNIT={UNIT}", *_ERRORS,
    "+", _OF_AGENT, f"MESSAGE_ID={HEALTH.message_id}",
)  # fmt: skip
# The run that a line is of: of the agent's own lines, and of systemd's.
_RUNS = ("_SYSTEMD_INVOCATION_ID", "INVOCATION_ID")
_FIELDS = ",".join(("MESSAGE_ID", "PRESENCE_REASON", *_RUNS))


def journal_checks(machine: System, shown: Mapping[str, str] | None) -> Iterator[Finding]:
    """Check that the journal is kept and explained, and which errors of the last day are unresolved.

    Args:
        machine: whose journal it is.
        shown: properties of the service's unit; None: there is no systemd.
    """
    lines = command_output(
        "journalctl", "--since=-1d", "-q", "-o", "json", f"--output-fields={_FIELDS}", "-n", "1000", *_WANTED
    )
    if lines is None:
        yield Finding("journal.unknown" if which("journalctl") else "journal.no_systemd")
        return
    kept = any((machine.root / "var/log/journal").glob("*"))
    yield Finding("journal.ok" if kept else "journal.in_memory")
    if not any(list((machine.root / folder).glob("presence-agent*.catalog")) for folder in _CATALOGUES):
        yield Finding("journal.no_catalogue")
    files = journals(machine)
    if files and not any(os.access(file, os.R_OK) for file in files):
        # To users who may not read it, journalctl shows no errors.
        yield Finding("journal.unknown")
        return
    shown = shown or {}
    run = shown.get("InvocationID") if shown.get("ActiveState") == "active" else None
    errors, over = _errors((json.loads(line) for line in lines.splitlines()), run)
    if errors:
        yield Finding("journal.errors", {"errors": errors})
    else:
        yield Finding("journal.over", {"errors": over}) if over else Finding("journal.clean")


def _errors(entries: Iterable[Mapping[str, object]], run: str | None) -> tuple[int, int]:
    """Number of unresolved errors, and of resolved ones.

    Resolved is what came before the agent reported `ok`, and before the start of the run that sees now. Its
    own `failing` is resolved once it reports something else.

    Args:
        entries: of the journal, in order.
        run: systemd's id of the present run; None: there is none that sees.
    """
    number = unwell = failing = 0
    for entry in entries:
        is_health = entry.get("MESSAGE_ID") == HEALTH.message_id
        state = entry.get("PRESENCE_REASON") if is_health else None
        number += not is_health or state == "failing"
        if run and run not in [entry.get(name) for name in _RUNS]:
            continue
        if is_health:
            failing = int(state == "failing")
            unwell = 0 if state == "ok" else unwell
        else:
            unwell += 1
    holds = unwell + failing
    return holds, number - holds
