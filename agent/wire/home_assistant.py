"""Discovery by Home Assistant: one retained message with the device and entities of an agent.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload, known to it from 2024.12 on.
Nothing here reads or sends. A value that is not known is `None` there, which it shows as unknown. What
happened goes to its event entities (https://www.home-assistant.io/integrations/event.mqtt), for alarms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from pydantic import Field

from agent.core.identifiers import LONGEST_SITE_AND_NAME
from agent.wire.base import CONTRACT, ClosedWire
from agent.wire.entities import Entity, EntityEvent, Platform, event_entity
from agent.wire.fields import Mode, Name
from agent.wire.health import Verdict, VerdictIs
from agent.wire.rule_kinds import WIRE_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.wire.rule_form import GeometryWire

HOME_ASSISTANT_STATUS: Final = "homeassistant/status"
REMOVED: Final = ""
"""Retained on the topic of discovery, it takes the device and all its entities away."""
# Health is published every 60 s and stale after three times that.
_STALE_S: Final = 180

_Topic = Annotated[str, Field(pattern=r"^presence/v1/[a-z0-9/_-]{1,150}$")]
_UniqueId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}_[a-z0-9-]{1,32}(_[a-z0-9-]{1,32}(_[a-z]+)?)?$")]
_Version = Annotated[Name, Field(description="Version of presence-agent.")]
_Template = Annotated[str, Field(pattern=r"^\{\{ [A-Za-z0-9_.,:|+'()=>{}\[\] -]{1,400} \}\}$")]


_DeviceId = Annotated[
    str, Field(pattern=r"^[a-z0-9-]{1,32}_[a-z0-9-]{1,32}$", max_length=LONGEST_SITE_AND_NAME + 1)
]


class DeviceWire(ClosedWire):
    """The agent, as a device."""

    identifiers: Annotated[tuple[_DeviceId, ...], Field(description="`<site>_<name>`.")]
    name: Annotated[Name, Field(description="The place's label, or site and name.")]
    manufacturer: Literal["presence-agent"] = "presence-agent"
    sw_version: _Version


class OriginWire(ClosedWire):
    """Who sends the discovery."""

    name: Literal["presence-agent"] = "presence-agent"
    sw_version: _Version


class ComponentWire(ClosedWire):
    """An entity; of one that is gone only the platform, which takes it away."""

    platform: Platform
    unique_id: Annotated[_UniqueId | None, Field(description="The same for as long as there is it.")] = None
    name: Annotated[Name | None, Field(description="Behind the device's name; the rule and what of it.")] = (
        None
    )
    state_topic: Annotated[_Topic | None, Field(description="On which topic it is told.")] = None
    value_template: Annotated[_Template | None, Field(description="What of the payload it shows.")] = None
    device_class: Annotated[
        Literal["enum", "occupancy", "problem", "timestamp"] | None,
        Field(description="What Home Assistant takes it for."),
    ] = None
    state_class: Annotated[
        Literal["measurement", "total_increasing"] | None,
        Field(description="How Home Assistant keeps statistics of it."),
    ] = None
    options: Annotated[
        tuple[Mode | VerdictIs, ...] | None, Field(description="All that it may show, of an enum.")
    ] = None
    event_types: Annotated[
        tuple[EntityEvent, ...] | None, Field(description="All that may happen to it, of an event.")
    ] = None
    icon: Annotated[
        Annotated[str, Field(pattern=r"^mdi:[a-z-]{1,30}$")] | None, Field(description="How it is drawn.")
    ] = None
    entity_category: Annotated[
        Literal["diagnostic"] | None,
        Field(description="There where it tells of the agent, not of the place."),
    ] = None
    expire_after: Annotated[
        Literal[180] | None, Field(description="Shown as not known when nothing came for so long, s.")
    ] = None


class DiscoveryWire(ClosedWire):
    """The device, its entities, and by what Home Assistant knows whether they are there."""

    device: Annotated[DeviceWire, Field(description="The agent, as a device.")]
    origin: Annotated[OriginWire, Field(description="Who sends this.")]
    components: Annotated[dict[str, ComponentWire], Field(description="Its entities, by keys of their own.")]
    availability_topic: Annotated[_Topic, Field(description="The agent's `status`.")]
    availability_template: Annotated[_Template, Field(description="What of it is `online` or `offline`.")]
    qos: Annotated[Literal[1], Field(description="Of Home Assistant's subscriptions.")] = 1


_OF_HEALTH: Final = {"entity_category": "diagnostic", "expire_after": _STALE_S}
# Of the agent itself, with the rule that its events have.
_AGENT_PARTS: Final[tuple[tuple[str, Entity], ...]] = (
    (
        "camera",
        Entity(
            "camera",
            "binary_sensor",
            "{{ None if value_json is not defined or value_json.camera is none "
            "else 'OFF' if value_json.camera == 'ok' else 'ON' }}",
            {**_OF_HEALTH, "device_class": "problem"},
            topic="health",
        ),
    ),
    ("camera", event_entity("blind", "blind", "event/camera/camera/blind", "since cause", "mdi:camera-off")),
    (
        "agent",
        Entity(
            "health",
            "sensor",
            "{{ value_json.verdict if value_json is defined else None }}",
            {**_OF_HEALTH, "device_class": "enum", "options": get_args(Verdict)},
            topic="health",
        ),
    ),
)


def discovery_topic(site: str, device: str) -> str:
    """Where Home Assistant looks for an agent; the broker's rights have a line for exactly this one."""
    return f"homeassistant/device/{site}_{device}/config"


