"""deploy/central/subscriber.py as it is run: against a real broker, killed, and lied to."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from agent.central.overview import overview
from agent.central.store import Store
from agent.eventlog.log import EventLog
from agent.mqtt.connection import Connection, Message
from tests.central.saying import (
    AGENT,
    LOG,
    TS,
    dropped,
    happened,
    make_body,
    make_state,
    make_status,
    make_will,
)
from tests.central.saying import ROOT as AGENT_ROOT
from tests.conftest import ROOT as CHECKOUT
from tests.conftest import Mosquitto, free_port, wait_until
from tests.mqtt.publishing import publishing, to
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.broker import Account, CentralBroker

STORE_1 = CHECKOUT / "tests" / "central" / "store-1.sql"
SCRIPT = CHECKOUT / "deploy" / "central" / "subscriber.py"
# Queues without an end, as those of deploy/broker.
QUEUES = "allow_anonymous true\nmax_queued_messages 100000\nmax_queued_bytes 0"
# Kills itself the moment before it would acknowledge, or before it would store.
KILLED_BEFORE = """
import os, signal, sys
sys.path.insert(0, {folder!r})
import subscriber
from agent.central.store import Store
def dies(*_): os.kill(os.getpid(), signal.SIGKILL)
{what} = dies
sys.argv[0] = "subscriber.py"
sys.exit(subscriber.main())
"""


class Central:
    """The subscriber's process and its store."""

    def __init__(self, folder: Path, port: int, *more: str | Path) -> None:
        self.db = folder / "central.db"
        self._said = folder / "central.err"
        # Of an option given twice the last one counts; most of what is said here is from long ago.
        self._words = ["--broker", f"mqtt://127.0.0.1:{port}", "--db", self.db, "--settle-s", "0.5",
                       "--keep-days", "0", *more]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str, killed_before: str = "") -> None:
        begin: list[str | Path] = [SCRIPT]
        if killed_before:
            begin = ["-c", KILLED_BEFORE.format(folder=str(SCRIPT.parent), what=killed_before)]
        with self._said.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, *begin, "run", *self._words, *more],
                stderr=file,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            )

    def started(self) -> None:
        """Start it, and wait until it is subscribed."""
        before = self.said().count("connected to")
        self.start()
        wait_until(lambda: self.said().count("connected to") > before)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def wait(self, within_s: float) -> int:
        assert self.process
        return self.process.wait(within_s)

    def kill(self) -> None:
        """End it if it still runs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)

    def said(self) -> str:
        return self._said.read_text() if self._said.exists() else ""

    def seen(self) -> dict[str, Any]:
        with Store(self.db, reading=True) as store:
            return overview(store)

    def status(self, *words: str) -> str:
        """What the command says."""
        done = subprocess.run(
            [sys.executable, SCRIPT, "status", *words, "--db", self.db],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def log(self, log: str = LOG) -> dict[str, Any]:
        (found,) = (of for agent in self.seen()["agents"] for of in agent["logs"] if of["log"] == log)
        assert isinstance(found, dict)
        return found

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()

    def seqs(self, log: str = LOG) -> list[int]:
        return [seq for of, seq in self.rows("SELECT log, seq FROM event ORDER BY seq") if of == log]

    def counts(self) -> list[int]:
        """What can be told apart in the events of somebody who came."""
        rows = self.rows("SELECT body FROM event WHERE type = 'zone.entered'")
        return [json.loads(body)["count"] for (body,) in rows]


@contextmanager
def subscribed(folder: Path, port: int) -> Iterator[Central]:
    """A subscriber that runs, and is killed in the end."""
    made = Central(folder, port)
    try:
        made.started()
        yield made
    finally:
        made.kill()


@pytest.fixture
def subscriber_of(tmp_path: Path) -> Iterator[Callable[..., Central]]:
    """Subscribers of brokers; what still runs after the test is killed."""
    made = []

    def make(port: int, *more: str | Path) -> Central:
        made.append(Central(tmp_path, port, *more))
        return made[-1]

    yield make
    for central in made:
        central.kill()


@pytest.fixture
def broker(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    return start_mosquitto(QUEUES)


class StandInAgent:
    """Stand-in for an agent: publishes given messages, and receives requests."""

    def __init__(self, port: int) -> None:
        self._connection = Connection(to(port), "presence-que-phong-one-stop")
        self._connection.open()
        self._connection.subscribe(f"{AGENT_ROOT}/cmd/#")
        self.asked: list[dict[str, Any]] = []

    def publish(self, *messages: Message) -> None:
        waiting = {self._connection.publish(message) for message in messages}
        while waiting:
            for report in self._connection.pump(1):
                if isinstance(report, Message):
                    self.asked.append(json.loads(report.payload))
                else:
                    waiting.discard(report.mid)

    def next_request(self, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next request; fails if none comes in time."""
        give_up_s = time.monotonic() + within_s
        while not self.asked:
            assert time.monotonic() < give_up_s, "nothing was asked"
            self.asked += [
                json.loads(report.payload)
                for report in self._connection.pump(0.1)
                if isinstance(report, Message)
            ]
        return self.asked.pop(0)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def stand_in(broker: Mosquitto) -> Iterator[StandInAgent]:
    made = StandInAgent(broker.port)
    yield made
    made.close()


