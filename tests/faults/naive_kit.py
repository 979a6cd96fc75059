"""Results of the naive sender and receiver."""

from __future__ import annotations

import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

from tests.faults.naive_sender import KEEPALIVE_S, LONGEST_PAUSE_S
from tests.faults.network import BROKER_AT
from tests.faults.processes import PORT, broker_command, wait_until
from tests.faults.rig import Tally
from tests.faults.sender import read_book

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from tests.faults.processes import Role

# It can't know when it has all. Nothing came for so long that both ends have found the broker again,
# also from a connection that was half-open when the faults ended.
_NOTHING_CAME_S = 2.0 * KEEPALIVE_S + LONGEST_PAUSE_S


class NaiveKit:
    """Plain paho at both ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "naive"
        self._store = folder / "naive.db"
        self._stored = 0
        self._came_s = time.monotonic()

    def broker(self, *, persistence: bool) -> Sequence[str | Path]:
        return broker_command(self._folder, persistence=persistence)

    @property
    def agent(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "tests.faults.naive_sender", self._log, BROKER_AT["agent"], str(PORT)]

    @property
    def receiver(self) -> Sequence[str | Path]:
        return [
            sys.executable, "-m", "tests.faults.naive_receiver", self._store, BROKER_AT["receiver"], str(PORT)
        ]  # fmt: skip

    def hush(self, agent: Role) -> None:
        """What is in its memory may still be sent: it is not killed again."""
        agent.start()
        wait_until(lambda: agent.signal(signal.SIGUSR1), 60, "the naive sender can be told")
        self._came_s = time.monotonic()

    def appended(self) -> int:
        noted = read_book(self._log)
        return noted[-1].last if noted else 0

    def kept(self) -> tuple[int, int]:
        raise NotImplementedError

    def settled(self, since: datetime) -> bool:  # noqa: ARG002 - it says nothing of when it was there
        stored = len(self._numbers())
        now_s = time.monotonic()
        if stored != self._stored:
            self._stored, self._came_s = stored, now_s
        return now_s - self._came_s > _NOTHING_CAME_S

    def tally(self) -> Tally:
        made, stored = self.appended(), Counter(self._numbers())
        return Tally(
            appended=made,
            stored=len(stored),
            gaps=sum(seq not in stored for seq in range(1, made + 1)),
            dropped=0,
            gone=0,
            lost=sum(seq not in stored for seq in range(1, made + 1)),
            stored_twice=stored.total() - len(stored),
            differing=0,
            came_twice=None,
            replays=None,
        )

    def _numbers(self) -> list[int]:
        if not self._store.exists():
            return []
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True, timeout=10)) as db:
            try:
                return [seq for (seq,) in db.execute("SELECT seq FROM event")]
            except sqlite3.OperationalError:
                return []
