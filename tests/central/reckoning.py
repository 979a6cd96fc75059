"""Sums reckoned again from raw events, in SQL (DuckDB) and by nothing of the project.

A blind moment is one between `camera.blind`'s `since` and `camera.restored`, or between the last one that a
log knew of (`agent.started`'s `since`) and the start.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import holidays

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_OPEN = 9_007_199_254_740_992
QUARTER_MS, DAY_MS, ZONE_MS = 900_000, 86_400_000, 25_200_000
# A sum comes so long after its end at the latest: a tick, seven minutes, and what is known late.
LATEST_MS = 60_000 + 420_000 + 125_000
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_PREPARED = """
CREATE TABLE crossing AS SELECT agent, rule, ts AS t, direction FROM event WHERE type = 'line.crossed';
CREATE TABLE visit AS
    SELECT agent, rule, track, since AS s, since + round(dwell_s * 1000)::BIGINT AS e,
        why IN ('seen', 'lost') AS left
    FROM event WHERE type = 'zone.left'
    UNION ALL
    SELECT agent, rule, track, since, 9007199254740992, false FROM event x WHERE type = 'zone.entered'
    AND NOT EXISTS (SELECT 1 FROM event y WHERE y.agent = x.agent AND y.rule = x.rule AND y.type = 'zone.left'
        AND y.track = x.track AND y.since = x.since);
CREATE TABLE unseen AS
    SELECT agent, since AS s, ts AS e FROM event WHERE type = 'camera.restored'
    UNION ALL
    SELECT agent, since, 9007199254740992 FROM event x WHERE type = 'camera.blind' AND NOT EXISTS
        (SELECT 1 FROM event y WHERE y.agent = x.agent AND y.type = 'camera.restored' AND y.since = x.since)
    UNION ALL
    SELECT agent, coalesce(since, 0), ts FROM event WHERE type = 'agent.started';
CREATE TABLE attendance AS SELECT * FROM (
    SELECT agent, rule, type, since AS s,
        coalesce(lead(since) OVER (PARTITION BY agent, rule ORDER BY seq), 9007199254740992) AS e
    FROM event WHERE type IN ('counter.attended', 'counter.unattended', 'counter.closed')
) WHERE type <> 'counter.closed';
CREATE TABLE wait AS
    SELECT c.agent, c.rule, v.e AS t, v.e - v.s AS length FROM counter c
    JOIN visit v ON v.agent = c.agent AND v.rule = c.public AND v.left
    WHERE NOT EXISTS (SELECT 1 FROM visit b WHERE b.agent = c.agent AND b.rule = c.staff AND b.track = v.track
        AND b.s <= v.e + 60000);
