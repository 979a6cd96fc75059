"""A made-up month in the store: every sum and every state is what its raw events say, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from agent.central.database import tables
from agent.central.database.engine import database_url as parsed
from agent.central.database.reader import DatabaseReader
from agent.central.database.store import DatabaseStore
from agent.central.simulate.feed import feed_store
from agent.central.simulate.province import SimulatedProvince, SimulationSettings
from tests.central.reckoning import DAY_MS, QUARTER_MS, Reckoning, is_empty, ms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from agent.central.simulate.agent import SimulatedMessage

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


def test_every_figure_of_the_store_is_that_of_its_raw_events(database_url: str, tmp_path: Path) -> None:
    url = parsed(database_url)
    with DatabaseStore(url) as store:
        feed_store(month(), store)
    with DatabaseReader(url) as reader:
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
        late = connection.execute(
            select(tables.quarter.c.end_ms, tables.quarter.c.heard_ms, tables.quarter.c.changed_ms)
        ).all()
        assert any(row.heard_ms - row.end_ms > 3_600_000 for row in late), "no outage held a quarter back"
        assert all(row.changed_ms == row.heard_ms for row in late)
        states = reckoning.states(MONTH.end_ms or 0)
        blind_now = reckoning.blind_now()
        found = connection.execute(text("SELECT agent, rule, body FROM state_now")).all()
        assert len(found) == len(states)
        for agent, rule, body in found:
            said = json.loads(body)
            wanted = dict.fromkeys(states[agent, rule]) if agent in blind_now else states[agent, rule]
            told = {name: said[name] for name in wanted}
            if told.get("waiting_since"):
                told["waiting_since"] = ms(told["waiting_since"])
            assert told == wanted, (agent, rule)
        assert any(figures.get("waiting") for figures in states.values()), "nobody waits"
