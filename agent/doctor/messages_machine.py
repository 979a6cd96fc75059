"""Messages on clock, disk, log, memory, service and journal."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_

_SUDO = N_("Run it as root: sudo presence-agent doctor.")
_NO_SYSTEMD = N_("there is no systemd here")

MACHINE_MESSAGES: dict[str, DoctorMessage] = {
    "clock.ok": DoctorMessage(
        "ok",
        N_("right ({keeper} keeps it), {utc} UTC"),
    ),
    "clock.right": DoctorMessage("ok", N_("right, {utc} UTC")),
    "clock.nobody": DoctorMessage(
        "fault",
        N_("no time synchronisation service is running, {utc} UTC: nothing is judged by working hours"),
        N_("Run 'sudo apt install systemd-timesyncd', and let the device reach a time server."),
    ),
    "clock.not_started": DoctorMessage(
        "fault",
        N_("{unit} is installed, but does not run, {utc} UTC: nothing is judged by working hours"),
        N_("Run '{unmask}sudo systemctl enable --now {unit}', and let the device reach a time server."),
    ),
    "clock.not_for_service": DoctorMessage(
        "fault",
        N_(
            "right, {utc} UTC, but by another program than systemd-timesyncd, which the service can't "
            "see: nothing is judged by working hours"
        ),
        N_(
            "Run 'sudo install -D -m 644 /usr/share/presence-agent/clock.conf "
            "/etc/systemd/system/presence-agent.service.d/clock.conf', then 'sudo systemctl "
            "daemon-reload' and 'sudo systemctl restart presence-agent'."
        ),
    ),
    "clock.unsynced": DoctorMessage(
        "fault",
        N_("not known to be right ({keeper}), {utc} UTC: nothing is judged by working hours"),
        N_("Let the device reach a time server (NTP, port 123): check the network and 'timedatectl status'."),
    ),
    "disk.ok": DoctorMessage("ok", N_("{free_mb} MB free for {path}")),
    "disk.small": DoctorMessage(
        "warning",
        N_("{free_mb} MB free for {path}, the log may take {keep_mb} MB"),
        N_("Make room, or lower keep_mb under [log]."),
    ),
    "disk.full": DoctorMessage(
        "fault",
        N_("full: {free_mb} MB free for {path}"),
        N_("Delete what is not needed, or use a larger card."),
    ),
    "disk.read_only": DoctorMessage(
        "fault",
        N_("{path} can't be written: it is read-only"),
        N_(
            "Give its owner the right to write (chmod u+w); if the whole card is read-only, it is "
            "worn out or damaged: put in a new one."
        ),
    ),
    "disk.not_for_service": DoctorMessage(
        "fault",
        N_("the service's user {user} may not write {path}"),
        N_("Run 'sudo chown -R {user}: {path}'."),
    ),
    "disk.unknown": DoctorMessage("unknown", N_("{path} can't be looked at"), _SUDO),
    "log.running": DoctorMessage(
        "ok",
        N_("{path}, {log_mb} MB; process {process} writes it"),
    ),
    "log.another": DoctorMessage(
        "fault",
        N_("another agent than the service holds {path}: process {process}, started by hand"),
        N_("End it with 'sudo kill {process}', then run 'sudo systemctl restart presence-agent'."),
        can_start=False,
    ),
    "log.ok": DoctorMessage(
        "ok",
        N_("{path}, {log_mb} MB; no process writes it now"),
    ),
    "log.none": DoctorMessage(
        "ok",
        N_("{path} is not there yet; the agent makes it"),
    ),
    "log.damaged": DoctorMessage(
        "fault",
        N_("{path} is no event log"),
        N_("Run 'presence-agent log verify'; the agent sets a damaged log aside at its next start."),
    ),
    "log.set_aside": DoctorMessage(
        "fault",
        N_("{path} is a damaged log that was set aside: what no broker had of it is in no other log"),
        N_(
            "Save what can be read of it with 'sudo presence-agent log export --file {path} --out "
            "damaged.jsonl', then delete it with 'sudo rm -f {path} {path}-wal {path}-shm'. If this "
            "comes again, put in a new card."
        ),
    ),
    "log.removed": DoctorMessage(
        "fault",
        N_("{path} was removed or replaced while process {process} writes it"),
        N_(
            "Events are in memory only. Make its folder as it was: the agent writes the log back within "
            "a minute. Stop the agent before you move or restore a log."
        ),
    ),
    "log.unknown": DoctorMessage("unknown", N_("{path} can't be read"), _SUDO),
    "memory.ok": DoctorMessage("ok", N_("{free_mb} MB free")),
    "memory.low": DoctorMessage(
        "warning",
        N_("only {free_mb} MB free"),
        N_("End other programs, or restart the device."),
    ),
    "memory.unknown": DoctorMessage("unknown", N_("the system does not report it")),
    "service.ok": DoctorMessage(
        "ok",
        N_("running, restarted {restarts} times by itself"),
    ),
    "service.starting": DoctorMessage(
        "warning",
        N_("starting: it does not see yet"),
        N_("If it stays so, see the camera above, and 'journalctl -u presence-agent -x'."),
    ),
    "service.restarts": DoctorMessage(
        "warning",
        N_("running, but restarted {restarts} times"),
        N_("See 'journalctl -u presence-agent -x' for why it ended."),
    ),
    "service.not_enabled": DoctorMessage(
        "warning",
        N_("running, but does not start with the device"),
        N_("Run 'sudo systemctl enable presence-agent'."),
    ),
    "service.no_daily_check": DoctorMessage(
        "warning",
        N_("the daily check of the log and the card is not enabled"),
        N_("Run 'sudo systemctl enable --now presence-agent-check.timer'."),
    ),
    "service.stopped": DoctorMessage(
        "warning",
        N_("does not run"),
        N_("Run 'sudo systemctl enable --now presence-agent'."),
    ),
    "service.failed": DoctorMessage(
        "fault",
        N_("ended with {result}, exit code {code}"),
        N_("Fix what is above, then run 'sudo systemctl restart presence-agent'."),
    ),
    "service.not_installed": DoctorMessage(
        "warning",
        N_("is not installed"),
        N_("Install its Debian package, or run the agent by hand: presence-agent run."),
    ),
    "service.no_systemd": DoctorMessage("unknown", _NO_SYSTEMD),
    "journal.ok": DoctorMessage("ok", N_("kept over restarts")),
    "journal.clean": DoctorMessage("ok", N_("no errors in the last day")),
    "journal.over": DoctorMessage(
        "ok",
        N_("no errors now; {errors} errors of the last day are resolved"),
    ),
    "journal.errors": DoctorMessage(
        "warning",
        N_("{errors} errors in the last day that are not resolved"),
        N_("Read them: journalctl -u presence-agent -p err --since -1d -x."),
    ),
    "journal.in_memory": DoctorMessage(
        "warning",
        N_("in memory only: its lines are gone after a restart"),
        N_("Make the folder /var/log/journal, then run 'sudo systemctl restart systemd-journald'."),
    ),
    "journal.no_catalogue": DoctorMessage(
        "warning",
        N_("the explanations of its lines are not installed"),
        N_(
            "Copy the .catalog files of presence-agent to /usr/lib/systemd/catalog and run "
            "'sudo journalctl --update-catalog'."
        ),
    ),
    "journal.unknown": DoctorMessage("unknown", N_("you may not read it"), _SUDO),
    "journal.no_systemd": DoctorMessage("unknown", _NO_SYSTEMD),
}
