"""From events to spans, from spans to px, and from a log to a picture of it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.app.log_plot import plot
from agent.config.load import load
from agent.core.event import AgentStarted, AgentStopped, LineCrossed, ZoneEntered, ZoneLeft
from agent.core.frame import Instant
from agent.device.recording import read_picture
from agent.eventlog.log import EventLog
from agent.render.chart import COLORS, LEFT_PX, RIGHT_PX, WIDTH_PX, chart, time_px
from agent.render.timeline import TimelineSpan, steps, timeline
from tests.conftest import write_config
from tests.day import HANOI, RULES, body, busy_day, crossing, local, visit
from tests.samples import SENDER

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.render.timeline import Timeline

    Events = list[dict[str, Any]]
    Picture = NDArray[np.uint8]

BEGIN, END = local(0), local(24)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


def told(events: Events, now: datetime = END) -> Timeline:
    return timeline(events, BEGIN, END, now, {})


def hours(*spans: TimelineSpan) -> list[tuple[float, float, str]]:
    """Spans as hours after midnight."""

    def hour(at: datetime) -> float:
        return round((at - BEGIN) / timedelta(hours=1), 3)

    return [(hour(span.begin), hour(span.end), span.label) for span in spans]


def left(begin: float, end: float, at: float, track: str = "t1", why: str = "seen") -> dict[str, Any]:
    """The end of a visit from one hour to another, told at a third."""
    more = {"count": 0, "track": track, "dwell_s": (end - begin) * 3600, "why": why}
    return body("zone.left", local(at), "hall", since=local(begin), **more)


def entered(since: float, at: float, track: str = "t1") -> dict[str, Any]:
    return body("zone.entered", local(at), "hall", since=local(since), count=1, track=track)


def started(at: float, cause: str = "restarted", **more: datetime) -> dict[str, Any]:
    return body("agent.started", local(at), "agent", cause=cause, **more)


# --- visits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([entered(9, 9.01), left(9, 9.5, 9.6)], [(9, 9.5, "")], id="as-it-really-was"),
        pytest.param([left(9, 9.5, 9.6)], [(9, 9.5, "")], id="its-begin-is-not-in-the-log-any-more"),
        pytest.param([entered(-1, -0.9), left(-1, 0.5, 0.6)], [(0, 0.5, "")], id="over-the-midnight-before"),
        pytest.param([entered(23, 23.1), left(23, 25, 25.1)], [(23, 24, "")], id="over-the-midnight-after"),
        pytest.param([entered(23.9, 24.01), left(23.9, 24.2, 24.3)], [(23.9, 24, "")], id="told-late"),
        pytest.param([entered(-2, -1.9), left(-2, -1, -0.9)], [], id="of-another-day"),
        pytest.param([entered(9, 9.01)], [(9, 24, "")], id="still-there"),
        pytest.param(
            [entered(9, 9.01), started(11), left(9, 9.9, 10, why="restarted")],
            [(9, 9.9, "")],
            id="closed-at-restart",
        ),
        pytest.param([entered(9, 9.01), started(11, since=local(10))], [(9, 10, "")], id="never-closed"),
        pytest.param(
            [entered(9, 9.01), body("agent.stopped", local(10), cause="signal")],
            [(9, 10, "")],
            id="stopped-for-good",
        ),
        pytest.param(
            [entered(9, 9.01), entered(9.2, 9.21, "t2"), left(9, 9.5, 9.6), left(9.2, 9.4, 9.7, "t2")],
            [(9, 9.5, ""), (9.2, 9.4, "")],
            id="two-at-once",
        ),
        pytest.param([{"type": "zone.left", "rule": "hall", "ts": 7}, {}, {"type": ["x"]}], [], id="junk"),
        pytest.param([left(9, 9.5, 9.6) | {"dwell_s": "long"}], [(9, 9.6, "")], id="junk-for-a-length"),
    ],
)
def test_visits(events: Events, expected: list[tuple[float, float, str]]) -> None:
    rows = {row.rule: row for row in told(events).rows}
    assert (hours(*rows["hall"].spans) if "hall" in rows else []) == expected


def test_visits_still_open_end_now() -> None:
    row = told([entered(9, 9.01)], now=local(9.5)).rows[0]
    assert hours(*row.spans) == [(9, 9.5, "")]
    assert row.seconds() == 1800


def test_steps() -> None:
    spans = [
        TimelineSpan(local(9), local(11)),
        TimelineSpan(local(10), local(12)),
        TimelineSpan(local(10), local(11)),
    ]
    assert steps(spans) == [(local(9), 1), (local(10), 3), (local(11), 1), (local(12), 0)]


# --- counters, lines, marks --------------------------------------------------------------------------


def turn(mode: str, since: float, **more: str) -> dict[str, Any]:
    return body(f"counter.{mode}", local(since + 0.02), "desk", since=local(since), waiting=0, **more)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [
                turn("attended", 8),
                turn("unattended", 9),
                turn("attended", 9.5),
                turn("closed", 17, why="closed"),
            ],
            [(8, 9, "attended"), (9, 9.5, "unattended"), (9.5, 17, "attended"), (17, 24, "closed")],
            id="a-day",
        ),
        pytest.param([turn("attended", -3)], [(0, 24, "attended")], id="since-yesterday"),
        # The event that ends an interval may have that interval's own start.
        pytest.param(
            [turn("attended", 8), body("counter.closed", local(17), "desk", since=local(8), why="closed")],
            [(8, 17, "attended"), (17, 24, "closed")],
            id="closed-with-the-old-begin",
        ),
        pytest.param(
            [turn("attended", 8), turn("closed", 10, why="blind"), turn("unattended", 11)],
            [(8, 10, "attended"), (11, 24, "unattended")],
            id="nothing-is-known-while-blind",
        ),
        pytest.param(
            [turn("attended", 8), started(12, since=local(10)), turn("attended", 12.1)],
            [(8, 10, "attended"), (12.1, 24, "attended")],
            id="over-a-restart",
        ),
    ],
)
def test_counter(events: Events, expected: list[tuple[float, float, str]]) -> None:
    (row,) = told(events).rows
    assert (row.kind, hours(*row.spans)) == ("counter", expected)


def test_marks() -> None:
    events = [
        crossing("in", local(-0.1)),
        crossing("in", local(0)),
        crossing("out", local(12)),
        crossing("in", local(24)),
        body("presence.after_hours", local(20), "gate", since=local(20), track="t1"),
        body("line.quarter", local(12), "gate", start=local(11.75), end=local(12)),
        body("events.dropped", local(21), from_seq=1, to_seq=2),
        body("agent.dreamed", local(3)),
    ]
    of = told(events)
    (row,) = of.rows
    assert [(mark.at, mark.label) for mark in row.marks] == [
        (local(0), "in"),
        (local(12), "out"),
        (local(20), "after_hours"),
    ]
    assert (row.number_of("in"), row.number_of("out")) == (1, 1)
    assert [mark.label for mark in of.marks] == ["dropped"]


def test_marks_of_what_is_told_while_it_lasts() -> None:
    events = [
        body("zone.crowded", local(9), "waiting", since=local(8.9), count=5),
        body("zone.overstayed", local(9.5), "waiting", since=local(8), track="t1"),
        body("zone.uncrowded", local(10), "waiting", since=local(8.9), crowded_s=3960.0, max=7, why="seen"),
    ]
    (row,) = told(events).rows
    assert row.kind == "zone"
    assert [(mark.at, mark.label) for mark in row.marks] == [
        (local(9), "crowded"),
        (local(9.5), "overstayed"),
    ]


def test_rows_of_rules_without_events_and_events_without_rules() -> None:
    rows = timeline([crossing("in", local(1), "old-gate")], BEGIN, END, END, RULES).rows
    assert [row.rule for row in rows] == ["desk", "waiting", "staff", "gate", "old-gate"]


# --- blind and down ----------------------------------------------------------------------------------


def blind(since: float, cause: str = "covered") -> dict[str, Any]:
    return body("camera.blind", local(since + 0.01), "camera", cause=cause, since=local(since))


def restored(since: float, at: float) -> dict[str, Any]:
    return body(
        "camera.restored",
        local(at),
        "camera",
        cause="covered",
        since=local(since),
        blind_s=(at - since) * 3600,
    )


STOPPED = body("agent.stopped", local(10), cause="signal")


@pytest.mark.parametrize(
    ("events", "blind_spans", "down_spans"),
    [
        pytest.param([blind(9), restored(9, 9.5)], [(9, 9.5, "covered")], [], id="told"),
        pytest.param([restored(-1, 1)], [(0, 1, "covered")], [], id="since-yesterday"),
        pytest.param([blind(23)], [(23, 24, "covered")], [], id="still-blind"),
        pytest.param(
            [blind(9), STOPPED, started(11, "started"), restored(9, 12)],
            [(9, 12, "covered")],
            [(10, 11, "stopped")],
            id="over-a-stop",
        ),
        # No version must leave the whole day hatched for an interval whose end it never reported.
        pytest.param(
            [blind(9), STOPPED, started(11, "started"), entered(11.5, 11.6)],
            [(9, 10, "covered")],
            [(10, 11, "stopped")],
            id="over-a-stop-and-never-restored",
        ),
        pytest.param(
            [blind(9), started(11, since=local(10)), blind(12, "dark")],
            [(9, 10, "covered"), (12, 24, "dark")],
            [(10, 11, "restarted")],
            id="blind-again-after-a-kill",
        ),
        pytest.param([started(11, since=local(10))], [], [(10, 11, "restarted")], id="killed"),
        pytest.param(
            [crossing("in", local(9)), started(11)], [], [(9, 11, "restarted")], id="killed-some-time"
        ),
        pytest.param([started(11)], [], [], id="nothing-is-known-of-before"),
        pytest.param([started(7, "new_log")], [], [(0, 7, "new_log")], id="a-new-log"),
        pytest.param([STOPPED], [], [(10, 24, "stopped")], id="stopped-for-good"),
        pytest.param([STOPPED, started(30, "started")], [], [(10, 24, "stopped")], id="until-tomorrow"),
        pytest.param(
            [crossing("in", local(22)), started(31, since=local(22.5))],
            [],
            [(22.5, 24, "restarted")],
            id="a-power-cut-at-night",
        ),
    ],
)
def test_blind_and_down(events: Events, blind_spans: list[Any], down_spans: list[Any]) -> None:
    of = told(events)
    assert (hours(*of.blind), hours(*of.down)) == (blind_spans, down_spans)


def test_clock_that_was_set_later() -> None:
    # Without a battery a Pi starts with the time at which it went off: 10:00, while it is 14:00.
    def unsynced(event: dict[str, Any], mono_s: float) -> dict[str, Any]:
        return event | {"clock": "unsynced", "boot": "0123abcd", "mono_s": mono_s}

    offset_s = local(14).timestamp() - 20
    of = told(
        [
            entered(9, 9.1, "t0"),
            unsynced(started(10.001, since=local(10)), 20),
            unsynced(entered(10.5, 10.501), 20 + 0.5 * 3600),
            body("agent.clock_set", local(14.6), boot="0123abcd", offset_s=offset_s),
            body("agent.clock_set", local(16), boot="0123abcd", offset_s=offset_s + 9),
            left(14.499, 15, 15.1),
        ]
    )
    assert hours(*of.down) == [(10, 14, "restarted")]
    assert hours(*of.rows[0].spans) == [(9, 10, ""), (14.499, 15, "")]


def test_open_ends_today() -> None:
    of = told([blind(9), body("agent.stopped", local(10), cause="signal")], now=local(12))
    assert (hours(*of.blind), hours(*of.down)) == ([(9, 10, "covered")], [(10, 12, "stopped")])


TYPES = [f"zone.{w}" for w in ("entered", "left", "occupied")] + [
    f"counter.{w}" for w in ("attended", "closed")
]
TYPES += [
    "line.crossed",
    "camera.blind",
    "camera.restored",
    "agent.started",
    "agent.stopped",
    "agent.clock_set",
]
TIMES = st.integers(-40, 60).map(lambda hour: local(hour).isoformat()) | st.sampled_from(
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T09:00:00", "", None]
)
ANYTHING: st.SearchStrategy[Any] = (
    st.integers() | st.floats() | st.sampled_from([None, True, "", "x", "\ud800", [], [1], {}])
)
MADE_UP = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | ANYTHING, "ts": TIMES, "rule": st.sampled_from(["a", "b"]) | ANYTHING},
    optional={"since": TIMES, "dwell_s": ANYTHING, "blind_s": ANYTHING, "track": st.just("t1") | ANYTHING,
              "cause": ANYTHING, "why": ANYTHING, "direction": ANYTHING, "boot": st.just("b") | ANYTHING,
              "clock": st.just("unsynced") | ANYTHING, "mono_s": ANYTHING, "offset_s": ANYTHING},
)  # fmt: skip


@given(st.lists(MADE_UP, max_size=12))
def test_anything_is_taken(events: Events) -> None:
    of = told(events, now=local(12))
    spans = [*of.blind, *of.down, *(span for row in of.rows for span in row.spans)]
    assert all(BEGIN <= span.begin < span.end <= END for span in spans)
    assert all(BEGIN <= mark.at < END for row in of.rows for mark in row.marks)
    assert all(count >= 0 for row in of.rows for _, count in steps(row.spans))


@settings(max_examples=15, deadline=None)
@given(st.lists(MADE_UP, max_size=12))
def test_anything_is_drawn(events: Events) -> None:
    assert drawn(events).shape[1] == WIDTH_PX


# --- the picture -------------------------------------------------------------------------------------


def drawn(
    events: Events, periods: list[tuple[datetime, datetime]] | None = None, now: datetime = END
) -> Picture:
    return chart(timeline(events, BEGIN, END, now, RULES), "Bộ phận một cửa", HANOI, periods or [])


def colors_at(picture: Picture, hour: float, top: int, bottom: int) -> set[tuple[int, ...]]:
    """In the column of an hour, between two rows of px."""
    column = LEFT_PX + round((RIGHT_PX - LEFT_PX) * hour / 24)
    return {tuple(px) for px in picture[top:bottom, column].tolist()}


# Where the rows of RULES are: counter, two zones, line.
ROWS = {
    "camera": (198, 234),
    "desk": (274, 384),
    "waiting": (384, 534),
    "staff": (534, 684),
    "gate": (684, 814),
}


@pytest.mark.parametrize(
    ("row", "hour", "color"),
    [
        ("desk", 8.5, "attended"),
        ("desk", 9.9, "unattended"),
        ("desk", 11.9, "closed"),
        ("waiting", 9.5, "present"),
        ("staff", 8.5, "present"),
        ("staff", 20.22, "present"),
        ("staff", 20.21, "after_hours"),
        ("gate", 20.19, "after_hours"),
        ("camera", 12.3, "blind"),
        ("camera", 18, "down"),
        ("camera", 23.5, "down"),
        ("camera", 21, "dropped"),
        ("desk", 12.3, "blind"),
        ("waiting", 12.3, "blind"),
        ("gate", 12.3, "blind"),
        ("gate", 18, "down"),
        ("waiting", 8.3, "hours"),
        ("gate", 16.7, "hours"),
    ],
)
def test_chart_colors(row: str, hour: float, color: str) -> None:
    picture = drawn(busy_day(), [(local(7.5), local(11.5)), (local(13.5), local(17))])
    assert picture.shape[1] == WIDTH_PX
    assert COLORS[color] in colors_at(picture, hour, *ROWS[row])


@pytest.mark.parametrize("what", ["crowded", "overstayed"])
def test_chart_shows_what_is_told_while_it_lasts(what: str) -> None:
    one, other = (body(f"zone.{what}", local(hour), "waiting", since=local(8)) for hour in (6, 16))
    picture = drawn([*busy_day(), one, other])
    top, bottom = ROWS["waiting"]
    assert COLORS[what] in colors_at(picture, 6, top, bottom)
    assert COLORS[what] in colors_at(picture, 16, top, bottom)
    assert COLORS[what] not in colors_at(picture, 7, top, bottom)
    # How many there were, beside the row.
    beside = drawn(busy_day()) != picture
    assert beside[bottom - 45 : bottom, RIGHT_PX + 20 :].any()


@pytest.mark.parametrize(("row", "hour"), [("desk", 3), ("waiting", 12.9), ("staff", 6), ("gate", 6.3)])
def test_chart_empty_hours(row: str, hour: float) -> None:
    top, bottom = ROWS[row]
    found = colors_at(drawn(busy_day()), hour, top + 12, bottom - 12)
    assert not found & {color for name, color in COLORS.items() if name != "hours"}


def test_chart_occupancy_is_to_scale() -> None:
    events = visit("waiting", "t1", local(8), 4 * 3600) + visit("waiting", "t2", local(10), 2 * 3600)
    picture = drawn(events)
    top, bottom = ROWS["waiting"]
    heights = []
    for hour in (7.5, 9, 11, 12.5):
        column = picture[top + 12 : bottom - 12, LEFT_PX + round((RIGHT_PX - LEFT_PX) * hour / 24)]
        heights.append(int((column == COLORS["present"]).all(axis=1).sum()))
    full = bottom - top - 24
    assert heights == [0, pytest.approx(full / 2, abs=1), pytest.approx(full, abs=1), 0]


def test_chart_in_is_up_and_out_is_down() -> None:
    picture = drawn([crossing("in", local(9)), crossing("out", local(9))])
    top, bottom = ROWS["gate"]
    middle = (top + bottom) // 2
    up, down = colors_at(picture, 9, top, middle), colors_at(picture, 9, middle, bottom)
    assert (COLORS["in"] in up, COLORS["out"] in up) == (True, False)
    assert (COLORS["in"] in down, COLORS["out"] in down) == (False, True)


def test_chart_short_visit_is_seen() -> None:
    picture = drawn(visit("waiting", "t1", local(9.02), 2))
    top, bottom = ROWS["waiting"]
    assert (
        2 <= (picture[top:bottom, LEFT_PX:RIGHT_PX] == COLORS["present"]).all(axis=2).any(axis=0).sum() <= 3
    )


@pytest.mark.parametrize(
    ("day", "zone", "length_h"),
    [
        (date(2023, 3, 26), "Europe/Berlin", 23),
        (date(2023, 10, 29), "Europe/Berlin", 25),
        (date(2026, 11, 22), "Asia/Ho_Chi_Minh", 24),
        (date(2026, 11, 22), "Asia/Kathmandu", 24),
    ],
)
def test_plot_days_of_other_lengths(tmp_path: Path, day: date, zone: str, length_h: int) -> None:
    config = write_config(tmp_path, "x", more="")
    config.write_text(config.read_text().replace('place = "Sân"', f'place = "Sân"\ntimezone = "{zone}"'))
    # Somebody in the last hour of the day only.
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    events = visit("yard", "t1", begin + timedelta(hours=length_h - 1), 3600)
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    plot(load(config), tmp_path / "out.png", day, tmp_path / "e.jsonl")
    filled = (
        (read_picture(tmp_path / "out.png")[274:424] == COLORS["present"])
        .all(axis=2)
        .any(axis=0)
        .nonzero()[0]
    )
    hour_px = (RIGHT_PX - LEFT_PX) / length_h
    assert filled[0] == pytest.approx(RIGHT_PX - hour_px, abs=2)
    assert filled[-1] == pytest.approx(RIGHT_PX, abs=2)


def test_chart_time_axis() -> None:
    of = told([])
    assert [time_px(of, local(hour)) for hour in (0, 12, 24)] == [
        LEFT_PX,
        (LEFT_PX + RIGHT_PX) // 2,
        RIGHT_PX,
    ]


def test_chart_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    english = drawn(busy_day())
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    vietnamese = drawn(busy_day())
    # What happened looks the same, what it is called does not.
    top, bottom = ROWS["desk"][0], ROWS["gate"][1]
    same = english[top:bottom, LEFT_PX:RIGHT_PX] == vietnamese[top:bottom, LEFT_PX:RIGHT_PX]
    assert same.all()
    assert not np.array_equal(english[top:bottom, :LEFT_PX], vietnamese[top:bottom, :LEFT_PX])


def test_chart_nothing_says_so() -> None:
    empty, quiet = drawn([]), drawn([crossing("in", local(3))])
    middle = slice((LEFT_PX + RIGHT_PX) // 2 - 60, (LEFT_PX + RIGHT_PX) // 2 + 60)
    rows = slice(*ROWS["staff"])
    assert (empty[rows, middle] < 130).any()
    assert not (quiet[rows, middle] < 130).any()


# --- the command -------------------------------------------------------------------------------------


def at(hour: float) -> Instant:
    moment = local(hour)
    return Instant(moment.timestamp(), moment)


def fill(log: EventLog) -> None:
    begin = at(9)
    who: dict[str, Any] = {"rule": "yard", "since": begin, "track": "t1"}
    log.append([AgentStarted(rule="agent", at=at(7), cause="new_log")])
    log.append([ZoneEntered(**who, at=at(9.01), count=1)])
    log.append([LineCrossed(rule="gate", at=at(10), direction="in", track="t1", confidence=0.5)])
    log.append([ZoneLeft(**who, at=at(11.01), count=0, dwell_s=7200.0, why="seen")])


@pytest.mark.parametrize("day", [None, date(2026, 11, 20)])
def test_plot_log_of_running_agent(tmp_path: Path, day: date | None) -> None:
    config = load(write_config(tmp_path, "x"))
    with EventLog(SENDER, config.log.path) as log:
        fill(log)
        plot(config, tmp_path / "out.png", day, None)
    picture = read_picture(tmp_path / "out.png")
    # A zone, then a line.
    assert COLORS["present"] in colors_at(picture, 10.5, 274, 424)
    assert COLORS["present"] not in colors_at(picture, 11.5, 274, 424)
    assert COLORS["in"] in colors_at(picture, 10, 424, 554)
    assert COLORS["down"] in colors_at(picture, 3, 274, 424)


def test_plot_log_open_over_midnight(tmp_path: Path) -> None:
    config = load(write_config(tmp_path, "x"))
    with EventLog(SENDER, config.log.path) as log:
        log.append([ZoneEntered(rule="yard", since=at(-1), at=at(-0.99), count=1, track="t1")])
        log.append([AgentStopped(rule="agent", at=at(5), cause="signal")])
    plot(config, tmp_path / "out.png", date(2026, 11, 20), None)
    picture = read_picture(tmp_path / "out.png")
    assert COLORS["present"] in colors_at(picture, 4.9, 274, 424)
    assert COLORS["present"] not in colors_at(picture, 5.1, 274, 424)


def test_plot_day_without_events(tmp_path: Path) -> None:
    config = load(write_config(tmp_path, "x"))
    with EventLog(SENDER, config.log.path):
        plot(config, tmp_path / "out.png", date(2026, 11, 20), None)
        plot(config, tmp_path / "today.PNG", None, None)
    assert read_picture(tmp_path / "out.png").shape[1] == WIDTH_PX
    assert read_picture(tmp_path / "today.PNG").shape[1] == WIDTH_PX


def test_plot_recording_fills_the_picture(tmp_path: Path) -> None:
    config = load(write_config(tmp_path, "x"))
    events = visit("yard", "t1", local(12), 50)
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    plot(config, tmp_path / "out.png", None, tmp_path / "e.jsonl")
    filled = (read_picture(tmp_path / "out.png")[274:424] == COLORS["present"]).all(axis=2).any(axis=0)
    assert filled.sum() > 0.8 * (RIGHT_PX - LEFT_PX)


def test_plot_empty_file(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").touch()
    plot(load(write_config(tmp_path, "x")), tmp_path / "out.png", None, tmp_path / "e.jsonl")
    assert (tmp_path / "out.png").stat().st_size > 0
