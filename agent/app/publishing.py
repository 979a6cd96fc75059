"""Event log and publisher of a running agent."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from agent.app.build import broker, discovery_maker, info_maker, sender, unknown_states
from agent.config.models import digest
from agent.core.event import AgentStarted
from agent.core.log_messages import BROKER_NONE
from agent.device import clock
from agent.device.machine import serial_number
from agent.device.systemd import runtime_folder
from agent.errors import DamagedError, LogError
from agent.eventlog.failover import FailoverLog
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import RecoveredState, recover
from agent.eventlog.retention import Retention
from agent.health.monitor import HealthMonitor
from agent.mqtt.publish_state import Callbacks
from agent.mqtt.publisher import Publisher
from agent.mqtt.tls import check_readable
from agent.wire.client import client_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.app.central_calendar import CalendarKeeper
    from agent.config.models import Config
    from agent.core.event import Event, StartCause
    from agent.core.frame import Instant
    from agent.presence.ledger import Ledger
    from agent.wire.payloads import StateNow

_log = logging.getLogger(__name__)

_DELIVER_AT_STOP_S = 1.5
# Under which the log remembers what the centre set.
_CALENDAR = "calendar"


class Delivery:
    """What keeps events, and their publisher."""

    def __init__(
        self,
        config: Config,
        keeper: FailoverLog,
        retention: Retention,
        health: HealthMonitor,
        calendar: CalendarKeeper | None = None,
    ) -> None:
        """Take what is open, and who keeps the centre's hours, if anybody; `connect` begins to deliver."""
        self._config = config
        self._keeper = keeper
        self._retention = retention
        self._publisher: Publisher | None = None
        self._calendar = calendar
        self.health = health
        self._tell_health()
        if calendar:
            health.calendar_refused = lambda: calendar.refused

    def keep(self, events: Sequence[Event], at: Instant) -> int:
        """Keep events; return the last number."""
        seq = self._keeper.append(events, at)
        self.health.volatile = self._keeper.volatile
        return seq

    def tell(self, states: Sequence[StateNow], *, news: bool) -> None:
        """Let the publisher know of new states, and of new events in the log."""
        if self._publisher is None:
            return
        if self._publisher.failure:
            raise self._publisher.failure
        if states or news:
            self._publisher.update(states)

    def change(self, config: Config, at: Instant, seq: int, *, reconnect: bool) -> None:
        """Deliver by another configuration with the same log, and to another broker if need be.

        All states are to be told after this.
        """
        if reconnect and self._publisher:
            # What is retained at a broker that is told no more must not go on saying who is there.
            self._publisher.update(unknown_states(self._config, at, seq, "stopped"))
        self._config = config
        self._tell_health()
        self.note_calendar()
        delivers = config.mqtt is not None
        self._retention.apply_settings(config.log.keep_days, config.log.keep_mb, delivers=delivers)
        if reconnect:
            self.disconnect()
            self.connect(at, seq)
        elif self._publisher:
            info, callbacks = self._introduction()
            self._publisher.apply_settings(info, callbacks, unknown_states(config, at, seq, "starting"))

    def note_calendar(self) -> None:
        """Have the log remember whose hours are in force: should their file be gone one day, that is told."""
        if self._calendar:
            log = self._keeper.log
            with suppress(LogError):
                before = log.noted(_CALENDAR)
                if (now := self._calendar.compare(before)) != (before or ""):
                    log.note(_CALENDAR, now)

    def connect(self, at: Instant, seq: int) -> None:
        """Begin to deliver, if there is a broker; every state is unknown as yet."""
        config, to = self._config, broker(self._config)
        if to is None:
            _log.warning(BROKER_NONE, config.log.path)
            return
        site, name = config.device.site, config.device.name
        info, callbacks = self._introduction()

        def own_id() -> str:
            return client_id(site, name, self._keeper.client_secret)

        publisher = Publisher(to, site, name, self._keeper.log, info, client_id=own_id(), callbacks=callbacks)
        publisher.update(unknown_states(config, at, seq, "starting"))
        self._keeper.serve(lambda *logs: publisher.use_logs(*logs, client_id=own_id()))
        publisher.start()
        self._publisher = publisher
        self.health.connected = lambda: publisher.connected
        self.health.unsteady = lambda: publisher.unsteady

    def disconnect(self) -> None:
        """Deliver what can be in a short time, and say that the agent stops."""
        publisher, self._publisher = self._publisher, None
        if publisher:
            self.health.connected = self.health.unsteady = None
            self._keeper.serve(lambda *_logs: None)
            publisher.stop(_DELIVER_AT_STOP_S)

    def _tell_health(self) -> None:
        mqtt = self._config.mqtt
        self.health.config_digest = digest(self._config)
        self.health.certificate.file = mqtt.certificate_file if mqtt else None

    def _introduction(self) -> tuple[Callable[[str, str], str], Callbacks]:
        central = self._calendar.central if self._calendar else None
        return info_maker(self._config, self._config.device.name, central), Callbacks(
            health=self.health.text,
            discovery=discovery_maker(self._config),
            superseded=self._keeper.superseded,
            clock_synced=clock.clock_synced,
            calendar=self._calendar,
        )


