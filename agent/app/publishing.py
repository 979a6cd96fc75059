"""Event log and publisher of a running agent."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from agent.app.build import discovery_maker, info_maker, unknown_states
from agent.app.weights import person_weights
from agent.config.models import digest
from agent.core.event import AgentStarted, UpdateFailed
from agent.core.log_messages import BROKER_NONE, UPDATE_FAILED
from agent.device import clock
from agent.device.failed_update import FailedUpdateFile
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
    from agent.app.settings import Settings
    from agent.core.event import Event, StartCause
    from agent.core.frame import Instant
    from agent.presence.ledger import Ledger
    from agent.wire.payloads import StateNow

_log = logging.getLogger(__name__)

_DELIVER_AT_STOP_S = 1.5
# Name of the note in the log: digest of the centre's calendar in force.
_CALENDAR = "calendar"
# And of the failed update that was told last, behind the number of the event before it.
_UPDATE = "update_failed"
# So far behind that number its event is, at most: a full card may report there what went for it.
_BEHIND = 100


class Delivery:
    """Event storage, and the publisher of events and states where there is a broker."""

    def __init__(
        self,
        settings: Settings,
        failover: FailoverLog,
        retention: Retention,
        health: HealthMonitor,
        calendar: CalendarKeeper | None = None,
        failed_update: FailedUpdateFile | None = None,
    ) -> None:
        """Take open storage; `connect` starts the publisher.

        Args:
            settings: in force.
            failover: stores the events.
            retention: limits of the log, which a reload changes.
            health: makes the `health` payload; gets the state of broker, certificate and calendar.
            calendar: keeps the centre's working hours; None: the centre sets none.
            failed_update: the updater's note; None: where the package has it.
        """
        self._settings = settings
        self._failover = failover
        self._retention = retention
        self._publisher: Publisher | None = None
        self._calendar = calendar
        self._failed_update = failed_update or FailedUpdateFile()
        self.health = health
        health.update_failed = lambda: self._failed_update.update is not None
        self._update_health()
        if calendar:
            health.calendar_refused = lambda: calendar.refused

    def append(self, events: Sequence[Event], at: Instant) -> int:
        """Append events to the log; return the number of the last one in it."""
        seq = self._failover.append(events, at)
        self.health.volatile = self._failover.volatile
        return seq

    def publish(self, states: Sequence[StateNow], *, news: bool) -> None:
        """Hand new states to the publisher; `news`: there are new events in the log for it, too."""
        if self._publisher is None:
            return
        if self._publisher.failure:
            raise self._publisher.failure
        if states or news:
            self._publisher.update(states)

    def apply_settings(self, settings: Settings, at: Instant, seq: int, *, reconnect: bool) -> None:
        """Go on by new settings with the same log.

        All states are to be published again after this.

        Args:
            settings: the new ones.
            at: this moment.
            seq: number of the last event in the log.
            reconnect: the broker or the account is another one: sign off and connect again.
        """
        if reconnect and self._publisher:
            # The old broker gets no more states: what it retains must not go on showing persons.
            self._publisher.update(unknown_states(self._settings, at, seq, "stopped"))
        self._settings = settings
        self._update_health()
        self.note_calendar()
        limits, delivers = settings.log_limits, settings.broker is not None
        self._retention.apply_settings(limits.keep_days, limits.keep_mb, delivers=delivers)
        if reconnect:
            self.disconnect()
            self.connect(at, seq)
        elif self._publisher:
            info, callbacks = self._info_and_callbacks()
            self._publisher.apply_settings(info, callbacks, unknown_states(settings, at, seq, "starting"))

    def tell_failed_update(self, at: Instant) -> None:
        """Append `update.failed` where the updater has left a note that no event of this log tells yet.

        Each note is told once, also where the agent is killed meanwhile; twice only where the card took no
        events, or the log was restored.
        """
        note = self._failed_update
        if not note.look() or (failed := note.update) is None:
            return
        log, name = self._failover.log, f"{failed.ts} {failed.from_version} {failed.to_version}"
        with suppress(LogError):
            if _is_told(log, name):
                return
            # First: whether the event is there is seen behind this number.
            log.note(_UPDATE, f"{log.last_seq} {name}")
        _log.warning(UPDATE_FAILED, failed.from_version, failed.to_version, failed.cause)
        event = UpdateFailed(
            rule="agent",
            at=at,
            from_version=failed.from_version,
            to_version=failed.to_version,
            cause=failed.cause,
        )
        self.append([event], at)
        self.publish((), news=True)

    def note_calendar(self) -> None:
        """Note the digest of the centre's calendar in the log, so that a loss of its file is noticed."""
        if self._calendar:
            log = self._failover.log
            with suppress(LogError):
                before = log.noted(_CALENDAR)
                if (now := self._calendar.compare(before)) != (before or ""):
                    log.note(_CALENDAR, now)

    def connect(self, at: Instant, seq: int) -> None:
        """Start the publisher, if there is a broker; each state is unknown until it is published."""
        settings, to = self._settings, self._settings.broker
        if to is None:
            _log.warning(BROKER_NONE, settings.log_path)
            return
        site, name = settings.sender.site, settings.sender.device
        info, callbacks = self._info_and_callbacks()

        def own_id() -> str:
            return client_id(site, name, self._failover.client_secret)

        publisher = Publisher(
            to, site, name, self._failover.log, info, client_id=own_id(), callbacks=callbacks
        )
        publisher.update(unknown_states(settings, at, seq, "starting"))
        self._failover.serve(lambda *logs: publisher.use_logs(*logs, client_id=own_id()))
        publisher.start()
        self._publisher = publisher
        self.health.connected = lambda: publisher.connected
        self.health.unsteady = lambda: publisher.unsteady

    def disconnect(self) -> None:
        """Publish what is possible within 1.5 s, sign off, and stop the publisher."""
        publisher, self._publisher = self._publisher, None
        if publisher:
            self.health.connected = self.health.unsteady = None
            self._failover.serve(lambda *_logs: None)
            publisher.stop(_DELIVER_AT_STOP_S)

    def _update_health(self) -> None:
        broker = self._settings.broker
        self.health.config_digest = digest(self._settings.config)
        self.health.certificate.file = broker.certificate_file if broker else None

    def _info_and_callbacks(self) -> tuple[Callable[[str, str], str], Callbacks]:
        return info_maker(self._settings), Callbacks(
            health=self.health.text,
            discovery=discovery_maker(self._settings),
            superseded=self._failover.superseded,
            clock_synced=clock.clock_synced,
            calendar=self._calendar,
        )


