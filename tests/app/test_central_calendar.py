"""Working hours from the centre: what is taken, what is refused in which words, and what a card keeps."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.app.build import random_track_ids, stages
from agent.app.central_calendar import (
    CalendarKeeper,
    CentralCalendar,
    calendar_wire,
    digest_of,
    hours_wire,
    kept_at,
    read_kept,
)
from agent.app.publishing import delivery
from agent.app.settings import settings_of
from agent.app.working_time import working_time
from agent.config.load import load
from agent.errors import AgentError, ConfigError
from agent.wire.calendar import CalendarCommandWire
from tests.builders import BEGIN, make_at
from tests.conftest import write_config

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.models import Config

FILE = """
[[hours]]
days = ["mon", "tue"]
periods = [["08:00", "12:00"]]

[calendar]
holidays = ["2026-01-06"]
"""
CENTRE: dict[str, Any] = {
    "v": 1,
    "hours": [
        {"days": ["mon", "tue", "wed", "thu", "fri"], "periods": [["07:00", "11:30"], ["13:30", "17:00"]]},
        {"days": ["sat"], "periods": [["22:00", "06:00"]]},
    ],
    "calendar": {
        "country": "VN",
        "holidays": ["2026-03-03"],
        "workdays": [{"date": "2026-03-07", "like": "tue"}],
    },
}
OPEN = '{"v":1,"hours":[]}'


@pytest.fixture
def config(tmp_path: Path) -> Config:
    loaded = load(write_config(tmp_path, "x.avi", more=FILE))
    loaded.log.path.parent.mkdir()
    return loaded


def written(**changed: object) -> str:
    return json.dumps({**CENTRE, **changed}, ensure_ascii=False)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return said


# --- what is taken -----------------------------------------------------------------------------------


def test_calendar_is_over_the_files(config: Config) -> None:
    central = CentralCalendar.read(written())
    in_force = central.over(config)
    # Monday 07:10 is worked by the centre's hours, and not by the file's; nothing else has changed.
    monday = BEGIN.replace(hour=0, minute=10)
    assert working_time(in_force).span(monday).open
    assert not working_time(config).span(monday).open
    assert in_force.model_copy(update={"hours": config.hours, "calendar": config.calendar}) == config


def test_calendar_as_told_is_as_it_was_sent(config: Config) -> None:
    in_force = CentralCalendar.read(written()).over(config)
    told = CalendarCommandWire(hours=hours_wire(in_force), calendar=calendar_wire(in_force))
    assert json.loads(told.text()) == CENTRE
    # So what `info` of one agent tells can be sent to others.
    again = CentralCalendar.read(told.text())
    assert settings_of(config, again).in_force == in_force


@pytest.mark.parametrize(
    "changed",
    [
        {"hours": []},
        {"calendar": {}},
        {"calendar": {"country": None}},
        {"hours": [{"days": ["sun"], "periods": [["00:00", "24:00"]]}]},
    ],
    ids=str,
)
def test_calendar_with_less_is_taken(changed: dict[str, Any]) -> None:
    assert CentralCalendar.read(written(**changed)).since == ""


def test_calendar_is_known_by_its_sha256() -> None:
    text = written()
    assert CentralCalendar.read(text).digest == hashlib.sha256(text.encode()).hexdigest()[:16]


# --- what is refused ---------------------------------------------------------------------------------

HOURS = [{"days": ["mon"], "periods": [["07:30", "11:30"]]}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("07:30-11:30", "not JSON", id="no-json"),
        pytest.param("[]", "no JSON object", id="list"),
        pytest.param("[" * 60_000, "not JSON", id="deep"),
        pytest.param('{"v":1,"hours":[],"hours":[]}', '"hours" is there twice', id="twice"),
        pytest.param('{"v":NaN,"hours":[]}', "NaN is no number", id="nan"),
        pytest.param("9" * 60_000, "not JSON", id="huge-number"),
        pytest.param('{"hours":[]}', "v = ", id="no-version"),
        pytest.param(written(v=2), "v = 2: this agent reads version 1", id="version"),
        pytest.param(written(v=True), "v = true", id="version-true"),
        pytest.param(written(v=1.0), "v = 1.0", id="version-float"),
        pytest.param('{"v":1,"calendar":{}}', "hours is missing", id="no-hours"),
        # Nothing else can be set.
        pytest.param(written(ts="2026-11-22"), 'ts = "2026-11-22": give UTC', id="ts"),
        pytest.param(written(ts=7), "ts = 7: give UTC", id="ts-number"),
        pytest.param(written(device={"site": "x"}), "[device] is unknown", id="device"),
        pytest.param(written(mqtt={"host": "evil.example"}), "[mqtt] is unknown", id="mqtt"),
        pytest.param(
            written(hours=[{**HOURS[0], "zone": "x"}]), "[[hours]] 1 zone is unknown", id="key-inside"
        ),
        pytest.param(written(calendar={"timezone": "UTC"}), "timezone is unknown", id="timezone"),
        pytest.param(
            written(hours=[{"days": ["mon"], "periods": [["7:30", "11:30"]]}]),
            '[[hours]] 1 periods, period 1 = ["7:30", "11:30"]: give times as "HH:MM"',
            id="time",
        ),
        pytest.param(written(hours=[{"days": [], "periods": [["07:30", "11:30"]]}]), "one day", id="no-day"),
        pytest.param(
            written(hours=[{"days": ["Monday"], "periods": [["07:30", "11:30"]]}]), "mon, tue", id="day"
        ),
        pytest.param(written(hours=HOURS * 2), "overlaps", id="overlap"),
        pytest.param(written(hours=HOURS * 29), "28 are enough", id="many-tables"),
        pytest.param(written(hours={"days": ["mon"]}), "hours", id="no-list"),
        pytest.param(written(calendar={"country": "Vietnam"}), "two capital letters", id="country"),
        pytest.param(written(calendar={"holidays": ["2026-02-30"]}), "no such day", id="date"),
        pytest.param(written(calendar={"holidays": [20260101]}), "year-month-day", id="date-number"),
        pytest.param(
            written(calendar={"workdays": [{"date": "2026-01-10", "like": "mon"}] * 2}), "once", id="swap"
        ),
        pytest.param(written(calendar={"holidays": ["2026-01-01"] * 401}), "at most 400", id="many-dates"),
        pytest.param(written() + " " * 65_536, "longer than 64 kB", id="long"),
    ],
)
def test_calendar_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        CentralCalendar.read(text)
    assert words in str(refused.value)
    for sentence in refused.value.problems:
        # A line in the journal, whatever was sent.
        assert sentence.isprintable()
        assert len(sentence) < 400


PIECES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["mon", "07:30"]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.sampled_from(["days", "periods", "country", "holidays"]), inner)
    ),
)


@given(PIECES, PIECES)
def test_calendar_of_an_enemy_is_taken_or_refused(hours: object, calendar: object) -> None:
    try:
        CentralCalendar.read(json.dumps({"v": 1, "hours": hours, "calendar": calendar}))
        said = ""
    except AgentError as error:
        said = str(error)
    assert all(sentence.isprintable() for sentence in said.splitlines())


def test_calendar_of_an_enemy_costs_little() -> None:
    periods = [["07:30", "11:30"]] * 3000
    worst = [
        "x" * 1_000_000,
        written(hours=[{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "periods": periods}]),
        json.dumps({"v": 1, "hours": [{"days": ["mon"]}] * 3500}),
        json.dumps({"v": 1, "hours": [], **{f"k{n}": n for n in range(5000)}}),
    ]
    usual = written()
    CentralCalendar.read(usual)
    begin_s = time.thread_time()
    for _ in range(100):
        CentralCalendar.read(usual)
    usual_s = (time.thread_time() - begin_s) / 100
    for text in worst:
        begin_s = time.thread_time()
        with pytest.raises(ConfigError):
            CentralCalendar.read(text)
        assert (time.thread_time() - begin_s) / usual_s < 3000


# --- what is kept ------------------------------------------------------------------------------------


def test_keeper_over_a_restart(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    keeper = CalendarKeeper(config)
    assert (keeper.central, settings_of(config, keeper.central).in_force) == (None, config)
    text = written()
    keeper.receive(text)
    assert keeper.apply_received(make_at(60))
    assert keeper.central
    assert (keeper.central.since, keeper.central.digest) == ("2026-01-05T00:01:00.000Z", digest_of(text))
    (said,) = lines(caplog)
    assert f"are what the centre set ({digest_of(text)}, in force since 2026-01-05T00:01:00.000Z)" in said
    again = CalendarKeeper(config)
    assert again.central == keeper.central
    assert settings_of(config, again.central).in_force != config
    assert len(lines(caplog)) == 1
    # It comes again at every connection, which is nothing new.
    again.receive(text)
    assert not again.apply_received(make_at(120))
    assert lines(caplog) == []
    again.receive("")
    assert again.apply_received(make_at(180))
    assert settings_of(config, again.central).in_force == config
    assert not kept_at(config.log.path).exists()
    assert CalendarKeeper(config).central is None
    assert len(lines(caplog)) == 1


def test_keeper_takes_what_came_last(config: Config) -> None:
    keeper = CalendarKeeper(config)
    keeper.receive(written())
    keeper.apply_received(make_at(1))
    first = keeper.central
    keeper.receive(written(hours=[]))
    keeper.receive(written())
    assert not keeper.apply_received(make_at(2))
    assert keeper.central is first
    keeper.receive(written(hours=[]))
    keeper.receive("")
    keeper.receive(written(hours=HOURS))
    assert keeper.apply_received(make_at(3))
    assert keeper.central
    assert len(keeper.central.command.hours) == 1


def test_keeper_keeps_what_was_set_later(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    """In whichever order they come; without a time a message holds from when it comes, as an empty one."""
    caplog.set_level("INFO")
    keeper = CalendarKeeper(config)

    def in_force_after(text: str) -> str:
        keeper.receive(text)
        keeper.apply_received(make_at(1))
        assert not keeper.refused
        return keeper.central.text if keeper.central else ""

    early, late = (written(ts=f"2026-11-20T0{hour}:00:00.000Z") for hour in (1, 2))
    same, timeless = written(ts="2026-11-20T02:00:00.000Z", hours=[]), written()
    assert in_force_after(early) == early
    assert in_force_after(late) == late
    lines(caplog)
    # As it would come with each of two connections; a restart keeps the time too.
    assert in_force_after(early) == in_force_after(early) == late
    keeper.receive("x")
    assert in_force_after(early) == late
    said = [line for line in lines(caplog) if "refused" not in line]
    assert len(said) == 1
    assert "set before those in force (2026-11-20T01:00:00.000Z, and not 2026-11-20T02:00:00.000Z)" in said[0]
    keeper = CalendarKeeper(config)
    assert in_force_after(early) == late
    assert in_force_after(same) == same
    assert in_force_after(timeless) == timeless
    assert in_force_after(early) == early
    assert in_force_after(late) == late
    assert in_force_after("") == ""
    assert in_force_after(early) == early


def test_keeper_refuses(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    keeper = CalendarKeeper(config)
    keeper.receive(written())
    keeper.apply_received(make_at(1))
    before = keeper.central
    lines(caplog)
    for _ in range(3):
        # As it would come with each of three connections.
        keeper.receive(written(hours="%s %(x)d {0}\n\x1b[31m"))
        assert (keeper.refused, keeper.apply_received(make_at(2))) == (True, False)
    assert keeper.central is before
    (said,) = lines(caplog)
    assert said.startswith("the working hours received on cmd/calendar were refused, nothing changes: ")
    assert said.isprintable()
    # What is in force already is valid.
    for text, refused in ((written(), False), ("x", True), ("", False), ("x", True), (OPEN, False)):
        keeper.receive(text)
        assert keeper.refused == refused
    assert keeper.apply_received(make_at(3))


def test_keeper_without_public_holidays_refuses(
    config: Config, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be worked out on this machine is no reason to end: it could be sent to all agents."""
    monkeypatch.setattr("agent.config.holidays.own_python", lambda *_words: ["/bin/false"])
    keeper = CalendarKeeper(config)
    keeper.receive(written(calendar={"country": "IS"}))
    assert keeper.refused
    assert not keeper.apply_received(make_at(1))
    assert "public holidays of IS can't be worked out" in lines(caplog)[0]


