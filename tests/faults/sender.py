"""Stand-in for the agent: its real log, failover and publisher, with made-up events.

`python -m tests.faults.sender LOG HOST PORT` appends until it is told to stop or killed, and goes on
where the log ends. What `append` acknowledged is written, with the log's id, to LOG.acknowledged: that is
the rig's book, the agent never looks at it.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, get_args

from agent.core.event import ZoneEntered
from agent.core.rule_state import ZoneState
from agent.device import clock
from agent.eventlog.failover import FailoverLog
from agent.eventlog.log import EventLog
from agent.eventlog.retention import Retention
from agent.mqtt.connection import Broker
from agent.mqtt.publish_state import Callbacks
from agent.mqtt.publisher import Publisher
from agent.wire.client import client_id
from agent.wire.health import EarlierLogWire, HealthWire
from agent.wire.payloads import InfoWire, Sender, StateNow, VersionsWire, utc_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.mqtt.publish_state import DeliveryFacts

SITE = "faults"
NAME = "stand-in"
RULE = "waiting"
_BURST = 100
_STOP_S = 20.0
_BEHIND_S = 1.0
_KEEP_DAYS = 30
_KEEP_MB = 200
_UNKNOWN: Any = {
    name: None for name, field in HealthWire.model_fields.items() if type(None) in get_args(field.annotation)
}


def events(first: int, count: int) -> list[ZoneEntered]:
    """Events of this moment; the track of each tells the number it should get."""
    at = clock.now()
    return [
        ZoneEntered(rule=RULE, at=at, since=at, count=seq % 100, track=f"t{seq}")
        for seq in range(first, first + count)
    ]


def state(seq: int) -> StateNow:
    """The state with the event of this number in it."""
    at = clock.now()
    return StateNow("zone", RULE, at, at, seq, ZoneState(rule=RULE, since=at, count=seq % 100), None)


def info(name: str, log_id: str, session: str) -> str:
    """As the publisher wants it."""
    return InfoWire(
        log=log_id,
        session=session,
        ts="2026-01-05T00:00:00.000Z",
        site=SITE,
        device=name,
        place="Bộ phận một cửa",
        timezone="Asia/Ho_Chi_Minh",
        versions=VersionsWire(agent="0", python="3", onnxruntime="0", opencv="0"),
        models=(),
        rules=(),
        config_digest="0123456789abcdef",
    ).text()


def health(facts: DeliveryFacts) -> str:
    """Health with the figures of delivery; there is no camera and no machine."""
    log = facts.log
    known = {
        "ts": utc_text(datetime.now(UTC)),
        "log": log.log_id,
        "session": facts.session,
        "first_seq": log.first_seq,
        "last_seq": log.last_seq,
        "pending": facts.pending,
        "no_subscriber": facts.no_subscriber,
        "earlier_logs": tuple(
            EarlierLogWire(log=one.log_id, last_seq=one.last_seq) for one in facts.earlier[-4:]
        ),
    }
    return HealthWire.example(**_UNKNOWN | known).text()


def publisher(
    log: EventLog, broker: Broker, name: str = NAME, failover: FailoverLog | None = None
) -> Publisher:
    """The real one, for this log."""
    return Publisher(
        broker,
        SITE,
        name,
        log,
        lambda log_id, session: info(name, log_id, session),
        client_id=client_id(SITE, name, log.client_secret),
        callbacks=Callbacks(health=health, superseded=failover.superseded if failover else None),
    )


def sender(name: str = NAME) -> Sender:
    """Whose events these are."""
    return Sender(SITE, name, clock.boot_id())


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One line of the rig's book: these numbers are in that log."""

    log: str
    first: int
    last: int


def book_of(log: Path) -> Path:
    """File of what `append` acknowledged."""
    return log.with_name(log.name + ".acknowledged")


def read_book(log: Path) -> list[Acknowledged]:
    """What `append` acknowledged, without a line cut off by a kill."""
    book = book_of(log)
    text = book.read_text() if book.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    rows = (line.split() for line in whole.splitlines())
    return [Acknowledged(log_id, int(first), int(last)) for log_id, first, last in rows]


class Book:
    """Appended to with fsync: each line is a promise that was made."""

    def __init__(self, log: Path) -> None:
        self._fd = os.open(book_of(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        # A line that a kill cut off would spoil the next one.
        size = os.fstat(self._fd).st_size
        if size and book_of(log).read_bytes()[-1:] != b"\n":
            os.ftruncate(self._fd, book_of(log).read_bytes().rfind(b"\n") + 1)

    def note(self, log_id: str, first: int, last: int) -> None:
        os.write(self._fd, f"{log_id} {first} {last}\n".encode())
        os.fdatasync(self._fd)


def pause(rate: float) -> tuple[int, float]:
    """How many events come now, and how long none comes: one by one, and now and then a burst.

    Half of all come in bursts, so that both ways of committing are killed.
    """
    count = _BURST if random.random() < 1 / (_BURST + 1) else 1  # noqa: S311
    # The mean of `count` is 2 * BURST / (BURST + 1), just under two.
    return count, random.expovariate(rate * (_BURST + 1) / (2 * _BURST))


def run(path: Path, broker: Broker, rate: float, keep_mb: int) -> None:
    """Append and publish until SIGTERM."""
    stop = Flag()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    retention = Retention(_KEEP_DAYS, keep_mb, delivers=True)
    with (
        EventLog(sender(), path) as card,
        FailoverLog(card, sender(), retention, folder=path.with_name("memory")) as failover,
    ):
        book = Book(path)
        publishing = publisher(failover.log, broker, failover=failover)
        publishing.update([state(failover.log.last_seq)])
        failover.serve(
            lambda *logs: publishing.use_logs(*logs, client_id=client_id(SITE, NAME, failover.client_secret))
        )
        publishing.start()
        due_s = time.monotonic()
        while not stop.is_set() and publishing.failure is None:
            if not rate:
                failover.append([], clock.now())
                stop.wait(1.0)
                continue
            count, pause_s = pause(rate)
            last = failover.append(events(failover.log.last_seq + 1, count), clock.now())
            book.note(failover.log.log_id, last - count + 1, last)
            publishing.update([state(last)])
            # What the card takes of the time is no pause.
            due_s = max(due_s + pause_s, time.monotonic() - _BEHIND_S)
            stop.wait(max(0.0, due_s - time.monotonic()))
        publishing.stop(_STOP_S)
        if publishing.failure:
            raise publishing.failure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=0.0, help="events a second, on average")
    parser.add_argument("--protocol", type=int, default=5, choices=(5, 311))
    parser.add_argument("--keep-mb", type=int, default=_KEEP_MB, help="as [log] keep_mb")
    parser.add_argument("--ca-file", type=Path, help="over TLS")
    parser.add_argument("--certificate-file", type=Path)
    parser.add_argument("--key-file", type=Path)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.Formatter.converter = time.gmtime
    broker = Broker(
        given.host,
        given.port,
        given.protocol,
        tls=given.ca_file is not None,
        ca_file=given.ca_file,
        certificate_file=given.certificate_file,
        key_file=given.key_file,
    )
    run(given.log, broker, given.rate, given.keep_mb)


if __name__ == "__main__":
    main()
