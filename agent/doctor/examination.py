"""All checks, beside one another, each group with its time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from agent.config import digest, load, notices
from agent.config_examples import leftovers
from agent.config_review import absences
from agent.doctor.checks_broker import broker_checks
from agent.doctor.checks_camera import CameraOf, camera_checks, weights_check
from agent.doctor.checks_centre import certificate_check, hours_check, secrets_check
from agent.doctor.checks_machine import log_checks, machine_checks
from agent.doctor.checks_ribbon import ribbon_checks
from agent.doctor.checks_service import numbers_of, process_of, runs
from agent.doctor.report import Finding, Report, in_order
from agent.doctor.service_numbers import STALE_S
from agent.doctor.surroundings import Surroundings, unit_shown, writer_of
from agent.errors import ConfigError
from agent.reloads import answer_in
from agent.sources import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.config import Config
    from agent.doctor.surroundings import Tell

LIMIT_S = 22.0
_CAMERA = ("camera", "light", "focus", "upright")
_BROKER = ("broker_name", "broker_port", "broker_tls", "broker_login", "broker_rights")
_MACHINE = ("clock", "power", "temperature", "card", "network", "memory", "service", "journal")
_LOG = ("disk", "log")
_CONFIGURATION = {"after": "the configuration", "after_vi": "cấu hình"}


class _Group:
    """Checks that go on by themselves; what hangs is left alone."""

    def __init__(self, checks: tuple[str, ...], look: Callable[[Tell], None]) -> None:
        self.findings: list[Finding] = []
        self._checks = checks
        self._look = look
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._look(self.findings.append)
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for it
            self._failure = error

    def wait(self, until_s: float, limit_s: float) -> list[Finding]:
        """What was found until then, and what gave no answer."""
        self._thread.join(max(0.0, until_s - time.monotonic()))
        if self._failure:
            raise self._failure
        found = list(self.findings)
        if self._thread.is_alive():
            told = {finding.check for finding in found}
            missing = [check for check in self._checks if check not in told]
            found += [
                Finding(f"{check}.hung", {"limit_s": f"{limit_s:g}"})
                if place == 0
                else Finding(f"{check}.skipped", {"after": "that", "after_vi": "mục đó"})
                for place, check in enumerate(missing)
            ]
        return found


def doctor(
    path: Path,
    machine: Surroundings | None = None,
    camera_of: CameraOf = camera_of,
    limit_s: float = LIMIT_S,
) -> Report:
    """Look at everything; nothing is changed, and a running service keeps its camera.

    Args:
        path: of the configuration file.
        machine: where to look; None: at this machine.
        camera_of: makes the live camera that a configuration names, not opened yet.
        limit_s: what has not answered by then hangs.
    """
    machine = machine or Surroundings()
    findings: list[Finding] = []
    config = _configuration(path, findings.append)
    _in_force(path, config, machine, findings.append)
    groups = [_Group(_MACHINE, partial(machine_checks, machine))]
    if config is None:
        skipped = ("hours", "secrets", "certificate", "weights", *_CAMERA, *_BROKER, *_LOG)
        findings += [Finding(f"{check}.skipped", _CONFIGURATION) for check in skipped]
    else:
        process = writer_of(config.log.path, machine)
        unit = unit_shown() or {}
        running = process is not None or runs(unit)
        hours_check(config, findings.append)
        secrets_check(config, machine, unit.get("User"), findings.append)
        certificate_check(config, machine, findings.append)
        whole = weights_check(config, findings.append)
        groups += [
            _Group(_CAMERA, partial(camera_checks, config, camera_of, machine, running, whole)),
            _Group(_BROKER, partial(broker_checks, config, machine)),
            _Group(_LOG, partial(log_checks, config, machine, process, unit.get("User"))),
        ]
    until_s = time.monotonic() + limit_s
    for group in groups:
        findings += group.wait(until_s, limit_s)
    if config:
        # First the cause.
        findings[:0] = ribbon_checks(config, findings, machine)
    agent = f"{config.device.site}/{config.device.name}" if config else None
    return Report(agent, datetime.now(UTC), in_order(findings))


def _in_force(path: Path, config: Config | None, machine: Surroundings, tell: Tell) -> None:
    """Whether the service goes by another configuration than the file's: it refused it, or was not told."""
    try:
        numbers = numbers_of(machine, process_of(unit_shown() or {}))
        answer = answer_in(machine.runtime)
    except PermissionError:
        return
    if not numbers or numbers.age_s > STALE_S:
        return
    if "configuration_refused" in numbers.reasons:
        problem = " ".join(answer.problems) if answer else "?"
        tell(Finding("configuration.refused", {"path": path, "problem": problem}))
    elif config and numbers.config_digest not in {None, digest(config)}:
        tell(Finding("configuration.not_in_force", {"path": path}))


def _configuration(path: Path, tell: Tell) -> Config | None:
    try:
        config = load(path)
    except ConfigError as error:
        for problem in error.problems:
            tell(Finding("configuration.wrong", {"problem": problem, "path": path}))
        return None
    left, found = leftovers(config), [*notices(config), *absences(config)]
    for value in left:
        tell(Finding("configuration.example", {"where": value.where, "value": value.value, "path": path}))
    for problem in found:
        tell(Finding("configuration.notice", {"problem": problem, "path": path}))
    if not left and not found:
        tell(Finding("configuration.ok", {"path": path}))
    return config
