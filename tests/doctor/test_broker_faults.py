"""What is wrong between the device and its broker is named; the agent and central systems notice nothing."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.core.credentials import HANDED
from agent.doctor import checks_broker
from agent.mqtt.connection import Connection, Message
from agent.mqtt.tls import tls_context
from tests.broker import Account, CentralBroker
from tests.conftest import Listener, Mosquitto, free_port, wait_until
from tests.doctor.conftest import connect
from tests.doctor.place import Place, codes
from tests.locale.languages import ENGLISH, LANGUAGES
from tests.mqtt.answering import answering
from tests.patience import PATIENCE_S
from tests.samples import make_health

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.doctor import Finding, Report

Whole = tuple[CentralBroker, Account]


def broker_part(report: Report) -> list[str]:
    """What is found of the broker."""
    return [code for code in codes(report) if code.startswith("broker")]


def told(report: Report, code: str) -> Finding:
    return next(item for item in report.findings if item.code == code)


def unknown_name(place: Place, _whole: Whole) -> None:
    place.mqtt["host"] = "broker.invalid"


def other_port(place: Place, _whole: Whole) -> None:
    place.mqtt["port"] = free_port()


def port_without_tls(place: Place, whole: Whole) -> None:
    place.mqtt["port"] = whole[0].plain_port


def name_not_in_certificate(place: Place, _whole: Whole) -> None:
    # Another way to write 127.0.0.1.
    place.mqtt["host"] = "127.1"


def other_authority(place: Place, whole: Whole) -> None:
    place.mqtt["ca_file"] = whole[0].new_authority(place.folder / "other.pem", "another")


def no_authority_file(place: Place, _whole: Whole) -> None:
    place.mqtt["ca_file"] = place.folder / "nothing.pem"


def wrong_password(place: Place, _whole: Whole) -> None:
    path = place.folder / "password"
    path.touch(0o600)
    path.write_text("s3cret-wrong\n")
    place.mqtt["password_file"] = path


def no_password_file(place: Place, _whole: Whole) -> None:
    place.mqtt["password_file"] = place.folder / "nothing"


def no_credential(place: Place, _whole: Whole) -> None:
    place.mqtt["password_file"] = HANDED / "mqtt-password"


def other_login(place: Place, whole: Whole) -> None:
    account = whole[0].add("device", "que-phong", f"other-{time.monotonic_ns() % 10**6}")
    assert account.password_file
    account.password_file.chmod(0o600)
    place.mqtt |= {"username": account.login, "password_file": account.password_file}


# What is made wrong, what is found, and words of the remedy.
CASES = [
    (unknown_name, "broker_name.unknown", "host under [mqtt]"),
    (other_port, "broker_port.refused", "port under [mqtt]"),
    (port_without_tls, "broker_tls.no_tls", "8883"),
    (name_not_in_certificate, "broker_tls.other_name", "host under [mqtt]"),
    (other_authority, "broker_tls.untrusted", "ca_file"),
    (no_authority_file, "broker_tls.file", "path under [mqtt]"),
    (wrong_password, "broker_login.refused", "password_file"),
    (no_password_file, "broker_login.no_secret", "Write the password"),
    (no_credential, "broker_login.no_secret", "/etc/presence-agent/mqtt-password, on one line"),
    (other_login, "broker_rights.no_write", "que-phong/one-stop"),
]


@pytest.mark.parametrize(("wrong", "code", "remedy"), CASES, ids=[case[1] for case in CASES])
def test_fault_is_named_with_its_remedy(
    at_broker: Place, whole_broker: Whole, wrong: Callable[[Place, Whole], None], code: str, remedy: str
) -> None:
    wrong(at_broker, whole_broker)
    report = at_broker.examined()
    assert broker_part(report) == [code]
    assert remedy in str(told(report, code).remedy(ENGLISH))
    assert report.exit_code == 1
    text = "\n".join(line for language in LANGUAGES for _, line in report.lines(language))
    assert "s3cret" not in text
    assert whole_broker[1].password not in text


def test_authority_without_key_usage(
    at_broker: Place, whole_broker: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An office's own, as Python 3.13 finds it; an earlier one takes it."""
    central, _ = whole_broker
    made = central.new_authority(
        at_broker.folder / "office.pem", "presence-agent broker authority", central.folder / "ca" / "ca.key",
        key_usage=False,
    )  # fmt: skip
    at_broker.mqtt["ca_file"] = made
    if sys.version_info < (3, 13):
        assert not [code for code in broker_part(at_broker.examined()) if not code.endswith(".ok")]

        def strict(*files: Path | None) -> ssl.SSLContext:
            context = tls_context(*files)
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            return context

        monkeypatch.setattr(checks_broker, "tls_context", strict)
    report = at_broker.examined()
    assert broker_part(report) == ["broker_tls.authority_lacks"]
    for language in LANGUAGES:
        said = " ".join(line for _, line in report.lines(language))
        assert "keyUsage=critical,keyCertSign,cRLSign" in said
        assert "ca_file" in said


def test_tls_asked_of_nobody(at_broker: Place) -> None:
    at_broker.mqtt["tls"] = False
    del at_broker.mqtt["ca_file"]
    assert broker_part(at_broker.examined()) == ["broker_tls.plain", "broker_login.failed"]


def test_certificate_expired_and_soon(place: Place, start_central: Callable[[], CentralBroker]) -> None:
    central = start_central()
    connect(place, central, central.add("device", "que-phong", "one-stop"))
    central.certificates("server", "127.0.0.1", "--days", "5")
    assert broker_part(place.examined()) == ["broker_tls.ends_soon"]
    names = "extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1"
    central.sign_in_the_past("broker", central.folder / "server.key", central.folder / "server.pem", names)
    central.reload()
    report = place.examined()
    assert broker_part(report) == ["broker_tls.expired"]
    assert "renew" in str(told(report, "broker_tls.expired").remedy(ENGLISH))