def test_nothing_heavy_is_imported() -> None:
    """An integrator installs paho and nothing else."""
    heavy = ("numpy", "cv2", "onnxruntime", "onnx", "pydantic", "cyclopts", "rich", "holidays")
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import subscriber; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("protocol", [5, 311])
def test_what_the_broker_lost_is_replayed(
    start_mosquitto: Callable[..., Mosquitto],
    subscriber_of: Callable[..., Central],
    tmp_path: Path,
    protocol: int,
) -> None:
    """A broker without persistence had acknowledged all of it, and passed nothing on."""
    broker = start_mosquitto(QUEUES)
    central = subscriber_of(broker.port, "--protocol", str(protocol))
    central.started()
    assert central.end() == 0
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(number) for number in range(2500)])
        with publishing(to(broker.port, protocol), log) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
            broker.stop(signal.SIGKILL)
            broker.start()
            central.start("--until-complete", log.log_id)
            assert central.wait(PATIENCE_S) == 0
        bodies = [entry.body for entry in log.read(0, 5000)]
        seen = central.log(log.log_id)
    assert (seen["stored"], seen["dropped"], seen["gone"], seen["missing"]) == (2500, 0, 0, 0)
    assert seen["asked"] >= 3
    assert [body for (body,) in central.rows("SELECT body FROM event ORDER BY seq")] == bodies


def test_what_comes_while_it_is_away_is_kept_by_the_broker(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent
) -> None:
    central = subscriber_of(broker.port)
    central.started()
    stand_in.publish(make_status(0, retain=True), *happened(1, 2))
    wait_until(lambda: central.seqs() == [1, 2])
    assert central.end() == 0
    stand_in.publish(*happened(*range(3, 200)))
    central.start()
    wait_until(lambda: central.seqs() == list(range(1, 200)))
    assert central.end() == 0
    assert (central.log()["doubles"], central.log()["asked"]) == (0, 0)


def came_as(broker: Mosquitto) -> list[str]:
    """Client ids of subscribers that connected, in order."""
    return re.findall(r"New client connected from \S+ as (presence-central\S*) ", broker.said())


@pytest.mark.parametrize("protocol", [5, 311])
def test_what_waits_for_it_is_taken_by_nobody_else(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent, protocol: int
) -> None:
    """Whoever comes under a reader's id, with whatever rights, empties its queue."""
    central = subscriber_of(broker.port, "--protocol", str(protocol))
    central.started()
    stand_in.publish(make_status(0, retain=True), *happened(1, 2))
    wait_until(lambda: central.seqs() == [1, 2])
    assert central.end() == 0
    stand_in.publish(*happened(*range(3, 200)))
    for guess in ("presence-central", "presence-central-central", f"presence-central-{LOG}"):
        taker = Connection(to(broker.port, protocol), guess)
        taker.open()
        taker.close()
    central.start()
    wait_until(lambda: central.seqs() == list(range(1, 200)))
    assert central.end() == 0
    assert (central.log()["doubles"], central.log()["asked"]) == (0, 0)


