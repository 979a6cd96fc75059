"""`presence-agent run`: the service on a camera's device."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

from agent.core.event import AgentStarted, AgentStopped
from agent.delivery.event_log import EventLog
from agent.delivery.keeping import Keeper
from agent.delivery.publisher import Publisher
from agent.delivery.recall import Memory, remembered
from agent.delivery.retention import Retention
from agent.delivery.served import Extras
from agent.device import clock
from agent.device.board import serial_number
from agent.device.frames import played_frames
from agent.device.recording import open_recording
from agent.errors import BrokenOffError, ConfigError, DamagedError
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
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from agent.config import Config
    from agent.core.event import Event as PresenceEvent
    from agent.core.event import StartCause, StopCause
    from agent.core.frame import Instant
    from agent.core.sight import BlindCause, Sight
    from agent.delivery.payload import StateNow
    from agent.presence.hours import WorkingTime
    from agent.presence.ledger import Ledger

_log = logging.getLogger(__name__)

_DELIVER_AT_STOP_S = 3.0
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
    """What keeps events, and their publisher."""

    def __init__(self, keeper: Keeper, publisher: Publisher | None, health: Health) -> None:
        self._keeper = keeper
        self._publisher = publisher
        self.health = health

    def keep(self, events: Sequence[PresenceEvent], at: Instant) -> int:
        """Keep events; return the last number."""
        seq = self._keeper.keep(events, at)
        self.health.volatile = self._keeper.volatile
        return seq

    def tell(self, states: Sequence[StateNow], *, news: bool) -> None:
        """Let the publisher know of new states, and of new events in the log."""
        if self._publisher is None:
            return
        if self._publisher.failure:
            raise self._publisher.failure
        if states or news:
            self._publisher.tell(states)


def take_up(log: EventLog, ledger: Ledger, at: Instant, boot: str, beside: Sequence[EventLog] = ()) -> None:
    """Go on where a log ends: close what was open, tell that the agent runs.

    A log that turns out to be damaged is set aside for a new one.

    Raises:
        LogError: the log can't be read, written or set aside.
    """
    try:
        before = remembered(log, at, boot, beside)
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
        card = stack.enter_context(EventLog(who, config.log.path, board=serial_number()))
        retention = Retention(config.log.keep_days, config.log.keep_mb, delivers=to is not None)
        keeper = stack.enter_context(Keeper(card, who, retention, folder=_runtime_folder()))
        log, begin = keeper.log, clock.now()
        take_up(log, ledger, begin, who.boot, keeper.left)
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
                extras=Extras(
                    health=health.text,
                    discovery=discovery_maker(config),
                    superseded=keeper.superseded,
                ),
            )
            publisher.tell(starting_states(config, begin, log.last_seq))
            keeper.serve(publisher.use_log)
            publisher.start()
        yield _Delivery(keeper, publisher, health)
        if publisher:
            publisher.stop(_DELIVER_AT_STOP_S)


def _runtime_folder() -> Path | None:
    """The folder in memory that systemd gives a service; it outlives a kill."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder) if folder else None


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
