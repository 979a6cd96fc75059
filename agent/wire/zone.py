"""Wire form of zones: geometry, state, entities of Home Assistant, examples."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from agent.core.event import (
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneQuarter,
    ZoneState,
    ZoneVacated,
)
from agent.wire.entities import AFTER_HOURS, Entity, known

# Pydantic reads annotations.
from agent.wire.fields import Corner, PersonsThere, Seconds, StateRule  # noqa: TC001
from agent.wire.rule_form import ExampleTimes, GeometryWire, RuleExamples, StateWire, WireKind


class ZoneGeometryWire(GeometryWire):
    """A zone, in fractions of the picture."""

    kind: Literal["zone"] = "zone"
    rule: StateRule
    polygon: Annotated[
        tuple[Corner, ...], Field(description="Its corners: x to the right, y down, each 0 to 1.")
    ]
    min_dwell_s: Annotated[Seconds, Field(description="Shorter visits are of passers-by; s.")]


class ZoneStateWire(StateWire):
    """Persons in a zone; null when not valid."""

    kind: Literal["zone"] = "zone"
    count: PersonsThere | None


def _examples(times: ExampleTimes) -> RuleExamples:
    zone: dict[str, Any] = {"rule": "waiting", "at": times.at}
    since: dict[str, Any] = {"since": times.since}
    events = (
        ZoneEntered(**zone, **since, count=2, track="t412"),
        ZoneLeft(**zone, **since, count=1, track="t412", dwell_s=94.2, why="seen"),
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
            ZoneGeometryWire(rule="waiting", polygon=((0.1, 0.3), (0.4, 0.3), (0.4, 0.9)), min_dwell_s=1.0),
        ),
    )


ZONE: Final = WireKind(
    kind_id="zone",
    geometry=ZoneGeometryWire,
    state=ZoneStateWire,
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
    ),
    examples=_examples,
)
