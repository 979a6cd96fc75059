"""Checks of the broker: its name, port, TLS, the login, and the rights, which are tried."""

from __future__ import annotations

import json
import math
import secrets
import socket
import ssl
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agent.core.credentials import origin
from agent.doctor.report import Finding
from agent.doctor.system import within
from agent.errors import CertificateFileError, DeliveryError
from agent.locale.language import NC_
from agent.mqtt.connection import MQTT_5, Broker, Connection, Message
from agent.mqtt.tls import check_readable, lacking, tls_context, tls_refusal
from agent.wire.client import client_id

if TYPE_CHECKING:
    from agent.app.settings import Settings
    from agent.doctor.system import Emit, System

_LIMIT_S = 5.0
_NAME_S = 3.0
_EACH_S = 1.5
_MOST_ADDRESSES = 3
_RETAINED_S = 1.0
_SOON_DAYS = 30
_NOT_YET, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_CHECKS = {
    "broker_name": NC_("after", "the broker's name"),
    "broker_port": NC_("after", "the broker's port"),
    "broker_tls": NC_("after", "TLS"),
    "broker_login": NC_("after", "the login"),
    "broker_rights": "",
}
# The answer to a replay that no client requested: no subscriber acts on it.
_HARMLESS = json.dumps({"done": True, "sent": 0, "first_seq": None, "last_seq": None})


def broker_checks(settings: Settings, machine: System, emit: Emit) -> None:
    """Check step by step until a fault; the steps behind it are reported as skipped.

    Args:
        settings: name the broker, if any.
        machine: where the service's secrets are.
        emit: takes each finding.
    """
    found: list[Finding] = []

    def note(finding: Finding) -> None:
        found.append(finding)
        emit(finding)

    broker = settings.broker
    if broker is None:
        note(Finding("broker_name.none"))
    else:
        _in_turn(settings, with_files(broker, machine), note)
    last = found[-1].check
    for check in list(_CHECKS)[list(_CHECKS).index(last) + 1 :]:
        emit(Finding(f"{check}.skipped", {"after": _CHECKS[last]}))


def reachable(broker: Broker, emit: Emit) -> bool:
    """Check name, port and TLS, up to the first fault.

    Args:
        broker: with its files where this process finds them.
        emit: takes each finding.
    """
    addresses = _addresses(broker, emit)
    address = _listening(broker, addresses, emit) if addresses else None
    return address is not None and _encrypted(broker, address, emit)


def _in_turn(settings: Settings, broker: Broker, emit: Emit) -> None:
    if not reachable(broker, emit):
        return
    connection = _logged_in(settings, broker, emit)
    if connection is None:
        return
    try:
        emit(_rights(settings, broker, connection))
    except DeliveryError as error:
        emit(Finding("broker_rights.lost", {**_values(settings, broker), "problem": error}))
    finally:
        connection.close()


def with_files(broker: Broker, machine: System) -> Broker:
    """The broker, with its files where this process finds them."""
    return replace(
        broker,
        password_file=machine.secret_path(broker.password_file),
        ca_file=machine.secret_path(broker.ca_file),
        certificate_file=machine.secret_path(broker.certificate_file),
        key_file=machine.secret_path(broker.key_file),
    )


def _values(settings: Settings, broker: Broker) -> dict[str, object]:
    return {
        "host": broker.host,
        "port": broker.port,
        "user": broker.username or "nobody",
        "site": settings.sender.site,
        "name": settings.sender.device,
        "root": f"presence/v1/{settings.sender.site}/{settings.sender.device}/",
    }


def _addresses(broker: Broker, emit: Emit) -> list[str]:
    try:
        found = within(_NAME_S, lambda: socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM))
    except TimeoutError:
        emit(Finding("broker_name.slow", {"host": broker.host, "limit_s": f"{_NAME_S:g}"}))
        return []
    except (OSError, UnicodeError):
        emit(Finding("broker_name.unknown", {"host": broker.host}))
        return []
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    emit(Finding("broker_name.ok", {"host": broker.host, "addresses": ", ".join(addresses)}))
    return addresses


def _listening(broker: Broker, addresses: list[str], emit: Emit) -> str | None:
    """The first address that answers."""
    failed: dict[str, OSError] = {}
    good = []
    for address in addresses[:_MOST_ADDRESSES]:
        try:
            socket.create_connection((address, broker.port), timeout=_EACH_S).close()
            good.append(address)
        except OSError as error:
            failed[address] = error
    values = {"host": broker.host, "port": broker.port}
    if not good:
        last = list(failed.values())[-1]
        refused = isinstance(last, ConnectionRefusedError)
        code = "broker_port.refused" if refused else "broker_port.silent"
        emit(Finding(code, {**values, "problem": last.strerror or last}))
        return None
    # A name such as localhost has an address of each kind, and the broker may have one only.
    silent = [address for address in failed if (":" in address) == (":" in good[0])]
    code = "broker_port.some" if silent else "broker_port.ok"
    emit(Finding(code, {**values, "address": good[0], "silent": ", ".join(silent)}))
    return good[0]


