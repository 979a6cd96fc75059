"""Accounts, sessions, screens and tokens, on SQLite and PostgreSQL."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from agent.central.database.engine import make_engine
from agent.central.people import tables
from agent.central.people.database import PeopleDatabase
from agent.central.people.migrations import migrate
from agent.central.people.passwords import verify_password
from agent.central.people.reach import Reach
from agent.central.people.screens import Screens
from agent.central.people.tokens import Tokens
from agent.errors import ConfigError, LogError
from tests.central.people.conftest import ADMIN, DAY_MS, MINUTE_MS, PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.central.people.conftest import Office

SITE = Reach(frozenset({"que-phong"}))


@pytest.mark.parametrize(
    ("name", "role", "reach", "password", "said"),
    [
        ("lan", "leader", Reach(), "short", "too short"),
        ("lan", "leader", Reach(), "a" * 30, "easily guessed"),
        ("lan", "leader", Reach(), "my-lan-password", "easily guessed"),
        ("lan", "leader", Reach(), "abcde" * 200, "too long"),
        ("lan", "staff", Reach(), PASSWORD, "own place"),
        ("twice", "leader", Reach(), PASSWORD, "already"),
    ],
)
def test_no_account(office: Office, name: str, role: str, reach: Reach, password: str, said: str) -> None:
    office.add("twice")
    with pytest.raises(ConfigError, match=said):
        office.accounts.add(ADMIN, name, role, reach, password)  # type: ignore[arg-type]
    assert [one.name for one in office.accounts.all()] == ["twice"]


def test_a_session_is_an_accounts(office: Office) -> None:
    office.add("lan", "staff", Reach(frozenset(), frozenset({"que-phong/gate"})))
    assert office.sign_in("lan", "wrong password") is None
    assert office.sign_in("hoa") is None
    secret = office.sign_in(" Lan ")
    assert secret
    found = office.sessions.find(secret, used=True)
    assert found
    assert (found.name, found.role) == ("lan", "staff")
    assert found.reach == Reach(frozenset(), frozenset({"que-phong/gate"}))
    assert office.sessions.find(secret[:-1], used=True) is None


@pytest.mark.parametrize(
    ("every_ms", "times", "used", "there"),
    [
        (29 * MINUTE_MS, 1, False, True),
        (31 * MINUTE_MS, 1, True, False),
        # Used again and again it goes on, until it is too old.
        (20 * MINUTE_MS, 30, True, True),
        (20 * MINUTE_MS, 36, True, False),
        # A page that only stays open is no use.
        (20 * MINUTE_MS, 2, False, False),
    ],
)
def test_a_session_ends(office: Office, every_ms: int, times: int, used: bool, there: bool) -> None:
    office.add("lan")
    secret = office.sign_in("lan")
    assert secret
    for _ in range(times):
        office.now_ms += every_ms
        found = office.sessions.find(secret, used=used)
    assert (found is not None) == there
    office.sessions.forget_ended()
    with office.people.reading() as connection:
        assert len(connection.execute(tables.session.select()).all()) == there


def test_a_session_ends_with_its_account(office: Office) -> None:
    for name in ("lan", "hoa", "mai"):
        office.add(name)
    secrets = {name: office.sign_in(name) or "" for name in ("lan", "hoa", "mai")}
    office.accounts.remove(ADMIN, "lan")
    office.accounts.set_password(ADMIN, "hoa", "một câu khác hẳn 9")
    office.sessions.sign_out(secrets["mai"])
    assert [office.sessions.find(secret, used=True) for secret in secrets.values()] == [None] * 3
    assert office.sign_in("hoa") is None
    assert office.sign_in("hoa", "một câu khác hẳn 9")
    # The same name is another account.
    office.add("lan")
    assert office.sessions.find(secrets["lan"], used=True) is None


def test_signing_in_ends_the_session_before(office: Office) -> None:
    office.add("lan")
    first = office.sign_in("lan") or ""
    second = office.sessions.sign_in("lan", PASSWORD, "192.0.2.1", first).secret or ""
    assert first != second
    assert office.sessions.find(first, used=True) is None
    assert office.sessions.find(second, used=True)


def test_no_secret_is_kept(office: Office) -> None:
    office.add("lan")
    secrets = [
        PASSWORD,
        office.sign_in("lan") or "",
        Screens(office.people).add(ADMIN, "hall", SITE),
        Tokens(office.people).add(ADMIN, "board", SITE, 10),
    ]
    office.sign_in("mistyped-password", "x")
    with office.people.reading() as connection:
        kept = "\n".join(
            repr(row) for table in tables.metadata.sorted_tables for row in connection.execute(table.select())
        )
    assert "$argon2id$" in kept
    assert not [secret for secret in secrets if secret in kept]
    assert "mistyped" not in kept


def test_nobodys_password_is_never_right() -> None:
    assert not verify_password(None, "nobody's password")
    assert not verify_password("no hash", "x")
    assert not verify_password(None, "x" * 1_000_000)


def test_a_screens_address_is_good_once(office: Office) -> None:
    screens = Screens(office.people)
    code = screens.add(ADMIN, "hall", SITE)
    assert screens.exchange("0000-0000-0000-0000", "192.0.2.1").secret is None
    # As somebody may type it.
    secret = screens.exchange(code.upper().replace("-", "").replace("0", "O"), "192.0.2.1").secret
    assert secret
    found = screens.find(secret)
    assert found
    assert (found.name, found.reach) == ("hall", SITE)
    assert screens.exchange(code, "192.0.2.1").secret is None
    assert screens.find(code) is None
    screens.remove(ADMIN, "hall")
    assert screens.find(secret) is None
    with pytest.raises(ConfigError, match="no screen"):
        screens.remove(ADMIN, "hall")


def test_a_screens_address_ends(office: Office) -> None:
    screens = Screens(office.people)
    code = screens.add(ADMIN, "hall", SITE)
    with pytest.raises(ConfigError, match="already"):
        screens.add(ADMIN, "hall", SITE)
    office.now_ms += 8 * DAY_MS
    assert screens.exchange(code, "192.0.2.1").secret is None


def test_codes_can_not_be_tried_fast(office: Office) -> None:
    screens = Screens(office.people)
    tried = [screens.exchange(f"{number:016}", "192.0.2.9").wait_s for number in range(40)]
    assert tried[:20] == [0] * 20
    assert all(tried[22:])


def test_one_of_many_gets_a_screen(office: Office) -> None:
    screens = Screens(office.people)
    code = screens.add(ADMIN, "hall", SITE)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: screens.exchange(code, f"192.0.2.{number}").secret, range(16)))
    assert sum(secret is not None for secret in found) == 1


def test_a_token_ends(office: Office) -> None:
    tokens = Tokens(office.people)
    made = tokens.add(ADMIN, "board", SITE, 10)
    assert tokens.find(made) == tokens.all()[0]
    office.now_ms += 11 * DAY_MS
    assert tokens.find(made) is None


def test_a_newer_form_is_refused(office: Office) -> None:
    with office.people.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '99'"))
    with pytest.raises(LogError, match="newer version"):
        PeopleDatabase(office.url).__enter__()


def test_what_is_something_elses_stays(database_url: str) -> None:
    from agent.central.database.engine import database_url as parsed  # noqa: PLC0415 - the fixture has its name
    from agent.central.database.store import DatabaseStore  # noqa: PLC0415

    url = parsed(database_url)
    with DatabaseStore(url):
        pass
    with pytest.raises(LogError, match="something else"):
        PeopleDatabase(url).__enter__()


def test_the_form_is_that_of_the_tables(office: Office) -> None:
    """What migrations make is what the code reads and writes."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    engine = make_engine(office.url, reading=False)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    from agent.central.database.engine import database_url as parsed  # noqa: PLC0415

    path = tmp_path / "people.db"
    with PeopleDatabase(parsed(f"sqlite:///{path}")) as people, people.reading():
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
