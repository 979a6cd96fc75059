"""Names that the broker's rules would shadow are refused, and accounts are limited to sites."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.broker import Account, CentralBroker, script
from tests.conftest import wait_until
from tests.deploy.test_rights import Reader, published
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROLES = ("reader", "central", "admin", "home-assistant")
SITE_29, NAME_31, NAME_32 = "s" * 29, "n" * 31, "n" * 32


def refused(central: CentralBroker, name: str, *words: str) -> str:
    """What the script says to this; nothing of it is kept."""
    files = [central.folder / file for file in ("accounts", "passwords", "rights", "ca/index.txt")]
    before = [file.read_bytes() for file in files]
    done = script(name, *words, "--dir", central.folder)
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(r"[^\n]+[.]\n", done.stderr), done.stderr
    assert done.stdout == ""
    assert [file.read_bytes() for file in files] == before
    return done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_an_account_and_a_site_of_one_name(central: CentralBroker, role: str) -> None:
    central.add("device", "aa", "one")
    assert "aa is the name of a site" in refused(central, "account", f"add-{role}", "aa")
    central.add(role, "bb")
    for words in (("account", "add-device", "bb", "one"), ("certificates", "device", "bb", "one")):
        assert "bb can't be a site" in refused(central, *words)
    assert "bb can't be a site" in refused(central, "account", "add-device", "bb", "one", "--certificate")
    # A device may be called as any of them, and free is what is removed.
    central.add("device", "cc", "aa")
    central.account("remove-device", "aa", "one")
    central.account("remove", "bb")
    central.add(role, "aa")
    central.add("device", "bb", "one")


def test_a_site_that_only_a_certificate_names(central: CentralBroker) -> None:
    central.certificates("device", "aa", "one")
    assert "aa is the name of a site" in refused(central, "account", "add-central", "aa")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("other", ["reader", "central", "admin", "home-assistant"])
def test_one_name_has_one_role(central: CentralBroker, role: str, other: str) -> None:
    central.add(role, "hub")
    assert f"hub is there already, as {role}" in refused(central, "account", f"add-{other}", "hub")


@pytest.mark.parametrize("role", ["reader", "central"])
def test_the_site_that_an_account_is_limited_to(central: CentralBroker, role: str) -> None:
    assert "own name" in refused(central, "account", f"add-{role}", "aa", "--site", "bb", "--site", "aa")
    central.account(f"add-{role}", "hub", "--site", "aa")
    # Its site may have no device yet.
    assert "aa is the name of a site" in refused(central, "account", "add-reader", "aa")
    assert "hub can't be a site" in refused(central, "account", "add-reader", "dash", "--site", "hub")


@pytest.mark.parametrize(
    "words",
    [
        ("add-admin", "hub", "--site", "aa"),
        ("add-home-assistant", "hub", "--site", "aa"),
        ("add-device", "aa", "one", "--site", "aa"),
        ("list", "--site", "aa"),
        ("add-reader", "hub", "--site", "A/b"),
        ("add-reader", "hub", "--site", "+"),
        ("add-reader", "hub", "--site", "#"),
        ("add-reader", "hub", "--site", ""),
        ("add-reader", "hub", "--site", "a b"),
        ("add-device", SITE_29, NAME_32),
        ("add-device", NAME_32, NAME_32, "--certificate"),
    ],
)
def test_bad_sites_and_names(central: CentralBroker, words: tuple[str, ...]) -> None:
    refused(central, "account", *words)


def test_site_and_name_have_60_characters_together(central: CentralBroker) -> None:
    said = refused(central, "certificates", "device", SITE_29, NAME_32)
    assert "at most 60" in said
    longest = central.add_certified(SITE_29, NAME_31)
    topic = f"presence/v1/{SITE_29}/{NAME_31}/event/a/b"
    assert published(central, longest, 5, topic, "x") == ""


# --- limited to sites --------------------------------------------------------------------------------

TOPICS = [
    *(f"presence/v1/{agent}/{part}" for agent in ("aa/one", "aa/two", "bb/one", "cc/one", "aab/one")
      for part in ("status", "health", "info", "state/gate", "event/gate/line/crossed", "replay/r-1",
                   "cmd/replay")),
    "homeassistant/status", "elsewhere",
]  # fmt: skip


@pytest.fixture
def hear(tmp_path: Path) -> Iterator[Callable[[CentralBroker, Account, int], Reader]]:
    started: list[Reader] = []

    def start(broker: CentralBroker, account: Account, protocol: int) -> Reader:
        started.append(Reader(broker, account, protocol, tmp_path))
        return started[-1]

    yield start
    for reader in started:
        reader.process.kill()
        reader.process.wait(PATIENCE_S)


@pytest.mark.parametrize("protocol", [5, 311])
def test_limited_accounts_hear_and_ask_their_sites_only(
    central: CentralBroker, hear: Callable[..., Reader], protocol: int
) -> None:
    admin = central.add("admin", "admin")
    limits = {
        "dash": ("reader", ("aa",)), "board": ("reader", ("bb", "aa")),
        "hub": ("central", ("aa",)), "centre": ("central", ("cc", "aa")),
    }  # fmt: skip
    accounts = {}
    for login, (role, sites) in limits.items():
        path = central.folder / f"password-{login}"
        words = [word for site in sites for word in ("--site", site)]
        central.account(f"add-{role}", login, *words, "--password-file", path)
        accounts[login] = Account(login, path)
    assert "central centre aa cc\n" in central.account("list")
    devices = {
        f"{site}/{name}": central.add("device", site, name)
        for site, name in (("aa", "one"), ("aa", "two"), ("bb", "one"), ("cc", "one"), ("aab", "one"))
    }
    readers = {login: hear(central, account, protocol) for login, account in accounts.items()}

    def mark(text: str) -> None:
        # All of them hear site aa.
        def there() -> bool:
            published(central, admin, 5, "presence/v1/aa/one/cmd/mark", text)
            return all(text in {said for _, said in reader.read()} for reader in readers.values())

        wait_until(there)

    mark("begin")
    for topic in TOPICS:
        by = admin if topic.startswith("presence") and "/cmd/" in topic else None
        by = by or devices.get("/".join(topic.split("/")[2:4]))
        if by:
            assert published(central, by, protocol, topic, "told") == ""
    for login, account in accounts.items():
        for topic in TOPICS:
            said = published(central, account, protocol, topic, f"by {login}")
            role, sites = limits[login]
            let = role == "central" and "/cmd/" in topic and topic.split("/")[2] in sites
            assert protocol == 311 or (said == "") == let, topic
    mark("end")
    for login, reader in readers.items():
        _, sites = limits[login]
        mine = [topic for topic in TOPICS if topic.split("/")[2:3] and topic.split("/")[2] in sites]
        heard = {(topic, said) for topic, said in reader.read() if said not in {"begin", "end"}}
        expected = {(topic, "told") for topic in mine}
        expected |= {
            (topic, f"by {other}") for topic in mine for other, (role, others) in limits.items()
            if role == "central" and "/cmd/" in topic and topic.split("/")[2] in others
        }  # fmt: skip
        assert heard == expected, login


def test_limited_accounts_keep_their_limits(central: CentralBroker) -> None:
    """A new password, and what others are given, change nothing of it."""
    central.account("add-central", "hub", "--site", "aa")
    rights = (central.folder / "rights").read_text()
    central.account("new-password", "hub")
    central.account("rights")
    assert (central.folder / "rights").read_text() == rights
    assert central.account("list") == "central hub aa\n"
    central.account("remove", "hub")
    assert "hub" not in (central.folder / "rights").read_text()
