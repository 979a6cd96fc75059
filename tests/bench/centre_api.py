"""CPU of each query of API v1 over a year of a province, and what 50 live clients cost.

    python -m tests.bench.centre_api [--postgres] [--days DAYS]

130 sites of 5 places, a rule each: a row for each day, 40 quarters of each day, and 500,000 events, filled in
bulk (a year is 9.5 million quarters: 2 GB, minutes). A query is CPU from the call to the JSON, the median
of 15; PostgreSQL's own process is counted. The live clients listen to a server of its own, into whose store
ten states and ten events come a second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import TypeAdapter
from sqlalchemy import text

from agent.central.api.cursors import DayCursor
from agent.central.api.reading import ApiReading, Wanted
from agent.central.database.engine import database_url, make_engine
from agent.central.database.store import DatabaseStore
from agent.central.receiver import Receiver
from tests.central.api.asking import Somebody
from tests.central.postgres import Postgres, missing
from tests.central.saying import happened, make_state, make_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL

SITES, PLACES, EVENTS = 130, 5, 500_000
TIMES, CLIENTS, LISTEN_S = 15, 50, 20
END_MS = 1_788_220_800_000  # 2026-09-01T00:00:00Z
DAY_MS, QUARTER_MS = 86_400_000, 900_000
MOST_MS = 100.0
_TICKS_S = 1 / os.sysconf("SC_CLK_TCK")
_ANY = TypeAdapter(Any)

# Both databases read these; {numbers} is how each counts from 0.
INFO = (
    '{"site":"site-%s","device":"place-%s","place":"Quầy","timezone":"Asia/Ho_Chi_Minh",'
    '"rules":[{"kind":"zone","rule":"waiting"}],"hours":[],"versions":{"agent":"1.0.0"}}'
)
FILL = """
INSERT INTO agent (agent, state, log, session, ts_ms, heard_ms, health)
SELECT 'site-' || (i / 5) || '/place-' || (i - i / 5 * 5), 'online', 'a0000000', 'c01dbeef', {now}, {now},
    '{{"ts":"2026-09-01T00:00:00.000Z","verdict":"ok","reasons":[]}}' FROM {agents};
INSERT INTO log SELECT agent, 'a0000000', 1, 770, 0, 0, 0, {false} FROM agent;
INSERT INTO span SELECT agent, 'a0000000', 'stored', 1, 770 FROM agent;
INSERT INTO state
SELECT agent, 'waiting', 'zone', {true}, 'a0000000', 'c01dbeef', {now},
    '{{"count":2,"since":"2026-09-01T00:00:00.000Z"}}' FROM agent;
INSERT INTO event (agent, log, seq, type, rule, ts_ms, late, heard_ms, body)
SELECT 'site-' || ((i - i / 650 * 650) / 5) || '/place-' || (i - i / 5 * 5), 'a0000000', i / 650 + 1,
    'zone.entered', 'waiting',
    {start} + i * 1000, {false}, {start} + i * 1000,
    '{{"v":1,"count":2,"track":"t1","since":"2026-09-01T00:00:00.000Z"}}' FROM {events};
INSERT INTO day (agent, rule, kind, date, length_s, blind_s, visits, occupied_s, max_count, log, seq, ts_ms,
    heard_ms, changed_ms)
SELECT agent, 'waiting', 'zone', {date}, 86400, 0, 61, 24300.5, 6, 'a0000000', 1, {start} + d.i * 86400000,
    {start} + d.i * 86400000, {start} + d.i * 86400000 FROM {days} AS d, agent;
INSERT INTO quarter (agent, rule, kind, start_ms, end_ms, blind_s, visits, occupied_s, max_count, log, seq,
    ts_ms, heard_ms, changed_ms)
SELECT agent, 'waiting', 'zone', s, s + 900000, 0, 4, 611.5, 3, 'a0000000', 1, s + 900000, s + 900000,
    s + 900000
