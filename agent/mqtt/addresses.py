"""MQTT client that tries all addresses of a broker's name: a cluster has one for each node."""

from __future__ import annotations

import random
import socket

from agent.mqtt.paho import paho


class Client(paho.Client):
    """paho's client that tries the addresses of a name in another order each time.

    In one and the same order the first would be asked for ever: a node that hangs, or is cut off from the
    others, still lets everybody connect. And so each node gets its share of the agents.
    """

    # Of paho's own; nothing public lets a name's addresses be chosen. tests/test_private_apis.py holds it.
    def _create_socket_connection(self) -> socket.socket:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        families = [family for family, *_ in found]
        random.shuffle(found)
        # Which of IPv6 and IPv4 comes first stays the system's choice.
        found.sort(key=lambda address: families.index(address[0]))
        failed: OSError | None = None
        for *_, address in found:
            try:
                return socket.create_connection((str(address[0]), self.port), timeout=self.connect_timeout)
            except OSError as error:
                failed = error
        raise failed or OSError("the name has no address")
