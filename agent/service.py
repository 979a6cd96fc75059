"""`presence-agent run`: the service on a camera's device."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

from agent.core.event import AgentStarted, AgentStopped
from agent.delivery.event_log import EventLog
from agent.delivery.publisher import Publisher
from agent.delivery.recall import Memory, alive_note, remembered
from agent.delivery.retention import Retention
from agent.delivery.served import Extras
from agent.device import clock
from agent.device.frames import played_frames
from agent.device.recording import open_recording
from agent.errors import BrokenOffError, ConfigError, DamagedError, LogError
from agent.health import Health
from agent.stages import (
    ChangedStates,
    broker,
    discovery_maker,
    info_maker,
    random_track_ids,
    sender,
    stages,
    starting_states,
    view,
)
from agent.working_time import working_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from agent.config import Config
    from agent.core.event import Event as PresenceEvent
    from agent.core.event import StartCause, StopCause
    from agent.core.frame import Instant
    from agent.core.sight import BlindCause, Sight
    from agent.delivery.payload import Sender, StateNow
    from agent.presence.hours import WorkingTime
    from agent.presence.ledger import Ledger

_log = logging.getLogger(__name__)

_DELIVER_AT_STOP_S = 3.0
# A card wears: what was open when the agent was killed ends at most this long too early.
_NOTE_S = 60.0
_CAUSES = {
    "signal": "told to by a signal",
    "recording_ended": "the recording is over",
    "recording_broken": "the recording breaks off",
}


def run(config: Config) -> None:
    """Watch until told to stop, or until the recording ends.

    Raises:
        ConfigError, SourceError, ModelError, BusyError: it can't begin.
        LogError: the event log can't be written at the start.
        BrokenOffError: the recording breaks off; its events are kept.
    """
    source = _recording(config)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_signals())
        recording = stack.enter_context(open_recording(source, config.camera.fps))
        stage = stages(config, recording.size_px, random_track_ids())
        delivery = stack.enter_context(_delivery(config, stage.ledger))
        _log.info(
            "%s/%s watches %s, %dx%d px", config.device.site, config.device.name, source, *recording.size_px
        )
        watch = clock.Clock()
        changed, at = ChangedStates(), watch.now()
        sight = SightTeller(working_time(config), night=config.camera.night)
        frames = played_frames(recording, view(config), watch.now, stop)
        broken: BrokenOffError | None = None
        try:
            for step in stage.steps(frames):
                at = step.frame.at
                seq = delivery.keep(step.events, at)
                sight.tell(step.sight, at)
                delivery.health.see(at, step.sight.cause, night=sight.night)
                delivery.tell(changed.of(stage.ledger, at, seq), news=bool(step.events))
        except BrokenOffError as error:
            broken = error
        cause: StopCause = "recording_broken" if broken else "signal" if stop.is_set() else "recording_ended"
        seq = delivery.keep(stage.close(at), at)
        delivery.tell(changed.of(stage.ledger, at, seq), news=True)
        at = watch.now()
        delivery.keep([AgentStopped(rule="agent", at=at, cause=cause)], at)
        _log.info("stops: %s", _CAUSES[cause])
    if broken:
        raise broken


class SightTeller:
    """Tells the journal when the camera's sight changes.

    Darkness outside working hours is no fault where nothing is lit at night. While it is not known what
    time it is, all hours are working hours.
    """

    def __init__(self, hours: WorkingTime, *, night: bool) -> None:
        """Take the working hours, and whether it should be light at night."""
        self._hours = hours
        self._night = night
        self._told: BlindCause | Literal["night"] | None = None

    def tell(self, sight: Sight, at: Instant) -> None:
        """Say what is new at this frame."""
        now = "night" if sight.cause == "dark" and self._is_night(at) else sight.cause
        if now == self._told:
            return
        self._told = now
        if now is None:
            _log.info("the camera sees again")
        elif now == "night":
            _log.info("it is dark, outside working hours; until there is light, nobody is counted")
        else:
            _log.warning("the camera can't see (%s); until it does, nobody is counted", now)

    @property
    def night(self) -> bool:
        """Whether it is dark as it should be."""
        return self._told == "night"

    def _is_night(self, at: Instant) -> bool:
        if self._night or self._hours.always_open or not at.synced:
            return False
        return not self._hours.span(at.utc).open


class _Delivery:
    """The event log and its publisher, and what is done when the card fails."""

    def __init__(
        self,
        log: EventLog,
        boot: str,
        new_log: Callable[[], EventLog],
        publisher: Publisher | None,
        retention: Retention,
        health: Health,
    ) -> None:
        self._log = log
        self._boot = boot
        self._new_log = new_log
        self._publisher = publisher
        self._noted_s = 0.0
        self._retention = retention
        self.health = health

    def keep(self, events: Sequence[PresenceEvent], at: Instant) -> int:
        """Put events on the card, or, while that can't be written, in a new log in memory.

        Without events it is noted now and then that the agent still ran. What is not to be kept any
        longer goes.
        """
        try:
            if not events and at.monotonic_s - self._noted_s >= _NOTE_S:
                self._noted_s = at.monotonic_s
                self._log.note_alive(alive_note(at, self._boot))
            seq = self._log.append(events)
        except LogError as error:
            _log.error("%s Events are now kept in memory only, in a new log.", error)
            self._log = self._new_log()
            self.health.volatile = True
            if self._publisher:
                self._publisher.use_log(self._log)
            seq = self._log.append(events)
        try:
            self._retention.look(self._log, at)
        except LogError as error:
            _log.warning("%s The oldest events are not deleted now; it is tried again in an hour.", error)
        return seq

    def tell(self, states: Sequence[StateNow], *, news: bool) -> None:
        """Let the publisher know of new states, and of new events in the log."""
        if self._publisher is None:
            return
        if self._publisher.failure:
            raise self._publisher.failure
        if states or news:
            self._publisher.tell(states)


def take_up(log: EventLog, ledger: Ledger, at: Instant, boot: str) -> None:
    """Go on where a log ends: close what was open, tell that the agent runs.

    A log that turns out to be damaged is set aside for a new one.

    Raises:
        LogError: the log can't be read, written or set aside.
    """
    try:
        before = remembered(log, at, boot)
    except DamagedError as error:
        log.begin_anew(error)
        before = Memory(())
    ledger.recall(((item.event, item.era) for item in before.events), before.begin, before.blind)
    cause: StartCause = "new_log"
    if before.last:
        cause = "started" if log.ended_in_order else "restarted"
        _kept(log, before.at_that_time(ledger.reopen(before.last, before.era)), before.boot or boot)
    _kept(log, ledger.start(AgentStarted(rule="agent", at=at, cause=cause, since=before.last)), boot)


def _kept(log: EventLog, events: Sequence[PresenceEvent], boot: str) -> None:
    try:
        log.append(events, boot)
    except DamagedError as error:
        log.begin_anew(error)
        log.append(events, boot)


@contextmanager
def _delivery(config: Config, ledger: Ledger) -> Iterator[_Delivery]:
    who, to = sender(config), broker(config)
    with ExitStack() as stack:
        log = stack.enter_context(EventLog(who, config.log.path))
        begin = clock.now()
        take_up(log, ledger, begin, who.boot)
        health, publisher = Health(config.log.path), None
        if to is None:
            _log.warning(
                "there is no [mqtt] in the configuration: events stay in the log %s", config.log.path
            )
        else:
            publisher = Publisher(
                to,
                who.site,
                who.device,
                log,
                info_maker(config, who.device),
                client_id=f"presence-{who.site}-{who.device}",
                extras=Extras(health=health.text, discovery=discovery_maker(config)),
            )
            publisher.tell(starting_states(config, begin, log.last_seq))
            publisher.start()
        keep = Retention(config.log.keep_days, config.log.keep_mb, delivers=to is not None)
        new_log = partial(_new_log, stack, who)
        yield _Delivery(log, who.boot, new_log, publisher, keep, health)
        if publisher:
            publisher.stop(_DELIVER_AT_STOP_S)


def _new_log(stack: ExitStack, who: Sender) -> EventLog:
    return stack.enter_context(EventLog(who, None))


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set; a second one ends the process at once."""
    stop = Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _recording(config: Config) -> Path:
    source = config.camera.source
    if config.camera.is_live:
        raise ConfigError(
            f'[camera] source "{source}" is not in force yet in this version; '
            "give the path of a recording or of a folder of pictures."
        )
    return Path(source)
