"""Checks whose result depends on the user: configuration, weights, camera, broker."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from agent.app.settings import settings_of
from agent.app.sources import camera_of as usual_camera
from agent.app.weights import person_weights
from agent.config.load import load
from agent.config.models import digest
from agent.config.placeholders import leftovers
from agent.config.risks import absences, notices
from agent.device.reload_answers import answer_in
from agent.doctor.checks_broker import broker_checks
from agent.doctor.checks_camera import CameraOf, camera_checks, weights_check
from agent.doctor.checks_centre import certificate_check, hours_check
from agent.doctor.checks_service import current_numbers, is_foreign, is_running, main_process
from agent.doctor.groups import CONFIGURATION, Group
from agent.doctor.report import Finding
from agent.doctor.sandbox import SANDBOX_S
from agent.doctor.service_numbers import STALE_S
from agent.doctor.system import System, unit_properties, writer_of
from agent.errors import ConfigError, ModelError
from agent.locale.language import NC_

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.models import Config
    from agent.doctor.system import Emit

_CAMERA = ("camera", "light", "focus", "upright")
_LOG_FIRST = {"after": NC_("after", "the event log")}
_BROKER = ("broker_name", "broker_port", "broker_tls", "broker_login", "broker_rights")


def user_checks(
    path: Path,
    machine: System | None = None,
    camera_of: CameraOf | None = None,
    limit_s: float = SANDBOX_S,
) -> list[Finding]:
    """Run the checks whose result depends on the user: configuration, weights, camera, broker.

    Args:
        path: of the configuration file.
        machine: where to look; None: at this machine.
        camera_of: makes the live camera that a configuration names, not opened yet; None: as `run` does.
        limit_s: time for the checks, in seconds; one without an answer by then counts as hung.
    """
    machine = machine or System()
    until_s = time.monotonic() + limit_s
    findings: list[Finding] = []
    config = configuration_check(path, findings.append)
    _in_force(path, config, machine, findings.append)
    if config is None:
        skipped = ("hours", "certificate", "weights", *_CAMERA, *_BROKER)
        return findings + [Finding(f"{check}.skipped", CONFIGURATION) for check in skipped]
    settings = settings_of(config)
    process, unit = writer_of(settings.log_path, machine), unit_properties() or {}
    running = process is not None or is_running(unit)
    groups = [Group(_BROKER, partial(broker_checks, settings, machine))]
    hours_check(config, findings.append)
    certificate_check(settings, machine, findings.append)
    whole = weights_check(settings, findings.append)
    if is_foreign(process, unit):
        # It has the camera, and writes no numbers for doctor.
        findings += [Finding(f"{check}.skipped", _LOG_FIRST) for check in _CAMERA]
    else:
        look = partial(camera_checks, settings, camera_of or usual_camera, machine, running, whole)
        groups.append(Group(_CAMERA, look))
    for group in groups:
        findings += group.wait(until_s, limit_s)
    return findings


def _in_force(path: Path, config: Config | None, machine: System, emit: Emit) -> None:
    """Find a service that uses another configuration than the file's: refused, or not reloaded yet."""
    unit = unit_properties() or {}
    try:
        numbers = current_numbers(machine, main_process(unit))
        answer = answer_in(machine.runtime)
    except PermissionError:
        return
    # A stopped service uses none.
    if not is_running(unit) or not numbers or numbers.age_s > STALE_S:
        return
    if "configuration_refused" in numbers.reasons:
        problem = " ".join(answer.problems) if answer else "?"
        emit(Finding("configuration.refused", {"path": path, "problem": problem}))
    elif config and numbers.config_digest not in {None, digest(config)}:
        # A reload waits for the end of a start, and a start for the camera.
        command = "restart" if unit.get("ActiveState") == "activating" else "reload"
        emit(Finding("configuration.not_in_force", {"path": path, "command": command}))


def configuration_check(path: Path, emit: Emit) -> Config | None:
    """Check the configuration file; None: it can't be used."""
    try:
        config = load(path)
        # A manifest that can't be used is found with the weights.
        with suppress(ModelError):
            person_weights(config.detector.model)
    except ConfigError as error:
        closed = isinstance(error.__cause__, PermissionError)
        code = "configuration.closed" if closed else "configuration.wrong"
        for problem in error.problems:
            emit(Finding(code, {"problem": problem, "path": path}))
        return None
    left, found = leftovers(config), [*notices(config), *absences(config)]
    for value in left:
        emit(Finding("configuration.example", {"where": value.where, "value": value.value, "path": path}))
    for problem in found:
        emit(Finding("configuration.notice", {"problem": problem, "path": path}))
    if not left and not found:
        emit(Finding("configuration.ok", {"path": path}))
    return config
