from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.central.postgres import Postgres, need
from tests.central.stores import Backend, DatabaseBackend, PlainBackend
from tests.deploy.conftest import start_central

__all__ = ["start_central"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of this process."""
    need()
    with Postgres() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """One that the test may kill."""
    need()
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'centre.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(params=["plain", "sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A store of each kind."""
    made: Backend
    match request.param:
        case "plain":
            made = PlainBackend(tmp_path / "central.db")
        case "sqlite":
            made = DatabaseBackend(f"sqlite:///{tmp_path / 'centre.db'}")
        case _:
            server: Postgres = request.getfixturevalue("postgres")
            made = DatabaseBackend(server.new_database())
    yield made
    made.close()
