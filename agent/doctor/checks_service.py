"""Checks of the service: running, alive, and its own verdict."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.device.systemd import ENDED
from agent.doctor.report import Finding
from agent.doctor.service_numbers import STALE_S, ServiceNumbers, read_numbers
from agent.doctor.system import TIMER, UNIT, command_output, unit_properties

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.system import System

_MANY_RESTARTS = 5
# It feeds the watchdog each second.
_SILENT_S = 15
_HALTED = {"T", "t"}
_LIVES = {"active", "activating", "reloading"}


def main_process(shown: dict[str, str]) -> int | None:
    """Id of the service's process; None: there is none now."""
    process = shown.get("MainPID", "")
    return int(process) if process.isdecimal() and process != "0" else None


def is_running(shown: dict[str, str]) -> bool:
    """Whether it has a process now; one that waits to be started again has none."""
    return shown.get("ActiveState") in _LIVES and shown.get("MainPID") != "0"


def is_foreign(process: int | None, shown: dict[str, str]) -> bool:
    """Whether a process is not the service's, although the service runs, or tried to."""
    tried = shown.get("LoadState") == "loaded" and shown.get("ActiveState") in {*_LIVES, "failed"}
    return process is not None and tried and process != main_process(shown)


def current_numbers(machine: System, process: int | None) -> ServiceNumbers | None:
    """The service's numbers, unless an earlier process of it wrote them.

    Raises:
        PermissionError: this user may not read them.
    """
    numbers = read_numbers(machine.runtime)
    earlier = numbers and process and numbers.process not in {None, process}
    return None if earlier else numbers


def unresponsive(shown: dict[str, str] | None, machine: System) -> Finding | None:
    """Find a service whose process was halted or hangs; None: it is neither."""
    process = main_process(shown or {})
    if not shown or process is None or not is_running(shown):
        return None
    values = {"process": process, "watchdog": shown.get("WatchdogUSec", "?")}
    stat = machine.read_words(f"proc/{process}/stat") or []
    # The name, in brackets, may hold anything: the state is behind the last of them.
    state = " ".join(stat).rpartition(") ")[2][:1]
    if state in _HALTED:
        return Finding("service.halted", values)
    fed = shown.get("WatchdogTimestampMonotonic", "")
    if not fed.isdecimal() or fed == "0":
        return None
    age_s = time.monotonic() - int(fed) / 1e6
    with suppress(PermissionError):
        if (numbers := current_numbers(machine, process)) and numbers.age_s <= STALE_S:
            # No pictures feed no watchdog.
            return None
        if age_s > _SILENT_S:
            return Finding("service.silent", {**values, "age_s": round(age_s)})
    return None


def service_checks(shown: dict[str, str] | None, machine: System) -> Iterator[Finding]:
    """Check whether it runs, and its own verdict.

    Args:
        shown: properties of its unit; None: there is no systemd.
        machine: where to look.
    """
    if shown is None:
        yield Finding("service.no_systemd")
        return
    values: dict[str, object] = {
        "restarts": shown.get("NRestarts", "0"),
        "result": shown.get("Result"),
        "code": shown.get("ExecMainStatus"),
    }
    state = _state(shown)
    # A killed process logged no reason.
    by_itself = shown.get("Result") == "exit-code"
    if state == "failed" and by_itself and (message := _last_error(shown)):
        yield Finding("service.failed_saying", {**values, "message": message})
    elif found := unresponsive(shown, machine):
        yield found
        return
    else:
        yield Finding(f"service.{state}", values)
    with suppress(PermissionError):
        if is_running(shown) and (numbers := current_numbers(machine, main_process(shown))):
            yield from _own_verdict(numbers)
    if shown.get("ActiveState") == "active":
        timer = unit_properties(TIMER) or {}
        if (timer.get("ActiveState"), timer.get("UnitFileState")) != ("active", "enabled"):
            yield Finding("service.no_daily_check")


def _own_verdict(numbers: ServiceNumbers) -> Iterator[Finding]:
    if numbers.age_s <= STALE_S and numbers.verdict in {"failing", "degraded"}:
        yield Finding(f"service.{numbers.verdict}", {"reasons": ", ".join(numbers.reasons)})


def _last_error(shown: dict[str, str]) -> str | None:
    """The last error that the service logged since its last start; else its last message."""
    invocation = shown.get("InvocationID")
    if not invocation:
        return None
    words = ["-q", "-o", "cat", "-n", "1", f"_SYSTEMD_INVOCATION_ID={invocation}"]
    said = command_output("journalctl", "-u", UNIT, "-p", "err", *words)
    ended = shown.get("StatusText", "").partition(ENDED)
    if not said and ended[1]:
        # The journal can't assign the last line of a process that is gone already to its unit.
        said = f"the agent ends: {ended[2]}"
    return " ".join((said or command_output("journalctl", "-u", UNIT, *words) or "").split()) or None


def _state(shown: dict[str, str]) -> str:
    match shown.get("LoadState"), shown.get("ActiveState"):
        case "loaded", "active" | "reloading":
            many = int(shown.get("NRestarts") or 0) >= _MANY_RESTARTS
            never = shown.get("UnitFileState") == "disabled"
            return "not_enabled" if never else "restarts" if many else "ok"
        case "loaded", "activating" if shown.get("SubState") == "start":
            return "starting"
        case "loaded", "failed" | "activating":
            return "failed"
        case "loaded", _:
            return "stopped"
    return "not_installed"