def test_client_id_is_kept_in_the_store(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent, tmp_path: Path
) -> None:
    central = subscriber_of(broker.port)
    for _ in range(2):
        central.started()
        assert central.end() == 0
    # A store of before has none; what is in it stays.
    stand_in.publish(*happened(1, 2))
    central.db.unlink()
    with closing(sqlite3.connect(central.db, isolation_level=None)) as db:
        db.executescript(STORE_1.read_text())
    for _ in range(2):
        central.started()
        stand_in.publish(*happened(1, 2))
        wait_until(lambda: central.seqs() == [1, 2])
        assert central.end() == 0
    other = subscriber_of(broker.port, "--db", tmp_path / "other.db")
    other.started()
    first, again, new, new_again, others = came_as(broker)
    assert (first, new) == (again, new_again)
    assert len({first, new, others}) == 3
    assert all(re.fullmatch("presence-central-[0-9a-f]{16}", one) for one in (first, new, others))
    assert new not in central.said() + central.status() + central.status("--json")


@pytest.mark.parametrize("protocol", [5, 311])
def test_killed_before_acknowledging(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent, protocol: int
) -> None:
    central = subscriber_of(broker.port, "--protocol", str(protocol))
    central.started()
    central.end()
    stand_in.publish(*happened(*range(1, 51)))
    central.start(killed_before="subscriber.Subscriber.acknowledge")
    assert central.wait(PATIENCE_S) == -signal.SIGKILL
    stored = len(central.seqs())
    assert 0 < stored <= 50
    central.start()
    wait_until(lambda: central.seqs() == list(range(1, 51)))
    assert central.end() == 0
    # The broker sent again what it was not told of.
    assert (central.log()["doubles"], central.log()["asked"]) == (stored, 0)


def test_killed_before_storing(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent
) -> None:
    central = subscriber_of(broker.port)
    central.started()
    central.end()
    stand_in.publish(*happened(*range(1, 51)))
    central.start(killed_before="Store.put_span")
    assert central.wait(PATIENCE_S) == -signal.SIGKILL
    assert central.seqs() == []
    central.start()
    wait_until(lambda: central.seqs() == list(range(1, 51)))
    assert central.end() == 0
    assert (central.log()["doubles"], central.log()["asked"]) == (0, 0)


def test_killed_again_and_again(
    broker: Mosquitto, subscriber_of: Callable[..., Central], tmp_path: Path
) -> None:
    central = subscriber_of(broker.port)
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(number) for number in range(6000)])
        central.started()
        with publishing(to(broker.port), log):
            for turn in range(8):
                time.sleep(0.2 + 0.05 * turn)
                central.end(signal.SIGKILL)
                central.start()
            central.end(signal.SIGKILL)
            central.start("--until-complete", log.log_id)
            assert central.wait(PATIENCE_S) == 0
        assert central.seqs(log.log_id) == list(range(1, 6001))
        assert central.log(log.log_id)["gone"] == 0


def test_broker_gone_and_back(
    start_mosquitto: Callable[..., Mosquitto], subscriber_of: Callable[..., Central], tmp_path: Path
) -> None:
    broker = start_mosquitto(QUEUES)
    central = subscriber_of(broker.port)
    central.started()
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(1)])
        with publishing(to(broker.port), log) as publisher:
            wait_until(lambda: central.seqs(log.log_id) == [1])
            broker.stop(signal.SIGKILL)
            wait_until(lambda: "trying again" in central.said())
            log.append([make_entered(2)])
            publisher.update()
            broker.start()
            wait_until(lambda: central.seqs(log.log_id) == [1, 2])
    assert central.end() == 0


