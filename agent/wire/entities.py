"""Entities of Home Assistant: the parts of a rule that it shows, and the templates that read them.

A value that is not known is `None` there, which it shows as unknown. What happened goes to its event entities
(https://www.home-assistant.io/integrations/event.mqtt), for alarms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Callable

Platform = Annotated[
    Literal["sensor", "binary_sensor", "event"], Field(description="Home Assistant's kind of entity.")
]
EntityEvent = Literal["after_hours", "blind", "crowded", "overstayed", "unattended"]


def _always(_rule: Any) -> bool:  # noqa: ANN401 - of any kind
    return True


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of a rule.

    Attributes:
        name: what of the rule it shows.
        template: what of a payload.
        more: further settings.
        suffix: tells its unique id from those of the same platform.
        topic: on which it is published, below the agent's root; None: the rule's state.
        is_there: whether a rule has it, by its geometry.
    """

    name: str
    platform: Platform
    template: str
    more: dict[str, Any] = field(default_factory=dict)
    suffix: str = ""
    topic: str | None = None
    is_there: Callable[[Any], bool] = _always


def known(value: str) -> str:
    """A template for a state; where that is cleared or not valid it says None."""
    return f"{{{{ {value} if value_json is defined and value_json.valid else None }}}}"


def event_entity(name: str, what: EntityEvent, topic: str, fields: str, icon: str, when: str = "") -> Entity:
    """An event entity: JSON makes it go off, an empty text does not.

    It does not go off for what is late, nor again for what comes again: `this` is the entity, which keeps the
    ids of the last ones. Retained messages are passed over by Home Assistant itself.

    Args:
        name: what of the rule it shows.
        what: the type of event in Home Assistant.
        topic: below the agent's root.
        fields: names of the event's fields that go with it, with spaces between.
        icon: how it is drawn.
        when: a further condition, as it stands in a template.
    """
    extra = "".join(f", '{one}': value_json.{one}" for one in fields.split())
    recent = "this.attributes.recent | default([])"
    template = (
        f"{{{{ {{'event_type': '{what}'{extra}, 'recent': ({recent} + [value_json.id])[-16:]}} | to_json "
        f"if value_json is defined and value_json.id is defined and not value_json.late | default(false) "
        f"and value_json.id not in {recent}{when} else '' }}}}"
    )
    return Entity(name, "event", template, {"event_types": (what,), "icon": icon}, topic=topic)


AFTER_HOURS: Final = event_entity(
    "after hours", "after_hours", "event/{rule}/presence/after_hours", "since", "mdi:account-alert"
)
