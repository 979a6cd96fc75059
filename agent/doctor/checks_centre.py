"""Checks of what the centre gives a device: working hours, secrets, and its certificate."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.app.central_calendar import kept_at, read_kept
from agent.config.secret_files import secret_files
from agent.core.credentials import origin
from agent.doctor.report import Finding
from agent.errors import AgentError
from agent.mqtt.certificates import SOON_DAYS, certificate_ends

if TYPE_CHECKING:
    from agent.app.settings import Settings
    from agent.config.models import Config
    from agent.doctor.system import Emit, System

_DAY_S = 86_400


def hours_check(config: Config, emit: Emit) -> None:
    """Check whose working hours are in force: the centre's or the configuration's."""
    path = kept_at(config.log.path)
    try:
        central = read_kept(config)
    except AgentError as error:
        code = "hours.damaged" if _is_readable(config) else "hours.unread"
        emit(Finding(code, {"problem": str(error).partition("\n")[0], "path": path}))
        return
    if central:
        emit(Finding("hours.centre", {"since": central.since, "digest": central.digest}))
    else:
        emit(Finding("hours.file" if config.hours else "hours.always"))


def certificate_check(settings: Settings, machine: System, emit: Emit) -> None:
    """Check until when the device's own certificate is valid; nothing where it has none.

    Args:
        settings: name it.
        machine: where to look.
        emit: takes each finding.
    """
    sender, broker = settings.sender, settings.broker
    path = machine.secret_path(broker.certificate_file) if broker else None
    if path is None:
        return
    values = {"path": origin(path), "site": sender.site, "name": sender.device}
    try:
        ends = certificate_ends(path)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        emit(Finding("certificate.unread", {**values, "problem": problem}))
        return
    days = math.floor((ends - datetime.now(UTC)).total_seconds() / _DAY_S)
    code = "ended" if days < 0 else "ends_soon" if days < SOON_DAYS else "ok"
    emit(Finding(f"certificate.{code}", {**values, "days": days, "day": f"{ends:%Y-%m-%d}"}))


def secrets_check(config: Config, machine: System, user: str | None, emit: Emit) -> None:
    """Check who can read passwords and keys; nothing where there are none.

    Args:
        config: names them.
        machine: where to look.
        user: as whom the service runs; None: that is not known.
        emit: takes each finding.
    """
    found = list(secret_files(config, user, machine.root))
    for secret in (secret for secret in found if secret.is_open):
        values = {"path": secret.path, "mode": secret.mode, "commands": secret.remedy}
        emit(Finding("secrets.open", values))
    if found and not any(secret.is_open for secret in found):
        emit(Finding("secrets.ok", {"paths": ", ".join(str(secret.path) for secret in found)}))


def _is_readable(config: Config) -> bool:
    try:
        with kept_at(config.log.path).open("rb"):
            return True
    except OSError:
        return False
