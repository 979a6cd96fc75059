"""`presence-central calendar` as it is typed: for devices that the store knows, through a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from agent.app.central_calendar import CentralCalendar, digest_of
from agent.central.database.engine import database_url
from agent.central.database.store import DatabaseStore
from agent.central.receiver import Receiver
from agent.mqtt.connection import Connection, Message
from agent.wire.payloads import utc_text
from tests.broker import CentralBroker
from tests.central.saying import TS, make_health, make_status
from tests.conftest import wait_until, write_config
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Agent, Mosquitto

HOURS = """
[[hours]]
days = ["mon", "tue", "wed", "thu", "fri"]
periods = [["07:30", "11:30"], ["13:30", "17:00"]]

[calendar]
country = "VN"
holidays = ["2027-01-08", 2027-01-09]
workdays = [{ date = "2027-01-10", like = "mon" }]
"""
DEVICES = ("muong-xen/gate", "que-phong/one-stop", "que-phong/reception")


class Typed:
    """`presence-central calendar`, with a configuration and files in a folder of the test's own."""

    def __init__(self, folder: Path, mqtt: str) -> None:
        self.folder = folder
        self.file = folder / "hours.toml"
        self.file.write_text(HOURS)
        self.url = f"sqlite:///{folder / 'centre.db'}"
        self.config = folder / "central.toml"
        self.config.write_text(f'[store]\nurl = "{self.url}"\n{mqtt}')

    def words(self, *words: str) -> list[str]:
        program = "from agent.cli.centre import main; main()"
        return [sys.executable, "-P", "-c", program, *words, "--config", str(self.config)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words("calendar", *words), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""},
        )  # fmt: skip

    def knows(self, *messages: Message) -> None:
        """Store what devices say."""
        with DatabaseStore(database_url(self.url)) as store:
            Receiver(store).load().receive(list(messages))


def said(agent: str, **info: object) -> list[Message]:
    """A device is there."""
    root = f"presence/v1/{agent}"
    site, device = agent.split("/")
    own = {"v": 1, "ts": TS, "log": "5f3a9c21", "session": "c01dbeef", "site": site, "device": device}
    body = {**own, **info}
    return [
        Message(f"{root}/info", json.dumps(body), retain=True),
        Message(f"{root}/status", make_status().payload, retain=True),
    ]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[CentralBroker]:
    made = CentralBroker(tmp_path)
    made.start()
    yield made
    made.stop(signal.SIGKILL)


@pytest.fixture
def typed_with(tmp_path: Path, broker: CentralBroker) -> Callable[..., Typed]:
    def make(site: str | None = None) -> Typed:
        account = broker.add("central", "hub", site=site)
        typed = Typed(
            tmp_path,
            f'[mqtt]\nhost = "localhost"\nport = {broker.port}\nusername = "hub"\n'
            f'password_file = "{account.password_file}"\nca_file = "{broker.ca_file}"\n',
        )
        typed.knows(*(message for agent in DEVICES for message in said(agent)))
        return typed

    return make


def retained(broker: CentralBroker) -> dict[str, str]:
    """What the broker has for each device, seen by one that may read all."""
    connection = Connection(broker.as_seen_by(broker.add("admin", "chief")), "chief")
    connection.open()
    connection.subscribe("presence/v1/+/+/cmd/calendar")
    found: dict[str, str] = {}
    # Its own message comes after all that was retained.
    connection.publish(Message("presence/v1/a/b/cmd/calendar", "last"))
    while "a/b" not in found:
        for one in connection.pump(0.2):
            if isinstance(one, Message):
                found["/".join(one.topic.split("/")[2:4])] = one.payload
    connection.close()
    del found["a/b"]
    return found


def test_all_devices_of_the_sites_get_it(broker: CentralBroker, typed_with: Callable[..., Typed]) -> None:
    typed, begun = typed_with(), utc_text(datetime.now(UTC))
    done = typed.run("set", str(typed.file), "--site", "que-phong")
    assert (done.returncode, done.stderr) == (0, "")
    there = retained(broker)
    assert set(there) == {"que-phong/one-stop", "que-phong/reception"}
    (text,) = set(there.values())
    assert done.stdout.splitlines() == [
        "sent to que-phong/one-stop",
        "sent to que-phong/reception",
        f"Sent as {digest_of(text)}; `presence-central calendar list` shows who has it.",
    ]
    assert CentralCalendar.read(text).ts > begun
    taken = CentralCalendar.read(text).command
    assert [len(table.periods) for table in taken.hours] == [2]
    assert [day.isoformat() for day in taken.calendar.holidays] == ["2027-01-08", "2027-01-09"]
    broker.account("remove", "chief")
    done = typed.run("clear", "--site", "muong-xen", "--site", "que-phong")
    assert (done.returncode, done.stdout.count("cleared for ")) == (0, 3)
    assert retained(broker) == {}


