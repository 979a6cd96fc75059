"""Overview of a store, for people and programs: agents, their logs and gaps, and states."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any

from agent.central.intervals import IntervalSet
from agent.central.schema import STALE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.central.kept import AgentKept, OverviewStore

_MOST_GAPS = 20
# Characters of a cell; most are as short as a number.
_MOST_SHOWN = 160
# The others say what holds. By hand: this side runs without the wire models.
_OF_EVERY_STATE = {"v", "kind", "rule", "valid", "why", "since", "ts", "seq", "log", "session"}


def overview(store: OverviewStore) -> dict[str, Any]:
    """All of it but the events.

    ::

        {"agents": [{"agent", "state", "heard_ms", "info": {…} or null,
            "logs": [{"log", "now", "first_seq", "last_seq", "stored", "dropped", "gone", "missing",
                "gaps": [[first, last], …], "doubles", "asked", "replayed", "complete"}],
            "states": [{"rule", "known", "state": {…}}]}],
         "refused": [{"agent", "why", "times"}]}

    stored + dropped + gone + missing is the highest number known; `gaps` are the first few.

    Raises:
        LogError: it can't be read.
    """
    states: dict[str, list[dict[str, Any]]] = {}
    for state in store.states_now():
        row = {"rule": state.rule, "known": state.why is None, "state": json.loads(state.body)}
        states.setdefault(state.agent, []).append(row)
    infos = store.infos_now()
    return {
        "agents": [
            _of_agent(agent, kept, states.get(agent, []), infos.get(agent))
            for agent, kept in sorted(store.load().items())
        ],
        "refused": [{"agent": agent, "why": why, "times": times} for agent, why, times in store.refused()],
    }


def table(seen: dict[str, Any]) -> str:
    """The same for people, with `buildings` where there are any."""
    rows: list[tuple[str, ...]] = [
        ("agent", "state", "log", "last", "stored", "dropped", "gone", "missing", "first gaps")
    ]
    for agent in seen["agents"]:
        for log in agent["logs"] or [dict.fromkeys(("log", "last_seq"), "-")]:
            gaps = [f"{first}–{last}" for first, last in log.get("gaps", [])[:3]]
            state = agent["state"] if log.get("now", True) else "(older log)"
            figures = [
                str(log.get(name, "-")) for name in ("last_seq", "stored", "dropped", "gone", "missing")
            ]
            rows.append((agent["agent"], state, log["log"], *figures, " ".join(gaps)))
    lines = aligned(rows)
    rows = [("rule", "kind", "now")]
    for agent in seen["agents"]:
        for state in agent["states"]:
            body = state["state"]
            values = {name: value for name, value in body.items() if name not in _OF_EVERY_STATE}
            shown = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
            rows.append(
                (f"{agent['agent']} {state['rule']}", body["kind"], shown if state["known"] else "unknown")
            )
    if len(rows) > 1:
        lines += ["", *aligned(rows)]
    buildings = [("building", "persons"), *map(_of_building, seen.get("buildings", ()))]
    if len(buildings) > 1:
        lines += ["", *aligned(buildings)]
    if seen["refused"]:
        counts = ", ".join(f"{row['agent'] or '?'} {row['why']} {row['times']}" for row in seen["refused"])
        lines += ["", f"not taken: {counts}"]
    lines += _silence(seen)
    return "\n".join(lines)


def _of_building(inside: dict[str, Any]) -> tuple[str, str]:
    persons = inside["persons"]
    unknown = " ".join(str(word) for word in (inside["why"], inside["line"]) if word)
    return f"{inside['site']} {inside['name']}", f"unknown ({unknown})" if persons is None else str(persons)


def _silence(seen: dict[str, Any]) -> list[str]:
    """A line where nothing was stored for so long that this is none of the agents' faults."""
    online = [agent["heard_ms"] for agent in seen["agents"] if agent["state"] == "online"]
    silent_s = time() - max(online, default=0) / 1000
    if not online or silent_s < STALE_S:
        return []
    said = f"nothing was stored for {silent_s / 60:.0f} minutes, though agents are online"
    return ["", f"{said}: see in the journal whether the receiver runs, reaches the broker, and can write"]


def _plain(cell: str) -> str:
    """A cell that is no more than text: what an agent says may steer a terminal."""
    text = "".join(character if character.isprintable() else "·" for character in cell)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines with a column's cells below each other; whatever is in them is shown as plain text."""
    # Not rich.Table: this side runs with paho alone; in a pipe rich takes 80 columns and cuts what is longer;
    # to load it takes 50 ms and 2.5 MB (`python -X importtime -c 'import rich.console, rich.table'`).
    shown = [tuple(map(_plain, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def _of_agent(agent: str, kept: AgentKept, states: list[dict[str, Any]], info: str | None) -> dict[str, Any]:
    return {
        "agent": agent,
        "state": kept.state,
        "heard_ms": kept.heard_ms,
        "info": json.loads(info) if info else None,
        "logs": [_of_log(kept, log) for log in sorted(kept.logs)],
        "states": states,
    }


def _of_log(agent: AgentKept, log: str) -> dict[str, Any]:
    kept = agent.logs[log]
    explained = IntervalSet([*kept.stored, *kept.dropped])
    gaps = list(kept.missing)
    return {
        "log": log,
        "now": log == agent.log,
        "first_seq": kept.first_seq,
        "last_seq": kept.last_seq,
        "stored": kept.stored.count,
        "dropped": explained.count - kept.stored.count,
        "gone": kept.settled.count - explained.count,
        "missing": sum(last - first + 1 for first, last in gaps),
        "gaps": gaps[:_MOST_GAPS],
        "doubles": kept.doubles,
        "asked": kept.asked,
        "replayed": kept.replayed,
        "complete": agent.complete(log),
    }
