"""The scripts that set up mosquitto, and messages that the broker keeps for an absent client."""

from __future__ import annotations

import re
import signal
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.broker import CentralBroker, need_programs, script
from tests.conftest import ROOT as CHECKOUT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

AWAY = 3000


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def fetched(client: list[str], number: int = 0) -> list[str]:
    """What a central system with a session of its own finds when it comes back, so many at most."""
    until = ["-C", str(number), "-W", str(int(PATIENCE_S))] if number else ["-E"]
    done = subprocess.run(
        ["mosquitto_sub", *client, "-c", "-i", "hub", "-q", "1", "-t", "presence/v1/#", "-F", "%p",
         "-x", "86400", *until],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.parametrize("restarted", [False, True])
def test_what_comes_while_nobody_reads_is_kept(central: CentralBroker, restarted: bool) -> None:
    device = central.add("device", "que-phong", "one-stop")
    hub = central.client(central.add("central", "hub"))
    assert fetched(hub) == []
    payloads = [f"{number:0300}" for number in range(AWAY)]
    subprocess.run(
        ["mosquitto_pub", *central.client(device), "-q", "1", "-l",
         "-t", "presence/v1/que-phong/one-stop/event/a/b"],
        input="\n".join(payloads) + "\n", text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    if restarted:
        central.stop(signal.SIGTERM)
        central.start()
    else:
        central.account("add-reader", "another")
    # mosquitto_sub leaves after 3 s, whatever is still to come.
    assert fetched(hub, AWAY) == payloads


def test_secrets_are_for_their_owner_only(central: CentralBroker) -> None:
    device = central.add("device", "que-phong", "one-stop")
    certified = central.add_certified("que-phong", "two")
    central.certificates("renew")
    secret = [device.password_file, certified.key_file]
    for path in (*secret, *(central.folder / name for name in ("server.key", "ca/ca.key", "passwords"))):
        assert path
        assert mode(path) == 0o600, path
    assert mode(central.folder / "ca") == 0o700
    assert device.password not in (central.folder / "passwords").read_text()


def test_run_again_keeps_everything(central: CentralBroker) -> None:
    central.add("device", "que-phong", "one-stop")
    kept = {
        name: (central.folder / name).read_bytes()
        for name in ("ca.pem", "server.pem", "server.key", "passwords", "accounts", "rights")
    }
    again = script(
        "mosquitto", "--dir", central.folder, "--bind", "127.0.0.1", "--port", str(central.port),
        "--name", "127.0.0.1", "--name", "localhost",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert {name: (central.folder / name).read_bytes() for name in kept} == kept


def test_password_is_shown_once_and_new_each_time(central: CentralBroker) -> None:
    shown = [
        central.account("add-device", "que-phong", "one-stop"),
        central.account("new-password", "que-phong", "one-stop"),
    ]
    passwords = [re.findall(r"shown only now: (\S{32})\n", text) for text in shown]
    assert [len(found) for found in passwords] == [1, 1]
    assert passwords[0] != passwords[1]
    assert "device que-phong/one-stop\n" in central.account("list")


def test_accounts_with_alike_names_stay_apart(central: CentralBroker) -> None:
    central.add("reader", "hub")
    central.add("reader", "big-hub")
    central.account("remove", "hub")
    assert (central.folder / "passwords").read_text().count("\n") == 1
    assert central.account("list") == "reader big-hub\n"


def test_certificates_are_listed(central: CentralBroker) -> None:
    central.add_certified("que-phong", "one-stop")
    central.certificates("device", "que-phong", "two", "--days", "5")
    central.certificates("revoke", "que-phong", "one-stop")
    rows = [line.split(None, 2) for line in central.certificates("list").splitlines()]
    states = {name: state for _, state, name in rows[1:]}
    assert states == {
        "the authority": "good", "broker": "good", "que-phong/one-stop": "revoked", "que-phong/two": "soon",
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["mosquitto", "--huh"],
        ["mosquitto", "--port"],
        ["mosquitto", "--port", "0"],
        ["mosquitto", "--port", "99999"],
        ["mosquitto", "--queue-mb", "much"],
        ["mosquitto", "--bind", "here;there"],
        ["mosquitto", "--run"],
        ["account"],
        ["account", "add-device", "que-phong"],
        ["account", "add-device", "Quế-Phong", "one-stop"],
        ["account", "add-device", "que-phong", "+"],
        ["account", "add-device", "que-phong", "one\nuser hub"],
        ["account", "add-reader", "a/b"],
        ["account", "add-reader", "hub", "--certificate"],
        ["account", "--dir"],
        ["certificates"],
        ["certificates", "server"],
        ["certificates", "server", "a,DNS:evil"],
        ["certificates", "device", "que-phong", "a/b"],
        ["certificates", "renew", "--days", "0"],
    ],
)
def test_bad_arguments_are_one_sentence(words: list[str]) -> None:
    need_programs()
    done = script(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"[^\n]*(\n[^\n]*)?\n", done.stderr), done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["account", "remove", "nobody"], "There is no nobody"),
        (["account", "new-password", "que-phong", "nobody"], "There is no que-phong/nobody"),
        (["certificates", "ca"], "There is an authority"),
        (["certificates", "revoke", "que-phong", "nobody"], "There is no certificate"),
    ],
)
def test_what_can_not_be_done_is_said(central: CentralBroker, words: list[str], told: str) -> None:
    done = script(*words, "--dir", central.folder)
    assert done.returncode == 1
    assert told in done.stderr


def test_no_port_that_was_not_asked_for(tmp_path: Path) -> None:
    """A second broker on this machine finds none taken by the first."""
    broker = CentralBroker(tmp_path)
    listeners = re.findall(r"^listener (\d+)", (broker.folder / "mosquitto.conf").read_text(), re.MULTILINE)
    assert listeners == [str(port) for port in (broker.port, broker.certificate_port, broker.plain_port)]


def test_certificates_are_whole_for_a_strict_reader(central: CentralBroker) -> None:
    central.add_certified("que-phong", "one-stop")
    made = central.folder / "server.pem", central.folder / "issued" / "que-phong_one-stop.pem"
    said = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", central.ca_file, *made],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr


def test_no_broker_there(tmp_path: Path) -> None:
    need_programs()
    done = script("account", "list", "--dir", tmp_path / "nothing")
    assert done.returncode == 1
    assert "mosquitto.sh" in done.stderr


@pytest.mark.parametrize("name", ["mosquitto", "account", "certificates"])
def test_help_is_how_the_script_begins(name: str) -> None:
    ran = subprocess.run(
        ["bash", f"{CHECKOUT}/deploy/broker/{name}.sh", "--help"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"bash deploy/broker/{name}.sh" in ran.stdout
    assert "set -euo" not in ran.stdout
