"""Number of persons in a building as the centre's database tells it, or why that is not known.

It is not known while the state of any of its lines is not, and while the store lacks crossings that a line's
agent has counted. `building` has the rule by which they count.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row, bindparam, select, text

from agent.central.building import CountedCrossing, count_inside, stretches_without
from agent.central.database.agents import load_agents
from agent.central.database.tables import event
from agent.central.moments import ms_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from agent.central.building import Stretch
    from agent.central.settings import BuildingConfig

_TYPES: Final = (
    *("line.crossed", "zone.occupied", "zone.vacated"),
    *("camera.blind", "camera.restored", "agent.started", "agent.stopped"),
)
# A busy office has some thousand a day; an agent that says more is broken, or not ours.
_MOST_EVENTS: Final = 100_000
# What ends something that lasts: what started it.
_ENDS: Final = {
    "zone.vacated": "zone.occupied",
    "camera.restored": "camera.blind",
    "agent.started": "agent.stopped",
}
_STATES = text(
    "SELECT s.agent, s.rule, s.kind, s.body, s.why FROM state_now s JOIN agent a ON a.agent = s.agent "
    "WHERE a.agent LIKE :site AND a.state <> 'retired'"
)
_INFO = text("SELECT body FROM info_now WHERE agent = :agent")
_EVENTS = select(
    event.c.agent, event.c.rule, event.c.type, event.c.log, event.c.seq, event.c.ts_ms, event.c.body
)
_SINCE_MIDNIGHT = (
    _EVENTS.where(
        event.c.agent.in_(bindparam("agents", expanding=True)),
        event.c.type.in_(_TYPES),
        event.c.ts_ms >= bindparam("since_ms"),
    )
    .order_by(event.c.agent, event.c.ts_ms, event.c.seq)
    .limit(_MOST_EVENTS + 1)
)


@dataclass(frozen=True, slots=True)
class InsideNow:
    """How many are in a building.

    Attributes:
        persons: None: not known.
        why: it is not known, in a word; `line` is the one whose fault it is, None: no single one's.
        since_ms: nobody was there then: local midnight, or later where it was seen to be empty.
        blind_s: so long since then somebody could have crossed a line unseen.
    """

    persons: int | None
    why: str | None = None
    line: str | None = None
    since_ms: int | None = None
    blind_s: float | None = None


@dataclass(slots=True)
class _Day:
    """What happened since midnight.

    Attributes:
        crossings: of the building's lines.
        counted: crossings in and out, by agent, rule and direction, up to the event that its state names.
        occupied: stretches in which somebody was in a zone, by agent and rule.
        unseen: stretches in which an agent saw nothing, by agent.
        open: what has started and not ended, and when, by agent, rule and type.
    """

    crossings: list[CountedCrossing] = field(default_factory=list)
    counted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    occupied: defaultdict[tuple[str, str], list[Stretch]] = field(default_factory=lambda: defaultdict(list))
    unseen: defaultdict[str, list[Stretch]] = field(default_factory=lambda: defaultdict(list))
    open: dict[tuple[str, str, str], int] = field(default_factory=dict)


def inside_now(connection: Connection, building: BuildingConfig, now_ms: int) -> InsideNow:
    """Tell how many persons are in a building.

    Args:
        connection: in a transaction.
        building: its lines.
        now_ms: ms since 1970.
    """
    states: dict[tuple[str, str], Row[Any]] = {
        (row.agent, row.rule): row for row in connection.execute(_STATES, {"site": f"{building.site}/%"})
    }
    lines: dict[tuple[str, str], str] = {}
    for line in building.lines:
        device, _, rule = line.partition("/")
        lines[f"{building.site}/{device}", rule] = line
    for key, line in lines.items():
        if why := _unknown(states.get(key)):
            return InsideNow(None, why, line)
    midnight_ms = _midnight_ms(connection, next(iter(lines))[0], now_ms)
    if midnight_ms is None:
        return InsideNow(None, "time_zone", next(iter(lines.values())))
    agents = sorted({agent for agent, _ in states})
    since = {"agents": agents, "since_ms": midnight_ms}
    rows: list[Any] = list(connection.execute(_SINCE_MIDNIGHT, since))
    if len(rows) > _MOST_EVENTS:
        return InsideNow(None, "too_many_events")
    day = _day(rows, lines, states)
    for key, line in lines.items():
        content = json.loads(states[key].body)
        if any(day.counted[*key, way] < _number(content.get(f"{way}_count")) for way in ("in", "out")):
            return InsideNow(None, "events_missing", line)
    empty = _empty(connection, day, states, (midnight_ms, now_ms))
    persons, since_ms = count_inside(day.crossings, empty, midnight_ms, now_ms)
    unseen = [stretch for agent in {agent for agent, _ in lines} for stretch in day.unseen[agent]]
    seen_ms = sum(end - start for start, end in stretches_without(unseen, since_ms, now_ms))
    return InsideNow(persons, since_ms=since_ms, blind_s=(now_ms - since_ms - seen_ms) / 1000)


def _unknown(state: Row[Any] | None) -> str | None:
    """Why what a line counts is not known; None: it is."""
    if state is None:
        return "no_state"
    if state.kind != "line":
        return "no_line"
    if state.why != "not_valid":
        return str(state.why) if state.why else None
    said = json.loads(state.body).get("why")
    # What the agent says is one of a few words, or somebody else said it.
    return said if isinstance(said, str) and said.isascii() and said.isalpha() else "not_valid"


def _midnight_ms(connection: Connection, agent: str, now_ms: int) -> int | None:
    """The last local midnight of an agent's place; None: its time zone is not known."""
    body = connection.execute(_INFO, {"agent": agent}).scalar_one_or_none()
    try:
        zone = ZoneInfo(json.loads(body or "{}")["timezone"])
    except (LookupError, TypeError, ValueError, OSError):
        return None
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    return int(datetime.combine(local.date(), time(), zone).timestamp()) * 1000


