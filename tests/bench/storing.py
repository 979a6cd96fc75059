"""How fast deploy/central/subscriber.py stores what a broker has kept for it.

    python -m tests.bench.storing [EVENTS]

mosquitto on loopback with the events of an hour of absence in its queue; each is stored, on the disk,
and acknowledged. Twice: with mosquitto's own 20 messages on their way at once, and with 1,000.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.central.overview import overview
from agent.central.store import Store
from agent.mqtt.connection import Connection, Message
from agent.wire.payloads import event_json
from tests.conftest import ROOT as CHECKOUT
from tests.conftest import Mosquitto, wait_until
from tests.mqtt.publishing import to
from tests.samples import ROOT, SENDER, make_entered

LOG = "0a0b0c0d"
SCRIPT = CHECKOUT / "deploy" / "central" / "subscriber.py"


def fill(port: int, count: int) -> None:
    """Publish events, and a status that names the last of them."""
    agent = Connection(to(port), "presence-bench")
    agent.open()
    waiting = 0
    for seq in range(1, count + 1):
        body = event_json(make_entered(seq), SENDER, LOG, seq)
        agent.publish(Message(f"{ROOT}/event/waiting/zone/entered", body))
        waiting += 1
        while waiting >= 200:
            waiting -= len(agent.pump(1))
    status = {"v": 1, "state": "online", "why": None, "log": LOG, "session": LOG, "first_seq": 1}
    agent.publish(Message(f"{ROOT}/status", json.dumps({**status, "last_seq": count}), retain=True))
    waiting += 1
    while waiting:
        waiting -= len(agent.pump(1))
    agent.close()


def stored(folder: Path, in_flight: int, count: int) -> tuple[float, float, dict[str, object]]:
    """Seconds from the subscriber's start to its end, its seconds of CPU, and what it says of the log."""
    broker = Mosquitto(
        folder,
        f"allow_anonymous true\nmax_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages {in_flight}",
    )
    broker.start()
    db = folder / f"{in_flight}.db"
    words: list[str | Path] = [
        sys.executable,
        SCRIPT,
        "run",
        "--broker",
        f"mqtt://127.0.0.1:{broker.port}",
        "--db",
        db,
        # What is stored is from long ago.
        "--keep-days",
        "0",
    ]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    said = folder / "said"
    try:
        with said.open("w") as file, subprocess.Popen(words, env=environment, stderr=file) as process:
            # Its session begins here, and holds what comes after.
            wait_until(lambda: "connected" in said.read_text())
            time.sleep(0.5)
            process.terminate()
        fill(broker.port, count)
        begin_s, begin_cpu_s = time.monotonic(), _cpu_s()
        subprocess.run(
            [*words, "--until-complete", LOG], env=environment, check=True, stderr=subprocess.DEVNULL
        )
        took_s, took_cpu_s = time.monotonic() - begin_s, _cpu_s() - begin_cpu_s
    finally:
        broker.stop()
    with Store(db, reading=True) as store:
        (log,) = overview(store)["agents"][0]["logs"]
    return took_s, took_cpu_s, log


def _cpu_s() -> float:
    """Of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(count: int) -> None:
    """Print both."""
    for in_flight in (20, 1000):
        with TemporaryDirectory() as folder:
            took_s, cpu_s, log = stored(Path(folder), in_flight, count)
        print(
            f"{count} events, {in_flight} on their way at once: {count / took_s:.0f} events/s stored, "
            f"{cpu_s / count * 1e6:.0f} µs of CPU each; "
            f"missing {log['missing']}, doubles {log['doubles']}, asked for {log['asked']} times"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
