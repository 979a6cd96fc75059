"""Subscriber: messages from a broker, over connections that are made again when they are lost."""

from __future__ import annotations

import logging
import random
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from agent.errors import ConfigError, DeliveryError
from agent.mqtt.connection import Broker, Connection, Message
from agent.mqtt.drops import Drops

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from threading import Event

    from agent.mqtt.connection import PubAck

_log = logging.getLogger(__name__)

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 15.0
# A connection that held this long was a good one.
_HELD_S = 5.0
_AT_ONCE = 1000


class Subscriber:
    """Topics of a broker; a connection that is lost is made again, for ever."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        topics: Sequence[str],
        stop: Event,
        *,
        keep_session_s: int | None = None,
    ) -> None:
        """Take what to subscribe to.

        Args:
            broker: where.
            client_id: as whom; with a kept session always the same, no other client's, and secret:
                whoever logs in under it takes what the broker keeps for us.
            topics: subscribed to at QoS 1 on every connection.
            stop: ends every waiting.
            keep_session_s: the broker keeps messages for us this long while we are away, and each one
                until `acknowledge`. None: what is published while we are away is lost.
        """
        self._broker = broker
        self._client_id = client_id
        self._topics = topics
        self._stop = stop
        self._keep_session_s = keep_session_s
        self._connection: Connection | None = None
        self._broken: DeliveryError | None = None
        self._opened_s = 0.0
        self._pause_s = _PAUSE_S
        self._retry_s = 0.0
        self._last_sentence: str | None = None
        self._drops = Drops()
        self.connections = 0

    def open(self) -> None:
        """Connect and subscribe.

        Raises:
            DeliveryError: the broker can't be reached, or refuses.
        """
        connection = Connection(self._broker, self._client_id, keep_session_s=self._keep_session_s)
        connection.open()
        for topic in self._topics:
            connection.subscribe(topic)
        self._connection, self._opened_s = connection, time.monotonic()
        self.connections += 1
        self._log_connected()

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None

    def pump(self, timeout_s: float) -> list[Message]:
        """Return what was received, waiting at most this long; without a connection try to make one."""
        if self._connection is None and not self._reopen(timeout_s):
            return []
        if self._drops.over(time.monotonic()):
            self._log_connected()
        try:
            return self._drain(timeout_s)
        except DeliveryError as error:
            self.drop(str(error))
            return []

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """The broker need not keep these, which the last `pump` gave, any longer."""
        if self._connection:
            for message in messages:
                self._connection.acknowledge(message)

    def publish(self, message: Message) -> None:
        """Publish a message; whether it arrives is not known."""
        if self._connection:
            self._connection.publish(message)

    def drop(self, why: str) -> None:
        """Give the connection up and make another after a pause; the broker sends again what is not done."""
        taken = None
        if self._connection:
            self._connection.abandon()
            taken, self._connection, self._broken = self._connection.taken, None, None
            if time.monotonic() - self._opened_s > _HELD_S:
                self._pause_s = _PAUSE_S
        self._log_ended(taken, why)
        # Many that lost one broker must not come back in one moment.
        self._retry_s = time.monotonic() + self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def close(self) -> None:
        """Disconnect in order."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _reopen(self, timeout_s: float) -> bool:
        left_s = self._retry_s - time.monotonic()
        if left_s > 0:
            self._stop.wait(min(left_s, timeout_s))
            return False
        try:
            self.open()
        except DeliveryError as error:
            self.drop(str(error))
        return self._connection is not None

    def _drain(self, timeout_s: float) -> list[Message]:
        """All that was received by now, so that it can be stored in one transaction."""
        connection = self._connection
        assert connection is not None  # noqa: S101
        if self._broken:
            raise self._broken
        reports: list[PubAck | Message] = connection.pump(timeout_s)
        got = len(reports)
        while got and len(reports) < _AT_ONCE:
            try:
                more = connection.pump(0)
            except DeliveryError as error:
                # What came before counts; acknowledging it later has no effect.
                self._broken = error
                break
            got = len(more)
            reports += more
        for report in reports:
            if not isinstance(report, Message) and report.refusal:
                self._log_once(
                    logging.WARNING,
                    f"the broker {self._broker} does not let this client ask agents for missing events "
                    f"({report.refusal}); check the rights (ACL) of its account",
                )
        return [report for report in reports if isinstance(report, Message)]

    def _log_connected(self) -> None:
        self._drops.over(time.monotonic())
        if not self._drops.unsteady:
            self._log_once(logging.INFO, f"connected to the broker {self._broker}")

    def _log_ended(self, taken: bool | None, why: str) -> None:
        """Log the end of a connection; many that the broker ended are logged once, with their number."""
        if taken is not None and self._drops.ended(time.monotonic(), taken=taken):
            why = (
                f"the connection to the broker {self._broker} was taken or dropped {self._drops.count} times "
                "within a minute; check the network, and in the broker's log who comes under this client id"
            )
        elif taken is not None and self._drops.unsteady:
            return
        self._log_once(logging.WARNING, f"{why}; trying again")

    def _log_once(self, level: int, sentence: str) -> None:
        """Log a transition; the same thing again is none."""
        if sentence != self._last_sentence:
            self._last_sentence = sentence
            _log.log(level, "%s", sentence)


def broker_from_url(
    url: str,
    protocol: int,
    password_file: Path | None,
    ca_file: Path | None,
    certificate_file: Path | None = None,
    key_file: Path | None = None,
) -> Broker:
    """Read a broker's address as people write it: mqtt://[user@]host[:port], or mqtts:// with TLS.

    Args:
        url: the address.
        protocol: 5 or 311.
        password_file: of the user; None: no password.
        ca_file: PEM of the broker's authority; None: the system's authorities.
        certificate_file: PEM of this client; None: none.
        key_file: of that certificate.

    Raises:
        ConfigError: it is no such address, has a password in it, or a certificate lacks its key.
    """
    if (certificate_file is None) != (key_file is None):
        raise ConfigError("--certificate-file and --key-file: give both, or none.")
    # What was given is not repeated: there may be a password in it.
    wrong = ConfigError(
        "--broker: give mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS; a / in a user is %2F."
    )
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise wrong from None
    if not host or port == 0 or parts.scheme not in _PORTS:
        raise wrong
    if parts.password is not None:
        raise ConfigError("--broker: a password in the address is seen by everybody; give --password-file.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong
    return Broker(
        host=host,
        port=port or _PORTS[parts.scheme],
        protocol=protocol,
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password_file=password_file,
        ca_file=ca_file,
        certificate_file=certificate_file,
        key_file=key_file,
    )


def received(broker: Broker, topics: Sequence[str], stop: Event) -> Iterator[Message]:
    """Yield messages until told to stop; a connection that is lost later is made again.

    Args:
        broker: where.
        topics: to subscribe to; may have wildcards.
        stop: ends it within half a second.

    Raises:
        DeliveryError: the first connection fails.
    """
    subscriber = Subscriber(broker, f"presence-watch-{secrets.token_hex(4)}", topics, stop)
    subscriber.open()
    try:
        while not stop.is_set():
            yield from subscriber.pump(0.5)
    finally:
        subscriber.close()
