"""Logins removed or replaced: their open connections end before the new login is in force."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.broker import ENVIRONMENT, SCRIPTS, Account, CentralBroker, script
from tests.conftest import wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from paho.mqtt.reasoncodes import ReasonCode

DEVICE = ("que-phong", "one-stop")
LOGIN = "/".join(DEVICE)
ROOT = f"presence/v1/{LOGIN}"
EVENT = f"{ROOT}/event/a/b"
ONLINE = {"v": 1, "state": "online", "why": None, "log": "5f3a9c21", "session": "0a1b2c3d"}


class Session:
    """A connection with this account's secrets as they are now, that does not come back by itself."""

    def __init__(self, broker: CentralBroker, account: Account, name: str) -> None:
        self.ended, self._answered = threading.Event(), threading.Event()
        self._connected: ReasonCode | None = None
        self._answers: dict[int, bool] = {}
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        context = ssl.create_default_context(cafile=str(broker.ca_file))
        if account.certificate_file and account.key_file:
            context.load_cert_chain(account.certificate_file, account.key_file)
        else:
            client.username_pw_set(account.login, account.password)
        client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = lambda *_: self.ended.set()
        client.connect("127.0.0.1", broker.as_seen_by(account).port, 600)
        client.loop_start()
        self.client = client
        wait_until(lambda: self._connected is not None or self.ended.is_set())

    def _on_connect(self, _c: object, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
        self._connected = reason

    def _on_publish(self, _c: object, _d: object, mid: int, reason: ReasonCode, _p: object) -> None:
        self._answers[mid] = not reason.is_failure

    @property
    def let_in(self) -> bool:
        return self._connected is not None and not self._connected.is_failure

    def publishes(self, topic: str = EVENT, payload: str = "x", *, retain: bool = False) -> bool:
        """Whether the broker takes it."""
        sent = self.client.publish(topic, payload, 1, retain)
        wait_until(lambda: sent.mid in self._answers or self.ended.is_set())
        return self._answers.get(sent.mid, False)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        # paho closes its pipe only when nobody knows the client any more.
        del self.client


@pytest.fixture
def open_session() -> Iterator[Callable[..., Session]]:
    opened: list[Session] = []

    def start(broker: CentralBroker, account: Account) -> Session:
        opened.append(Session(broker, account, f"client-{len(opened)}"))
        return opened[-1]

    yield start
    for session in opened:
        session.close()


def kept(broker: CentralBroker, account: Account) -> Account:
    """The account as its holder has it, whatever the scripts write over it."""
    copies = {}
    for name in ("password_file", "certificate_file", "key_file"):
        path = getattr(account, name)
        if path:
            copies[name] = broker.folder / f"kept-{path.name}"
            copies[name].write_bytes(path.read_bytes())
    return Account(account.login, **copies)


def added(broker: CentralBroker, *, certified: bool) -> Account:
    return kept(broker, broker.add_certified(*DEVICE) if certified else broker.add("device", *DEVICE))


def refused(broker: CentralBroker, account: Account) -> bool:
    """Whether these secrets open nothing any more."""
    done = subprocess.run(
        ["mosquitto_pub", *broker.client(account), "-q", "1", "-t", EVENT, "-m", "x"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.returncode != 0


def nothing_left(broker: CentralBroker) -> bool:
    """Whether no denial, order or login of the taking away stands any longer."""
    ending = broker.folder / "ending"
    rights, passwords = ((broker.folder / name).read_text() for name in ("rights", "passwords"))
    denied = "topic deny #" in rights or (ending.exists() and ending.read_text() != "")
    return not denied and "keeper" not in rights + passwords


def retained_status(broker: CentralBroker, reader: Account) -> dict[str, object]:
    done = subprocess.run(
        ["mosquitto_sub", *broker.client(reader), "-C", "1", "-W", str(int(PATIENCE_S)),
         "-t", f"{ROOT}/status"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    said: dict[str, object] = json.loads(done.stdout)
    return said


def new_password(broker: CentralBroker) -> Account:
    path = broker.folder / "password-new"
    broker.account("new-password", *DEVICE, "--password-file", path)
    return Account(LOGIN, path)


def new_certificate(broker: CentralBroker) -> Account:
    broker.certificates("device", *DEVICE)
    issued = broker.folder / "issued" / "_".join(DEVICE)
    return Account(LOGIN, certificate_file=issued.with_suffix(".pem"), key_file=issued.with_suffix(".key"))


def password_after_removal(broker: CentralBroker) -> Account:
    broker.account("remove-device", *DEVICE)
    return broker.add("device", *DEVICE)


def certificate_after_removal(broker: CentralBroker) -> Account:
    broker.account("remove-device", *DEVICE)
    return broker.add_certified(*DEVICE)


def certificate_after_revocation(broker: CentralBroker) -> Account:
    broker.certificates("revoke", *DEVICE)
    return new_certificate(broker)


@pytest.mark.parametrize("certified", [False, True], ids=["password", "certificate"])
@pytest.mark.parametrize(
    "given", [new_password, new_certificate, password_after_removal, certificate_after_removal]
)
def test_what_is_given_anew_ends_what_was_open(
    central: CentralBroker,
    open_session: Callable[..., Session],
    given: Callable[[CentralBroker], Account],
    *,
    certified: bool,
) -> None:
    old = added(central, certified=certified)
    neighbour = central.add_certified("que-phong", "two")
    hub = central.add("central", "hub")
    standing = open_session(central, old)
    others = [open_session(central, neighbour), open_session(central, hub)]
    assert standing.publishes(f"{ROOT}/status", json.dumps(ONLINE), retain=True)

    new = given(central)
    assert standing.ended.wait(PATIENCE_S)
    assert refused(central, old)
    assert nothing_left(central)
    # Nobody else is put out, and nobody takes the device for one that is there.
    assert [session.ended.is_set() for session in others] == [False, False]
    lost = {**ONLINE, "state": "offline", "why": "lost"}
    assert retained_status(central, hub) == lost
    assert open_session(central, new).publishes()


def test_a_revoked_certificate_closes_what_is_open(
    central: CentralBroker, open_session: Callable[..., Session]
) -> None:
    old = added(central, certified=True)
    standing = open_session(central, old)
    assert standing.publishes()
    central.certificates("revoke", *DEVICE)
    assert standing.ended.wait(PATIENCE_S)
    assert refused(central, old)
    assert nothing_left(central)
    assert open_session(central, new_certificate(central)).publishes()


def test_a_readers_new_password_ends_what_was_open(
    central: CentralBroker, open_session: Callable[..., Session]
) -> None:
    old = kept(central, central.add("central", "hub"))
    standing = open_session(central, old)
    central.account("new-password", "hub", "--password-file", central.folder / "password-hub")
    assert standing.ended.wait(PATIENCE_S)
    assert refused(central, old)
    new = Account("hub", central.folder / "password-hub")
    assert open_session(central, new).publishes(f"{ROOT}/cmd/replay")


def test_whoever_has_shown_a_certificate_and_said_no_more_goes_too(central: CentralBroker) -> None:
    """mosquitto leaves a connection 90 s for its first words; the certificate was looked at before them."""
    old = added(central, certified=True)
    context = ssl.create_default_context(cafile=str(central.ca_file))
    assert old.certificate_file
    context.load_cert_chain(old.certificate_file, old.key_file)
    place = ("127.0.0.1", central.certificate_port)
    with (
        socket.create_connection(place) as plain,
        socket.create_connection(place, PATIENCE_S) as bare,
        context.wrap_socket(bare, server_hostname="127.0.0.1") as shown,
    ):
        wait_until(lambda: central.said().count("New connection from") >= 2)
        new = new_certificate(central)
        plain.settimeout(PATIENCE_S)
        for connection in (plain, shown):
            # A reset, an end, or TLS's word that nothing comes any more.
            with suppress(ConnectionError, ssl.SSLError):
                assert connection.recv(1) == b""
    assert not refused(central, new)


# --- stopped on the way ------------------------------------------------------------------------------

# Where a script may be stopped: after each file that it puts in place, and after each word to the broker.
STEPS = re.compile(r"^\++ (mv -f|kill -HUP|mosquitto_rr|quiet openssl ca)")


def stopped_after(step: int, name: str, *words: str | Path) -> bool:
    """Run a script until it has begun so many of STEPS, and kill it there with all that it started.

    Returns:
        Whether there was such a step.
    """
    with subprocess.Popen(
        ["bash", "-x", SCRIPTS / f"{name}.sh", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr
        begun = 0
        for line in process.stderr:
            begun += bool(STEPS.match(line))
            if begun == step:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.stderr.read()
        process.wait(PATIENCE_S)
    return begun == step


@pytest.mark.parametrize(
    ("words", "restarted"),
    [(["account", "new-password"], False), (["certificates", "device"], True)],
    ids=["password", "certificate, broker restarted"],
)
def test_a_script_that_is_killed_leaves_nobody_between(
    central: CentralBroker, open_session: Callable[..., Session], words: list[str], *, restarted: bool
) -> None:
    issued = central.folder / "issued" / "_".join(DEVICE)
    new = Account(LOGIN, central.folder / "password-new")
    words = [*words, *DEVICE, "--dir", str(central.folder)]
    if words[0] == "account":
        words += ["--password-file", str(new.password_file)]
    else:
        new = Account(LOGIN, None, issued.with_suffix(".pem"), issued.with_suffix(".key"))
    hub = central.add("central", "hub")
    neighbour = central.add_certified("que-phong", "two")
    central.account("add-device", *DEVICE)
    step, there = 0, True
    while there:
        step += 2 if restarted else 1
        old = kept(central, new_certificate(central))
        for file in (new.password_file, new.certificate_file):
            if file:
                file.unlink(missing_ok=True)
        standing = open_session(central, old)
        assert standing.publishes()
        there = stopped_after(step, *words)
        begun = (central.folder / "ending").read_text() != ""
        if restarted:
            central.stop(signal.SIGKILL)
            central.start()
        # Nobody else notices.
        assert not refused(central, hub)
        assert not refused(central, neighbour)
        if (new.password_file or new.certificate_file or issued).exists() and not refused(central, new):
            assert not standing.publishes()
            assert refused(central, old)
        # The next of these scripts ends what was begun, whatever it is called for.
        assert script("account", "list", "--dir", central.folder).returncode == 0
        assert nothing_left(central)
        if begun:
            assert standing.ended.wait(PATIENCE_S)
            assert refused(central, old)
        # Said again, it is done.
        assert script(*words).returncode == 0
        assert standing.ended.wait(PATIENCE_S)
        assert refused(central, old)
        assert open_session(central, new).publishes()
        assert nothing_left(central)
    assert step > 10


def test_a_broker_that_can_not_end_sessions_denies_them(
    central: CentralBroker, open_session: Callable[..., Session]
) -> None:
    """As one that was started before this version of the scripts."""
    config = central.folder / "mosquitto.conf"
    lines = config.read_text().splitlines()
    central.stop()
    config.write_text("\n".join(line for line in lines if not line.startswith("plugin")) + "\n")
    central.start()
    old = added(central, certified=True)
    standing = open_session(central, old)
    done = script("account", "new-password", *DEVICE, "--dir", central.folder)
    assert done.returncode == 1
    assert re.fullmatch(rf"[^\n]*{LOGIN}[^\n]*restart it[^\n]*\n", done.stderr), done.stderr
    assert not standing.publishes()
    assert refused(central, old)
    # Nothing else is done before.
    assert script("account", "list", "--dir", central.folder).returncode == 1
    central.stop()
    central.start()
    assert central.account("list") == f"device {LOGIN}\n"
    assert nothing_left(central)
    central.add("reader", "dash")


def test_no_broker_runs(central: CentralBroker) -> None:
    old = added(central, certified=True)
    central.stop()
    done = script(
        "account", "new-password", *DEVICE, "--password-file", central.folder / "new", "--dir", central.folder
    )
    assert done.returncode == 0, done.stderr
    central.start()
    assert nothing_left(central)
    assert refused(central, old)
    assert not refused(central, Account(LOGIN, central.folder / "new"))


def test_removed_by_an_older_version(central: CentralBroker, open_session: Callable[..., Session]) -> None:
    """It left the login among the accounts, and its connection open without rights."""
    standing = open_session(central, added(central, certified=True))
    accounts = central.folder / "accounts"
    accounts.write_text(accounts.read_text().replace("device ", "removed "))
    assert central.account("list") == ""
    assert standing.ended.wait(PATIENCE_S)
    assert nothing_left(central)


def test_nobody_can_give_the_order(central: CentralBroker, open_session: Callable[..., Session]) -> None:
    order = "$CONTROL/dynamic-security/v1"
    everybody = [
        central.add("device", *DEVICE),
        *(central.add(role, role) for role in ("reader", "central", "admin", "home-assistant")),
    ]
    for account in everybody:
        assert not open_session(central, account).publishes(order, '{"commands":[]}'), account
