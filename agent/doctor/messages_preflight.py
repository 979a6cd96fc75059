"""Messages of the preflight: whether this version would run."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_, NC_

_OLD = N_("Keep the version that is installed, and tell whoever looks after the package.")

PREFLIGHT_MESSAGES: dict[str, DoctorMessage] = {
    "start.ok": DoctorMessage(
        "ok", N_("version {version} starts with this configuration; a look took {look_ms} ms")
    ),
    "start.fails": DoctorMessage(
        "fault",
        N_("version {version} does not start with this configuration: {problem}"),
        _OLD,
        can_start=False,
    ),
    "log.tried": DoctorMessage(
        "ok", N_("version {version} goes on with {path}, number {last_seq}; tried on a copy")
    ),
    "log.forward": DoctorMessage(
        "warning",
        N_("version {version} writes {path} in form {after} in place of {before}"),
        N_("Keep a copy of it until this version has run for a day: the one before may not read it then."),
    ),
    "log.no_room": DoctorMessage(
        "warning",
        N_("version {version} knows the form of {path}, but there is no room for a copy to try it on"),
        N_("Delete what is not needed, or use a larger card."),
    ),
    "log.given_up": DoctorMessage("fault", N_("version {version} would set {path} aside as damaged"), _OLD),
    "log.unusable": DoctorMessage("fault", NC_("log.unusable", "{problem}"), _OLD),
}
