"""The broker of an office and that of its province: what passes between them, and what does not."""

from __future__ import annotations

import json
import signal
import subprocess
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from agent.app.central_calendar import CalendarKeeper
from agent.central.messages import ROOT
from agent.central.receiver import Receiver
from agent.central.store import Store
from agent.config.load import load
from agent.device import clock
from agent.eventlog.log import EventLog
from agent.mqtt.connection import Connection, Message
from agent.mqtt.publish_state import Callbacks
from agent.mqtt.subscriber import Subscriber
from tests.broker import CentralBroker, script
from tests.conftest import wait_until, write_config
from tests.mqtt.publishing import publishing
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.broker import Account

AGENT = f"{SENDER.site}/{SENDER.device}"


class Centre:
    """A receiver at a broker, with its store."""

    def __init__(self, folder: Path, broker: CentralBroker, account: Account) -> None:
        self.store = Store(folder / f"{account.login}.db").__enter__()
        self.receiver = Receiver(self.store, settle_s=0.5).load()
        self._subscriber = Subscriber(
            broker.as_seen_by(account), f"centre-{account.login}", [f"{ROOT}/#"], Event(), keep_session_s=3600
        )

    def work(self) -> None:
        """Store what has come, and ask for what has not."""
        messages = self._subscriber.pump(0.05)
        if messages:
            self.receiver.receive(messages)
            self._subscriber.acknowledge(messages)
        if self._subscriber.connected:
            for request in self.receiver.next_requests():
                self._subscriber.publish(request)

    @property
    def connected(self) -> bool:
        return self._subscriber.connected

    def numbers(self) -> set[tuple[str, int]]:
        return {(str(log), int(str(seq))) for log, seq in self.store.rows("SELECT log, seq FROM event")}

    def close(self) -> None:
        self._subscriber.close()
        self.store.__exit__()


def connect(broker: CentralBroker, folder: Path, *more: str) -> CentralBroker:
    """An office's broker below this one."""
    login = broker.add("office", "que-phong-office", site=SENDER.site)
    assert login.password_file
    office = CentralBroker(
        folder, "--upstream", "127.0.0.1", "--upstream-port", str(broker.port), "--site", SENDER.site,
        "--upstream-login", login.login, "--upstream-password-file", str(login.password_file),
        "--upstream-ca", str(broker.ca_file), *more,
    )  # fmt: skip
    office.start()
    return office


@pytest.fixture
def tiers(
    tmp_path: Path, start_central: Callable[..., CentralBroker]
) -> Iterator[tuple[CentralBroker, CentralBroker]]:
    province = start_central()
    office = connect(province, tmp_path)
    yield province, office
    office.stop(signal.SIGKILL)


@pytest.fixture
def centres(tmp_path: Path, tiers: tuple[CentralBroker, CentralBroker]) -> Iterator[tuple[Centre, Centre]]:
    province, office = tiers
    made = [
        Centre(tmp_path, broker, broker.add("central", name))
        for broker, name in ((province, "province"), (office, "office"))
    ]
    yield made[0], made[1]
    for centre in made:
        centre.close()


def until(there: Callable[[], bool], *centres: Centre) -> None:
    end_s = monotonic() + PATIENCE_S
    while not there():
        assert monotonic() < end_s
        for centre in centres:
            centre.work()


@pytest.mark.parametrize("killed", [False, True], ids=["in order", "the office's broker killed"])
def test_an_hour_without_the_line_loses_nothing(
    tmp_path: Path, tiers: tuple[CentralBroker, CentralBroker], centres: tuple[Centre, Centre], killed: bool
) -> None:
    province, office = tiers
    above, here = centres
    device = office.add("device", SENDER.site, SENDER.device)
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(number) for number in range(50)])
        with publishing(office.as_seen_by(device), log) as publisher:
            until(lambda: len(above.numbers()) == len(here.numbers()) == 50, above, here)
            province.stop(signal.SIGKILL)
            # As many as an hour of a crowded place brings; all of them come while there is no line.
            log.append([make_entered(number) for number in range(50, 3000)])
            assert publisher.wait_delivered(PATIENCE_S)
            # The office's own board goes on without the line.
            until(lambda: len(here.numbers()) == 3000, here)
            if killed:
                # It had not written its queues for a while: what it forgot is asked for by number.
                office.stop(signal.SIGKILL)
                office.start()
            province.start()
            until(lambda: above.connected, above, here)
            # What was passed on before somebody had subscribed there again is known by what comes after it; a
            # device says each minute how far it is, too.
            log.append([make_entered(3000)])
            until(lambda: len(above.numbers()) == 3001, above, here)
        assert above.numbers() == here.numbers() == {(log.log_id, seq) for seq in range(1, 3002)}


