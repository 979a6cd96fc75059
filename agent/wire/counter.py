"""Wire form of counters: geometry, state, entities of Home Assistant, examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field

from agent.core.event import (
    CounterAttended,
    CounterClosed,
    CounterDay,
    CounterQuarter,
    CounterUnattended,
)
from agent.core.rule_state import CounterMode, CounterState
from agent.wire.entities import Entity, event_entity, known

# Pydantic reads annotations.
from agent.wire.fields import Identifier, Seconds, StateRule  # noqa: TC001
from agent.wire.rule_form import ExampleTimes, GeometryWire, RuleExamples, WireKind


class CounterGeometryWire(GeometryWire):
    """A counter, by the ids of its zones."""

    kind: Literal["counter"] = "counter"
    rule: StateRule
    staff: Annotated[Identifier, Field(description="Id of the zone behind the desk.")]
    public: Annotated[
        Identifier | None, Field(description="Id of the zone before the desk; null: it has none.")
    ]
    unattended_after_s: Annotated[
        Seconds, Field(description="For so long the desk may be left before that is told; s.")
    ]


def _examples(times: ExampleTimes) -> RuleExamples:
    desk: dict[str, Any] = {"rule": "desk", "at": times.at}
    since: dict[str, Any] = {"since": times.since}
    events = (
        CounterAttended(**desk, **since, waiting=1),
        CounterUnattended(**desk, **since, waiting=3),
        CounterClosed(**desk, **since, waiting=0, why="closed"),
        CounterQuarter(
            **desk,
            **times.quarter,
            attended_s=720.0,
            unattended_s=180.0,
            longest_unattended_s=120.0,
            visits=4,
            wait_p50_s=188.5,
            wait_p90_s=402.0,
            wait_max_s=402.0,
        ),
        CounterDay(
            **desk,
            **times.day,
            attended_s=24_300.0,
            unattended_s=2_700.0,
            longest_unattended_s=640.0,
            visits=61,
            wait_p50_s=204.3,
            wait_p90_s=611.7,
            wait_max_s=1_504.0,
        ),
    )
    return RuleExamples(
        events,
        CounterState(rule="desk", since=times.since, mode="attended", waiting=1, waiting_since=times.since),
        (CounterGeometryWire(rule="desk", staff="staff", public="waiting", unattended_after_s=60.0),),
    )


def _has_public(rule: CounterGeometryWire) -> bool:
    """Whether anybody is counted before the desk."""
    return rule.public is not None


COUNTER: Final = WireKind(
    kind_id="counter",
    geometry=CounterGeometryWire,
    state=CounterState,
    entities=(
        Entity(
            "mode",
            "sensor",
            known("value_json.mode"),
            {"device_class": "enum", "options": get_args(CounterMode), "icon": "mdi:desk"},
        ),
        Entity(
            "waiting",
            "sensor",
            known("value_json.waiting"),
            {"state_class": "measurement", "icon": "mdi:account-clock"},
            "_waiting",
            is_there=_has_public,
        ),
        Entity(
            "waiting since",
            "sensor",
            known("value_json.waiting_since"),
            {"device_class": "timestamp", "icon": "mdi:timer-sand"},
            "_since",
            is_there=_has_public,
        ),
        replace(
            event_entity(
                "unattended",
                "unattended",
                "event/{rule}/counter/unattended",
                "since waiting",
                "mdi:account-question",
                " and value_json.waiting | default(0) > 0",
            ),
            is_there=_has_public,
        ),
    ),
    examples=_examples,
)
