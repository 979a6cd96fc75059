from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from paho.mqtt.publish import single

from agent.device import clock
from agent.eventlog.log import EventLog
from agent.mqtt import publisher as publisher_module
from agent.mqtt import refused_events
from agent.mqtt import session as session_module
from agent.mqtt.outbox import Outbox
from agent.mqtt.publish_state import Callbacks, DeliveryFacts
from agent.mqtt.publisher import Publisher
from agent.wire.payloads import schemas
from tests.conftest import Heard, Listener, Mosquitto, free_port, wait_until
from tests.mqtt.answering import answering, cutting
from tests.mqtt.publishing import make_line, make_now, make_zone, publishing, to
from tests.patience import BUSY_S, PATIENCE_S
from tests.samples import CHECKOUT, ROOT, SENDER, info_text, is_sentence, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


LOGGER = publisher_module.__name__


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(SENDER, tmp_path / "events.db") as opened:
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: only how long it takes is not as it will be."""
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.1)


@pytest.fixture
def listener(mosquitto: Mosquitto, listen: Callable[..., Listener]) -> Listener:
    return hears(listen, mosquitto.port)


def hears(listen: Callable[..., Listener], port: int, *arguments: str) -> Listener:
    """A listener that is there before the first message, and sees the retained flag as it was sent."""
    listener = listen(port, "--retain-as-published", *arguments)

    def there() -> bool:
        single("presence/probe", b"1", 1, hostname="127.0.0.1", port=port)
        return any(message.topic == "presence/probe" for message in listener.heard())

    wait_until(there)
    return listener


def heard_of(listener: Listener, kind: str = "") -> list[Heard]:
    """Messages of the agent, those below one topic of its root if it is named."""
    return [message for message in listener.heard() if message.topic.startswith(f"{ROOT}/{kind}")]


def topics(listener: Listener) -> list[str]:
    return [message.topic.removeprefix(f"{ROOT}/") for message in heard_of(listener)]


def statuses(listener: Listener) -> list[dict[str, Any]]:
    return [message.json for message in heard_of(listener, "status")]


def seqs_of(listener: Listener) -> list[Any]:
    return [event["seq"] for event in listener.events()]


def wait_heard(listener: Listener, seq: int) -> None:
    wait_until(lambda: seq in seqs_of(listener))


def is_online(listener: Listener) -> bool:
    return bool(statuses(listener)) and statuses(listener)[-1]["state"] == "online"


def appended(log: EventLog, *numbers: int, ago_s: float = 0) -> int:
    now = clock.now()
    # A machine that has not been up for so long, with a clock that nobody sets, could not tell of it.
    synced = now.synced or now.monotonic_s < ago_s
    at = type(now)(now.monotonic_s - ago_s, now.utc - timedelta(seconds=ago_s), synced)
    return log.append([make_entered(number, at) for number in numbers])


# --- the order on a connection -----------------------------------------------------------------------


def test_connection_order(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    appended(log, 1, 2, 3)
    states = make_line("gate", 0), make_zone("waiting", None), make_zone("staff", 0)
    with publishing(to(mosquitto.port), log, *states) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 3)
        running = len(topics(listener))
    wait_until(lambda: len(topics(listener)) > running)
    entered = "event/waiting/zone/entered"
    assert topics(listener) == [
        "info", "state/gate", "state/waiting", "state/staff", "status", entered, entered, entered, "status",
    ]  # fmt: skip
    assert [message.topic for message in heard_of(listener) if message.retain] == [
        f"{ROOT}/{topic}" for topic in topics(listener) if topic != entered
    ]


def test_connection_order_many_rules(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    # More states than may be under way at once.
    appended(log, *range(50))
    states = [make_zone(f"zone-{number}", 0) for number in range(45)]
    with publishing(to(mosquitto.port), log, *states) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 50)
        expected = ["info", *(f"state/{state.rule}" for state in states), "status"]
        assert topics(listener)[: len(expected)] == expected
        assert seqs_of(listener) == list(range(1, 51))


def test_connection_order_small_window(
    start_mosquitto: Callable[..., Mosquitto], listen: Callable[..., Listener], log: EventLog
) -> None:
    broker = start_mosquitto("allow_anonymous true\nmax_inflight_messages 2")
    listener = hears(listen, broker.port)
    appended(log, *range(30))
    with publishing(
        to(broker.port), log, *(make_zone(f"zone-{number}", 0) for number in range(9))
    ) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 30)
    assert topics(listener)[0] == "info"
    assert topics(listener)[10] == "status"
    assert seqs_of(listener) == list(range(1, 31))


def test_connection_speaks_of_one_log_and_session(
    mosquitto: Mosquitto, listener: Listener, log: EventLog
) -> None:
    appended(log, 1, 2)
    with publishing(to(mosquitto.port), log, make_zone("waiting", 2, 2)) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
    wait_until(lambda: len(statuses(listener)) == 2)
    online, offline = statuses(listener)
    assert re.fullmatch("[0-9a-f]{8}", online["session"])
    spoken = [message.json for kind in ("info", "state/", "status") for message in heard_of(listener, kind)]
    assert {(content["log"], content["session"]) for content in spoken} == {(log.log_id, online["session"])}
    assert online["state"] == "online"
    assert online["why"] is None
    assert "why" in online
    assert (offline["state"], offline["why"]) == ("offline", "stopped")
    for status in (online, offline):
        assert (status["first_seq"], status["last_seq"]) == (1, 2)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", status["ts"])


@pytest.mark.parametrize("protocol", [5, 311])
def test_events_are_those_of_the_log(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, protocol: int
) -> None:
    appended(log, *range(5))
    with publishing(to(mosquitto.port, protocol), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 5)
    assert [message.payload for message in heard_of(listener, "event/")] == [
        entry.body for entry in log.read(0, 9)
    ]


def test_everything_published_is_as_its_schema_says(
    mosquitto: Mosquitto, listener: Listener, log: EventLog
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    appended(log, 1)
    appended(log, 2, ago_s=60)
    with publishing(to(mosquitto.port), log, make_zone("staff", None), make_line("gate", 3)) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
    wait_until(lambda: len(statuses(listener)) == 2)
    for message in heard_of(listener):
        content = message.json
        kind = message.topic.removeprefix(f"{ROOT}/").split("/")[0]
        names = {"event": f"event.{content.get('type')}", "state": f"state.{content.get('kind')}"}
        schema = schemas()[names.get(kind, kind)]
        jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        ).validate(content)


# --- late --------------------------------------------------------------------------------------------


def test_event_old_is_late(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    appended(log, 1, ago_s=60)
    appended(log, 2, ago_s=31)
    appended(log, 3, ago_s=20)
    appended(log, 4)
    with publishing(to(mosquitto.port), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 4)
    late = {event["count"]: event.get("late") for event in listener.events()}
    assert late == {1: True, 2: True, 3: None, 4: None}


# --- brokers that come and go ------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_broker_started_late(
    start_mosquitto: Callable[..., Mosquitto], listen: Callable[..., Listener], log: EventLog,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    broker = start_mosquitto()
    broker.stop()
    appended(log, 1, 2, 3)
    with publishing(to(broker.port), log, make_zone("waiting", 3, 3)) as publisher:
        assert not publisher.wait_delivered(0.6)
        broker.start()
        listener = hears(listen, broker.port)
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: is_online(listener))
        appended(log, 4)
        publisher.update()
        wait_until(lambda: 4 in seqs_of(listener))
    assert log.delivered == 4
    failures = told(caplog, "nothing listens")
    assert len(failures) == 1  # over several attempts


@pytest.mark.usefixtures("quick")
def test_broker_stopped_and_started(
    start_mosquitto: Callable[..., Mosquitto], listen: Callable[..., Listener], log: EventLog, tmp_path: Path
) -> None:
    # The listener's session outlives the broker, so that it misses nothing.
    broker = start_mosquitto(
        f"allow_anonymous true\npersistence true\npersistence_location {tmp_path}/\nmax_queued_messages 0"
    )
    listener = hears(listen, broker.port, "-c", "-i", "central", "-x", "600")
    appended(log, 1, 2)
    with publishing(to(broker.port), log, make_zone("waiting", 2, 2), make_line("gate", 0)) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        for number in (3, 4):
            wait_until(lambda: is_online(listener))
            broker.stop()
            seq = appended(log, number)
            publisher.update([make_zone("waiting", number, seq)])
            broker.start()
            assert publisher.wait_delivered(PATIENCE_S)
            wait_heard(listener, seq)
    wait_until(lambda: statuses(listener)[-1]["why"] == "stopped")
    assert sorted(set(seqs_of(listener))) == [1, 2, 3, 4]
    sessions = [status["session"] for status in statuses(listener) if status["state"] == "online"]
    assert len(set(sessions)) == 3
    for session in set(sessions):
        of_session = [
            message
            for message in heard_of(listener)
            if "/event/" not in message.topic and message.json["session"] == session
        ]
        kinds = [message.topic.removeprefix(f"{ROOT}/") for message in of_session]
        assert kinds[:4] == ["info", "state/waiting", "state/gate", "status"]
        assert {message.json["log"] for message in of_session} == {log.log_id}
    # Whoever subscribes again gets what is retained once more.
    counts = [message.json["count"] for message in heard_of(listener, "state/waiting")]
    assert list(dict.fromkeys(counts)) == [2, 3, 4]
    assert log.delivered == 4


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("protocol", [5, 311])
def test_connection_cut_while_sending(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, protocol: int
) -> None:
    # In the greeting, in the middle of an event, after some: nothing is lost, little comes twice.
    appended(log, *range(200))
    with (
        cutting(mosquitto.port, [5, 700, 8_003, 30_001]) as port,
        publishing(to(port, protocol), log, make_zone("waiting", 7)) as publisher,
    ):
        wait_until(lambda: len(set(seqs_of(listener))) > 50)
        appended(log, 7777)
        publisher.update()
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(set(seqs_of(listener))) == 201)
        # The will of a connection that was cut may come late; it is overwritten.
        wait_until(lambda: is_online(listener))
    assert log.delivered == 201
    # At most what was under way when a connection was cut.
    assert len(seqs_of(listener)) <= 201 + 2 * 20
    lost = [status for status in statuses(listener) if status["why"] == "lost"]
    assert 1 <= len(lost) <= 3


def test_killed_publisher_is_lost(mosquitto: Mosquitto, listener: Listener, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "tests.mqtt.publishing",
        str(mosquitto.port),
        str(tmp_path / "events.db"),
    ]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "delivered\n"
        finally:
            process.kill()
    wait_until(lambda: not is_online(listener))
    online, lost = statuses(listener)
    assert lost == {
        "v": 1, "state": "offline", "why": "lost", "log": online["log"], "session": online["session"],
    }  # fmt: skip
    assert heard_of(listener, "status")[-1].retain
    (state,) = heard_of(listener, "state/")
    assert (state.json["log"], state.json["session"]) == (online["log"], online["session"])
    # Who comes later learns it, too.
    said = subprocess.run(
        ["mosquitto_sub", "-p", str(mosquitto.port), "-t", f"{ROOT}/status", "-C", "1"],
        check=True, capture_output=True, text=True, timeout=PATIENCE_S,
    ).stdout  # fmt: skip
    assert json.loads(said) == lost


@pytest.mark.usefixtures("quick")
def test_server_no_broker_is_survived(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    appended(log, 1)
    came: list[float] = []
    http = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with answering(http, stays=False, came=came) as port, publishing(to(port), log) as publisher:
        wait_until(lambda: len(came) >= 3)
        assert not publisher.wait_delivered(0)
        assert publisher.failure is None
    (sentence,) = told(caplog, "")
    assert "events stay in the log" in sentence
    assert is_sentence(sentence)


@pytest.mark.usefixtures("quick")
def test_broker_that_hangs_up_is_not_stormed(log: EventLog) -> None:
    # As NATS does when it may not take a topic: each time, right after a good login.
    came: list[float] = []
    with answering(bytes.fromhex("2003000000"), stays=False, came=came) as port, publishing(to(port), log):
        wait_until(lambda: len(came) >= 5)
    pauses = [later - earlier for earlier, later in pairwise(came)]
    assert pauses[3] > 2 * pauses[0]


def test_log_unreadable_is_not_online(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(to(mosquitto.port), log) as publisher:
        wait_until(lambda: is_online(listener))
        log._db.execute("DROP TABLE event")
        log._state.last_seq += 1
        publisher.update()
        wait_until(lambda: told(caplog, "can't be used") != [])
        wait_until(lambda: not is_online(listener))
    assert statuses(listener)[-1]["why"] == "lost"
    assert heard_of(listener, "status")[-1].retain


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_failure_is_told(mosquitto: Mosquitto, log: EventLog) -> None:
    def info(_log: str, _session: str) -> str:
        raise ZeroDivisionError

    publisher = Publisher(to(mosquitto.port), "s", "d", log, info, client_id="presence-test")
    publisher.start()
    wait_until(lambda: publisher.failure is not None)
    assert isinstance(publisher.failure, ZeroDivisionError)
    publisher.stop(0)


# --- delivered ---------------------------------------------------------------------------------------


def test_wait_delivered(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    with publishing(to(mosquitto.port), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)  # nothing is pending
        for number in range(20):
            appended(log, number)
            publisher.update()
            assert publisher.wait_delivered(PATIENCE_S)
            wait_heard(listener, number + 1)
    assert log.delivered == 20


class SlowOutbox(Outbox):
    """On a busy machine much happens between a look at the log and what is done about it."""

    last: ClassVar[list[Outbox]] = []

    def __init__(self, log: EventLog) -> None:
        super().__init__(log)
        self.last[:] = [self]

    @property
    def pending(self) -> int:
        seen = super().pending
        threading.Event().wait(0.05)
        return seen


def test_wait_delivered_on_busy_machine(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "Outbox", SlowOutbox)
    chance = random.Random(77)  # noqa: S311
    with publishing(to(mosquitto.port), log) as publisher:
        wait_until(lambda: is_online(listener))
        for number in range(1, 9):
            threading.Event().wait(chance.uniform(0, 0.1))
            appended(log, number)
            publisher.update()
            assert publisher.wait_delivered(PATIENCE_S)
            assert SlowOutbox.last[0]._delivered == number


def test_wait_delivered_without_broker(log: EventLog) -> None:
    appended(log, 1)
    with publishing(to(free_port()), log) as publisher:
        begin_s = time.monotonic()
        assert not publisher.wait_delivered(0.3)
        assert time.monotonic() - begin_s < 2 + BUSY_S
    assert log.delivered == 0


def test_delivered_is_not_sent_again(mosquitto: Mosquitto, listener: Listener, tmp_path: Path) -> None:
    for opening in range(3):
        with EventLog(SENDER, tmp_path / "again.db") as log:
            appended(log, opening, opening)
            with publishing(to(mosquitto.port), log) as publisher:
                assert publisher.wait_delivered(PATIENCE_S)
    wait_until(lambda: len(listener.events()) >= 6)
    assert seqs_of(listener) == [1, 2, 3, 4, 5, 6]
    sessions = [status["session"] for status in statuses(listener)]
    assert len(set(sessions)) == 3


def test_backlog_with_live_events(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    appended(log, *range(300))
    with publishing(to(mosquitto.port), log, make_zone("waiting", 0)) as publisher:
        for number in range(40):
            seq = appended(log, 1000 + number)
            publisher.update([make_zone("waiting", number, seq)])
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(set(seqs_of(listener))) == 340)
    assert sorted(seqs_of(listener)) == list(range(1, 341))  # each of them once
    assert log.delivered == 340
    backlog = [seq for seq in seqs_of(listener) if seq <= 300]
    assert backlog == sorted(backlog)


def test_live_events_go_before_backlog(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    appended(log, *range(50))

    def info(log_id: str, session: str) -> str:
        # The first that is said on a connection: what happens from now on is live.
        appended(log, 7777)
        return info_text(log_id, session)

    with publishing(to(mosquitto.port), log, info=info) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(listener.events()) == 51)
    assert seqs_of(listener) == [51, *range(1, 51)]
    assert log.delivered == 51


# --- states ------------------------------------------------------------------------------------------


def test_state_at_most_once_a_second(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    with publishing(to(mosquitto.port), log, make_zone("waiting", 0)) as publisher:
        wait_until(lambda: is_online(listener))
        begin_s = time.monotonic()
        numbers = count(1)

        def told_for_a_while() -> bool:
            publisher.update([make_zone("waiting", next(numbers))])
            return time.monotonic() > begin_s + 1.3

        wait_until(told_for_a_while)
        last = next(numbers)
        publisher.update([make_zone("waiting", last)])
        wait_until(lambda: heard_of(listener, "state/")[-1].json["count"] == last)
        took_s = time.monotonic() - begin_s
    counts: list[Any] = [message.json["count"] for message in heard_of(listener, "state/")]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert 3 <= len(counts) <= 2 + took_s
    assert took_s < 3.5 + BUSY_S


def test_state_that_did_not_change_is_not_sent_again(
    mosquitto: Mosquitto, listener: Listener, log: EventLog
) -> None:
    state, other = make_zone("waiting", 1), make_zone("staff", 0)
    with publishing(to(mosquitto.port), log, state, other) as publisher:
        wait_until(lambda: is_online(listener))
        begin_s = time.monotonic()
        publisher.update([state])
        publisher.update([make_zone("staff", 1)])
        # The other rule's turn comes after a second; the first would have had its own.
        wait_until(lambda: len(heard_of(listener, "state/staff")) == 2)
        assert time.monotonic() - begin_s < 3 + BUSY_S
    assert len(heard_of(listener, "state/waiting")) == 1


@pytest.mark.parametrize("newest_first", [False, True])
def test_event_goes_before_its_state(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, newest_first: bool
) -> None:
    rules = [f"zone-{number}" for number in range(30)]
    with publishing(to(mosquitto.port), log) as publisher:
        wait_until(lambda: is_online(listener))
        # More at once than may be under way, so that most must wait; nothing was said of these rules yet.
        log.append([make_now(number, rule) for number, rule in enumerate(rules) for _ in range(4)])
        states = [make_zone(rule, number, 4 * number + 4) for number, rule in enumerate(rules)]
        # One whose events wait at the very end is looked at first.
        publisher.update(reversed(states) if newest_first else states)
        assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(heard_of(listener, "state/")) == 30)
        wait_until(lambda: len(listener.events()) == 120)
    seen: set[Any] = set()
    for message in heard_of(listener):
        content: dict[str, Any] = message.json
        if "/event/" in message.topic:
            seen.add(content["seq"])
        elif "/state/" in message.topic and content["seq"]:
            assert set(range(content["seq"] - 3, content["seq"] + 1)) <= seen
    assert len(seen) == 120


# --- rights ------------------------------------------------------------------------------------------

ALL_BUT_EVENTS = "topic read presence/#\ntopic write presence/probe\n" + "".join(
    f"topic write {ROOT}/{topic}\n" for topic in ("info", "status", "state/#")
)


@contextmanager
def with_rights(
    start_mosquitto: Callable[..., Mosquitto], tmp_path: Path, rights: str
) -> Iterator[tuple[Mosquitto, Callable[[str], None]]]:
    """A broker with an access list, and what changes that list."""
    path = tmp_path / "acl"
    path.write_text(rights)
    path.chmod(0o600)
    broker = start_mosquitto(f"allow_anonymous true\nacl_file {path}\nlog_type all")

    def change(text: str) -> None:
        path.write_text(text)
        assert broker._process
        broker._process.send_signal(signal.SIGHUP)

    yield broker, change


def denied(broker: Mosquitto) -> list[str]:
    """Topics of what the broker refused to take, out of its journal."""
    return re.findall(r"Denied PUBLISH from presence-\S+ .*?'([^']+)'", broker._log.read_text())


def told(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.message for record in caplog.records if record.name == LOGGER and words in record.message]


@pytest.mark.usefixtures("quick")
def test_events_denied_then_allowed(
    start_mosquitto: Callable[..., Mosquitto], listen: Callable[..., Listener], log: EventLog, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("FIRST_PAUSE_S", "LONGEST_PAUSE_S"):
        monkeypatch.setattr(refused_events, name, 0.1)
    with with_rights(start_mosquitto, tmp_path, ALL_BUT_EVENTS) as (broker, change):
        listener = hears(listen, broker.port)
        appended(log, *range(5))
        with publishing(to(broker.port), log, make_zone("waiting", 5)) as publisher:
            wait_until(lambda: len(denied(broker)) > 8)  # several attempts
            assert not publisher.wait_delivered(0.1)
            assert (listener.events(), log.delivered) == ([], 0)
            assert is_online(listener)
            (sentence,) = told(caplog, "rights")
            assert is_sentence(sentence)
            assert "Not authorized" in sentence
            assert ROOT in sentence
            appended(log, 5)
            publisher.update()
            change("topic readwrite presence/#\n")
            assert publisher.wait_delivered(PATIENCE_S)
            wait_until(lambda: len(set(seqs_of(listener))) == 6)
        assert log.delivered == 6
        assert sorted(seqs_of(listener)) == [1, 2, 3, 4, 5, 6]
        assert len(told(caplog, "rights")) == 1
        assert set(denied(broker)) == {f"{ROOT}/event/waiting/zone/entered"}


def test_events_denied_in_311_pass_for_taken(
    start_mosquitto: Callable[..., Mosquitto], log: EventLog, tmp_path: Path
) -> None:
    # So says this broker, and nothing can tell: health says that it can't.
    said: list[DeliveryFacts] = []

    def health(facts: DeliveryFacts) -> str:
        said.append(facts)
        return "{}"

    with with_rights(start_mosquitto, tmp_path, ALL_BUT_EVENTS) as (broker, _):
        appended(log, *range(50))
        with publishing(to(broker.port, 311), log, callbacks=Callbacks(health=health)) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
        assert len(denied(broker)) >= 50
    assert {facts.refusals_seen for facts in said} == {False}


@pytest.mark.parametrize("rights", ["topic read presence/#\n", "topic write presence/#\n"])
def test_rights_not_proven_in_311(
    start_mosquitto: Callable[..., Mosquitto], log: EventLog, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, rights: str,
) -> None:  # fmt: skip
    # A broker that takes nothing, or does not let us see our own status: both say that they took it.
    monkeypatch.setattr(session_module, "_RIGHTS_S", 0.5)
    with with_rights(start_mosquitto, tmp_path, rights) as (broker, _):
        appended(log, 1, 2)
        with publishing(to(broker.port, 311), log, make_zone("waiting", 2), stop_s=0.1) as publisher:
            wait_until(lambda: told(caplog, "rights") != [])
            assert not publisher.wait_delivered(0.3)
        (sentence,) = told(caplog, "rights")
        assert "its status does not come back" in sentence
        assert log.delivered == 0
        journal = broker._log.read_text()
        assert f"{ROOT}/status" in journal
        assert "/event/" not in journal


@pytest.mark.usefixtures("quick")
def test_login_refused_is_told_once(
    start_mosquitto: Callable[..., Mosquitto], log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    broker = start_mosquitto("allow_anonymous false\nlog_type all")
    appended(log, 1)
    with publishing(to(broker.port), log) as publisher:
        wait_until(lambda: broker._log.read_text().count("as presence-") >= 3
                   or broker._log.read_text().count("Sending CONNACK") >= 3)  # fmt: skip
        assert not publisher.wait_delivered(0)
    (sentence,) = told(caplog, "")
    assert "refuses the login" in sentence
    assert "events stay in the log" in sentence


# --- another log -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_use_log(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    appended(log, 1)
    with EventLog(SENDER, None) as other:
        appended(other, 100, 101)
        with publishing(to(mosquitto.port), log, make_zone("waiting", 1, 1)) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
            publisher.use_logs(other)
            assert publisher.wait_delivered(PATIENCE_S)
            wait_until(lambda: len(listener.events()) == 3)
            appended(other, 102)
            publisher.update([make_zone("waiting", 3, 3)])
            assert publisher.wait_delivered(PATIENCE_S)
        wait_until(lambda: len(statuses(listener)) == 4)
        assert (log.delivered, other.delivered) == (1, 3)
    assert [(status["state"], status["why"], status["log"]) for status in statuses(listener)] == [
        ("online", None, log.log_id),
        ("offline", "lost", log.log_id),
        ("online", None, other.log_id),
        ("offline", "stopped", other.log_id),
    ]
    sessions = [status["session"] for status in statuses(listener)]
    assert sessions[0] == sessions[1] != sessions[2] == sessions[3]
    assert [event["id"] for event in listener.events()] == [
        f"{log.log_id}/1", f"{other.log_id}/1", f"{other.log_id}/2", f"{other.log_id}/3",
    ]  # fmt: skip


@pytest.mark.usefixtures("quick")
def test_use_log_undelivered_is_waited_for(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    # The old log has nothing left; that must not read as if the new one were delivered.
    with publishing(to(mosquitto.port), log) as publisher:
        for number in range(2):
            with EventLog(SENDER, None) as other:
                appended(other, number)
                publisher.use_logs(other)
                assert publisher.wait_delivered(PATIENCE_S)
                wait_until(lambda: other.log_id in {event["log"] for event in listener.events()})
                publisher.use_logs(log)
                assert publisher.wait_delivered(PATIENCE_S)


# --- stopping ----------------------------------------------------------------------------------------


def test_stop_sends_what_is_left(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    with publishing(to(mosquitto.port), log):
        wait_until(lambda: is_online(listener))
        appended(log, *range(100))
    wait_until(lambda: not is_online(listener))
    assert seqs_of(listener) == list(range(1, 101))
    assert statuses(listener)[-1]["last_seq"] == 100
    assert heard_of(listener)[-1].topic == f"{ROOT}/status"
    assert log.delivered == 100


def test_stop_without_broker_is_quick(log: EventLog) -> None:
    appended(log, 1)
    begin_s = time.monotonic()
    with publishing(to(free_port()), log) as publisher:
        assert not publisher.wait_delivered(0.2)
    assert time.monotonic() - begin_s < 2 + BUSY_S


def test_stop_while_broker_hangs_is_bounded(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    process = mosquitto._process
    assert process
    try:
        with publishing(to(mosquitto.port), log, stop_s=0.2) as publisher:
            wait_until(lambda: is_online(listener))
            process.send_signal(signal.SIGSTOP)
            appended(log, 1)
            publisher.update()
            begin_s = time.monotonic()
        assert time.monotonic() - begin_s < 5 + BUSY_S
    finally:
        process.send_signal(signal.SIGCONT)
    assert log.delivered == 0


# --- a changed configuration -------------------------------------------------------------------------


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_changed_configuration(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    with publishing(to(mosquitto.port), log, make_zone("waiting", 2), make_zone("old", 1)) as publisher:
        wait_until(lambda: is_online(listener))
        before = len(topics(listener))
        publisher.apply_settings(
            lambda _log, _session: '{"changed":true}',
            Callbacks(),
            [make_zone("waiting", None), make_line("new", 0)],
        )
        wait_until(lambda: "state/new" in topics(listener)[before:])
        seq = appended(log, 1)
        publisher.update()
        wait_heard(listener, seq)
        said = heard_of(listener)[before:]
    assert [message.topic.removeprefix(f"{ROOT}/") for message in said] == [
        "info", "state/old", "state/waiting", "state/new", "event/waiting/zone/entered",
    ]  # fmt: skip
    assert said[0].json == {"changed": True}
    assert said[1].payload == ""
    # What was told of a rule that is there still stands.
    assert said[2].json["count"] == 2


@pytest.mark.usefixtures("quick")
def test_changed_configuration_offline(
    mosquitto: Mosquitto, listen: Callable[..., Listener], log: EventLog
) -> None:
    mosquitto.stop()
    with publishing(to(mosquitto.port), log, make_zone("old", 1)) as publisher:
        publisher.apply_settings(info_text, Callbacks(), [make_line("new", 0)])
        mosquitto.start()
        listener = hears(listen, mosquitto.port)
        wait_until(lambda: is_online(listener))
    assert {topic for topic in topics(listener) if topic.startswith("state/")} == {"state/new"}


def test_changed_configuration_leaks_nothing(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    with publishing(to(mosquitto.port), log, make_zone("a", 1)) as publisher:
        wait_until(lambda: is_online(listener))
        files, threads = open_files(), threading.active_count()
        for number in range(1000):
            publisher.apply_settings(
                info_text, Callbacks(), [make_zone(f"r{number % 3}", 1), make_zone("a", 1)]
            )
        publisher.apply_settings(info_text, Callbacks(), [make_zone("last", 1)])
        wait_until(lambda: "state/last" in topics(listener))
        assert (open_files(), threading.active_count()) == (files, threads)
    retained = {message.topic: message.payload for message in heard_of(listener, "state/")}
    assert [topic for topic, payload in retained.items() if payload] == [f"{ROOT}/state/last"]


def test_broker_changed(
    start_mosquitto: Callable[..., Mosquitto], listen: Callable[..., Listener], log: EventLog
) -> None:
    first, second = start_mosquitto(), start_mosquitto()
    listeners = [hears(listen, broker.port) for broker in (first, second)]
    with publishing(to(first.port), log, stop_s=0.5) as publisher:
        appended(log, 1, 2)
        publisher.update()
        assert publisher.wait_delivered(PATIENCE_S)
    appended(log, 3)
    with publishing(to(second.port), log):
        wait_heard(listeners[1], 3)
    assert [seqs_of(listener) for listener in listeners] == [[1, 2], [3]]
