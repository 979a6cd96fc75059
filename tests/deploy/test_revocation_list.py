"""The list of revoked certificates: good for 30 days, and renewed long before."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.broker import ENVIRONMENT, SCRIPTS, CentralBroker, script
from tests.deploy.test_taking_away import DEVICE, added, refused

if TYPE_CHECKING:
    from collections.abc import Callable


def crl_ends(broker: CentralBroker) -> datetime:
    said = subprocess.run(
        ["openssl", "crl", "-in", broker.folder / "crl.pem", "-noout", "-nextupdate"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return datetime.strptime(said.strip(), "nextUpdate=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)


def crl_until(broker: CentralBroker, *words: str) -> None:
    """A list of revoked certificates that somebody made for another time."""
    subprocess.run(
        ["openssl", "ca", "-config", broker.folder / "ca" / "ca.conf", "-gencrl", *words,
         "-out", broker.folder / "crl.pem"],
        check=True, capture_output=True, env={**ENVIRONMENT, "PRESENCE_CA": str(broker.folder / "ca")},
    )  # fmt: skip


def renewed(broker: CentralBroker) -> None:
    # It was made for this long once.
    crl_until(broker, "-crldays", "36500")
    broker.certificates("crl")


@pytest.mark.parametrize(
    "made",
    [
        lambda _: None,
        lambda central: central.certificates("revoke", *DEVICE),
        renewed,
    ],
    ids=["begun", "revoked", "renewed"],
)
def test_the_list_is_good_for_30_days(
    central: CentralBroker, made: Callable[[CentralBroker], object]
) -> None:
    added(central, certified=True)
    made(central)
    assert timedelta(days=29) < crl_ends(central) - datetime.now(UTC) <= timedelta(days=30)


def test_an_expired_list_locks_out_until_it_is_made_again(central: CentralBroker) -> None:
    device = added(central, certified=True)
    crl_until(central, "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200102000000Z")
    central.reload()
    assert refused(central, device)
    central.certificates("crl")
    assert not refused(central, device)


@pytest.mark.parametrize(("days", "told"), [("9", True), ("12", False)])
def test_a_list_that_nobody_renews_is_told(central: CentralBroker, days: str, *, told: bool) -> None:
    crl_until(central, "-crldays", days)
    for name in ("account", "certificates"):
        done = script(name, "list", "--dir", central.folder)
        assert done.returncode == 0
        assert ("certificates.sh crl" in done.stderr) == told


def test_the_timer_runs_what_is_installed() -> None:
    """mosquitto.sh copies the scripts; each of them finds those that it needs there."""
    unit = (SCRIPTS / "presence-broker-revocations.service").read_text()
    (command,) = re.findall(r"^ExecStart=/bin/bash (\S+) crl$", unit, re.MULTILINE)
    setup = (SCRIPTS / "mosquitto.sh").read_text()
    (names,) = re.findall(r'"\$here"/\{(\S+)\}\.sh /usr/local/lib/presence-broker/broker/', setup)
    assert command == "/usr/local/lib/presence-broker/broker/certificates.sh"
    copied = {f"{name}.sh" for name in names.split(",")} | {"environment.sh"}
    needed, new = set(), {"certificates.sh"}
    while new:
        needed |= new
        texts = [path.read_text() for path in SCRIPTS.glob("*.sh") if path.name in new]
        new = {name for text in texts for name in re.findall(r"/(\w+\.sh)\"$", text, re.MULTILINE)} - needed
    assert needed <= copied