def test_begins_without_a_broker(subscriber_of: Callable[..., Central]) -> None:
    central = subscriber_of(free_port())
    central.start()
    wait_until(lambda: "nothing listens" in central.said())
    assert central.end() == 0
    # Said once, however often it is tried.
    assert central.said().count("nothing listens") == 1


def test_replay_is_asked_for_and_stored(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent
) -> None:
    central = subscriber_of(broker.port)
    central.started()
    stand_in.publish(make_status(6, retain=True), *happened(1, 2, 6), dropped(5, 3, 3))
    asked = stand_in.next_request()
    assert {**asked, "request": ""} == {"log": LOG, "from_seq": 4, "to_seq": 4, "request": ""}
    (answer,) = happened(4, replay=asked["request"])
    done = Message(answer.topic, '{"done":true,"sent":1,"first_seq":4,"last_seq":4}')
    stand_in.publish(answer, done)
    wait_until(lambda: central.log()["complete"])
    assert central.seqs() == [1, 2, 4, 5, 6]
    told = central.status("--json")
    assert json.loads(told)["agents"][0]["logs"] == [json.loads(json.dumps(central.log()))]
    assert central.status().splitlines()[1].split() == [AGENT, "online", LOG, "6", "5", "1", "0", "0"]


def test_states(broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent) -> None:
    def known() -> list[bool]:
        return [state["known"] for agent in central.seen()["agents"] for state in agent["states"]]

    central = subscriber_of(broker.port)
    stand_in.publish(make_state(), make_status(0, retain=True))
    central.started()
    # The status is from long ago, and no health has come since.
    wait_until(lambda: known() == [False])
    stand_in.publish(make_status(0, retain=True))
    wait_until(lambda: known() == [True])
    stand_in.publish(make_will())
    wait_until(lambda: known() == [False])


JUNK = [
    b"", b"{", b"\xff\xfe", b"[" * 5000, b"9" * 5000, b"null", b"[]", b"{}", b'{"seq":1}',
    happened(1)[0].payload.replace("que-phong", "elsewhere").encode(),
    happened(1)[0].payload.replace('"seq": 1,', '"seq": 1e999,').encode(),
    happened(1)[0].payload.replace('"seq": 1,', '"seq": 99999999999999999999,').encode(),
]  # fmt: skip


def test_info_is_kept(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent
) -> None:
    site, device = AGENT.split("/")
    said = {"v": 1, "log": LOG, "session": LOG, "ts": TS, "site": site, "device": device}
    # As large as one can be, and retained before the subscriber is there.
    stand_in.publish(Message(f"{AGENT_ROOT}/info", json.dumps({**said, "place": "x" * 47_000}), retain=True))
    central = subscriber_of(broker.port)
    stand_in.publish(make_status(0, retain=True))
    central.started()
    wait_until(lambda: central.rows("SELECT * FROM info_now") != [])
    stand_in.publish(Message(f"{AGENT_ROOT}/info", json.dumps({**said, "place": "Cổng"}), retain=True))
    wait_until(lambda: len(central.rows("SELECT * FROM info")) == 2)
    assert central.end() == 0
    (agent,) = json.loads(central.status("--json"))["agents"]
    assert agent["info"] == {**said, "place": "Cổng"}


def test_old_events_go(
    broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent
) -> None:
    central = subscriber_of(broker.port, "--keep-days", "90")
    central.started()
    now = datetime.now(UTC)
    for seq, days in enumerate((100, 91, 89, 0), 1):
        body = make_body(seq) | {"ts": f"{now - timedelta(days=days):%Y-%m-%dT%H:%M:%S}.000Z"}
        stand_in.publish(Message(f"{AGENT_ROOT}/event/waiting/zone/entered", json.dumps(body)))
    stand_in.publish(make_status(4))
    wait_until(lambda: central.seqs() == [1, 2, 3, 4] or central.seqs() == [3, 4])
    # It looks at its start, and each hour.
    assert central.end() == 0
    central.started()
    wait_until(lambda: central.seqs() == [3, 4])
    assert (central.log()["stored"], central.log()["complete"], central.log()["asked"]) == (4, True, 0)
    assert central.end() == 0
    central.start("--keep-days", "30")
    wait_until(lambda: central.seqs() == [4])
    assert central.end() == 0


