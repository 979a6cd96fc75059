"""A program that keeps events as the agent does, with a broker that takes some of them now and then.

`python -m tests.faults.card_writer LOG MEMORY NOTES FIRST EVENTS`: events are told apart by numbers from
FIRST on; what was kept, and what the broker took, is written to NOTES at once.
"""

from __future__ import annotations

import logging
import os
import random
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from agent.errors import LogError
from agent.eventlog.failover import FailoverLog
from agent.eventlog.log import EventLog
from agent.eventlog.retention import Retention
from agent.mqtt.outbox import Outbox
from tests.builders import make_at
from tests.samples import SENDER, make_entered


class Broker:
    """Receives all events of all logs that it is given."""

    def __init__(self, notes: int, log: EventLog) -> None:
        self._notes = notes
        self._boxes = [Outbox(log)]
        self._mid = 0

    def use(self, *logs: EventLog) -> None:
        for log in logs:
            if all(box.log is not log for box in self._boxes):
                self._boxes.append(Outbox(log))

    def take(self, most: int) -> None:
        for box in self._boxes:
            with suppress(LogError):
                box.restart()
                for entry in box.next(most):
                    os.write(self._notes, f"received {entry.body}\n".encode())
                    self._mid += 1
                    box.sending(self._mid, entry)
                    box.acknowledged(self._mid)
                box.save()


def write(log: Path, memory: Path, notes: Path, first: int, events: int) -> None:
    """Keep events, a simulated second apart."""
    chance = random.Random(first)  # noqa: S311
    said = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(said, f"pid {os.getpid()}\n".encode())
    with ExitStack() as stack:
        card = stack.enter_context(EventLog(SENDER, log))
        retention = Retention(3650, 200, delivers=True)
        failover = stack.enter_context(FailoverLog(card, SENDER, retention, folder=memory))
        broker = Broker(said, card)
        failover.serve(broker.use)
        number = first
        while number < first + events:
            at = make_at(number)
            many = range(number, number + chance.choice([1, 1, 2, 5]))
            seq = failover.append([make_entered(each, at) for each in many], at)
            where = f"{failover.log.log_id} {seq}{' volatile' * failover.volatile}"
            os.write(said, f"kept {many.start} {many.stop} {where}\n".encode())
            number = many.stop
            if chance.random() < 0.05:
                broker.take(chance.randrange(60))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    paths = [Path(argument) for argument in sys.argv[1:4]]
    try:
        write(paths[0], paths[1], paths[2], int(sys.argv[4]), int(sys.argv[5]))
    except LogError as error:
        sys.exit(f"at the start: {error}")
