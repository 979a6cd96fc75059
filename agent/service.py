"""`presence-agent run`: the service on a camera's device."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

from agent.core.event import AgentStopped
from agent.core.frame import Frame
from agent.delivering import delivery as open_delivery
from agent.device import clock
from agent.device.systemd import Systemd
from agent.errors import BrokenOffError, CameraError
from agent.signals import service_signals
from agent.sources import open_source
from agent.stages import ChangedStates, random_track_ids, stages, view
from agent.working_time import working_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.config import Config
    from agent.core.event import StopCause
    from agent.core.frame import Instant, NoFrame
    from agent.core.sight import BlindCause, Sight
    from agent.presence.hours import WorkingTime
    from agent.signals import Asked

_log = logging.getLogger(__name__)

_CAUSES = {
    "signal": "told to by a signal",
    "recording_ended": "the recording is over",
    "recording_broken": "the recording breaks off",
}


def run(config: Config, read: Callable[[], Config]) -> None:
    """Watch until told to stop, or until the recording ends.

    Args:
        config: to begin with.
        read: reads the configuration again when SIGHUP asks for it; may raise ConfigError.

    Raises:
        ConfigError, SourceError, ModelError, BusyError: it can't begin.
        LogError: the event log can't be written at the start.
        CameraError: the camera hangs. A new process may help, and this one is to end at once.
        BrokenOffError: the recording breaks off; its events are kept.
    """
    systemd = Systemd()
    with service_signals() as asked:
        present: Config | None = config
        while present is not None:
            present = _Watch(present, read, asked, systemd).go_on()


class _Watch:
    """From a begin to an end, or to where it is to begin anew with another configuration."""

    def __init__(self, config: Config, read: Callable[[], Config], asked: Asked, systemd: Systemd) -> None:
        self._config = config
        self._read = read
        self._asked = asked
        self._systemd = systemd
        self._clock = clock.Clock()
        self._view = view(config)

    def go_on(self) -> Config | None:
        """Watch; return what to begin anew with, if anything."""
        config, device = self._config, self._config.device
        with ExitStack() as stack:
            source = stack.enter_context(
                open_source(
                    config,
                    lambda: self._view,
                    self._clock.now,
                    self._asked.stop,
                    self._systemd.waiting,
                )
            )
            stage = stages(config, source.size_px, random_track_ids())
            delivery = stack.enter_context(open_delivery(config, stage.ledger))
            _log.info(
                "%s/%s watches %s, %dx%d px", device.site, device.name, config.camera.source, *source.size_px
            )
            at, broken = self._clock.now(), None
            changed = ChangedStates()
            sight = SightTeller(working_time(config), night=config.camera.night)
            try:
                for step in stage.steps(source.frames):
                    at = step.frame.at
                    seq = delivery.keep(step.events, at)
                    sight.tell(step.sight, at)
                    delivery.health.see(at, step.sight.cause, night=sight.night)
                    delivery.tell(changed.of(stage.ledger, at, seq), news=bool(step.events))
                    self._tell_systemd(step.frame)
            except (BrokenOffError, CameraError) as error:
                broken = error
            self._systemd.stopping()
            seq = delivery.keep(stage.close(at), at)
            delivery.tell(changed.of(stage.ledger, at, seq), news=True)
            if isinstance(broken, CameraError):
                raise broken
            cause: StopCause = (
                "recording_broken" if broken else "signal" if self._asked.stop.is_set() else "recording_ended"
            )
            at = self._clock.now()
            delivery.keep([AgentStopped(rule="agent", at=at, cause=cause)], at)
            _log.info("stops: %s", _CAUSES[cause])
        if broken:
            raise broken
        return None

    def _tell_systemd(self, taken: Frame | NoFrame) -> None:
        if isinstance(taken, Frame):
            self._systemd.ready()
            self._systemd.frame_went_through()
        elif not self._systemd.is_ready:
            self._systemd.waiting()


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