def test_junk(broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent) -> None:
    central = subscriber_of(broker.port)
    stand_in.publish(Message(happened(7)[0].topic, happened(7)[0].payload, retain=True))
    central.started()
    topics = [
        happened(1)[0].topic,
        *(f"{AGENT_ROOT}/{name}" for name in ("status", "health", "state/a", "replay/r1")),
    ]
    with_bytes = stand_in._connection._client
    for topic in topics:
        for junk in JUNK:
            with_bytes.publish(topic, junk, qos=1).is_published()
    stand_in.publish(*happened(1))
    wait_until(lambda: 1 in central.seqs())
    assert central.end() == 0
    # The retained one was none of now's.
    assert central.seqs() == [1]
    refused = {row["why"]: row["times"] for row in central.seen()["refused"]}
    assert refused["retained"] == 1
    assert refused["of another agent"] == 2
    assert sum(refused.values()) > 40
    assert "Traceback" not in central.said()


def test_full_disk(broker: Mosquitto, subscriber_of: Callable[..., Central], stand_in: StandInAgent) -> None:
    """What can't be stored is not acknowledged: it stays with the broker until there is room."""
    central = subscriber_of(broker.port)
    central.started()
    stand_in.publish(make_status(300), *happened(*range(1, 101)))
    wait_until(lambda: len(central.seqs()) == 100)
    assert central.process
    pid = str(central.process.pid)
    size = max(path.stat().st_size for path in central.db.parent.glob("central.db*"))
    subprocess.run(["prlimit", "--pid", pid, f"--fsize={size}:unlimited"], check=True)
    stand_in.publish(*happened(*range(101, 301)))
    wait_until(lambda: "can't be used" in central.said())
    assert len(central.seqs()) == 100
    subprocess.run(["prlimit", "--pid", pid, "--fsize=unlimited"], check=True)
    wait_until(lambda: len(central.seqs()) == 300)
    assert central.process.poll() is None
    wait_until(lambda: central.log()["complete"])


def test_second_subscriber_on_one_store(broker: Mosquitto, subscriber_of: Callable[..., Central]) -> None:
    central = subscriber_of(broker.port)
    central.started()
    other = subscriber_of(broker.port)
    other.start()
    assert other.wait(PATIENCE_S) == 2
    assert "another subscriber already stores" in other.said()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--site", "Quế Phong"], "--site"),
        (["--certificate-file", "a.pem"], "--key-file"),
        (["--broker", "broker.example"], "mqtt://HOST:PORT"),
    ],
)
def test_wrong_options(subscriber_of: Callable[..., Central], words: list[str], told: str) -> None:
    central = subscriber_of(1883)
    central.start(*words)
    assert central.wait(PATIENCE_S) == 2
    assert told in central.said()
    assert central.said().count("\n") == 1


def test_rights_of_its_account(
    central: CentralBroker, subscriber_of: Callable[..., Central], tmp_path: Path
) -> None:
    """With TLS and a login at the broker of deploy/broker: one that may ask, and one that may only read."""
    device = central.add("device", SENDER.site, SENDER.device)
    hub, dash = central.add("central", "hub"), central.add("reader", "dash")
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(number) for number in range(20)])
        # Nobody is there yet for whom the broker would keep them.
        with publishing(central.as_seen_by(device), log) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)

            def made(account: Account) -> Central:
                assert account.password_file
                return subscriber_of(
                    central.port, "--broker", f"mqtts://{account.login}@localhost:{central.port}",
                    "--password-file", account.password_file, "--ca-file", central.ca_file,
                )  # fmt: skip

            reader = made(dash)
            reader.start()
            wait_until(lambda: "does not let this client ask agents for missing events" in reader.said())
            assert reader.end() == 0
            asking = made(hub)
            asking.start("--until-complete", log.log_id)
            assert asking.wait(PATIENCE_S) == 0
        assert asking.seqs(log.log_id) == list(range(1, 21))
