"""A made-up province: the same bytes from a seed, messages as agents send them, sums that fit."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from agent.central.messages import EventMessage, RefusedMessage, parse
from agent.central.simulate.plan import PLACES
from agent.central.simulate.province import SimulatedProvince, SimulationSettings
from agent.mqtt.connection import Message
from agent.wire.event_models import state_model
from agent.wire.events import EVENTS
from agent.wire.health import HealthWire
from agent.wire.payloads import StatusWire, info_wire
from agent.wire.rule_kinds import WIRE_KINDS
from tests.central.reckoning import DAY_MS, QUARTER_MS, Reckoning, is_empty, local_date, ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from agent.central.simulate.agent import SimulatedMessage

# A week with the National Day in it.
FIRST = date(2026, 8, 31)
DAYS = 8
SEED = 2


def settings(seed: int = SEED, days: int = DAYS, **other: Any) -> SimulationSettings:  # noqa: ANN401
    return SimulationSettings(sites=other.pop("sites", 1), days=days, seed=seed, first=FIRST, **other)


@cache
def week(*, drops: bool = False) -> tuple[SimulatedMessage, ...]:
    return tuple(SimulatedProvince(settings(drops=drops)).messages())


def by_agent(messages: Sequence[SimulatedMessage]) -> dict[str, list[tuple[str, SimulatedMessage]]]:
    """Of each agent the messages, with what is behind its root in their topics."""
    found = defaultdict(list)
    for message in messages:
        levels = message.topic.split("/")
        found["/".join(levels[2:4])].append(("/".join(levels[4:]), message))
    return found


def bodies(messages: Sequence[SimulatedMessage]) -> Iterator[str]:
    return (message.payload for message in messages if message.topic.split("/")[4] == "event")


def digest(of: SimulationSettings) -> str:
    sha = hashlib.sha256()
    for message in SimulatedProvince(of).messages():
        sha.update(f"{message.when_ms} {message.topic} {message.retain} {message.payload}\n".encode())
    return sha.hexdigest()


def test_the_same_seed_makes_the_same_bytes() -> None:
    short = settings(days=2, sites=2)
    assert digest(short) == digest(short) != digest(settings(SEED + 1, days=2, sites=2))


def test_an_office_is_the_same_beside_others() -> None:
    alone = list(SimulatedProvince(settings(days=1)).messages())
    beside = SimulatedProvince(settings(days=1, sites=2)).messages()
    assert alone == [m for m in beside if "/office-001/" in m.topic]


def test_every_message_is_valid_and_read_by_the_receiver() -> None:
    states = {kind.kind_id: TypeAdapter(state_model(kind.kind_id, kind.state)) for kind in WIRE_KINDS}
    events = {name: TypeAdapter(model) for name, model in EVENTS.items()}
    models: dict[str, Any] = {"status": StatusWire, "info": info_wire(), "health": HealthWire}
    reports: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(model) for name, model in models.items()}
    seen = set()
    for message in week():
        _, _, site, device, what, *rest = message.topic.split("/")
        assert (site, device) in {("office-001", plan.name) for plan in PLACES}
        assert message.retain == (what != "event")
        if what == "event":
            body = json.loads(message.payload)
            events[body["type"]].validate_json(message.payload)
            assert rest == [body["rule"], *body["type"].split(".")]
            assert len(message.payload.encode()) <= (
                1000 if body["type"].endswith(("quarter", "day")) else 512
            )
            seen.add(body["type"])
        elif what == "state":
            states[json.loads(message.payload)["kind"]].validate_json(message.payload)
        else:
            reports[what].validate_json(message.payload)
        read = parse(Message(message.topic, message.payload, message.retain))
        assert not isinstance(read, RefusedMessage), (message, read)
    assert seen >= {
        "line.crossed", "line.quarter", "line.day", "zone.entered", "zone.left", "zone.occupied",
        "zone.vacated", "zone.quarter", "zone.day", "counter.attended", "counter.unattended",
        "counter.closed", "counter.quarter", "counter.day", "presence.after_hours", "camera.blind",
        "camera.restored", "agent.started",
    }  # fmt: skip


def test_messages_come_in_order_of_time_and_numbers_without_gaps() -> None:
    assert [m.when_ms for m in week()] == sorted(m.when_ms for m in week())
    late = 0
    for messages in by_agent(week()).values():
        numbers = defaultdict(list)
        for what, message in messages:
            if not what.startswith("event/"):
                continue
            body = json.loads(message.payload)
            numbers[body["log"]].append(body["seq"])
            assert (message.when_ms - ms(body["ts"]) > 30_000) == body.get("late", False)
            late += body.get("late", False)
        assert [sorted(seqs) for seqs in numbers.values()] == [
            list(range(1, len(seqs) + 1)) for seqs in numbers.values()
        ]
    assert late > 50, "no outage"


def test_times_never_fall_as_numbers_rise() -> None:
    for messages in by_agent(week()).values():
        events = sorted(
            (json.loads(m.payload) for what, m in messages if what.startswith("event/")),
            key=lambda body: body["seq"],
        )
        assert [body["ts"] for body in events] == sorted(body["ts"] for body in events)


def test_each_connection_says_info_then_states_then_status_then_events() -> None:
    sessions = 0
    for messages in by_agent(week()).values():
        online, session = False, ""
        states: set[str] = set()
        for what, message in messages:
            body = json.loads(message.payload)
            if what == "info":
                assert not online
                session, states = body["session"], set()
                rules = {rule["rule"] for rule in body["rules"]}
                sessions += 1
            elif what.startswith("state/"):
                states.add(body["rule"])
                assert body["session"] == session
            elif what == "status" and body["state"] == "online":
                assert (body["session"], states) == (session, rules)
                online = True
            elif what == "status":
                assert body["session"] == session
                online = False
            elif what == "health":
                assert online
    assert sessions >= len(PLACES) * 2, "no connection was made again"


def test_a_state_is_published_at_most_once_a_second() -> None:
    for messages in by_agent(week()).values():
        last: dict[str, int] = {}
        session = None
        for what, message in messages:
            if what == "info":
                last.clear()
            elif what.startswith("state/"):
                assert message.when_ms - last.get(what, 0) >= 1000, (session, message)
                last[what] = message.when_ms


def test_what_is_dropped_is_said_and_nothing_else_is_missing() -> None:
    dropped = 0
    for messages in by_agent(week(drops=True)).values():
        events = [json.loads(m.payload) for what, m in messages if what.startswith("event/")]
        seqs = {body["seq"] for body in events}
        gone = {
            seq
            for body in events
            if body["type"] == "events.dropped"
            for seq in range(body["from_seq"], body["to_seq"] + 1)
        }
        assert not gone & seqs
        assert gone | seqs == set(range(1, max(seqs) + 1))
        dropped += len(gone)
    assert dropped


def test_nothing_is_published_from_the_end_on() -> None:
    whole = week()
    end_ms = whole[-1].when_ms - 3 * DAY_MS
    cut = list(SimulatedProvince(settings(end_ms=end_ms)).messages())
    assert cut == [message for message in whole if message.when_ms < end_ms]


@pytest.mark.parametrize("seed", [SEED, 6])
def test_sums_are_those_of_the_raw_events(tmp_path: Path, seed: int) -> None:
    messages = week() if seed == SEED else tuple(SimulatedProvince(settings(seed)).messages())
    infos = {m.topic: json.loads(m.payload) for m in messages if m.topic.endswith("/info")}
    reckoning = Reckoning(tmp_path, bodies(messages), infos.values())
    reckoned = {True: reckoning.quarters(), False: reckoning.days()}
    told: dict[bool, set[tuple[str, str, int]]] = {True: set(), False: set()}
    blind = 0
    for text in bodies(messages):
        body = json.loads(text)
        if not body["type"].endswith((".quarter", ".day")):
            continue
        quarter = body["type"].endswith(".quarter")
        start = ms(body["start"] if quarter else f"{body['date']}T00:00:00+07:00")
        key = (f"{body['site']}/{body['device']}", body["rule"], start)
        told[quarter].add(key)
        said = {**body, **{name: ms(body[name]) for name in ("first_in", "last_out") if body.get(name)}}
        wanted = {name: value for name, value in reckoned[quarter][key].items() if name != "kind"}
        assert {name: said.get(name) for name in wanted} == wanted, (key, local_date(start))
        blind += body["blind_s"] > 0
    assert blind > 100, "nothing was blind"
    due = {key for key, figures in reckoned[True].items() if not is_empty(figures)}
    assert not {key for key in due if reckoning.due(key, QUARTER_MS)} - told[True]
    assert not {key for key in reckoned[False] if reckoning.due(key, DAY_MS)} - told[False]


def test_events_are_read_as_their_agents() -> None:
    read = [parse(Message(m.topic, m.payload)) for m in week()[:2000] if "/event/" in m.topic]
    assert read
    assert all(isinstance(one, EventMessage) and one.agent.startswith("office-001/") for one in read)