@pytest.mark.parametrize(
    ("known", "cleared"),
    [
        # What the broker has of this agent was said after the hours came into force: it has lost nothing.
        ("2026-01-05T00:01:00.001Z", True),
        ("2026-01-05T00:01:00.000Z", False),
        ("2026-01-04T00:00:00.000Z", False),
        # A broker that was set up again.
        ("", False),
    ],
)
def test_keeper_hears_that_the_broker_has_none(config: Config, known: str, cleared: bool) -> None:
    before = CalendarKeeper(config)
    before.receive(written())
    before.apply_received(make_at(60))
    keeper = CalendarKeeper(config)
    keeper.absent(known)
    assert keeper.apply_received(make_at(90)) == cleared
    assert (keeper.central is None) == cleared
    keeper.receive("x")
    keeper.absent(known)
    assert not keeper.refused


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="half"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"\0" * 4096, id="zeros"),
        pytest.param(lambda content: content.replace(b"07:00", b"05:00"), id="bit"),
        pytest.param(lambda content: content.replace(b'"since": "', b'"since": 7, "x": "'), id="since"),
        pytest.param(lambda _: b"[" * 100_000, id="deep"),
        pytest.param(lambda _: b"\xff" * 100, id="no-text"),
        pytest.param(lambda _: b"x" * 10_000_000, id="long"),
    ],
)
def test_keeper_of_a_damaged_file(
    config: Config,
    caplog: pytest.LogCaptureFixture,
    damage: Any,  # noqa: ANN401
) -> None:
    keeper = CalendarKeeper(config)
    keeper.receive(written())
    keeper.apply_received(make_at(1))
    path = kept_at(config.log.path)
    path.write_bytes(damage(path.read_bytes()))
    lines(caplog)
    keeper = CalendarKeeper(config)
    assert settings_of(config, keeper.central).in_force == config
    (said,) = lines(caplog)
    assert f"can't be read from the card ({path} is damaged)" in said
    # The broker has it still.
    keeper.receive(written())
    assert keeper.apply_received(make_at(1))
    assert CalendarKeeper(config).central == keeper.central