def discovery_config(
    site: str,
    device: str,
    place: str,
    rules: Iterable[GeometryWire],
    version: str,
    gone: Iterable[tuple[str, str]] = (),
) -> tuple[str, str]:
    """What to publish, retained, so that Home Assistant shows an agent.

    Args:
        site: of the agent.
        device: its name.
        place: its label for people; empty: it is called by site and name.
        rules: as in `info`.
        version: of presence-agent.
        gone: kind and id of rules that were announced before and are gone; their entities go.

    Returns:
        Topic and payload.
    """
    root, own = f"{CONTRACT}/{site}/{device}", f"{site}_{device}"
    components = dict(_removed(gone))
    for rule in rules:
        for part in WIRE_KINDS[rule.kind].entities:
            if not part.is_there(rule):
                # One that was announced before goes.
                components[_key(rule.rule, part)] = ComponentWire(platform=part.platform)
            else:
                name = f"{rule.rule} {part.name}"
                components[_key(rule.rule, part)] = _component(root, own, rule.rule, part, name)
    for rule_id, part in _AGENT_PARTS:
        name = part.name if part.platform != "event" else f"{rule_id} {part.name}"
        components[_key(rule_id, part)] = _component(root, own, rule_id, part, name)
    wire = DiscoveryWire(
        device=DeviceWire(identifiers=(own,), name=place or f"{site} {device}", sw_version=version),
        origin=OriginWire(sw_version=version),
        components=components,
        availability_topic=f"{root}/status",
        availability_template="{{ value_json.state if value_json is defined else 'offline' }}",
    )
    return discovery_topic(site, device), wire.model_dump_json(exclude_none=True)


def _component(root: str, own: str, rule_id: str, part: Entity, name: str) -> ComponentWire:
    return ComponentWire(
        platform=part.platform,
        unique_id=f"{own}_{rule_id}{part.suffix}",
        name=name,
        state_topic=f"{root}/{(part.topic or 'state/{rule}').format(rule=rule_id)}",
        value_template=part.template,
        **part.more,
    )


def _removed(gone: Iterable[tuple[str, str]]) -> Iterator[tuple[str, ComponentWire]]:
    for kind, rule_id in gone:
        for part in WIRE_KINDS[kind].entities:
            yield _key(rule_id, part), ComponentWire(platform=part.platform)


def _key(rule_id: str, part: Entity) -> str:
    """Under which a part stands among the components; the same for as long as there is this rule."""
    return f"{rule_id}_{part.name.replace(' ', '_')}"
