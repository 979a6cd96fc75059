"""Checks of the service: whether it runs, lives, and what it says of itself."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.device.systemd import ENDED
from agent.doctor.report import Finding
from agent.doctor.service_numbers import STALE_S, Numbers, numbers_in
from agent.doctor.system import TIMER, UNIT, said_by, unit_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.system import System

_MANY_RESTARTS = 5
# It feeds the watchdog each second.
_SILENT_S = 15
_HALTED = {"T", "t"}
_LIVES = {"active", "activating", "reloading"}


def process_of(shown: dict[str, str]) -> int | None:
    """The service's process; None: there is none now."""
    process = shown.get("MainPID", "")
    return int(process) if process.isdecimal() and process != "0" else None


def runs(shown: dict[str, str]) -> bool:
    """Whether it has a process now; one that waits to be started again has none."""
    return shown.get("ActiveState") in _LIVES and shown.get("MainPID") != "0"


def is_another(process: int | None, shown: dict[str, str]) -> bool:
    """Whether a process is no one of the service's, although that runs, or tried to."""
    tried = shown.get("LoadState") == "loaded" and shown.get("ActiveState") in {*_LIVES, "failed"}
    return process is not None and tried and process != process_of(shown)


def numbers_of(machine: System, process: int | None) -> Numbers | None:
    """What the service wrote down, unless an earlier process of it did.

    Raises:
        PermissionError: it is not for us.
    """
    numbers = numbers_in(machine.runtime)
    earlier = numbers and process and numbers.process not in {None, process}
    return None if earlier else numbers


def lifeless(shown: dict[str, str] | None, machine: System) -> Finding | None:
    """Whether the service has a process that does nothing: it was halted, or it hangs."""
    process = process_of(shown or {})
    if not shown or process is None or not runs(shown):
        return None
    values = {"process": process, "watchdog": shown.get("WatchdogUSec", "?")}
    stat = machine.words(f"proc/{process}/stat") or []
    # The name, in brackets, may hold anything: the state is behind the last of them.
    state = " ".join(stat).rpartition(") ")[2][:1]
    if state in _HALTED:
        return Finding("service.halted", values)
    fed = shown.get("WatchdogTimestampMonotonic", "")
    if not fed.isdecimal() or fed == "0":
        return None
    age_s = time.monotonic() - int(fed) / 1e6
    with suppress(PermissionError):
        if (numbers := numbers_of(machine, process)) and numbers.age_s <= STALE_S:
            # No pictures feed no watchdog.
            return None
        if age_s > _SILENT_S:
            return Finding("service.silent", {**values, "age_s": round(age_s)})
    return None


def service_checks(shown: dict[str, str] | None, machine: System) -> Iterator[Finding]:
    """Whether it runs, and what it says of itself.

    Args:
        shown: what systemd says of it; None: there is no systemd.
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
    # Who was killed had no last words.
    by_itself = shown.get("Result") == "exit-code"
    if state == "failed" and by_itself and (said := _last_error(shown)):
        yield Finding("service.failed_saying", {**values, "said": said})
    elif found := lifeless(shown, machine):
        yield found
        return
    else:
        yield Finding(f"service.{state}", values)
    with suppress(PermissionError):
        if runs(shown) and (numbers := numbers_of(machine, process_of(shown))):
            yield from _own_verdict(numbers)
    if shown.get("ActiveState") == "active":
        timer = unit_shown(TIMER) or {}
        if (timer.get("ActiveState"), timer.get("UnitFileState")) != ("active", "enabled"):
            yield Finding("service.no_daily_check")


def _own_verdict(numbers: Numbers) -> Iterator[Finding]:
    if numbers.age_s <= STALE_S and numbers.verdict in {"failing", "degraded"}:
        yield Finding(f"service.{numbers.verdict}", {"reasons": ", ".join(numbers.reasons)})


def _last_error(shown: dict[str, str]) -> str | None:
    """The last error that the service itself told at its last start; else its last message."""
    invocation = shown.get("InvocationID")
    if not invocation:
        return None
    words = ["-q", "-o", "cat", "-n", "1", f"_SYSTEMD_INVOCATION_ID={invocation}"]
    said = said_by("journalctl", "-u", UNIT, "-p", "err", *words)
    ended = shown.get("StatusText", "").partition(ENDED)
    if not said and ended[1]:
        # The journal does not know whose the last line of a process is that is gone already.
        said = f"the agent ends: {ended[2]}"
    return " ".join((said or said_by("journalctl", "-u", UNIT, *words) or "").split()) or None


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
