"""The centre's database by itself: sums, hours of health, forms, takeover; on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from agent.central.database import tables
from agent.central.database.engine import database_url as parsed
from agent.central.database.engine import make_engine
from agent.central.database.health_hours import HOUR_MS
from agent.central.database.reader import DatabaseReader
from agent.central.database.store import DatabaseStore
from agent.central.database.takeover import take_over
from agent.central.moments import ms_of
from agent.central.overview import overview
from agent.central.receiver import Receiver
from agent.central.store import Store
from agent.errors import BusyError, ConfigError, LogError
from agent.eventlog.log import EventLog
from agent.mqtt.connection import Message
from tests.central.saying import (
    AGENT,
    LOG,
    ROOT,
    TS,
    dropped,
    happened,
    make_body,
    make_health,
    make_state,
    make_status,
)
from tests.conftest import ROOT as CHECKOUT
from tests.samples import SENDER, longest_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.central.postgres import Postgres

START, END = "2026-11-22T00:30:00.000Z", "2026-11-22T00:45:00.000Z"
LINE: dict[str, Any] = {
    "type": "line.quarter",
    "rule": "gate",
    "start": START,
    "end": END,
    "blind_s": 12.5,
    "in": 3,
    "out": 1,
}
DAY: dict[str, Any] = {
    "type": "line.day", "rule": "gate", "date": "2026-11-22", "length_s": 86400, "blind_s": 0,
    "in": 41, "out": 40,
    "first_in": "2026-11-21T23:58:01.000Z", "last_out": None,
    "periods": [{"start": "07:30", "end": "11:30", "in_before_start": 24, "in_after_start": 6,
                 "out_before_end": 0, "out_after_end": 9}],
}  # fmt: skip


def said(seq: int, **fields: object) -> Message:
    body = make_body(seq)
    for name in ("since", "count", "track"):
        del body[name]
    body |= fields
    return Message(f"{ROOT}/event/{body['rule']}/{str(body['type']).replace('.', '/')}", json.dumps(body))


class Centre:
    """A receiver on a database of its own."""

    def __init__(self, address: str) -> None:
        self.url = parsed(address)
        self.store = DatabaseStore(self.url).__enter__()
        self.receiver = Receiver(self.store).load()

    def rows(self, table: str) -> list[dict[str, Any]]:
        with DatabaseReader(self.url) as reader:
            rows = reader.connection.execute(select(tables.metadata.tables[table]))
            return [dict(row._mapping) for row in rows]

    def seen(self) -> dict[str, Any]:
        with DatabaseReader(self.url) as reader:
            return overview(reader)


@pytest.fixture
def centre(database_url: str) -> Iterator[Centre]:
    made = Centre(database_url)
    yield made
    made.store.close()


def test_every_figure_that_agents_publish_has_a_column(centre: Centre, tmp_path: Path) -> None:
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([event for event in longest_events() if event.TYPE.endswith((".quarter", ".day"))])
        bodies = [entry.body for entry in log.read(0, 100)]
    contents = [json.loads(body) for body in bodies]
    assert {content["type"] for content in contents} == {
        f"{kind}.{span}" for kind in tables.FIGURES for span in ("quarter", "day")
    }
    envelope = set(make_body(1)) - {"since", "count", "track"} | {"late", "boot", "mono_s"}
    figures = {column for names in tables.FIGURES.values() for column in names}
    for content, body in zip(contents, bodies, strict=True):
        kind, _, span = content["type"].partition(".")
        topic = f"{ROOT}/event/{content['rule']}/{kind}/{span}"
        centre.receiver.receive([Message(topic, body)])
        # All are of one rule, which was of another kind before: nothing is left of that.
        (row,) = centre.rows(span)
        for name in figures - content.keys():
            assert row[tables.COLUMNS.get(name, name)] is None
        for name in content.keys() - envelope:
            value, column = content[name], tables.COLUMNS.get(name, name)
            match name:
                case "start" | "end" | "first_in" | "last_out":
                    assert row[f"{name}_ms"] == ms_of(value)
                case "periods":
                    assert json.loads(row[name]) == value
                case _:
                    assert row[column] == value, name
    assert centre.seen()["refused"] == []


def test_later_sums_take_the_place_of_earlier_ones(centre: Centre) -> None:
    centre.receiver.receive([said(1, **LINE), said(2, **DAY)])
    (quarter,), (day,) = centre.rows("quarter"), centre.rows("day")
    assert (quarter["in_count"], quarter["blind_s"], day["in_count"]) == (3, 12.5, 41)
    assert day["changed_ms"] == day["heard_ms"]
    # An hour later the day has other figures.
    later = {"ts": "2026-11-22T01:31:05.120Z"}
    centre.receiver.receive([said(9, **DAY | {"in": 42} | later)])
    (changed,) = centre.rows("day")
    assert (changed["in_count"], changed["heard_ms"], changed["seq"]) == (42, day["heard_ms"], 9)
    assert changed["changed_ms"] >= day["changed_ms"]
    # What is older, and comes later, changes nothing.
    centre.receiver.receive([said(4, **DAY | {"in": 1})])
    assert centre.rows("day") == [changed]


def test_sums_of_one_batch_take_the_last(centre: Centre) -> None:
    centre.receiver.receive([said(3, **LINE | {"in": 9}), said(2, **LINE | {"in": 8}), said(1, **LINE)])
    assert [row["in_count"] for row in centre.rows("quarter")] == [9]


@pytest.mark.parametrize(
    "wrong",
    [
        {"in": -1}, {"in": True}, {"in": "3"}, {"in": 1e17}, {"in": float("1e300")}, {"blind_s": None},
        {"start": "x"}, {"start": END, "end": START}, {"end": None}, {"start": 7},
    ],
)  # fmt: skip
def test_what_is_no_sum_is_an_event_all_the_same(centre: Centre, wrong: dict[str, Any]) -> None:
    centre.receiver.receive([said(1, **LINE | wrong), said(2, **LINE)])
    assert [row["seq"] for row in centre.rows("quarter")] == [2]
    assert centre.seen()["refused"] == [{"agent": AGENT, "why": "figures", "times": 1}]
    assert centre.seen()["agents"][0]["logs"][0]["stored"] == 2


@pytest.mark.parametrize(
    "wrong", [{"date": "2026-13-01"}, {"date": 7}, {"length_s": 1e6}, {"length_s": None}]
)
def test_what_is_no_day(centre: Centre, wrong: dict[str, Any]) -> None:
    centre.receiver.receive([said(1, **DAY | wrong)])
    assert centre.rows("day") == []
    assert centre.seen()["refused"] == [{"agent": AGENT, "why": "figures", "times": 1}]


def test_hours_of_health(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = 1_790_000_000_000
    monkeypatch.setattr("agent.central.receiver.time_ns", lambda: now_ms * 1_000_000)
    hostile = ["camera_dark", "DROP TABLE", 7, "x" * 500]
    centre.receiver.receive(
        [
            make_health(1),
            make_health(1, verdict="degraded", reasons=["disk_low"]),
            make_health(1, verdict="failing", reasons=hostile),
            # What was retained has been counted.
            make_health(1, retain=True),
        ]
    )
    now_ms += HOUR_MS
    centre.receiver.receive([make_health(1, verdict="degraded", reasons="no list")])
    hour_ms = now_ms // HOUR_MS * HOUR_MS
    assert centre.rows("health_hour") == [
        {"agent": AGENT, "hour_ms": hour_ms - HOUR_MS, "heard": 3, "degraded": 1, "failing": 1,
         "reasons": "camera_dark disk_low"},
        {"agent": AGENT, "hour_ms": hour_ms, "heard": 1, "degraded": 1, "failing": 0, "reasons": ""},
    ]  # fmt: skip


def test_health_and_status_of_one_transaction(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came last holds, in whichever order the tables are written."""
    now_ms = 1_790_000_000_000
    monkeypatch.setattr("agent.central.receiver.time_ns", lambda: now_ms * 1_000_000)
    others = [Message(f"presence/v1/office/d{n}/health", make_health(1).payload) for n in range(1200)]
    with centre.store.transaction():
        for message in (
            make_health(1),
            make_status(1),
            make_health(2, verdict="degraded", reasons=["disk_low"]),
            make_status(2, state="offline", why="stopped"),
        ):
            now_ms += 1000
            centre.receiver.receive([message])
        now_ms -= 500
        centre.receiver.receive(others)
    (row,) = (row for row in centre.rows("agent") if row["agent"] == AGENT)
    assert (row["state"], row["why"], row["heard_ms"]) == ("offline", "stopped", now_ms + 500)
    assert json.loads(row["health"])["verdict"] == "degraded"
    hours = {row["agent"]: row["heard"] for row in centre.rows("health_hour")}
    assert hours == {AGENT: 2} | {f"office/d{n}": 1 for n in range(1200)}
    centre.receiver.receive([make_health(2), *others[:600]])
    hours = {row["agent"]: row["heard"] for row in centre.rows("health_hour")}
    assert hours == {AGENT: 3} | {f"office/d{n}": 2 if n < 600 else 1 for n in range(1200)}


