"""Spot in the other rooms: its table, its form on the wire, its words; and all of it together."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from agent.app.rule_kinds import AREA, RuleKind
from agent.config.models import RuleConfig
from agent.config.rule_tables import RuleTable, listed_tables
from agent.config.types import Polygon
from agent.presence.kinds import PresenceKind
from agent.render.sentences import RuleWords
from agent.render.timeline import History, RowKind
from agent.wire.entities import Entity, known
from agent.wire.fields import Corner
from agent.wire.rule_form import ExampleTimes, GeometryWire, RuleExamples, WireKind
from tests.app import toy_spot as spot


class SpotConfig(RuleConfig):
    polygon: Polygon
    beside: str | None = None


def conflicts(raw: Mapping[str, Any]) -> Iterator[str]:
    for header, table in listed_tables(raw, "spot"):
        if table.get("beside") not in {None, *(line.get("id") for _, line in listed_tables(raw, "line"))}:
            yield f"{header} beside: no [[line]] has this id; give one that is there."


class SpotGeometryWire(GeometryWire):
    """A spot, in fractions of the picture."""

    kind: Literal["spot"] = "spot"
    polygon: Annotated[tuple[Corner, ...], Field(description="Its corners, each 0 to 1.")]


def examples(of: ExampleTimes) -> RuleExamples:
    events = (
        spot.SpotTaken(rule="seat", at=of.at, since=of.since),
        spot.SpotFreed(rule="seat", at=of.at, since=of.since, taken_s=95.5, why="seen"),
        spot.SpotQuarter(rule="seat", at=of.at, **of.quarter, taken_s=95.5),
        spot.SpotDay(rule="seat", at=of.at, **of.day, taken_s=95.5),
    )
    seat = SpotGeometryWire(rule="seat", polygon=((0.1, 0.1), (0.2, 0.1), (0.2, 0.2)))
    return RuleExamples(events, spot.SpotState(rule="seat", since=of.since, taken=True), (seat,))


TAKEN = Entity("taken", "binary_sensor", known("('ON' if value_json.taken else 'OFF')"))
SPOT = RuleKind(
    presence=PresenceKind(
        kind_id="spot",
        events=(spot.SpotTaken, spot.SpotFreed, spot.SpotQuarter, spot.SpotDay),
        aggregate=spot.SpotAggregate,
        rule=spot.SpotInLedger,
        track_rule=spot.SpotRule,
    ),
    table=RuleTable("spot", SpotConfig, conflicts),
    wire=WireKind(
        kind_id="spot", geometry=SpotGeometryWire, state=spot.SpotState, entities=(TAKEN,), examples=examples
    ),
    words=RuleWords(
        kind_id="spot",
        name="spot",
        counted=("{number} spot", "{number} spots"),
        sentences={"spot.taken": "{rule} is taken", "spot.day": "{rule} on {date}: taken for {taken_s}"},
        state=spot.SpotState,
        holding=lambda state, _language: "taken" if state.taken else "free",
    ),
    row=RowKind("spot", {"spot.taken": History.entered, "spot.freed": History.left}, ("spot.taken",)),
    settings=lambda table: spot.SpotSettings(table.id),
    geometry=lambda table: SpotGeometryWire(rule=table.id, polygon=table.polygon),
    placed=AREA,
)
