"""Messages on the broker: name, port, TLS, login and rights."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_, NC_

BROKER_MESSAGES: dict[str, DoctorMessage] = {
    "broker_name.none": DoctorMessage(
        "warning",
        N_("there is no [mqtt] in the configuration: events stay in the log"),
        N_("Add [mqtt] if events are to be published."),
    ),
    "broker_name.ok": DoctorMessage("ok", N_("{host} is {addresses}")),
    "broker_name.unknown": DoctorMessage(
        "fault",
        N_("the name {host} is not known"),
        N_("Check host under [mqtt], the network's cable or Wi-Fi, and its DNS."),
    ),
    "broker_name.slow": DoctorMessage(
        "fault",
        N_("no address for {host} was found within {limit_s} s"),
        N_("Check the network's cable or Wi-Fi, and its DNS."),
    ),
    "broker_port.ok": DoctorMessage("ok", N_("{address} port {port} answers")),
    "broker_port.some": DoctorMessage(
        "warning",
        N_("{address} port {port} answers, but not {silent}"),
        N_("Start the broker there again, or take that address out of the name."),
    ),
    "broker_port.refused": DoctorMessage(
        "fault",
        N_("nothing listens at {host} port {port}"),
        N_("Check port under [mqtt], and that the broker runs."),
    ),
    "broker_port.silent": DoctorMessage(
        "fault",
        N_("{host} port {port} can't be reached ({problem})"),
        N_("Check the network, the firewall between, and host and port under [mqtt]."),
    ),
    "broker_tls.ok": DoctorMessage(
        "ok",
        N_("{version}, the certificate is good for {days} days"),
    ),
    "broker_tls.ends_soon": DoctorMessage(
        "warning",
        N_("the broker's certificate ends in {days} days"),
        N_("Have it renewed at the broker before that."),
    ),
    "broker_tls.plain": DoctorMessage(
        "warning",
        N_("off: whoever is in the network can read the events and the password"),
        N_("Set tls = true under [mqtt], with the broker's port for TLS."),
    ),
    "broker_tls.expired": DoctorMessage(
        "fault",
        N_("the broker's certificate has expired"),
        N_(
            "Have it renewed at the broker (deploy/broker/certificates.sh renew); if this device's clock "
            "is wrong, set that."
        ),
    ),
    "broker_tls.not_yet": DoctorMessage(
        "fault",
        N_("the broker's certificate is not valid yet"),
        N_("Set this device's clock."),
    ),
    "broker_tls.other_name": DoctorMessage(
        "fault",
        N_("the broker's certificate is not for {host}"),
        N_("Set host under [mqtt] to a name that is in the certificate, or have {host} put in."),
    ),
    "broker_tls.untrusted": DoctorMessage(
        "fault",
        N_("the broker's certificate is not trusted ({problem})"),
        N_(
            "Set ca_file under [mqtt] to the certificate of the broker's authority; if it is, this is "
            "another broker: check host."
        ),
    ),
    "broker_tls.authority_lacks": DoctorMessage(
        "fault",
        N_("the certificate of the broker's authority lacks {wanted} ({problem})"),
        N_("Have it made again with that, for the same key, and put it into ca_file under [mqtt]."),
    ),
    "broker_tls.certificate_lacks": DoctorMessage(
        "fault",
        N_("the broker's certificate lacks {wanted} ({problem})"),
        N_("Have it made again with that at the broker."),
    ),
    "broker_tls.no_tls": DoctorMessage(
        "fault",
        N_("port {port} does not use TLS"),
        N_("Set port under [mqtt] to the broker's port for TLS, usually 8883."),
    ),
    "broker_tls.refused": DoctorMessage(
        "fault",
        N_("the TLS connection failed: {problem}"),
        N_("Check ca_file, certificate_file, key_file and port under [mqtt]."),
    ),
    "broker_tls.file": DoctorMessage(
        "fault",
        NC_("broker_tls.file", "{problem}"),
        N_("Put the file there, readable for the agent, or correct its path under [mqtt]."),
    ),
    "broker_login.ok": DoctorMessage("ok", N_("logged in as {user}")),
    "broker_login.no_secret": DoctorMessage(
        "fault",
        NC_("broker_login.no_secret", "{problem}"),
        N_(
            "Write the password into {secret}, on one line ('sudo nano {secret}', then 'sudo chmod 600 "
            "{secret}'); a running service takes it by itself."
        ),
    ),
    "broker_login.no_access": DoctorMessage(
        "unknown",
        N_("{path} can't be read by you"),
        N_("Run it as root: sudo presence-agent doctor."),
    ),
    "broker_login.refused": DoctorMessage(
        "fault",
        N_("the broker refuses the login as {user}"),
        N_(
            "Check username and password_file under [mqtt]; at the broker deploy/broker/account.sh "
            "new-password makes a new password, and add-device an account that is not there."
        ),
    ),
    "broker_login.failed": DoctorMessage(
        "fault",
        N_("the broker accepts no connection: {problem}"),
        N_(
            "Check port, tls and protocol under [mqtt]: "
            "protocol = 311 for a broker that supports only MQTT 3.1.1."
        ),
    ),
    "broker_rights.ok": DoctorMessage(
        "ok",
        N_("may publish below {root}, and not elsewhere"),
    ),
    "broker_rights.proven": DoctorMessage(
        "ok",
        N_("the agent is online: it has read back its own status"),
    ),
    "broker_rights.unseen": DoctorMessage(
        "unknown",
        N_("with protocol 311 a broker does not report what it refuses"),
        N_(
            "Set protocol = 5 under [mqtt] if the broker supports it; otherwise start the agent and see "
            "whether its status is online."
        ),
    ),
    "broker_rights.no_write": DoctorMessage(
        "fault",
        N_("may not publish on {topic} ({problem})"),
        N_(
            "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its "
            "name must be {site}/{name}."
        ),
    ),
    "broker_rights.agent_refused": DoctorMessage(
        "fault",
        N_("may not publish on {topic}, as the agent reported in the last minute"),
        N_(
            "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its name "
            "must be {site}/{name}. Then wait two minutes: the agent tries again by itself."
        ),
    ),
    "broker_rights.no_read": DoctorMessage(
        "fault",
        N_("may not read {topic} ({problem})"),
        N_(
            "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its "
            "name must be {site}/{name}."
        ),
    ),
    "broker_rights.too_wide": DoctorMessage(
        "warning",
        N_("may publish elsewhere too, on {topic}: this device could publish as others"),
        N_("Limit the account {user} at the broker to {root} (deploy/broker/account.sh rights)."),
    ),
    "broker_rights.unsteady": DoctorMessage(
        "warning",
        N_("the agent reports that it had no connection for a minute, or none that lasts"),
        N_(
            "See the journal's lines on the broker. If a copy of this card is in use, give one of the "
            "two another [device] name; otherwise check the network and the broker's own log."
        ),
    ),
    "broker_rights.lost": DoctorMessage(
        "fault",
        N_("the broker closes the connection while rights are tried: {problem}"),
        N_("Look into the broker's own log, and at the rights of the account {user}."),
    ),
}
