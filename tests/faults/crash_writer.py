"""A program that uses an event log as an agent does, and prints what was acknowledged.

`python -m tests.faults.crash_writer LOG COMMITS full|off`; with `off` SQLite does not synchronise.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from agent.core.event import Event, EventsDropped
from agent.eventlog.log import EventLog
from tests.builders import make_at
from tests.samples import SENDER, make_entered


def say(line: str) -> None:
    """Past every buffer, in order with what is written to the log."""
    os.write(1, f"{line}\n".encode())


def told(from_seq: int, to_seq: int) -> Event:
    """The event that reports a deletion."""
    return EventsDropped(rule="agent", at=make_at(1), cause="keep_mb", from_seq=from_seq, to_seq=to_seq)


def write(path: Path, commits: int, *, synchronise: bool) -> None:
    """Append alone and in groups, delete, note; close and open in between."""
    chance = random.Random(7)  # noqa: S311
    opened = 0
    while commits > 0:
        with EventLog(SENDER, path, log_id="5f3a9c21", board="b") as log:
            opened += 1
            if not synchronise:
                log._db.execute("PRAGMA synchronous = OFF")
            say(f"ack {log.last_seq}")
            for _ in range(min(commits, 180)):
                commits -= 1
                match chance.randrange(20):
                    case 0:
                        log.note_alive(f"n{commits}")
                    case 1 | 2:
                        delivered = chance.randint(log.delivered, log.last_seq)
                        log.delivered = delivered
                        say(f"delivered {delivered}")
                    case 3 if log.last_seq > 60:
                        through = chance.randint(log.deleted, log.last_seq - 1)
                        say(f"deleting {through}")
                        log.delete(through, told)
                        say(f"ack {log.last_seq}")
                    case 4:
                        log.append([make_entered(number) for number in range(100)])
                        say(f"ack {log.last_seq}")
                    case _:
                        log.append([make_entered()] * chance.choice([1, 1, 1, 2, 5]))
                        say(f"ack {log.last_seq}")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), synchronise=sys.argv[3] == "full")
