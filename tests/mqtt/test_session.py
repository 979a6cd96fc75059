"""What an agent hears, and what it says beside its events."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.publish import multiple, single

from agent.eventlog.log import EventLog
from agent.mqtt import connection
from agent.mqtt import publisher as publisher_module
from agent.mqtt import session as session_module
from agent.mqtt.connection import Message
from agent.mqtt.publish_state import Callbacks, DeliveryFacts
from agent.mqtt.replays import Replays
from tests.conftest import Listener, Mosquitto, free_port, wait_until
from tests.mqtt.answering import answering
from tests.mqtt.publishing import make_line, make_now, make_zone, publishing, to
from tests.patience import PATIENCE_S
from tests.samples import ROOT, SENDER, info_text, is_sentence, make_health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SESSION = "0a0b0c0d"
DISCOVERY = Message("homeassistant/device/test_yard/config", '{"dev":{"name":"x"}}', retain=True)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(SENDER, tmp_path / "events.db") as opened:
        yield opened


@pytest.fixture
def listener(mosquitto: Mosquitto, listen: Callable[..., Listener]) -> Listener:
    listener = listen(mosquitto.port)

    def there() -> bool:
        say(mosquitto, "presence/probe", "1")
        return any(message.topic == "presence/probe" for message in listener.heard())

    wait_until(there)
    return listener


def say(broker: Mosquitto, topic: str, payload: str, *, retain: bool = False) -> None:
    single(topic, payload.encode(), 1, retain=retain, hostname="127.0.0.1", port=broker.port)


def ask(broker: Mosquitto, **fields: object) -> None:
    say(broker, f"{ROOT}/cmd/replay", json.dumps(fields))


def replayed(listener: Listener, request: str) -> list[str]:
    return [one.payload for one in listener.heard() if one.topic == f"{ROOT}/replay/{request}"]


def is_done(listener: Listener, request: str) -> bool:
    return any('"done"' in payload for payload in replayed(listener, request))


def said_of(listener: Listener, kind: str) -> list[dict[str, Any]]:
    return [one.json for one in listener.heard() if one.topic == f"{ROOT}/{kind}"]


def retained(broker: Mosquitto, topic: str = "#") -> dict[str, str]:
    """What a new subscriber is given: all that comes before what is published after it."""
    with NamedTemporaryFile("r") as heard, Path(heard.name).open("w") as out:
        words = ["mosquitto_sub", "-p", str(broker.port), "-t", topic, "-t", "probe", "-F", r"%r\t%t\t%p"]
        with subprocess.Popen(words, stdout=out) as subscriber:

            def probed() -> bool:
                single("probe", "1", hostname="127.0.0.1", port=broker.port)
                return "0\tprobe\t1" in Path(heard.name).read_text()

            try:
                wait_until(probed)
            finally:
                subscriber.kill()
        rows = [line.split("\t", 2) for line in heard.read().splitlines()]
    return {topic: payload for flag, topic, payload in rows if flag == "1"}


def status(log: str, session: str = SESSION, last_seq: int = 0, state: str = "online") -> str:
    return json.dumps({"v": 1, "state": state, "log": log, "session": session, "last_seq": last_seq})


def lines(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


# --- replays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [5, 311])
def test_replay(mosquitto: Mosquitto, listener: Listener, log: EventLog, protocol: int) -> None:
    log.append([make_now(number) for number in range(10)])
    with publishing(to(mosquitto.port, protocol), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        ask(mosquitto, log=log.log_id, from_seq=3, to_seq=6, request="r-1")
        wait_until(lambda: is_done(listener, "r-1"))
    *events, done = replayed(listener, "r-1")
    assert events == [entry.body for entry in log.read(2, 4)]
    assert json.loads(done) == {"done": True, "sent": 4, "first_seq": 3, "last_seq": 6}


def test_replay_at_most_a_thousand(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    log.append([make_now(number) for number in range(1500)])
    with publishing(to(mosquitto.port), log):
        ask_until(mosquitto, listener, log=log.log_id, from_seq=101, to_seq=1100, request="all")
        ask_until(mosquitto, listener, log=log.log_id, from_seq=101, to_seq=1101, request="more")
    *events, done = replayed(listener, "all")
    assert [json.loads(event)["seq"] for event in events] == list(range(101, 1101))
    assert json.loads(done) == {"done": True, "sent": 1000, "first_seq": 101, "last_seq": 1100}
    (done,) = replayed(listener, "more")
    assert json.loads(done) == not_met("range")


def not_met(why: str) -> dict[str, Any]:
    return {"done": True, "sent": 0, "first_seq": None, "last_seq": None, "refused": why}


def ask_until(broker: Mosquitto, listener: Listener, **fields: object) -> None:
    """Ask once the agent is there to hear it."""
    wait_until(lambda: any(said["state"] == "online" for said in said_of(listener, "status")))
    ask(broker, **fields)
    wait_until(lambda: is_done(listener, str(fields["request"])))


@pytest.mark.parametrize("protocol", [5, 311])
@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"log": "00000000"}, "unknown_log"),
        ({"log": "00000000", "to_seq": 2**53}, "unknown_log"),
        ({"from_seq": 50, "to_seq": 60}, "range"),
        # Deleted.
        ({"from_seq": 1, "to_seq": 20}, "range"),
        ({"from_seq": 2**53, "to_seq": 2**53}, "range"),
        ({"from_seq": 21, "to_seq": 1021}, "range"),
    ],
)
def test_replay_of_what_is_not_there(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, asked: dict[str, Any], why: str, protocol: int
) -> None:
    log.append([make_now(number) for number in range(40)])
    log.delete(20)
    request = {"log": log.log_id, "from_seq": 1, "to_seq": 1, "request": "x"}
    with publishing(to(mosquitto.port, protocol), log):
        ask_until(mosquitto, listener, **{**request, **asked})
    (done,) = replayed(listener, "x")
    assert json.loads(done) == not_met(why)


def test_replay_of_what_is_there_in_part(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    log.append([make_now(number) for number in range(40)])
    log.delete(20)
    with publishing(to(mosquitto.port), log):
        ask_until(mosquitto, listener, log=log.log_id, from_seq=11, to_seq=1010, request="x")
    *events, done = replayed(listener, "x")
    assert [json.loads(event)["seq"] for event in events] == list(range(21, 41))
    assert json.loads(done) == {"done": True, "sent": 20, "first_seq": 21, "last_seq": 40}


@pytest.mark.parametrize("protocol", [5, 311])
def test_replays_more_than_may_wait_are_told_so(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, protocol: int
) -> None:
    log.append([make_now(number) for number in range(1000)])
    asked = {"log": log.log_id, "from_seq": 1, "to_seq": 1000}
    with publishing(to(mosquitto.port, protocol), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        names = [f"r-{number}" for number in range(12)]
        requests = [json.dumps({**asked, "request": name}).encode() for name in names]
        packets = [(f"{ROOT}/cmd/replay", request, 1, False) for request in requests]
        multiple([*packets], hostname="127.0.0.1", port=mosquitto.port)
        wait_until(lambda: all(is_done(listener, name) for name in names))
        # Once there is room again, whoever was refused may come again.
        ask(mosquitto, **asked, request="again")
        wait_until(lambda: is_done(listener, "again"))
    answers = {name: replayed(listener, name) for name in [*names, "again"]}
    met = [name for name, answer in answers.items() if len(answer) == 1001]
    assert met == [*names[:5], "again"]
    assert all(json.loads(answers[name][0]) == not_met("busy") for name in names[5:])
    # At once, not after the five.
    last_busy = max(at for at, one in enumerate(listener.heard()) if '"busy"' in one.payload)
    assert last_busy < max(at for at, one in enumerate(listener.heard()) if one.topic.endswith("/r-0"))


def test_listener_that_stands_still_misses_nothing(
    mosquitto: Mosquitto, listener: Listener, log: EventLog
) -> None:
    # Or a busy machine would look like an agent that answers one request less, or in another order.
    log.append([make_now(number) for number in range(3000)])
    listener.send(signal.SIGSTOP)
    try:
        with publishing(to(mosquitto.port), log) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
    finally:
        listener.send(signal.SIGCONT)
    wait_until(lambda: len(listener.events()) == 3000)


def test_refused_replay_does_not_end_the_next_one(log: EventLog) -> None:
    log.append([make_now(number) for number in range(30)])
    replays = Replays(ROOT, {log.log_id: log}.get)
    for name in ("refused", "good"):
        asked = {"log": log.log_id, "from_seq": 1, "to_seq": 10, "request": name}
        replays.ask(Message(f"{ROOT}/cmd/replay", json.dumps(asked)))
    said = replays.next(15)
    # The broker's word on the first comes when the second is on its way already.
    replays.cancel(said[0].topic)
    said += replays.next(15)
    assert [one.topic.rpartition("/")[2] for one in said] == ["refused"] * 11 + ["good"] * 11
    replays.ask(Message(f"{ROOT}/cmd/replay", json.dumps(asked)))
    replays.cancel(replays.next(5)[0].topic)
    assert not replays.pending


def test_replays_one_after_the_other(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    log.append([make_now(number) for number in range(300)])
    with publishing(to(mosquitto.port), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        for name in ("a", "b"):
            ask(mosquitto, log=log.log_id, from_seq=1, to_seq=300, request=name)
        wait_until(lambda: is_done(listener, "b"))
    order = [one.topic[-1] for one in listener.heard() if "/replay/" in one.topic]
    assert order == ["a"] * 301 + ["b"] * 301


def test_replay_of_an_earlier_log(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    log.append([make_now(1)])
    with EventLog(SENDER, None) as other, publishing(to(mosquitto.port), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        publisher.use_logs(other)
        assert publisher.wait_delivered(PATIENCE_S)
        ask(mosquitto, log=log.log_id, from_seq=1, to_seq=1, request="old")
        wait_until(lambda: is_done(listener, "old"))
    assert replayed(listener, "old")[0] == log.read(0, 1)[0].body


def test_replay_request_ignored(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.append([make_now(1)])
    good: dict[str, Any] = {"log": log.log_id, "from_seq": 1, "to_seq": 1}
    say(mosquitto, f"{ROOT}/cmd/replay", json.dumps({**good, "request": "kept"}), retain=True)
    with publishing(to(mosquitto.port), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)
        say(mosquitto, f"{ROOT}/cmd/replay", "x" * 3000)
        ask(mosquitto, **good, request="../health")
        ask(mosquitto, **good, request="good")
        wait_until(lambda: is_done(listener, "good"))
    assert {one.topic for one in listener.heard() if "/replay/" in one.topic} == {f"{ROOT}/replay/good"}
    ignored = [one.getMessage() for one in caplog.records if "is ignored" in one.getMessage()]
    assert len(ignored) == 3
    assert all(map(is_sentence, ignored))
    assert "retained" in ignored[0]


# --- what is retained --------------------------------------------------------------------------------


def test_states_of_rules_that_are_gone_are_cleared(mosquitto: Mosquitto, tmp_path: Path) -> None:
    def kept() -> set[str]:
        return {topic.removeprefix(f"{ROOT}/") for topic in retained(mosquitto)}

    for states in (["gate", "staff"], ["staff", "waiting"]):
        with (
            EventLog(SENDER, tmp_path / "events.db") as log,
            publishing(to(mosquitto.port), log, *(make_zone(rule, 1) for rule in states)) as publisher,
        ):
            assert publisher.wait_delivered(PATIENCE_S)
            log.append([make_now(1)])
            publisher.update()
            assert publisher.wait_delivered(PATIENCE_S)
            assert kept() == {"info", "status", *(f"state/{rule}" for rule in states)}


def test_discovery_is_sent_again_and_cleared(
    mosquitto: Mosquitto, listen: Callable[..., Listener], tmp_path: Path
) -> None:
    home = listen(mosquitto.port, "-t", "homeassistant/#")

    def told() -> list[str]:
        return [one.payload for one in home.heard() if one.topic == DISCOVERY.topic]

    with EventLog(SENDER, tmp_path / "events.db") as log:
        with publishing(to(mosquitto.port), log, callbacks=Callbacks(discovery=lambda _: DISCOVERY)):
            wait_until(lambda: told() == [DISCOVERY.payload])
            say(mosquitto, "homeassistant/status", "offline")
            say(mosquitto, "homeassistant/status", "online")
            wait_until(lambda: told() == [DISCOVERY.payload] * 2)
        assert DISCOVERY.topic in retained(mosquitto)
        with publishing(to(mosquitto.port), log) as publisher:
            log.append([make_now(1)])
            publisher.update()
            assert publisher.wait_delivered(PATIENCE_S)
        assert DISCOVERY.topic not in retained(mosquitto)


def test_rules_that_are_gone_are_told_to_discovery(mosquitto: Mosquitto, log: EventLog) -> None:
    told: list[list[tuple[str, str]]] = []

    def discovery(gone: list[tuple[str, str]]) -> Message:
        told.append(list(gone))
        return DISCOVERY

    for states in (
        [make_zone("gate", 1), make_zone("staff", 1), make_line("exit", 1)],
        [make_zone("staff", 1), make_zone("exit", 1)],
        [make_zone("staff", 1), make_zone("exit", 1)],
    ):
        with publishing(
            to(mosquitto.port), log, *states, callbacks=Callbacks(discovery=discovery)
        ) as publisher:
            log.append([make_now(1)])
            publisher.update()
            assert publisher.wait_delivered(PATIENCE_S)
    assert told == [[], [("zone", "gate"), ("line", "exit")], []]


# --- health ------------------------------------------------------------------------------------------


def health_text(facts: DeliveryFacts) -> str:
    known = {"last_seq": facts.log.last_seq, "pending": facts.pending, "no_subscriber": facts.no_subscriber}
    return make_health(facts.log.log_id, facts.session, **known).model_dump_json()


@pytest.mark.parametrize(("protocol", "no_subscriber"), [(5, 3), (311, None)])
def test_health_tells_how_delivery_stands(
    mosquitto: Mosquitto,
    log: EventLog,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
    no_subscriber: int | None,
) -> None:
    monkeypatch.setattr(session_module, "HEALTH_EVERY_S", 0.1)
    log.append([make_now(number) for number in range(3)])
    with publishing(to(mosquitto.port, protocol), log, callbacks=Callbacks(health=health_text)) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)

        def said() -> dict[str, Any]:
            health: dict[str, Any] = json.loads(
                retained(mosquitto, f"{ROOT}/health").get(f"{ROOT}/health", "{}")
            )
            return health

        wait_until(lambda: said().get("pending") == 0)
        assert (said()["last_seq"], said()["no_subscriber"]) == (3, no_subscriber)


def test_health_tells_of_earlier_logs(mosquitto: Mosquitto, listener: Listener, log: EventLog) -> None:
    heard: list[DeliveryFacts] = []

    def text(facts: DeliveryFacts) -> str:
        heard.append(facts)
        return health_text(facts)

    with (
        EventLog(SENDER, None) as other,
        publishing(to(mosquitto.port), log, callbacks=Callbacks(health=text)) as one,
    ):
        wait_until(lambda: len(said_of(listener, "health")) == 1)
        one.use_logs(other)
        wait_until(lambda: len(said_of(listener, "health")) == 2)
    assert [facts.earlier for facts in heard] == [(), (log,)]


def test_log_that_is_come_back_to_is_served_once(
    mosquitto: Mosquitto, listener: Listener, log: EventLog
) -> None:
    heard: list[DeliveryFacts] = []

    def text(facts: DeliveryFacts) -> str:
        heard.append(facts)
        return health_text(facts)

    with EventLog(SENDER, None) as other:
        with publishing(to(mosquitto.port), log, callbacks=Callbacks(health=text)) as publisher:
            for current in (other, log, other, log):
                publisher.use_logs(current)
                current.append([make_now(number) for number in range(3)])
                publisher.update()
                assert publisher.wait_delivered(PATIENCE_S)
        assert heard[-1].earlier == (other,)
        assert heard[-1].log is log
    wait_until(lambda: len(listener.events()) >= 12)
    ids = [event["id"] for event in listener.events()]
    assert len(ids) == len(set(ids)) == 12


def test_states_and_health_are_not_behind_a_backlog(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "STATE_EVERY_S", 0.02)
    monkeypatch.setattr(session_module, "HEALTH_EVERY_S", 0.05)
    for _ in range(8):
        log.append([make_now(number) for number in range(500)])
    with publishing(to(mosquitto.port), log, callbacks=Callbacks(health=health_text)) as publisher:
        for number in count():
            publisher.update([make_zone("waiting", number)])
            if publisher.wait_delivered(0.02):
                break
    kinds = [one.topic.removeprefix(f"{ROOT}/").split("/")[0] for one in listener.heard()]
    first, last = kinds.index("event"), len(kinds) - kinds[::-1].index("event")
    assert kinds[first:last].count("state") > 5
    assert kinds[first:last].count("health") > 2


# --- others on our name ------------------------------------------------------------------------------


def test_foreign_status_is_told_and_overwritten(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(to(mosquitto.port), log):
        wait_until(lambda: len(said_of(listener, "status")) == 1)
        say(mosquitto, f"{ROOT}/status", status("ffffffff", last_seq=9), retain=True)
        wait_until(lambda: len(said_of(listener, "status")) == 3)
        say(mosquitto, f"{ROOT}/status", status("ffffffff", last_seq=10), retain=True)
        # The next one has to wait: two agents must not shout at each other.
        say(mosquitto, f"{ROOT}/cmd/replay", "{}")
        wait_until(lambda: "is ignored" in lines(caplog))
        logs = [said["log"] for said in said_of(listener, "status")]
        assert logs == [log.log_id, "ffffffff", log.log_id, "ffffffff"]
    assert lines(caplog).count("another agent publishes") == 1


@pytest.mark.parametrize("payload", ["", "[]", "hello", '{"log":"\\u001b[2J","session":"x"}'])
def test_nonsense_on_our_name_is_overwritten(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, caplog: pytest.LogCaptureFixture, payload: str
) -> None:
    with publishing(to(mosquitto.port), log):
        wait_until(lambda: len(said_of(listener, "status")) == 1)
        say(mosquitto, f"{ROOT}/status", payload, retain=True)
        wait_until(lambda: "what is no status" in lines(caplog))
        wait_until(lambda: "online" in retained(mosquitto, f"{ROOT}/status").get(f"{ROOT}/status", ""))
    assert "\x1b" not in lines(caplog)


def test_late_will_of_a_session_of_before_is_overwritten(
    mosquitto: Mosquitto, listener: Listener, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(to(mosquitto.port), log) as publisher, EventLog(SENDER, None) as other:
        wait_until(lambda: len(said_of(listener, "status")) == 1)
        session = said_of(listener, "status")[0]["session"]
        publisher.use_logs(other)
        wait_until(lambda: said_of(listener, "status")[-1]["log"] == other.log_id)
        say(mosquitto, f"{ROOT}/status", status(log.log_id, session, state="offline"), retain=True)
        wait_until(lambda: said_of(listener, "status")[-2]["session"] == session)
        wait_until(lambda: said_of(listener, "status")[-1]["log"] == other.log_id)
    assert "another agent" not in lines(caplog)


@pytest.mark.parametrize("kind", ["status", "health"])
@pytest.mark.parametrize("new", [3, 7, 30])
def test_log_that_went_on_elsewhere_is_not_sent(
    mosquitto: Mosquitto,
    listener: Listener,
    log: EventLog,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    new: int,
) -> None:
    # More came meanwhile than went.
    log.append([make_now(number) for number in range(new)])
    before = status(log.log_id, last_seq=7)
    say(mosquitto, f"{ROOT}/{kind}", before, retain=True)
    told: list[tuple[EventLog, int]] = []

    def superseded(which: EventLog, last_seq: int) -> bool:
        told.append((which, last_seq))
        return True

    callbacks = Callbacks(superseded=superseded)
    with (
        EventLog(SENDER, None) as other,
        publishing(to(mosquitto.port), log, callbacks=callbacks) as publisher,
    ):
        wait_until(lambda: bool(told))
        assert told == [(log, 7)]
        assert not publisher.wait_delivered(0.5)
        # Were the power cut now, the next start would see it again.
        assert retained(mosquitto, f"{ROOT}/{kind}") == {f"{ROOT}/{kind}": before}
        other.append([make_now(1)])
        publisher.use_logs(other)
        assert publisher.wait_delivered(PATIENCE_S)
    assert {event["log"] for event in listener.events()} == {other.log_id}
    assert "the card is a copy" in lines(caplog)


def test_card_that_went_on_elsewhere_while_it_takes_nothing(
    mosquitto: Mosquitto, listener: Listener, log: EventLog
) -> None:
    """Events go to a log in memory by the time of the first connection."""
    log.append([make_now(number) for number in range(20)])
    say(mosquitto, f"{ROOT}/status", status(log.log_id, last_seq=7), retain=True)
    told: list[int] = []

    def superseded(_: EventLog, last_seq: int) -> bool:
        told.append(last_seq)
        return True

    with EventLog(SENDER, None) as memory:
        memory.append([make_now(1)])
        publisher = publisher_module.Publisher(
            to(mosquitto.port), SENDER.site, SENDER.device, log, info_text,
            client_id="presence-test", callbacks=Callbacks(superseded=superseded),
        )  # fmt: skip
        publisher.use_logs(memory)
        publisher.start()
        assert publisher.wait_delivered(PATIENCE_S)
        publisher.stop(2)
    assert told == [7]
    assert {event["log"] for event in listener.events()} == {memory.log_id}


@pytest.mark.parametrize("known", [0, 1, 5])
def test_own_status_of_the_start_before_is_no_copy(
    mosquitto: Mosquitto, listener: Listener, tmp_path: Path, known: int
) -> None:
    path = tmp_path / "events.db"
    with EventLog(SENDER, path) as log:
        log.append([make_now(number) for number in range(5)])
        log.note_reported()
        log.append([make_now(number) for number in range(5)])
    # What a will leaves tells no number.
    before = status(log.log_id, last_seq=known, state="online" if known else "offline")
    say(mosquitto, f"{ROOT}/status", before, retain=True)
    told: list[int] = []

    def superseded(_: EventLog, last_seq: int) -> bool:
        told.append(last_seq)
        return True

    callbacks = Callbacks(superseded=superseded)
    with (
        EventLog(SENDER, path) as log,
        publishing(to(mosquitto.port), log, callbacks=callbacks) as publisher,
    ):
        log.append([make_now(1)])
        assert publisher.wait_delivered(PATIENCE_S)
    assert not told
    assert len(listener.events()) == 11


@pytest.mark.parametrize("rights", ["topic write presence/#\ntopic write homeassistant/#\n"])
def test_nothing_may_be_read(
    start_mosquitto: Callable[..., Mosquitto], log: EventLog, tmp_path: Path, rights: str
) -> None:
    # mosquitto grants the wish and passes nothing on; with MQTT 5 a refusal of events would be seen.
    acl = tmp_path / "acl"
    acl.write_text(rights)
    acl.chmod(0o600)
    broker = start_mosquitto(f"allow_anonymous true\nacl_file {acl}")
    log.append([make_now(1)])
    with publishing(to(broker.port), log) as publisher:
        assert publisher.wait_delivered(PATIENCE_S)


# --- links that are half open ------------------------------------------------------------------------


def test_silent_broker_is_given_up(
    log: EventLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_WITHIN_S", 1)
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.1)
    came: list[float] = []
    with answering(bytes([0x20, 3, 0, 0, 0]), came=came) as port, publishing(to(port), log, stop_s=0):
        wait_until(lambda: len(came) >= 2)
    assert "leaves a message unanswered for 1 s" in lines(caplog)


def test_hanging_broker_does_not_hold_up_the_camera(
    mosquitto: Mosquitto, listener: Listener, log: EventLog
) -> None:
    def longest_s() -> float:
        """Of nine in ten of 100 frames with an event and a state each."""
        took = []
        for number in range(100):
            begin_s = time.monotonic()
            seq = log.append([make_now(number)])
            publisher.update([make_zone("waiting", number, seq)])
            took.append(time.monotonic() - begin_s)
        return sorted(took)[-10]

    with publishing(to(mosquitto.port), log, stop_s=0) as publisher:
        wait_until(lambda: bool(said_of(listener, "status")))
        free_s = longest_s()
        mosquitto.send(signal.SIGSTOP)
        try:
            assert longest_s() < 5 * free_s + 0.05
            assert publisher.failure is None
        finally:
            mosquitto.send(signal.SIGCONT)


def test_two_agents_on_one_name_are_told(
    mosquitto: Mosquitto, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        EventLog(SENDER, None) as other,
        publishing(to(mosquitto.port), log),
        publishing(to(mosquitto.port), other),
    ):
        # Each of the other; none throws the other out.
        wait_until(lambda: all(f"its log is {one.log_id}" in lines(caplog) for one in (log, other)))
    assert "is lost" not in lines(caplog)


def test_broker_that_remembers_an_earlier_start(
    start_mosquitto: Callable[..., Mosquitto],
    log: EventLog,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It saves now and then: after a crash it retains what it had at the last time.
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.1)
    broker = start_mosquitto(f"allow_anonymous true\npersistence true\npersistence_location {tmp_path}/")
    say(broker, f"{ROOT}/status", status(log.log_id), retain=True)
    broker.send(signal.SIGUSR1)
    wait_until((tmp_path / "mosquitto.db").exists)
    with publishing(to(broker.port), log):
        wait_until(lambda: SESSION not in retained(broker)[f"{ROOT}/status"])
        broker.stop(signal.SIGKILL)
        broker.start()
        # That it is lost is said, and then there is a status of this session again.
        wait_until(lambda: "is lost" in lines(caplog))
        wait_until(lambda: SESSION not in retained(broker)[f"{ROOT}/status"])
    assert "another agent" not in lines(caplog)


def test_no_broker_at_all(log: EventLog) -> None:
    with publishing(to(free_port()), log, stop_s=0) as publisher:
        assert not publisher.wait_delivered(0.2)
