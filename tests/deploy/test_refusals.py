"""Faults between agent and broker: reported in one line, nothing lost, working again once fixed.

Neither the broker nor the agent is started again.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from agent.eventlog.log import EventLog
from agent.mqtt import publisher as publisher_module
from agent.mqtt import refused_events, session
from agent.mqtt.connection import Broker, Connection
from tests.broker import Account, CentralBroker
from tests.conftest import Listener, Ran, wait_until
from tests.mqtt.answering import listening
from tests.mqtt.publishing import make_now, make_zone, publishing
from tests.patience import PATIENCE_S
from tests.samples import ROOT, SENDER, is_sentence

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROTOCOLS = pytest.mark.parametrize("protocol", [5, 311])


class Place:
    """A broker, and a device with its files in a folder of its own."""

    def __init__(self, central: CentralBroker, folder: Path, *, certified: bool) -> None:
        self.central = central
        self.folder = folder / "device"
        self.folder.mkdir()
        site, name = SENDER.site, SENDER.device
        self.account = central.add_certified(site, name) if certified else central.add("device", site, name)
        self.hub = central.add("central", "hub")
        self.take("ca_file", central.ca_file)
        self.secrets = [self.hub.password]
        if certified:
            self.take_pair(self.account)
        else:
            assert self.account.password_file
            self.secrets.append(self.account.password)
            self.take("password_file", self.account.password_file)

    def path(self, field: str) -> Path:
        return self.folder / field

    def take(self, field: str, source: Path) -> None:
        shutil.copy(source, self.path(field))

    def take_pair(self, account: Account) -> None:
        assert account.certificate_file
        assert account.key_file
        self.take("certificate_file", account.certificate_file)
        self.take("key_file", account.key_file)

    def seen(self, protocol: int) -> Broker:
        """The broker as this device's configuration has it."""
        broker = self.central.as_seen_by(self.account, protocol)
        fields = ("ca_file", "password_file", "certificate_file", "key_file")
        given: dict[str, Any] = {
            field: self.path(field) for field in fields if getattr(broker, field) is not None
        }
        return replace(broker, **given)

    def other_authority(self) -> CentralBroker:
        return CentralBroker(self.folder.parent)


@dataclass(frozen=True)
class Case:
    """A fault, the words of its report, and its fix."""

    name: str
    words: tuple[str, ...]
    wrong: Callable[[Place], object]
    mend: Callable[[Place], object]
    certified: bool = False


def sign_in_the_past(place: Place) -> None:
    central = place.central
    names = "extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1"
    central.sign_in_the_past("broker", central.folder / "server.key", central.folder / "server.pem", names)
    central.reload()


def expired_pair(place: Place) -> None:
    place.central.sign_in_the_past(
        place.account.login, place.path("key_file"), place.path("certificate_file"),
        "extendedKeyUsage=clientAuth",
    )  # fmt: skip


def new_pair(place: Place) -> None:
    place.central.certificates("device", SENDER.site, SENDER.device)
    place.take_pair(place.account)


def removed(place: Place) -> None:
    place.central.account("remove-device", SENDER.site, SENDER.device)


def added(place: Place) -> None:
    place.secrets.append(place.central.add("device", SENDER.site, SENDER.device).password)
    assert place.account.password_file
    place.take("password_file", place.account.password_file)


def foreign_pair(place: Place) -> None:
    place.take_pair(place.other_authority().add_certified(SENDER.site, SENDER.device))


def another_key(place: Place) -> None:
    other = place.central.add_certified(SENDER.site, "two")
    assert other.key_file
    place.take("key_file", other.key_file)


def right_files(place: Place) -> None:
    place.take("ca_file", place.central.ca_file)
    if place.account.certificate_file:
        place.take_pair(place.account)
    else:
        assert place.account.password_file
        place.take("password_file", place.account.password_file)


def written(field: str, content: str) -> Callable[[Place], object]:
    return lambda place: place.path(field).write_text(content)


def gone(field: str) -> Callable[[Place], object]:
    return lambda place: place.path(field).unlink()