@pytest.mark.usefixtures("weights")
def test_file_that_is_gone_is_missed(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    def started(text: str | None = None) -> list[str]:
        """What a start says of it, after which a message may come."""
        keeper = CalendarKeeper(config)
        stage = stages(settings_of(config, keeper.central), (64, 48), random_track_ids())
        with delivery(settings_of(config), stage.ledger, keeper) as box:
            if text is not None:
                keeper.receive(text)
                assert keeper.apply_received(make_at(1))
                box.apply_settings(settings_of(config, keeper.central), make_at(1), 1, reconnect=False)
        return [line for line in lines(caplog) if "working hours of the centre" in line]

    path = kept_at(config.log.path)
    assert started(written()) == []
    path.unlink()
    (said,) = started()
    assert f"can't be read from the card ({path} is gone)" in said
    # Once; and never of what was cleared, nor twice of what is damaged.
    assert started(written()) == []
    assert started("") == []
    assert started(written()) == []
    path.write_bytes(b"")
    assert len(started()) == 1


def test_keeper_of_another_agents_card(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    keeper = CalendarKeeper(config)
    keeper.receive(written())
    keeper.apply_received(make_at(1))
    lines(caplog)
    other = config.model_copy(update={"device": config.device.model_copy(update={"name": "gate"})})
    assert CalendarKeeper(other).central is None
    assert read_kept(config) == keeper.central
    assert lines(caplog) == []


def test_keeper_without_a_card(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    """In force all the same, told once, and kept as soon as that can be done."""
    caplog.set_level("WARNING")
    folder = config.log.path.parent
    folder.rmdir()
    keeper = CalendarKeeper(config)
    keeper.receive(written())
    assert keeper.apply_received(make_at(1))
    assert settings_of(config, keeper.central).in_force != config
    assert not keeper.apply_received(make_at(62))
    assert len(lines(caplog)) == 1
    folder.mkdir()
    assert not keeper.apply_received(make_at(70))
    assert not kept_at(config.log.path).exists()
    assert not keeper.apply_received(make_at(123))
    assert CalendarKeeper(config).central == keeper.central
    # Nor does it come back from there once it is cleared.
    shutil.rmtree(folder)
    keeper.receive("")
    assert keeper.apply_received(make_at(200))
    assert len(lines(caplog)) == 1


def test_keeper_leaves_a_whole_file_to_its_owner_only(config: Config) -> None:
    keeper = CalendarKeeper(config)
    keeper.receive(written())
    keeper.apply_received(make_at(1))
    assert [path.name for path in config.log.path.parent.iterdir()] == [
        f"{config.log.path.name}.calendar.json"
    ]
    assert kept_at(config.log.path).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounts a disk, as root")
def test_keeper_on_a_full_disk(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    folder = config.log.path.parent
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("may not mount here")
    try:
        filler = folder / "filler"
        keeper = CalendarKeeper(config)
        keeper.receive(written())
        keeper.apply_received(make_at(1))
        kept = read_kept(config)
        with pytest.raises(OSError, match="space"):
            filler.write_bytes(b"x" * 100_000)
        lines(caplog)
        keeper.receive(written(calendar={"holidays": [f"2026-01-{day:02}" for day in range(1, 31)] * 13}))
        assert keeper.apply_received(make_at(2))
        assert any("No space left" in line for line in lines(caplog))
        # What was kept before is whole.
        assert read_kept(config) == kept
    finally:
        subprocess.run(["umount", folder], check=True)
