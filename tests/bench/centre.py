"""How fast the centre's receiver stores events, beside a bare executemany of the same rows.

    python -m tests.bench.centre [EVENTS]

From messages as a broker gives them to the commit of each thousand: parsed, looked up in what is known,
stored with their spans. Once all of one agent, once of 650 in turn, as of 130 sites. Bare is sqlite3's
executemany of the rows that come of it, into the same table with its indexes and as many commits. Exit code
1: less than .15 of that.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy import text

from agent.central.database.engine import database_url, make_engine
from agent.central.database.store import DatabaseStore
from agent.central.receiver import Receiver
from agent.mqtt.connection import Message
from agent.wire.payloads import Sender, event_json
from tests.central.postgres import Postgres, missing
from tests.samples import make_entered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import URL

AGENTS = 650
AT_ONCE = 1000
LEAST_OF_BARE = 0.15
COLUMNS = "agent, log, seq, type, rule, ts_ms, late, heard_ms, body"


def made(count: int, agents: int) -> list[Message]:
    """Events of so many agents, in turn."""
    messages = []
    for number in range(count):
        agent, before = number % agents, number // agents
        sender = Sender(f"site-{agent // 5}", f"place-{agent % 5}", "0123abcd")
        topic = f"presence/v1/{sender.site}/{sender.device}/event/waiting/zone/entered"
        body = event_json(make_entered(before + 1), sender, f"{agent:08x}", before + 1)
        messages.append(Message(topic, body))
    return messages


def through(url: URL, messages: Sequence[Message]) -> float:
    """Events a second through receiver and store."""
    with DatabaseStore(url) as store:
        receiver = Receiver(store).load()
        start_s = monotonic()
        for at in range(0, len(messages), AT_ONCE):
            receiver.receive(messages[at : at + AT_ONCE])
        return len(messages) / (monotonic() - start_s)


def bare(path: Path, like: Path) -> float:
    """Events a second of the rows of another file, by executemany."""
    with closing(sqlite3.connect(like)) as stored:
        rows = stored.execute(f"SELECT {COLUMNS} FROM event ORDER BY n").fetchall()  # noqa: S608
    with DatabaseStore(database_url(f"sqlite:///{path}")):
        pass
    marks = ", ".join("?" * (COLUMNS.count(",") + 1))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        start_s = monotonic()
        for at in range(0, len(rows), AT_ONCE):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(f"INSERT INTO event ({COLUMNS}) VALUES ({marks})", rows[at : at + AT_ONCE])  # noqa: S608
            db.execute("COMMIT")
        return len(rows) / (monotonic() - start_s)


def on_sqlite(messages: Sequence[Message]) -> tuple[str, float]:
    """What there is to say of SQLite, and its part of a bare executemany."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "centre.db"
        rate = through(database_url(f"sqlite:///{path}"), messages)
        of_bare, size = rate / bare(Path(folder) / "bare.db", path), path.stat().st_size / len(messages)
        return f"SQLite {rate:.0f} events/s, {of_bare:.2f} of bare, {size:.0f} bytes", of_bare


def on_postgres(server: Postgres, messages: Sequence[Message]) -> str:
    """What there is to say of PostgreSQL."""
    url = database_url(server.new_database())
    rate = through(url, messages)
    engine = make_engine(url, reading=True)
    with engine.connect() as connection:
        size = connection.execute(text("SELECT pg_total_relation_size('event')")).scalar_one()
    engine.dispose()
    return f"PostgreSQL {rate:.0f} events/s, {size / len(messages):.0f} bytes"


def main(count: int) -> int:
    """Print both for one agent and for many."""
    code = 0
    for agents in (1, AGENTS):
        messages = made(count, agents)
        said, of_bare = on_sqlite(messages)
        print(f"{count} events of {agents}: {said} each")
        if of_bare < LEAST_OF_BARE:
            code = 1
        if missing():
            continue
        with Postgres() as server:
            print(f"{count} events of {agents}: {on_postgres(server, messages)} each")
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
