"""Shaping of rows into answers.

What a device says is read as if it came from an enemy; what is missing gets its reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from agent.central.api.models import (
    CounterNow,
    CounterSums,
    DayAnswer,
    DeviceAnswer,
    EventAnswer,
    HoursAnswer,
    LineNow,
    LineSums,
    PeriodAnswer,
    PlaceAnswer,
    QuarterAnswer,
    RuleAnswer,
    StateAnswer,
    ZoneNow,
    ZoneSums,
)
from agent.central.moments import ms_of, text_of

STALE_MS: Final = 180_000
_LONGEST: Final = 200
_WORDS: Final = frozenset(
    (
        "starting",
        "stopped",
        "setup",
        "behind",
        "clock",
        "covered",
        "dark",
        "blurred",
        "moved",
        "frozen",
        "lost",
    )
)
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PlaceInfo:
    """What is known of a place from its device's newest `info`; None where that says nothing of use."""

    label: str | None = None
    timezone: str | None = None
    version: str | None = None
    rules: tuple[tuple[str, str, str | None], ...] | None = None
    hours: tuple[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], ...] | None = None


_WAITS: Final = ("wait_p50_s", "wait_p90_s", "wait_max_s")
_FIGURES: Final = {
    "line": ("in_count", "out_count"),
    "zone": ("visits", "occupied_s", "max_count"),
    "counter": ("attended_s", "unattended_s", "longest_unattended_s", "visits", *_WAITS),
}
Row = dict[str, Any]

NO_INFO: Final = PlaceInfo()


def place_info(body: str) -> PlaceInfo:
    """Read an `info` that anybody may have sent."""
    content = _content(body)
    name = _text(content.get("timezone"))
    versions = content.get("versions")
    return PlaceInfo(
        _text(content.get("place")),
        name if name and _zone(name) else None,
        _text(versions.get("agent")) if isinstance(versions, dict) else None,
        _rules(content.get("rules")),
        _hours(content.get("hours")),
    )


def _content(body: str | None) -> dict[str, Any]:
    try:
        content = json.loads(body or "")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None


def _rules(told: object) -> tuple[tuple[str, str, str | None], ...] | None:
    if not isinstance(told, list):
        return None
    return tuple(
        (rule, kind, _text(one.get("used_by")))
        for one in told
        if isinstance(one, dict) and (rule := _text(one.get("rule"))) and (kind := _text(one.get("kind")))
    )


def _hours(told: object) -> tuple[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], ...] | None:
    try:
        return tuple(
            (tuple(hours.days), tuple(hours.periods))
            for hours in (
                HoursAnswer.model_validate(one) for one in (told if isinstance(told, list) else [None])
            )
        )
    except ValidationError:
        return None


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=4096)
def _offset_of(timezone: str, hour: int) -> str | None:
    zone = _zone(timezone)
    if zone is None:
        return None
    try:
        text = (_START + timedelta(hours=hour)).astimezone(zone).strftime("%z")
    except (OverflowError, ValueError):
        return None
    return f"{text[:3]}:{text[3:5]}"