CREATE TABLE islands AS
    WITH part AS (SELECT agent, '' AS rule, 'blind' AS what, s, e FROM unseen
        UNION ALL SELECT agent, rule, 'visit', s, e FROM visit
        UNION ALL SELECT agent, rule, type, s, e FROM attendance),
    marked AS (SELECT *, coalesce(s > max(e) OVER (PARTITION BY agent, rule, what ORDER BY s, e
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true)::INT AS fresh FROM part),
    numbered AS (SELECT *, sum(fresh) OVER (PARTITION BY agent, rule, what ORDER BY s, e
        ROWS UNBOUNDED PRECEDING) AS island FROM marked)
    SELECT agent, rule, what, min(s) AS s, max(e) AS e FROM numbered GROUP BY agent, rule, what, island;
"""
# For each window: agent, rule, kind, s, e.
_OVERLAP = """
SELECT w.agent, w.rule, w.s, sum(least(i.e, w.e) - greatest(i.s, w.s)) FROM {windows} w
JOIN islands i ON i.agent = w.agent AND i.rule = {rule} AND i.what = '{what}' AND i.s < w.e AND i.e > w.s
GROUP BY 1, 2, 3
"""
_LONGEST = """
SELECT w.agent, w.rule, w.s, max(least(a.e, w.e) - greatest(a.s, w.s)) FROM {windows} w
JOIN attendance a ON a.agent = w.agent AND a.rule = w.rule AND a.type = 'counter.unattended'
    AND a.s < w.e AND a.e > w.s GROUP BY 1, 2, 3
"""
_COUNTED = """
SELECT w.agent, w.rule, w.s, count(*) FROM {windows} w
JOIN {what} x ON x.agent = w.agent AND x.rule = w.rule AND x.{at} >= w.s AND x.{at} < w.e {where}
GROUP BY 1, 2, 3
"""
_MOST = """
WITH part AS (SELECT w.agent, w.rule, w.s AS window_s, greatest(v.s, w.s) AS s, least(v.e, w.e) AS e
    FROM {windows} w JOIN visit v ON v.agent = w.agent AND v.rule = w.rule AND v.s < w.e AND v.e > w.s),
steps AS (SELECT agent, rule, window_s, s AS t, 1 AS up FROM part WHERE s < e
    UNION ALL SELECT agent, rule, window_s, e, -1 FROM part WHERE s < e),
level AS (SELECT agent, rule, window_s, sum(up) OVER
    (PARTITION BY agent, rule, window_s ORDER BY t, up ROWS UNBOUNDED PRECEDING) AS most FROM steps)
SELECT agent, rule, window_s, max(most) FROM level GROUP BY 1, 2, 3
"""
_WAITS = """
SELECT w.agent, w.rule, w.s, count(*), list(x.length ORDER BY x.length) FROM {windows} w
JOIN wait x ON x.agent = w.agent AND x.rule = w.rule AND x.t >= w.s AND x.t < w.e GROUP BY 1, 2, 3
"""

_COLUMNS = dict.fromkeys(("agent", "rule", "type", "direction", "track", "why"), "VARCHAR") | {
    "seq": "BIGINT", "ts": "BIGINT", "since": "BIGINT", "dwell_s": "DOUBLE",
}  # fmt: skip
Key = tuple[str, str, int]
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of an agent, as its `info` has it."""

    agent: str
    rule: str
    kind: str
    staff: str | None = None
    public: str | None = None


class Reckoning:
    """All sums of some agents' events; `horizon`: up to when each of them has told everything."""

    def __init__(self, folder: Path, bodies: Iterable[str], infos: Iterable[Mapping[str, Any]]) -> None:
        self.infos = {f"{info['site']}/{info['device']}": info for info in infos}
        self.rules = [
            Rule(agent, rule["rule"], rule["kind"], rule.get("staff"), rule.get("public"))
            for agent, info in self.infos.items()
            for rule in info["rules"]
        ]
        path = folder / "events.ndjson"
        with path.open("w") as file:
            for body in bodies:
                file.write(json.dumps(_flat(json.loads(body))) + "\n")
        self.db = db = duckdb.connect()
        db.execute("SET threads = 1")
        read = f"read_json('{path}', format = 'newline_delimited', columns = {_COLUMNS})"
        db.execute(f"CREATE TABLE event AS SELECT * FROM {read}")  # noqa: S608 - a path of the test's
        db.execute("CREATE TABLE counter (agent VARCHAR, rule VARCHAR, staff VARCHAR, public VARCHAR)")
        for one in self.rules:
            if one.kind == "counter":
                db.execute(
                    "INSERT INTO counter VALUES (?, ?, ?, ?)", (one.agent, one.rule, one.staff, one.public)
                )
        db.execute(_PREPARED)
        self.horizon = dict(db.execute("SELECT agent, max(ts) FROM event GROUP BY 1").fetchall())
        self.start = dict(
            db.execute("SELECT agent, min(ts) FROM event WHERE type = 'agent.started' GROUP BY 1").fetchall()
        )

    def quarters(self) -> dict[Key, Figures]:
        """Every quarter that was not empty, by agent, rule and start, and whether it must have been told."""
        return self._figures("quarters", QUARTER_MS, 0)

    def days(self) -> dict[Key, Figures]:
        """Every local date in Vietnam, by agent, rule and midnight."""
        found = self._figures("days", DAY_MS, ZONE_MS)
        kinds = {(one.agent, one.rule): one.kind for one in self.rules}
        for (agent, rule, start), figures in found.items():
            if kinds[agent, rule] == "line":
                figures.update(self._line_day(agent, rule, start))
        return found

    def states(self, now_ms: int) -> dict[tuple[str, str], Figures]:
        """What holds for each rule at a moment after all of the events, by agent and rule."""
        midnight = (now_ms + ZONE_MS) // DAY_MS * DAY_MS - ZONE_MS
        ends = {
            (agent, rule, direction): number
            for agent, rule, direction, number in self.db.execute(
                "SELECT agent, rule, direction, count(*) FROM crossing WHERE t >= ? GROUP BY 1, 2, 3",
                (midnight,),
            ).fetchall()
        }
        there = self.db.execute(f"SELECT agent, rule, track, s FROM visit WHERE e = {_OPEN}").fetchall()  # noqa: S608
        modes = {
            (agent, rule): kind.split(".")[1]
            for agent, rule, kind in self.db.execute(
                "SELECT agent, rule, arg_max(type, seq) FROM event WHERE type LIKE 'counter.%' "
                "AND type NOT IN ('counter.quarter', 'counter.day') GROUP BY 1, 2"
            ).fetchall()
        }
        found: dict[tuple[str, str], Figures] = {}
        for one in self.rules:
            key = (one.agent, one.rule)
            if one.kind == "line":
                found[key] = {"in_count": ends.get((*key, "in"), 0), "out_count": ends.get((*key, "out"), 0)}
            elif one.kind == "zone":
                found[key] = {"count": sum((agent, rule) == key for agent, rule, _, _ in there)}
            else:
                public = {
                    track: s for agent, rule, track, s in there if (agent, rule) == (one.agent, one.public)
                }
                staff = self.db.execute(
                    "SELECT DISTINCT track FROM visit WHERE agent = ? AND rule = ?", (one.agent, one.staff)
                ).fetchall()
                waiting = [s for track, s in public.items() if (track,) not in staff]
                found[key] = {
                    "mode": modes.get(key, "closed"),
                    "waiting": len(public),
                    "waiting_since": min(waiting, default=None),
                }
        return found

    def blind_now(self) -> set[str]:
        """Agents whose camera can't see."""
        query = f"SELECT agent FROM unseen WHERE e = {_OPEN}"  # noqa: S608 - a number of its own
        return {agent for (agent,) in self.db.execute(query).fetchall()}

    def due(self, key: Key, length_ms: int) -> bool:
        """Whether the sum of this span has surely been told."""
        agent, _, start = key
        return bool(start + length_ms + LATEST_MS <= self.horizon[agent])

    def _figures(self, windows: str, length_ms: int, zone_ms: int) -> dict[Key, Figures]:
        db = self.db
        db.execute(f"CREATE TABLE {windows} (agent VARCHAR, rule VARCHAR, kind VARCHAR, s BIGINT, e BIGINT)")
        for one in self.rules:
            first = (self.start[one.agent] + zone_ms) // length_ms * length_ms - zone_ms
            db.execute(
                f"INSERT INTO {windows} SELECT ?, ?, ?, s, s + ? FROM range(?, ?, ?) t(s)",  # noqa: S608
                (one.agent, one.rule, one.kind, length_ms, first, self.horizon[one.agent], length_ms),
            )
        found: dict[Key, Figures] = {
            (agent, rule, start): {"kind": kind, "blind_s": 0.0, **_nothing(kind, counter_public=True)}
            for agent, rule, kind, start in db.execute(
                f"SELECT agent, rule, kind, s FROM {windows}"  # noqa: S608
            ).fetchall()
        }
        for what, name, whole in (
            ("blind", "blind_s", False), ("visit", "occupied_s", True),
            ("counter.attended", "attended_s", True), ("counter.unattended", "unattended_s", True),
        ):  # fmt: skip
            query = _OVERLAP.format(windows=windows, what=what, rule="w.rule" if whole else "''")
            for agent, rule, start, of_ms in db.execute(query).fetchall():
                found[agent, rule, start][name] = of_ms / 1000
        self._counts(windows, found)
        return found

    def _counts(self, windows: str, found: dict[Key, Figures]) -> None:
        db = self.db
        for agent, rule, start, longest_ms in db.execute(_LONGEST.format(windows=windows)).fetchall():
            found[agent, rule, start]["longest_unattended_s"] = longest_ms / 1000
        for name, what, at, where in (
            ("in", "crossing", "t", "AND x.direction = 'in'"),
            ("out", "crossing", "t", "AND x.direction = 'out'"),
            ("visits", "visit", "s", ""),
        ):  # fmt: skip
            query = _COUNTED.format(windows=windows, what=what, at=at, where=where)
            for agent, rule, start, number in db.execute(query).fetchall():
                found[agent, rule, start][name] = number
        for agent, rule, start, most in db.execute(_MOST.format(windows=windows)).fetchall():
            found[agent, rule, start]["max"] = most
        for figures in found.values():
            if figures["kind"] == "zone":
                figures["max"] = max(figures["max"], min(figures["visits"], 1))
        for agent, rule, start, number, lengths in db.execute(_WAITS.format(windows=windows)).fetchall():
            found[agent, rule, start] |= {
                "visits": number,
                "wait_p50_s": _rank(lengths, 50),
                "wait_p90_s": _rank(lengths, 90),
                "wait_max_s": _rank(lengths, 100),
            }

    def _line_day(self, agent: str, rule: str, start: int) -> Figures:
        crossed = self.db.execute(
            "SELECT t, direction FROM crossing WHERE agent = ? AND rule = ? AND t >= ? AND t < ? ORDER BY t",
            (agent, rule, start, start + DAY_MS),
        ).fetchall()
        ins = [at for at, direction in crossed if direction == "in"]
        outs = [at for at, direction in crossed if direction == "out"]
        periods = [
            (text, start + begin * 60_000, start + end * 60_000)
            for text, begin, end in worked(self.infos[agent], local_date(start))
        ]
        halves = [(periods[i - 1][2] + periods[i][1]) / 2 for i in range(1, len(periods))]
        borders = [start, *halves, start + DAY_MS]
        told = []
        for i, (text, begins, ends) in enumerate(periods):
            low, high = borders[i], borders[i + 1]
            told.append(
                {
                    "start": text[0],
                    "end": text[1],
                    "in_before_start": sum(low <= at < begins for at in ins),
                    "in_after_start": sum(begins <= at < high for at in ins),
                    "out_before_end": sum(low <= at < ends for at in outs),
                    "out_after_end": sum(ends <= at < high for at in outs),
                }
            )
        return {
            "first_in": min(ins, default=None),
            "last_out": max(outs, default=None),
            "periods": told,
        }


def is_empty(figures: Figures) -> bool:
    """Whether a quarter need not be told."""
    return not any(value for name, value in figures.items() if name != "kind")


def worked(info: Mapping[str, Any], day: date) -> list[tuple[tuple[str, str], int, int]]:
    """Working periods of a date: as written, and in minutes of the day."""
    if day in holidays.country_holidays("VN", years=day.year):
        return []
    found = []
    for hours in info["hours"]:
        if _DAYS[day.weekday()] in hours["days"]:
            for start, end in hours["periods"]:
                found.append(((start, end), _minutes(start), _minutes(end)))
    return sorted(found, key=lambda one: one[1])


def local_date(start_ms: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start_ms + ZONE_MS)).date()


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _flat(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "agent": f"{body['site']}/{body['device']}",
        "ts": ms(body["ts"]),
        "since": ms(body["since"]) if body.get("since") else None,
        **{
            name: body.get(name) for name in ("rule", "type", "seq", "direction", "track", "dwell_s", "why")
        },
    }  # fmt: skip


def _nothing(kind: str, *, counter_public: bool) -> Figures:
    if kind == "line":
        return {"in": 0, "out": 0}
    if kind == "zone":
        return {"visits": 0, "occupied_s": 0.0, "max": 0}
    waits = (
        {"visits": 0, "wait_p50_s": None, "wait_p90_s": None, "wait_max_s": None} if counter_public else {}
    )
    return {"attended_s": 0.0, "unattended_s": 0.0, "longest_unattended_s": 0.0, **waits}


def _rank(lengths: Sequence[int], percent: int) -> float:
    """Nearest rank: the least of them such that so many per cent are no greater."""
    return lengths[-(-percent * len(lengths) // 100) - 1] / 1000


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
