"""Check of a centre's login at the broker, and of its right to ask devices, which is tried."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Final

from agent.doctor.checks_broker import reachable
from agent.doctor.report import Finding
from agent.errors import DeliveryError
from agent.mqtt.connection import Connection, Message

if TYPE_CHECKING:
    from agent.doctor.system import Emit
    from agent.mqtt.connection import Broker

_LIMIT_S: Final = 5.0
# No agent has this name: '_' is in none.
_NOBODY: Final = "_doctor"


def login_checks(broker: Broker, site: str, emit: Emit) -> None:
    """Check the way to the broker step by step, then the login and the right to ask.

    Args:
        broker: as in the configuration.
        site: one that the account may be limited to.
        emit: takes each finding.
    """
    if not reachable(broker, emit):
        emit(Finding("central_login.skipped", {"after": "the broker's port"}))
        return
    values = {"user": broker.username or "nobody", "path": broker.password_file}
    try:
        if broker.password_file is not None:
            broker.password_file.read_bytes()
    except PermissionError:
        emit(Finding("central_login.no_access", values))
        return
    except OSError as error:
        emit(Finding("central_login.no_secret", {"problem": f"{broker.password_file}: {error.strerror}"}))
        return
    connection = Connection(broker, f"presence-doctor-{secrets.token_hex(6)}")
    try:
        connection.open()
    except DeliveryError as error:
        code = "refused" if "refuses the login" in str(error) else "failed"
        emit(Finding(f"central_login.{code}", {**values, "problem": error}))
        return
    try:
        refusal = _asked(connection, site)
    except DeliveryError as error:
        emit(Finding("central_login.failed", {**values, "problem": error}))
    else:
        code = "no_asking" if refusal else "ok"
        emit(Finding(f"central_login.{code}", {**values, "problem": refusal}))
    finally:
        connection.close()


def _asked(connection: Connection, site: str) -> str | None:
    """Ask a device that nobody is for its events; the broker's refusal, None: it was passed on."""
    topic = f"presence/v1/{site}/{_NOBODY}/cmd/replay"
    mid = connection.publish(Message(topic, json.dumps({"request": "doctor"})))
    end_s = time.monotonic() + _LIMIT_S
    while time.monotonic() < end_s:
        for report in connection.pump(0.1):
            if not isinstance(report, Message) and report.mid == mid:
                return report.refusal
    raise DeliveryError(f"there is no answer within {_LIMIT_S:g} s")
