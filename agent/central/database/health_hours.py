"""Health of agents by the hour: how often it came, how often it was bad, and why."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select

from agent.central.database.tables import health_hour

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agent.central.messages import HealthMessage

HOUR_MS: Final = 3_600_000
_MOST_REASONS = 40
# Made once: a health comes from each agent every minute.
_OF_HOUR: Final = (health_hour.c.agent == bindparam("of_agent")) & (
    health_hour.c.hour_ms == bindparam("of_hour")
)
_FIND: Final = select(health_hour).where(_OF_HOUR)
_CHANGE: Final = health_hour.update().where(_OF_HOUR)
_ADD: Final = health_hour.insert()
_REASON = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)


def put_health_hour(connection: Connection, health: HealthMessage, heard_ms: int) -> None:
    """Count a health in the hour in which it came.

    By when it came: an agent's clock that is wrong makes no rows of other years.

    Args:
        connection: in a transaction.
        health: one that came by itself; what was retained has been counted.
        heard_ms: when.
    """
    content = json.loads(health.body)
    verdict, given = content.get("verdict"), content.get("reasons")
    new = (
        {one for one in given if isinstance(one, str) and _REASON.fullmatch(one)}
        if isinstance(given, list)
        else set()
    )
    hour_ms = heard_ms // HOUR_MS * HOUR_MS
    key = {"of_agent": health.agent, "of_hour": hour_ms}
    row = connection.execute(_FIND, key).one_or_none()
    figures = {
        "heard": 1 + (row.heard if row else 0),
        "degraded": (verdict == "degraded") + (row.degraded if row else 0),
        "failing": (verdict == "failing") + (row.failing if row else 0),
        "reasons": " ".join(sorted(new | set(row.reasons.split() if row else ()))[:_MOST_REASONS]),
    }
    if row:
        connection.execute(_CHANGE, key | figures)
    else:
        connection.execute(_ADD, {"agent": health.agent, "hour_ms": hour_ms, **figures})
