"""QoS 1 as it is mostly written: paho, its own thread, `publish(qos=1)` and forget.

`python -m tests.faults.naive_sender BOOK HOST PORT --rate N` publishes numbered events and goes on after the
last number in its book. An event counts as made once `publish` returned: its caller believes that it is sent.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.faults.sender import Book, pause, read_book

if TYPE_CHECKING:
    from collections.abc import Sequence

TOPIC = "naive/event"
LOG = "naive"
# Paho's own longest pause of 120 s would only make the run longer.
LONGEST_PAUSE_S = 15
KEEPALIVE_S = 30


def connected(client: paho.Client, host: str, port: int) -> None:
    """Paho connects again by itself, but not the first time."""
    client.reconnect_delay_set(1, LONGEST_PAUSE_S)
    while True:
        try:
            client.connect(host, port, keepalive=KEEPALIVE_S)
        except OSError:
            time.sleep(1)
        else:
            return


def main(arguments: Sequence[str] | None = None) -> None:
    """Publish until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("book", type=Path)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=0.0)
    given = parser.parse_args(arguments)
    stop, quiet = Flag(), Flag()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    signal.signal(signal.SIGUSR1, lambda _number, _frame: quiet.set())
    noted = read_book(given.book)
    number = noted[-1].last if noted else 0
    book = Book(given.book)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="naive-sender", protocol=paho.MQTTv311)
    connected(client, given.host, given.port)
    client.loop_start()
    while not stop.is_set():
        if not given.rate or quiet.is_set():
            stop.wait(1.0)
            continue
        count, pause_s = pause(given.rate)
        for seq in range(number + 1, number + count + 1):
            client.publish(TOPIC, json.dumps({"seq": seq, "type": "zone.entered", "count": seq % 100}), qos=1)
        book.note(LOG, number + 1, number + count)
        number += count
        stop.wait(pause_s)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
