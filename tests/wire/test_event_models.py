"""Wire models of events follow from the dataclasses, and so does what type checkers read of them."""

# No `annotations` of the future: the models are made of these.
import pickle
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError

from agent.core import event_fields as of
from agent.core.event import KINDS, Event, PeriodCrossings
from agent.core.event_form import OnWire
from agent.wire import events
from agent.wire.event_models import event_model, part_model
from agent.wire.events import EVENTS, LineCrossedWire, PeriodWire
from agent.wire.schema_form import published_schema
from tests.wire import event_stub

HEAD = {"log": "5f3a9c21", "seq": 7, "id": "5f3a9c21/7", "ts": "2026-01-05T00:00:00.000Z", "clock": "synced",
        "site": "a", "device": "b", "rule": "door"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOpened(Event):
    """A door was opened.

    It may have been the wind.
    """

    TYPE: ClassVar[str] = "door.opened"
    since: of.Since
    from_side: Annotated[str, OnWire("Side, a letter.", word="from", pattern="^[ab]$", longest=1)]
    on_date: Annotated[date, OnWire("Local date.")] | None
    share_ratio: Annotated[float, OnWire("Share of it, 0 to 1.", least=0, most=1)]
    periods: Annotated[tuple[PeriodCrossings, ...], OnWire("Periods.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorShut(Event):
    """A field of it says nothing of the wire."""

    TYPE: ClassVar[str] = "door.shut"
    by_whom: str


def test_new_event_has_the_wire_form_that_its_fields_say() -> None:
    model = event_model(DoorOpened)
    schema = published_schema("event.door.opened", TypeAdapter(model))
    assert (schema["title"], schema["description"]) == ("DoorOpenedWire", "A door was opened.")
    own = {name: each for name, each in schema["properties"].items() if name not in {*HEAD, "v", "boot"}}
    assert list(own) == ["type", "mono_s", "late", "since", "from", "on_date", "share_ratio", "periods"]
    assert own["type"]["const"] == "door.opened"
    assert own["since"]["format"] == "date-time"
    assert own["from"] == {
        "description": "Side, a letter.",
        "type": "string",
        "maxLength": 1,
        "pattern": "^[ab]$",
    }
    assert own["on_date"]["format"] == "date"
    assert (own["share_ratio"]["minimum"], own["share_ratio"]["maximum"]) == (0, 1)
    assert own["periods"]["items"] == {"$ref": "#/$defs/PeriodWire"}
    assert {"from", "periods"} < set(schema["required"])
    assert "on_date" not in schema["required"]


def test_new_event_takes_no_other_field() -> None:
    model = event_model(DoorOpened)
    good = {
        **HEAD,
        "type": "door.opened",
        "since": HEAD["ts"],
        "from": "a",
        "share_ratio": 0.5,
        "periods": (),
    }
    assert getattr(model.model_validate(good), "from_") == "a"  # noqa: B009 - no type checker knows it
    for bad in ({"name": "Lan"}, {"from": "door"}, {"share_ratio": 1.5}, {"type": "line.crossed"}):
        with pytest.raises(ValidationError):
            model.model_validate(good | bad)


def test_field_that_says_nothing_of_the_wire_is_refused() -> None:
    with pytest.raises(TypeError, match=r"DoorShut\.by_whom does not say how it stands on the wire"):
        event_model(DoorShut)


def test_models_are_names_of_their_module() -> None:
    assert list(EVENTS) == [kind.TYPE for kind in KINDS]
    for kind in KINDS:
        assert getattr(events, f"{kind.__name__}Wire") is EVENTS[kind.TYPE]
    assert part_model(PeriodCrossings) is PeriodWire
    crossed = LineCrossedWire.model_validate(
        {**HEAD, "type": "line.crossed", "direction": "in", "track": "t1", "confidence": 0.5}
    )
    assert pickle.loads(pickle.dumps(crossed)) == crossed  # noqa: S301 - our own


def test_type_checkers_read_what_the_models_are() -> None:
    assert event_stub.PATH.read_text() == event_stub.stub(), f"run `{event_stub.COMMAND}` and commit the stub"
