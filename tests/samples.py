"""Events, senders and logs for tests."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.core.event import (
    AfterHours,
    AgentStarted,
    AgentStopped,
    CameraBlind,
    CameraRestored,
    ClockSet,
    CounterAttended,
    CounterClosed,
    CounterDay,
    CounterQuarter,
    CounterUnattended,
    Day,
    Event,
    EventsDropped,
    LineCrossed,
    LineDay,
    LineQuarter,
    PeriodCrossings,
    Quarter,
    UpdateFailed,
    ZoneCrowded,
    ZoneDay,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneOverstayed,
    ZoneQuarter,
    ZoneUncrowded,
    ZoneVacated,
)
from agent.wire.calendar import CalendarWire, HoursWire, WorkdayWire
from agent.wire.counter import CounterGeometryWire
from agent.wire.health import EarlierLogWire, HealthWire
from agent.wire.line import LineGeometryWire
from agent.wire.payloads import InfoWire, ModelWire, Sender, VersionsWire
from agent.wire.zone import ZoneGeometryWire
from tests.builders import make_at

if TYPE_CHECKING:
    from agent.core.frame import Instant
    from agent.eventlog.log import EventLog

CHECKOUT = Path(__file__).parents[1]
SENDER = Sender("que-phong", "one-stop", "0123abcd")
ROOT = f"presence/v1/{SENDER.site}/{SENDER.device}"

LONGEST_ID = "abcdefgh-" * 3 + "01234"
LONGEST_TRACK = "t0123456789abcdef-123456"
# Whatever counts or measures: the largest number of its kind that JSON readers keep exactly.
LARGEST_INT = 2**53 - 1
LARGEST_S = float(2**43) - 0.001
LARGEST_SEQ = 2**63 - 1
# Of what is counted on a day: more than one a second, from midnight to midnight, over one line.
LARGEST_DAILY = 99_999
MOST_PERIODS = 4
LONGEST_DAY_S = 25 * 3600.0

WHYS = ("seen", "lost", "blind", "closed", "stopped", "restarted")
BLIND_CAUSES = ("covered", "dark", "blurred", "moved", "frozen", "lost")


def make_entered(number: int = 77, at: Instant | None = None, rule: str = "waiting") -> ZoneEntered:
    """An event with a count of its own."""
    moment = at or make_at(number)
    return ZoneEntered(rule=rule, at=moment, since=moment, count=number, track=f"t{number}")


def make_started(at: Instant | None = None) -> AgentStarted:
    """`agent.started`."""
    return AgentStarted(rule="agent", at=at or make_at(0), cause="started")


def make_stopped(at: Instant | None = None) -> AgentStopped:
    """`agent.stopped`."""
    return AgentStopped(rule="agent", at=at or make_at(0), cause="signal")


def longest_events() -> list[Event]:
    """One event of each type, with the longest possible values."""
    common: dict[str, Any] = {"rule": LONGEST_ID, "at": make_at(999_999_999.123, synced=False)}
    since = make_at(1.5)
    quarter = common | {"start": since.utc, "end": since.utc + timedelta(minutes=15), "blind_s": 899.999}
    day = common | {"date": date(2026, 1, 5), "length_s": LONGEST_DAY_S, "blind_s": LONGEST_DAY_S - 0.001}
    crossed: dict[str, Any] = {"in_count": LARGEST_DAILY, "out_count": LARGEST_DAILY}
    stayed: dict[str, Any] = {"visits": LARGEST_DAILY, "occupied_s": 89_999.999, "max_count": LARGEST_DAILY}
    attended: dict[str, Any] = {"visits": LARGEST_DAILY}
    attended |= dict.fromkeys(("attended_s", "unattended_s", "longest_unattended_s"), 89_999.999)
    attended |= dict.fromkeys(("wait_p50_s", "wait_p90_s", "wait_max_s"), LARGEST_S)
    period = PeriodCrossings(
        start="07:30",
        end="11:30",
        in_before_start=LARGEST_DAILY,
        in_after_start=LARGEST_DAILY,
        out_before_end=LARGEST_DAILY,
        out_after_end=LARGEST_DAILY,
    )
    visit: dict[str, Any] = {"since": since, "count": LARGEST_INT, "track": LONGEST_TRACK}
    return [
        LineCrossed(**common, direction="out", track=LONGEST_TRACK, confidence=0.123456789),
        ZoneEntered(**common, **visit),
        ZoneLeft(**common, **visit, dwell_s=LARGEST_S, why="restarted"),
        ZoneOccupied(**common, since=since),
        ZoneOverstayed(**common, since=since, track=LONGEST_TRACK),
        ZoneCrowded(**common, since=since, count=LARGEST_INT),
        ZoneUncrowded(**common, since=since, crowded_s=LARGEST_S, max_count=LARGEST_INT, why="restarted"),
        ZoneVacated(**common, since=since, occupied_s=LARGEST_S, why="restarted"),
        CameraBlind(**common, cause="covered", since=since),
        CameraRestored(**common, cause="covered", since=since, blind_s=LARGEST_S),
        CounterAttended(**common, since=since, waiting=LARGEST_INT),
        CounterUnattended(**common, since=since, waiting=LARGEST_INT),
        CounterClosed(**common, since=since, waiting=LARGEST_INT, why="restarted"),
        AfterHours(**common, since=since, track=LONGEST_TRACK),
        LineQuarter(**quarter, **crossed),
        ZoneQuarter(**quarter, **stayed),
        CounterQuarter(**quarter, **attended),
        LineDay(**day, **crossed, first_in=since.utc, last_out=since.utc, periods=(period,) * MOST_PERIODS),
        ZoneDay(**day, **stayed),
        CounterDay(**day, **attended),
        UpdateFailed(**common, from_version="9" * 40, to_version="9" * 40, cause="configuration"),
        AgentStarted(**common, cause="restarted", since=since),
        AgentStopped(**common, cause="recording_broken"),
        ClockSet(**common, offset_s=-LARGEST_S),
        EventsDropped(**common, cause="keep_days", from_seq=LARGEST_SEQ, to_seq=LARGEST_SEQ),
    ]


def most_bytes(event: Event) -> int:
    """Largest size of an event on the wire."""
    return 1000 if isinstance(event, Quarter | Day) else 512


def own_fields(event: Event) -> list[str]:
    """Fields of this type beside the deciding moment."""
    return [field.name for field in fields(event) if field.name != "at"]


def make_info(log_id: str = "0123abcd", session: str = "89abcdef") -> InfoWire:
    """`info` of an agent with a line and a zone."""
    return InfoWire(
        log=log_id,
        session=session,
        ts="2026-01-05T00:00:00.000Z",
        site=SENDER.site,
        device=SENDER.device,
        place="Bộ phận một cửa",
        timezone="Asia/Ho_Chi_Minh",
        versions=VersionsWire(agent="7.7", python="3.77", onnxruntime="1.77", opencv="5.77"),
        models=(ModelWire(name="person", sha256="ab" * 32),),
        rules=(
            LineGeometryWire(rule="gate", start=(0.65, 0.0), end=(0.65, 1.0), inside=(0.9, 0.5)),
            ZoneGeometryWire(rule="waiting", polygon=((0, 0), (1, 0), (1, 1)), min_dwell_s=0.5),
            CounterGeometryWire(rule="desk", staff="staff", public=None, unattended_after_s=60.0),
        ),
        config_digest="0123456789abcdef",
        hours=(HoursWire(days=("sun",), periods=(("00:00", "24:00"),)),),
        calendar=CalendarWire(
            country="VN",
            holidays=("2026-01-02",),
            workdays=(WorkdayWire(date="2026-01-10", like="fri"),),
        ),
        calendar_digest="fedcba9876543210",
        calendar_since="2026-01-04T00:00:00.000Z",
        certificate_ends="2027-07-07T07:07:07.000Z",
        suite="trixie-canary",
        rules_left_out=77,
    )


def make_health(log_id: str = "0123abcd", session: str = "89abcdef", **changed: object) -> HealthWire:
    """`health` of an agent without faults, with every figure known."""
    known: dict[str, Any] = {
        "log": log_id,
        "session": session,
        "ts": "2026-01-05T00:00:00.000Z",
        "first_seq": 1,
        "last_seq": 18231,
        "earlier_logs": (EarlierLogWire(log="fedcba98", last_seq=7),),
    }
    return HealthWire.example(**known | changed)


def info_text(log_id: str, session: str) -> str:
    """As the publisher wants it."""
    return make_info(log_id, session).text()


def seqs(log: EventLog) -> list[int]:
    """The numbers of all that is kept."""
    return [entry.seq for entry in log.read(0, 1_000_000)]


def is_sentence(text: str) -> bool:
    """Whether it is one line that a person can read: no class names, no traceback, no quoted tuples."""
    return re.fullmatch(r"[A-Za-z\[/][^\n]{20,300}", text) is not None and not re.search(
        r"sqlite3|Error\b|Traceback|object at 0x|\[Errno", text
    )
