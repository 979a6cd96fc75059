"""Takeover of a file of deploy/central/subscriber.py into the centre's database."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from agent.central.messages import EventMessage, HealthMessage, InfoMessage, StateMessage, StatusMessage
from agent.central.store import Store
from agent.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.central.database.store import DatabaseStore

_log = logging.getLogger(__name__)

_AT_ONCE = 5000
_TAKEN = "taken_over"
_EVENTS = """
SELECT n, heard_ms, seq, late, agent, log, type, rule, ts, body FROM event WHERE n > ? ORDER BY n LIMIT ?
"""
_AGENTS = "SELECT heard_ms, health, ts, why, agent, state, log, session FROM agent"


def take_over(database: DatabaseStore, path: Path) -> bool:
    """Take over what is in a subscriber's file, once; whether anything was.

    It is one transaction: whatever ends it, nothing of it is there, and the next start does it. The file
    stays. Queues at the broker go on under the subscriber's name, so it must not run any more.

    Args:
        database: open.
        path: the file.

    Raises:
        ConfigError: there is no such file.
        LogError: one of them can't be used.
        BusyError: the subscriber still runs.
    """
    if database.own(_TAKEN, "") == str(path):
        return False
    if not path.is_file():
        raise ConfigError(f"[store] subscriber_file: there is no {path}.")
    with Store(path) as old, database.transaction():
        client_id = old.client_id()
        for events in _events(old):
            for heard_ms, some in events.items():
                database.put_events(some, heard_ms)
        for agent, kept in old.load().items():
            for log, of in kept.logs.items():
                database.put_log(agent, log, of)
                for how in ("stored", "dropped", "gone"):
                    for span in list(of.of(how)):
                        database.put_span(agent, log, how, of, span)
        _put_agents(database, old)
        database.put_refused(
            {
                (str(agent), str(why)): int(str(times))
                for agent, why, times in old.rows("SELECT * FROM refused")
            }
        )
        database.put_own("client_id", client_id)
        database.put_own(_TAKEN, str(path))
    _log.info("%s is taken over; it is not needed any more", path)
    return True


def _events(old: Store) -> Iterator[dict[int, list[EventMessage]]]:
    """Pages of events in the order of their arrival, by when that was."""
    after: object = 0
    while rows := old.rows(_EVENTS, (after, _AT_ONCE)):
        page: dict[int, list[EventMessage]] = {}
        for _, heard_ms, seq, late, *words in rows:
            agent, log, kind, rule, ts, body = map(str, words)
            event = EventMessage(agent, log, _int(seq), kind, rule, ts, bool(late), body, None, None)
            page.setdefault(_int(heard_ms), []).append(event)
        yield page
        after = rows[-1][0]


def _put_agents(database: DatabaseStore, old: Store) -> None:
    for heard, health, ts, why, *words in old.rows(_AGENTS):
        agent, state, log, session = map(str, words)
        known = [None if value is None else str(value) for value in (why, ts)]
        status = StatusMessage(agent, state, known[0], log, session, 0, 0, known[1], live=False)
        database.put_status(status, _int(heard))
        if health:
            at = str(json.loads(str(health)).get("ts"))
            said = HealthMessage(agent, log, session, 0, 0, at, str(health), live=False)
            database.put_health(said, _int(heard))
    for heard, *words in old.rows("SELECT heard_ms, agent, ts, digest, body FROM info ORDER BY n"):
        database.put_info(InfoMessage(*map(str, words)), _int(heard))
    for valid, *words in old.rows("SELECT valid, agent, rule, kind, log, session, ts, body FROM state"):
        agent, rule, kind, *more = map(str, words)
        database.put_state(StateMessage(agent, rule, kind, bool(valid), *more))


def _int(value: object) -> int:
    return int(str(value))
