"""Examination of a centre, from its time source to its pages; nothing is changed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.app.receive import broker_of, store_url
from agent.central.settings import load
from agent.doctor.checks_clock import clock_check
from agent.doctor.groups import Group
from agent.doctor.office.checks_login import login_checks
from agent.doctor.office.checks_pages import pages_check, people_check
from agent.doctor.office.checks_store import store_checks
from agent.doctor.report import Finding, Report
from agent.doctor.system import System, unit_properties
from agent.errors import AgentError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.central.settings import CentralConfig
    from agent.doctor.system import Emit

_LIMIT_S: Final = 15.0
_STORE: Final = ("store", "arrivals", "devices")
_BROKER: Final = ("broker_name", "broker_port", "broker_tls", "central_login")


def examine_centre(path: Path, machine: System | None = None) -> Report:
    """Run all checks.

    Args:
        path: of central.toml.
        machine: where to look; None: at this machine.
    """
    machine = machine or System()
    found = clock_check(machine, None)
    findings = [Finding(f"time.{found.code.partition('.')[2]}", found.values)]
    try:
        config = load(path)
    except ConfigError as error:
        findings += [Finding("central_file.wrong", {"problem": one, "path": path}) for one in error.problems]
        skipped = (*_STORE, *_BROKER, "people", "pages")
        findings += [Finding(f"{check}.skipped", {"after": "the configuration"}) for check in skipped]
        return _report(findings)
    findings.append(Finding("central_file.ok", {"path": path}))
    findings += [_service(name) for name in ("receive", "web")]
    groups = [
        Group(_STORE, partial(_store, config)),
        Group(_BROKER, partial(_login, config)),
        Group(("people",), partial(people_check, config)),
        Group(("pages",), partial(pages_check, config.web)),
    ]
    until_s = time.monotonic() + _LIMIT_S
    for group in groups:
        findings += group.wait(until_s, _LIMIT_S)
    return _report(findings)


def _report(findings: list[Finding]) -> Report:
    return Report(None, datetime.now(UTC), tuple(findings))


def _store(config: CentralConfig, emit: Emit) -> None:
    try:
        url = store_url(config.store)
    except AgentError as error:
        emit(Finding("store.closed", {"problem": error}))
        return
    store_checks(url, emit)


def _login(config: CentralConfig, emit: Emit) -> None:
    if config.mqtt is None:
        emit(Finding("broker_name.none"))
        return
    site = config.building[0].site if config.building else "_doctor"
    login_checks(broker_of(config, "doctor")[0], site, emit)


def _service(name: str) -> Finding:
    """How systemd has one of the two services."""
    shown = unit_properties(f"presence-central-{name}.service")
    if shown is None:
        return Finding(f"{name}.no_systemd")
    if shown.get("LoadState") != "loaded":
        return Finding(f"{name}.not_installed")
    state = shown.get("ActiveState")
    if state in {"active", "activating", "reloading"}:
        return Finding(f"{name}.ok", {"restarts": shown.get("NRestarts", "0")})
    if state == "failed":
        values = {"result": shown.get("Result"), "code": shown.get("ExecMainStatus")}
        return Finding(f"{name}.failed", values)
    return Finding(f"{name}.stopped")
