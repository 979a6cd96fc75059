"""Doctor's messages, with labels and the summary line."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage, Status
from agent.doctor.messages_board import BOARD_MESSAGES
from agent.doctor.messages_broker import BROKER_MESSAGES
from agent.doctor.messages_camera import CAMERA_MESSAGES
from agent.doctor.messages_centre import CENTRE_MESSAGES
from agent.doctor.messages_limits import LIMITS_MESSAGES
from agent.doctor.messages_machine import MACHINE_MESSAGES
from agent.doctor.messages_office import OFFICE_LABELS, OFFICE_MESSAGES
from agent.doctor.messages_preflight import PREFLIGHT_MESSAGES
from agent.doctor.messages_service import SERVICE_MESSAGES
from agent.doctor.messages_updates import UPDATES_MESSAGES
from agent.locale.language import N_, NC_

__all__ = [
    "CHECKS",
    "LABELS",
    "MARKS",
    "MESSAGES",
    "REMEDY_MARK",
    "SUMMARY",
    "DoctorMessage",
    "Status",
]

REMEDY_MARK = "→"

MARKS: dict[Status, str] = {
    "ok": NC_("status", "ok"),
    "warning": NC_("status", "warning"),
    "fault": NC_("status", "FAULT"),
    "unknown": NC_("status", "not known"),
    "skipped": NC_("status", "not tried"),
}

# In the order in which a technician would go.
LABELS: dict[str, str] = {
    "whose": NC_("check", "checked as"),
    "configuration": NC_("check", "configuration"),
    "hours": NC_("check", "working hours"),
    "weights": NC_("check", "weights"),
    "start": NC_("check", "start"),
    "camera": NC_("check", "camera"),
    "light": NC_("check", "light"),
    "focus": NC_("check", "focus"),
    "upright": NC_("check", "upright"),
    "network": NC_("check", "network"),
    "broker_name": NC_("check", "broker's name"),
    "broker_port": NC_("check", "broker's port"),
    "broker_tls": NC_("check", "broker's TLS"),
    "certificate": NC_("check", "certificate"),
    "secrets": NC_("check", "passwords and keys"),
    "broker_login": NC_("check", "login"),
    "broker_rights": NC_("check", "rights"),
    "clock": NC_("check", "clock"),
    "disk": NC_("check", "disk"),
    "card": NC_("check", "card's faults"),
    "log": NC_("check", "event log"),
    "power": NC_("check", "power"),
    "temperature": NC_("check", "temperature"),
    "memory": NC_("check", "memory"),
    "service": NC_("check", "service"),
    "journal": NC_("check", "journal"),
    "updates": NC_("check", "updates"),
}
# Those of a device.
CHECKS = tuple(LABELS)
LABELS |= OFFICE_LABELS

SUMMARY: dict[str, str] = {
    "ok": N_(
        "Nothing is wrong; faults: {fault}, warnings: {warning}, good: {ok}, not known: {unknown}, "
        "not tried: {skipped}."
    ),
    "warning": N_(
        "It works, but look at the warnings; faults: {fault}, warnings: {warning}, good: {ok}, "
        "not known: {unknown}, not tried: {skipped}."
    ),
    "fault": N_(
        "Fix the faults from top to bottom; faults: {fault}, warnings: {warning}, good: {ok}, "
        "not known: {unknown}, not tried: {skipped}."
    ),
}

_NOT_TRIED = N_("{after} must be right first")
_NO_ANSWER = N_("no answer within {limit_s} s")
_HUNG = N_("Restart the device; if it comes back, call whoever looks after it.")

MESSAGES: dict[str, DoctorMessage] = {
    **CAMERA_MESSAGES,
    **BROKER_MESSAGES,
    **CENTRE_MESSAGES,
    **MACHINE_MESSAGES,
    **BOARD_MESSAGES,
    **LIMITS_MESSAGES,
    **SERVICE_MESSAGES,
    **PREFLIGHT_MESSAGES,
    **UPDATES_MESSAGES,
    **OFFICE_MESSAGES,
    **{f"{check}.skipped": DoctorMessage("skipped", _NOT_TRIED) for check in LABELS},
    **{f"{check}.hung": DoctorMessage("fault", _NO_ANSWER, _HUNG) for check in LABELS},
}
