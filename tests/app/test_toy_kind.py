"""A kind of rule registered here, in two modules, comes out everywhere; no other module knows of it."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
import sys
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from agent.app import log_plot, reload, replay
from agent.app.build import ChangedStates, discovery_maker, ledger, rule_settings, unknown_states
from agent.app.placement import drawing, geometry, rule_geometries, shapes
from agent.app.publishing import resume_from_log
from agent.app.rule_kinds import RULE_KINDS, registered
from agent.app.settings import settings_of
from agent.central.overview import table
from agent.cli.main import main
from agent.config.load import load
from agent.config.rule_tables import RULE_TABLES
from agent.core.event import KINDS
from agent.core.track import Track
from agent.core.visibility import Visibility
from agent.errors import ConfigError
from agent.eventlog import lasting
from agent.eventlog.log import EventLog
from agent.mqtt.retained_topics import RetainedTopics
from agent.presence.kinds import PRESENCE_KINDS
from agent.render.chart import CHART_ROWS, COLORS, LEFT_PX, RIGHT_PX
from agent.render.sentences import RULE_WORDS, holding, sentence
from agent.render.timeline import ROW_KINDS, moment, timeline
from agent.wire.asyncapi import documents
from agent.wire.payloads import info_wire, state_json
from agent.wire.rule_kinds import WIRE_KINDS
from tests.app import toy_spot, toy_spot_kind
from tests.app.toy_spot_kind import SPOT
from tests.builders import BEGIN, make_at
from tests.conftest import ROOT, write_config
from tests.eventlog import forms
from tests.samples import SENDER, make_entered, make_info

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from agent.config.models import Config
    from agent.core.event import Event
    from agent.core.frame import Instant
    from agent.presence.ledger import Ledger
    from agent.presence.track_rule import AnyTrackRule

TOY = (toy_spot, toy_spot_kind)
MOST_MODULES, MOST_LINES = 4, 200
HOUR_S = 3600.0
# From the last row's top to the end of the picture.
FOOT_PX = 240
POLYGON = "[[0.4, 0.4], [0.6, 0.4], [0.6, 1.0], [0.4, 1.0]]"
TABLE = f'\n[[spot]]\nid = "seat"\npolygon = {POLYGON}\nbeside = "gate"\n'
SIZE_PX = 640, 480
# On the spot and beside it, px.
ON, OFF = (320.0, 400.0), (30.0, 400.0)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with registered(SPOT):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_config(tmp_path, "x.avi", more=TABLE)


@pytest.fixture
def config(path: Path) -> Config:
    return load(path)


def ran(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["presence-agent", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


class Place:
    """The rules of a configuration, fed with somebody who stands somewhere."""

    def __init__(self, config: Config, known: Ledger | None = None) -> None:
        self.ledger = known or ledger(settings_of(config))
        laid = shapes(config, SIZE_PX)
        self.rules: list[AnyTrackRule] = [
            kind.track_rule(shape)
            for kind in PRESENCE_KINDS
            if kind.track_rule
            for shape in laid[kind.kind_id]
        ]
        self.told: list[Event] = []

    def see(self, feet: tuple[float, float] | None, at: Instant) -> list[Event]:
        tracks = [_track(feet, at)] if feet else []
        reported = [event for rule in self.rules for event in rule.update(tracks, at)]
        events = self.ledger.update(reported, tracks, Visibility(None, at), at)
        self.told += events
        return events


def _track(feet: tuple[float, float], at: Instant) -> Track:
    x, y = feet
    return Track("t1", (x - 20, y - 120, x + 20, y), feet, 0.8, 0.0, at.monotonic_s)


# --- what it takes -----------------------------------------------------------------------------------


def test_few_modules_and_lines() -> None:
    files = [ROOT / f"{module.__name__.replace('.', '/')}.py" for module in TOY]
    assert len(files) <= MOST_MODULES
    assert sum(len(file.read_text().splitlines()) for file in files) <= MOST_LINES
    # Nothing of it lies elsewhere in the tests, and nothing at all in the package.
    imported = {
        node.module
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    assert {name for name in imported if name and name.startswith("tests.")} == {"tests.app"}
    named = re.compile(r'\bSpot|"spot')
    assert not [file for file in (ROOT / "agent").rglob("*.py") if named.search(file.read_text())]


def test_nothing_stays_of_it() -> None:
    registries = (
        KINDS,
        PRESENCE_KINDS,
        RULE_TABLES,
        WIRE_KINDS,
        RULE_WORDS,
        ROW_KINDS,
        CHART_ROWS,
        RULE_KINDS,
    )
    before = [registry.ids for registry in registries]
    with pytest.raises(ValueError, match="registered already"), registered(SPOT):
        pass
    assert [registry.ids for registry in registries] == before
    assert "spot" in RULE_KINDS


# --- configuration -----------------------------------------------------------------------------------


def test_configuration_is_read_and_checked(
    path: Path, config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [table.id for table in SPOT.tables(config)] == ["seat"]
    assert ran(monkeypatch, "check", "--config", path) == 0
    assert "1 line, 1 zone, 0 counters, 1 spot." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (TABLE, '[[spot]]\nid = "seat"\n', '[[spot]] 1 "seat" polygon is missing'),
        ("beside =", "besides =", "did you mean beside?"),
        ('id = "seat"', 'id = "yard"', 'id = "yard": [[zone]] 1 "yard" has it already'),
        ('beside = "gate"', 'beside = "door"', '[[spot]] 1 "seat" beside: no [[line]] has this id'),
        ("[[spot]]", "[spot]", "write its header as [[spot]]"),
    ],
    ids=["missing", "unknown", "id-twice", "conflict", "one-bracket"],
)
def test_mistakes_are_named(path: Path, old: str, new: str, said: str) -> None:
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError) as error:
        load(path)
    assert said in str(error.value)


def test_reload(path: Path, config: Config) -> None:
    place = Place(config)
    for second in range(5):
        place.see(ON, make_at(second))
    path.write_text(path.read_text().replace("0.4, 0.4", "0.3, 0.4"))
    moved = load(path)
    assert str(reload.changes(settings_of(config), settings_of(moved))) == 'spot "seat"'
    assert drawing(config) != drawing(moved)
    rules, closing, ids = reload.with_rules(place.rules, shapes(moved, SIZE_PX), make_at(5))
    assert (rules, closing, ids) == (place.rules, [], ["seat"])
    assert place.ledger.change(rule_settings(settings_of(moved)), closing, make_at(5), ids) == []
    path.write_text(path.read_text().partition("[[spot]]")[0] + f'[log]\npath = "{config.log.path}"\n')
    without = load(path)
    rules, closing, _ = reload.with_rules(rules, shapes(without, SIZE_PX), make_at(6))
    told = place.ledger.change(rule_settings(settings_of(without)), closing, make_at(6))
    assert [event.TYPE for event in told][:1] == ["spot.freed"]
    assert "seat" not in {state.rule for state in place.ledger.states()}


# --- events, states, sums ----------------------------------------------------------------------------


def test_recording_is_replayed(config: Config, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    options = replay.ReplayOptions(BEGIN, events=out)
    replay.replay(config, clip, options, lambda _done, _of: None)
    events = [json.loads(line) for line in out.read_text().splitlines()]
    own = [event for event in events if event["rule"] == "seat"]
    kinds = [event["type"] for event in own]
    assert set(kinds) == {"spot.taken", "spot.freed", "spot.quarter", "spot.day"}
    taken_s = sum(event["taken_s"] for event in own if event["type"] == "spot.freed")
    assert [event["taken_s"] for event in own[-2:]] == [pytest.approx(taken_s, abs=0.01)] * 2
    schemas = documents()
    for event in own:
        Draft202012Validator(schemas[f"event.{event['type']}"]).validate(event)


def test_film_shows_where_it_lies(config: Config) -> None:
    # What `replay --draw` draws.
    _, areas = geometry(config, SIZE_PX)
    assert [area.rule_id for area in areas] == ["yard", "seat"]


def test_events_and_sums(config: Config) -> None:
    place = Place(config)
    for second in range(0, 86_400 + 1200, 5):
        place.see(ON if 100 <= second < 400 or 1000 <= second < 1300 else OFF, make_at(second))
    spot = [event for event in place.told if event.rule == "seat"]
    assert [event.TYPE for event in spot][:2] == ["spot.taken", "spot.freed"]
    quarters = [event.taken_s for event in spot if isinstance(event, toy_spot.SpotQuarter)]
    (day,) = (event for event in spot if isinstance(event, toy_spot.SpotDay))
    assert quarters == [300.0, 300.0]
    assert day.taken_s == 600.0


def test_states(config: Config) -> None:
    place, changed = Place(config), ChangedStates()
    told = []
    for second, feet in enumerate([OFF, OFF, ON, ON, OFF]):
        place.see(feet, make_at(second))
        told += [state for state in changed.of(place.ledger, make_at(second), 7) if state.rule == "seat"]
    bodies = [json.loads(state_json(state, "5f3a9c21", "c01dbeef")) for state in told]
    assert [(body["kind"], body["taken"], body["valid"]) for body in bodies] == [
        ("spot", False, True), ("spot", True, True), ("spot", False, True),
    ]  # fmt: skip
    assert [holding(state.value) for state in told] == ["free", "taken", "free"]
    (unknown,) = (
        state
        for state in unknown_states(settings_of(config), make_at(0), 0, "starting")
        if state.rule == "seat"
    )
    bodies.append(json.loads(state_json(unknown, "5f3a9c21", "c01dbeef")))
    assert (bodies[-1]["taken"], bodies[-1]["why"]) == (None, "starting")
    schema = Draft202012Validator(documents()["state.spot"])
    for body in bodies:
        schema.validate(body)
    assert [rule.rule_id for rule in settings_of(config).rules] == ["gate", "yard", "seat"]
    agent = {"agent": "test/yard", "state": "online", "logs": []}
    seen = [{"rule": "seat", "known": True, "state": bodies[1]}]
    assert "taken True" in table({"agents": [agent | {"heard_ms": 0, "states": seen}], "refused": []})


def test_blind_is_not_free(config: Config) -> None:
    place = Place(config)
    place.see(ON, make_at(0))
    at = make_at(10)
    closing = [event for rule in place.rules for event in rule.close(at, "blind")]
    place.ledger.update(closing, [], Visibility("covered", at), at)
    (state,) = (state for state in place.ledger.states() if state.rule == "seat")
    assert (state.value, state.why) == (None, "covered")


# --- on the wire -------------------------------------------------------------------------------------


def test_schemas_and_documents() -> None:
    found = documents()
    own = {"event.spot.taken", "event.spot.freed", "event.spot.quarter", "event.spot.day", "state.spot"}
    assert own <= set(found)
    channels = found["asyncapi"]["channels"]
    assert channels["event.spot.taken"]["address"].endswith("/event/{rule}/spot/taken")
    assert "state.spot" in channels["state"]["messages"]
    assert own <= set(found["asyncapi"]["components"]["messages"])
    for name in own:
        assert found[name]["title"].startswith("Spot")


def test_info_has_its_geometry(config: Config) -> None:
    rules = tuple(rule_geometries(config))
    info = info_wire()(**{**dict(make_info()), "rules": rules})
    told = json.loads(info.text())
    assert told["rules"][-1] == {
        "kind": "spot",
        "rule": "seat",
        "polygon": [[0.4, 0.4], [0.6, 0.4], [0.6, 1.0], [0.4, 1.0]],
    }
    Draft202012Validator(documents()["info"]).validate(told)
    # The others' models know it no more than before.
    assert not isinstance(make_info(), info_wire())


def test_home_assistant(tmp_path: Path) -> None:
    broker = '[mqtt]\nhost = "127.0.0.1"\ntls = false\ndiscovery = true\n'
    config = load(write_config(tmp_path, "x.avi", more=TABLE + broker))
    maker = discovery_maker(settings_of(config))
    assert maker
    parts = json.loads(maker([("spot", "bench")]).payload)["components"]
    assert parts["seat_taken"]["state_topic"] == "presence/v1/test/yard/state/seat"
    assert parts["seat_taken"]["unique_id"] == "test_yard_seat"
    assert parts["bench_taken"] == {"platform": "binary_sensor"}


def test_retained_topics_are_cleared() -> None:
    noted = RetainedTopics({"seat": "spot", "old": "gone"}).text()
    assert RetainedTopics.of(noted).rules == {"seat": "spot"}


# --- for people --------------------------------------------------------------------------------------


def bodies(told: Sequence[Event]) -> list[dict[str, Any]]:
    with EventLog(SENDER, None) as log:
        log.append(told)
        return [json.loads(entry.body) for entry in log.read(0, 10_000)]


def test_timeline_chart_and_sentences(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    place = Place(config)
    for second in range(0, 1000, 5):
        place.see(ON if 100 <= second < 400 or second > 900 else OFF, make_at(second))
    events = bodies(place.told)
    begin, end = BEGIN, BEGIN + timedelta(seconds=1000)
    drawn = timeline(events, begin, end, end, {})
    (row,) = (row for row in drawn.rows if row.rule == "seat")
    assert (row.kind, [(span.end - span.begin).total_seconds() for span in row.spans]) == (
        "spot",
        [300.0, 95.0],
    )
    out, file = tmp_path / "day.png", tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    log_plot.plot(config, out, None, file)
    image = cv2.imread(str(out))
    assert image is not None
    # Below the rows of the zone and the line; from the first event to the last, at 905 s.
    bars = (image[-FOOT_PX:, LEFT_PX:RIGHT_PX] == COLORS["present"]).all(axis=2)
    assert np.count_nonzero(bars.any(axis=0)) / (RIGHT_PX - LEFT_PX) == pytest.approx(300 / 910, abs=0.01)
    said = [sentence(event, "UTC") for event in events if event["rule"] == "seat"]
    assert said[0] == "seat is taken"
    assert "taken for 5 min" in sentence(
        {**events[0], "type": "spot.day", "date": "2026-01-05", "taken_s": 300}, ""
    )
    assert moment(events[0], "ts")


# --- from start to start -----------------------------------------------------------------------------


def killed(path: Path, config: Config, hours: int) -> list[dict[str, Any]]:
    """Somebody sits down; so much later, with something else each hour, the agent is killed and started."""
    place = Place(config)
    with EventLog(SENDER, path, board=forms.BOARD) as log:
        resume_from_log(log, place.ledger, make_at(0), "0000b001")
        for second in (1, 2):
            log.append(place.see(ON, make_at(second)))
        log.append([make_entered(hour, make_at(hour * HOUR_S)) for hour in range(1, hours + 1)])
    with EventLog(SENDER, path, board=forms.BOARD) as log:
        before = log.last_seq
        resume_from_log(log, ledger(settings_of(config)), make_at((hours + 1) * HOUR_S), "0000b002")
        return [json.loads(entry.body) for entry in log.read(before, 100)]


@pytest.mark.parametrize("hours", [1, 80])
def test_restart_closes_what_was_open(config: Config, tmp_path: Path, hours: int) -> None:
    told = killed(tmp_path / "events.db", config, hours)
    (freed,) = (event for event in told if event["type"] == "spot.freed")
    assert (freed["rule"], freed["why"]) == ("seat", "restarted")
    assert freed["taken_s"] == pytest.approx(hours * HOUR_S, abs=5)
    assert told[-1]["type"] == "agent.started"


def test_rule_that_is_gone_is_closed_too(config: Config, path: Path, tmp_path: Path) -> None:
    log_path = tmp_path / "events.db"
    place = Place(config)
    with EventLog(SENDER, log_path) as log:
        resume_from_log(log, place.ledger, make_at(0), "0000b001")
        log.append(place.see(ON, make_at(1)))
    path.write_text(path.read_text().partition("[[spot]]")[0] + f'[log]\npath = "{config.log.path}"\n')
    with EventLog(SENDER, log_path) as log:
        before = log.last_seq
        resume_from_log(log, ledger(settings_of(load(path))), make_at(60), "0000b002")
        assert "spot.freed" in [entry.type for entry in log.read(before, 9)]


@pytest.mark.parametrize("form", sorted(file.stem for file in forms.FOLDER.glob("*.sql")))
def test_log_of_before_takes_one_more_lasting_interval(tmp_path: Path, form: str) -> None:
    path = tmp_path / "events.db"
    with sqlite3.connect(path) as db:
        db.executescript((forms.FOLDER / f"{form}.sql").read_text())
    db.close()
    assert lasting.intervals()["taking"] == ("spot.taken", "spot.freed")
    now = forms.at(forms.END_H + 1)
    with EventLog(SENDER, path, board=forms.BOARD) as log:
        known = log.last_intervals(log.last_seq + 1)
        assert known
        log.append([toy_spot.SpotTaken(rule="waiting", at=now, since=now)])
        both = log.last_intervals(log.last_seq + 1)
        assert both.items() >= known.items()
        assert both["waiting", "taking"].type == "spot.taken"
        log.delete(log.last_seq - 1)
        assert log.last_intervals(log.last_seq + 1).keys() == both.keys()
    numbers = [entry.seq for entry in both.values()]
    assert all(one <= other for one, other in pairwise(numbers))
