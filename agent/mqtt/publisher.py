"""Publisher thread: status, states, health and events of an agent, over any number of connections."""

from __future__ import annotations

import logging
import os
import random
import secrets
import time
from dataclasses import replace
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

from agent.core.log_messages import (
    BROKER_CONNECTED,
    BROKER_CONNECTED_311,
    BROKER_TROUBLE,
    BROKER_UNSTEADY,
    DELIVERY_LOG_TROUBLE,
    LogMessage,
)
from agent.errors import DeliveryError, LogError
from agent.mqtt.connection import MQTT_5, Connection
from agent.mqtt.drops import Drops
from agent.mqtt.identity import AgentIdentity
from agent.mqtt.outbox import Outbox
from agent.mqtt.publish_state import Callbacks, PublishState
from agent.mqtt.session import PublishSession
from agent.wire.events import CONTRACT
from agent.wire.payloads import StatusWire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.eventlog.log import EventLog
    from agent.mqtt.connection import Broker
    from agent.wire.payloads import StateNow

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_STEADY_S = 20.0
_SIGN_OFF_S = 2.0
_TAKEN = "another client has its id: see which copy of this card is in use, and give it another [device] name"
# Few brokers say that another client came: mosquitto 2.0.11 does not.
_DROPPED = (
    "if a copy of this card is in use, give it another [device] name; "
    "otherwise check the network and the broker's log"
)


