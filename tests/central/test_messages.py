from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.central import messages
from agent.central.messages import (
    EventMessage,
    HealthMessage,
    InfoMessage,
    RefusedMessage,
    ReplayDoneMessage,
    StateMessage,
    StatusMessage,
    parse,
)
from agent.core.event import Event, EventsDropped
from agent.mqtt.connection import Message
from agent.wire.events import CONTRACT
from agent.wire.examples import examples
from agent.wire.payloads import event_json, made_late
from tests.central.saying import (
    AGENT,
    LOG,
    ROOT,
    SESSION,
    TS,
    dropped,
    happened,
    make_body,
    make_done,
    make_health,
    make_state,
    make_status,
    make_will,
)
from tests.samples import SENDER
from tests.wire.any_events import events

EVENT_TOPIC = f"{ROOT}/event/waiting/zone/entered"


def test_root_is_the_contract() -> None:
    assert messages.ROOT == CONTRACT


def test_event() -> None:
    (message,) = happened(18231)
    assert parse(message) == EventMessage(
        AGENT, LOG, 18231, "zone.entered", "waiting", TS, False, message.payload, None, None
    )


def test_event_in_replay() -> None:
    (message,) = happened(7, replay="r1")
    thing = parse(message)
    assert isinstance(thing, EventMessage)
    assert (thing.replay, thing.seq, thing.rule) == ("r1", 7, "waiting")


def test_events_dropped() -> None:
    thing = parse(dropped(9, 3, 8))
    assert isinstance(thing, EventMessage)
    assert thing.dropped == (3, 8)


def test_others() -> None:
    assert parse(make_status(9)) == StatusMessage(AGENT, "online", None, LOG, SESSION, 1, 9, TS, live=True)
    assert parse(make_will()) == StatusMessage(AGENT, "offline", "lost", LOG, SESSION, 0, 0, None, live=True)
    assert parse(Message(f"{ROOT}/status", "", retain=True)) == StatusMessage(
        AGENT, "retired", None, "", "", 0, 0, None, live=False
    )
    health = make_health(9, retain=True)
    assert parse(health) == HealthMessage(AGENT, LOG, SESSION, 1, 9, TS, health.payload, live=False)
    state = make_state()
    assert parse(state) == StateMessage(AGENT, "waiting", "zone", True, LOG, SESSION, TS, state.payload)
    assert parse(Message(f"{ROOT}/state/waiting", "", retain=True)) == StateMessage(
        AGENT, "waiting", "", False, "", "", "", ""
    )
    assert parse(make_done("r1", 3, 4, 6)) == ReplayDoneMessage(AGENT, "r1", 3, 6)
    assert parse(make_done("r1", 0)) == ReplayDoneMessage(AGENT, "r1", 0, 0)


@pytest.mark.parametrize(
    ("refused", "later"),
    # What a later agent says may pass; only what is known to last is taken for that.
    [(None, False), ("range", False), ("unknown_log", False), ("busy", True), ("tired", True), ([], True)],
)
def test_replay_refused(refused: object, *, later: bool) -> None:
    assert parse(make_done("r1", 0, refused=refused)) == ReplayDoneMessage(AGENT, "r1", 0, 0, later)


def test_empty_log() -> None:
    # Its first number is the one after its last.
    assert isinstance(parse(make_status(5, first_seq=6)), StatusMessage)


def test_unknown_fields_and_types_are_no_reason_to_refuse() -> None:
    body = make_body(1, type="line.jumped.twice", colour="red", more={"a": [1]})
    assert isinstance(
        parse(Message(f"{ROOT}/event/waiting/line/jumped/twice", json.dumps(body))), EventMessage
    )


