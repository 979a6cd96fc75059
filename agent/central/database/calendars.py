"""Working hours in force at each agent as the centre's database tells them, by the agents' own `info`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

_QUERY: Final = text(
    "SELECT a.agent, a.state, a.health, i.body FROM agent a LEFT JOIN info_now i ON i.agent = a.agent "
    "WHERE a.state <> 'retired' ORDER BY a.agent"
)


@dataclass(frozen=True, slots=True)
class CalendarNow:
    """What an agent says of its working hours; all of it is data.

    Attributes:
        agent: site/name.
        state: online, offline or unknown.
        known: it has said what is in force.
        digest: of the centre's message that is; None: its own configuration's hours are.
        since: when that came into force, by its clock.
        refused: it could not take the message that came last.
    """

    agent: str
    state: str
    known: bool
    digest: str | None
    since: str | None
    refused: bool


def calendars_now(connection: Connection) -> list[CalendarNow]:
    """Of each agent that is not retired, by site/name.

    Args:
        connection: in a transaction.
    """
    return [_calendar(*row) for row in connection.execute(_QUERY)]


def _calendar(agent: str, state: str, health: str | None, info: str | None) -> CalendarNow:
    said, reasons = _object(info), _object(health).get("reasons")
    return CalendarNow(
        agent,
        state,
        known="hours" in said,
        digest=_text(said.get("calendar_digest")),
        since=_text(said.get("calendar_since")),
        refused=isinstance(reasons, list) and "calendar_refused" in reasons,
    )


def _object(body: str | None) -> dict[str, Any]:
    content = json.loads(body) if body else None
    return content if isinstance(content, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