FROM (SELECT {start} + d.i * 86400000 + q.i * 900000 AS s FROM {days} AS d, {quarters} AS q) AS w, agent
"""


def fill(url: URL, days: int) -> None:
    """Fill a store in bulk."""
    with DatabaseStore(url):
        pass
    postgres = url.get_backend_name() == "postgresql"
    start_ms = END_MS - days * DAY_MS

    def numbers(count: int) -> str:
        if postgres:
            return f"(SELECT i::bigint FROM generate_series(0, {count - 1}) AS g(i))"  # noqa: S608
        return (
            f"(WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < {count - 1}) "  # noqa: S608
            "SELECT i FROM g)"
        )

    since = f"({start_ms} + d.i * 86400000) / 1000"
    parts = {
        "now": time.time_ns() // 1_000_000,
        "start": start_ms,
        "true": "true" if postgres else "1",
        "false": "false" if postgres else "0",
        "agents": f"{numbers(SITES * PLACES)} AS a",
        "events": f"{numbers(EVENTS)} AS e",
        "days": numbers(days),
        "quarters": numbers(40),
        "date": f"to_char(to_timestamp({since}), 'YYYY-MM-DD')"
        if postgres
        else f"date({since}, 'unixepoch')",
    }
    engine = make_engine(url, reading=False)
    with engine.connect() as connection:
        if not postgres:
            # A file of the bench's own: nothing of it need survive a power cut.
            for setting in ("journal_mode = DELETE", "synchronous = OFF", "cache_size = -1500000"):
                connection.connection.execute(f"PRAGMA {setting}")
        for statement in FILL.split(";\n"):
            connection.exec_driver_sql(statement.format(**parts))
        for number in range(SITES * PLACES):
            connection.execute(
                text("INSERT INTO info (agent, digest, ts_ms, heard_ms, body) VALUES (:a, 'd', 1, 1, :b)"),
                {"a": f"site-{number // 5}/place-{number % 5}", "b": INFO % (number // 5, number % 5)},
            )
        connection.commit()
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def queries(reading: ApiReading, days: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each with its name."""
    everybody, few = Somebody(), Somebody(frozenset(f"site-{number}" for number in range(0, SITES, 2)))
    whole, half = Wanted(everybody), Wanted(few)
    site, place = Wanted(everybody, "site-70"), Wanted(everybody, "site-70", "place-3")
    start_ms, middle_ms = END_MS - days * DAY_MS, END_MS - days // 2 * DAY_MS
    yield "sites", lambda: reading.sites(everybody)
    yield "places, all", lambda: reading.places(whole)
    yield "places, one site", lambda: reading.places(site)
    yield "state, all", lambda: reading.states(whole)
    yield "state, one site", lambda: reading.states(site)
    yield "devices, all", lambda: reading.devices(whole)
    yield "events, 500 of all", lambda: reading.events(whole, EVENTS // 2, 500)
    yield "events, 500 of half of the sites", lambda: reading.events(half, EVENTS // 2, 500)
    yield "events, of one place", lambda: reading.events(place, EVENTS // 2, 500)
    yield "events, none of a type", lambda: reading.events(whole, 0, 500, ("line.crossed",))
    yield "quarters, first 500 of all", lambda: reading.quarters(whole, start_ms, END_MS, None, 500)
    yield "quarters, 500 of half of the sites", lambda: reading.quarters(half, middle_ms, END_MS, None, 500)
    yield (
        "quarters, a day of one site",
        lambda: reading.quarters(site, middle_ms, middle_ms + DAY_MS, None, 500),
    )
    yield (
        "quarters, a month of one place",
        lambda: reading.quarters(place, middle_ms, middle_ms + 31 * DAY_MS, None, 500),
    )
    first = DayCursor(0, "~", "~", "~")
    yield "days, first 500 of all", lambda: reading.days(whole, (None, None), first, 500)
    yield "days, a year of one place", lambda: reading.days(place, (None, None), first, 500)
    yield (
        "days, changed since yesterday",
        lambda: reading.days(whole, (None, None), DayCursor(END_MS - 2 * DAY_MS, "~", "~", "~"), 500),
    )
    yield "days, a month of one site", lambda: reading.days(site, ("2026-08-01", "2026-08-31"), first, 500)


def server_s(pids: list[int]) -> float:
    """CPU of some processes."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) * _TICKS_S
    return total


def measure(url: URL, days: int) -> bool:
    """Print a line a query; whether each is good."""
    reading, good = ApiReading(url), True
    pids: list[int] = []
    if url.get_backend_name() == "postgresql":
        with reading._engine.connect() as connection:
            pids = [connection.execute(text("SELECT pg_backend_pid()")).scalar_one()]
    for name, ask in queries(reading, days):
        took = []
        # PostgreSQL's own is told in hundredths of a second: over all of them.
        before_s = server_s(pids)
        for _ in range(TIMES):
            start_s = time.process_time()
            _ANY.dump_json(ask())
            took.append(1000 * (time.process_time() - start_s))
        median_ms = statistics.median(took) + 1000 * (server_s(pids) - before_s) / TIMES
        good = good and median_ms <= MOST_MS
        print(f"{url.get_backend_name():10} {name:36} {median_ms:6.1f} ms")
    reading.close()
    return good


def listen(address: str, heard: list[int], number: int, stop: threading.Event) -> None:
    # The server ends before its clients do.
    with (
        suppress(httpx.RemoteProtocolError),
        httpx.stream("GET", f"{address}/api/v1/live", timeout=60) as answer,
    ):
        for line in answer.iter_lines():
            heard[number] += line.startswith("event: ")
            if stop.is_set():
                return


def live(url: URL) -> None:
    """What a server with many clients costs, and without any."""
    program = (
        "import sys, time\nfrom agent.central.database.engine import database_url\n"
        "from tests.central.api.asking import serving\n"
        "with serving(database_url(sys.argv[1])) as address:\n"
        "    print(address, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, url.render_as_string(hide_password=False)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        assert server.stdout
        assert server.stdin
        address = server.stdout.readline().strip()
        httpx.get(f"{address}/api/v1/state", timeout=60)
        alone_mb = rss_mb(server.pid)
        heard, stop = [0] * CLIENTS, threading.Event()
        threads = [
            threading.Thread(target=listen, args=(address, heard, number, stop)) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        while not all(heard):
            time.sleep(0.1)
        with DatabaseStore(url) as store:
            receiver = Receiver(store).load()
            receiver.receive([make_status(1)])
            start_s, cpu_s, seq = time.monotonic(), server_s([server.pid]), 0
            while time.monotonic() - start_s < LISTEN_S:
                states = [make_state(f"rule-{rule}", count=seq) for rule in range(10)]
                receiver.receive([*happened(*range(seq + 1, seq + 11)), *states])
                seq += 10
                time.sleep(1)
            cpu_s = (server_s([server.pid]) - cpu_s) / (time.monotonic() - start_s)
        with_mb = rss_mb(server.pid)
        stop.set()
        server.stdin.close()
        for thread in threads:
            thread.join(60)
    print(
        f"{url.get_backend_name():10} {CLIENTS} live clients: {100 * cpu_s:.1f} % of a core, "
        f"{with_mb - alone_mb:.1f} MB more than the {alone_mb:.0f} MB without, "
        f"{min(heard)}–{max(heard)} messages each in {LISTEN_S} s"
    )


def rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(url: URL, days: int) -> bool:
    start_s = time.monotonic()
    fill(url, days)
    print(f"{url.get_backend_name():10} filled with {days} days in {time.monotonic() - start_s:.0f} s")
    good = measure(url, days)
    live(url)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL instead of SQLite")
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    if options.postgres:
        if why := missing():
            print(why)
            return 0
        with Postgres() as server:
            return 0 if run(database_url(server.new_database()), options.days) else 1
    with TemporaryDirectory() as folder:
        return 0 if run(database_url(f"sqlite:///{folder}/centre.db"), options.days) else 1


if __name__ == "__main__":
    sys.exit(main())
