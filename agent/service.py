"""`presence-agent run`: the service on a camera's device."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from agent.core.event import AgentStarted, AgentStopped
from agent.core.sight import Sight
from agent.delivery.event_log import EventLog
from agent.delivery.publisher import Publisher
from agent.device import clock
from agent.device.frames import played_frames
from agent.device.recording import open_recording
from agent.errors import BrokenOffError, ConfigError, LogError
from agent.stages import (
    ChangedStates,
    broker,
    info_maker,
    random_track_ids,
    sender,
    stages,
    starting_states,
    view,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from agent.config import Config
    from agent.core.event import Event as PresenceEvent
    from agent.core.event import StartCause, StopCause
    from agent.delivery.payload import StateNow

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
        delivery = stack.enter_context(_delivery(config))
        _log.info(
            "%s/%s watches %s, %dx%d px", config.device.site, config.device.name, source, *recording.size_px
        )
        changed, at = ChangedStates(), clock.now()
        sight = Sight(None, at)
        frames = played_frames(recording, view(config), clock.now, stop)
        broken: BrokenOffError | None = None
        try:
            for step in stage.steps(frames):
                at = step.frame.at
                seq = delivery.keep(step.events)
                _say_sight(sight, step.sight)
                sight = step.sight
                delivery.tell(changed.of(stage.rules, sight, at, seq), news=bool(step.events))
        except BrokenOffError as error:
            broken = error
        cause: StopCause = "recording_broken" if broken else "signal" if stop.is_set() else "recording_ended"
        seq = delivery.keep([event for rule in stage.rules for event in rule.close(at, "stopped")])
        delivery.tell(changed.of(stage.rules, sight, at, seq), news=True)
        delivery.keep([AgentStopped(rule="agent", at=clock.now(), cause=cause)])
        _log.info("stops: %s", _CAUSES[cause])
    if broken:
        raise broken


def _say_sight(before: Sight, now: Sight) -> None:
    """Tell the journal when it changes."""
    if now.cause == before.cause:
        return
    if now.cause:
        _log.warning("the camera can't see (%s); until it does, nobody is counted", now.cause)
    else:
        _log.info("the camera sees again")


class _Delivery:
    """The event log and its publisher, and what is done when the card fails."""

    def __init__(self, log: EventLog, new_log: Callable[[], EventLog], publisher: Publisher | None) -> None:
        self._log = log
        self._new_log = new_log
        self._publisher = publisher

    def keep(self, events: Sequence[PresenceEvent]) -> int:
        """Put events on the card, or, while that can't be written, in a new log in memory."""
        try:
            return self._log.append(events)
        except LogError as error:
            _log.error("%s Events are now kept in memory only, in a new log.", error)
            self._log = self._new_log()
            if self._publisher:
                self._publisher.use_log(self._log)
            return self._log.append(events)

    def tell(self, states: Sequence[StateNow], *, news: bool) -> None:
        """Let the publisher know of new states, and of new events in the log."""
        if self._publisher is None:
            return
        if self._publisher.failure:
            raise self._publisher.failure
        if states or news:
            self._publisher.tell(states)


@contextmanager
def _delivery(config: Config) -> Iterator[_Delivery]:
    who, to = sender(config), broker(config)
    with ExitStack() as stack:
        log = stack.enter_context(EventLog(who, config.log.path))
        begin = clock.now()
        cause: StartCause = "started" if log.ended_in_order else "restarted"
        log.append([AgentStarted(rule="agent", at=begin, cause="new_log" if log.last_seq == 0 else cause)])
        publisher = None
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
            )
            publisher.tell(starting_states(config, begin, log.last_seq))
            publisher.start()
        yield _Delivery(log, lambda: stack.enter_context(EventLog(who, None)), publisher)
        if publisher:
            publisher.stop(_DELIVER_AT_STOP_S)


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
