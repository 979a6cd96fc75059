"""`presence-central doctor` on a centre that is well, and on one with each of its faults made for real."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from agent.eventlog.log import EventLog
from tests.broker import script
from tests.central.office import Office
from tests.conftest import wait_until
from tests.mqtt.publishing import make_now, publishing
from tests.patience import PATIENCE_S
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# What is as it is on the machine that the tests run on.
OF_THE_MACHINE = {"time", "receive", "web"}
GOOD = {
    "central_file": "ok", "store_disk": "ok", "store": "ok", "arrivals": "ok", "devices": "ok",
    "broker_name": "ok", "broker_port": "ok", "broker_tls": "ok", "central_login": "ok",
    "people": "ok", "pages": "ok",
}  # fmt: skip


class Examined:
    """What doctor said."""

    def __init__(self, office: Office) -> None:
        done = office.command("doctor", "--json", "--config", str(office.config))
        assert done.stderr == ""
        self.body: dict[str, Any] = json.loads(done.stdout)
        assert self.body["exit_code"] == done.returncode
        self.exit_code = done.returncode

    def findings(self) -> dict[str, str]:
        return {
            one["check"]: one["code"].partition(".")[2]
            for one in self.body["checks"]
            if one["check"] not in OF_THE_MACHINE
        }

    def sentence(self, check: str) -> str:
        (found,) = [one["found"] for one in self.body["checks"] if one["check"] == check]
        return str(found)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A centre that nobody runs yet, to which a device has published three events."""
    office = Office(tmp_path)
    assert office.init().returncode == 0
    with office.broker():
        device = office.device()
        with office.running(), EventLog(SENDER, tmp_path / "events.db") as log:
            log.append([make_now(number) for number in range(3)])
            with publishing(device, log) as publisher:
                assert publisher.wait_delivered(PATIENCE_S)
                wait_until(lambda: office.answers() and stored(office) == 3)
        yield office


def stored(office: Office) -> int:
    with suppress(sqlite3.Error), closing(sqlite3.connect(office.folder / "store.db")) as store:
        return int(store.execute("SELECT count(*) FROM event").fetchone()[0])
    # It is being made.
    return 0


def change(office: Office, statement: str) -> None:
    with closing(sqlite3.connect(office.folder / "store.db")) as store, store:
        store.execute(statement)


def put_online(office: Office) -> None:
    """As a device that said so just now."""
    change(
        office, "UPDATE agent SET state = 'online', heard_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000"
    )


def is_online(office: Office) -> bool:
    with closing(sqlite3.connect(office.folder / "store.db")) as store:
        return store.execute("SELECT state FROM agent").fetchall() == [("online",)]


def test_nothing_is_wrong(office: Office, tmp_path: Path) -> None:
    with (
        office.running(),
        EventLog(SENDER, tmp_path / "events.db") as log,
        publishing(office.device(), log),
    ):
        wait_until(lambda: office.answers() and is_online(office))
        examined = Examined(office)
    assert examined.findings() == GOOD
    # The time source is first, and is that of the machine.
    assert examined.body["checks"][0]["check"] == "time"
    assert "3 events of 1 devices" in examined.sentence("store")


def test_file_that_is_wrong_or_not_there(office: Office) -> None:
    for text in ("[web]\nname = 3\n", None):
        if text is None:
            office.config.unlink()
        else:
            office.config.write_text(text)
        examined = Examined(office)
        assert examined.exit_code == 2
        assert examined.findings()["central_file"] == "wrong"
        assert {code for check, code in examined.findings().items() if check != "central_file"} == {"skipped"}
    assert "presence-central init" in examined.sentence("central_file")


def new_password(office: Office, tmp_path: Path) -> None:
    words = "new-password", "presence-central", "--password-file", tmp_path / "other"
    assert script("account", *words, "--dir", office.folder / "broker").returncode == 0


def only_reading(office: Office, tmp_path: Path) -> None:
    broker = office.folder / "broker"
    assert script("account", "remove", "presence-central", "--dir", broker).returncode == 0
    words = "add-reader", "presence-central", "--password-file", tmp_path / "reader", "--dir", broker
    assert script("account", *words).returncode == 0
    (tmp_path / "reader").replace(office.folder / "broker-password")


