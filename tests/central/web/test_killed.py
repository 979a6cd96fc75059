"""The web process killed while many look: nothing of who may look, or who looked, is lost."""

from __future__ import annotations

import signal
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING

import httpx
import pytest

from agent.central.people.access_log import AccessLog
from agent.central.people.reach import Reach
from agent.central.people.tokens import Tokens
from tests.central.people.conftest import ADMIN
from tests.central.web.centre import Centre

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 6


class Looking:
    """Somebody who looks again and again, each time with another token, until the answer does not come."""

    def __init__(self, centre: Centre, tokens: list[str]) -> None:
        self._centre, self._tokens = centre, tokens
        self.seen: list[int] = []
        self._thread = Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        for number, token in enumerate(self._tokens):
            try:
                answer = self._centre.get("/api/v1/state", token)
            except httpx.TransportError:
                return
            if answer.status_code == httpx.codes.OK:
                self.seen.append(number)

    def end(self) -> None:
        self._thread.join()


@pytest.mark.parametrize("after_s", [0.05, 0.4])
def test_what_was_seen_was_written(tmp_path: Path, after_s: float) -> None:
    centre = Centre(tmp_path)
    names = [f"reader-{number}" for number in range(40)]
    with centre.people() as people:
        tokens = [Tokens(people).add(ADMIN, name, Reach(), 10) for name in names]
    seen = 0
    for number in range(ROUNDS):
        centre.start()
        looking = [Looking(centre, tokens[start::4]) for start in range(4)]
        sleep(after_s * (1 + number))
        assert centre.process
        centre.process.send_signal(signal.SIGKILL)
        centre.process.wait()
        for one in looking:
            one.end()
        with centre.people() as people:
            log = AccessLog(people)
            assert log.verify() == []
            rows = log.page(None, None, 10_000)
        written = [row for row in rows if row.act == "looked"]
        seen += sum(len(one.seen) for one in looking)
        # Each process writes a token's first look; what was seen may be fewer than was written.
        assert len(written) >= seen
    assert seen
    centre.start()
    assert {centre.get("/api/v1/state", token).status_code for token in tokens} == {200}
    centre.stop()
