"""AsyncAPI 3.0 document of the contract: every topic, made from the payloads' models.

https://www.asyncapi.com/docs/reference/specification/v3.0.0. The agent is the application: it sends
what central systems read, and receives `cmd/replay`.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from agent.core.identifiers import LONGEST_SITE_AND_NAME
from agent.wire.client import KEEPALIVE_S, client_id
from agent.wire.events import CONTRACT, EVENTS
from agent.wire.examples import SENDER, examples
from agent.wire.home_assistant import HOME_ASSISTANT_STATUS, DiscoveryWire, discovery_topic
from agent.wire.payloads import schemas
from agent.wire.rule_kinds import WIRE_KINDS
from agent.wire.schema_form import published_schema

DOCUMENT: Final = "asyncapi"
QOS: Final = 1
_ROOT: Final = f"{CONTRACT}/{{site}}/{{name}}"
_BINDING: Final = "0.2.0"
_AGENT_STATUS: Final = "status"
# Events of no rule of the configuration stand below a level of their own.
_OWN_RULES: Final = {"camera": "camera", "agent": "agent", "events": "agent"}

_IDENTIFIER: Final = "a–z, 0–9 and '-', at most 32"
_TOGETHER: Final = f"and at most {LONGEST_SITE_AND_NAME} together with"
_PARAMETERS: Final = {
    "site": (f"The agent's site: {_IDENTIFIER}, {_TOGETHER} the name.", SENDER.site),
    "name": (f"The agent's name, unique in its site: {_IDENTIFIER}, {_TOGETHER} the site.", SENDER.device),
    "rule": (f"Id of a line, zone or counter of the configuration: {_IDENTIFIER}.", "gate"),
    "request": (f"What the `cmd/replay` had as its `request`: {_IDENTIFIER}.", "gap-7"),
}
# Payloads that others define.
_FOREIGN: Final[dict[str, dict[str, Any]]] = {
    "homeassistant.status": {
        "type": "string",
        "enum": ["online", "offline"],
        "title": "HomeAssistantStatus",
        "description": "Whether Home Assistant is there.",
    }
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A form of topic.

    Attributes:
        name: of the channel in the document.
        address: with parameters in braces.
        messages: names of the schemas of what it carries.
        summary: one sentence.
        retain: whether the broker keeps the last one.
        action: what the agent does.
        answers: name of the topic on which this is answered.
    """

    name: str
    address: str
    messages: tuple[str, ...]
    summary: str
    retain: bool = False
    action: Literal["send", "receive"] = "send"
    answers: str | None = None


def topics() -> tuple[Topic, ...]:
    """Every form of topic of the contract, in its order."""
    events = tuple(_event_topic(kind) for kind in EVENTS)
    return (*_retained_topics(), *events, *_command_topics(), *_home_assistant_topics())


def _retained_topics() -> tuple[Topic, ...]:
    return (
        Topic(
            "status",
            f"{_ROOT}/{_AGENT_STATUS}",
            ("status",),
            "Whether the agent is there. The will is `offline`, `lost`, with the log and session of its "
            "connection. A state is unknown while this is not `online` or names another log or session.",
            retain=True,
        ),
        Topic(
            "info",
            f"{_ROOT}/info",
            ("info",),
            "What the agent is made of and set to; at every connect.",
            retain=True,
        ),
        Topic(
            "state",
            f"{_ROOT}/state/{{rule}}",
            tuple(f"state.{kind}" for kind in WIRE_KINDS.ids),
            "What holds now for a line, zone or counter. Not valid: could not see, which is never nobody.",
            retain=True,
        ),
        Topic(
            "health",
            f"{_ROOT}/health",
            ("health",),
            "How the agent and its device are, every minute; older than 180 s it says nothing any more.",
            retain=True,
        ),
    )


def _command_topics() -> tuple[Topic, ...]:
    return (
        Topic(
            "cmd.replay",
            f"{_ROOT}/cmd/replay",
            ("cmd.replay",),
            "A central system asks for events again: at most 1,000, one request at a time; never retained.",
            action="receive",
            answers="replay",
        ),
        Topic(
            "cmd.calendar",
            f"{_ROOT}/cmd/calendar",
            ("cmd.calendar",),
            "A central system sets working hours and days off; empty: back to the configuration's. "
            "Of two that say when they were set the later holds, in whichever order they come. "
            "An invalid one, or one with unknown keys, changes nothing: health `calendar_refused`.",
            retain=True,
            action="receive",
        ),
        Topic(
            "replay",
            f"{_ROOT}/replay/{{request}}",
            (*(f"event.{kind}" for kind in EVENTS), "replay.done"),
            "The events asked for, unchanged, oldest first; the last message is that it is done.",
        ),
    )


def _home_assistant_topics() -> tuple[Topic, ...]:
    return (
        Topic(
            "discovery",
            discovery_topic("{site}", "{name}"),
            ("discovery",),
            "What Home Assistant makes its entities of, with `[mqtt] discovery = true`; empty: they go.",
            retain=True,
        ),
        Topic(
            "homeassistant.status",
            HOME_ASSISTANT_STATUS,
            ("homeassistant.status",),
            "At `online` the agent sends its discovery again, with `[mqtt] discovery = true`.",
            action="receive",
        ),
    )


