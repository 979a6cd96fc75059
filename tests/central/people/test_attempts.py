"""Wrong passwords: each further one has to wait, the owner gets in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from agent.central.people.attempts import network_of
from agent.central.people.sessions import Sessions
from tests.central.people.conftest import DAY_MS, MINUTE_MS, PASSWORD

if TYPE_CHECKING:
    from tests.central.people.conftest import Office


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting is looked at here, and a hash takes a tenth of a second."""
    monkeypatch.setattr(
        "agent.central.people.sessions.verify_password", lambda kept, typed: bool(kept) and typed == PASSWORD
    )


@pytest.mark.parametrize("name", ["lan", "nobody"])
def test_each_wrong_password_waits_longer(office: Office, name: str) -> None:
    """The same for an account that is not there: nothing says which are."""
    office.add("lan")
    waits = []
    for _ in range(14):
        while wait := office.wait_s(name):
            waits.append(wait)
            office.now_ms += wait * 1000
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256]
    # An hour's guessing is a handful, and a wait has an end.
    end_ms, tried = office.now_ms + 60 * MINUTE_MS, 0
    while office.now_ms < end_ms:
        wait = office.wait_s(name)
        tried += not wait
        office.now_ms += wait * 1000
    assert wait <= 900
    assert tried <= 6


def test_the_right_password_waits_too_and_then_counts_from_zero(office: Office) -> None:
    office.add("lan")
    for _ in range(6):
        office.wait_s("lan")
    assert office.sign_in("lan") is None
    office.now_ms += 2000
    assert office.sign_in("lan")
    assert [office.wait_s("lan") for _ in range(5)] == [0] * 5


def test_a_restart_forgets_nothing(office: Office) -> None:
    office.add("lan")
    for _ in range(8):
        office.now_ms += office.wait_s("lan") * 1000
    with office.people:
        again = Sessions(office.people, 60, 60)
        assert again.sign_in("lan", PASSWORD, "192.0.2.1").wait_s > 0


def test_many_at_once_are_counted(office: Office) -> None:
    office.add("lan")
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: office.wait_s("lan"), range(40)))
    assert sum(wait == 0 for wait in waits) == 6


def test_an_account_is_not_locked_by_others(office: Office) -> None:
    """Somebody guesses from hundreds of addresses, as fast as he is let."""
    office.add("lan")
    assert office.sign_in("lan", address="192.0.2.7")
    tried = 0
    for number in range(250):
        for _ in range(5):
            tried += not office.wait_s("lan", f"10.0.0.{number}")
        office.now_ms += 100
    # Three from each address, then one a minute in all.
    assert 250 * 3 < tried < 250 * 3 + 40
    assert office.sign_in("lan", address="192.0.2.7")
    assert office.sign_in("lan", address="192.0.2.8")


def test_an_address_that_tries_many_accounts_is_slowed(office: Office) -> None:
    office.add("lan")
    assert office.sign_in("lan", address="10.0.0.1")
    tried = sum(not office.wait_s(f"name-{number}", "10.0.0.1") for number in range(500))
    assert tried == 21
    assert office.wait_s("hoa", "10.0.0.1")
    # Who was signed in from there is not kept out by a colleague.
    assert office.sign_in("lan", address="10.0.0.1")
    # And an account of one's own does not make guessing at others' free.
    assert office.wait_s("hoa", "10.0.0.1")


def test_what_is_old_is_forgotten(office: Office) -> None:
    office.add("lan")
    for _ in range(10):
        office.now_ms += office.wait_s("lan") * 1000
    office.now_ms += DAY_MS + 1
    office.sessions.forget_ended()
    assert [office.wait_s("lan") for _ in range(5)] == [0] * 5


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "elsewhere"),
    ],
)
def test_an_address_as_it_is_counted(address: str, counted: str) -> None:
    assert network_of(address) == counted
