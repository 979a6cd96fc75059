"""Messages on a centre: time source, configuration, store, services, devices, login, people, pages."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_, NC_

OFFICE_LABELS: dict[str, str] = {
    "time": NC_("check", "time source"),
    "central_file": NC_("check", "central.toml"),
    "store": NC_("check", "store"),
    "store_disk": NC_("check", "store's disk"),
    "receive": NC_("check", "storing"),
    "arrivals": NC_("check", "arrivals"),
    "devices": NC_("check", "devices"),
    "central_login": NC_("check", "login at the broker"),
    "people": NC_("check", "people"),
    "pages": NC_("check", "pages"),
    "web": NC_("check", "serving"),
}

_SUDO = N_("Run it as root: sudo presence-central doctor.")
_ENDED = N_("ended with {result}, exit code {code}")
_NOT_INSTALLED = N_("is not installed as a service")
_STOPPED = N_("does not run")
_RUNNING = N_("running, restarted {restarts} times by itself")

OFFICE_MESSAGES: dict[str, DoctorMessage] = {
    "time.ok": DoctorMessage("ok", N_("right ({keeper} keeps it), {utc} UTC")),
    "time.right": DoctorMessage("ok", N_("right, {utc} UTC")),
    "time.nobody": DoctorMessage(
        "fault",
        N_(
            "no time synchronisation service is running, {utc} UTC: devices seem silent, and "
            "tokens end, too early or late"
        ),
        N_("Run 'sudo apt install systemd-timesyncd', and let this machine reach a time server."),
    ),
    "time.not_started": DoctorMessage(
        "fault",
        N_(
            "{unit} is installed, but does not run, {utc} UTC: devices seem silent, and tokens "
            "end, too early or late"
        ),
        N_("Run '{unmask}sudo systemctl enable --now {unit}', and let this machine reach a time server."),
    ),
    "time.unsynced": DoctorMessage(
        "fault",
        N_(
            "not known to be right ({keeper}), {utc} UTC: devices seem silent, and tokens end, "
            "too early or late"
        ),
        N_(
            "Let this machine reach a time server (NTP, port 123): check the network and "
            "'timedatectl status'."
        ),
    ),
    "central_file.ok": DoctorMessage("ok", N_("{path} is good")),
    "central_file.wrong": DoctorMessage(
        "fault",
        NC_("central_file.wrong", "{problem}"),
        N_(
            "Correct it in {path}, then run 'sudo systemctl restart presence-central-receive "
            "presence-central-web'."
        ),
        can_start=False,
    ),
    "store.ok": DoctorMessage("ok", N_("{url}, {events} events of {devices} devices")),
    "store.closed": DoctorMessage(
        "fault",
        NC_("store.closed", "{problem}"),
        N_(
            "Check [store] url, that the database runs, and the service that stores: journalctl "
            "-u presence-central-receive."
        ),
    ),
    "store_disk.ok": DoctorMessage("ok", N_("{free_mb} MB free for {path}")),
    "store_disk.small": DoctorMessage(
        "warning",
        N_("only {free_mb} MB free for {path}"),
        N_("Make room, or lower keep_events_days under [store]."),
    ),
    "store_disk.full": DoctorMessage(
        "fault",
        N_(
            "full: {free_mb} MB free for {path}; nothing is stored, and waits at the broker and "
            "on the devices"
        ),
        N_("Make room now; what waits is stored by itself then."),
    ),
    "store_disk.elsewhere": DoctorMessage("ok", N_("the database server's own; look there")),
    "receive.ok": DoctorMessage("ok", _RUNNING),
    "receive.stopped": DoctorMessage(
        "fault", _STOPPED, N_("Run 'sudo systemctl enable --now presence-central-receive'.")
    ),
    "receive.failed": DoctorMessage(
        "fault",
        _ENDED,
        N_(
            "See 'journalctl -u presence-central-receive', fix that, then run 'sudo systemctl "
            "restart presence-central-receive'."
        ),
    ),
    "receive.not_installed": DoctorMessage(
        "unknown",
        _NOT_INSTALLED,
        N_("Run 'sudo presence-central init', or start it by hand: presence-central run."),
    ),
    "receive.no_systemd": DoctorMessage("unknown", N_("there is no systemd here")),
    "web.ok": DoctorMessage("ok", _RUNNING),
    "web.stopped": DoctorMessage(
        "fault", _STOPPED, N_("Run 'sudo systemctl enable --now presence-central-web'.")
    ),
    "web.failed": DoctorMessage(
        "fault",
        _ENDED,
        N_(
            "See 'journalctl -u presence-central-web', fix that, then run 'sudo systemctl restart"
            " presence-central-web'."
        ),
    ),
    "web.not_installed": DoctorMessage(
        "unknown",
        _NOT_INSTALLED,
        N_("Run 'sudo presence-central init', or start it by hand: presence-central run."),
    ),
    "web.no_systemd": DoctorMessage("unknown", N_("there is no systemd here")),
    "arrivals.ok": DoctorMessage("ok", N_("the last {seconds} s ago")),
    "arrivals.none": DoctorMessage(
        "fault",
        N_("nothing was stored for {minutes} minutes, though devices are online"),
        N_(
            "See above whether the broker is reached and the store can be written, then "
            "'journalctl -u presence-central-receive'."
        ),
    ),
    "arrivals.never": DoctorMessage(
        "warning",
        N_("no device was heard of yet"),
        N_(
            "Make an account for each device at the broker: bash deploy/broker/account.sh add-"
            "device SITE NAME."
        ),
    ),
    "arrivals.offline": DoctorMessage("ok", N_("no device is online")),
    "devices.ok": DoctorMessage("ok", N_("all {all} are heard and well, no event is missing")),
    "devices.silent": DoctorMessage(
        "warning",
        N_("{count} of {all} are away: {names}"),
        N_(
            "See at each place whether it has power and network; on the device, 'sudo presence-"
            "agent doctor' says more."
        ),
    ),
    "devices.ill": DoctorMessage(
        "warning",
        N_("{count} of {all} are not well: {names}"),
        N_("On the device, 'sudo presence-agent doctor' says what to do."),
    ),
    "devices.missing": DoctorMessage(
        "warning",
        N_("{events} events of {names} are missing"),
        N_(
            "They are asked for again once a minute while the device is there; wait, then see "
            "'presence-central status'."
        ),
    ),
    "central_login.ok": DoctorMessage("ok", N_("logged in as {user}, may ask devices for what is missing")),
    "central_login.no_secret": DoctorMessage(
        "fault",
        NC_("central_login.no_secret", "{problem}"),
        N_("Run 'sudo presence-central init' again: it makes the password where there is none."),
    ),
    "central_login.no_access": DoctorMessage("unknown", N_("{path} can't be read by you"), _SUDO),
    "central_login.refused": DoctorMessage(
        "fault",
        N_("the broker refuses the login as {user}"),
        N_(
            "Delete {path}, then run 'sudo presence-central init': it gives the account {user} a new "
            "password. Where the broker is another machine, its account.sh new-password makes one."
        ),
    ),
    "central_login.failed": DoctorMessage(
        "fault",
        N_("the broker accepts no connection: {problem}"),
        N_("Check port, tls and protocol under [mqtt]."),
    ),
    "central_login.no_asking": DoctorMessage(
        "fault",
        N_("{user} may not ask devices for what is missing ({problem})"),
        N_("Give it the rights of a centre: deploy/broker/account.sh remove, then add-central."),
    ),
    "people.ok": DoctorMessage("ok", N_("{count} may sign in, {screens} screens, {tokens} tokens")),
    "people.nobody": DoctorMessage(
        "warning",
        N_("nobody may sign in"),
        N_("Run 'sudo presence-central user add NAME --role admin'."),
    ),
    "people.closed": DoctorMessage(
        "fault",
        NC_("people.closed", "{problem}"),
        N_("Check [people] url, and that the database is there for this user."),
    ),
    "people.no_access": DoctorMessage("unknown", N_("{path} can't be read by you"), _SUDO),
    "pages.ok": DoctorMessage("ok", N_("{address} answers, its certificate is good for {days} days")),
    "pages.ends_soon": DoctorMessage(
        "warning",
        N_("the certificate of {address} ends in {days} days"),
        N_(
            "Run 'sudo presence-central init' again, or put the office's new one in its place and"
            " restart presence-central-web."
        ),
    ),
    "pages.none": DoctorMessage(
        "warning",
        N_("there is no [web] in the configuration: no page is served"),
        N_("Add [web] if somebody is to look."),
    ),
    "pages.certificate": DoctorMessage(
        "fault",
        NC_("pages.certificate", "{problem}"),
        N_("Put a good certificate in its place, then run 'sudo systemctl restart presence-central-web'."),
    ),
    "pages.no_access": DoctorMessage("unknown", N_("{path} can't be read by you"), _SUDO),
    "pages.silent": DoctorMessage(
        "fault",
        N_("{address} does not answer ({problem})"),
        N_("See whether presence-central-web runs: journalctl -u presence-central-web."),
    ),
}
