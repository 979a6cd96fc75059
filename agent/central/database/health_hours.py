"""Health of agents by the hour: how often it came, how often it was bad, and why."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from agent.central.database.statements import upsert
from agent.central.database.tables import health_hour

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agent.central.messages import HealthMessage

HOUR_MS: Final = 3_600_000
_MOST_REASONS = 40
# SQLite takes so many values, and more; PostgreSQL 65,535.
_MOST_AT_ONCE = 500
# Made once: a health comes from each agent every minute.
_FIND: Final = select(health_hour).where(
    health_hour.c.hour_ms == bindparam("of_hour"),
    health_hour.c.agent.in_(bindparam("of_agents", expanding=True)),
)
_COLUMNS: Final = tuple(column.name for column in health_hour.columns)
_REASON = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)


@dataclass(slots=True)
class _Hour:
    """What an agent's health was in an hour, as far as it came in one transaction."""

    heard: int = 0
    degraded: int = 0
    failing: int = 0
    reasons: set[str] = field(default_factory=set)


class HealthHours:
    """Health to be counted together, in the hours in which it came.

    By when it came: an agent's clock that is wrong makes no rows of other years.
    """

    def __init__(self) -> None:
        # By the start of the hour, ms since 1970, and then by agent.
        self._hours: dict[int, dict[str, _Hour]] = {}

    def add(self, health: HealthMessage, heard_ms: int) -> None:
        """Take one that came by itself; what was retained has been counted.

        Args:
            health: it.
            heard_ms: when it came.
        """
        content = json.loads(health.body)
        verdict, given = content.get("verdict"), content.get("reasons")
        hour = self._hours.setdefault(heard_ms // HOUR_MS * HOUR_MS, {}).setdefault(health.agent, _Hour())
        hour.heard += 1
        hour.degraded += verdict == "degraded"
        hour.failing += verdict == "failing"
        if isinstance(given, list):
            hour.reasons |= {one for one in given if isinstance(one, str) and _REASON.fullmatch(one)}

    def write(self, connection: Connection) -> None:
        """Count them beside what is there; the connection is in a transaction."""
        for hour_ms, hours in self._hours.items():
            agents = sorted(hours)
            for start in range(0, len(agents), _MOST_AT_ONCE):
                self._write(connection, hour_ms, agents[start : start + _MOST_AT_ONCE])

    def _write(self, connection: Connection, hour_ms: int, agents: list[str]) -> None:
        found = connection.execute(_FIND, {"of_hour": hour_ms, "of_agents": agents})
        before = {row.agent: row for row in found}
        rows: list[dict[str, Any]] = []
        for agent in agents:
            hour, row = self._hours[hour_ms][agent], before.get(agent)
            reasons = hour.reasons | set(row.reasons.split() if row else ())
            rows.append(
                {
                    "agent": agent,
                    "hour_ms": hour_ms,
                    "heard": hour.heard + (row.heard if row else 0),
                    "degraded": hour.degraded + (row.degraded if row else 0),
                    "failing": hour.failing + (row.failing if row else 0),
                    "reasons": " ".join(sorted(reasons)[:_MOST_REASONS]),
                }
            )
        connection.execute(upsert(connection.dialect.name, health_hour.name, _COLUMNS), rows)
