"""Checks of what is stored: the database, its disk, when something came last, and how the devices are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from agent.central.database.engine import shown
from agent.central.database.reader import DatabaseReader
from agent.central.database.tables import event
from agent.central.schema import STALE_S
from agent.doctor.report import Finding
from agent.errors import LogError
from agent.locale.language import NC_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import URL

    from agent.central.kept import AgentKept
    from agent.doctor.system import Emit

_MB: Final = 1_000_000
# A site's year of events and sums; below the other SQLite can't commit for long.
_SMALL_MB, _FULL_MB = 2000, 100
_MOST_NAMED: Final = 5


def store_checks(url: URL, emit: Emit) -> None:
    """Check the store, and what it tells of the devices.

    Args:
        url: of `database_url`.
        emit: takes each finding.
    """
    _disk(url, emit)
    try:
        with DatabaseReader(url) as reader:
            agents = reader.load()
            healths = dict(_healths(reader))
            events = reader.connection.execute(select(func.max(event.c.n))).scalar() or 0
    except LogError as error:
        emit(Finding("store.closed", {"problem": error}))
        for check in ("arrivals", "devices"):
            emit(Finding(f"{check}.skipped", {"after": NC_("after", "the store")}))
        return
    there = {name: agent for name, agent in agents.items() if agent.state != "retired"}
    emit(Finding("store.ok", {"url": shown(url), "events": events, "devices": len(there)}))
    now_ms = time_ns() // _MB
    emit(_arrivals(there, now_ms))
    for finding in _devices(there, healths, now_ms):
        emit(finding)


def _disk(url: URL, emit: Emit) -> None:
    if url.get_backend_name() != "sqlite":
        emit(Finding("store_disk.elsewhere"))
        return
    folder = Path(url.database or "").absolute().parent
    try:
        free_mb = shutil.disk_usage(folder).free // _MB
    except OSError:
        # What is wrong with the folder, the store's own line says.
        return
    code = "full" if free_mb < _FULL_MB else "small" if free_mb < _SMALL_MB else "ok"
    emit(Finding(f"store_disk.{code}", {"free_mb": free_mb, "path": folder}))


def _healths(reader: DatabaseReader) -> list[tuple[str, str]]:
    """The verdict of each agent's newest health."""
    rows = reader.connection.exec_driver_sql("SELECT agent, health FROM agent WHERE health IS NOT NULL")
    found = []
    for name, body in rows:
        try:
            content = json.loads(body)
        except ValueError:
            continue
        verdict = content.get("verdict") if isinstance(content, dict) else None
        found.append((str(name), str(verdict)))
    return found


def _arrivals(agents: Mapping[str, AgentKept], now_ms: int) -> Finding:
    if not agents:
        return Finding("arrivals.never")
    online = [agent.heard_ms for agent in agents.values() if agent.state == "online"]
    if not online:
        return Finding("arrivals.offline")
    silent_s = max(0, now_ms - max(online)) // 1000
    if silent_s > STALE_S:
        return Finding("arrivals.none", {"minutes": silent_s // 60})
    return Finding("arrivals.ok", {"seconds": silent_s})


def _devices(agents: Mapping[str, AgentKept], healths: Mapping[str, str], now_ms: int) -> list[Finding]:
    if not agents:
        return []
    stale_ms = now_ms - STALE_S * 1000
    silent = [name for name, one in agents.items() if one.state != "online" or one.heard_ms < stale_ms]
    ill = [name for name in agents if name not in silent and healths.get(name, "ok") != "ok"]
    missing = {
        name: sum(last - first + 1 for log in one.logs.values() for first, last in log.missing)
        for name, one in agents.items()
    }
    lacking = [name for name, count in missing.items() if count]
    findings = []
    for code, names in (("silent", silent), ("ill", ill)):
        if names:
            values = {"count": len(names), "all": len(agents), "names": _named(names)}
            findings.append(Finding(f"devices.{code}", values))
    if lacking:
        values = {"events": sum(missing.values()), "names": _named(lacking)}
        findings.append(Finding("devices.missing", values))
    return findings or [Finding("devices.ok", {"all": len(agents)})]


def _named(names: Sequence[str]) -> str:
    more = ["…"] if len(names) > _MOST_NAMED else []
    return ", ".join([*sorted(names)[:_MOST_NAMED], *more])
