"""The AsyncAPI document: valid by the official schema, its examples by ours, its topics by a real broker."""

from __future__ import annotations

import hashlib
import json
import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from agent.eventlog.log import EventLog
from agent.wire.asyncapi import asyncapi, documents, topics
from agent.wire.events import CONTRACT, EVENTS
from agent.wire.examples import _events, _states, examples
from agent.wire.payloads import schemas
from tests.conftest import wait_until
from tests.mqtt.publishing import publishing, to
from tests.patience import PATIENCE_S
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Listener, Mosquitto

# As the AsyncAPI Initiative publishes it; tests/wire/golden/README.md says where.
OFFICIAL = Path(__file__).with_name("golden") / "asyncapi-3.0.0.json"
OFFICIAL_SHA256 = "abe96881dbfaad495ccbb6bd8d3fb43ca18a13b9d7564849ccb66f39d5e5b20f"
DOCUMENT = asyncapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
MESSAGES = DOCUMENT["components"]["messages"]
OURS = {name: schema for name, schema in documents().items() if name != "asyncapi"}


@cache
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_text()))


@cache
def in_document(name: str) -> Draft7Validator:
    """Of a payload, by the document alone."""
    rooted = {"components": DOCUMENT["components"], "$ref": f"#/components/schemas/{name}"}
    return Draft7Validator(rooted, format_checker=Draft7Validator.FORMAT_CHECKER)


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def resolved(reference: str) -> Any:  # noqa: ANN401 - any part of the document
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


# --- by the official schema --------------------------------------------------------------------------


def test_official_schema_is_unchanged() -> None:
    assert hashlib.sha256(OFFICIAL.read_bytes()).hexdigest() == OFFICIAL_SHA256


def test_document_is_valid() -> None:
    assert [error.message for error in official().iter_errors(DOCUMENT)] == []
    # What is written to a file is what was looked at.
    assert json.loads(json.dumps(DOCUMENT)) == json.loads(json.dumps(documents()["asyncapi"]))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("info"),
        lambda document: document.update(asyncapi="2.6.0"),
        lambda document: document["channels"]["status"].update(adress="x"),
        lambda document: document["operations"]["send.status"].update(action="publish"),
        lambda document: document["operations"]["send.status"]["bindings"]["mqtt"].update(qos=3),
        lambda document: document["servers"]["mqtts5"].pop("host"),
        lambda document: document["components"]["schemas"]["status"]["properties"]["seq"].update(type="int"),
        lambda document: document["components"]["securitySchemes"]["password"].update(type="password"),
        lambda document: document["components"]["messages"]["status"]["examples"][0].pop("payload"),
    ],
)
def test_document_spoiled_is_not_valid(spoil: Callable[[dict[str, Any]], object]) -> None:
    spoiled = deepcopy(DOCUMENT)
    spoiled["components"]["schemas"]["status"]["properties"]["seq"] = {"type": "integer"}
    spoil(spoiled)
    assert not official().is_valid(spoiled)


def test_document_references_lead_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert all(resolved(reference) is not None for reference in found)
    assert {f"#/components/messages/{name}" for name in MESSAGES} <= found


# --- payloads and examples ---------------------------------------------------------------------------


def test_document_has_every_payload() -> None:
    carried = {name for topic in topics() for name in topic.messages}
    assert carried == set(MESSAGES) == set(examples())
    # Beside what is ours only Home Assistant's word.
    assert carried - set(OURS) == {"homeassistant.status"}
    assert set(schemas()) | {"discovery"} == set(OURS)


EXAMPLES = [
    pytest.param(name, example["payload"], id=example["name"])
    for name, message in MESSAGES.items()
    for example in message["examples"]
]


@pytest.mark.parametrize(("name", "payload"), EXAMPLES)
def test_example_is_valid(name: str, payload: object) -> None:
    in_document(name).validate(payload)
    if name in OURS:
        validator = Draft202012Validator(OURS[name], format_checker=Draft202012Validator.FORMAT_CHECKER)
        validator.validate(payload)


@pytest.mark.parametrize(("name", "payload"), EXAMPLES)
def test_example_without_a_field_is_not_valid(name: str, payload: dict[str, Any]) -> None:
    # Draft 7 and 2020-12 say the same: the older dialect lost nothing of it.
    required = OURS.get(name, {}).get("required", [])
    for field in required:
        less = {key: value for key, value in payload.items() if key != field}
        assert not in_document(name).is_valid(less), field
        assert not in_document(name).is_valid({**payload, field: {"nothing": "like it"}}), field


