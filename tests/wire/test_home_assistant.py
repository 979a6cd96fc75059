"""Discovery as Home Assistant documents it (MQTT, device discovery payload), its templates rendered by Jinja.

The same payload was shown to Home Assistant 2026.2 itself: entities, unknown, unavailable and removal
were as these tests say, and events went off once, not when retained, late or sent again, also after a
restart of Home Assistant.
"""

from __future__ import annotations

import inspect
import json
import re
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.core.identifiers import is_too_long
from agent.wire import home_assistant
from agent.wire.counter import CounterGeometryWire
from agent.wire.events import CONTRACT, ClosedWire
from agent.wire.examples import _info, examples
from agent.wire.home_assistant import (
    ComponentWire,
    DeviceWire,
    DiscoveryWire,
    OriginWire,
    discovery_config,
    discovery_topic,
)
from agent.wire.line import LineGeometryWire
from agent.wire.payloads import StatusWire, made_late
from agent.wire.zone import ZoneGeometryWire
from tests.samples import LONGEST_ID, SENDER, make_health
from tests.wire.any_events import identifiers

if TYPE_CHECKING:
    from agent.wire.rule_form import GeometryWire

ROOT = f"{CONTRACT}/{SENDER.site}/{SENDER.device}"
# What Home Assistant takes, besides what is below `homeassistant/`.
TOPIC = re.compile(
    r"(?P<component>\w+)/(?:(?P<node_id>[a-zA-Z0-9_-]+)/)?(?P<object_id>[a-zA-Z0-9_-]+)/config"
)
# Of its documentation, for each platform: what may be there, beside what every entity must have.
MAY = {"value_template", "device_class", "icon", "entity_category", "expire_after", "state_topic", "name"}
MAY_BY_PLATFORM = {
    "sensor": {*MAY, "state_class", "options"},
    "binary_sensor": MAY,
    "event": MAY - {"expire_after"} | {"event_types"},
}
# Privacy: nothing else may ever be in it.
ALLOWED = {
    DiscoveryWire: ["device", "origin", "components", "availability_topic", "availability_template", "qos"],
    DeviceWire: ["identifiers", "name", "manufacturer", "sw_version"],
    OriginWire: ["name", "sw_version"],
    ComponentWire: ["platform", "unique_id", "name", "state_topic", "value_template", "device_class",
                    "state_class", "options", "event_types", "icon", "entity_category", "expire_after"],
}  # fmt: skip
LINE = LineGeometryWire(rule="gate", start=(0.5, 0.0), end=(0.5, 1.0), inside=(0.9, 0.5))
ZONE = ZoneGeometryWire(
    rule="waiting",
    polygon=((0, 0), (1, 0), (1, 1)),
    min_dwell_s=1.0,
    overstay_s=1800.0,
    crowd=10,
    crowd_after_s=60.0,
)
ZONE_ALONE = ZoneGeometryWire(rule="waiting", polygon=((0, 0), (1, 0), (1, 1)), min_dwell_s=1.0)
DESK = CounterGeometryWire(rule="desk", staff="staff", public="waiting", unattended_after_s=60.0)
DESK_ALONE = CounterGeometryWire(rule="desk", staff="staff", public=None, unattended_after_s=60.0)