def test_transaction_within_another_is_a_part_of_it(centre: Centre) -> None:
    messages = [*happened(1, 2), make_health(2), make_status(2), make_state()]
    with suppress(InterruptedError), centre.store.transaction():
        centre.receiver.receive(messages)
        raise InterruptedError
    for table in ("event", "span", "agent", "state", "health_hour"):
        assert centre.rows(table) == [], table
    centre.receiver.load().receive(messages)
    assert len(centre.rows("event")) == 2


def test_why_a_state_is_unknown(centre: Centre) -> None:
    def why() -> str | None:
        with DatabaseReader(centre.url) as reader:
            return reader.states_now()[0].why

    centre.receiver.receive([make_state()])
    assert why() == "never_online"
    centre.receiver.receive([make_status(1)])
    assert why() is None
    centre.receiver.receive([make_state(valid=False, count=None)])
    assert why() == "not_valid"
    centre.receiver.receive([make_state(session="00000002")])
    assert why() == "restarted"
    centre.receiver.receive([make_status(1, state="offline", why="stopped")])
    assert why() == "offline"


def test_old_sums_go(centre: Centre) -> None:
    old = {"start": "2020-01-01T00:00:00.000Z", "end": "2020-01-01T00:15:00.000Z"}
    centre.receiver.receive(
        [said(1, **LINE), said(2, **LINE | old), said(3, **DAY), said(4, **DAY | {"date": "2020-01-01"})]
    )
    assert centre.store.delete_sums(ms_of("2026-01-01T00:00:00Z")) == 2
    assert [row["seq"] for row in centre.rows("quarter")] == [1]
    assert [row["seq"] for row in centre.rows("day")] == [3]
    # The events that brought them are no matter of this.
    assert len(centre.rows("event")) == 4


