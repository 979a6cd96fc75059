"""Conflicts between tables of a configuration file."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.config.messages import shown
from agent.config.rule_tables import RULE_TABLES, listed_tables
from agent.config.types import DAY_MIN, DAYS, MOST_PERIODS, period
from agent.core.identifiers import LONGEST_SITE_AND_NAME, is_too_long

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_WEEK_MIN = len(DAYS) * DAY_MIN
# Zones that reach into each other by less than a hundredth of the picture are drawn well enough.
_GRID = 100
_MOST_OVERLAPS = 100


def conflicts(raw: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on contradictions between tables; works on a file with other problems too."""
    yield from _name_too_long(raw)
    yield from _ids_twice(raw)
    for rules in RULE_TABLES:
        yield from rules.conflicts(raw)
    yield from _logins_incomplete(raw)
    yield from _hours_overlapping(raw)
    yield from _hours_too_many(raw)


def _table(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = raw.get(name)
    return table if isinstance(table, dict) else {}


def _name_too_long(raw: Mapping[str, Any]) -> Iterator[str]:
    match _table(raw, "device"):
        case {"site": str(site), "name": str(name)} if is_too_long(site, name):
            yield (
                f"[device] site = {shown(site)} and name = {shown(name)} have {len(site) + len(name)} "
                f"characters together, and at most {LONGEST_SITE_AND_NAME} fit into a certificate; "
                "shorten one of them."
            )


def _ids_twice(raw: Mapping[str, Any]) -> Iterator[str]:
    first: dict[str, str] = {}
    for header, table in (found for name in RULE_TABLES.ids for found in listed_tables(raw, name)):
        match table.get("id"):
            case str(rule_id) if rule_id in first:
                yield (
                    f"{header} id = {shown(rule_id)}: {first[rule_id]} has it already; ids are unique over "
                    "lines, zones and counters, give another."
                )
            case str(rule_id):
                first[rule_id] = header


def _logins_incomplete(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in ("camera", "mqtt"):
        if "password_file" in _table(raw, name) and "username" not in _table(raw, name):
            yield f"[{name}] username is missing: add it, for there is a password_file."
    mqtt = _table(raw, "mqtt")
    for key, other in (("certificate_file", "key_file"), ("key_file", "certificate_file")):
        if key in mqtt and other not in mqtt:
            yield f"[mqtt] {other} is missing: add it beside {key}, each needs the other."
    if "certificate_file" in mqtt and "password_file" in mqtt:
        yield (
            "[mqtt] password_file: leave it out, for certificate_file stands instead of a password; "
            "or leave out certificate_file and key_file."
        )
    if mqtt.get("tls") is False:
        for key in ("ca_file", "certificate_file", "key_file"):
            if key in mqtt:
                yield (
                    f"[mqtt] {key} = {shown(mqtt[key])}: without TLS it has no use; give tls = true, "
                    f"or leave {key} out."
                )


class _WeekInterval(NamedTuple):
    """Working period on a day of the week, in minutes from Monday 00:00."""

    where: tuple[int, int]
    header: str
    day: str
    text: str
    start_min: int
    end_min: int

    def overlaps(self, other: _WeekInterval) -> bool:
        """Whether both share a minute of some week; Sunday night runs into Monday."""
        return any(
            self.start_min < other.end_min + shift and other.start_min + shift < self.end_min
            for shift in (-_WEEK_MIN, 0, _WEEK_MIN)
        )


def _hours_overlapping(raw: Mapping[str, Any]) -> Iterator[str]:
    reported: set[tuple[int, ...]] = set()
    for one, other in combinations(_week_intervals(raw), 2):
        if one.where + other.where not in reported and one.overlaps(other):
            reported.add(one.where + other.where)
            if len(reported) > _MOST_OVERLAPS:
                # Their number grows with the square of the periods.
                return
            first = f"{one.text} on {one.day}" + ("" if one.header == other.header else f" of {one.header}")
            yield (
                f"{other.header} periods: {other.text} on {other.day} overlaps {first}; "
                "let one end before the other starts."
            )


def _hours_too_many(raw: Mapping[str, Any]) -> Iterator[str]:
    intervals = list(_week_intervals(raw))
    if any(interval.where[1] >= MOST_PERIODS for interval in intervals):
        # A single table has too many: the validation of that table reports it.
        return
    for number, day in enumerate(DAYS):
        begin = number * DAY_MIN
        date = _WeekInterval((0, 0), "", day, "", begin, begin + DAY_MIN)
        there = sum(interval.overlaps(date) for interval in intervals)
        if there > MOST_PERIODS:
            yield (
                f"[[hours]] periods: {there} of them touch {day}, with those that started the day before; "
                f"a day's figures have room for {MOST_PERIODS}, so join some or leave some out."
            )


def _week_intervals(raw: Mapping[str, Any]) -> Iterator[_WeekInterval]:
    for index, (header, table) in enumerate(listed_tables(raw, "hours")):
        days, periods = table.get("days"), table.get("periods")
        if not isinstance(days, list) or not isinstance(periods, list):
            continue
        for number, value in enumerate(periods):
            try:
                start, end = period(value)
            except ValueError:
                continue
            text = f"{value[0]}–{value[1]}"
            for day in (day for day in DAYS if day in days):
                begin = DAYS.index(day) * DAY_MIN
                end_min = begin + end + (DAY_MIN if end < start else 0)
                yield _WeekInterval((index, number), header, day, text, begin + start, end_min)
