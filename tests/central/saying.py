"""What an agent says, as messages; every field can be another."""

from __future__ import annotations

import json
from typing import Any

from agent.mqtt.connection import Message

AGENT = "que-phong/one-stop"
ROOT = f"presence/v1/{AGENT}"
LOG = "5f3a9c21"
SESSION = "c01dbeef"
TS = "2026-11-22T00:31:05.120Z"


def make_body(seq: int, log: str = LOG, **other: object) -> dict[str, Any]:
    """An event."""
    site, device = AGENT.split("/")
    return {
        "v": 1, "log": log, "seq": seq, "id": f"{log}/{seq}", "type": "zone.entered", "ts": TS,
        "clock": "synced", "site": site, "device": device, "rule": "waiting", "since": TS, "count": seq,
        "track": "t1", **other,
    }  # fmt: skip


def happened(*seqs: int, log: str = LOG, replay: str | None = None) -> list[Message]:
    """Events, as they come by themselves or in a replay."""
    topic = f"{ROOT}/replay/{replay}" if replay else f"{ROOT}/event/waiting/zone/entered"
    return [Message(topic, json.dumps(make_body(seq, log))) for seq in seqs]


def dropped(seq: int, first: int, last: int) -> Message:
    """The agent could not keep some events."""
    body = make_body(seq, type="events.dropped", rule="agent", cause="disk_full", from_seq=first, to_seq=last)
    return Message(f"{ROOT}/event/agent/events/dropped", json.dumps(body))


def make_status(last_seq: int = 0, *, first_seq: int = 1, retain: bool = False, **other: object) -> Message:
    """The agent is there."""
    said = {
        "v": 1, "state": "online", "why": None, "log": LOG, "session": SESSION, "first_seq": first_seq,
        "last_seq": last_seq, "ts": TS, **other,
    }  # fmt: skip
    return Message(f"{ROOT}/status", json.dumps(said), retain)


def make_will() -> Message:
    """The agent is lost."""
    said = {"v": 1, "state": "offline", "why": "lost", "log": LOG, "session": SESSION}
    return Message(f"{ROOT}/status", json.dumps(said), retain=False)


def make_health(last_seq: int, *, retain: bool = False, **other: object) -> Message:
    """How the agent is."""
    said = {
        "v": 1, "ts": TS, "log": LOG, "session": SESSION, "verdict": "ok", "first_seq": 1,
        "last_seq": last_seq, **other,
    }  # fmt: skip
    return Message(f"{ROOT}/health", json.dumps(said), retain)


def make_state(rule: str = "waiting", **other: object) -> Message:
    """So many persons are there."""
    said = {
        "v": 1, "kind": "zone", "rule": rule, "valid": True, "why": None, "count": 2, "since": TS, "ts": TS,
        "seq": 1, "log": LOG, "session": SESSION, **other,
    }  # fmt: skip
    return Message(f"{ROOT}/state/{rule}", json.dumps(said), retain=True)


def make_done(
    request: str, sent: int, first_seq: int | None = None, last_seq: int | None = None, **refused: object
) -> Message:
    """A replay is over."""
    said = {"done": True, "sent": sent, "first_seq": first_seq, "last_seq": last_seq, **refused}
    return Message(f"{ROOT}/replay/{request}", json.dumps(said))
