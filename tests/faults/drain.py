"""How fast a backlog goes out, and what memory that takes.

`python -m tests.faults.drain` makes a log of 1,000,000 events and lets a publisher of its own process send
it to a mosquitto on loopback, with a mosquitto_sub there that is counted. It ends when that has each of
them. Exit code 1 below 2,000 events a second or above 10 MB of growth.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING

from agent.eventlog.log import EventLog
from agent.mqtt.connection import Broker
from tests.faults.counting import MosquittoSub
from tests.faults.processes import Role, broker_command, cpu_s, free_port, memory_mb, mosquitto
from tests.faults.sender import events, publisher, sender

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS = 1_000_000
LEAST_A_SECOND = 2000
MOST_GROWTH_MB = 10.0
_GROUP = 1000
_SEQ = re.compile(rb'"seq":(\d+)')


@dataclass(frozen=True, slots=True)
class Drained:
    """What was measured.

    Attributes:
        doubles: events that the subscriber saw more than once.
        draining_s: from the start of the publisher's process to the last event at the subscriber.
        growth_mb: of the publisher's process: the most it ever had, over what it had with the log open.
    """

    events: int
    doubles: int
    making_s: float
    draining_s: float
    publisher_cpu_s: float
    broker_cpu_s: float
    before_mb: float
    growth_mb: float

    @property
    def a_second(self) -> float:
        return self.events / self.draining_s

    def __str__(self) -> str:
        return (
            f"{self.events:,} events in {self.draining_s:.1f} s: {self.a_second:,.0f} events/s; "
            f"memory {self.before_mb:.1f} MB + {self.growth_mb:.1f} MB; missing 0, doubles {self.doubles}; "
            f"CPU: publisher {self.publisher_cpu_s:.1f} s, broker {self.broker_cpu_s:.1f} s; "
            f"the log was made in {self.making_s:.1f} s"
        )


def make_backlog(path: Path, count: int) -> None:
    """A log with so many events, none of them delivered."""
    with EventLog(sender(), path) as log:
        for first in range(1, count + 1, _GROUP):
            log.append(events(first, min(_GROUP, count + 1 - first)))


def drain(folder: Path, count: int) -> Drained:
    """Make a backlog, send it, count it."""
    path = folder / "events.db"
    begin_s = time.monotonic()
    make_backlog(path, count)
    made_s = time.monotonic()
    port = free_port()
    broker = Role("broker", broker_command(folder, persistence=False, port=port), folder)
    words: list[str | Path] = [sys.executable, "-m", "tests.faults.drain", "--send", path, str(port)]
    publishing = Role("publisher", words, folder)
    broker.start()
    try:
        with MosquittoSub(port) as subscriber:
            begin_send_s = time.monotonic()
            publishing.start()
            doubles = _count(subscriber, count)
            draining_s = time.monotonic() - begin_send_s
            publisher_cpu_s, broker_cpu_s = cpu_s(publishing.pid), cpu_s(broker.pid)
            publishing.end(30)
    finally:
        publishing.kill()
        broker.kill()
    before_mb, most_mb = map(float, publishing.said().rpartition("memory ")[2].split())
    return Drained(
        events=count,
        doubles=doubles,
        making_s=made_s - begin_s,
        draining_s=draining_s,
        publisher_cpu_s=publisher_cpu_s,
        broker_cpu_s=broker_cpu_s,
        before_mb=before_mb,
        growth_mb=most_mb - before_mb,
    )


def _count(subscriber: MosquittoSub, count: int) -> int:
    """Wait until each number was seen; return how many were seen again."""
    seen = bytearray(count + 1)
    left, doubles = count, 0
    for payload in subscriber.payloads():
        found = _SEQ.search(payload)
        assert found, payload
        seq = int(found[1])
        doubles += seen[seq]
        left -= not seen[seq]
        seen[seq] = 1
        if not left:
            return doubles
    raise AssertionError(f"mosquitto_sub ended with {left} events missing")


def send(path: Path, port: int) -> None:
    """Publish until SIGTERM; say what memory it took."""
    stop = Flag()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with EventLog(sender(), path) as log:
        before_mb, _ = memory_mb("self")
        publishing = publisher(log, Broker("127.0.0.1", port, 5, tls=False))
        publishing.start()
        while not stop.wait(0.5) and not publishing.failure:
            pass
        publishing.stop(5)
        print("memory", before_mb, memory_mb("self")[1], flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.send:
        send(Path(given.send[0]), int(given.send[1]))
        return 0
    if not mosquitto():
        print("mosquitto is not installed (Debian: mosquitto, mosquitto-clients)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        drained = drain(Path(folder), given.events)
    print(drained)
    return 0 if drained.a_second >= LEAST_A_SECOND and drained.growth_mb <= MOST_GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
