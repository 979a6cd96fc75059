"""The agent's publisher with events of its own, 200 a second, for tests that kill its broker.

`python -m tests.deploy.publishing HOST PORT CA USER PASSWORD_FILE LOG COUNT` says `connected`, then how
many events are in the log, `delivered` when a broker has taken them all, and stays until its input ends.
CA '-': no TLS.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from agent.eventlog.log import EventLog
from agent.mqtt.connection import Broker
from agent.mqtt.publisher import Publisher
from agent.wire.client import client_id
from agent.wire.payloads import Sender
from tests.mqtt.publishing import make_now
from tests.patience import PATIENCE_S
from tests.samples import info_text

GROUP = 20
EVERY_S = 0.1


def main(
    host: str, port: str, ca: str, user: str, password_file: str, log_file: str, count: str
) -> None:  # fmt: skip
    site, name = user.split("/")
    broker = Broker(
        host,
        int(port),
        311,
        tls=ca != "-",
        username=user,
        password_file=Path(password_file),
        ca_file=None if ca == "-" else Path(ca),
    )
    with EventLog(Sender(site, name, "0123abcd"), Path(log_file)) as log:
        own_id = client_id(site, name, log.client_secret)
        publisher = Publisher(broker, site, name, log, info_text, client_id=own_id)
        log.append([make_now(0)])
        publisher.start()
        say("connected" if publisher.wait_delivered(30) else "not connected")
        begin_s = time.monotonic()
        while (last := log.last_seq) < int(count):
            log.append([make_now(last + number) for number in range(GROUP)])
            publisher.update()
            say(str(log.last_seq))
            time.sleep(max(0.0, begin_s + log.last_seq / GROUP * EVERY_S - time.monotonic()))
        delivered = publisher.wait_delivered(PATIENCE_S)
        word = "delivered" if delivered else "not delivered:"
        say(f"{word} {log.last_seq} {time.monotonic() - begin_s:.1f}")
        sys.stdin.read()
        publisher.stop(2)


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
