"""Agents and their logs as they stand in the centre's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from agent.central.database import tables
from agent.central.kept import AgentKept, LogKept

if TYPE_CHECKING:
    from sqlalchemy import Connection


def load_agents(connection: Connection) -> dict[str, AgentKept]:
    """Read what is known of each agent, by site/name; the connection is in a transaction."""
    agents: dict[str, AgentKept] = {}
    agent, span = tables.agent.c, tables.span.c
    for row in connection.execute(select(agent.agent, agent.state, agent.log, agent.session, agent.heard_ms)):
        agents[row.agent] = AgentKept(row.state, row.log, row.session, row.heard_ms)
    for row in connection.execute(select(tables.log)):
        agents.setdefault(row.agent, AgentKept()).logs[row.log] = LogKept(
            row.first_seq, row.last_seq, row.doubles, row.asked, row.replayed, row.ended
        )
    for row in connection.execute(select(tables.span).order_by(span.first)):
        kept = agents[row.agent].logs[row.log]
        kept.of(row.how).add(row.first, row.last)
        kept.settled.add(row.first, row.last)
    return agents
