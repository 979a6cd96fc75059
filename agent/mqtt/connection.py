"""One connection to a broker: paho driven by the caller's thread, every refusal as a sentence.

paho's own thread and reconnecting are not used: a connection is opened, used and thrown away, so
nothing that paho keeps in memory can be sent twice or out of order on the next one.
"""

from __future__ import annotations

import json
import math
import select
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.errors import DeliveryError
from agent.mqtt.addresses import Client
from agent.mqtt.paho import (
    CallbackAPIVersion,
    MQTTErrorCode,
    MQTTException,
    PacketTypes,
    Properties,
    paho,
)
from agent.mqtt.password import password_in
from agent.mqtt.tls import tls_context, tls_refusal
from agent.wire.client import KEEPALIVE_S

if TYPE_CHECKING:
    from pathlib import Path

    from paho.mqtt.reasoncodes import ReasonCode

# A half-open link answers nothing (paho would find it after twice the keepalive), one may talk all the same.
ANSWER_WITHIN_S = 20
MQTT_5 = 5
# So many messages may be in flight: also a broker's default limit.
WINDOW = 20
_ANSWER_S = 5.0
_NO_SUBSCRIBERS, _TAKEN_OVER = 16, 142  # reason codes of MQTT 5
# What paho lets through when a packet is malformed.
_UNREADABLE = (ValueError, LookupError, struct.error, MQTTException)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where and how to connect; files are read again at each connection.

    Attributes:
        protocol: 5 or 311.
        ca_file: None: the system's authorities.
    """

    host: str
    port: int
    protocol: int
    tls: bool
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __str__(self) -> str:
        """Host and port, as log lines name it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Message:
    """What is published or received.

    Attributes:
        mid: what the broker waits to be acknowledged by, where the receiver does that itself; 0: nothing.
    """

    topic: str
    payload: str
    retain: bool = False
    mid: int = field(default=0, compare=False)

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object in it; empty where there is none, since anybody may publish anything."""
        try:
            content = json.loads(self.payload)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


@dataclass(frozen=True, slots=True)
class PubAck:
    """The broker's answer to a message of ours, or to a subscription that it may refuse.

    Attributes:
        refusal: its reason; None: it was accepted.
        no_subscriber: nobody subscribes to the topic. MQTT 3.1.1 never tells.
    """

    mid: int
    refusal: str | None
    no_subscriber: bool = False


class Connection:
    """A client of a broker from connect to disconnect; not for more than one thread."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        will: Message | None = None,
        *,
        keep_session_s: int | None = None,
    ) -> None:
        """Take where to connect and as whom.

        Args:
            broker: where.
            client_id: as whom.
            will: what the broker publishes should we vanish.
            keep_session_s: the broker keeps what it has for us this long while we are away (MQTT 3.1.1:
                as long as it likes), and each message until `acknowledge`. None: it keeps nothing.
        """
        self._broker = broker
        self._keep_session_s = keep_session_s
        self.session_present = False
        self.taken: bool | None = None  # by another client; None: the broker did not end it
        self._reports: list[PubAck | Message] = []
        # A sentence, once the broker refused the login or a needed subscription.
        self._refusal: str | None = None
        self._connected = False
        self._lost: str | None = None
        # By number, whether the subscription is needed.
        self._pending_subscriptions: dict[int, bool] = {}
        # When what waits for an answer was sent, the oldest first.
        self._unanswered: dict[int, float] = {}
        self.window = WINDOW
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if broker.protocol == MQTT_5 else paho.MQTTv311,
            clean_session=None if broker.protocol == MQTT_5 else keep_session_s is None,
            reconnect_on_failure=False,
            manual_ack=keep_session_s is not None,
        )
        self._client.connect_timeout = _ANSWER_S
        if will:
            self._client.will_set(will.topic, will.payload.encode(), qos=1, retain=will.retain)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe

    def open(self) -> None:
        """Connect and log in.

        Raises:
            DeliveryError: the broker can't be reached, isn't the one it should be, or refuses us.
        """
        broker = self._broker
        if broker.username is not None:
            password = password_in(broker.password_file) if broker.password_file else None
            self._client.username_pw_set(broker.username, password)
        if broker.tls:
            self._client.tls_set_context(
                tls_context(broker.ca_file, broker.certificate_file, broker.key_file)
            )
        try:
            if broker.protocol == MQTT_5:
                self._client.connect(
                    broker.host,
                    broker.port,
                    KEEPALIVE_S,
                    clean_start=self._keep_session_s is None,
                    properties=_keeping(self._keep_session_s),
                )
            else:
                self._client.connect(broker.host, broker.port, KEEPALIVE_S)
        except (OSError, ValueError, struct.error) as error:
            raise DeliveryError(_unreached(broker, error)) from error
        give_up_s = time.monotonic() + _ANSWER_S
        try:
            while not self._connected and time.monotonic() < give_up_s:
                self.pump(_ANSWER_S / 10)
        except DeliveryError:
            self.close()
            raise
        if not self._connected:
            self.close()
            raise DeliveryError(f"the broker {broker} does not answer {_protocol(broker)}")

    def publish(self, message: Message) -> int:
        """Send at QoS 1; the number comes back in a `PubAck`.

        Raises:
            DeliveryError: the message that had its number 65,535 ago is not answered yet.
        """
        sent = self._client.publish(message.topic, message.payload.encode(), qos=1, retain=message.retain)
        if sent.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise DeliveryError(self._unanswered_for("all that was sent since"))
        self._unanswered[sent.mid] = time.monotonic()
        return sent.mid

    def subscribe(self, topic: str, *, needed: bool = True) -> int:
        """Ask for a topic at QoS 1.

        If it is not needed it is asked for at QoS 0, which costs a cluster much less, and the broker's answer
        comes back in a `PubAck`.
        """
        _, mid = self._client.subscribe(topic, qos=1 if needed else 0)
        if mid is None:
            return 0
        self._unanswered[mid] = time.monotonic()
        self._pending_subscriptions[mid] = needed
        return mid

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message need not be sent again; of a kept session only."""
        if message.mid:
            self._client.ack(message.mid, 1)

    def pump(self, timeout_s: float, wake_fd: int | None = None) -> list[PubAck | Message]:
        """Send and receive, waiting at most this long; return what was received.

        Raises:
            DeliveryError: the connection is lost.
        """
        sock: Any = self._client.socket()
        if sock is None:
            raise DeliveryError(self._why_lost())
        writing = [sock] if self._client.want_write() else []
        reading = [sock] if wake_fd is None else [sock, wake_fd]
        # TLS may hold decrypted bytes that select() does not see.
        held = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        readable, writable, _ = select.select(reading, writing, [], 0 if held else timeout_s)
        codes = []
        if held or sock in readable:
            try:
                codes.append(self._client.loop_read())
            except _UNREADABLE as error:
                raise DeliveryError(
                    f"the broker {self._broker} sends what is not MQTT; check its host and port"
                ) from error
        if writable:
            codes.append(self._client.loop_write())
        codes.append(self._client.loop_misc())
        if self._refusal or any(code != MQTTErrorCode.MQTT_ERR_SUCCESS for code in codes):
            raise DeliveryError(self._why_lost())
        reports, self._reports = self._reports, []
        oldest_s = next(iter(self._unanswered.values()), math.inf)
        # Behind what was read just now the answer may be there too, where this side was slow.
        patience = 3 if held or sock in readable else 1
        if time.monotonic() - oldest_s > patience * ANSWER_WITHIN_S:
            raise DeliveryError(self._unanswered_for(f"{ANSWER_WITHIN_S} s"))
        return reports

    def _unanswered_for(self, how_long: str) -> str:
        sentence = f"the broker {self._broker} leaves a message unanswered for {how_long}"
        return f"{sentence}; the connection is given up"

    def close(self) -> None:
        """Disconnect in order, so that the will is not sent."""
        self._client.disconnect()
        if self._client.socket() is not None:
            self._client.loop_write()
        self.abandon()

    def abandon(self) -> None:
        """Hang up without a word, so that the broker sends the will."""
        sock: Any = self._client.socket()
        if sock is not None:
            sock.close()

    def _why_lost(self) -> str:
        if self._refusal:
            return self._refusal
        if not self._connected:
            hint = _hint(self._broker)
            return (
                f"the broker {self._broker} closes the connection instead of answering "
                f"{_protocol(self._broker)}{hint}"
            )
        return self._lost or f"the connection to the broker {self._broker} is lost"

    def _on_connect(
        self,
        _client: object,
        _data: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refusal = _refused(self._broker, reason)
            return
        self._connected = True
        self.session_present = flags.session_present
        self.window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure and self._connected:
            because = "" if str(reason) == "Unspecified error" else f" ({reason})"
            self.taken = reason.value == _TAKEN_OVER
            if self.taken:
                because = ": another client came under its id; was its log or store copied?"
            self._lost = f"the connection to the broker {self._broker} is lost{because}"

    def _on_publish(
        self, _client: object, _data: object, mid: int, reason: ReasonCode, _properties: object
    ) -> None:
        self._unanswered.pop(mid, None)
        no_subscriber = reason.value == _NO_SUBSCRIBERS
        self._reports.append(PubAck(mid, str(reason) if reason.is_failure else None, no_subscriber))

    def _on_subscribe(
        self, _client: object, _data: object, mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        needed = self._pending_subscriptions.pop(mid, None)
        if needed is None:
            # Answered before, so that its number may be another message's by now.
            return
        self._unanswered.pop(mid, None)
        if not needed:
            self._reports.append(PubAck(mid, refused[0] if refused else None))
        elif refused:
            self._refusal = f"the broker {self._broker} does not let this client read; check its rights (ACL)"

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        # What is no text is no message of ours; it is shown as it can be.
        text = bytes(message.payload).decode(errors="replace")
        self._reports.append(Message(message.topic, text, message.retain, message.mid))


def _keeping(session_s: int | None) -> Properties | None:
    if session_s is None:
        return None
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_s
    return properties


def _protocol(broker: Broker) -> str:
    if broker.protocol == MQTT_5:
        return "MQTT 5; if it speaks only 3.1.1, set protocol = 311 under [mqtt] (watch: --protocol 311)"
    return "MQTT 3.1.1; check that host and port are the broker's and that tls is right"


def _hint(broker: Broker) -> str:
    """What else makes a broker hang up at once."""
    if not broker.tls:
        return "; if that port is for TLS, set tls = true"
    if broker.certificate_file:
        return "; it may not accept this device's certificate"
    return "; it may want certificate_file and key_file"


def _unreached(broker: Broker, error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"the broker {broker}: {tls_refusal(error, broker.host)}"
    if broker.tls and isinstance(error, ConnectionResetError):
        return f"the broker {broker} closes the connection on TLS; check that port is one for TLS"
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"the broker's name {broker.host} is not known; check the network and the host's name"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {broker}; check its host and port, and that it runs"
    if isinstance(error, TimeoutError):
        return f"the broker {broker} does not answer; check the network, its host and port"
    return f"the broker {broker} can't be reached ({_reason(error)})"


def _refused(broker: Broker, reason: ReasonCode) -> str:
    name = str(reason)
    if name == "Unsupported protocol version":
        return f"the broker {broker} refuses {_protocol(broker)}"
    if name in {"Bad user name or password", "Not authorized", "Bad authentication method"}:
        return (
            f"the broker {broker} refuses the login ({name}); "
            "check username, password_file and the broker's accounts"
        )
    return f"the broker {broker} refuses the connection ({name})"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