def config(*rules: GeometryWire, place: str = "Cổng", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    topic, body = discovery_config(SENDER.site, SENDER.device, place, rules, "0.1.0", **more)
    assert topic == discovery_topic(SENDER.site, SENDER.device)
    found: dict[str, Any] = json.loads(body)
    return found


def rendered(template: str, payload: str, attributes: dict[str, Any] | None = None) -> str:
    """As Home Assistant does it: `value_json` is there only where the payload is JSON, `this` is the entity.

    There a name that is not known is a warning in its log, at each message; here it fails.
    """
    jinja = pytest.importorskip("jinja2", reason="needs jinja2 to render the templates")
    sandbox = pytest.importorskip("jinja2.sandbox")
    known: dict[str, Any] = {"value": payload, "this": {"attributes": attributes or {}}}
    with suppress(ValueError):
        known["value_json"] = json.loads(payload)
    environment = sandbox.ImmutableSandboxedEnvironment(undefined=jinja.StrictUndefined)
    environment.filters["to_json"] = json.dumps
    return str(environment.from_string(template).render(known))


def test_topic_is_one_that_home_assistant_takes() -> None:
    topic = discovery_topic("que-phong", "one-stop")
    assert topic == "homeassistant/device/que-phong_one-stop/config"
    found = TOPIC.fullmatch(topic.removeprefix("homeassistant/"))
    assert found is not None
    assert found.groupdict() == {"component": "device", "node_id": None, "object_id": "que-phong_one-stop"}


def test_discovery_has_only_these_models() -> None:
    models = [
        model
        for _, model in inspect.getmembers(home_assistant, inspect.isclass)
        if issubclass(model, ClosedWire)
    ]
    assert {model for model in models if model.__module__ == home_assistant.__name__} == set(ALLOWED)


@pytest.mark.parametrize("wire", ALLOWED)
def test_discovery_has_only_allowed_fields(wire: type[DiscoveryWire]) -> None:
    assert list(wire.model_fields) == ALLOWED[wire]
    assert wire.model_config.get("extra") == "forbid"


def test_config_has_what_is_required() -> None:
    found = config(LINE, ZONE, DESK)
    assert found["device"] == {
        "identifiers": ["que-phong_one-stop"],
        "name": "Cổng",
        "manufacturer": "presence-agent",
        "sw_version": "0.1.0",
    }
    assert found["origin"] == {"name": "presence-agent", "sw_version": "0.1.0"}
    assert found["availability_topic"] == f"{ROOT}/status"
    assert found["qos"] == 1
    assert set(found["components"]) == {
        "gate_in", "gate_out", "gate_after_hours", "waiting_persons", "waiting_occupied",
        "waiting_after_hours", "waiting_crowded", "waiting_overstayed", "desk_mode", "desk_waiting",
        "desk_waiting_since", "desk_unattended", "camera_camera", "camera_blind", "agent_health",
    }  # fmt: skip
    for component in found["components"].values():
        assert set(component) - {"platform", "unique_id"} <= MAY_BY_PLATFORM[component["platform"]]
        assert {"unique_id", "name", "state_topic", "value_template"} <= set(component)
        # Home Assistant: an enumeration has options and no state class.
        assert ("options" in component) == (component.get("device_class") == "enum")
        assert not ("options" in component and "state_class" in component)
        # An event entity must have its types.
        assert ("event_types" in component) == (component["platform"] == "event")


def test_unique_ids() -> None:
    found = config(LINE, ZONE, DESK)["components"]
    own = "que-phong_one-stop"
    ids = {key: (component["platform"], component["unique_id"]) for key, component in found.items()}
    assert ids == {
        "gate_in": ("sensor", f"{own}_gate_in"),
        "gate_out": ("sensor", f"{own}_gate_out"),
        "gate_after_hours": ("event", f"{own}_gate"),
        # Each platform has ids of its own.
        "waiting_persons": ("sensor", f"{own}_waiting"),
        "waiting_occupied": ("binary_sensor", f"{own}_waiting"),
        "waiting_after_hours": ("event", f"{own}_waiting"),
        "waiting_crowded": ("event", f"{own}_waiting_crowded"),
        "waiting_overstayed": ("event", f"{own}_waiting_overstayed"),
        "desk_mode": ("sensor", f"{own}_desk"),
        "desk_waiting": ("sensor", f"{own}_desk_waiting"),
        "desk_waiting_since": ("sensor", f"{own}_desk_since"),
        "desk_unattended": ("event", f"{own}_desk"),
        "camera_camera": ("binary_sensor", f"{own}_camera"),
        "camera_blind": ("event", f"{own}_camera"),
        "agent_health": ("sensor", f"{own}_agent"),
    }
    assert len(set(ids.values())) == len(ids)


def test_place_empty_has_a_name() -> None:
    assert config(place="")["device"]["name"] == "que-phong one-stop"


def test_rule_gone_is_taken_away() -> None:
    found = config(ZONE, gone=[("line", "gate"), ("counter", "desk")])["components"]
    removed = {key for key, component in found.items() if set(component) == {"platform"}}
    assert removed == {
        "gate_in", "gate_out", "gate_after_hours", "desk_mode", "desk_waiting", "desk_waiting_since",
        "desk_unattended",
    }  # fmt: skip
    # By the names that they were told under.
    assert removed < set(config(LINE, ZONE, DESK)["components"])


def test_rule_of_another_kind_now_leaves_nothing_of_the_old() -> None:
    found = config(ZONE.model_copy(update={"rule": "gate"}), gone=[("line", "gate")])["components"]
    assert {key for key, component in found.items() if set(component) == {"platform"}} == {
        "gate_in",
        "gate_out",
    }
    # Both kinds have it, so it stays.
    assert found["gate_after_hours"]["unique_id"] == "que-phong_one-stop_gate"
    assert found["gate_persons"]["unique_id"] == "que-phong_one-stop_gate"


def test_rule_gone_and_there_again_stays() -> None:
    found = config(LINE, gone=[("line", "gate")])["components"]
    assert "unique_id" in found["gate_in"]


def test_counter_without_public_zone_has_none_waiting() -> None:
    found = config(DESK_ALONE)["components"]
    assert found["desk_waiting"] == found["desk_waiting_since"] == {"platform": "sensor"}
    assert found["desk_unattended"] == {"platform": "event"}
    assert "unique_id" in found["desk_mode"]


def test_zone_without_crowd_or_overstay_is_never_either() -> None:
    found = config(ZONE_ALONE)["components"]
    assert found["waiting_crowded"] == found["waiting_overstayed"] == {"platform": "event"}
    assert "unique_id" in found["waiting_after_hours"]


STATES = {kind: examples()[f"state.{kind}"] for kind in ("line", "zone", "counter")}


@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        ("gate_in", "line", "7"),
        ("gate_out", "line", "2"),
        ("waiting_persons", "zone", "2"),
        ("waiting_occupied", "zone", "ON"),
        ("desk_mode", "counter", "attended"),
        ("desk_waiting", "counter", "1"),
        # With its zone, as Home Assistant asks for of a timestamp.
        ("desk_waiting_since", "counter", "2026-11-23T00:29:29.620Z"),
    ],
)
def test_state_is_shown_or_unknown(key: str, kind: str, expected: str) -> None:
    component = config(LINE, ZONE, DESK)["components"][key]
    valid, not_valid = STATES[kind]
    assert component["state_topic"] == f"{ROOT}/state/{valid['rule']}"
    assert rendered(component["value_template"], json.dumps(valid)) == expected
    # `None` is what Home Assistant shows as unknown.
    assert rendered(component["value_template"], json.dumps(not_valid)) == "None"
    assert rendered(component["value_template"], "") == "None"
    if "options" in component:
        assert expected in component["options"]