def check_files(config: Config) -> None:
    """See that the files for TLS can be read; CertificateFileError: one of them can't."""
    if config.mqtt and config.mqtt.tls:
        check_readable(config.mqtt.ca_file, config.mqtt.certificate_file, config.mqtt.key_file)


@contextmanager
def delivery(config: Config, ledger: Ledger, calendar: CalendarKeeper | None = None) -> Iterator[Delivery]:
    """Open the log, go on where it ends, and connect to the broker in the background.

    Args:
        config: as in the file.
        ledger: takes up what the log has.
        calendar: keeps the hours that the centre sets; None: nobody does.

    Raises:
        LogError: the event log can't be written at the start.
        BusyError: another agent holds it.
    """
    who = sender(config)
    with ExitStack() as stack:
        card = stack.enter_context(EventLog(who, config.log.path, board=serial_number()))
        retention = Retention(config.log.keep_days, config.log.keep_mb, delivers=config.mqtt is not None)
        keeper = stack.enter_context(FailoverLog(card, who, retention, folder=runtime_folder()))
        begin = clock.now()
        take_up(keeper.log, ledger, begin, who.boot, keeper.leftover)
        box = Delivery(config, keeper, retention, HealthMonitor(config.log.path), calendar)
        box.note_calendar()
        box.connect(begin, keeper.log.last_seq)
        yield box
        box.disconnect()


def take_up(log: EventLog, ledger: Ledger, at: Instant, boot: str, beside: Sequence[EventLog] = ()) -> None:
    """Go on where a log ends: close what was open, tell that the agent runs.

    A log that turns out to be damaged is set aside for a new one.

    Raises:
        LogError: the log can't be read, written or set aside.
    """
    try:
        before = recover(log, at, boot, beside)
        ledger.replay_history(
            ((item.event, item.epoch) for item in before.events), before.start, before.blind
        )
    except DamagedError as error:
        log.restart(error)
        # What was read of it before the damage showed is no part of the new one.
        ledger.reset()
        before = RecoveredState(())
    cause: StartCause = "new_log"
    if before.last:
        cause = "started" if log.ended_in_order else "restarted"
        _kept(log, before.at_that_time(ledger.close_open(before.last, before.epoch)), before.boot or boot)
    _kept(log, ledger.start(AgentStarted(rule="agent", at=at, cause=cause, since=before.last)), boot)


def _kept(log: EventLog, events: Sequence[Event], boot: str) -> None:
    try:
        log.append(events, boot)
    except DamagedError as error:
        log.restart(error)
        log.append(events, boot)
