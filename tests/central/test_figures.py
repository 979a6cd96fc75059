"""A made-up month: every number of store and API is what its raw events say, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from agent.central.database import tables
from agent.central.database.engine import database_url
from agent.central.database.reader import DatabaseReader
from agent.central.database.store import DatabaseStore
from agent.central.simulate.feed import feed_store
from agent.central.simulate.province import SimulatedProvince, SimulationSettings
from tests.central.api.asking import asking, pages
from tests.central.reckoning import DAY_MS, QUARTER_MS, Reckoning, is_empty, ms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Table
    from sqlalchemy.engine import URL

    from agent.central.simulate.agent import SimulatedMessage
    from tests.central.postgres import Postgres

FIRST, DAYS = date(2026, 8, 18), 31
# A Thursday, while people wait.
END = datetime(2026, 9, 17, 2, 21, 7, tzinfo=UTC)
MONTH = SimulationSettings(sites=1, days=DAYS, seed=2, first=FIRST, end_ms=round(END.timestamp() * 1000))
# As the events have them, where the columns are called otherwise.
WORDS = {
    "in_count": "in",
    "out_count": "out",
    "max_count": "max",
    "first_in_ms": "first_in",
    "last_out_ms": "last_out",
}
ABOUT = {
    "agent", "rule", "kind", "start_ms", "end_ms", "date", "length_s", "log", "seq", "ts_ms", "heard_ms",
    "changed_ms",
}  # fmt: skip


@cache
def month() -> tuple[SimulatedMessage, ...]:
    """Its agents say once an hour how they are: what is summed does not depend on it."""
    return tuple(
        message
        for message in SimulatedProvince(MONTH).messages()
        if not message.topic.endswith("/health") or message.when_ms % 3_600_000 < 60_000
    )


def reckoned(connection: Connection, folder: Path) -> Reckoning:
    """From the raw events in the store."""
    bodies = connection.execute(select(tables.event.c.body)).scalars()
    infos = connection.execute(text("SELECT body FROM info_now")).scalars()
    return Reckoning(folder, bodies, map(json.loads, infos))


def rows(connection: Connection, table: Table) -> Iterator[tuple[tuple[str, str, int], dict[str, Any]]]:
    """Each with its key in the reckoning, and its figures by their words; what a kind has not is left out."""
    for row in connection.execute(select(table)).mappings():
        start = row["start_ms"] if table is tables.quarter else ms(f"{row['date']}T00:00:00+07:00")
        figures = {WORDS.get(name, name): value for name, value in row.items() if name not in ABOUT}
        if figures.get("periods") is not None:
            figures["periods"] = json.loads(figures["periods"])
        yield (row["agent"], row["rule"], start), figures


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> URL:
    """A store with the month in it."""
    if request.param == "sqlite":
        url = database_url(f"sqlite:///{tmp_path_factory.mktemp('month') / 'centre.db'}")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = database_url(server.new_database())
    with DatabaseStore(url) as store:
        feed_store(month(), store)
    return url


def test_every_figure_of_the_store_is_that_of_its_raw_events(filled: URL, tmp_path: Path) -> None:
    with DatabaseReader(filled) as reader:
        connection = reader.connection
        reckoning = reckoned(connection, tmp_path)
        blind = 0
        for table, sums, length_ms in (
            (tables.quarter, reckoning.quarters(), QUARTER_MS),
            (tables.day, reckoning.days(), DAY_MS),
        ):
            there = dict(rows(connection, table))
            for key, figures in there.items():
                wanted = {name: value for name, value in sums[key].items() if name != "kind"}
                assert figures == dict.fromkeys(figures) | wanted, (table.name, key)
                blind += figures["blind_s"] > 0
            due = {key for key, figures in sums.items() if reckoning.due(key, length_ms)}
            if table is tables.quarter:
                due = {key for key in due if not is_empty(sums[key])}
            assert len(there) >= len(due) > 300
            assert not due - set(there), table.name
        assert blind > 300


def test_every_state_of_the_store_is_that_of_its_raw_events(filled: URL, tmp_path: Path) -> None:
    with DatabaseReader(filled) as reader:
        reckoning = reckoned(reader.connection, tmp_path)
        found = reader.connection.execute(text("SELECT agent, rule, body FROM state_now")).all()
    states, blind_now = reckoning.states(MONTH.end_ms or 0), reckoning.blind_now()
    assert len(found) == len(states)
    for agent, rule, body in found:
        said = json.loads(body)
        wanted = dict.fromkeys(states[agent, rule]) if agent in blind_now else states[agent, rule]
        told = {name: said[name] for name in wanted}
        if told.get("waiting_since"):
            told["waiting_since"] = ms(told["waiting_since"])
        assert told == wanted, (agent, rule)
    assert any(figures.get("waiting") for figures in states.values()), "nobody waits"


def test_a_quarter_that_an_outage_held_back_came_later(filled: URL) -> None:
    quarter = tables.quarter.c
    with DatabaseReader(filled) as reader:
        query = select(quarter.end_ms, quarter.heard_ms, quarter.changed_ms)
        late = reader.connection.execute(query).all()
    assert any(row.heard_ms - row.end_ms > 3_600_000 for row in late)
    assert all(row.changed_ms == row.heard_ms for row in late)


def test_every_figure_of_the_api_is_that_of_the_raw_events(filled: URL, tmp_path: Path) -> None:
    with DatabaseReader(filled) as reader:
        reckoning = reckoned(reader.connection, tmp_path)
    unknown = 0
    with asking(filled) as client:
        for path, cursor, sums, length_s in (
            ("/quarters", "after", reckoning.quarters(), 900),
            ("/days", "changed_after", reckoning.days(), 86_400),
        ):
            there = {}
            for item in pages(client, path, cursor, limit=777):
                start = ms(item["start"] if path == "/quarters" else f"{item['date']}T00:00:00+07:00")
                key = (f"{item['site']}/{item['place']}", item["rule"], start)
                assert key not in there
                there[key] = item
                wanted = dict(sums[key])
                assert item["utc_offset"] == "+07:00"
                assert item["blind_s"] == wanted.pop("blind_s")
                kind = wanted.pop("kind")
                if path == "/days" and kind == "line":
                    unknown += line_day(item, wanted)
                if item["sums"] is None:
                    assert item["why"]["sums"] == "blind"
                    assert item["blind_s"] == length_s
                    assert not any(wanted.values())
                    unknown += 1
                    continue
                told = {WORDS.get(name, name): value for name, value in item["sums"].items()}
                assert told.pop("kind") == kind
                nulls = [name for name, value in told.items() if value is None]
                assert set(told.pop("why", ())) == set(nulls)
                assert told == wanted, key
            with DatabaseReader(filled) as reader:
                table = tables.quarter if path == "/quarters" else tables.day
                assert set(there) == set(dict(rows(reader.connection, table)))
    assert unknown > 100


def line_day(item: dict[str, Any], wanted: dict[str, Any]) -> int:
    """A line's own figures of a day, taken out of what is wanted; how many are not known."""
    unknown = 0
    for name in ("first_in", "last_out", "periods"):
        value = wanted.pop(name)
        told = ms(item[name]) if name != "periods" and item[name] else item[name]
        if told is None:
            assert not value or item["sums"] is None
            assert item["why"][name] in {"nobody", "blind"}
            unknown += 1
        else:
            assert told == value, item
    return unknown


def test_every_event_of_the_store_comes_once_by_its_cursor(filled: URL) -> None:
    with DatabaseReader(filled) as reader:
        bodies = list(
            reader.connection.execute(select(tables.event.c.body).order_by(tables.event.c.n)).scalars()
        )
    with asking(filled) as client:
        told = [item["body"] for item in pages(client, "/events", "after", limit=2000)]
        leaving = list(
            pages(client, "/events", "after", limit=500, type=["zone.left", "line.crossed"], place="gate")
        )
    assert told == [json.loads(body) for body in bodies]
    assert [item["body"] for item in leaving] == [
        body for body in told if body["device"] == "gate" and body["type"] in {"zone.left", "line.crossed"}
    ]
