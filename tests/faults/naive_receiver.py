"""The other end of QoS 1 as it is mostly written: a session that persists, a row for each message.

`python -m tests.faults.naive_receiver STORE HOST PORT` stores until it is told to stop or killed.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.faults.naive_sender import TOPIC, connected

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Store until SIGTERM."""
    store, host, port = arguments
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    db = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
    db.execute("CREATE TABLE IF NOT EXISTS event (seq INTEGER)")

    def store_it(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        db.execute("INSERT INTO event VALUES (?)", (json.loads(message.payload)["seq"],))

    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id="naive-receiver", protocol=paho.MQTTv311, clean_session=False
    )
    client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
    client.on_message = store_it
    connected(client, host, int(port))
    client.loop_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