def _event_topic(kind: str) -> Topic:
    rule = _OWN_RULES.get(kind.split(".", maxsplit=1)[0], "{rule}")
    address = f"{_ROOT}/event/{rule}/{kind.replace('.', '/')}"
    return Topic(f"event.{kind}", address, (f"event.{kind}",), _summary(EVENTS[kind].__doc__))


def documents() -> dict[str, dict[str, Any]]:
    """All of the contract's files, by their names: a schema of each payload, and the document of all."""
    return {**_own_schemas(), DOCUMENT: asyncapi()}


def asyncapi() -> dict[str, Any]:
    """The document."""
    payloads = {**_own_schemas(), **_FOREIGN}
    shown = examples()
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:{CONTRACT.replace('/', ':')}",
        "info": {
            "title": "presence-agent",
            "version": CONTRACT.rpartition("/v")[2],
            "description": (
                "Presence events of an office camera: who is there, never who it is. "
                "UTF-8 JSON at QoS 1. Ignore fields and types that you do not know; order events by `seq`, "
                "drop what you have by `id`, and ask `cmd/replay` for numbers that are missing. "
                "What breaks readers gets another root of topics."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {topic.name: _channel(topic) for topic in topics()},
        "operations": {f"{topic.action}.{topic.name}": _operation(topic) for topic in topics()},
        "components": {
            "schemas": _dialect(payloads),
            "messages": {name: _message(name, payloads[name], shown[name]) for name in sorted(payloads)},
            "parameters": {
                name: {"description": what, "examples": [example]}
                for name, (what, example) in _PARAMETERS.items()
            },
            "securitySchemes": {
                "password": {
                    "type": "userPassword",
                    "description": "The user of an agent is `<site>/<name>`: the broker's rights follow it.",
                },
                "certificate": {
                    "type": "X509",
                    "description": "A client certificate instead of the password, whose name is the user's.",
                },
            },
        },
    }


def _own_schemas() -> dict[str, dict[str, Any]]:
    return {**schemas(), "discovery": published_schema("discovery", TypeAdapter(DiscoveryWire))}


def _servers() -> dict[str, Any]:
    will = json.dumps(examples()["status"][1], separators=(",", ":"))
    binding = {
        # The last part is random, and each agent's own.
        "clientId": client_id(SENDER.site, SENDER.device, "9d41c7e2"),
        "cleanSession": True,
        "keepAlive": KEEPALIVE_S,
        "lastWill": {
            "topic": f"{CONTRACT}/{SENDER.site}/{SENDER.device}/{_AGENT_STATUS}",
            "qos": QOS,
            "retain": True,
            "message": will,
        },
        "bindingVersion": _BINDING,
    }
    found = {}
    for protocol, port in (("mqtts", "8883"), ("mqtt", "1883")):
        schemes = ("password", "certificate") if protocol == "mqtts" else ("password",)
        for version in ("5", "3.1.1"):
            found[f"{protocol}{version.replace('.', '')}"] = {
                "host": "{host}:{port}",
                "protocol": protocol,
                "protocolVersion": version,
                "description": (
                    "TLS 1.2 or newer." if protocol == "mqtts" else "Without TLS: for networks of one's own."
                )
                + " What is bound here is an agent's connection, with the will of one as an example.",
                "variables": {
                    "host": {"default": "broker.example", "description": "`[mqtt] host` of the agents."},
                    "port": {"default": port, "description": "`[mqtt] port` of the agents."},
                },
                "security": [_ref("components", "securitySchemes", name) for name in schemes],
                "bindings": {"mqtt": binding},
            }
    return found


def _channel(topic: Topic) -> dict[str, Any]:
    parameters = {
        name: _ref("components", "parameters", name) for name in _PARAMETERS if f"{{{name}}}" in topic.address
    }
    return {
        "address": topic.address,
        "summary": topic.summary,
        "messages": {name: _ref("components", "messages", name) for name in topic.messages},
        **({"parameters": parameters} if parameters else {}),
    }


def _operation(topic: Topic) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": topic.action,
        "channel": _ref("channels", topic.name),
        "summary": topic.summary,
        "messages": [_ref("channels", topic.name, "messages", name) for name in topic.messages],
        "bindings": {"mqtt": {"qos": QOS, "retain": topic.retain, "bindingVersion": _BINDING}},
    }
    if topic.answers:
        operation["reply"] = {"channel": _ref("channels", topic.answers)}
    return operation


def _message(name: str, schema: dict[str, Any], payloads: list[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": _summary(schema.get("description")),
        **({"contentType": "text/plain"} if schema["type"] == "string" else {}),
        "payload": _ref("components", "schemas", name),
        "examples": [
            {"name": f"{name.replace('.', '-')}-{number}", "payload": payload}
            for number, payload in enumerate(payloads, 1)
        ],
    }


def _ref(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}


def _summary(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def _dialect(own: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The schemas in AsyncAPI's own dialect, which is that of draft 7; what they share beside them."""
    found: dict[str, Any] = {}
    for name, schema in deepcopy(own).items():
        found |= schema.pop("$defs", {})
        found[name] = {key: value for key, value in schema.items() if key not in {"$schema", "$id"}}
    return {name: _older(schema) for name, schema in sorted(found.items())}


def _older(schema: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(schema, list):
        return [_older(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    older = {key: _older(value) for key, value in schema.items()}
    if "$ref" in older:
        return {"$ref": older["$ref"].replace("#/$defs/", "#/components/schemas/")}
    if "prefixItems" in older:
        older["items"] = older.pop("prefixItems")
    return older
