"""Wire form of lines: geometry, state, entities of Home Assistant, examples."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from agent.core.event import LineCrossed, LineDay, LineQuarter, PeriodCrossings
from agent.core.frame import Instant
from agent.core.rule_state import LineState
from agent.wire.entities import AFTER_HOURS, Entity, known

# Pydantic reads annotations.
from agent.wire.fields import Corner, StateRule  # noqa: TC001
from agent.wire.rule_form import ExampleTimes, GeometryWire, RuleExamples, WireKind


class LineGeometryWire(GeometryWire):
    """A line, in fractions of the picture."""

    kind: Literal["line"] = "line"
    rule: StateRule
    start: Annotated[Corner, Field(description="One end: x to the right, y down, each 0 to 1.")]
    end: Annotated[Corner, Field(description="The other end.")]
    inside: Annotated[Corner, Field(description="Any point on the inner side.")]
    # Older agents lack it.
    used_by: Annotated[
        Literal["everybody", "staff"] | None,
        Field(
            title="UsedBy",
            description=(
                "Who goes through. 'everybody': visitors too; 'staff': nobody else, so that a crossing in "
                "after the start may be worded as late. Absent: an older agent, as 'everybody'."
            ),
        ),
    ] = None


def _examples(times: ExampleTimes) -> RuleExamples:
    # Before the clock is known to be right: `boot` and `mono_s` let it be corrected.
    unsynced = Instant(times.at.monotonic_s, times.at.utc, synced=False)
    events = (
        LineCrossed(rule="gate", at=times.at, direction="in", track="t412", confidence=0.87),
        LineCrossed(rule="gate", at=unsynced, direction="out", track="t413", confidence=0.71),
        LineQuarter(rule="gate", at=times.at, **times.quarter, in_count=7, out_count=2),
        LineDay(
            rule="gate",
            at=times.at,
            **times.day,
            in_count=41,
            out_count=40,
            first_in=datetime(2026, 11, 22, 0, 12, 44, tzinfo=UTC),
            last_out=datetime(2026, 11, 22, 10, 21, 3, tzinfo=UTC),
            periods=(
                PeriodCrossings(
                    start="07:30",
                    end="11:30",
                    in_before_start=9,
                    in_after_start=11,
                    out_before_end=12,
                    out_after_end=7,
                ),
            ),
        ),
    )
    return RuleExamples(
        events,
        LineState(rule="gate", since=times.since, in_count=7, out_count=2),
        (
            LineGeometryWire(
                rule="gate", start=(0.65, 0.0), end=(0.65, 1.0), inside=(0.9, 0.5), used_by="everybody"
            ),
        ),
    )


# Counted from local midnight: it restarts at 0.
_CROSSED: Final = {"state_class": "total_increasing"}
LINE: Final = WireKind(
    kind_id="line",
    geometry=LineGeometryWire,
    state=LineState,
    entities=(
        Entity("in", "sensor", known("value_json.in_count"), {**_CROSSED, "icon": "mdi:login"}, "_in"),
        Entity("out", "sensor", known("value_json.out_count"), {**_CROSSED, "icon": "mdi:logout"}, "_out"),
        AFTER_HOURS,
    ),
    examples=_examples,
)
