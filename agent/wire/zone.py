"""Wire form of zones: geometry, state, entities of Home Assistant, examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from agent.core.event import (
    ZoneCrowded,
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneOverstayed,
    ZoneQuarter,
    ZoneUncrowded,
    ZoneVacated,
)
from agent.core.rule_state import ZoneState
from agent.wire.entities import AFTER_HOURS, Entity, event_entity, known

# Pydantic reads annotations.
from agent.wire.fields import Corner, Seconds, StateRule  # noqa: TC001
from agent.wire.rule_form import ExampleTimes, GeometryWire, RuleExamples, WireKind


class ZoneGeometryWire(GeometryWire):
    """A zone, in fractions of the picture."""

    kind: Literal["zone"] = "zone"
    rule: StateRule
    polygon: Annotated[
        tuple[Corner, ...], Field(description="Its corners: x to the right, y down, each 0 to 1.")
    ]
    min_dwell_s: Annotated[Seconds, Field(description="Shorter visits are of passers-by; s.")]
    # Older agents lack these.
    overstay_s: Annotated[
        Seconds | None, Field(description="Longer visits are told while they last, s; absent: none is.")
    ] = None
    crowd: Annotated[
        int | None, Field(ge=2, description="So many persons at once are a crowd; absent: none are.")
    ] = None
    crowd_after_s: Annotated[Seconds | None, Field(description="For so long they must be there, s.")] = None


def _examples(times: ExampleTimes) -> RuleExamples:
    zone: dict[str, Any] = {"rule": "waiting", "at": times.at}
    since: dict[str, Any] = {"since": times.since}
    events = (
        ZoneEntered(**zone, **since, count=2, track="t412"),
        ZoneLeft(**zone, **since, count=1, track="t412", dwell_s=94.2, why="seen"),
        ZoneOverstayed(**zone, **since, track="t412"),
        ZoneCrowded(**zone, **since, count=11),
        ZoneUncrowded(**zone, **since, crowded_s=741.5, max_count=14, why="seen"),
        ZoneOccupied(**zone, **since),
        ZoneVacated(**zone, **since, occupied_s=94.2, why="seen"),
        ZoneQuarter(**zone, **times.quarter, visits=5, occupied_s=611.4, max_count=3),
        ZoneDay(**zone, **times.day, visits=38, occupied_s=14_210.8, max_count=6),
    )
    return RuleExamples(
        events,
        ZoneState(rule="waiting", since=times.since, count=2),
        (
            ZoneGeometryWire(rule="staff", polygon=((0.5, 0.1), (0.7, 0.1), (0.7, 0.99)), min_dwell_s=1.0),
            ZoneGeometryWire(
                rule="waiting",
                polygon=((0.1, 0.3), (0.4, 0.3), (0.4, 0.9)),
                min_dwell_s=1.0,
                overstay_s=1800.0,
                crowd=10,
                crowd_after_s=60.0,
            ),
        ),
    )


def _has_crowd(rule: ZoneGeometryWire) -> bool:
    """Whether any number of persons is a crowd there."""
    return rule.crowd is not None


def _has_overstay(rule: ZoneGeometryWire) -> bool:
    """Whether any visit is too long there."""
    return rule.overstay_s is not None


ZONE: Final = WireKind(
    kind_id="zone",
    geometry=ZoneGeometryWire,
    state=ZoneState,
    entities=(
        Entity(
            "persons",
            "sensor",
            known("value_json.count"),
            {"state_class": "measurement", "icon": "mdi:account-group"},
        ),
        Entity(
            "occupied",
            "binary_sensor",
            known("('ON' if value_json.count > 0 else 'OFF')"),
            {"device_class": "occupancy"},
        ),
        AFTER_HOURS,
        replace(
            event_entity(
                "crowded", "crowded", "event/{rule}/zone/crowded", "since count", "mdi:account-group-outline"
            ),
            suffix="_crowded",
            is_there=_has_crowd,
        ),
        replace(
            event_entity(
                "overstayed", "overstayed", "event/{rule}/zone/overstayed", "since", "mdi:timer-alert"
            ),
            suffix="_overstayed",
            is_there=_has_overstay,
        ),
    ),
    examples=_examples,
)
