"""Agents that are none, or no good: whatever they publish is data, is bounded, and is told."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agent.central import receiver as receiver_module
from agent.central.overview import overview, table
from agent.central.receiver import Receiver
from agent.mqtt.connection import Message
from tests.central.saying import (
    AGENT,
    LOG,
    ROOT,
    TS,
    happened,
    make_body,
    make_health,
    make_state,
    make_status,
)
from tests.central.stores import DatabaseBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.central.postgres import Postgres
    from tests.central.stores import Backend

LABELS = (
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x","y")',
    '#read("/etc/passwd")',
    "line\r\nSet-Cookie: a=b",
    "admin\u202etxt.exe",
    "\x1b[2J\x1b]0;title\x07",
    "'; DROP TABLE event; --",
    "%s {0} $1 :label",
    "x" * 3000,
    "\U0001f600",
    "\\u0000",
)
# Valid JSON, and PostgreSQL can't read a row with it as JSON.
NO_TEXTS = ("\0", "a\ud800", "\udc00\ud83d")
MOST_S = 5.0


@contextmanager
def received(backend: Backend) -> Iterator[Receiver]:
    with backend.store() as store:
        yield Receiver(store).load()


def seen(backend: Backend) -> dict[str, Any]:
    with backend.reader() as reading:
        return overview(reading)


def refused(backend: Backend) -> dict[str, int]:
    """How often, by reason."""
    counted: dict[str, int] = {}
    for row in seen(backend)["refused"]:
        counted[row["why"]] = counted.get(row["why"], 0) + row["times"]
    return counted


@pytest.mark.parametrize("label", LABELS, ids=range(len(LABELS)))
def test_label_is_data(backend: Backend, label: str) -> None:
    site, device = AGENT.split("/")
    info = {"ts": TS, "site": site, "device": device, "place": label}
    event = make_body(1, note=label)
    bodies = {
        "info": json.dumps(info),
        "state": make_state(count=label).payload,
        "event": json.dumps(event),
    }
    with received(backend) as receiver:
        receiver.receive(
            [
                make_status(1),
                make_health(1, verdict=label, reasons=[label]),
                Message(f"{ROOT}/info", bodies["info"], retain=True),
                Message(f"{ROOT}/state/waiting", bodies["state"]),
                Message(f"{ROOT}/event/waiting/zone/entered", bodies["event"]),
            ]
        )
    for name, body in bodies.items():
        assert backend.execute(f"SELECT body FROM {name}") == [(body,)]  # noqa: S608
    shown = seen(backend)
    assert shown["agents"][0]["info"]["place"] == label
    lines = table(shown).splitlines()
    assert all(line.isprintable() and len(line) < 300 for line in lines)
    assert len(lines) == 5


@pytest.mark.parametrize("text", NO_TEXTS, ids=range(len(NO_TEXTS)))
def test_text_that_is_none_is_refused(backend: Backend, text: str) -> None:
    spoiled: list[dict[str, Any]] = [{"note": text}, {text: 1}, {"note": [{"a": [text]}]}]
    with received(backend) as receiver:
        receiver.receive([make_state(**one) for one in spoiled])
        receiver.receive([make_health(1, **one) for one in spoiled])
    assert backend.execute("SELECT body FROM state") == []
    assert refused(backend) == {"characters": 6}


def test_what_is_stored_is_json_to_postgres(postgres: Postgres) -> None:
    backend = DatabaseBackend(postgres.new_database())
    deep = "[" * 400 + "]" * 400
    bodies = [json.dumps(make_body(seq, note=label)) for seq, label in enumerate(LABELS, 1)]
    bodies += [json.dumps(make_body(98, note=0)).replace(": 0}", f": {other}}}") for other in ("1e400", deep)]
    bodies[-1] = bodies[-1].replace("98", "99")
    with received(backend) as receiver:
        receiver.receive([Message(f"{ROOT}/event/waiting/zone/entered", body) for body in bodies])
    rows = backend.execute("SELECT body::json ->> 'note' FROM event ORDER BY seq")
    assert [row[0] for row in rows] == [*LABELS, "1e400", deep]
    backend.close()


def test_forged_status_holds_until_the_agents_next(backend: Backend) -> None:
    """It may be online in a log that does not exist, with more events than can be."""
    with received(backend) as receiver:
        receiver.receive([make_status(2), *happened(1, 2), make_state()])
        receiver.receive([make_status(2**53, log="ffffffff", session="00000bad", retain=True)])
        (agent,) = seen(backend)["agents"]
        assert [state["known"] for state in agent["states"]] == [False]
        assert {log["log"]: log["missing"] for log in agent["logs"]} == {LOG: 0, "ffffffff": 2**53}
        # The agent reads its own status, and says at once how it is.
        receiver.receive([make_status(2)])
        (agent,) = seen(backend)["agents"]
        assert [state["known"] for state in agent["states"]] == [True]
        assert receiver.complete(LOG)


def test_logs_that_do_not_exist(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_module, "_MOST_LOGS", 100)
    start_s = time.process_time()
    with received(backend) as receiver:
        receiver.receive([make_status(2**40, log=f"{number:08x}") for number in range(5000)])
        # Its own is none of the first hundred, but nothing else suffers from that.
        other = {**make_body(1), "site": "other"}
        receiver.receive(
            [
                Message("presence/v1/other/one-stop/event/waiting/zone/entered", json.dumps(other)),
                *happened(1),
            ]
        )
        assert receiver.agents["other/one-stop"].logs[LOG].stored.count == 1
    assert time.process_time() - start_s < MOST_S
    assert backend.execute("SELECT count(*) FROM log WHERE agent = ?", [AGENT]) == [(100,)]
    assert refused(backend) == {"too many": 4901}


def test_five_thousand_topics_of_one_agent(backend: Backend) -> None:
    start_s = time.process_time()
    with received(backend) as receiver:
        for first in range(0, 5000, 1000):
            receiver.receive([make_state(f"r{number}") for number in range(first, first + 1000)])
        receiver.receive([make_status(1), *happened(1)])
        assert receiver.complete(LOG)
    assert time.process_time() - start_s < MOST_S
    assert backend.execute("SELECT count(*) FROM state") == [(500,)]
    assert seen(backend)["refused"] == [{"agent": AGENT, "why": "too many", "times": 4500}]


def test_names_that_are_made_up(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_module, "_MOST_NAMES", 20)
    start_s = time.process_time()
    for first in range(0, 5000, 1000):
        # Also after a start.
        with received(backend) as receiver:
            receiver.receive(
                [
                    Message(f"presence/v1/site/n{number}/status", "no JSON")
                    for number in range(first, first + 1000)
                ]
            )
    assert time.process_time() - start_s < MOST_S
    rows = seen(backend)["refused"]
    assert len(rows) == 21
    assert sum(row["times"] for row in rows) == 5000
    assert next(row for row in rows if not row["agent"])["times"] == 4980


def test_known_agent_is_named_however_many_are_made_up(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_module, "_MOST_NAMES", 0)
    with received(backend) as receiver:
        receiver.receive(
            [make_status(1), Message(f"{ROOT}/health", "x"), Message("presence/v1/a/b/health", "x")]
        )
    assert seen(backend)["refused"] == [
        {"agent": "", "why": "no JSON", "times": 1},
        {"agent": AGENT, "why": "no JSON", "times": 1},
    ]
