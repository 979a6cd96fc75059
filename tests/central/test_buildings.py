"""Persons in a building, from what its agents published; on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from agent.app.receive import status
from agent.central.api.reading import ApiReading
from agent.central.database import buildings as buildings_module
from agent.central.database.buildings import InsideNow, inside_now
from agent.central.database.engine import database_url as parsed
from agent.central.database.reader import DatabaseReader
from agent.central.database.store import DatabaseStore
from agent.central.overview import table
from agent.central.receiver import Receiver
from agent.central.settings import BuildingConfig, CentralConfig, StoreConfig
from agent.mqtt.connection import Message
from tests.central.api.asking import Somebody
from tests.central.saying import LOG

if TYPE_CHECKING:
    from collections.abc import Iterator

# Today in Vietnam, 14:00.
NOW = datetime.now(UTC).replace(hour=7, minute=0, second=0, microsecond=0)
OFFICE = BuildingConfig(site="que-phong", name="trụ sở", lines=("gate/main", "yard/back"))


def ts(clock: str) -> str:
    """A time of today by the clock on the wall in Vietnam."""
    hour, minute = map(int, clock.split(":"))
    at = NOW.replace(hour=0, minute=0) + timedelta(hours=hour - 7, minutes=minute)
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


class Office:
    """Two devices of a site; `main` and `back` are their lines, `hall` is a zone of the first."""

    def __init__(self, address: str) -> None:
        self.url = parsed(address)
        self.store = DatabaseStore(self.url).__enter__()
        self.receiver = Receiver(self.store).load()
        self.seqs = {"gate": 0, "yard": 0}
        self.counted: dict[str, dict[str, int]] = {"gate": {}, "yard": {}}
        for device in self.seqs:
            self.say(device, "info", timezone="Asia/Ho_Chi_Minh", place="x")
            self.online(device)
        self.state("gate", "hall", "zone", count=0)
        self.lines()

    def say(self, device: str, topic: str, **fields: object) -> None:
        common: dict[str, Any] = {
            "v": 1, "log": LOG, "session": "c01dbeef", "ts": ts("13:59"),
            "site": "que-phong", "device": device,
        }  # fmt: skip
        body = json.dumps(common | fields)
        self.receiver.receive([Message(f"presence/v1/que-phong/{device}/{topic}", body)])

    def online(self, device: str, **fields: object) -> None:
        seq = self.seqs[device]
        self.say(
            device, "status", **({"state": "online", "why": None, "first_seq": 1, "last_seq": seq} | fields)
        )

    def state(self, device: str, rule: str, kind: str, **fields: object) -> None:
        known = {"valid": True, "why": None, "kind": kind, "rule": rule, "seq": self.seqs[device]}
        self.say(device, f"state/{rule}", **(known | fields))

    def lines(self) -> None:
        """Each agent says what it has counted."""
        for device, rule in (("gate", "main"), ("yard", "back")):
            of = self.counted[device]
            self.state(device, rule, "line", in_count=of.get("in", 0), out_count=of.get("out", 0))
            self.online(device)

    def event(self, device: str, clock: str, type_: str, rule: str, **fields: object) -> None:
        self.seqs[device] += 1
        seq = self.seqs[device]
        known = {
            "seq": seq,
            "id": f"{LOG}/{seq}",
            "type": type_,
            "rule": rule,
            "ts": ts(clock),
            "clock": "synced",
        }
        self.say(device, f"event/{rule}/{type_.replace('.', '/')}", **(known | fields))

    def cross(self, device: str, clock: str, direction: str, **fields: object) -> None:
        rule = "main" if device == "gate" else "back"
        self.event(device, clock, "line.crossed", rule, direction=direction, **fields)
        if fields.get("kind", "person") == "person":
            self.counted[device][direction] = self.counted[device].get(direction, 0) + 1
        self.lines()

    def now(self, building: BuildingConfig = OFFICE) -> InsideNow:
        with DatabaseReader(self.url) as reader:
            return inside_now(reader.connection, building, round(NOW.timestamp() * 1000))

    def persons(self) -> tuple[int | None, str]:
        """How many, and since when, on the wall in Vietnam."""
        now = self.now()
        assert now.why is None
        assert now.since_ms is not None
        return now.persons, f"{datetime.fromtimestamp(now.since_ms / 1000, UTC) + timedelta(hours=7):%H:%M}"


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    made = Office(database_url)
    yield made
    made.store.close()


def occupied_until_now(office: Office) -> None:
    """Somebody is in the hall all day, so that the building is never seen to be empty."""
    office.event("gate", "00:00", "zone.occupied", "hall", since=ts("00:00"))
    office.state("gate", "hall", "zone", count=1)


def test_in_and_out_over_all_lines(office: Office) -> None:
    occupied_until_now(office)
    office.cross("gate", "07:20", "in")
    office.cross("yard", "07:25", "in")
    office.cross("yard", "11:30", "out")
    # What is no person, and what was yesterday.
    office.cross("gate", "12:00", "in", kind="motorcycle")
    assert office.persons() == (1, "00:00")
    assert office.now().blind_s == 0


def test_never_below_nobody(office: Office) -> None:
    occupied_until_now(office)
    for clock in ("07:00", "07:01"):
        office.cross("gate", clock, "out")
    office.cross("yard", "07:30", "in")
    assert office.persons() == (1, "00:00")


def test_seen_to_be_empty(office: Office) -> None:
    office.event("gate", "07:19", "zone.occupied", "hall", since=ts("07:19"))
    office.cross("gate", "07:20", "in")
    office.cross("gate", "07:21", "in")
    office.cross("gate", "11:31", "out")
    office.event("gate", "11:40", "zone.vacated", "hall", since=ts("07:19"), why="seen")
    # One is left, whom nobody sees for over two hours.
    assert office.persons() == (0, "14:00")
    office.cross("yard", "13:40", "in")
    assert office.persons() == (1, "13:40")


@pytest.mark.parametrize("missing", ["zones", "seen", "numbers", "running"])
def test_empty_is_believed_only_where_all_was_seen(office: Office, missing: str) -> None:
    office.cross("gate", "13:00", "in")
    if missing == "zones":
        office.receiver.receive([Message("presence/v1/que-phong/gate/state/hall", "", retain=True)])
    elif missing == "seen":
        office.event("yard", "13:50", "camera.restored", "camera", since=ts("08:00"), blind_s=1)
    elif missing == "numbers":
        office.seqs["yard"] += 1
    else:
        office.event("yard", "13:50", "agent.started", "agent", since=ts("08:00"), cause="restarted")
    office.lines()
    # It was seen to be empty until eight in the morning, if it was seen at all.
    is_blind = missing in {"seen", "running"}
    assert office.persons() == (1, "08:00" if is_blind else "00:00")
    assert office.now().blind_s == (350 * 60 if is_blind else 0)


def test_zone_that_is_not_known_now(office: Office) -> None:
    office.cross("gate", "13:00", "in")
    office.state("gate", "hall", "zone", valid=False, why="blurred", count=None)
    assert office.persons() == (1, "00:00")


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("offline", {"state": "offline", "why": "lost"}),
        ("restarted", {"session": "00000002"}),
    ],
)
def test_line_whose_agent_is_not_there(office: Office, why: str, said: dict[str, Any]) -> None:
    office.online("yard", **said)
    assert office.now() == InsideNow(None, why, "yard/back")


@pytest.mark.parametrize(
    ("said", "why"),
    [("covered", "covered"), (None, "not_valid"), ("<b>x</b>", "not_valid"), ([7], "not_valid")],
)
def test_line_that_does_not_see(office: Office, said: object, why: str) -> None:
    office.state("gate", "main", "line", valid=False, why=said, in_count=None, out_count=None)
    assert office.now() == InsideNow(None, why, "gate/main")


def test_line_that_is_none(office: Office) -> None:
    for lines, why in (("gate/none", "no_state"), ("gate/hall", "no_line"), ("other/main", "no_state")):
        building = BuildingConfig(site="que-phong", name="x", lines=(lines,))
        assert office.now(building) == InsideNow(None, why, lines)


def test_events_that_are_still_missing(office: Office) -> None:
    occupied_until_now(office)
    office.cross("gate", "13:00", "in")
    office.counted["gate"]["in"] += 1
    office.lines()
    assert office.now() == InsideNow(None, "events_missing", "gate/main")
    # An event comes before the state that has it.
    office.counted["gate"]["in"] -= 1
    office.lines()
    office.event("gate", "13:59", "line.crossed", "main", direction="in")
    assert office.now().persons == 2


@pytest.mark.parametrize("zone", [None, "", "Nowhere/City", "../../etc/passwd", 7, "x" * 500])
def test_time_zone_that_is_none(office: Office, zone: object) -> None:
    office.say("gate", "info", timezone=zone, place="x")
    assert office.now() == InsideNow(None, "time_zone", "gate/main")


def test_status_tells_it(office: Office) -> None:
    other = OFFICE.model_copy(update={"name": "kho\x1b[2J", "lines": ("gate/none",)})
    store = StoreConfig(url=office.url.render_as_string())
    seen = status(CentralConfig(store=store, building=(OFFICE, other)))
    assert [(one["name"], one["persons"], one["why"], one["line"]) for one in seen["buildings"]] == [
        ("trụ sở", 0, None, None),
        ("kho\x1b[2J", None, "no_state", "gate/none"),
    ]
    lines = table(seen).splitlines()
    assert [line.split() for line in lines if line.startswith(("building", "que-phong "))] == [
        ["building", "persons"],
        ["que-phong", "trụ", "sở", "0"],
        ["que-phong", "kho·[2J", "unknown", "(no_state", "gate/none)"],
    ]


def test_api_tells_it(office: Office) -> None:
    other = OFFICE.model_copy(update={"name": "kho", "lines": ("gate/none",)})
    with closing(ApiReading(office.url, (OFFICE, other))) as reading:
        known, unknown = reading.buildings(Somebody(), None)
    # Nobody came yet, and the agents have run since midnight as far as is known.
    assert (known.site, known.name, known.persons, known.why) == ("que-phong", "trụ sở", 0, {})
    assert known.since is not None
    assert (unknown.persons, unknown.why, unknown.line) == (None, {"persons": "no_state"}, "gate/none")


def test_day_of_a_site_is_found_by_an_index(office: Office) -> None:
    if office.url.get_backend_name() != "sqlite":
        pytest.skip("PostgreSQL's planner goes by how much is there")
    with DatabaseReader(office.url) as reader:
        values = {"agents": ["a/b", "a/c"], "since_ms": 7}
        query = buildings_module._SINCE_MIDNIGHT.params(**values)
        words = query.compile(reader.connection, compile_kwargs={"literal_binds": True})
        plan = str(reader.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}").all())
    assert "SEARCH event USING INDEX event_by_agent (agent=? AND ts_ms>?)" in plan


def test_too_many_events(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buildings_module, "_MOST_EVENTS", 3)
    assert office.now().why is None
    made = buildings_module._SINCE_MIDNIGHT.limit(4)
    monkeypatch.setattr(buildings_module, "_SINCE_MIDNIGHT", made)
    for minute in range(4):
        office.cross("gate", f"13:0{minute}", "in")
    assert office.now() == InsideNow(None, "too_many_events")


@pytest.mark.parametrize("lines", [(), ("gate",), ("gate/main/x",), ("Gate/main",), (7,), "gate/main"])
def test_lines_of_the_configuration(lines: object) -> None:
    with pytest.raises(ValidationError, match="give a list of lines as device/rule"):
        BuildingConfig.model_validate({"site": "que-phong", "name": "x", "lines": lines})