def test_sums_of_a_clock_that_was_wrong_go_by_when_they_came(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = {"start": "9999-01-01T00:00:00.000Z", "end": "9999-01-01T00:15:00.000Z"}
    messages = [said(1, **LINE | late), said(2, **DAY | {"date": "9999-12-31"}), said(3, **LINE)]
    came_ms = ms_of("2026-11-22T01:00:00.000Z")
    monkeypatch.setattr("agent.central.receiver.time_ns", lambda: came_ms * 1_000_000)
    centre.receiver.receive(messages)
    assert centre.store.delete_sums(came_ms - 24 * HOUR_MS) == 0
    assert centre.store.delete_sums(ms_of("2026-11-22T01:00:01.000Z")) == 2 + 1


# --- forms and rights --------------------------------------------------------------------------------


def test_migrations_make_the_tables_of_the_code(centre: Centre) -> None:
    engine = make_engine(centre.url, reading=False)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_id_is_kept(database_url: str) -> None:
    found = []
    for _ in range(2):
        made = Centre(database_url)
        found += [made.rows("store")[0]["id"], made.store.client_id()]
        made.store.close()
    assert found[:2] == found[2:]


def test_reader_can_only_read(centre: Centre) -> None:
    with DatabaseReader(centre.url) as reader, pytest.raises(Exception, match=r"read-?only"):
        reader.connection.execute(text("DELETE FROM event"))


def test_a_newer_form_is_left_alone(centre: Centre) -> None:
    centre.store.close()
    engine = make_engine(centre.url, reading=False)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '99'"))
    engine.dispose()
    with (
        pytest.raises(LogError, match="newer version \\(form 99, this one knows 1"),
        DatabaseStore(centre.url),
    ):
        pass
    with (
        pytest.raises(LogError, match="has the form 99, and this version reads 1"),
        DatabaseReader(centre.url),
    ):
        pass


def test_role_that_only_reads(postgres: Postgres) -> None:
    url = parsed(postgres.new_database())
    owner = make_engine(url, reading=False)
    with owner.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS presence_read"))
    # Where there is no such role yet it is given nothing, and gets its rights at the next start.
    with DatabaseStore(url):
        pass
    with owner.begin() as connection:
        connection.execute(text("CREATE ROLE presence_read LOGIN"))
    for _ in range(2):
        with DatabaseStore(url) as store:
            Receiver(store).load().receive([make_status(1), *happened(1), make_state(), said(2, **DAY)])
    reading = url.set(username="presence_read")
    with DatabaseReader(reading) as reader:
        assert overview(reader)["agents"][0]["states"][0]["known"]
        for table in {*tables.metadata.tables, *tables.VIEWS} - {"own"}:
            reader.connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608
    engine = make_engine(reading, reading=False)
    for query in (
        "SELECT * FROM own", "DELETE FROM event", "INSERT INTO refused VALUES ('a', 'b', 1)",
        "UPDATE agent SET state = 'online'", "DROP VIEW state_now", "CREATE TABLE more (n INTEGER)",
    ):  # fmt: skip
        with engine.connect() as connection, pytest.raises(DBAPIError, match=r"denied|must be owner"):
            connection.execute(text(query))
    engine.dispose()
    with owner.begin() as connection:
        connection.execute(text("DROP OWNED BY presence_read"))
        connection.execute(text("DROP ROLE presence_read"))
    owner.dispose()


def test_database_of_others(database_url: str) -> None:
    url = parsed(database_url)
    engine = make_engine(url, reading=False)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE event (n INTEGER)"))
    engine.dispose()
    with pytest.raises(LogError, match="not the centre's"), DatabaseStore(url):
        pass
    with pytest.raises(LogError, match="no tables of a centre"), DatabaseReader(url):
        pass


def test_one_writer_at_a_time(centre: Centre) -> None:
    with pytest.raises(BusyError, match="another receiver"), DatabaseStore(centre.url):
        pass
    centre.store.close()
    with DatabaseStore(centre.url):
        pass


def test_another_user_reads_the_file_also_while_nobody_writes() -> None:
    if os.geteuid():
        pytest.skip("only root may be another user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        url = parsed(f"sqlite:///{folder}/centre.db")

        def read() -> list[str]:
            os.seteuid(65534)
            try:
                with DatabaseReader(url) as reader:
                    return list(reader.load())
            finally:
                os.seteuid(0)

        with DatabaseStore(url) as store:
            Receiver(store).load().receive(happened(1))
            assert read() == [AGENT]
        assert read() == [AGENT]
        with DatabaseStore(url) as store:
            Receiver(store).load().receive([make_status(1)])
            assert read() == [AGENT]
        assert read() == [AGENT]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "store.db",
        "mysql://x/y",
        "sqlite://",
        "postgresql://x/y",
        "postgresql+psycopg://x",
    ],
)
def test_no_database(address: str) -> None:
    with pytest.raises(ConfigError, match=r"\[store\] url"):
        make_engine(parsed(address), reading=False)


