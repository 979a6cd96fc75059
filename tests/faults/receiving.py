"""The agent's own log and publisher, deploy/central's subscriber, and what became of the events between."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.central.overview import overview
from agent.central.store import Store
from agent.errors import LogError
from tests.faults.processes import ROOT
from tests.faults.rig import Tally
from tests.faults.sender import read_book
from tests.faults.storms import Storm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.faults.processes import Role

_SUBSCRIBER = ROOT / "deploy" / "central" / "subscriber.py"
_Key = tuple[str, int]


class RealKit:
    """What is shipped, at both ends."""

    def __init__(self, folder: Path, storm: Storm | None = None) -> None:
        self._folder = folder
        self._storm = storm or Storm()
        self._log = folder / "events.db"
        self._store = folder / "central.db"

    def broker(self, *, persistence: bool) -> Sequence[str | Path]:
        return self._storm.broker(self._folder, persistence=persistence)

    @property
    def agent(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "tests.faults.sender", self._log, *self._storm.agent(self._folder)]

    @property
    def receiver(self) -> Sequence[str | Path]:
        where = self._storm.receiver(self._folder)
        return [sys.executable, _SUBSCRIBER, "run", *where, "--db", self._store]

    def hush(self, agent: Role) -> None:
        agent.kill()
        agent.start()

    def appended(self) -> int:
        return sum(noted.last - noted.first + 1 for noted in read_book(self._log))

    def kept(self) -> tuple[int, int]:
        with closing(sqlite3.connect(f"{self._log.absolute().as_uri()}?mode=ro", uri=True)) as db:
            first, last = db.execute("SELECT min(seq), max(seq) FROM event").fetchone()
        return first or 0, last or 0

    def settled(self, since: datetime) -> bool:
        if not self._store.exists():
            return False
        try:
            with Store(self._store, reading=True) as store:
                seen = overview(store)
                told = store.rows("SELECT session, health FROM agent WHERE health IS NOT NULL")
                logs = [kept for agent in store.load().values() for kept in agent.logs.values()]
        except LogError:
            # It is being made.
            return False
        if not seen["agents"] or not told:
            return False
        # An agent's word of before it fell silent does not count: it made events after that.
        present = all(_said_since(since, str(session), str(health)) for session, health in told)
        online = all(agent["state"] == "online" for agent in seen["agents"])
        complete = all(log["complete"] for agent in seen["agents"] for log in agent["logs"])
        # Whoever has only the status and the health is to know as well what never comes.
        said = all(last < kept.first_seq for kept in logs for _, last in kept.stored.missing(1, kept.highest))
        return present and online and complete and said

    def tally(self) -> Tally:
        promised = {
            (noted.log, seq) for noted in read_book(self._log) for seq in range(noted.first, noted.last + 1)
        }
        with Store(self._store, reading=True) as store:
            bodies = [json.loads(str(body)) for (body,) in store.rows("SELECT body FROM event ORDER BY n")]
            seen = overview(store)
        stored = {(body["log"], body["seq"]): body for body in bodies}
        kept = dict(self._kept())
        logs = [log for agent in seen["agents"] for log in agent["logs"]]
        known = promised | {(log["log"], seq) for log in logs for seq in range(1, log["last_seq"] + 1)}
        dropped = {
            (body["log"], seq)
            for body in bodies
            if body["type"] == "events.dropped"
            for seq in range(body["from_seq"], body["to_seq"] + 1)
        } - stored.keys()
        first_seq = {log["log"]: log["first_seq"] for log in logs}
        untold = known - stored.keys() - dropped
        gone = {(log, seq) for log, seq in untold if seq < first_seq.get(log, 0)}
        return Tally(
            appended=len(promised),
            stored=len(stored),
            gaps=len(known - stored.keys()),
            dropped=len(dropped),
            gone=len(gone),
            lost=len(untold - gone),
            stored_twice=len(bodies) - len(stored),
            differing=sum(kept.get(key, body) != body for key, body in _without_late(stored)),
            came_twice=sum(log["doubles"] for log in logs),
            replays=self._replays(),
        )

    def _kept(self) -> Iterator[tuple[_Key, dict[str, Any]]]:
        """What the agent's logs have; of those that were set aside too."""
        for path in self._log.parent.glob(f"{self._log.name}*"):
            if path.read_bytes()[:15] != b"SQLite format 3":
                continue
            with closing(sqlite3.connect(path)) as db:
                for (text,) in db.execute("SELECT body FROM event"):
                    body = json.loads(text)
                    yield (body["log"], body["seq"]), body

    def _replays(self) -> int:
        """It says so of each request."""
        return (self._folder / "receiver.err").read_text(errors="replace").count("INFO asking ")


def _said_since(since: datetime, session: str, text: str) -> bool:
    health = json.loads(text)
    return health["session"] == session and datetime.fromisoformat(health["ts"]).astimezone(UTC) >= since


def _without_late(stored: dict[_Key, dict[str, Any]]) -> Iterator[tuple[_Key, dict[str, Any]]]:
    for key, body in stored.items():
        yield key, {name: value for name, value in body.items() if name != "late"}
