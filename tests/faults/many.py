"""Many agents against one mosquitto.

`python -m tests.faults.many` runs 200 real publishers with a real log each, 20 in a process, each with an
event a second, for 60 s. Exit code 1 if the receiver misses one.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.eventlog.log import EventLog
from agent.mqtt.connection import Broker
from tests.faults.counting import MosquittoSub
from tests.faults.processes import (
    Role,
    broker_command,
    cpu_s,
    free_port,
    memory_mb,
    mosquitto,
    wait_until,
)
from tests.faults.sender import events, publisher, sender, state

if TYPE_CHECKING:
    from collections.abc import Sequence

AGENTS = 200
_IN_A_PROCESS = 20
_DELIVERED_S = 60.0
_ARRIVES_S = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What was measured; CPU in percent of one core while events came."""

    agents: int
    events: int
    lost: int
    doubles: int
    seconds: float
    broker_cpu: float
    broker_mb: float
    agents_cpu: float

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.agents} agents, {self.events:,} events in {self.seconds:.0f} s "
            f"({self.events / self.seconds:.0f}/s): lost {self.lost}, doubles {self.doubles}; "
            f"broker: CPU {self.broker_cpu:.1f} % of a core, {self.broker_mb:.1f} MB; "
            f"all agents: CPU {self.agents_cpu:.0f} % of a core"
        )


def measure(folder: Path, agents: int, seconds: float) -> Heard:
    """Start a broker, the agents and a receiver; count."""
    port = free_port()
    firsts = range(0, agents, _IN_A_PROCESS)
    books = [folder / f"{first}.json" for first in firsts]
    broker = Role("broker", broker_command(folder, persistence=False, port=port), folder)
    processes = [
        Role(f"agents-{first}", _words(first, agents, port, folder, seconds), folder) for first in firsts
    ]
    with ExitStack() as stack:
        for role in (broker, *processes):
            stack.callback(role.kill)
        broker.start()
        seen: Counter[tuple[str, int]] = Counter()

        def take(payload: bytes) -> None:
            event = json.loads(payload)
            seen[event["log"], event["seq"]] += 1

        stack.enter_context(MosquittoSub(port)).each(take)
        for process in processes:
            process.start()
        wait_until(lambda: all(book.with_suffix(".ready").exists() for book in books), 60, "all are ready")
        pids = [process.pid for process in processes]
        broker_before_s, agents_before_s = cpu_s(broker.pid), sum(map(cpu_s, pids))
        (folder / "go").touch()
        # What is measured is this time, not a condition.
        time.sleep(seconds)
        broker_cpu = (cpu_s(broker.pid) - broker_before_s) / seconds * 100
        agents_cpu = (sum(map(cpu_s, pids)) - agents_before_s) / seconds * 100
        broker_mb, _ = memory_mb(broker.pid)
        wait_until(lambda: all(book.exists() for book in books), _DELIVERED_S + 30, "all is taken")
        made = {(log, seq) for book in books for log, seq in json.loads(book.read_text())}
        # The broker may still be passing on what it has taken.
        with suppress(AssertionError):
            wait_until(lambda: made <= seen.keys(), _ARRIVES_S, "all is received")
    return Heard(
        agents=agents,
        events=len(made),
        lost=len(made - seen.keys()),
        doubles=seen.total() - len(seen),
        seconds=seconds,
        broker_cpu=broker_cpu,
        broker_mb=broker_mb,
        agents_cpu=agents_cpu,
    )


def _words(first: int, agents: int, port: int, folder: Path, seconds: float) -> list[str | Path]:
    count = min(_IN_A_PROCESS, agents - first)
    given: list[str | Path] = [str(first), str(count), str(port), folder]
    return [sys.executable, "-m", "tests.faults.many", "--seconds", str(seconds), "--send", *given]


def send(first: int, count: int, port: int, folder: Path, seconds: float) -> None:
    """So many agents in this process; what they made is written down when all of it was taken."""
    with ExitStack() as stack:
        logs = []
        for number in range(first, first + count):
            name = f"agent-{number}"
            log = stack.enter_context(EventLog(sender(name=name), folder / f"{name}.db"))
            publishing = publisher(log, Broker("127.0.0.1", port, 5, tls=False), name=name)
            publishing.update([state(0)])
            publishing.start()
            logs.append((log, publishing))
        (folder / f"{first}.ready").touch()
        wait_until((folder / "go").exists, 60, "all others are ready")
        begin_s = time.monotonic()
        due = sorted((random.random() + turn, at) for at in range(count) for turn in range(round(seconds)))  # noqa: S311
        for due_s, at in due:
            time.sleep(max(0.0, begin_s + due_s - time.monotonic()))
            log, publishing = logs[at]
            last = log.append(events(log.last_seq + 1, 1))
            publishing.update([state(last)])
        for _, publishing in logs:
            publishing.wait_delivered(_DELIVERED_S)
        made = [(log.log_id, seq) for log, _ in logs for seq in range(1, log.last_seq + 1)]
        for _, publishing in logs:
            publishing.stop(5)
    written = folder / f"{first}.json.new"
    written.write_text(json.dumps(made))
    written.rename(folder / f"{first}.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--send", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.send:
        first, count, port, folder = given.send
        send(int(first), int(count), int(port), Path(folder), given.seconds)
        return 0
    if not mosquitto():
        print("mosquitto is not installed (Debian: mosquitto)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        heard = measure(Path(folder), given.agents, given.seconds)
    print(heard)
    return 0 if not heard.lost else 1


if __name__ == "__main__":
    sys.exit(main())
