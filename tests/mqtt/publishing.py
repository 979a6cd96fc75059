"""A publisher with three events and a state, for tests that kill it.

`python -m tests.mqtt.publishing PORT LOG` says `delivered` when the broker has them, and stays.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.rule_state import LineState, State, ZoneState
from agent.device import clock
from agent.eventlog.log import EventLog
from agent.mqtt.connection import Broker
from agent.mqtt.publisher import Publisher
from agent.wire.client import client_id
from agent.wire.payloads import StateNow
from tests.patience import PATIENCE_S
from tests.samples import SENDER, info_text, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.core.event import Event
    from agent.mqtt.publish_state import Callbacks


def to(port: int, protocol: int = 5) -> Broker:
    """A broker of the test's own."""
    return Broker("127.0.0.1", port, protocol, tls=False)


def make_now(number: int, rule: str = "waiting") -> Event:
    """Somebody entered at this moment."""
    return make_entered(number, clock.now(), rule)


def make_zone(rule: str, count: int | None, seq: int = 0) -> StateNow:
    """So many persons are there now; None: not known yet."""
    at = clock.now()
    value: State | None = None if count is None else ZoneState(rule=rule, since=at, count=count)
    return StateNow("zone", rule, at, at, seq, value, "starting" if value is None else None)


def make_line(rule: str, in_count: int, seq: int = 0) -> StateNow:
    """So many came in."""
    at = clock.now()
    return StateNow(
        "line", rule, at, at, seq, LineState(rule=rule, since=at, in_count=in_count, out_count=0), None
    )


@contextmanager
def publishing(
    broker: Broker,
    log: EventLog,
    *states: StateNow,
    stop_s: float = 2,
    info: Callable[[str, str], str] = info_text,
    callbacks: Callbacks | None = None,
) -> Iterator[Publisher]:
    """A publisher of this log, stopped in order at the end."""
    site, name = SENDER.site, SENDER.device
    own_id = client_id(site, name, log.client_secret)
    publisher = Publisher(broker, site, name, log, info, client_id=own_id, callbacks=callbacks)
    publisher.update(states)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop(stop_s)
    assert publisher.failure is None


def main(port: int, path: Path) -> None:
    """Publish, and stay until killed."""
    with EventLog(SENDER, path) as log:
        log.append([make_now(number) for number in range(3)])
        with publishing(to(port), log, make_zone("waiting", 2, 3)) as publisher:
            if publisher.wait_delivered(PATIENCE_S):
                sys.stdout.write("delivered\n")
                sys.stdout.flush()
            sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