@pytest.mark.parametrize(
    ("fault", "code"),
    [(new_password, "refused"), (only_reading, "no_asking"), (None, "no_secret")],
    ids=["another password", "no right to ask", "no password"],
)
def test_login(
    office: Office, tmp_path: Path, fault: Callable[[Office, Path], None] | None, code: str
) -> None:
    if fault is None:
        (office.folder / "broker-password").unlink()
    else:
        fault(office, tmp_path)
    examined = Examined(office)
    assert examined.findings()["central_login"] == code
    assert examined.exit_code == 1


def test_broker_that_is_away(office: Office) -> None:
    text = office.config.read_text()
    office.config.write_text(text.replace(f"port = {office.broker_port}", "port = 1"))
    found = Examined(office).findings()
    assert (found["broker_port"], found["central_login"]) == ("refused", "skipped")


def test_pages_that_do_not_answer(office: Office) -> None:
    assert Examined(office).findings()["pages"] == "silent"


def test_certificate_of_another_name(office: Office) -> None:
    text = office.config.read_text()
    office.config.write_text(text.replace('name = "localhost"', 'name = "centre.example"'))
    examined = Examined(office)
    assert examined.findings()["pages"] == "certificate"
    assert "is not for centre.example" in examined.sentence("pages")


def test_certificate_that_ends_soon(office: Office) -> None:
    broker = office.folder / "broker"
    words = "web", "localhost", "127.0.0.1", "--days", "20", "--dir", broker
    assert script("certificates", *words).returncode == 0
    for name in ("web.pem", "web.key"):
        (broker / "issued" / name).replace(office.folder / name)
    with office.running():
        wait_until(office.answers)
        assert Examined(office).findings()["pages"] == "ends_soon"


def test_nobody_may_sign_in(office: Office) -> None:
    removed = office.command("user", "remove", "admin", "--config", str(office.config))
    assert removed.returncode == 0, removed.stderr
    assert Examined(office).findings()["people"] == "nobody"
    # Looking makes nothing.
    (office.folder / "people.db").unlink()
    assert Examined(office).findings()["people"] == "nobody"
    assert not (office.folder / "people.db").exists()
    (office.folder / "people.db").write_bytes(b"no database of anybody's" * 100)
    assert Examined(office).findings()["people"] == "closed"


def test_store_that_can_not_be_read(office: Office) -> None:
    (office.folder / "store.db").write_bytes(b"no database of anybody's" * 100)
    for end in ("-wal", "-shm"):
        (office.folder / f"store.db{end}").unlink(missing_ok=True)
    found = Examined(office).findings()
    assert (found["store"], found["arrivals"], found["devices"]) == ("closed", "skipped", "skipped")


def test_nothing_was_stored_for_long(office: Office) -> None:
    put_online(office)
    change(office, "UPDATE agent SET heard_ms = heard_ms - 3600000")
    examined = Examined(office)
    found = examined.findings()
    assert (found["arrivals"], found["devices"]) == ("none", "silent")
    assert "60 minutes" in examined.sentence("arrivals")
    assert f"1 of 1 are away: {SENDER.site}/{SENDER.device}" in examined.sentence("devices")


def test_device_that_is_not_well(office: Office) -> None:
    put_online(office)
    change(office, """UPDATE agent SET health = '{"verdict": "degraded"}'""")
    assert Examined(office).findings()["devices"] == "ill"


def test_events_that_are_missing(office: Office) -> None:
    put_online(office)
    change(office, "UPDATE log SET last_seq = last_seq + 7")
    examined = Examined(office)
    assert examined.findings()["devices"] == "missing"
    assert examined.sentence("devices").startswith("7 events of ")


def test_new_centre(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert office.init().returncode == 0
    with office.broker(), office.running():
        wait_until(lambda: office.answers() and "connected to the broker" in office.said())
        examined = Examined(office)
    assert examined.findings()["arrivals"] == "never"
    assert examined.body["verdict"] in {"warning", "fault"}


def test_words_for_people_are_in_their_language(office: Office) -> None:
    words = office.command("doctor", "--config", str(office.config), LC_ALL="vi_VN.UTF-8").stdout
    assert "nguồn giờ" in words
    assert "kho dữ liệu: sqlite:///" in words