def test_own_certificate(place: Place, start_central: Callable[[], CentralBroker]) -> None:
    central = start_central()
    account = central.add_certified("que-phong", "one-stop")
    files = {"certificate_file": account.certificate_file, "key_file": account.key_file}
    place.mqtt = {
        "host": "127.0.0.1", "port": central.certificate_port, "ca_file": central.ca_file, **files,
    }  # fmt: skip
    assert broker_part(place.examined()) == []
    copies = {field: place.folder / field for field in files}
    for field, path in files.items():
        assert path
        shutil.copy(path, copies[field])
    central.certificates("revoke", "que-phong", "one-stop")
    place.mqtt |= copies
    report = place.examined()
    assert broker_part(report) == ["broker_tls.refused"]
    assert "revoked" in told(report, "broker_tls.refused").found(ENGLISH)


def test_rights_taken(place: Place, start_central: Callable[[], CentralBroker]) -> None:
    central = start_central()
    connect(place, central, central.add("device", "que-phong", "one-stop"))
    rights = central.folder / "rights"
    lines = [line for line in rights.read_text().splitlines() if not line.startswith("pattern")]
    rights.write_text("\n".join(lines) + "\n")
    # A reload just behind another one may be missed.
    central.stop(signal.SIGKILL)
    central.start()
    report = place.examined()
    assert broker_part(report) == ["broker_rights.no_write"]
    assert "account.sh rights" in str(told(report, "broker_rights.no_write").remedy(ENGLISH))


def test_rights_too_wide(place: Place, mosquitto: Mosquitto) -> None:
    place.mqtt = {"host": "127.0.0.1", "port": mosquitto.port, "tls": False}
    report = place.examined()
    assert broker_part(report) == ["broker_tls.plain", "broker_rights.too_wide"]
    assert report.exit_code == 0


@pytest.mark.parametrize("protocol", [5, 311])
def test_agent_without_a_lasting_connection(
    place: Place, start_central: Callable[[], CentralBroker], protocol: int
) -> None:
    central = start_central()
    account = central.add("device", "que-phong", "one-stop")
    connect(place, central, account)
    place.mqtt["protocol"] = protocol
    said = make_health(reasons=("broker_lost",), verdict="degraded").text()
    agent = Connection(central.as_seen_by(account), "agent")
    agent.open()
    agent.publish(Message("presence/v1/que-phong/one-stop/health", said, retain=True))
    report = place.examined()
    assert broker_part(report) == ["broker_rights.unsteady"]
    assert "copy of this card" in str(told(report, "broker_rights.unsteady").remedy(ENGLISH))
    agent.close()


def test_rights_with_protocol_311(at_broker: Place, whole_broker: Whole) -> None:
    at_broker.mqtt["protocol"] = 311
    report = at_broker.examined()
    assert broker_part(report) == []
    assert "broker_rights.unseen" in [item.code for item in report.findings]
    assert whole_broker[0].port


def test_agent_and_its_readers_notice_nothing(
    place: Place, mosquitto: Mosquitto, listen: Callable[..., Listener]
) -> None:
    listener = listen(mosquitto.port)
    agent = listen(mosquitto.port, "-i", "presence-que-phong-one-stop")
    place.mqtt = {"host": "127.0.0.1", "port": mosquitto.port, "tls": False}
    wait_until(lambda: "broker_rights.too_wide" in broker_part(place.examined()))
    wait_until(lambda: len(listener.heard()) >= 2)
    # Another id each time, so that nobody can throw it out.
    place.examined()
    ids = re.findall(r"as (presence-que-phong-one-stop-\S+) ", mosquitto.said())
    assert len(set(ids)) == len(ids) >= 2
    assert all(re.fullmatch("presence-que-phong-one-stop-doctor-[0-9a-f]{8}", one) for one in ids)
    for message in listener.heard():
        assert "/replay/doctor" in message.topic
        assert message.json["done"] is True
        assert not message.retain
    # Whoever has the agent's id is still there: it hears the same.
    wait_until(lambda: len(agent.heard()) >= 2)
    late = listen(mosquitto.port)
    assert late.heard() == []


def test_broker_that_never_answers(place: Place) -> None:
    with answering(b"", stays=True) as port:
        place.mqtt = {"host": "127.0.0.1", "port": port, "tls": False}
        begin_s = time.monotonic()
        report = place.examined()
    assert broker_part(report) == ["broker_tls.plain", "broker_login.failed"]
    assert time.monotonic() - begin_s < PATIENCE_S


def test_nobody_at_the_address(place: Place) -> None:
    # A backlog that is full: the kernel answers nobody any more.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        place.mqtt = {"host": "127.0.0.1", "port": address[1]}
        report = place.examined()
        for one in waiting:
            one.close()
    assert broker_part(report) == ["broker_port.silent"]


def test_broker_gone_meanwhile(place: Place, start_central: Callable[[], CentralBroker]) -> None:
    central = start_central()
    connect(place, central, central.add("device", "que-phong", "one-stop"))
    assert broker_part(place.examined()) == []
    central.stop(signal.SIGKILL)
    assert broker_part(place.examined()) == ["broker_port.refused"]


def test_secret_while_the_service_is_stopped(at_broker: Place, whole_broker: Whole) -> None:
    """systemd's copy is gone then; what it takes it from is still there."""
    at_broker.write("etc/presence-agent/mqtt-password", whole_broker[1].password)
    copy = Path("/run/credentials/presence-agent.service/mqtt-password")
    at_broker.mqtt["password_file"] = copy
    assert broker_part(at_broker.examined()) == []
