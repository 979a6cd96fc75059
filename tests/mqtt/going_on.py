"""An agent as far as it keeps and publishes events, told what to do, for tests that kill it.

`python -m tests.mqtt.going_on LOG MEMORY` reads words: `keep FIRST LAST` keeps events that can be told
apart, `connect PORT` begins to publish, `delivered` waits until the broker has all, `stop` ends in order.
To each it answers with the same line when it is done. In between it does what is done with each frame.
"""

from __future__ import annotations

import logging
import select
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.event import AgentStarted, AgentStopped
from agent.device import clock
from agent.eventlog import failover
from agent.eventlog.failover import FailoverLog
from agent.eventlog.log import EventLog
from agent.eventlog.retention import Retention
from agent.mqtt.connection import Broker
from tests.faults.sender import publisher, sender
from tests.patience import PATIENCE_S
from tests.samples import CHECKOUT, make_entered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event, StartCause
    from agent.mqtt.publisher import Publisher
    from tests.conftest import Mosquitto

MODULE = "tests.mqtt.going_on"
_FRAME_S = 0.05


class Worker:
    """The process, told what to do."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def do(self, *words: object) -> None:
        """Say it, and wait until it is done."""
        assert self.process.stdin
        assert self.process.stdout
        line = " ".join(map(str, words)) + "\n"
        self.process.stdin.write(line)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == line

    def keep(self, first: int, last: int) -> list[int]:
        """Keep events with these counts; return those."""
        self.do("keep", first, last)
        return list(range(first, last + 1))

    def deliver_to(self, broker: Mosquitto) -> None:
        """Publish, and wait until all is taken."""
        self.do("connect", broker.port)
        self.do("delivered")

    def kill(self) -> None:
        """End it where it is."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def stop(self) -> None:
        """End it in order."""
        self.do("stop")
        assert self.process.wait(PATIENCE_S) == 0


@contextmanager
def going_on(log: Path, memory: Path, said: Path) -> Iterator[Worker]:
    """A process with this log; its journal is added to `said`. It is killed at the end."""
    words = [sys.executable, "-m", MODULE, str(log), str(memory)]
    with (
        said.open("a") as file,
        subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True, cwd=CHECKOUT
        ) as process,
    ):
        try:
            yield Worker(process)
        finally:
            process.kill()
            # For whoever reads why a test failed.
            print(said.read_text())


class Agent:
    """What the process does."""

    def __init__(self, path: Path, memory: Path, stack: ExitStack) -> None:
        card = stack.enter_context(EventLog(sender(), path))
        begun: StartCause = "started" if card.ended_in_order else "restarted"
        card.append([AgentStarted(rule="agent", at=clock.now(), cause=begun if card.last_seq else "new_log")])
        retention = Retention(30, 200, delivers=True)
        self._keeper = stack.enter_context(FailoverLog(card, sender(), retention, folder=memory))
        self._publisher: Publisher | None = None

    def keep(self, *events: Event) -> None:
        """What is done with each frame."""
        self._keeper.append(events, clock.now())
        if self._publisher and events:
            self._publisher.update()

    def connect(self, port: int) -> None:
        """Begin to publish."""
        broker = Broker("127.0.0.1", port, 5, tls=False)
        self._publisher = publisher(self._keeper.log, broker, failover=self._keeper)
        self._keeper.serve(self._publisher.use_logs)
        self._publisher.start()

    def wait_delivered(self) -> None:
        """Until the broker has all, also of a log that is begun meanwhile."""
        assert self._publisher
        while not self._publisher.wait_delivered(_FRAME_S):
            self.keep()

    def stop(self) -> None:
        """Say the last word."""
        self.keep(AgentStopped(rule="agent", at=clock.now(), cause="signal"))
        if self._publisher:
            self._publisher.stop(PATIENCE_S)


def main(path: Path, memory: Path) -> None:
    """Do what is said, until told to stop or nobody is there to tell."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    # The card is looked at as often as it takes a test to be quick.
    failover._CHECK_S = 0.5
    memory.mkdir(exist_ok=True)
    with ExitStack() as stack:
        agent = Agent(path, memory, stack)
        while True:
            while not select.select([sys.stdin], [], [], _FRAME_S)[0]:
                agent.keep()
            line = sys.stdin.readline()
            match line.split():
                case ["keep", first, last]:
                    for count in range(int(first), int(last) + 1):
                        agent.keep(make_entered(count, clock.now()))
                case ["connect", port]:
                    agent.connect(int(port))
                case ["delivered"]:
                    agent.wait_delivered()
                case _:
                    break
            _answer(line)
        if line:
            agent.stop()
    _answer(line)


def _answer(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
