"""`presence-central init` and `run` as somebody who sets up an office uses them, with everything real."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.eventlog.log import EventLog
from tests.broker import CentralBroker, script
from tests.central.office import Office
from tests.conftest import free_port, wait_until
from tests.mqtt.publishing import publishing
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_from_nothing_to_an_event_and_a_page(office: Office, tmp_path: Path) -> None:
    done = office.init()
    assert done.returncode == 0, done.stderr
    password = re.search(r"the password is shown only now: (\S+)", done.stdout)
    assert password
    assert f"presence-central run --config {office.config}" in done.stdout
    check = office.command("check", "--config", str(office.config))
    assert (check.returncode, check.stdout) == (0, f"{office.config} is good.\n")

    device = office.device()
    with office.broker(), office.running(), EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(number) for number in range(3)])
        with publishing(device, log) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
            wait_until(
                lambda: (
                    office.answers()
                    and " 3 " in office.command("status", "--config", str(office.config)).stdout
                )
            )
        with office.browser() as browser:
            assert browser.sign_in("admin", password[1]).status_code == 303
            # What init printed for the paper is what /root shows.
            fingerprint = re.search(r"fingerprint, to compare there: (\S+)", done.stdout)
            assert fingerprint
            assert fingerprint[1] in browser.get("/root").text
    # Nothing of a secret, and no picture of a crash, in what it says.
    assert password[1] not in office.said()
    assert "Traceback" not in office.said()


def test_broker_that_is_there_is_taken_as_it_is(office: Office, tmp_path: Path) -> None:
    """With names and ports of its own, and an account that somebody has."""
    broker, port = office.folder / "broker", free_port()
    words = "--name", "127.0.0.1", "--port", str(port), "--certificate-port", str(free_port())
    made = script("mosquitto", "--dir", broker, *words)
    assert made.returncode == 0, made.stderr
    hub = script("account", "add-central", "hub", "--password-file", tmp_path / "hub", "--dir", broker)
    assert hub.returncode == 0, hub.stderr
    before = {path: content for path, content in office.files().items() if path.endswith((".pem", ".conf"))}
    done = office.init()
    assert done.returncode == 0, done.stderr
    assert f'host = "127.0.0.1"\nport = {port}\n' in office.config.read_text()
    assert before.items() <= office.files().items()
    assert "hub" in (broker / "accounts").read_text()
    with office.broker(), office.running():
        wait_until(lambda: "connected to the broker" in office.said())


def test_again_changes_nothing(office: Office) -> None:
    assert office.init().returncode == 0
    before = office.files()
    again = office.init()
    assert again.returncode == 0, again.stderr
    assert office.files() == before
    assert "shown only now" not in again.stdout


def test_certificate_that_ends_soon_is_made_again(office: Office) -> None:
    assert office.init().returncode == 0
    issued = script("certificates", "web", "localhost", "--days", "20", "--dir", office.folder / "broker")
    assert issued.returncode == 0, issued.stderr
    for name in ("web.pem", "web.key"):
        (office.folder / "broker" / "issued" / name).replace(office.folder / name)
    soon = (office.folder / "web.pem").read_bytes()
    done = office.init()
    assert done.returncode == 0, done.stderr
    assert (office.folder / "web.pem").read_bytes() != soon
    with office.broker(), office.running():
        wait_until(office.answers)


def test_what_the_office_changed_stays(office: Office, tmp_path: Path) -> None:
    assert office.init().returncode == 0
    own, key = tmp_path / "own.pem", tmp_path / "own.key"
    (office.folder / "web.pem").rename(own)
    (office.folder / "web.key").rename(key)
    text = office.config.read_text().replace(str(office.folder / "web.pem"), str(own))
    office.config.write_text("# of the office\n" + text.replace(str(office.folder / "web.key"), str(key)))
    before = office.files()
    assert office.init().returncode == 0
    assert office.files() == before


# Whatever it had not done when it was stopped.
@pytest.mark.parametrize("lost", ["broker-password", "web.key", "central.toml", "people.db"])
def test_stopped_half_way_and_repeated(office: Office, lost: str) -> None:
    assert office.init().returncode == 0
    (office.folder / lost).unlink()
    again = office.init()
    assert again.returncode == 0, again.stderr
    with office.broker(), office.running():
        wait_until(lambda: office.answers() and "connected to the broker" in office.said())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--upstream-port", "0"], "--upstream-port 0: give a number from 1 to 65535."),
        (["--site", "que-phong"], "--site goes with --upstream HOST only."),
        (
            ["--upstream", "province.example", "--site", "que-phong"],
            (
                "--upstream province.example: --upstream-login is missing; whoever runs that broker gives it "
                "to the office (`account.sh add-office`)."
            ),
        ),
    ],
)
def test_asked_for_what_cannot_be(office: Office, words: list[str], said: str) -> None:
    done = office.init(*words)
    assert (done.returncode, done.stderr) == (2, said + "\n")
    assert not office.folder.exists()


def test_name_that_is_none(office: Office) -> None:
    done = office.init(name="https://centre.example")
    assert done.returncode == 2
    assert done.stderr == (
        "--name https://centre.example: give only a host name or an address, for example centre.example.\n"
    )
    assert not office.folder.exists()


def test_broker_that_cannot_be_set_up_is_said(office: Office) -> None:
    office.folder.mkdir()
    (office.folder / "broker").write_text("in the way")
    done = office.init()
    assert done.returncode == 1
    assert done.stderr.startswith("mosquitto.sh did not succeed: ")
    assert "Traceback" not in done.stderr


def test_not_into_a_system_where_it_cannot_be(office: Office) -> None:
    is_root, is_booted = os.geteuid() == 0, Path("/run/systemd/system").is_dir()
    if is_root and is_booted:
        pytest.skip("root may write every file, and this would set up a centre on this very machine")
    done = office.command("init", "--name", "centre.example")
    assert done.returncode == 2
    assert done.stderr == (
        "there is no systemd here: give --dir FOLDER, and run it by `presence-central run`.\n"
        if is_root
        else "run this as root, or with --dir FOLDER for a centre of your own.\n"
    )


def test_part_that_ends_stops_no_other(office: Office) -> None:
    assert office.init().returncode == 0
    with office.broker(), office.running():
        wait_until(lambda: office.answers() and "connected to the broker" in office.said())
        receiving, serving = office.pid_of("receive"), office.pid_of("web")
        assert receiving
        assert serving
        os.kill(serving, signal.SIGKILL)
        wait_until(lambda: "web ended with -9; it is started again in 3 s" in office.said())
        wait_until(office.answers)
        assert office.pid_of("receive") == receiving


def test_none_is_left_when_run_is_killed(office: Office) -> None:
    assert office.init().returncode == 0
    with office.broker():
        process = office.start()
        wait_until(lambda: office.answers() and "connected to the broker" in office.said())
        process.kill()
        process.wait(PATIENCE_S)
        wait_until(lambda: office.pid_of("receive") is None and office.pid_of("web") is None)
        assert not office.answers()


def test_part_that_cannot_run_stops_no_other(office: Office) -> None:
    assert office.init().returncode == 0
    (office.folder / "web.key").unlink()
    with office.broker(), office.running():
        wait_until(
            lambda: "web ended with 2: " in office.said() and "connected to the broker" in office.said()
        )
        assert office.pid_of("receive")


def test_nothing_that_can_run(office: Office, tmp_path: Path) -> None:
    store = f'[store]\nurl = "sqlite:///{tmp_path}/store.db"\nsubscriber_file = "{tmp_path}/none"\n'
    for text, said in (
        ("", "there is nothing to run: add [mqtt] to store what comes, [web] to show it.\n"),
        (
            f'{store}[mqtt]\nhost = "localhost"\n',
            "nothing runs any more; each of the lines above says why.\n",
        ),
    ):
        config = tmp_path / "central.toml"
        config.write_text(text)
        done = office.command("run", "--config", str(config))
        assert done.returncode == 2
        assert done.stderr.endswith(said)


def test_office_below_a_province(office: Office, start_central: Callable[..., CentralBroker]) -> None:
    province = start_central()
    login = province.add("office", "que-phong-office", site=SENDER.site)
    above = [
        "--upstream", "127.0.0.1", "--upstream-port", str(province.port), "--site", SENDER.site,
        "--upstream-login", login.login, "--upstream-password-file", str(login.password_file),
        "--upstream-ca", str(province.ca_file),
    ]  # fmt: skip
    assert office.init().returncode == 0
    # An office that joins later.
    done = office.init(*above)
    assert done.returncode == 0, done.stderr
    before = office.files()
    assert office.init(*above).returncode == 0
    # The list of revoked certificates is made again each time; it is good for 30 days.
    changed = {path for path, content in office.files().items() if before.get(path) != content}
    assert {path for path in changed if "crl" not in path} == set()
    with office.broker():
        wait_until(lambda: "que-phong-office" in province.said().split("New client connected")[-1])
