"""How long an event takes from `append` to a subscriber, over TLS on loopback.

`python -m tests.faults.latency` sends 20 events a second for 60 s through a mosquitto with a certificate of
its own making. The time before `append` is in the event; the subscriber takes the time of its arrival,
on the same monotonic clock. Exit code 1 if p99 is above 50 ms or anything is missing.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.event import ZoneEntered
from agent.device import clock
from agent.eventlog.log import EventLog
from agent.mqtt.connection import Broker, Connection, Message
from tests.faults.processes import Role, broker_command, free_port, listens, mosquitto, wait_until
from tests.faults.sender import RULE, SITE, publisher, sender

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE = 20
MOST_P99_MS = 50.0
_ARRIVES_S = 60.0


@dataclass(frozen=True, slots=True)
class Latency:
    """What was measured, in milliseconds."""

    events: int
    missing: int
    p50_ms: float
    p99_ms: float
    most_ms: float

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.events} events at {RATE}/s over TLS: p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, "
            f"most {self.most_ms:.1f} ms; missing {self.missing}"
        )


def make_certificates(folder: Path) -> str:
    """A CA and a server certificate for 127.0.0.1 that live a day; the broker's settings that use them."""

    def openssl(*words: str | Path) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "1")
    ca, key = folder / "ca.pem", folder / "ca.key"
    openssl(
        "req", "-x509", *curve, "-subj", "/CN=faults", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", key, "-out", ca,
    )  # fmt: skip
    openssl(
        "req", "-x509", *curve, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "authorityKeyIdentifier=keyid",
        "-CA", ca, "-CAkey", key,
        "-keyout", folder / "server.key", "-out", folder / "server.pem",
    )  # fmt: skip
    return f"certfile {folder / 'server.pem'}\nkeyfile {folder / 'server.key'}\ntls_version tlsv1.2\n"


def measure(folder: Path, seconds: float) -> Latency:
    """Start a broker and a sender, and be the subscriber."""
    port = free_port()
    command = broker_command(folder, persistence=False, port=port, more=make_certificates(folder))
    broker = Role("broker", command, folder)
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.faults.latency",
        "--send",
        folder,
        str(port),
        "--seconds",
        str(seconds),
    ]
    sending = Role("sender", words, folder)
    broker.start()
    try:
        wait_until(lambda: listens(port), 60, "mosquitto listens")
        subscriber = Connection(_broker(folder, port), "presence-latency")
        subscriber.open()
        subscriber.subscribe(f"presence/v1/{SITE}/+/event/#")
        sending.start()
        took = _arrivals(subscriber, round(seconds * RATE), seconds + _ARRIVES_S)
        subscriber.close()
        sending.end(60)
    finally:
        sending.kill()
        broker.kill()
    assert not sending.ended, sending.ended
    cuts = statistics.quantiles(took, n=100)
    return Latency(len(took), round(seconds * RATE) - len(took), cuts[49], cuts[98], max(took))


def _arrivals(subscriber: Connection, count: int, within_s: float) -> list[float]:
    took: list[float] = []
    give_up_s = time.monotonic() + within_s
    while len(took) < count and time.monotonic() < give_up_s:
        reports = subscriber.pump(0.5)
        now_ns = time.monotonic_ns()
        for report in reports:
            if isinstance(report, Message):
                sent_ns = int(report.payload.partition('"track":"t')[2].partition('"')[0])
                took.append((now_ns - sent_ns) / 1e6)
    return took


def _broker(folder: Path, port: int) -> Broker:
    return Broker("127.0.0.1", port, 5, tls=True, ca_file=folder / "ca.pem")


def send(folder: Path, port: int, seconds: float) -> None:
    """Append evenly and publish."""
    with EventLog(sender(), folder / "events.db") as log:
        publishing = publisher(log, _broker(folder, port))
        publishing.start()
        begin_s = time.monotonic()
        for number in range(round(seconds * RATE)):
            time.sleep(max(0.0, begin_s + number / RATE - time.monotonic()))
            at = clock.now()
            track = f"t{time.monotonic_ns()}"
            log.append([ZoneEntered(rule=RULE, at=at, since=at, count=1, track=track)])
            publishing.update()
        publishing.wait_delivered(_ARRIVES_S)
        publishing.stop(5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.send:
        send(Path(given.send[0]), int(given.send[1]), given.seconds)
        return 0
    if not mosquitto():
        print("mosquitto is not installed (Debian: mosquitto)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        latency = measure(Path(folder), given.seconds)
    print(latency)
    return 0 if latency.p99_ms <= MOST_P99_MS and not latency.missing else 1


if __name__ == "__main__":
    sys.exit(main())