WRONG_EVENTS: list[tuple[dict[str, Any], str]] = [
    ({"seq": 0}, "seq"),
    ({"seq": -1}, "seq"),
    ({"seq": 2**53 + 1}, "seq"),
    ({"seq": 10**400}, "seq"),
    ({"seq": 1.0}, "seq"),
    ({"seq": True}, "seq"),
    ({"seq": "1"}, "seq"),
    ({"seq": None}, "seq"),
    ({"log": "5F3A9C21"}, "log"),
    ({"log": "5f3a9c2"}, "log"),
    ({"log": "5f3a9c211"}, "log"),
    ({"log": "5f3a9c21\n"}, "log"),
    ({"log": 53}, "log"),
    ({"log": ["5f3a9c21"]}, "log"),
    ({"id": f"{LOG}/2"}, "id"),
    ({"id": None}, "id"),
    ({"site": "elsewhere"}, "of another agent"),
    ({"device": "other"}, "of another agent"),
    ({"device": None}, "of another agent"),
    ({"site": "que-phong/one-stop", "device": ""}, "of another agent"),
    ({"rule": "gate"}, "not of its topic"),
    ({"rule": 7}, "rule"),
    ({"type": "zone.left"}, "not of its topic"),
    ({"type": "zone entered"}, "type"),
    ({"type": {}}, "type"),
    ({"ts": "soon"}, "ts"),
    ({"ts": 7}, "ts"),
    ({"note": "x" * 10_000}, "too long"),
    ({"count": float("nan")}, "no JSON"),
    ({"count": float("inf")}, "no JSON"),
]


@pytest.mark.parametrize(("other", "why"), WRONG_EVENTS)
def test_wrong_event(other: dict[str, Any], why: str) -> None:
    body = {**make_body(1), **other}
    assert parse(Message(EVENT_TOPIC, json.dumps(body))) == RefusedMessage(AGENT, why)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 3), (4, 3), (3, 9), (3, 2**60), (None, 3), ("1", 3), (3, True)]
)
def test_wrong_dropped(first: object, last: object) -> None:
    body = make_body(9, type="events.dropped", from_seq=first, to_seq=last)
    thing = parse(Message(f"{ROOT}/event/waiting/events/dropped", json.dumps(body)))
    assert isinstance(thing, RefusedMessage)


@pytest.mark.parametrize("payload", ["", "{", "null", "7", '"text"', "[]", "[" * 100_000, "9" * 8000, "\0"])
@pytest.mark.parametrize(
    "topic", ["event/waiting/zone/entered", "status", "health", "state/waiting", "replay/r1"]
)
def test_no_payload_of_ours(topic: str, payload: str) -> None:
    thing = parse(Message(f"{ROOT}/{topic}", payload))
    # An empty one clears a state or a status.
    assert isinstance(thing, RefusedMessage) or not payload


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "presence/v1",
        "presence/v2/que-phong/one-stop/status",
        "presence/v1/que-phong/status",
        "presence/v1/QUE/one-stop/status",
        "presence/v1//one-stop/status",
        f"{ROOT}/event",
        f"{ROOT}/event/waiting",
        f"{ROOT}/status/more",
        f"{ROOT}/state",
        f"{ROOT}/cmd/replay",
        f"{ROOT}/replay/r1/more",
        f"{ROOT}/replay/R1",
        f"{ROOT}/replay/" + "r" * 33,
        f"{ROOT}/state/" + "r" * 33,
        "presence/v1/" + "s" * 29 + "/" + "n" * 32 + "/status",
        f"{ROOT}/info/more",
    ],
)
def test_no_topic_of_ours(topic: str) -> None:
    for payload in ("", json.dumps(make_body(1)), json.dumps({"state": "online"})):
        assert isinstance(parse(Message(topic, payload)), RefusedMessage)


INFO = {
    "v": 1,
    "log": LOG,
    "session": SESSION,
    "ts": TS,
    "site": "que-phong",
    "device": "one-stop",
    "rules": [],
}


def info_of(said: object) -> InfoMessage | RefusedMessage:
    thing = parse(Message(f"{ROOT}/info", json.dumps(said), retain=True))
    assert isinstance(thing, InfoMessage | RefusedMessage)
    return thing


