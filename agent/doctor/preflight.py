"""Preflight: whether this version would run on a configuration and a copy of its event log.

No camera is opened, no broker asked, and the log itself is not changed: an agent may be using it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from agent.app.build import ledger, plain_track_ids, stages
from agent.app.central_calendar import CalendarKeeper
from agent.app.publishing import resume_from_log
from agent.app.settings import settings_of
from agent.config.load import load
from agent.device import clock
from agent.doctor.checks_broker import with_files
from agent.doctor.checks_camera import weights_check
from agent.doctor.checks_user import configuration_check
from agent.doctor.groups import CONFIGURATION
from agent.doctor.report import Finding, Report, in_order
from agent.doctor.system import System
from agent.errors import AgentError, ConfigError
from agent.eventlog.log import EventLog
from agent.eventlog.reader import NoLogError
from agent.eventlog.set_aside import damaged_asides
from agent.eventlog.trial_copy import form_of, trial_copy
from agent.locale.language import NC_
from agent.mqtt.tls import check_readable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.app.settings import Settings
    from agent.doctor.sandbox import SandboxAnswer
    from agent.doctor.system import Emit

_WEIGHTS = {"after": NC_("after", "the weights")}
_SCORE = 0.5


def preflight(
    path: Path,
    machine: System | None = None,
    ask_sandbox: Callable[[Path], SandboxAnswer] | None = None,
) -> Report:
    """Try whether this version would run.

    Args:
        path: of the configuration file.
        machine: where to look; None: at this machine.
        ask_sandbox: tries it as the service; None: the caller does.
    """
    answer = ask_sandbox(path) if ask_sandbox else None
    findings = [answer.whose] if answer else []
    if answer and answer.findings is not None:
        findings += answer.findings
    else:
        findings += preflight_checks(path, machine)
    try:
        device = load(path).device
    except ConfigError:
        return Report(None, datetime.now(UTC), in_order(findings))
    return Report(f"{device.site}/{device.name}", datetime.now(UTC), in_order(findings))


def preflight_checks(path: Path, machine: System | None = None) -> list[Finding]:
    """Try it as the user that asks: configuration, weights, files for TLS, stages, event log.

    Args:
        path: of the configuration file.
        machine: where to look; None: at this machine.
    """
    machine = machine or System()
    findings: list[Finding] = []
    config = configuration_check(path, findings.append)
    if config is None:
        return findings + [
            Finding(f"{check}.skipped", CONFIGURATION) for check in ("weights", "start", "log")
        ]
    settings = settings_of(config, CalendarKeeper(config).central)
    if weights_check(settings, findings.append):
        _start_check(settings, machine, findings.append)
    else:
        findings.append(Finding("start.skipped", _WEIGHTS))
    _log_check(settings, machine, findings.append)
    return findings


def _start_check(settings: Settings, machine: System, emit: Emit) -> None:
    """Build what `run` builds, and let each network look at a black picture."""
    values = {"version": version("presence-agent")}
    width_px, height_px = settings.camera.size
    try:
        if settings.broker and settings.broker.tls:
            broker = with_files(settings.broker, machine)
            check_readable(broker.ca_file, broker.certificate_file, broker.key_file)
        networks = stages(settings, (width_px, height_px), plain_track_ids()).detector.networks
    except AgentError as error:
        emit(Finding("start.fails", {**values, "problem": " ".join(str(error).splitlines())}))
        return
    black = np.zeros((height_px, width_px, 3), np.uint8)
    started_s = time.monotonic()
    for network in networks:
        network.boxes(black, _SCORE)
    emit(Finding("start.ok", {**values, "look_ms": round(1000 * (time.monotonic() - started_s))}))


def _log_check(settings: Settings, machine: System, emit: Emit) -> None:
    """Open a copy of the log, go on from it, and write into it, as `run` does with the log."""
    path = settings.log_path
    values: dict[str, object] = {"path": path, "version": version("presence-agent")}
    copy: Path | None = None
    try:
        with trial_copy(path, machine.runtime) as (head, copy):
            if copy is None:
                emit(Finding("log.no_room", values))
                return
            before = form_of(copy)
            with EventLog(settings.sender, copy, reserve=False) as log:
                resume_from_log(log, ledger(settings), clock.now(), settings.sender.boot)
            if damaged_asides(copy):
                emit(Finding("log.given_up", values))
                return
            emit(Finding("log.tried", {**values, "last_seq": head.last_seq}))
            if (after := form_of(copy)) > before:
                emit(Finding("log.forward", {**values, "before": before, "after": after}))
    except NoLogError:
        emit(Finding("log.none", values))
    except (AgentError, OSError) as error:
        # The reader knows the log, not its copy.
        problem = str(error).replace(str(copy), str(path))
        emit(Finding("log.unusable", {**values, "problem": problem}))