@pytest.mark.parametrize(
    ("corner", "valid"), [([0.5, 1.0], True), ([0.5], False), ([0.5, 1.0, 0.0], False), ([0.5, 1.5], False)]
)
def test_older_dialect_keeps_pairs(corner: list[float], *, valid: bool) -> None:
    info = deepcopy(examples()["info"][0])
    info["rules"][0]["start"] = corner
    assert in_document("info").is_valid(info) == valid
    assert Draft202012Validator(OURS["info"]).is_valid(info) == valid


def test_example_events_are_of_every_type() -> None:
    assert {event.TYPE for event in _events()} == set(EVENTS)


# --- topics ------------------------------------------------------------------------------------------


def test_topics_are_the_contracts() -> None:
    root = "presence/v1/{site}/{name}"
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    assert addresses == {
        "status": f"{root}/status",
        "info": f"{root}/info",
        "health": f"{root}/health",
        "state": f"{root}/state/{{rule}}",
        **{
            f"event.{kind}": f"{root}/event/{rule}/{kind.replace('.', '/')}"
            for kind in EVENTS
            for rule in [
                {"camera": "camera", "agent": "agent", "events": "agent"}.get(kind.split(".")[0], "{rule}")
            ]
        },
        "cmd.replay": f"{root}/cmd/replay",
        "cmd.calendar": f"{root}/cmd/calendar",
        "replay": f"{root}/replay/{{request}}",
        "discovery": "homeassistant/device/{site}_{name}/config",
        "homeassistant.status": "homeassistant/status",
    }
    retained = {topic.name for topic in topics() if topic.retain}
    assert retained == {"status", "info", "health", "state", "cmd.calendar", "discovery"}
    received = {topic.name for topic in topics() if topic.action == "receive"}
    assert received == {"cmd.replay", "cmd.calendar", "homeassistant.status"}
    assert all(operation["bindings"]["mqtt"]["qos"] == 1 for operation in DOCUMENT["operations"].values())


def channel_of(topic: str) -> str:
    """The one channel of the document that a topic is on."""
    found: list[str] = [
        name
        for name, channel in DOCUMENT["channels"].items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[a-z0-9-]{1,32}", channel["address"]), topic)
    ]
    assert len(found) == 1, (topic, found)
    return found[0]


def test_what_is_published_is_in_the_document(
    mosquitto: Mosquitto, listen: Callable[..., Listener], tmp_path: Path
) -> None:
    live = listen(mosquitto.port)
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append(list(_events()))
        with publishing(to(mosquitto.port), log, *_states()) as publisher:
            assert publisher.wait_delivered(PATIENCE_S)
            wait_until(lambda: len(live.events()) >= log.last_seq)
            late = listen(mosquitto.port)
            wait_until(lambda: any("/status" in message.topic for message in late.heard()))
            kept = late.heard()
        wait_until(lambda: any('"stopped"' in message.payload for message in live.heard()))
    seen = set()
    for message in live.heard():
        name = channel_of(message.topic)
        seen.add(name)
        fits = [
            one for one in DOCUMENT["channels"][name]["messages"] if in_document(one).is_valid(message.json)
        ]
        assert len(fits) == 1, (message, fits)
    assert {f"event.{kind}" for kind in EVENTS} | {"status", "info", "state"} <= seen
    # Who comes later gets what is retained, and nothing else.
    assert all(message.retain for message in kept)
    assert all(
        DOCUMENT["operations"][f"send.{channel_of(m.topic)}"]["bindings"]["mqtt"]["retain"] for m in kept
    )
    assert {channel_of(message.topic) for message in kept} >= {"status", "info", "state"}


def test_servers_are_tls_and_plain_in_both_protocols() -> None:
    servers = DOCUMENT["servers"].values()
    assert {(server["protocol"], server["protocolVersion"]) for server in servers} == {
        (protocol, version) for protocol in ("mqtt", "mqtts") for version in ("5", "3.1.1")
    }
    for server in servers:
        will = server["bindings"]["mqtt"]["lastWill"]
        assert channel_of(will["topic"]) == "status"
        assert (will["qos"], will["retain"]) == (1, True)
        in_document("status").validate(json.loads(will["message"]))
        assert json.loads(will["message"])["why"] == "lost"


def test_version_is_the_contracts() -> None:
    assert DOCUMENT["info"]["version"] == "1"
    assert DOCUMENT["id"] == "urn:presence:v1"
    assert all(topic.address.startswith((f"{CONTRACT}/", "homeassistant/")) for topic in topics())
