from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.central.database.engine import database_url as parsed
from agent.central.people.access_log import AccessLog, Actor
from agent.central.people.accounts import Accounts
from agent.central.people.database import PeopleDatabase
from agent.central.people.reach import Reach
from agent.central.people.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.central.people.reach import Role

PASSWORD = "cửa sổ mở rộng 7"  # noqa: S105 - of these tests
ADMIN = Actor("command", "root")
MINUTE_MS, DAY_MS = 60_000, 86_400_000


class Office:
    """A people database of the test's own, and its clock."""

    def __init__(self, url: str) -> None:
        self.url = parsed(url, table="people")
        self.now_ms = 1_800_000_000_000
        self.people = PeopleDatabase(self.url, lambda: self.now_ms)
        self.accounts = Accounts(self.people)
        self.sessions = Sessions(self.people, idle_s=1800, longest_s=12 * 3600)
        self.log = AccessLog(self.people)

    def add(self, name: str, role: Role = "leader", reach: Reach | None = None) -> None:
        self.accounts.add(ADMIN, name, role, reach or Reach(), PASSWORD)

    def sign_in(self, name: str, password: str = PASSWORD, address: str = "192.0.2.1") -> str | None:
        return self.sessions.sign_in(name, password, address).secret

    def wait_s(self, name: str, address: str = "192.0.2.1") -> int:
        """How long this wrong password has to wait; 0: it was looked at."""
        return self.sessions.sign_in(name, "wrong", address).wait_s


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    made = Office(database_url)
    with made.people:
        yield made
