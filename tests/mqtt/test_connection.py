from __future__ import annotations

import gc
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agent.errors import DeliveryError
from agent.mqtt import connection as mqtt
from agent.mqtt.connection import Broker, Connection, Message, PubAck
from agent.mqtt.tls import tls_context
from tests.broker import need_programs
from tests.conftest import Mosquitto, free_port
from tests.mqtt.answering import KEY_IDENTIFIERS, WHOLE_AUTHORITY, Authority, answering
from tests.patience import BUSY_S, PATIENCE_S
from tests.samples import is_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "s3cret-Bí-mật"  # noqa: S105
UNACCEPTABLE = bytes.fromhex("20020001")  # CONNACK of MQTT 3.1.1: unacceptable protocol version

PROTOCOLS = pytest.mark.parametrize("protocol", [5, 311])


def plain(port: int, protocol: int = 5) -> Broker:
    return Broker("127.0.0.1", port, protocol, tls=False)


@contextmanager
def connected(broker: Broker, client_id: str = "test", will: Message | None = None) -> Iterator[Connection]:
    connection = Connection(broker, client_id, will)
    connection.open()
    try:
        yield connection
    finally:
        connection.close()


def pumped(connection: Connection, number: int, within_s: float = PATIENCE_S) -> list[PubAck | Message]:
    """What comes, until so many reports are there."""
    reports: list[PubAck | Message] = []
    give_up_s = time.monotonic() + within_s
    while len(reports) < number:
        assert time.monotonic() < give_up_s, f"only {reports}"
        reports += connection.pump(0.5)
    return reports


@contextmanager
def no_socket_left() -> Iterator[None]:
    """Nothing is left open for the garbage collector."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    assert [str(warning.message) for warning in seen] == []


def refusal(broker: Broker) -> str:
    with pytest.raises(DeliveryError) as told:
        Connection(broker, "test").open()
    return str(told.value)


def failed(broker: Broker) -> str:
    """Fail to connect; the sentence. No socket may be left, the next moment or later."""
    with no_socket_left():
        sentence = refusal(broker)
    assert is_sentence(sentence)
    assert PASSWORD not in sentence
    return sentence


@pytest.fixture(scope="module", autouse=True)
def only_new_garbage() -> Iterator[None]:
    """Looking for what is left behind is quick when all that was there before is left out."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "_ANSWER_S", 0.5)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    made = Authority(tmp_path_factory.mktemp("certificates"))
    made.new_authority("ca")
    made.new_authority("other-ca")
    made.new_certificate("broker", "IP:127.0.0.1,DNS:localhost")
    made.new_certificate("elsewhere", "DNS:broker.example")
    made.new_certificate("expired", "IP:127.0.0.1", year=2020)
    made.new_certificate("device", "DNS:one-stop")
    return made


@pytest.fixture
def accounts(tmp_path: Path) -> str:
    """Settings of a mosquitto that knows one account."""
    need_programs()
    path = tmp_path / "accounts"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", path, "que-phong/one-stop", PASSWORD], check=True, timeout=PATIENCE_S
    )
    return f"allow_anonymous false\npassword_file {path}"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


# --- what works --------------------------------------------------------------------------------------


@PROTOCOLS
def test_publish_comes_back(mosquitto: Mosquitto, protocol: int) -> None:
    with connected(plain(mosquitto.port, protocol)) as connection:
        connection.subscribe("presence/#")
        mid = connection.publish(Message("presence/v1/a", '{"place":"Bộ phận một cửa"}'))
        reports = pumped(connection, 2)
    assert set(reports) == {PubAck(mid, None), Message("presence/v1/a", '{"place":"Bộ phận một cửa"}')}


@PROTOCOLS
def test_publish_retained(mosquitto: Mosquitto, protocol: int) -> None:
    with connected(plain(mosquitto.port, protocol)) as connection:
        connection.publish(Message("presence/v1/a", "1", retain=True))
        pumped(connection, 1)
    with connected(plain(mosquitto.port, protocol)) as connection:
        connection.subscribe("presence/v1/a")
        assert pumped(connection, 1) == [Message("presence/v1/a", "1", retain=True)]


