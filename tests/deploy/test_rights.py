"""Every right that an account has at the broker, and the neighbours of each that it has not."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import topic_matches_sub

from tests.broker import Account, CentralBroker
from tests.conftest import wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROTOCOLS = pytest.mark.parametrize("protocol", [5, 311])

ONE, TWO, DASH, HUB, ADMIN, HOME, OFFICE = (
    "que-phong/one-stop", "que-phong/two", "dash", "hub", "admin", "home", "office",
)  # fmt: skip

# What each may write and read, as the contract has it; written down here a second time, by hand.
WRITES = {
    login: [
        *(f"presence/v1/{login}/{part}"
          for part in ("status", "info", "health", "state/#", "event/#", "replay/#")),
        f"homeassistant/device/{login.replace('/', '_')}/config",
    ]
    for login in (ONE, TWO)
} | {
    DASH: [],
    HUB: ["presence/v1/+/+/cmd/#"],
    ADMIN: [*(f"presence/v1/+/+/{part}" for part in ("cmd/#", "status", "info", "health", "state/#")),
            "homeassistant/device/+/config"],
    HOME: ["homeassistant/status"],
    OFFICE: [f"presence/v1/que-phong/+/{part}"
             for part in ("status", "info", "health", "state/#", "event/#", "replay/#")],
}  # fmt: skip
READS = {
    login: [*(f"presence/v1/{login}/{part}" for part in ("cmd/#", "status", "health")),
            "homeassistant/status"]
    for login in (ONE, TWO)
} | {
    DASH: ["presence/v1/#"],
    HUB: ["presence/v1/#"],
    ADMIN: ["presence/v1/#", "homeassistant/device/+/config"],
    HOME: ["presence/v1/#", "homeassistant/#"],
    OFFICE: ["presence/v1/que-phong/+/cmd/#"],
}  # fmt: skip

TOPICS = [
    *(f"presence/v1/{ONE}/{part}" for part in (
        "status", "info", "health", "state/gate", "event/gate/line/crossed", "replay/r-1", "cmd/replay",
        "cmd/calendar",
        "status/more", "other")),
    *(f"presence/v1/{TWO}/{part}" for part in (
        "status", "state/gate", "event/gate/line/crossed", "replay/r-1", "cmd/replay")),
    "presence/v1/que-phong/status", "presence/v1/que-phong/three/status", "presence/v1/dash/event/a/b",
    "presence/v1/que-phong/three/event/a/b", "presence/v1/muong-xen/three/status",
    "presence/v1/muong-xen/three/event/a/b", "presence/v1/office/three/status",
    "presence/v1/hub/status", "presence/v1/hub/cmd/x", "presence/v2/que-phong/one-stop/status",
    "homeassistant/device/que-phong_one-stop/config", "homeassistant/device/que-phong_two/config",
    "homeassistant/status", "elsewhere",
]  # fmt: skip


def may(rights: list[str], topic: str) -> bool:
    return any(topic_matches_sub(right, topic) for right in rights)


def everybody(broker: CentralBroker) -> dict[str, Account]:
    return {
        ONE: broker.add("device", "que-phong", "one-stop"),
        TWO: broker.add_certified("que-phong", "two"),
        DASH: broker.add("reader", "dash"),
        HUB: broker.add("central", "hub"),
        ADMIN: broker.add("admin", "admin"),
        HOME: broker.add("home-assistant", "home"),
        OFFICE: broker.add("office", "office", site="que-phong"),
    }


def published(broker: CentralBroker, account: Account, protocol: int, topic: str, payload: str) -> str:
    """What mosquitto_pub says."""
    done = subprocess.run(
        ["mosquitto_pub", *broker.client(account, protocol), "-q", "1", "-t", topic, "-m", payload],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.stderr


class Reader:
    """A mosquitto_sub on everything there is."""

    def __init__(self, broker: CentralBroker, account: Account, protocol: int, folder: Path) -> None:
        self._path = folder / f"read-{account.login.replace('/', '_')}"
        with self._path.open("w") as file:
            self.process = subprocess.Popen(
                ["mosquitto_sub", *broker.client(account, protocol), "-q", "1", "-t", "#",
                 "-F", "%t\t%p"], stdout=file,
            )  # fmt: skip

    def read(self) -> set[tuple[str, str]]:
        lines = self._path.read_text().splitlines()
        return {(topic, payload) for topic, payload in (line.split("\t") for line in lines)}


@pytest.fixture
def reads(tmp_path: Path) -> Iterator[Callable[..., dict[str, Reader]]]:
    started: list[Reader] = []

    def start(broker: CentralBroker, accounts: dict[str, Account], protocol: int) -> dict[str, Reader]:
        readers = {}
        for login, account in accounts.items():
            readers[login] = Reader(broker, account, protocol, tmp_path)
            started.append(readers[login])
        return readers

    yield start
    for reader in started:
        reader.process.kill()
        reader.process.wait(PATIENCE_S)


def mark(broker: CentralBroker, hub: Account, readers: dict[str, Reader], text: str) -> None:
    """Let everybody hear something, and so all that went before it."""

    def there() -> bool:
        for login in (ONE, TWO):
            published(broker, hub, 5, f"presence/v1/{login}/cmd/mark", text)
        return all(text in {payload for _, payload in reader.read()} for reader in readers.values())

    wait_until(there)


@PROTOCOLS
def test_everybody_writes_and_reads_what_is_theirs_and_nothing_else(
    central: CentralBroker, reads: Callable[..., dict[str, Reader]], protocol: int
) -> None:
    accounts = everybody(central)
    readers = reads(central, accounts, protocol)
    mark(central, accounts[HUB], readers, "begin")
    tried = [(login, topic) for login in accounts for topic in TOPICS]
    with ThreadPoolExecutor(4) as pool:
        said = list(
            pool.map(
                lambda pair: published(central, accounts[pair[0]], protocol, pair[1], f"by {pair[0]}"), tried
            )
        )
    mark(central, accounts[HUB], readers, "end")

    let = {(topic, f"by {login}") for login, topic in tried if may(WRITES[login], topic)}
    for login, reader in readers.items():
        expected = {(topic, text) for topic, text in let if may(READS[login], topic)}
        marks = {(topic, text) for topic, text in reader.read() if topic.endswith("/cmd/mark")}
        assert reader.read() - marks == expected, login
        assert {topic for topic, _ in marks} <= {f"presence/v1/{one}/cmd/mark" for one in (ONE, TWO)}
    # MQTT 5 tells who is refused; 3.1.1 has no word for it.
    told = {(topic, f"by {login}") for (login, topic), words in zip(tried, said, strict=True) if words}
    assert told == ({(topic, f"by {login}") for login, topic in tried} - let if protocol == 5 else set())


@PROTOCOLS
@pytest.mark.parametrize(
    "login", ["nobody", "que-phong/three", "", "que-phong/one-stop/", "+/+", "#", "que-phong/+"]
)
def test_whoever_is_not_known_is_not_let_in(central: CentralBroker, login: str, protocol: int) -> None:
    known = central.add("device", "que-phong", "one-stop")
    stranger = Account(login, known.password_file)
    said = published(central, stranger, protocol, f"presence/v1/{ONE}/status", "x")
    assert "not authori" in said.lower()


@PROTOCOLS
def test_a_removed_account_is_cut_off_at_once(
    central: CentralBroker, reads: Callable[..., dict[str, Reader]], protocol: int
) -> None:
    accounts = everybody(central)
    readers = reads(central, accounts, protocol)
    mark(central, accounts[HUB], readers, "begin")
    central.account("remove-device", "que-phong", "one-stop")
    central.account("remove-device", "que-phong", "two")
    central.account("remove", "dash")
    for login in (ONE, TWO, HUB):
        published(central, accounts[login], protocol, f"presence/v1/{ONE}/cmd/x", "late")
        published(central, accounts[login], protocol, f"presence/v1/{TWO}/cmd/x", "late")
        published(central, accounts[login], protocol, f"presence/v1/{TWO}/status", "late")
    wait_until(lambda: (f"presence/v1/{TWO}/cmd/x", "late") in readers[HUB].read())
    assert (f"presence/v1/{TWO}/status", "late") not in readers[HUB].read()
    for login in (ONE, TWO, DASH):
        assert "late" not in {payload for _, payload in readers[login].read()}


def test_listeners_have_tls_1_2_at_least(central: CentralBroker) -> None:
    def agreed(port: int, version: str) -> bool:
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version, "-cipher", "ALL:@SECLEVEL=0"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        return "Cipher is (NONE)" not in done.stdout

    for port in (central.port, central.certificate_port):
        assert not agreed(port, "-tls1_1")
        assert agreed(port, "-tls1_2")
        assert agreed(port, "-tls1_3")
