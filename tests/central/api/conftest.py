from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from agent.central.database.engine import database_url
from agent.central.database.store import DatabaseStore
from agent.central.simulate.feed import feed_store
from agent.central.simulate.plan import ZONE
from agent.central.simulate.province import SimulatedProvince, SimulationSettings

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from agent.central.simulate.agent import SimulatedMessage
    from tests.central.postgres import Postgres


@cache
def two_offices() -> tuple[SimulatedMessage, ...]:
    """Two days that end now, or where the evening was: people are seldom there at night."""
    now = datetime.now(UTC)
    first = (now.astimezone(ZONE) - timedelta(days=1)).date()
    end_ms = round(time.time() * 1000)
    province = SimulatedProvince(SimulationSettings(sites=2, days=2, seed=5, first=first, end_ms=end_ms))
    return tuple(
        message
        for message in province.messages()
        if not message.topic.endswith("/health")
        or message.when_ms % 3_600_000 < 60_000
        or message.when_ms > end_ms - 120_000
    )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> URL:
    """A store with two offices in it; tests of one module share it."""
    if request.param == "sqlite":
        url = database_url(f"sqlite:///{tmp_path_factory.mktemp('offices') / 'centre.db'}")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = database_url(server.new_database())
    with DatabaseStore(url) as filled:
        feed_store(two_offices(), filled)
    return url
