"""Checks of what is another thing for each user: configuration, weights, camera, broker."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from agent.app.sources import camera_of as usual_camera
from agent.config.load import load
from agent.config.models import digest
from agent.config.placeholders import leftovers
from agent.config.risks import absences, notices
from agent.device.reload_answers import answer_in
from agent.doctor.checks_broker import broker_checks
from agent.doctor.checks_camera import CameraOf, camera_checks, weights_check
from agent.doctor.checks_centre import certificate_check, hours_check
from agent.doctor.checks_service import is_another, numbers_of, process_of, runs
from agent.doctor.groups import CONFIGURATION, Group
from agent.doctor.inside import INSIDE_S
from agent.doctor.report import Finding
from agent.doctor.service_numbers import STALE_S
from agent.doctor.system import System, unit_shown, writer_of
from agent.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.models import Config
    from agent.doctor.system import Tell

_CAMERA = ("camera", "light", "focus", "upright")
_LOG_FIRST = {"after": "the event log", "after_vi": "nhật ký sự kiện"}
_BROKER = ("broker_name", "broker_port", "broker_tls", "broker_login", "broker_rights")


def by_rights(
    path: Path,
    machine: System | None = None,
    camera_of: CameraOf | None = None,
    limit_s: float = INSIDE_S,
) -> list[Finding]:
    """Look at what is another thing for each user: configuration, weights, camera, broker.

    Args:
        path: of the configuration file.
        machine: where to look; None: at this machine.
        camera_of: makes the live camera that a configuration names, not opened yet; None: as `run` does.
        limit_s: what has not answered by then hangs.
    """
    machine = machine or System()
    until_s = time.monotonic() + limit_s
    findings: list[Finding] = []
    config = _configuration(path, findings.append)
    _in_force(path, config, machine, findings.append)
    if config is None:
        skipped = ("hours", "certificate", "weights", *_CAMERA, *_BROKER)
        return findings + [Finding(f"{check}.skipped", CONFIGURATION) for check in skipped]
    process, unit = writer_of(config.log.path, machine), unit_shown() or {}
    running = process is not None or runs(unit)
    groups = [Group(_BROKER, partial(broker_checks, config, machine))]
    hours_check(config, findings.append)
    certificate_check(config, machine, findings.append)
    whole = weights_check(config, findings.append)
    if is_another(process, unit):
        # It has the camera, and keeps no numbers for us.
        findings += [Finding(f"{check}.skipped", _LOG_FIRST) for check in _CAMERA]
    else:
        look = partial(camera_checks, config, camera_of or usual_camera, machine, running, whole)
        groups.append(Group(_CAMERA, look))
    for group in groups:
        findings += group.wait(until_s, limit_s)
    return findings


def _in_force(path: Path, config: Config | None, machine: System, tell: Tell) -> None:
    """Whether the service goes by another configuration than the file's: it refused it, or was not told."""
    unit = unit_shown() or {}
    try:
        numbers = numbers_of(machine, process_of(unit))
        answer = answer_in(machine.runtime)
    except PermissionError:
        return
    # What runs no more goes by nothing.
    if not runs(unit) or not numbers or numbers.age_s > STALE_S:
        return
    if "configuration_refused" in numbers.reasons:
        problem = " ".join(answer.problems) if answer else "?"
        tell(Finding("configuration.refused", {"path": path, "problem": problem}))
    elif config and numbers.config_digest not in {None, digest(config)}:
        # A reload waits for the end of a start, and a start for the camera.
        command = "restart" if unit.get("ActiveState") == "activating" else "reload"
        tell(Finding("configuration.not_in_force", {"path": path, "command": command}))


def _configuration(path: Path, tell: Tell) -> Config | None:
    try:
        config = load(path)
    except ConfigError as error:
        closed = isinstance(error.__cause__, PermissionError)
        code = "configuration.closed" if closed else "configuration.wrong"
        for problem in error.problems:
            tell(Finding(code, {"problem": problem, "path": path}))
        return None
    left, found = leftovers(config), [*notices(config), *absences(config)]
    for value in left:
        tell(Finding("configuration.example", {"where": value.where, "value": value.value, "path": path}))
    for problem in found:
        tell(Finding("configuration.notice", {"problem": problem, "path": path}))
    if not left and not found:
        tell(Finding("configuration.ok", {"path": path}))
    return config