@PROTOCOLS
def test_publish_many_in_order(mosquitto: Mosquitto, protocol: int) -> None:
    # More than the broker lets be under way: the rest waits its turn.
    sent = [Message("presence/v1/a", str(number)) for number in range(3 * mqtt.WINDOW)]
    with connected(plain(mosquitto.port, protocol)) as connection:
        connection.subscribe("presence/#")
        mids = [connection.publish(message) for message in sent]
        reports = pumped(connection, 2 * len(sent))
    assert [report for report in reports if isinstance(report, Message)] == sent
    assert {report.mid for report in reports if isinstance(report, PubAck)} == set(mids)


@PROTOCOLS
def test_publish_without_subscribers_is_taken(mosquitto: Mosquitto, protocol: int) -> None:
    with connected(plain(mosquitto.port, protocol)) as connection:
        mid = connection.publish(Message("presence/v1/nobody", "1"))
        assert pumped(connection, 1) == [PubAck(mid, None, no_subscriber=protocol == 5)]


@pytest.mark.parametrize(("protocol", "refusal"), [(5, "Not authorized"), (311, None)])
def test_publish_denied(
    start_mosquitto: Callable[..., Mosquitto], tmp_path: Path, protocol: int, refusal: str | None
) -> None:
    # MQTT 3.1.1 has no word for it.
    rights = tmp_path / "acl"
    rights.write_text("topic write presence/v1/allowed\n")
    rights.chmod(0o600)
    broker = start_mosquitto(f"allow_anonymous true\nacl_file {rights}")
    with connected(plain(broker.port, protocol)) as connection:
        good = connection.publish(Message("presence/v1/allowed", "1"))
        bad = connection.publish(Message("presence/v1/denied", "1"))
        assert set(pumped(connection, 2)) == {
            PubAck(good, None, no_subscriber=protocol == 5),
            PubAck(bad, refusal),
        }