def test_info() -> None:
    thing = info_of(INFO)
    assert thing == InfoMessage(AGENT, TS, getattr(thing, "digest", ""), json.dumps(INFO))
    # The same agent on another connection, and one that is set to something else.
    later = info_of({**INFO, "session": "0a0b0c0d", "log": "0a0b0c0d", "ts": "2027-01-01T00:00:00.000Z"})
    assert getattr(later, "digest", "") == getattr(thing, "digest", None)
    assert getattr(info_of({**INFO, "place": "x"}), "digest", None) != getattr(thing, "digest", None)
    assert isinstance(info_of({**INFO, "rules": ["x" * 40_000]}), InfoMessage)
    assert parse(Message(f"{ROOT}/info", "", retain=True)) == InfoMessage(AGENT, "", "", "")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "no object"),
        ({**INFO, "site": "ban-a"}, "of another agent"),
        ({**INFO, "device": 7}, "of another agent"),
        ({**INFO, "ts": "now"}, "ts"),
        ({**INFO, "rules": "x" * 70_000}, "too long"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_no_info(said: object, why: str) -> None:
    assert info_of(said) == RefusedMessage(AGENT, why)


def test_retained_event() -> None:
    for message in happened(1):
        assert parse(Message(message.topic, message.payload, retain=True)) == RefusedMessage(
            AGENT, "retained"
        )
    for message in (*happened(1, replay="r1"), make_done("r1", 1, 1, 1)):
        assert parse(Message(message.topic, message.payload, retain=True)) == RefusedMessage(
            AGENT, "retained", "r1"
        )


@pytest.mark.parametrize(
    "message",
    [
        make_status(5, first_seq=7),
        make_status(-1),
        make_status(2**60),
        make_status(5, state="asleep"),
        make_status(5, state=["online"]),
        make_status(5, why={}),
        make_status(5, log="x"),
        make_status(5, session=None),
        make_status(5, ts=7),
        make_health(5, ts=None),
        make_health(5, first_seq="5"),
        make_health(5, earlier_logs={"log": LOG}),
        make_health(5, earlier_logs=[LOG]),
        make_health(5, earlier_logs=[{"log": "x"}]),
        make_health(5, earlier_logs=[{"log": LOG}] * 101),
        make_state(valid="yes"),
        make_state(kind=None),
        make_state(log=7),
        Message(f"{ROOT}/state/other", make_state().payload),
        make_done("r1", -1),
        Message(f"{ROOT}/replay/r1", '{"done":true}'),
    ],
)
def test_wrong_others(message: Message) -> None:
    assert isinstance(parse(message), RefusedMessage)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
topics = st.sampled_from(
    [EVENT_TOPIC, *(f"{ROOT}/{name}" for name in ("status", "health", "state/waiting", "replay/r1"))]
)
likely = st.sampled_from(
    [
        make_body(1),
        *(
            json.loads(m.payload)
            for m in (make_status(3), make_health(3), make_state(), make_done("r1", 1, 1, 1))
        ),
    ]
)


@given(topics | st.text(max_size=60), st.booleans(), st.data())
def test_anything_is_read_or_refused(topic: str, retain: bool, data: st.DataObject) -> None:
    content = data.draw(likely)
    for name in data.draw(st.lists(st.sampled_from(sorted(content)), max_size=3)):
        content = {**content, name: data.draw(anything)}
    payload = data.draw(st.just(json.dumps(content)) | st.text() | anything.map(json.dumps))
    thing = parse(Message(topic, payload, retain))
    if isinstance(thing, EventMessage):
        # Whatever is taken fits its column.
        assert 1 <= thing.seq <= 2**53
        assert len(thing.log) == 8
        json.loads(thing.body)


@given(events, st.integers(1, 2**53))
def test_every_event_of_the_agent_is_read(event: Event, seq: int) -> None:
    assume(not isinstance(event, EventsDropped))
    body = event_json(event, SENDER, LOG, seq)
    topic = f"{ROOT}/event/{event.rule}/{event.TYPE.replace('.', '/')}"
    for sent in (body, made_late(body)):
        thing = parse(Message(topic, sent))
        assert isinstance(thing, EventMessage), thing
        assert (thing.seq, thing.type, thing.late) == (seq, event.TYPE, sent != body)


@pytest.mark.parametrize("state", examples()["state.counter"], ids=["known", "unknown"])
@pytest.mark.parametrize("lacks", [(), ("waiting_since",)], ids=["today", "before"])
def test_every_state_of_a_counter_is_read(state: dict[str, Any], lacks: tuple[str, ...]) -> None:
    # An agent of before has no `waiting_since`.
    said = {name: value for name, value in state.items() if name not in lacks}
    thing = parse(
        Message(f"presence/v1/que-phong/one-stop/state/{said['rule']}", json.dumps(said), retain=True)
    )
    assert isinstance(thing, StateMessage), thing
    assert json.loads(thing.body) == said
