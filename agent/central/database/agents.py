"""Agents and their logs as they stand in the centre's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from agent.central.database import tables
from agent.central.kept import AgentKept, LogKept

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Column, Connection, Select


def load_agents(connection: Connection, among: Collection[str] | None = None) -> dict[str, AgentKept]:
    """Read what is known of each agent, by site/name.

    Args:
        connection: in a transaction.
        among: of these alone; None: of all.
    """
    agents: dict[str, AgentKept] = {}
    agent, span = tables.agent.c, tables.span.c

    def of_these(query: Select[Any], column: Column[str]) -> Select[Any]:
        return query if among is None else query.where(column.in_(among))

    known = select(agent.agent, agent.state, agent.log, agent.session, agent.heard_ms)
    for row in connection.execute(of_these(known, agent.agent)):
        agents[row.agent] = AgentKept(row.state, row.log, row.session, row.heard_ms)
    for row in connection.execute(of_these(select(tables.log), tables.log.c.agent)):
        agents.setdefault(row.agent, AgentKept()).logs[row.log] = LogKept(
            row.first_seq, row.last_seq, row.doubles, row.asked, row.replayed, row.ended
        )
    for row in connection.execute(of_these(select(tables.span).order_by(span.first), span.agent)):
        kept = agents[row.agent].logs[row.log]
        kept.of(row.how).add(row.first, row.last)
        kept.settled.add(row.first, row.last)
    return agents
