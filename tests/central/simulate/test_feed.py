"""A made-up office in a store through the receiver, and through a real broker as agents' messages."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import date
from threading import Event, Thread
from typing import TYPE_CHECKING

from agent.central.overview import overview
from agent.central.receiver import Receiver
from agent.central.simulate.feed import BrokerFeed, feed_store, replayed
from agent.central.simulate.province import SimulatedProvince, SimulationSettings
from agent.central.store import Store
from agent.mqtt.connection import Broker
from agent.mqtt.subscriber import Subscriber
from agent.wire.commands import ReplayRequestWire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Mosquitto

FIRST = date(2026, 9, 7)


def settings(*, drops: bool = False) -> SimulationSettings:
    return SimulationSettings(sites=1, days=1, seed=2, first=FIRST, keep=True, drops=drops)


def events_of(path: Path) -> dict[tuple[str, int], str]:
    """Their bodies, without whether they were late, by log and number."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT log, seq, body FROM event").fetchall()
    return {(log, seq): body.replace(',"late":true', "") for log, seq, body in rows}


def test_a_store_has_everything_at_its_made_up_moment(tmp_path: Path) -> None:
    province = SimulatedProvince(settings())
    with Store(tmp_path / "store.db") as store:
        sent = feed_store(province.messages(), store)
    assert events_of(tmp_path / "store.db") == {
        (agent.log_id, entry.seq): entry.body for agent in province.agents for entry in agent.events
    }
    assert sent > 7000, "health of five devices is more than that"
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        refused = db.execute("SELECT * FROM refused").fetchall()
        (behind_ms,) = db.execute(
            "SELECT max(heard_ms - unixepoch(ts) * 1000) FROM event WHERE NOT late"
        ).fetchone()
        soon = "SELECT count(*) FROM event WHERE late AND heard_ms - unixepoch(ts) * 1000 < 29000"
        (too_soon,) = db.execute(soon).fetchone()
        (late,) = db.execute("SELECT count(*) FROM event WHERE late").fetchone()
    assert (refused, too_soon) == ([], 0)
    assert late > 20
    assert behind_ms < 121_000


def test_a_store_knows_what_was_dropped(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        feed_store(SimulatedProvince(settings(drops=True)).messages(), store)
    with Store(tmp_path / "store.db", reading=True) as store:
        agents = overview(store)["agents"]
    assert not [log for agent in agents for log in agent["logs"] if log["missing"]]
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        hows = Counter(how for (how,) in db.execute("SELECT how FROM span"))
    assert hows["dropped"] + hows["gone"] > 0


def test_an_agent_answers_who_asks_again() -> None:
    province = SimulatedProvince(settings())
    list(province.messages())
    agent = next(iter(province.agents))

    def ask(log: str, first: int, last: int) -> list[str]:
        asked = ReplayRequestWire(log=log, from_seq=first, to_seq=last, request="r1")
        return [message.payload for message in replayed(agent, asked)]

    *events, done = ask(agent.log_id, 3, 5)
    assert [json.loads(event)["seq"] for event in events] == [3, 4, 5]
    assert json.loads(done) == {"done": True, "sent": 3, "first_seq": 3, "last_seq": 5}
    assert json.loads(ask("00000000", 1, 2)[0])["refused"] == "unknown_log"
    assert json.loads(ask(agent.log_id, 1, 2000)[0])["refused"] == "range"


def test_a_subscriber_gets_all_of_it_through_a_broker(
    tmp_path: Path, start_mosquitto: Callable[..., Mosquitto]
) -> None:
    """It subscribes while they are published: what came before that is asked for again."""
    mosquitto = start_mosquitto()
    broker = Broker("127.0.0.1", mosquitto.port, 5, tls=False)
    province = SimulatedProvince(settings())
    feed = BrokerFeed(province, broker)
    sent: list[int] = []
    publishing = Thread(target=lambda: sent.append(feed.run(linger_s=12.0)))
    publishing.start()
    stop = Event()
    with Store(tmp_path / "store.db") as store:
        receiver = Receiver(store, settle_s=0.5).load()
        topics = [
            f"presence/v1/+/+/{name}" for name in ("event/#", "replay/#", "state/#", "status", "health")
        ]
        subscriber = Subscriber(broker, "central-test", topics, stop, keep_session_s=600)
        while publishing.is_alive():
            messages = subscriber.pump(0.25)
            receiver.receive(messages)
            subscriber.acknowledge(messages)
            if subscriber.connected:
                for request in receiver.next_requests():
                    subscriber.publish(request)
        subscriber.close()
    publishing.join(PATIENCE_S)
    assert sent
    assert sent[0] > 7000
    assert events_of(tmp_path / "store.db") == {
        (agent.log_id, entry.seq): entry.body for agent in province.agents for entry in agent.events
    }