def _is_told(log: EventLog, name: str) -> bool:
    """Whether an event of this log tells of that failed update; it may be deleted since."""
    seq, _, noted = (log.noted(_UPDATE) or "").partition(" ")
    if noted != name:
        return False
    return log.deleted > int(seq) or any(
        entry.type == UpdateFailed.TYPE for entry in log.read(int(seq), _BEHIND)
    )


def check_files(settings: Settings) -> None:
    """Check what the configuration names beside itself.

    Raises:
        CertificateFileError: a file for TLS can't be read.
        ConfigError: `[detector] model` names no weights that find persons.
        ModelError: the manifest of the weights can't be used.
    """
    person_weights(settings.model)
    broker = settings.broker
    if broker and broker.tls:
        check_readable(broker.ca_file, broker.certificate_file, broker.key_file)


@contextmanager
def delivery(
    settings: Settings,
    ledger: Ledger,
    calendar: CalendarKeeper | None = None,
    failed_update: FailedUpdateFile | None = None,
) -> Iterator[Delivery]:
    """Open the log, restore the state at its end, and connect to the broker in the background.

    Args:
        settings: in force.
        ledger: gets the state that the log ends with.
        calendar: keeps the hours that the centre sets; None: the centre sets none.
        failed_update: the updater's note; None: where the package has it.

    Raises:
        LogError: the event log can't be written at the start.
        BusyError: another agent holds it.
    """
    who, path, limits = settings.sender, settings.log_path, settings.log_limits
    with ExitStack() as stack:
        card = stack.enter_context(EventLog(who, path, board=serial_number()))
        retention = Retention(limits.keep_days, limits.keep_mb, delivers=settings.broker is not None)
        failover = stack.enter_context(FailoverLog(card, who, retention, folder=runtime_folder()))
        begin = clock.now()
        resume_from_log(failover.log, ledger, begin, who.boot, failover.leftover)
        box = Delivery(settings, failover, retention, HealthMonitor(path), calendar, failed_update)
        box.note_calendar()
        box.tell_failed_update(begin)
        box.connect(begin, failover.log.last_seq)
        yield box
        box.disconnect()


def resume_from_log(
    log: EventLog, ledger: Ledger, at: Instant, boot: str, beside: Sequence[EventLog] = ()
) -> None:
    """Restore the state that a log ends with, close what was open, and append `agent.started`.

    A log that turns out to be damaged is set aside for a new one.

    Args:
        log: open for writing.
        ledger: gets the state; new, without any history.
        at: this moment.
        boot: id of this boot of the machine, 8 hex digits.
        beside: logs in memory that an earlier run left; they may have events that `log` never got.

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