def test_password_in_the_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not belong here") as refused:
        parsed("postgresql+psycopg://user:secret@host/base")
    assert "secret" not in str(refused.value)
    assert "secret" not in str(parsed("postgresql+psycopg://user@host/base", "secret"))


def test_nothing_answers(tmp_path: Path) -> None:
    for address in (
        f"sqlite:///{tmp_path / 'nowhere' / 'store.db'}", "postgresql+psycopg://presence@127.0.0.1:1/none"
    ):  # fmt: skip
        with pytest.raises(LogError, match="the store"), DatabaseStore(parsed(address)):
            pass
        with pytest.raises(LogError, match="the store"), DatabaseReader(parsed(address)):
            pass


def test_postgres_that_was_restarted_is_used_again(postgres: Postgres) -> None:
    made = Centre(postgres.new_database())
    made.receiver.receive(happened(1))
    engine = make_engine(made.url, reading=False)
    with engine.connect() as connection:
        # As a restart does to all that is connected.
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    engine.dispose()
    for _ in range(3):
        try:
            made.receiver.load().receive(happened(2))
            break
        except LogError:
            continue
    assert [row["seq"] for row in made.rows("event")] == [1, 2]
    # The lock is held again.
    with pytest.raises(BusyError), DatabaseStore(made.url):
        pass
    made.store.close()