@PROTOCOLS
def test_message_no_text_is_shown_as_it_can_be(mosquitto: Mosquitto, protocol: int, tmp_path: Path) -> None:
    (tmp_path / "payload").write_bytes(b"\xff\xfe{")
    with connected(plain(mosquitto.port, protocol)) as connection:
        connection.subscribe("presence/#")
        subprocess.run(
            ["mosquitto_pub", "-p", str(mosquitto.port), "-t", "presence/x", "-f", tmp_path / "payload",
             "-r"],
            check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        assert pumped(connection, 1) == [Message("presence/x", "��{")]


@pytest.mark.parametrize(
    ("settings", "window"), [("", 20), ("max_inflight_messages 7", 7), ("max_inflight_messages 50", 20)]
)
def test_window_is_the_smaller_of_both(
    start_mosquitto: Callable[..., Mosquitto], settings: str, window: int
) -> None:
    with connected(plain(start_mosquitto(f"allow_anonymous true\n{settings}").port)) as connection:
        assert connection.window == window


def test_pump_wakes(mosquitto: Mosquitto) -> None:
    wake = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        with connected(plain(mosquitto.port)) as connection:
            os.eventfd_write(wake, 1)
            begin_s = time.monotonic()
            assert connection.pump(600, wake) == []
            assert time.monotonic() - begin_s < PATIENCE_S
    finally:
        os.close(wake)


def test_will_of_a_closed_connection_is_not_sent(mosquitto: Mosquitto) -> None:
    will = Message("presence/will", "gone", retain=True)
    with connected(plain(mosquitto.port), "watcher") as watcher:
        watcher.subscribe("presence/#")
        with connected(plain(mosquitto.port), "leaver", will):
            pass
        mid = watcher.publish(Message("presence/after", "1"))
        assert set(pumped(watcher, 2)) == {PubAck(mid, None), Message("presence/after", "1")}


# --- TLS ---------------------------------------------------------------------------------------------


@PROTOCOLS
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls(
    start_mosquitto: Callable[..., Mosquitto], authority: Authority, protocol: int, host: str
) -> None:
    port = start_mosquitto(authority.listener("broker")).port
    with connected(Broker(host, port, protocol, tls=True, ca_file=authority.pem("ca"))) as connection:
        connection.subscribe("presence/#")
        text = "x" * 40_000  # more than a TLS record
        mid = connection.publish(Message("presence/v1/a", text))
        assert set(pumped(connection, 2)) == {PubAck(mid, None), Message("presence/v1/a", text)}


def test_tls_with_client_certificate(start_mosquitto: Callable[..., Mosquitto], authority: Authority) -> None:
    required = f"cafile {authority.pem('ca')}\nrequire_certificate true\nallow_anonymous true"
    port = start_mosquitto(authority.listener("broker", required)).port
    broker = Broker("127.0.0.1", port, 5, tls=True, ca_file=authority.pem("ca"))
    device = replace(broker, certificate_file=authority.pem("device"), key_file=authority.key("device"))
    with connected(device) as connection:
        mid = connection.publish(Message("presence/v1/a", "1"))
        assert pumped(connection, 1) == [PubAck(mid, None, no_subscriber=True)]
    assert "certificate" in failed(broker)


@pytest.mark.parametrize(
    ("shown", "trusted", "words"),
    [
        ("broker", "other-ca", ["not trusted", "ca_file"]),
        ("broker", None, ["not trusted", "ca_file"]),  # the system's authorities don't know it
        ("elsewhere", "ca", ["127.0.0.1", "host"]),
        ("expired", "ca", ["expired"]),
    ],
)
def test_tls_certificate_wrong(
    start_mosquitto: Callable[..., Mosquitto],
    authority: Authority,
    shown: str,
    trusted: str | None,
    words: list[str],
) -> None:
    port = start_mosquitto(authority.listener(shown)).port
    sentence = failed(
        Broker("127.0.0.1", port, 5, tls=True, ca_file=authority.pem(trusted) if trusted else None)
    )
    assert [word for word in words if word not in sentence] == [], sentence


@pytest.fixture
def strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are read as Python 3.13 does it by itself."""

    def context(*files: Path | None) -> ssl.SSLContext:
        made = tls_context(*files)
        made.verify_flags |= ssl.VERIFY_X509_STRICT
        return made

    monkeypatch.setattr(mqtt, "tls_context", context)


CA_TRUE, KEY_USAGE, KEY_ID = WHOLE_AUTHORITY
# What an office's own authority and the certificate that it signed may be without, and what of it is named.
LACKING = [
    ((CA_TRUE, KEY_ID), KEY_IDENTIFIERS, f"its authority's certificate lacks {KEY_USAGE}"),
    (
        (KEY_USAGE, "basicConstraints=CA:TRUE", KEY_ID),
        KEY_IDENTIFIERS,
        f"its authority's certificate lacks {CA_TRUE}",
    ),
    (
        WHOLE_AUTHORITY,
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=none\n",
        "its certificate lacks authorityKeyIdentifier",
    ),
]


@pytest.fixture(scope="module")
def lacking(authority: Authority) -> Authority:
    """A certificate `lacks-N` by an authority `lacks-ca-N` for each of LACKING."""
    for number, (of_authority, of_broker, _) in enumerate(LACKING):
        authority.new_authority(f"lacks-ca-{number}", *of_authority)
        authority.new_certificate(f"lacks-{number}", "IP:127.0.0.1", by=f"lacks-ca-{number}", more=of_broker)
    return authority


@pytest.mark.usefixtures("strictly")
@pytest.mark.parametrize("number", range(len(LACKING)))
def test_tls_certificate_that_is_not_whole(
    start_mosquitto: Callable[..., Mosquitto], lacking: Authority, number: int
) -> None:
    port = start_mosquitto(lacking.listener(f"lacks-{number}")).port
    sentence = failed(Broker("127.0.0.1", port, 5, tls=True, ca_file=lacking.pem(f"lacks-ca-{number}")))
    assert LACKING[number][2] in sentence
    assert "made again" in sentence


@pytest.mark.parametrize("number", range(len(LACKING)))
def test_tls_certificate_that_is_not_whole_as_this_python_reads_it(
    start_mosquitto: Callable[..., Mosquitto], lacking: Authority, number: int
) -> None:
    port = start_mosquitto(lacking.listener(f"lacks-{number}")).port
    broker = Broker("127.0.0.1", port, 5, tls=True, ca_file=lacking.pem(f"lacks-ca-{number}"))
    if sys.version_info >= (3, 13):
        assert LACKING[number][2] in failed(broker)
    else:
        with connected(broker) as connection:
            mid = connection.publish(Message("presence/v1/a", "1"))
            assert pumped(connection, 1) == [PubAck(mid, None, no_subscriber=True)]


@PROTOCOLS
def test_tls_on_plain_port(mosquitto: Mosquitto, authority: Authority, protocol: int) -> None:
    sentence = failed(Broker("127.0.0.1", mosquitto.port, protocol, tls=True, ca_file=authority.pem("ca")))
    assert "TLS" in sentence
    assert "port" in sentence


@PROTOCOLS
def test_plain_on_tls_port(
    start_mosquitto: Callable[..., Mosquitto], authority: Authority, protocol: int
) -> None:
    sentence = failed(plain(start_mosquitto(authority.listener("broker")).port, protocol))
    assert "tls" in sentence


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("ca_file", None),
        ("ca_file", "no certificate"),
        ("ca_file", ""),
        ("certificate_file", None),
        ("key_file", "no key"),
    ],
)
def test_tls_file_unusable(
    authority: Authority, tmp_path: Path, mosquitto: Mosquitto, field: str, content: str | None
) -> None:
    broker = Broker(
        "127.0.0.1", mosquitto.port, 5, tls=True, ca_file=authority.pem("ca"),
        certificate_file=authority.pem("device"), key_file=authority.key("device"),
    )  # fmt: skip
    if content is not None:
        (tmp_path / "file").write_text(content)
    given: dict[str, Any] = {field: tmp_path / "file"}
    assert field in failed(replace(broker, **given))


# --- accounts ----------------------------------------------------------------------------------------


@PROTOCOLS
def test_login(
    start_mosquitto: Callable[..., Mosquitto], accounts: str, password_file: Path, protocol: int
) -> None:
    port = start_mosquitto(accounts).port
    broker = replace(plain(port, protocol), username="que-phong/one-stop", password_file=password_file)
    with connected(broker) as connection:
        mid = connection.publish(Message("presence/v1/a", "1"))
        assert pumped(connection, 1) == [PubAck(mid, None, no_subscriber=protocol == 5)]
    # The file is read at each connection: a password that was changed is used at the next.
    password_file.write_text(f"{PASSWORD}-old")
    assert "password_file" in failed(broker)


@PROTOCOLS
@pytest.mark.parametrize("username", ["que-phong/nobody", None])
def test_login_unknown(
    start_mosquitto: Callable[..., Mosquitto],
    accounts: str,
    password_file: Path,
    protocol: int,
    username: str | None,
) -> None:
    port = start_mosquitto(accounts).port
    sentence = failed(replace(plain(port, protocol), username=username, password_file=password_file))
    assert "refuses the login" in sentence
    assert "username" in sentence


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_login_password_file_unusable(mosquitto: Mosquitto, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    sentence = failed(replace(plain(mosquitto.port), username="a", password_file=path))
    assert f"password_file {path} can't be read" in sentence


# --- brokers that are none ---------------------------------------------------------------------------


@PROTOCOLS
@pytest.mark.parametrize("tls", [True, False])
def test_open_nobody_listens(protocol: int, tls: bool) -> None:
    port = free_port()
    sentence = failed(Broker("127.0.0.1", port, protocol, tls=tls))
    assert sentence.startswith(f"nothing listens at 127.0.0.1:{port}; check")
    assert "host and port" in sentence


@pytest.mark.parametrize(
    "host", ["broker.invalid", "no such host", "a" * 70 + ".example", "..", "-", "[::1", "bộ-phận.invalid"]
)
def test_open_host_unknown(host: str) -> None:
    sentence = failed(Broker(host, 1883, 5, tls=False))
    assert host in sentence
    assert "host" in sentence.replace(host, "")


def test_open_never_answered_within_10_s() -> None:
    with answering(b"") as port:
        begin_s = time.monotonic()
        sentence = failed(plain(port))
        assert time.monotonic() - begin_s < 10 + BUSY_S
    assert "does not answer" in sentence
    assert "protocol = 311" in sentence


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("protocol", "tls", "words"),
    [
        (5, False, ["does not answer", "protocol = 311"]),
        (311, False, ["does not answer", "port", "tls"]),
        (5, True, ["does not answer", "port"]),
        (311, True, ["does not answer", "port"]),
    ],
)
def test_open_never_answered(protocol: int, tls: bool, words: list[str]) -> None:
    with answering(b"") as port:
        begin_s = time.monotonic()
        sentence = failed(Broker("127.0.0.1", port, protocol, tls=tls))
        assert time.monotonic() - begin_s < 3 + BUSY_S
    assert [word for word in words if word not in sentence] == [], sentence


@PROTOCOLS
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("reads", [True, False])
def test_open_hung_up(protocol: int, tls: bool, reads: bool) -> None:
    with answering(b"" if reads else None, stays=False) as port:
        sentence = failed(Broker("127.0.0.1", port, protocol, tls=tls))
    assert f"127.0.0.1:{port}" in sentence
    if not tls:
        assert ("protocol = 311" if protocol == 5 else "tls") in sentence, sentence


@pytest.mark.parametrize("stays", [True, False])
def test_open_protocol_refused(stays: bool) -> None:
    # As a nats-server answers MQTT 5.
    with answering(UNACCEPTABLE, stays=stays) as port:
        sentence = failed(plain(port))
    assert "refuses MQTT 5" in sentence
    assert "protocol = 311" in sentence


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, ["MQTT 3.1.1"]),
        (2, ["refuses"]),
        (3, ["refuses"]),
        (4, ["refuses the login", "password_file"]),
        (5, ["refuses the login", "password_file"]),
        (77, ["refuses|closes the connection"]),
    ],
)
def test_open_refused_in_311(code: int, words: list[str]) -> None:
    with answering(bytes([0x20, 2, 0, code])) as port:
        sentence = failed(plain(port, 311))
    for word in words:
        assert any(part in sentence for part in word.split("|")), sentence


@pytest.mark.parametrize("code", [0x80, 0x86, 0x87, 0x88, 0x97, 0x9F])
def test_open_refused_in_5(code: int) -> None:
    with answering(bytes([0x20, 3, 0, code, 0])) as port:
        assert "refuses the" in failed(plain(port))


RUBBISH = [
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    b"220 mail.example ESMTP\r\n",
    bytes(64),
    b"\xff" * 64,
    bytes.fromhex("2000"),  # a CONNACK without content
    bytes.fromhex("200100"),
    bytes.fromhex("2003000005"),  # properties that are cut off
    bytes.fromhex("20030000ff"),
    bytes.fromhex("2006000003212100"),
    bytes.fromhex("2005000002ee77"),  # a property that does not exist
    bytes.fromhex("2003007700"),  # a reason that does not exist
    bytes.fromhex("40020001"),  # PUBACK before CONNACK
    bytes.fromhex("4000"),
    bytes.fromhex("30020001"),  # PUBLISH without a topic
    bytes.fromhex("3005000361ff6200"),
    bytes.fromhex("90020001"),
    bytes.fromhex("e000"),
    bytes.fromhex("e0020000"),
    bytes.fromhex("f000"),
    bytes.fromhex("20ffffffff7f"),  # a length without an end
    bytes.fromhex("20ffffff7f"),
    *(random.Random(seed).randbytes(40) for seed in range(8)),  # noqa: S311
    *(b"\x20\x08\x00\x00\x05" + random.Random(seed).randbytes(5) for seed in range(8)),  # noqa: S311
]


@pytest.mark.usefixtures("impatient")
@PROTOCOLS
@pytest.mark.parametrize("rubbish", RUBBISH, ids=lambda value: value[:8].hex())
def test_open_rubbish_answered(protocol: int, rubbish: bytes) -> None:
    with answering(rubbish, stays=False) as port, ExitStack() as stack:
        # Some of it happens to be a good answer, and then the connection is lost.
        try:
            connection = stack.enter_context(connected(plain(port, protocol)))
            for _ in range(3):
                connection.pump(0.1)
        except DeliveryError as error:
            assert is_sentence(str(error))  # noqa: PT017
        else:
            pytest.fail("took it for a broker")


@pytest.mark.usefixtures("impatient")
@PROTOCOLS
def test_open_rubbish_answered_leaves_no_socket(protocol: int) -> None:
    for rubbish in RUBBISH[:6]:
        with answering(rubbish, stays=False) as port:
            assert failed(plain(port, protocol))


# --- connections that are lost -----------------------------------------------------------------------


def lost(connection: Connection) -> str:
    with pytest.raises(DeliveryError) as told:
        pumped(connection, 99)
    return str(told.value)


@PROTOCOLS
@pytest.mark.parametrize("orderly", [True, False])
def test_pump_broker_gone(mosquitto: Mosquitto, protocol: int, orderly: bool) -> None:
    with connected(plain(mosquitto.port, protocol)) as connection:
        connection.publish(Message("presence/v1/a", "1"))
        pumped(connection, 1)
        process = mosquitto._process
        assert process
        if orderly:
            process.terminate()
        else:
            process.kill()
        process.wait(PATIENCE_S)
        sentence = lost(connection)
        # And it stays so.
        connection.publish(Message("presence/v1/a", "2"))
        assert is_sentence(lost(connection))
    assert is_sentence(sentence)
    assert f"127.0.0.1:{mosquitto.port}" in sentence
    assert "lost" in sentence


def test_pump_broker_gone_with_tls(start_mosquitto: Callable[..., Mosquitto], authority: Authority) -> None:
    broker = start_mosquitto(authority.listener("broker"))
    with connected(Broker("127.0.0.1", broker.port, 5, tls=True, ca_file=authority.pem("ca"))) as connection:
        process = broker._process
        assert process
        process.kill()
        process.wait(PATIENCE_S)
        connection.publish(Message("presence/v1/a", "1"))
        assert "lost" in lost(connection)


def test_pump_taken_over(mosquitto: Mosquitto) -> None:
    # A second agent with the same name.
    with connected(plain(mosquitto.port), "twin") as one, connected(plain(mosquitto.port), "twin"):
        assert "lost" in lost(one)


@pytest.mark.parametrize(("code", "words"), [(0x8E, "another client came"), (0x8B, "Server shutting down")])
def test_pump_broker_says_why(code: int, words: str) -> None:
    good_day_and_goodbye = bytes([0x20, 3, 0, 0, 0, 0xE0, 2, code, 0])
    with answering(good_day_and_goodbye) as port:
        with pytest.raises(DeliveryError, match=words) as told, connected(plain(port)) as connection:
            pumped(connection, 99)
        assert is_sentence(str(told.value))


def test_connections_leave_no_sockets(mosquitto: Mosquitto) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with no_socket_left():
        for _ in range(5):
            with connected(plain(mosquitto.port)) as connection:
                connection.publish(Message("presence/v1/a", "1"))
            del connection
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_close_before_open() -> None:
    Connection(plain(free_port()), "test").close()


def test_close_twice(mosquitto: Mosquitto) -> None:
    with connected(plain(mosquitto.port)) as connection:
        connection.close()


def test_free_port_is_loopback_only() -> None:
    # These tests trust that nobody else's server answers them.
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", free_port())) != 0