def _offset(info: PlaceInfo, at_ms: int, why: dict[str, str]) -> str | None:
    """The place's offset; by the hour, in which no zone changes twice."""
    found = _offset_of(info.timezone, at_ms // 3_600_000) if info.timezone else None
    if found is None:
        why["utc_offset"] = "no_info"
    return found


def _named(agent: str) -> dict[str, Any]:
    site, _, place = agent.partition("/")
    return {"site": site, "place": place}


def place_answer(agent: str, info: PlaceInfo) -> PlaceAnswer:
    """A place.

    Args:
        agent: site/name.
        info: of it.
    """
    known = {
        "label": info.label,
        "timezone": info.timezone,
        "rules": None
        if info.rules is None
        else [RuleAnswer(rule=rule, kind=kind, used_by=used_by) for rule, kind, used_by in info.rules],
        "hours": None
        if info.hours is None
        else [HoursAnswer(days=list(days), periods=list(periods)) for days, periods in info.hours],
    }
    why = {name: "no_info" for name, value in known.items() if value is None}
    return PlaceAnswer.model_validate({**_named(agent), **known, "why": why})


# --- what holds now


def state_answer(row: Row, info: PlaceInfo) -> StateAnswer:
    """A row of `state_now`.

    Args:
        row: agent, rule, kind, ts_ms, body, why.
        info: of its place.
    """
    content, why = _content(row["body"]), dict[str, str]()
    value = None if row["why"] else _value(row["kind"], content)
    if value is None:
        reason = content.get("why")
        told = reason if isinstance(reason, str) and reason in _WORDS else "not_valid"
        why["value"] = told if row["why"] in {None, "not_valid"} else row["why"]
    since_ms = ms_of(content.get("since"))
    if not since_ms:
        why["since"] = "not_told"
    return StateAnswer(
        **_named(row["agent"]),
        rule=row["rule"],
        kind=row["kind"],
        value=value,
        since=text_of(since_ms) if since_ms else None,
        ts=text_of(row["ts_ms"]),
        utc_offset=_offset(info, row["ts_ms"], why),
        why=why,
    )


def _value(kind: str, content: dict[str, Any]) -> LineNow | ZoneNow | CounterNow | None:
    try:
        if kind == "line":
            return LineNow(in_count=content["in_count"], out_count=content["out_count"])
        if kind == "zone":
            return ZoneNow(count=content["count"])
        since_ms = ms_of(content.get("waiting_since"))
        return CounterNow(
            mode=content["mode"],
            waiting=content.get("waiting"),
            waiting_since=text_of(since_ms) if since_ms else None,
        )
    except (LookupError, ValidationError):
        return None


# --- events and sums


def event_answer(row: Row, info: PlaceInfo) -> EventAnswer:
    """A row of `event`.

    Args:
        row: all columns.
        info: of its place.
    """
    why: dict[str, str] = {}
    return EventAnswer(
        n=row["n"],
        **_named(row["agent"]),
        rule=row["rule"],
        type=row["type"],
        ts=text_of(row["ts_ms"]),
        utc_offset=_offset(info, row["ts_ms"], why),
        late=row["late"],
        heard=text_of(row["heard_ms"]),
        body=_content(row["body"]),
        why=why,
    )


def _sums(row: Row, length_s: float, why: dict[str, str]) -> LineSums | ZoneSums | CounterSums | None:
    """The figures; of a span that was wholly blind nothing is known, and its zeros are none."""
    names = _FIGURES[row["kind"]]
    if row["blind_s"] >= length_s and not any(row[name] for name in names):
        why["sums"] = "blind"
        return None
    try:
        if row["kind"] == "counter":
            return _counter(row)
        model = LineSums if row["kind"] == "line" else ZoneSums
        return model.model_validate({name: row[name] for name in names})
    except ValidationError:
        why["sums"] = "not_told"
        return None


def _counter(row: Row) -> CounterSums:
    why: dict[str, str] = {}
    if row["visits"] is None:
        why = dict.fromkeys(("visits", *_WAITS), "no_public_zone")
    elif not row["visits"]:
        why = dict.fromkeys(_WAITS, "nobody")
    return CounterSums(**{name: row[name] for name in _FIGURES["counter"]}, why=why)


def quarter_answer(row: Row, info: PlaceInfo) -> QuarterAnswer:
    """A row of `quarter`.

    Args:
        row: all columns.
        info: of its place.
    """
    why: dict[str, str] = {}
    sums = _sums(row, (row["end_ms"] - row["start_ms"]) / 1000, why)
    return QuarterAnswer(
        **_named(row["agent"]),
        rule=row["rule"],
        kind=row["kind"],
        start=text_of(row["start_ms"]),
        end=text_of(row["end_ms"]),
        utc_offset=_offset(info, row["start_ms"], why),
        blind_s=row["blind_s"],
        sums=sums,
        changed=text_of(row["changed_ms"]),
        why=why,
    )


def day_answer(row: Row, info: PlaceInfo) -> DayAnswer:
    """A row of `day`.

    Args:
        row: all columns.
        info: of its place.
    """
    why: dict[str, str] = {}
    sums = _sums(row, row["length_s"], why)
    line: dict[str, Any] = {"first_in": None, "last_out": None, "periods": None}
    if row["kind"] == "line":
        line |= {name: text_of(row[f"{name}_ms"]) for name in ("first_in", "last_out") if row[f"{name}_ms"]}
        line["periods"] = _periods(row["periods"])
        reason = "nobody" if sums else "blind"
        why |= {name: reason for name in ("first_in", "last_out") if line[name] is None}
        if line["periods"] is None or sums is None:
            line["periods"], why["periods"] = None, "not_told" if sums else reason
    noon = ms_of(f"{row['date']}T12:00:00Z")
    return DayAnswer(
        **_named(row["agent"]),
        rule=row["rule"],
        kind=row["kind"],
        date=row["date"],
        length_s=row["length_s"],
        utc_offset=_offset(info, noon, why),
        blind_s=row["blind_s"],
        sums=sums,
        **line,
        changed=text_of(row["changed_ms"]),
        corrected=row["changed_ms"] > row["heard_ms"],
        why=why,
    )


def _periods(told: str | None) -> list[PeriodAnswer] | None:
    try:
        return [PeriodAnswer.model_validate(one) for one in json.loads(told or "")]
    except (TypeError, ValueError):
        return None


# --- devices


@dataclass(frozen=True, slots=True)
class DeviceKept:
    """What is stored of a device: a row of `agent`, the last number of its log, and how many are missing."""

    agent: str
    state: str
    heard_ms: int
    health: str | None
    last_seq: int | None
    missing: int


def device_answer(device: DeviceKept, info: PlaceInfo, now_ms: int) -> DeviceAnswer:
    """A device.

    Args:
        device: as stored.
        info: of its place.
        now_ms: since 1970: old health says nothing.
    """
    health, why = _content(device.health), dict[str, str]()
    fresh = device.heard_ms > now_ms - STALE_MS and ms_of(health.get("ts")) > 0
    reasons = health.get("reasons")
    told: dict[str, Any] = {
        "verdict": _text(health.get("verdict")) if fresh else None,
        "reasons": [str(one)[:_LONGEST] for one in reasons] if fresh and isinstance(reasons, list) else None,
        "temp_c": _number(health.get("temp_c")) if fresh else None,
        "disk_free_mb": _number(health.get("disk_free_mb")) if fresh else None,
    }
    why |= {name: "not_told" if fresh else "silent" for name, value in told.items() if value is None}
    if info.version is None:
        why["version"] = "no_info"
    if not device.heard_ms:
        why["heard"] = "never_online"
    if device.last_seq is None:
        why["last_seq"] = "never_online"
    return DeviceAnswer(
        **_named(device.agent),
        state=device.state,
        heard=text_of(device.heard_ms) if device.heard_ms else None,
        utc_offset=_offset(info, device.heard_ms or now_ms, why),
        version=info.version,
        **told,
        last_seq=device.last_seq,
        missing=device.missing,
        why=why,
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
