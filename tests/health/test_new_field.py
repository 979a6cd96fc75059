"""A field of health is defined once: a toy of one line is measured, published and documented."""

# No `annotations` of the future: the model is made of these.
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field

from agent.eventlog.log import EventLog
from agent.health.monitor import HealthMonitor, MachineState
from agent.mqtt.publish_state import DeliveryFacts
from agent.wire.asyncapi import documents
from agent.wire.fields import Seconds
from agent.wire.health import Figure, HealthWire
from agent.wire.payloads import schemas
from tests.faults import sender
from tests.samples import SENDER, make_health
from tests.wire.wire_form import differences, form

GOOD = MachineState(temp_c=61.0, throttled=0, under_voltage=False, mem_free_mb=512, disk_free_mb=20480)
MEANING = "Load of the processor over the last minute, processes that run; absent: not known."
measured: list[float | None] = []


def load_1m() -> float | None:
    """As `agent.device.machine` has such functions."""
    return measured[-1]


class ToyHealthWire(HealthWire):
    """HealthWire with one line more."""

    load_1m: Annotated[
        Seconds | None, Field(description=MEANING), Figure(0.4, read=f"{__name__}:load_1m")
    ] = None


class RequiredToyHealthWire(HealthWire):
    """As one would write it first, like its neighbours."""

    load_1m: Annotated[Seconds | None, Field(description=MEANING), Figure(0.4)]


def define(monkeypatch: pytest.MonkeyPatch, model: type[HealthWire]) -> None:
    """As if the line stood in HealthWire: wherever that is used."""
    users = [
        module
        for name, module in sys.modules.items()
        if name.startswith(("agent.", "tests.")) and vars(module).get("HealthWire") is HealthWire
    ]
    assert {"agent.health.monitor", "agent.wire.examples", "agent.wire.payloads", "tests.samples"} <= {
        module.__name__ for module in users
    }
    for module in users:
        if module.__name__ != __name__:
            monkeypatch.setattr(module, "HealthWire", model)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, ToyHealthWire)


def published(tmp_path: Path) -> dict[str, Any]:
    with EventLog(SENDER, tmp_path / "events.db") as log:
        facts = DeliveryFacts(
            log=log,
            session="c01dbeef",
            earlier=(),
            pending=0,
            no_subscriber=0,
            refused=False,
            refusals_seen=True,
        )
        content: dict[str, Any] = json.loads(HealthMonitor(tmp_path, lambda _: GOOD).text(facts))
        Draft202012Validator(schemas()["health"]).validate(content)
        assert set(json.loads(sender.health(facts))) <= set(content) | {"load_1m"}
    return content


@pytest.mark.usefixtures("toy")
def test_new_field_is_published_as_it_is_measured(tmp_path: Path) -> None:
    for value in (2.25, 0.0):
        measured.append(value)
        assert published(tmp_path)["load_1m"] == value
    # What is not known is absent, unlike in the fields of the first version.
    measured.append(None)
    content = published(tmp_path)
    assert "load_1m" not in content
    assert content["stalls"] is None


@pytest.mark.usefixtures("toy")
def test_new_field_is_documented() -> None:
    every = documents()
    schema = every["health"]
    assert schema["properties"]["load_1m"] == {"type": "number", "minimum": 0, "description": MEANING}
    assert "load_1m" not in schema["required"]
    asyncapi = every["asyncapi"]
    assert asyncapi["components"]["schemas"]["health"]["properties"]["load_1m"]["description"] == MEANING
    shown = [one["payload"] for one in asyncapi["components"]["messages"]["health"]["examples"]]
    assert {one["load_1m"] for one in shown} == {0.4}
    # The samples that other tests use have it too.
    assert json.loads(make_health().text())["load_1m"] == 0.4


def test_new_field_is_growth_only_where_it_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    before = form()
    define(monkeypatch, ToyHealthWire)
    assert differences(before, form()) == ([], ["health.load_1m is new"])
    monkeypatch.undo()
    define(monkeypatch, RequiredToyHealthWire)
    breaks, _ = differences(before, form())
    assert breaks == [
        (
            "health.load_1m is new but required; what agents of before publish does not have it: "
            "let it be absent, `load_1m: ... | None = None`"
        ),
    ]


def test_every_field_has_an_example_that_fits() -> None:
    shared = {"v", "ts", "log", "session", "first_seq", "last_seq"}
    assert set(HealthWire.figures()) == set(HealthWire.model_fields) - shared - {"earlier_logs"}
    example = make_health()
    assert {name: getattr(example, name) for name in HealthWire.figures()} == {
        name: figure.example for name, figure in HealthWire.figures().items()
    }
