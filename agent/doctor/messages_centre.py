"""Messages on working hours, secrets and the device's certificate."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_

_NEW_CERTIFICATE = N_(
    "Have a new one made at the broker ('bash deploy/broker/certificates.sh device {site} {name}'), put "
    "it and its key in the place of the old ones, then 'sudo systemctl restart presence-agent'."
)

CENTRE_MESSAGES: dict[str, DoctorMessage] = {
    "hours.file": DoctorMessage("ok", N_("those of the configuration")),
    "hours.always": DoctorMessage("ok", N_("always open: there are no working hours")),
    "hours.centre": DoctorMessage(
        "ok",
        N_("from the centre since {since} ({digest}), not those of the configuration"),
    ),
    "hours.damaged": DoctorMessage(
        "warning",
        N_("the centre's working hours can't be used: {problem}; the configuration's apply"),
        N_(
            "The broker sends them again at the next connection; if this stays, delete {path} and "
            "tell whoever runs the centre."
        ),
    ),
    "hours.unread": DoctorMessage(
        "unknown",
        N_("the centre's working hours can't be read: {problem}"),
        N_("Run it as root: sudo presence-agent doctor."),
    ),
    "secrets.ok": DoctorMessage(
        "ok",
        N_("nobody else can read {paths}"),
    ),
    "secrets.open": DoctorMessage(
        "warning",
        N_("{path} can be read by others than the service (mode {mode})"),
        N_("Run '{commands}'."),
    ),
    "certificate.ok": DoctorMessage(
        "ok",
        N_("this device's holds until {day} ({days} days)"),
    ),
    "certificate.ends_soon": DoctorMessage(
        "warning",
        N_("this device's ends on {day}, in {days} days"),
        _NEW_CERTIFICATE,
    ),
    "certificate.ended": DoctorMessage(
        "fault",
        N_("this device's has ended, on {day}: no broker lets it in"),
        _NEW_CERTIFICATE,
    ),
    "certificate.unread": DoctorMessage(
        "unknown",
        N_("{path} can't be read: {problem}"),
        N_("Run it as root, or put this device's certificate there."),
    ),
}