def _encrypted(broker: Broker, address: str, emit: Emit) -> bool:
    if not broker.tls:
        emit(Finding("broker_tls.plain"))
        return True
    if (context := _context(broker, emit)) is None:
        return False
    values = {"host": broker.host, "port": broker.port}
    try:
        with (
            socket.create_connection((address, broker.port), timeout=_LIMIT_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as wrapped,
        ):
            version, shown = wrapped.version(), wrapped.getpeercert()
    except ssl.SSLCertVerificationError as error:
        codes = {
            _EXPIRED: "expired",
            _NOT_YET: "not_yet",
            _OTHER_HOST: "other_name",
            _OTHER_ADDRESS: "other_name",
        }
        code = codes.get(error.verify_code, "untrusted")
        if lack := lacking(error):
            code = "authority_lacks" if lack.of_authority else "certificate_lacks"
            values["wanted"] = lack.wanted
        emit(Finding(f"broker_tls.{code}", {**values, "problem": error.verify_message}))
        return False
    except ssl.SSLError as error:
        plain_there = any(word in str(error.reason) for word in _NO_TLS)
        code = "broker_tls.no_tls" if plain_there else "broker_tls.refused"
        emit(Finding(code, {**values, "problem": tls_refusal(error, broker.host)}))
        return False
    except OSError:
        # A broker without TLS hangs up on what it can't read, or waits for more of it.
        emit(Finding("broker_tls.no_tls", values))
        return False
    days = _days_left(shown)
    code = "broker_tls.ends_soon" if days < _SOON_DAYS else "broker_tls.ok"
    emit(Finding(code, {"version": version, "days": days}))
    return True


def _context(broker: Broker, emit: Emit) -> ssl.SSLContext | None:
    files = broker.ca_file, broker.certificate_file, broker.key_file
    try:
        check_readable(*files)
        return tls_context(*files)
    except (CertificateFileError, DeliveryError) as error:
        closed = isinstance(error.__cause__, PermissionError)
        problem = " ".join(str(error).splitlines())
        emit(Finding("broker_tls.closed" if closed else "broker_tls.file", {"problem": problem}))
    return None


def _days_left(certificate: Any) -> int:  # noqa: ANN401 - as the library types it
    return math.floor((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86_400)


def _logged_in(settings: Settings, broker: Broker, emit: Emit) -> Connection | None:
    values = _values(settings, broker)
    if broker.password_file:
        try:
            broker.password_file.read_bytes()
        except PermissionError:
            emit(Finding("broker_login.no_access", {"path": broker.password_file}))
            return None
        except OSError:
            pass
    # Another each time: a known one could be taken over, and the finding be wrong.
    sender = settings.sender
    connection = Connection(broker, client_id(sender.site, f"{sender.device}-doctor", secrets.token_hex(4)))
    try:
        connection.open()
    except DeliveryError as error:
        sentence = str(error)
        if "password_file" in sentence and "refuses the login" not in sentence:
            code = "broker_login.no_secret"
        else:
            code = "broker_login.refused" if "refuses the login" in sentence else "broker_login.failed"
        secret = origin(broker.password_file) if broker.password_file else None
        emit(Finding(code, {**values, "problem": sentence, "secret": secret}))
        return None
    emit(Finding("broker_login.ok", values))
    return connection


@dataclass(slots=True)
class _Trial:
    """The broker's answers to what is tried.

    Attributes:
        refused: reason, by topic.
        retained: what it keeps of the agent, by the last part of the topic.
    """

    root: str
    topics: dict[int, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    retained: dict[str, dict[str, Any]] = field(default_factory=dict)

    def collect(self, connection: Connection) -> None:
        """Wait for all answers, and a little for retained messages."""
        waiting = set(self.topics)
        start_s = time.monotonic()
        while waiting or time.monotonic() < start_s + _RETAINED_S:
            if time.monotonic() > start_s + _LIMIT_S:
                raise DeliveryError(f"there is no answer within {_LIMIT_S:g} s")
            for report in connection.pump(0.1):
                if isinstance(report, Message):
                    self.retained[report.topic.removeprefix(self.root)] = report.content
                    continue
                waiting.discard(report.mid)
                if report.refusal:
                    self.refused[self.topics[report.mid]] = report.refusal


def _rights(settings: Settings, broker: Broker, connection: Connection) -> Finding:
    """Publish where it may and where it may not, and read what the agent published last."""
    values = _values(settings, broker)
    root = str(values["root"])
    own = f"{root}replay/doctor"
    # Nobody has this name: '_' is in none.
    other = f"presence/v1/{settings.sender.site}/_doctor/replay/doctor"
    readable = [f"{root}{name}" for name in ("status", "health", "cmd/#")]
    reports_refusals = broker.protocol == MQTT_5
    trial = _Trial(root)
    for topic in readable:
        trial.topics[connection.subscribe(topic, needed=False)] = topic
    for topic in (own, other) if reports_refusals else (own,):
        trial.topics[connection.publish(Message(topic, _HARMLESS))] = topic
    trial.collect(connection)
    refusals = dict(trial.refused)
    elsewhere = refusals.pop(other, None)
    reasons = trial.retained.get("health", {}).get("reasons") or ()
    if "broker_refuses" in reasons and not refusals:
        return Finding("broker_rights.agent_refused", {**values, "topic": f"{root}event/#"})
    for topic, why in refusals.items():
        code = "no_read" if topic in readable else "no_write"
        return Finding(f"broker_rights.{code}", {**values, "topic": topic, "problem": why})
    if "broker_lost" in reasons:
        # It could publish that: no connection lasts, or there was none until just now.
        return Finding("broker_rights.unsteady", values)
    if reports_refusals:
        code = "too_wide" if elsewhere is None else "ok"
        return Finding(f"broker_rights.{code}", {**values, "topic": other})
    online = trial.retained.get("status", {}).get("state") == "online"
    return Finding("broker_rights.proven" if online else "broker_rights.unseen", values)