class Publisher:
    """Publishes logs and the states of their rules, for as long as it takes.

    On every connection: info, states, status, then events. It never stops because of a broker.
    """

    def __init__(
        self,
        broker: Broker,
        site: str,
        name: str,
        log: EventLog,
        info: Callable[[str, str], str],
        *,
        client_id: str,
        callbacks: Callbacks | None = None,
    ) -> None:
        """Take what to publish and where.

        Args:
            broker: where to connect.
            site: of the agent, the second level of its topics.
            name: of the agent, the third.
            log: its event log.
            info: makes the info payload from the log's id and the session.
            client_id: MQTT client id, unique at the broker and known to no other client.
            callbacks: what only a running agent publishes; None: nothing of it.
        """
        self._broker = broker
        self._client_id = client_id
        self._identity = AgentIdentity(
            broker, f"{CONTRACT}/{site}/{name}", info, callbacks or Callbacks(), self._log_once
        )
        self._publish_state = PublishState([Outbox(log)])
        self._stopping = Event()
        self._acknowledged = Condition()
        self._acknowledged_in = ("", 0)
        self._stop_by_s = 0.0
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._last_sentence: str | None = None
        self._drops = Drops()
        self._connected = False
        self._thread = Thread(target=self._run, name="publisher", daemon=True)
        self.failure: BaseException | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a broker now that let us in."""
        return self._connected

    @property
    def unsteady(self) -> bool:
        """Whether connections are taken or dropped again and again."""
        return self._drops.unsteady

    def start(self) -> None:
        """Start to connect."""
        self._thread.start()

    def update(self, states: Iterable[StateNow] = ()) -> None:
        """Publish the new events of the log, and these new states.

        Args:
            states: of the rules whose state changed.
        """
        self._publish_state.update(states)
        os.eventfd_write(self._wake_fd, 1)

    def apply_settings(
        self, info: Callable[[str, str], str], callbacks: Callbacks, starting: Iterable[StateNow]
    ) -> None:
        """The configuration changed: announce who this is, and which rules there are.

        Args:
            info: as at the start.
            callbacks: as at the start.
            starting: what the states of all rules say at a start; those that were published already stay.
        """
        self._publish_state.use_rules(starting)
        self._identity = replace(self._identity, info=info, callbacks=callbacks)
        os.eventfd_write(self._wake_fd, 1)

    def use_logs(self, *logs: EventLog, client_id: str | None = None) -> None:
        """Go on with the last of these logs, on a connection of its own.

        What is left of the others, and of earlier ones, is sent too; each is served for as long as it is
        open.

        Args:
            logs: the last one is to go on with.
            client_id: as whom from now on; None: as before.
        """
        self._client_id = client_id or self._client_id
        self._publish_state.use_logs(*logs)
        self.update()

    def wait_delivered(self, timeout_s: float) -> bool:
        """Whether the broker acknowledges all that is in the log now within this time."""
        log = self._publish_state.newest_log
        log_id, seq = log.log_id, log.last_seq

        def acknowledged() -> bool:
            return self._acknowledged_in[0] == log_id and self._acknowledged_in[1] >= seq

        with self._acknowledged:
            self._acknowledged.wait_for(lambda: acknowledged() or self.failure is not None, timeout_s)
        if self.failure:
            raise self.failure
        return acknowledged()

    def stop(self, within_s: float) -> None:
        """Send what can be sent in this time, publish that the agent stops, disconnect."""
        self._stop_by_s = time.monotonic() + within_s
        self._stopping.set()
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join(within_s + _SIGN_OFF_S + 0.5)
        if not self._thread.is_alive():
            os.close(self._wake_fd)

    def _run(self) -> None:
        try:
            pause_s = _FIRST_PAUSE_S
            while self._publish_state.another_log or not self._stopping.is_set():
                self._publish_state.adopt_logs()
                start_s = time.monotonic()
                self._serve()
                # A broker that lets us in and hangs up at once is not to be stormed; bad Wi-Fi is no such.
                if time.monotonic() - start_s > _STEADY_S:
                    pause_s = _FIRST_PAUSE_S
                if self._publish_state.another_log:
                    continue
                # Many agents that lost one broker must not come back in one moment.
                self._stopping.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must not end in a silent thread
            with self._acknowledged:
                self.failure = error
                self._acknowledged.notify_all()

    def _serve(self) -> None:
        """One connection, from connect to disconnect."""
        session_id = secrets.token_hex(4)
        publish_state, identity = self._publish_state, self._identity
        will = StatusWire(state="offline", why="lost", log=publish_state.log.log_id, session=session_id)
        connection = Connection(self._broker, self._client_id, identity.status(will))
        try:
            connection.open()
        except DeliveryError as error:
            self._log_once(logging.WARNING, BROKER_TROUBLE, error)
            return
        self._connected = True
        self._log_connected()
        session = PublishSession(
            identity, connection, publish_state, session_id, self._on_acknowledged, self._wake_fd
        )
        try:
            session.announce()
            while not publish_state.another_log and not self._may_stop():
                if self._drops.over(time.monotonic()):
                    self._log_connected()
                if session.identity is not self._identity:
                    session.apply_settings(self._identity)
                session.send()
                session.poll()
            if not publish_state.another_log:
                session.sign_off()
                connection.close()
        except DeliveryError as error:
            self._log_ended(connection.taken, error)
        except LogError as error:
            self._log_once(logging.ERROR, DELIVERY_LOG_TROUBLE, error)
        finally:
            # Without a status of ours the broker publishes the will: we are lost.
            self._connected = False
            connection.abandon()
            publish_state.save()

    def _may_stop(self) -> bool:
        return self._stopping.is_set() and (
            not self._publish_state.pending or time.monotonic() >= self._stop_by_s
        )

    def _on_acknowledged(self) -> None:
        with self._acknowledged:
            self._acknowledged_in = self._publish_state.log.log_id, self._publish_state.current.delivered
            self._acknowledged.notify_all()

    def _log_connected(self) -> None:
        self._drops.over(time.monotonic())
        if self._drops.unsteady:
            return
        sees_refusals = self._broker.protocol == MQTT_5
        self._log_once(
            logging.INFO, BROKER_CONNECTED if sees_refusals else BROKER_CONNECTED_311, self._broker
        )

    def _log_ended(self, taken: bool | None, error: DeliveryError) -> None:
        """A connection is over; many that others ended are logged once, with their number."""
        if taken is not None and self._drops.ended(time.monotonic(), taken=taken):
            remedy = _TAKEN if self._drops.taken else _DROPPED
            self._log_once(logging.WARNING, BROKER_UNSTEADY, self._broker, self._drops.count, remedy)
        elif taken is None or not self._drops.unsteady:
            self._log_once(logging.WARNING, BROKER_TROUBLE, error)

    def _log_once(self, level: int, entry: LogMessage, *about: object) -> None:
        """Log a transition; the same thing again is none."""
        sentence = entry % about
        if sentence != self._last_sentence:
            self._last_sentence = sentence
            _log.log(level, entry, *about)