CASES = [
    Case("wrong authority", ("not trusted", "ca_file"),
         lambda place: place.take("ca_file", place.other_authority().ca_file), right_files),
    Case("authority missing", ("ca_file", "No such file"), gone("ca_file"), right_files),
    Case("authority garbage", ("ca_file", "no certificate"), written("ca_file", "nothing"), right_files),
    Case("broker's certificate expired", ("its certificate has expired", "renewed"),
         sign_in_the_past, lambda place: place.central.certificates("renew")),
    Case("broker has another name", ("not for 127.0.0.1", "set host"),
         lambda place: place.central.certificates("server", "broker.example"),
         lambda place: place.central.certificates("server", "127.0.0.1")),
    Case("wrong password", ("refuses the login", "password_file"),
         written("password_file", "s3cret-wrong\n"), right_files),
    Case("password file empty", ("password_file", "no password in it"), written("password_file", ""),
         right_files),
    Case("password file missing", ("password_file", "No such file"), gone("password_file"), right_files),
    Case("unknown login", ("refuses the login", "accounts"), removed, added),
    Case("certificate expired", ("this device's certificate has expired", "certificate_file"),
         expired_pair, right_files, certified=True),
    Case("certificate revoked", ("this device's certificate was revoked", "certificate_file"),
         lambda place: place.central.certificates("revoke", SENDER.site, SENDER.device), new_pair,
         certified=True),
    Case("certificate of another authority", ("who signed this device's certificate",), foreign_pair,
         right_files, certified=True),
    Case("key of another certificate", ("certificate_file", "key_file", "do not belong together"),
         another_key, right_files, certified=True),
    Case("certificate missing", ("certificate_file", "No such file"), gone("certificate_file"), right_files,
         certified=True),
    Case("key garbage", ("key_file", "can't be used"), written("key_file", "nothing"), right_files,
         certified=True),
]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(SENDER, tmp_path / "events.db") as opened:
        opened.append([make_now(number) for number in range(3)])
        yield opened


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """Every connection that is tried."""
    tried: list[Connection] = []

    class Counted(Connection):
        def open(self) -> None:
            tried.append(self)
            super().open()

    monkeypatch.setattr(publisher_module, "Connection", Counted)
    return tried


def hears(place: Place, listen: Callable[..., Listener]) -> Listener:
    """A central system's listener, on the port for this machine."""
    listener = listen(place.central.plain_port, "-u", place.hub.login, "-P", place.hub.password)
    wait_until(lambda: f"u'{place.hub.login}'" in place.central.said())
    return listener


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def keeps_secrets(place: Place, text: str) -> bool:
    return not any(secret in text for secret in [*place.secrets, "s3cret"]) and "PRIVATE KEY" not in text


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("case", "protocol"),
    [
        pytest.param(case, protocol, id=f"{case.name.replace(' ', '-')}-{protocol}")
        for case in CASES
        # TLS is the same for both.
        for protocol in ((5, 311) if "login" in case.words[0] or case.name == "certificate expired" else (5,))
    ],
)
def test_refused_until_mended(
    case: Case,
    *,
    protocol: int,
    central: CentralBroker,
    listen: Callable[..., Listener],
    log: EventLog,
    attempts: list[Connection],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    place = Place(central, tmp_path, certified=case.certified)
    listener = hears(place, listen)
    broker = central.pid
    case.wrong(place)
    with publishing(place.seen(protocol), log, make_zone("waiting", 1, 3)) as publisher:
        wait_until(lambda: len(attempts) >= 4)
        sentences = said(caplog)
        assert len(sentences) == 1, sentences
        assert is_sentence(sentences[0].replace(str(tmp_path), "")), sentences[0]
        assert [word for word in case.words if word not in sentences[0]] == [], sentences[0]
        assert listener.heard() == []
        case.mend(place)
        assert publisher.wait_delivered(PATIENCE_S), said(caplog)
        wait_until(lambda: len(listener.events()) == 3)
    assert [event["seq"] for event in listener.events()] == [1, 2, 3]
    assert central.pid == broker
    assert keeps_secrets(place, caplog.text)
    assert keeps_secrets(place, central.said())


@pytest.mark.usefixtures("quick")
@PROTOCOLS
def test_new_password_at_the_broker_first(
    central: CentralBroker,
    listen: Callable[..., Listener],
    log: EventLog,
    tmp_path: Path,
    protocol: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = Place(central, tmp_path, certified=False)
    listener = hears(place, listen)
    with publishing(place.seen(protocol), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        new = tmp_path / "new-password"
        central.account("new-password", SENDER.site, SENDER.device, "--password-file", new)
        wait_until(lambda: any("refuses the login" in sentence for sentence in said(caplog)))
        log.append([make_now(3)])
        publisher.update()
        place.take("password_file", new)
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 4)
    assert [event["seq"] for event in listener.events()] == [1, 2, 3, 4]


# --- rights ------------------------------------------------------------------------------------------


def without_rights(central: CentralBroker, *parts: str) -> None:
    """Take these lines out of the broker's rights."""
    rights = central.folder / "rights"
    lines = [line for line in rights.read_text().splitlines() if not any(part in line for part in parts)]
    rights.write_text("\n".join(lines) + "\n")
    central.reload()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("protocol", "taken", "words"),
    [
        (5, "/event/#", "Not authorized"),
        (5, "pattern", "Not authorized"),
        # Nothing may be published: with 3.1.1 only what should come back tells.
        (311, "pattern", "its status does not come back"),
    ],
)
def test_rights_missing_until_mended(
    central: CentralBroker,
    *,
    listen: Callable[..., Listener],
    log: EventLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
    taken: str,
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(refused_events, "FIRST_PAUSE_S", 1.0)
    monkeypatch.setattr(session, "_RIGHTS_S", 1.0)
    place = Place(central, tmp_path, certified=False)
    listener = hears(place, listen)
    without_rights(central, taken)
    with publishing(place.seen(protocol), log) as publisher:
        wait_until(lambda: any(words in sentence for sentence in said(caplog)))
        sentences = [sentence for sentence in said(caplog) if "publish" in sentence]
        assert all("check the broker's rights (ACL)" in sentence for sentence in sentences)
        assert len(sentences) == 1
        assert listener.events() == []
        central.account("rights")
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) >= 3)
        wait_until(lambda: any(heard.topic == f"{ROOT}/status" for heard in listener.heard()))
    # What is under way when the rights come may pass one that was refused a moment before.
    assert {event["seq"] for event in listener.events()} == {1, 2, 3}


