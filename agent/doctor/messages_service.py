"""Messages from the running service's own report, and on a service that hangs or was halted."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_, NC_

_REASONS = N_("Fix what is above; 'journalctl -u presence-agent -x' explains each of these reasons.")
_HALTED = DoctorMessage(
    "fault",
    N_("process {process} of the service is halted (SIGSTOP; limit {watchdog}): nobody is counted"),
    N_("Wait a minute and run doctor again, or run 'sudo systemctl restart presence-agent' now."),
)
_SILENT = DoctorMessage(
    "fault",
    N_("process {process} of the service has hung for {age_s} s (limit {watchdog}): nobody is counted"),
    N_(
        "Wait a minute and run doctor again; if it comes back, 'journalctl -k' shows whether the card "
        "or the camera blocks it."
    ),
)

_AS_NAMED = N_("Run the command that it names, then 'sudo systemctl restart presence-agent'.")

SERVICE_MESSAGES: dict[str, DoctorMessage] = {
    # The sentences name the command after which the service may read it.
    "configuration.closed": DoctorMessage(
        "fault", NC_("configuration.closed", "{problem}"), _AS_NAMED, can_start=False
    ),
    "weights.closed": DoctorMessage("fault", NC_("weights.closed", "{problem}"), _AS_NAMED, can_start=False),
    "camera.closed": DoctorMessage(
        "fault",
        N_("the recording can't be read: {problem}"),
        _AS_NAMED,
        can_start=False,
    ),
    "broker_tls.closed": DoctorMessage(
        "fault",
        NC_("broker_tls.closed", "{problem}"),
        _AS_NAMED,
        can_start=False,
    ),
    "whose.service": DoctorMessage(
        "ok",
        N_("the service's user {user} in its sandbox, and root"),
    ),
    "whose.caller": DoctorMessage(
        "unknown",
        N_("{user} only: what the service may read is not known"),
        N_("Run it as root: sudo presence-agent doctor."),
    ),
    "whose.no_service": DoctorMessage(
        "unknown",
        N_("{user} only: there is no service of systemd's here"),
    ),
    "whose.not_inside": DoctorMessage(
        "warning",
        N_("{user} only: the service's sandbox could not be made ({problem})"),
        N_(
            "Run 'sudo systemctl restart presence-agent', then "
            "'journalctl -u presence-agent -x -n 20' for systemd's reason."
        ),
    ),
    "configuration.refused": DoctorMessage(
        "fault",
        N_("the service refused {path}, keeps the one before, and could not restart: {problem}"),
        N_("Correct it, then run 'sudo systemctl reload presence-agent'."),
    ),
    "configuration.not_in_force": DoctorMessage(
        "fault",
        N_("{path} was changed, but the service still uses the content before"),
        N_("Run 'sudo systemctl {command} presence-agent'."),
    ),
    "camera.lost": DoctorMessage(
        "fault",
        N_("the service gets no pictures from {source}, and opens it again and again: nobody is counted"),
        N_(
            "Check its cable and its power, and source under [camera]; "
            "'journalctl -u presence-agent -x' shows what it answers."
        ),
    ),
    "service.failed_saying": DoctorMessage(
        "fault",
        N_("ended with {result}, exit code {code}; its last message: {message}"),
        N_("Do what it asks and fix what is above, then run 'sudo systemctl restart presence-agent'."),
    ),
    # The camera comes first of what it makes useless.
    **{f"{check}.halted": _HALTED for check in ("camera", "service")},
    **{f"{check}.silent": _SILENT for check in ("camera", "service")},
    "service.failing": DoctorMessage(
        "fault",
        N_("reports that it counts nobody: {reasons}"),
        _REASONS,
    ),
    "service.degraded": DoctorMessage(
        "warning",
        N_("works, and reports: {reasons}"),
        _REASONS,
    ),
}
