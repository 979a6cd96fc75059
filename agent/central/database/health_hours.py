"""Health of agents by the hour: how often it came, how often it was bad, and why."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from agent.central.database.tables import health_hour

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agent.central.messages import HealthMessage

HOUR_MS: Final = 3_600_000
_MOST_REASONS = 40
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
    key = (health_hour.c.agent == health.agent) & (health_hour.c.hour_ms == heard_ms // HOUR_MS * HOUR_MS)
    row = connection.execute(select(health_hour).where(key)).one_or_none()
    figures = {
        "heard": 1 + (row.heard if row else 0),
        "degraded": (verdict == "degraded") + (row.degraded if row else 0),
        "failing": (verdict == "failing") + (row.failing if row else 0),
        "reasons": " ".join(sorted(new | set(row.reasons.split() if row else ()))[:_MOST_REASONS]),
    }
    if row:
        connection.execute(health_hour.update().where(key).values(figures))
    else:
        hour = {"agent": health.agent, "hour_ms": heard_ms // HOUR_MS * HOUR_MS}
        connection.execute(health_hour.insert().values(hour | figures))