# --- never without TLS -------------------------------------------------------------------------------


@contextmanager
def recording(answer: bytes, came: list[bytes]) -> Iterator[int]:
    """Answer each client with these bytes, and keep what it sends.

    Yields:
        The port on loopback.
    """

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            data = b""
            with connection, suppress(OSError):
                connection.settimeout(0.5)
                data = connection.recv(65536)
                connection.sendall(answer)
                while more := connection.recv(65536):
                    data += more
            came.append(data)

    with listening(serve) as port:
        yield port


@pytest.mark.usefixtures("quick")
@PROTOCOLS
@pytest.mark.parametrize(
    "answer",
    [b"", bytes.fromhex("20020000"), bytes.fromhex("2003000000"), b"HTTP/1.1 400 Bad Request\r\n\r\n"],
)
def test_nothing_readable_is_sent_where_tls_is_not(
    log: EventLog, tmp_path: Path, protocol: int, answer: bytes, attempts: list[Connection]
) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    came: list[bytes] = []
    with recording(answer, came) as port:
        broker = Broker(
            "127.0.0.1", port, protocol, tls=True, username="que-phong/one-stop", password_file=password
        )
        with publishing(broker, log, stop_s=0):
            wait_until(lambda: len(came) >= 3 and len(attempts) >= 3)
    for data in came:
        assert data[:2] in {b"\x16\x03", b""}  # a TLS handshake, or nothing more
        assert b"s3cret" not in data
        assert b"one-stop" not in data
        assert b"MQTT" not in data


@pytest.mark.usefixtures("quick")
@PROTOCOLS
def test_plain_port(
    central: CentralBroker,
    listen: Callable[..., Listener],
    log: EventLog,
    tmp_path: Path,
    protocol: int,
    attempts: list[Connection],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The password would be right there.
    place = Place(central, tmp_path, certified=False)
    listener = hears(place, listen)
    right = place.seen(protocol)
    with publishing(replace(right, port=central.plain_port), log, stop_s=0):
        wait_until(lambda: len(attempts) >= 4)
    assert len(said(caplog)) == 1
    assert "check that port is one for TLS" in said(caplog)[0]
    assert f"u'{place.account.login}'" not in central.said()
    with publishing(right, log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 3)


# --- what the commands say ---------------------------------------------------------------------------


@PROTOCOLS
@pytest.mark.parametrize("broken", ["password", "authority"])
def test_watch_says_no_secret_with_debug(
    central: CentralBroker,
    tmp_path: Path,
    presence_agent: Callable[..., Ran],
    protocol: int,
    broken: str,
) -> None:
    place = Place(central, tmp_path, certified=False)
    if broken == "password":
        written("password_file", "s3cret-wrong\n")(place)
    else:
        place.take("ca_file", place.other_authority().ca_file)
    ran = presence_agent(
        "watch", "--broker", f"mqtts://hub@127.0.0.1:{central.port}", "--protocol", str(protocol),
        "--password-file", place.path("password_file"), "--ca-file", place.path("ca_file"), "--debug",
    )  # fmt: skip
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert keeps_secrets(place, ran.err + ran.out)