def heard(broker: CentralBroker, account: Account) -> tuple[Connection, Callable[[], dict[str, str]]]:
    connection = Connection(broker.as_seen_by(account), f"heard-{account.login}")
    connection.open()
    connection.subscribe("#")
    there: dict[str, str] = {}

    def now() -> dict[str, str]:
        there.update((one.topic, one.payload) for one in connection.pump(0.1) if isinstance(one, Message))
        return there

    return connection, now


def test_only_what_is_of_the_site_passes(tiers: tuple[CentralBroker, CentralBroker]) -> None:
    province, office = tiers
    logins = [
        office.add("admin", "keeper"),
        province.add("admin", "chief"),
        office.add("device", *AGENT.split("/")),
    ]
    own, above = (
        Connection(office.as_seen_by(logins[0]), "keeper"),
        Connection(province.as_seen_by(logins[1]), "chief"),
    )
    device = Connection(office.as_seen_by(logins[2]), "device")
    for connection in (own, above, device):
        connection.open()
    listening, now = heard(province, province.add("reader", "dash"))
    below, below_now = heard(office, office.add("reader", "dash"))
    try:
        device.publish(Message(f"{ROOT}/{AGENT}/state/gate", "passes", retain=True))
        own.publish(Message(f"{ROOT}/muong-xen/gate/status", "of another site", retain=True))
        own.publish(Message(f"{ROOT}/{AGENT}/cmd/calendar", "the office's own", retain=True))
        for connection in (own, device):
            connection.pump(0.5)
        above.publish(Message(f"{ROOT}/{AGENT}/cmd/replay", "asked"))
        above.publish(Message(f"{ROOT}/muong-xen/gate/cmd/replay", "asked of another"))
        above.publish(Message(f"{ROOT}/{AGENT}/status", "said above"))
        above.pump(0.5)
        wait_until(lambda: now().get(f"{ROOT}/{AGENT}/state/gate") == "passes")
        wait_until(lambda: below_now().get(f"{ROOT}/{AGENT}/cmd/replay") == "asked")
        # What was said after it came through, so all before it would have.
        device.publish(Message(f"{ROOT}/{AGENT}/health", "last"))
        device.pump(0.5)
        wait_until(lambda: now().get(f"{ROOT}/{AGENT}/health") == "last")
        above_heard = {
            f"{ROOT}/{AGENT}/state/gate", f"{ROOT}/{AGENT}/health", f"{ROOT}/{AGENT}/cmd/replay",
            f"{ROOT}/muong-xen/gate/cmd/replay", f"{ROOT}/{AGENT}/status",
        }  # fmt: skip
        below_heard = {
            f"{ROOT}/{AGENT}/state/gate", f"{ROOT}/{AGENT}/health", f"{ROOT}/{AGENT}/cmd/replay",
            f"{ROOT}/{AGENT}/cmd/calendar", f"{ROOT}/muong-xen/gate/status",
        }  # fmt: skip
        wait_until(lambda: set(now()) == above_heard)
        wait_until(lambda: set(below_now()) == below_heard)
    finally:
        for connection in (own, above, device, listening, below):
            connection.close()


def test_what_is_retained_passes_as_retained(tiers: tuple[CentralBroker, CentralBroker]) -> None:
    province, office = tiers
    device = Connection(office.as_seen_by(office.add("device", *AGENT.split("/"))), "device")
    device.open()
    dash = province.add("reader", "dash")
    try:
        device.publish(Message(f"{ROOT}/{AGENT}/info", json.dumps({"v": 1}), retain=True))
        device.pump(0.5)

        def retained() -> bool:
            said = subprocess.run(
                ["mosquitto_sub", *province.client(dash), "-t", "#", "--retained-only", "-W", "2", "-v"],
                capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            )  # fmt: skip
            return f"{ROOT}/{AGENT}/info" in said.stdout

        wait_until(retained)
    finally:
        device.close()