# --- what the subscriber had -------------------------------------------------------------------------


def test_subscribers_file_is_taken_over(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "presence.db"
    info = Message(
        f"{ROOT}/info",
        json.dumps({"ts": START, "site": "que-phong", "device": "one-stop", "place": "x"}),
        retain=True,
    )
    with Store(path) as old:
        receiver = Receiver(old).load()
        receiver.receive(
            [
                make_status(20),
                *happened(1, 2, 5),
                said(6, **LINE),
                said(7, **DAY),
                make_state(),
                make_health(20),
                info,
            ]
        )
        receiver.receive([dropped(8, 3, 4), Message(f"{ROOT}/status", "junk"), *happened(2)])
        before, client_id = overview(old), old.client_id()
        bodies = old.rows("SELECT agent, log, seq, body, heard_ms FROM event ORDER BY n")
    untouched = path.read_bytes()
    url = parsed(database_url)
    with DatabaseStore(url) as store:
        assert take_over(store, path)
        assert not take_over(store, path)
        assert store.client_id() == client_id
        with DatabaseReader(url) as reader:
            assert overview(reader) == before
            rows = reader.connection.execute(
                text("SELECT agent, log, seq, body, heard_ms FROM event ORDER BY n")
            )
            assert [tuple(row) for row in rows] == bodies
            assert reader.connection.execute(text("SELECT in_count FROM quarter")).scalar_one() == 3
            assert reader.connection.execute(text("SELECT in_count FROM day")).scalar_one() == 41
        # It goes on where that was.
        again = Receiver(store).load()
        again.receive(happened(1, 9))
        assert again.agents[AGENT].logs[LOG].doubles == 2
    assert path.read_bytes() == untouched


def test_first_form_of_the_subscribers_file(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "presence.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript((CHECKOUT / "tests/central/store-1.sql").read_text())
        body = json.dumps(make_body(1))
        old.execute(
            "INSERT INTO event (agent, log, seq, type, rule, ts, late, body) VALUES (?, ?, 1, ?, ?, ?, 0, ?)",
            (AGENT, LOG, "zone.entered", "waiting", TS, body),
        )
        old.commit()
    url = parsed(database_url)
    with DatabaseStore(url) as store:
        assert take_over(store, path)
    with DatabaseReader(url) as reader:
        assert reader.connection.execute(text("SELECT body FROM event")).scalar_one() == body


def test_day_that_changed_before_the_takeover_says_so(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "presence.db"
    with Store(path) as old:
        for seq, now_ms in enumerate((1_790_000_000_000, 1_790_000_500_000), 1):
            monkeypatch.setattr("agent.central.receiver.time_ns", lambda at=now_ms: at * 1_000_000)
            Receiver(old).load().receive([said(seq, **DAY | {"in": seq})])
    url = parsed(database_url)
    with DatabaseStore(url) as store:
        take_over(store, path)
    with DatabaseReader(url) as reader:
        row = reader.connection.execute(text("SELECT in_count, heard_ms, changed_ms FROM day")).one()
    assert tuple(row) == (2, 1_790_000_000_000, 1_790_000_500_000)


def test_numbers_that_join_in_one_batch(centre: Centre) -> None:
    centre.receiver.receive(happened(1, 5))
    # Each makes another span, and takes the place of those before it.
    centre.receiver.receive([*happened(3), make_status(9), *happened(2), make_status(9), *happened(4, 7)])
    spans = [(row["how"], row["first"], row["last"]) for row in centre.rows("span")]
    assert sorted(spans) == [("stored", 1, 5), ("stored", 7, 7)]
    assert centre.store.load() == centre.receiver.agents


def test_takeover_is_whole_or_not_at_all(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "presence.db"
    with Store(path) as old:
        Receiver(old).load().receive([make_status(3), *happened(1, 2, 3)])
    url = parsed(database_url)
    with DatabaseStore(url) as store:
        with monkeypatch.context() as patch:
            patch.setattr(store, "put_refused", lambda _refused: (_ for _ in ()).throw(LogError("away")))
            with pytest.raises(LogError, match="away"):
                take_over(store, path)
        assert store.load() == {}
        assert take_over(store, path)
        assert store.load()[AGENT].logs[LOG].stored.count == 3
