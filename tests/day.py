"""Events of a busy day, for pictures of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
RULES = {"desk": "counter", "waiting": "zone", "staff": "zone", "gate": "line"}


def local(hour: float, day: int = 20) -> datetime:
    """So many hours after a midnight in November 2026 in Vietnam."""
    return (datetime(2026, 11, day, tzinfo=HANOI) + timedelta(hours=hour)).astimezone(UTC)


def body(kind: str, at: datetime, rule: str = "agent", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """An event as it is published; `since` may be a datetime."""
    return {
        "v": 1,
        "type": kind,
        "ts": at.isoformat(),
        "rule": rule,
        **{name: v.isoformat() if isinstance(v, datetime) else v for name, v in fields.items()},
    }


def visit(rule: str, track: str, begin: datetime, seconds: float, why: str = "seen") -> list[dict[str, Any]]:
    """Somebody comes and goes; counts are not told right."""
    entered = body("zone.entered", begin + timedelta(seconds=1), rule, since=begin, count=1, track=track)
    end = begin + timedelta(seconds=seconds)
    told = end + timedelta(seconds=1)
    return [
        entered,
        body("zone.left", told, rule, since=begin, count=0, track=track, dwell_s=seconds, why=why),
    ]


def crossing(direction: str, at: datetime, rule: str = "gate") -> dict[str, Any]:
    """Somebody goes over a line."""
    return body("line.crossed", at, rule, direction=direction, track="t1", confidence=0.8)


def busy_day() -> list[dict[str, Any]]:
    """An office: staff who pause, visitors in two waves, a covered camera, a power cut, a visit at night."""
    random = Random(7)  # noqa: S311 - any day will do
    events: list[dict[str, Any]] = []
    for number in range(150):
        hour = random.gauss(9.2, 0.9) if number % 2 else random.gauss(14.8, 0.8)
        stay_s = random.expovariate(1 / 700) + 5
        begin = local(hour)
        if 7.4 < hour < 16.8:
            events += visit("waiting", f"t{number}", begin, stay_s)
            events.append(crossing("in", begin - timedelta(seconds=8)))
            events.append(crossing("out", begin + timedelta(seconds=stay_s + 9)))
    for track, came, went in (("s1", 7.45, 9.8), ("s2", 10.05, 11.6), ("s3", 13.4, 16.9), ("s4", 8, 11)):
        events += visit("staff", track, local(came), (went - came) * 3600)
    modes = [
        (7.5, "attended"),
        (9.8, "unattended"),
        (10.05, "attended"),
        (11.5, "closed"),
        (13.5, "attended"),
    ]
    modes += [(14.6, "unattended"), (14.9, "attended"), (17, "closed")]
    for turned, mode in modes:
        why = {"why": "closed"} if mode == "closed" else {}
        events.append(
            body(f"counter.{mode}", local(turned + 0.02), "desk", since=local(turned), waiting=2, **why)
        )
    events += [
        body("agent.started", local(6.9), cause="started"),
        body("camera.blind", local(12.01), "camera", cause="covered", since=local(12)),
        body("camera.restored", local(12.6), "camera", cause="covered", since=local(12), blind_s=0.6 * 3600),
        body("agent.started", local(18.5), cause="restarted", since=local(17.6)),
        *visit("staff", "t99", local(20.2), 240),
        body("presence.after_hours", local(20.21), "staff", since=local(20.2), track="t99"),
        crossing("in", local(20.19)),
        body("presence.after_hours", local(20.19), "gate", since=local(20.19), track="t99"),
        crossing("out", local(20.28)),
        body("events.dropped", local(21), from_seq=7, to_seq=9),
        body("agent.stopped", local(22.5), cause="signal"),
    ]
    return sorted(events, key=lambda event: datetime.fromisoformat(event["ts"]))