def test_the_newest_calendar_holds(tmp_path: Path, tiers: tuple[CentralBroker, CentralBroker]) -> None:
    """The province's comes down again with the line, after the office's that was set later; and is older."""
    province, office = tiers
    config = load(write_config(tmp_path, "x.avi"))
    config.log.path.parent.mkdir()
    keeper = CalendarKeeper(config)
    topic = f"{ROOT}/{AGENT}/cmd/calendar"

    def calendar(hour: int) -> str:
        return f'{{"v":1,"hours":[],"ts":"2026-11-20T{hour:02}:00:00.000Z"}}'

    def sent(broker: CentralBroker, account: Account, text: str) -> None:
        connection = Connection(broker.as_seen_by(account), "setting")
        connection.open()
        connection.publish(Message(topic, text, retain=True))
        while not connection.pump(1):
            pass
        connection.close()

    def in_force() -> str:
        keeper.apply_received(clock.now())
        return keeper.central.text if keeper.central else ""

    above, here = province.add("central", "province"), office.add("central", "office")
    listening, now = heard(office, office.add("reader", "dash"))
    log = EventLog(SENDER, tmp_path / "events.db")
    device = office.as_seen_by(office.add("device", *AGENT.split("/")))
    with log, publishing(device, log, callbacks=Callbacks(calendar=keeper)):
        sent(province, above, calendar(1))
        wait_until(lambda: in_force() == calendar(1))
        # In order: it writes down what it retains.
        province.stop()
        sent(office, here, calendar(2))
        wait_until(lambda: in_force() == calendar(2))
        wait_until(lambda: now().get(topic) == calendar(2))
        province.start()
        wait_until(lambda: now().get(topic) == calendar(1))
        sent(office, here, "x")
        wait_until(lambda: keeper.refused)
        assert in_force() == calendar(2)
        sent(province, above, calendar(3))
        wait_until(lambda: in_force() == calendar(3))
    listening.close()


def test_run_again_keeps_the_line_and_none_ends_it(tiers: tuple[CentralBroker, CentralBroker]) -> None:
    _, office = tiers
    config = office.folder / "mosquitto.conf"
    made = (office.folder / "upstream.conf").read_text()
    # The password is in it.
    assert config.stat().st_mode & 0o077 == 0
    assert script("mosquitto", "--dir", office.folder).returncode == 0
    assert made in config.read_text()
    assert script("mosquitto", "--dir", office.folder, "--upstream", "none").returncode == 0
    assert "connection" not in [line.split(" ")[0] for line in config.read_text().splitlines()]
    assert not list(office.folder.glob("upstream*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--upstream", "a b"], "--upstream a b: give a host name or an address."),
        (["--upstream", "up.example"], '"" can\'t be the name of a site'),
        (["--upstream", "up.example", "--site", "que-phong"], '"" can\'t be the name of an account'),
        (["--upstream", "up.example", "--site", "que-phong", "--upstream-login", "office"],
         "--upstream-password-file: give a file with the password of office that can be read."),
        (["--upstream", "up.example", "--site", "que-phong", "--upstream-login", "office",
          "--upstream-password-file", "/dev/null"], "/dev/null has no password in its first line."),
    ],
)  # fmt: skip
def test_wrong_options(tmp_path: Path, words: list[str], said: str) -> None:
    done = script("mosquitto", "--dir", tmp_path / "broker", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert not (tmp_path / "broker").exists()


def test_an_office_speaks_for_one_site(central: CentralBroker) -> None:
    for sites in ([], ["--site", "que-phong", "--site", "muong-xen"]):
        done = script("account", "add-office", "office", *sites, "--dir", central.folder)
        assert done.returncode == 2
        assert done.stderr == "An office's broker speaks for one site: add-office NAME --site SITE.\n"