def _day(
    rows: Sequence[Row[Any]],
    lines: Mapping[tuple[str, str], str],
    states: Mapping[tuple[str, str], Row[Any]],
) -> _Day:
    """Read what happened; the rows are in the order of agents and times."""
    day = _Day()
    newest = {key: json.loads(states[key].body) for key in lines}
    for row in rows:
        content, key = json.loads(row.body), (row.agent, row.rule)
        if row.type == "line.crossed":
            direction = content.get("direction")
            # Vehicles have a kind of their own.
            if (
                key not in lines
                or direction not in ("in", "out")
                or content.get("kind", "person") != "person"
            ):
                continue
            day.crossings.append(CountedCrossing(row.ts_ms, direction == "in"))
            if row.log != newest[key].get("log") or row.seq <= _number(newest[key].get("seq")):
                day.counted[*key, direction] += 1
            continue
        starts = _ENDS.get(row.type)
        if starts is None:
            day.open[*key, row.type] = ms_of(content.get("since")) or row.ts_ms
            continue
        opened_ms = day.open.pop((*key, starts), None)
        # The first start with a log does not know since when nothing ran.
        since_ms = opened_ms or ms_of(content.get("since"))
        stretch = min(since_ms, row.ts_ms), row.ts_ms
        if row.type == "zone.vacated":
            day.occupied[key].append(stretch)
        else:
            day.unseen[row.agent].append(stretch)
    return day


def _empty(
    connection: Connection, day: _Day, states: Mapping[tuple[str, str], Row[Any]], of: Stretch
) -> list[Stretch]:
    """Stretches since midnight in which every zone of the site was seen, and nobody was in any."""
    zones = {key: row for key, row in states.items() if row.kind == "zone"}
    agents = {agent for agent, _ in states}
    kept = load_agents(connection, agents)
    if not zones or any(next(log.missing, None) for agent in agents for log in kept[agent].logs.values()):
        # Nothing sees who is inside; or somebody may be, of whom the store does not know yet.
        return []
    midnight_ms, now_ms = of
    busy = [stretch for stretches in (*day.occupied.values(), *day.unseen.values()) for stretch in stretches]
    for key, row in zones.items():
        if row.why is not None or _number(json.loads(row.body).get("count")) > 0:
            opened = [
                day.open[at] for at in day.open if at[0] == key[0] and at[1] in (key[1], "camera", "agent")
            ]
            busy.append((min(opened, default=midnight_ms), now_ms))
    return stretches_without(busy, midnight_ms, now_ms)


def _number(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
