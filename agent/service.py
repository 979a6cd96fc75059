"""`presence-agent run`: the service on a camera's device."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.core.event import AgentStopped
from agent.delivering import delivery as open_delivery
from agent.device import clock
from agent.device.frames import played_frames
from agent.device.recording import open_recording
from agent.errors import BrokenOffError, ConfigError
from agent.signals import stop_signals
from agent.stages import ChangedStates, random_track_ids, stages, view
from agent.working_time import working_time

if TYPE_CHECKING:
    from agent.config import Config
    from agent.core.event import StopCause
    from agent.core.frame import Instant
    from agent.core.sight import BlindCause, Sight
    from agent.presence.hours import WorkingTime

_log = logging.getLogger(__name__)

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
        delivery = stack.enter_context(open_delivery(config, stage.ledger))
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


def _recording(config: Config) -> Path:
    source = config.camera.source
    if config.camera.is_live:
        raise ConfigError(
            f'[camera] source "{source}" is not in force yet in this version; '
            "give the path of a recording or of a folder of pictures."
        )
    return Path(source)
