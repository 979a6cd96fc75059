from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from agent.app.central_calendar import CentralCalendar
from agent.app.reload import changes
from agent.app.settings import settings_of
from agent.config import models
from agent.config.models import Config
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVICE = {"site": "que-phong", "name": "one-stop"}
LEAST: dict[str, Any] = {
    "device": DEVICE,
    "camera": {"source": "picamera2"},
    "mqtt": {"host": "broker.example"},
}
LINE = {"id": "gate", "start": [0.5, 0.0], "end": [0.5, 1.0], "inside": [0.9, 0.5]}
# A change of what is not listed here is applied by the stages as they run.
RESTART = {"device.site", "device.name", "detector.model", "log.path"} | {
    f"camera.{key}" for key in ("source", "size", "fps", "rotation", "username", "password_file")
}
OTHER: dict[str, Any] = {
    "device.timezone": "Europe/Athens",
    "camera.size": [640, 480],
    "camera.rotation": 180,
    "camera.masks": [[[0.0, 0.0], [0.2, 0.0], [0.2, 0.1]]],
    "attention.looks_per_s": 5.0,
    "tamper.accept_new_view_s": 3600.0,
    "mqtt.protocol": 311,
    "hours": [{"days": ["mon"], "periods": [["07:30", "11:30"]]}],
    "calendar.country": "VN",
    "calendar.holidays": ["2027-01-08"],
    "calendar.workdays": [{"date": "2027-01-09", "like": "mon"}],
    "line": [LINE],
    "zone": [{"id": "yard", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}],
    "counter": [{"id": "desk", "staff": "yard"}],
}


def keys() -> Iterator[tuple[str, Any]]:
    """Each key of the file, with another value than in LEAST; whole tables that may be there often."""
    for table, value in Config.model_validate(LEAST):
        if not isinstance(value, BaseModel):
            yield table, OTHER[table]
            continue
        for key, now in value:
            yield f"{table}.{key}", OTHER.get(f"{table}.{key}", other_than(now))


def other_than(value: object) -> object:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * 0.9
        case _:
            return "other"


@pytest.mark.parametrize(("key", "value"), list(keys()), ids=[key for key, _ in keys()])
def test_change_of_each_key_is_applied(key: str, value: object) -> None:
    table, _, name = key.partition(".")
    changed = {**LEAST, table: {**LEAST.get(table, {}), name: value} if name else value}
    old, new = settings_of(Config.model_validate(LEAST)), settings_of(Config.model_validate(changed))
    way = "restart" if key in RESTART else "delivery" if table == "mqtt" else "live"
    found = changes(old, new)
    assert (found.way, table in f"{found}", name in f"{found}") == (way, True, True)
    assert changes(new, settings_of(Config.model_validate(changed))).way == "nothing"


def test_looks_are_no_more_than_frames() -> None:
    def looks_per_s(fps: float) -> float:
        camera = {"source": "picamera2", "fps": fps}
        return settings_of(Config.model_validate({**LEAST, "camera": camera})).attention.looks_per_s

    assert (looks_per_s(4.0), looks_per_s(30.0)) == (4.0, Config.model_validate(LEAST).attention.looks_per_s)


def test_hours_of_the_centre_are_in_force() -> None:
    config = Config.model_validate({**LEAST, "hours": OTHER["hours"]})
    central = CentralCalendar.read('{"v": 1, "hours": []}')
    assert settings_of(config).in_force == config
    assert settings_of(config, central).in_force.hours == ()
    assert settings_of(config, central).config == config


def test_rules_stand_in_the_order_in_which_they_report() -> None:
    tables = {name: OTHER[name] for name in ("counter", "zone", "line")}
    rules = settings_of(Config.model_validate({**LEAST, **tables})).rules
    assert [(rule.KIND, rule.rule_id) for rule in rules] == [
        ("line", "gate"),
        ("zone", "yard"),
        ("counter", "desk"),
    ]


def defaults(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names of fields and parameters that have a default, and the default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.value:
                    yield one.target.id, one.value
        elif isinstance(node, ast.FunctionDef):
            given = node.args
            ordered = [*given.posonlyargs, *given.args]
            named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
            for arg, value in (*zip(reversed(ordered), reversed(given.defaults), strict=False), *named):
                if value:
                    yield arg.arg, value


def test_each_default_stands_in_the_configuration_alone() -> None:
    """The command line has its own, for machines without a configuration; nothing and none are no setting."""
    tables = [
        kind
        for kind in vars(models).values()
        if isinstance(kind, type) and issubclass(kind, models.BaseConfig)
    ]
    known = {name for kind in tables for name, field in kind.model_fields.items() if not field.is_required()}
    assert {"looks_per_s", "dark_level", "keep_days", "port", "min_dwell_s"} <= known
    rooms = [
        room for room in (ROOT / "agent").iterdir() if room.is_dir() and room.name not in {"config", "cli"}
    ]
    repeated = [
        f"{path.relative_to(ROOT)}: {name} = {ast.unparse(value)}"
        for room in rooms
        for path in room.rglob("*.py")
        # The centre has a configuration of its own.
        if path != ROOT / "agent/central/settings.py"
        for name, value in defaults(ast.parse(path.read_text()))
        if name in known and isinstance(value, ast.Constant) and value.value
    ]
    assert repeated == []