def test_account_of_one_site(broker: CentralBroker, typed_with: Callable[..., Typed]) -> None:
    """The broker takes what it may send; what it may not is told."""
    typed = typed_with("que-phong")
    done = typed.run("set", str(typed.file), "--site", "muong-xen", "--site", "que-phong")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["sent to que-phong/one-stop", "sent to que-phong/reception"]
    assert done.stderr.endswith(
        "does not let this account set the working hours of muong-xen; under [mqtt] give one of "
        "`account.sh add-central` for all of these sites.\n"
    )
    assert set(retained(broker)) == {"que-phong/one-stop", "que-phong/reception"}


@pytest.mark.parametrize(
    ("file", "words", "problem"),
    [
        ("", (), "hours.toml: [[hours]] is missing: add working hours"),
        ("hours = []\nv = 1", (), "v is unknown here"),
        ("hours = []\n[device]\nsite = 'x'", (), "[device] is unknown here"),
        (HOURS.replace("11:30", "14:30"), (), "[[hours]] 1 periods: "),
        (HOURS.replace("07:30", "7:30"), (), 'give times as "HH:MM"'),
        (HOURS.replace("VN", "ZZ"), (), "country"),
        ("hours = [", (), "is not valid TOML"),
        (HOURS, ("--site", "nobody"), "--site nobody: the store knows no device of it; "),
        (HOURS, ("--site", "Nghệ An"), "--site Nghệ An: it has only a-z, 0-9 and '-'"),
    ],
)
def test_nothing_is_sent_unless_all_is_right(
    tmp_path: Path, file: str, words: tuple[str, ...], problem: str
) -> None:
    # Nobody is there who could take it.
    typed = Typed(tmp_path, '[mqtt]\nhost = "127.0.0.1"\nport = 9\ntls = false\n')
    typed.knows(*said("que-phong/one-stop"))
    typed.file.write_text(file)
    done = typed.run("set", str(typed.file), "--site", "que-phong", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_broker(tmp_path: Path) -> None:
    typed = Typed(tmp_path, "")
    typed.knows(*said("que-phong/one-stop"))
    done = typed.run("set", str(typed.file), "--site", "que-phong")
    assert done.returncode == 2
    assert "[mqtt] is missing: add this table, with host in it; `calendar` needs the broker." in done.stderr
    typed.config.write_text(f'{typed.config.read_text()}[mqtt]\nhost = "127.0.0.1"\nport = 9\ntls = false\n')
    done = typed.run("set", str(typed.file), "--site", "que-phong")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing listens at 127.0.0.1:9" in done.stderr


def test_who_has_it_in_force(tmp_path: Path) -> None:
    typed = Typed(tmp_path, "")
    known: dict[str, Any] = {"hours": [], "calendar": {}}
    evil = "\x1b[31m" + "x" * 500
    refusing = make_health(0, retain=True, verdict="degraded", reasons=["calendar_refused"]).payload
    typed.knows(
        *said("que-phong/one-stop", **known, calendar_digest="6b0e9f2c41d87a35", calendar_since=TS),
        *said("que-phong/reception", **known),
        Message("presence/v1/que-phong/reception/health", refusing, retain=True),
        *said("muong-xen/gate"),
        *said("muong-xen/yard", **known, calendar_digest=evil, calendar_since=7),
    )
    lines = typed.run("list").stdout.splitlines()
    assert [line.split() for line in lines[:2] + lines[3:]] == [
        ["device", "state", "hours", "since"],
        ["muong-xen/gate", "online", "unknown"],
        ["que-phong/one-stop", "online", "6b0e9f2c41d87a35", TS],
        ["que-phong/reception", "online", "own", "refused"],
    ]
    assert "·[31mxxx" in lines[2]
    assert len(typed.run("list", "--site", "que-phong").stdout.splitlines()) == 3
    assert typed.run("list", "--site", "nobody").returncode == 2


@pytest.mark.usefixtures("weights")
def test_device_takes_it(
    tmp_path: Path, mosquitto: Mosquitto, start_agent: Callable[[Path], Agent], vtest: Path
) -> None:
    """From the file to what the device says is in force, with nothing in between that is not real."""
    typed = Typed(tmp_path, f'[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}\ntls = false\n')
    receiving = subprocess.Popen(typed.words("receive"), stderr=subprocess.DEVNULL)

    def shown() -> list[str]:
        lines = typed.run("list").stdout.splitlines()
        return lines[1].split() if len(lines) > 1 else []

    try:
        agent = start_agent(write_config(tmp_path, vtest, port=mosquitto.port))
        wait_until(lambda: shown() == ["test/yard", "online", "own"])
        done = typed.run("set", str(typed.file), "--site", "test")
        digest = done.stdout.splitlines()[-1].split()[2].rstrip(";")
        wait_until(lambda: shown()[:3] == ["test/yard", "online", digest])
        assert typed.run("clear", "--site", "test").returncode == 0
        wait_until(lambda: shown() == ["test/yard", "online", "own"])
        assert agent.end(signal.SIGTERM) == 0
    finally:
        receiving.terminate()
        assert receiving.wait(PATIENCE_S) == 0