def test_zone_that_nobody_is_in_is_not_occupied() -> None:
    component = config(ZONE)["components"]["waiting_occupied"]
    assert rendered(component["value_template"], json.dumps({**STATES["zone"][0], "count": 0})) == "OFF"


@pytest.mark.parametrize(
    ("camera", "expected"), [("ok", "OFF"), ("covered", "ON"), ("lost", "ON"), (None, "None")]
)
def test_camera_problem(camera: str | None, expected: str) -> None:
    component = config()["components"]["camera_camera"]
    assert component["state_topic"] == f"{ROOT}/health"
    body = make_health(camera=camera).model_dump_json()
    assert rendered(component["value_template"], body) == expected
    assert rendered(component["value_template"], "") == "None"


@pytest.mark.parametrize("verdict", ["ok", "degraded", "failing"])
def test_health_verdict(verdict: str) -> None:
    component = config()["components"]["agent_health"]
    assert rendered(component["value_template"], make_health(verdict=verdict).model_dump_json()) == verdict
    assert verdict in component["options"]
    assert rendered(component["value_template"], "") == "None"


# --- events: what an alarm may go off for -------------------------------------------------------------

EVENTS = {
    "gate_after_hours": ("presence.after_hours", "gate", "after_hours", {"since"}),
    "waiting_after_hours": ("presence.after_hours", "waiting", "after_hours", {"since"}),
    "waiting_crowded": ("zone.crowded", "waiting", "crowded", {"since", "count"}),
    "waiting_overstayed": ("zone.overstayed", "waiting", "overstayed", {"since"}),
    "desk_unattended": ("counter.unattended", "desk", "unattended", {"since", "waiting"}),
    "camera_blind": ("camera.blind", "camera", "blind", {"since", "cause"}),
}


def happening(kind: str, rule: str, **other: object) -> dict[str, Any]:
    """An event as it is published, with somebody waiting where that is told."""
    (shown,) = examples()[f"event.{kind}"]
    waiting = {"waiting": 2} if kind == "counter.unattended" else {}
    return {**shown, "rule": rule, **waiting, **other}


def test_every_event_entity_is_tested() -> None:
    found = config(LINE, ZONE, DESK)["components"]
    assert {key for key, one in found.items() if one["platform"] == "event"} == set(EVENTS)


@pytest.mark.parametrize("key", EVENTS)
def test_event_goes_off(key: str) -> None:
    kind, rule, event_type, fields = EVENTS[key]
    component = config(LINE, ZONE, DESK)["components"][key]
    event = happening(kind, rule)
    # Where the agent publishes it.
    assert component["state_topic"] == f"{ROOT}/event/{rule}/{kind.replace('.', '/')}"
    told = json.loads(rendered(component["value_template"], json.dumps(event)))
    assert [told.pop("event_type")] == component["event_types"] == [event_type]
    assert told.pop("recent") == [event["id"]]
    assert told == {name: event[name] for name in fields}


