"""Checks of what the centre gives a device: working hours, secrets, and the certificate that lets it in."""

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
    from agent.config.models import Config
    from agent.doctor.system import System, Tell

_DAY_S = 86_400


def hours_check(config: Config, tell: Tell) -> None:
    """Whose working hours are in force."""
    path = kept_at(config.log.path)
    try:
        central = read_kept(config)
    except AgentError as error:
        code = "hours.damaged" if _is_readable(config) else "hours.unread"
        tell(Finding(code, {"problem": str(error).partition("\n")[0], "path": path}))
        return
    if central:
        tell(Finding("hours.centre", {"since": central.since, "digest": central.digest}))
    else:
        tell(Finding("hours.file" if config.hours else "hours.always"))


def certificate_check(config: Config, machine: System, tell: Tell) -> None:
    """How long the device's own certificate holds; nothing where it has none."""
    path = machine.secret(config.mqtt.certificate_file) if config.mqtt else None
    if path is None:
        return
    values = {"path": origin(path), "site": config.device.site, "name": config.device.name}
    try:
        ends = certificate_ends(path)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        tell(Finding("certificate.unread", {**values, "problem": problem}))
        return
    days = math.floor((ends - datetime.now(UTC)).total_seconds() / _DAY_S)
    code = "ended" if days < 0 else "ends_soon" if days < SOON_DAYS else "ok"
    tell(Finding(f"certificate.{code}", {**values, "days": days, "day": f"{ends:%Y-%m-%d}"}))


def secrets_check(config: Config, machine: System, user: str | None, tell: Tell) -> None:
    """Who can read passwords and keys; nothing where there are none.

    Args:
        config: names them.
        machine: where to look.
        user: as whom the service runs; None: that is not known.
        tell: takes what is found.
    """
    found = list(secret_files(config, user, machine.root))
    for secret in (secret for secret in found if secret.is_open):
        values = {"path": secret.path, "mode": secret.mode, "commands": secret.remedy}
        tell(Finding("secrets.open", values))
    if found and not any(secret.is_open for secret in found):
        tell(Finding("secrets.ok", {"paths": ", ".join(str(secret.path) for secret in found)}))


def _is_readable(config: Config) -> bool:
    try:
        with kept_at(config.log.path).open("rb"):
            return True
    except OSError:
        return False
