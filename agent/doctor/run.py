"""Examination of a device: checks that depend on rights run as the service, the rest as the caller."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from agent.config.load import load
from agent.doctor.checks_centre import secrets_check
from agent.doctor.checks_machine import log_checks, machine_checks
from agent.doctor.checks_ribbon import ribbon_checks
from agent.doctor.groups import CONFIGURATION, Group
from agent.doctor.report import Finding, Report, in_order
from agent.doctor.system import System, unit_properties, writer_of
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.config.models import Config
    from agent.doctor.checks_camera import CameraOf
    from agent.doctor.sandbox import SandboxAnswer

LIMIT_S = 8.0
_MACHINE = ("clock", "power", "temperature", "card", "network", "memory", "service", "journal")
_LOG = ("disk", "log")


def examine(
    path: Path,
    machine: System | None = None,
    camera_of: CameraOf | None = None,
    limit_s: float = LIMIT_S,
    ask_sandbox: Callable[[Path], SandboxAnswer] | None = None,
) -> Report:
    """Run all checks; nothing is changed, and a running service keeps its camera.

    Args:
        path: of the configuration file.
        machine: where to look; None: at this machine.
        camera_of: makes the live camera that a configuration names, not opened yet; None: as `run` does.
        limit_s: time for all checks, in seconds; a check without an answer by then counts as hung.
        ask_sandbox: runs the checks that depend on rights as the service; None: the caller runs them.
    """
    machine = machine or System()
    until_s = time.monotonic() + limit_s
    groups = [Group(_MACHINE, partial(machine_checks, machine))]
    config = _loaded(path)
    findings: list[Finding] = []
    if config is None:
        findings += [Finding(f"{check}.skipped", CONFIGURATION) for check in ("secrets", *_LOG)]
    else:
        process, unit = writer_of(config.log.path, machine), unit_properties() or {}
        secrets_check(config, machine, unit.get("User"), findings.append)
        groups.append(Group(_LOG, partial(log_checks, config, machine, process, unit)))
    answer = ask_sandbox(path) if ask_sandbox else None
    if answer:
        findings.append(answer.whose)
    if answer and answer.findings is not None:
        findings += answer.findings
    else:
        # Networks and pictures are loaded once, by the process that checks.
        from agent.doctor.checks_user import user_checks  # noqa: PLC0415

        findings += user_checks(path, machine, camera_of, limit_s)
    for group in groups:
        findings += group.wait(until_s, limit_s)
    if config:
        # First the cause.
        findings[:0] = ribbon_checks(config, findings, machine)
    agent = f"{config.device.site}/{config.device.name}" if config else None
    return Report(agent, datetime.now(UTC), in_order(findings))


def _loaded(path: Path) -> Config | None:
    try:
        return load(path)
    except ConfigError:
        return None