@pytest.mark.parametrize("key", EVENTS)
def test_event_that_is_late_does_not_go_off(key: str) -> None:
    kind, rule, *_ = EVENTS[key]
    template = config(LINE, ZONE, DESK)["components"][key]["value_template"]
    assert rendered(template, json.dumps(happening(kind, rule, late=True))) == ""
    # As it is made late on the wire.
    body = json.dumps(happening(kind, rule), separators=(",", ":"))
    assert rendered(template, body) != ""
    assert rendered(template, made_late(body)) == ""


@pytest.mark.parametrize("key", EVENTS)
def test_event_that_comes_again_does_not_go_off(key: str) -> None:
    kind, rule, *_ = EVENTS[key]
    template = config(LINE, ZONE, DESK)["components"][key]["value_template"]
    attributes: dict[str, Any] = {}
    # Three at once, and all three again on the next connection; then older ones that had not come yet.
    told = []
    for seq in (1, 2, 3, 1, 2, 3, 4, 2, *range(5, 30), 14, 29):
        event = happening(kind, rule, id=f"5f3a9c21/{seq}")
        if shown := rendered(template, json.dumps(event), attributes):
            # Home Assistant keeps what an event has as the entity's attributes.
            attributes = json.loads(shown)
            told.append(seq)
    assert told == list(range(1, 30))
    assert len(attributes["recent"]) == 16


@pytest.mark.parametrize("key", EVENTS)
@pytest.mark.parametrize("payload", ["", "null", "5", '"x"', "[]", "{}", "not JSON", '{"late":false}'])
def test_event_that_is_none_does_not_go_off(key: str, payload: str) -> None:
    template = config(LINE, ZONE, DESK)["components"][key]["value_template"]
    assert rendered(template, payload) == ""


@pytest.mark.parametrize(("waiting", "goes_off"), [(0, False), (1, True), (None, False)])
def test_unattended_goes_off_only_while_somebody_waits(waiting: int | None, *, goes_off: bool) -> None:
    template = config(DESK)["components"]["desk_unattended"]["value_template"]
    event = happening("counter.unattended", "desk", waiting=waiting)
    if waiting is None:
        # As it is published without a public zone.
        del event["waiting"]
    assert (rendered(template, json.dumps(event)) != "") == goes_off


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (json.dumps(examples()["status"][0]), "online"),
        (json.dumps(examples()["status"][1]), "offline"),  # the will
        (
            StatusWire(state="offline", why="stopped", log="0" * 8, session="0" * 8).model_dump_json(),
            "offline",
        ),
        ("", "offline"),  # cleared by `retire`
    ],
)
def test_availability(payload: str, expected: str) -> None:
    assert rendered(config()["availability_template"], payload) == expected


# The configuration keeps these names from rules.
rule_ids = identifiers.filter(lambda rule: rule not in {"camera", "agent"})


@given(site=identifiers, device=identifiers, rules=st.sets(rule_ids, min_size=2), place=st.text(max_size=64))
def test_any_names(site: str, device: str, rules: set[str], place: str) -> None:
    assume(not is_too_long(site, device))
    first, *others = sorted(rules)
    line = LINE.model_copy(update={"rule": first})
    zones = [ZONE.model_copy(update={"rule": rule}) for rule in others]
    topic, body = discovery_config(site, device, place, [line, *zones], "0.1.0")
    assert TOPIC.fullmatch(topic.removeprefix("homeassistant/"))
    found = json.loads(body)["components"].values()
    assert len({(component["platform"], component["unique_id"]) for component in found}) == len(found)
    assert len(found) == 3 + 3 + 5 * len(zones)


def test_site_and_name_have_60_characters_together() -> None:
    for name, fits in (("n" * 28, True), ("n" * 29, False)):
        with nullcontext() if fits else pytest.raises(ValueError, match="at most 61"):
            discovery_config("s" * 32, name, "", [LINE], "0.1.0")


def test_longest_is_small() -> None:
    for rule, most in ((DESK, 24), (ZONE, 18), (ZONE_ALONE, 32)):
        rules = [rule.model_copy(update={"rule": f"{number:032}"}) for number in range(most)]
        _, body = discovery_config(LONGEST_ID, LONGEST_ID[:28], "ộ" * 64, rules, "0.1.0")
        assert len(body.encode()) < 64_000


def test_example_in_the_document_is_of_the_info() -> None:
    info = _info()
    rules = {rule.rule for rule in info.rules}
    (shown,) = examples()["discovery"]
    topics = {
        component.get("state_topic", "").rpartition("/")[2] for component in shown["components"].values()
    }
    assert topics - {"", "health", "after_hours", "unattended", "blind", "crowded", "overstayed"} == rules
