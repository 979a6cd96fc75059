"""`presence-agent run`: the service on a camera's device."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from agent.app.build import ChangedStates, random_track_ids, stages
from agent.app.central_calendar import CalendarKeeper
from agent.app.placement import shifted_ratio, view
from agent.app.publishing import check_files
from agent.app.publishing import delivery as open_delivery
from agent.app.reload import apply_settings, changes
from agent.app.settings import settings_of
from agent.app.sources import open_source
from agent.app.view_store import ViewKeeper
from agent.app.working_time import working_time
from agent.config.secret_files import tell_open_secrets
from agent.core.event import AgentStopped, ClockSet
from agent.core.frame import Frame
from agent.core.log_messages import (
    CAMERA_BLIND,
    CAMERA_NIGHT,
    CAMERA_SEES,
    CLOCK_SET,
    CONFIG_FAILS,
    CONFIG_REFUSED,
    CONFIG_RELOADED,
    CONFIG_RESTARTS,
    READY,
    STOPS,
    WATCHES,
)
from agent.device import clock
from agent.device.signals import service_signals
from agent.device.systemd import Systemd, runtime_folder
from agent.errors import AgentError, BrokenOffError, CameraError, ConfigError, ModelError
from agent.health.camera_stats import CameraStats, Orientation

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.app.build import Stages
    from agent.app.publishing import Delivery
    from agent.app.settings import Settings
    from agent.app.sources import Source
    from agent.config.models import Config
    from agent.core.event import StopCause
    from agent.core.frame import Instant, NoFrame
    from agent.core.visibility import BlindCause, Visibility
    from agent.device.signals import Asked
    from agent.pipeline import Step
    from agent.presence.hours import WorkingTime

_log = logging.getLogger(__name__)

_REFUSED_EVERY_S = 10.0
_CAUSES = {
    "signal": "stopped by a signal",
    "recording_ended": "the recording is over",
    "recording_broken": "the recording breaks off",
}


def run(config: Config, read: Callable[[], Config], every_second: Callable[[], None] = lambda: None) -> None:
    """Watch until told to stop, or until the recording ends.

    Args:
        config: to start with.
        read: reads the configuration again when SIGHUP asks for it; may raise ConfigError.
        every_second: called about once a second.

    Raises:
        ConfigError, SourceError, ModelError, BusyError: it can't start.
        LogError: the event log can't be written at the start.
        CameraError: the camera hangs. A new process may help, and this one is to end at once.
        BrokenOffError: the recording breaks off; its events are kept.
    """
    systemd = Systemd()
    with service_signals(runtime_folder()) as asked:
        watch = _Run(config, read, asked, systemd, every_second)
        while (new := watch.run()) is not None:
            before = None if new is watch.before else watch.settings.config
            watch = _Run(new, read, asked, systemd, every_second, before)


class _Run:
    """One run of the pipeline: until it stops, or has to be restarted with another configuration."""

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config],
        asked: Asked,
        systemd: Systemd,
        every_second: Callable[[], None],
        before: Config | None = None,
    ) -> None:
        """Take the configuration; `before`: the one to return to if this one can't be started."""
        self.before = before
        self._read = read
        self._asked = asked
        self._systemd = systemd
        self._every_second = every_second
        self._clock = clock.Clock()
        self._sees = False
        self._second_s = self._refused_s = float("-inf")
        self._view = view(config)
        self._calendar = CalendarKeeper(config)
        self.settings = settings_of(config, self._calendar.central)

    def run(self) -> Config | None:
        """Watch until the end; return the configuration to restart with, if any."""
        with ExitStack() as stack:
            try:
                source, stage, delivery = self._started(stack)
            except AgentError as error:
                if self.before is None:
                    raise
                _log.error(CONFIG_FAILS, error)
                self._asked.reloads.refuse(tuple(str(error).splitlines()))
                return self.before
            sender, camera = self.settings.sender, self.settings.camera
            _log.info(WATCHES, sender.site, sender.device, camera.source, *source.size_px)
            tell_open_secrets(self.settings.config)
            if self.before:
                self._asked.reloads.taken()
            self._systemd.reloaded()
            delivery.health.configuration_refused = lambda: self._asked.reloads.refused
            delivery.health.stalls = source.counts
            delivery.health.fps = camera.fps if source.counts else None
            at = self._clock.now()
            view_keeper = ViewKeeper(self.settings.config, stage, at)
            self._view = stage.placing.view
            reporter = StepReporter(stage, delivery, at)
            broken, new = None, None
            try:
                new = self._watch(stage, source, reporter, view_keeper)
            except (BrokenOffError, CameraError) as error:
                broken = error
            if new is None:
                self._systemd.stopping()
            reporter.close()
            if isinstance(broken, CameraError):
                raise broken
            asked = new is not None or self._asked.stop.is_set()
            cause: StopCause = "recording_broken" if broken else "signal" if asked else "recording_ended"
            at = self._clock.now()
            delivery.append([AgentStopped(rule="agent", at=at, cause=cause)], at)
            _log.info(STOPS, _CAUSES[cause], extra={"reason": cause})
        if broken:
            raise broken
        return new

    def _started(self, stack: ExitStack) -> tuple[Source, Stages, Delivery]:
        systemd, stop = self._systemd, self._asked.stop
        check_files(self.settings)
        source = stack.enter_context(
            open_source(self.settings.camera, lambda: self._view, self._clock.now, stop, systemd.waiting)
        )
        stage = stages(self.settings, source.size_px, random_track_ids())
        delivery = open_delivery(self.settings, stage.ledger, self._calendar)
        return source, stage, stack.enter_context(delivery)

    def _watch(
        self, stage: Stages, source: Source, reporter: StepReporter, view_keeper: ViewKeeper
    ) -> Config | None:
        for step in stage.steps(source.frames):
            reporter.report(step)
            view_keeper.update(step.visibility, step.frame.at)
            self._view = stage.placing.view
            now_s = step.frame.at.monotonic_s
            if now_s - self._second_s >= 1:
                self._second_s = now_s
                self._systemd.status(reporter.status)
                view_keeper.answer(step.frame.at)
                if self._calendar.apply_received(self._clock.now()):
                    self.settings = replace(self.settings, central=self._calendar.central)
                    reporter.apply_settings(self.settings)
                self._check_refused(now_s)
                reporter.tell_failed_update(step.frame.at)
                self._every_second()
            self._notify_systemd(step.frame)
            if self._asked.reload.is_set() and (new := self._reloaded(reporter, view_keeper)):
                return new
        return None

    def _reloaded(self, reporter: StepReporter, view_keeper: ViewKeeper) -> Config | None:
        """Read the configuration and apply it; return it where only a restart of the pipeline can."""
        self._asked.reload.clear()
        self._systemd.reloading()
        self._asked.reloads.begin()
        try:
            new = self._read_again()
            differ = changes(self.settings, new)
            if differ.way == "restart":
                _log.info(CONFIG_RESTARTS, differ)
                self._systemd.no_frame()
                return new.config
            if differ.way != "nothing":
                reporter.apply_settings(new, reconnect=differ.way == "delivery")
                view_keeper.apply_settings(new.config)
                self.settings = new
        except (ConfigError, ModelError) as error:
            problems = tuple(str(error).splitlines())
            for problem in problems:
                _log.error(CONFIG_REFUSED, problem)
            self._asked.reloads.refuse(problems)
        else:
            _log.info(CONFIG_RELOADED, differ if differ.names else "nothing")
            self._asked.reloads.taken()
        self._systemd.reloaded()
        return None

    def _check_refused(self, now_s: float) -> None:
        """Clear the refusal once the file equals the configuration in force again."""
        if not self._asked.reloads.refused or now_s - self._refused_s < _REFUSED_EVERY_S:
            return
        self._refused_s = now_s
        with suppress(ConfigError):
            if self._read() == self.settings.config:
                self._asked.reloads.taken()
                _log.info(CONFIG_RELOADED, "nothing")

    def _read_again(self) -> Settings:
        """The settings by the file as it is now; ConfigError: it can't be used."""
        new = settings_of(self._read(), self._calendar.central)
        check_files(new)
        try:
            # Public holidays that can't be computed here must not raise when half of the stages are changed.
            working_time(new.in_force)
        except AgentError as error:
            raise ConfigError(*str(error).splitlines()) from error
        return new

    def _notify_systemd(self, taken: Frame | NoFrame) -> None:
        if isinstance(taken, Frame):
            if not self._sees:
                self._sees = True
                _log.info(READY)
            self._systemd.ready()
            self._systemd.frame_went_through(1 / self.settings.camera.fps)
        elif self._systemd.is_ready:
            self._systemd.no_frame()
        else:
            self._systemd.waiting()


class StepReporter:
    """Reports each step to the event log, the publisher, health and the journal."""

    def __init__(self, stage: Stages, delivery: Delivery, at: Instant) -> None:
        """Start with all states as unpublished.

        Args:
            stage: the pipeline whose steps are reported.
            delivery: takes events and states.
            at: this moment.
        """
        self._at = at
        self._stage = stage
        self._delivery = delivery
        self._changed = ChangedStates()
        self._judged: Visibility | None = None
        self._shift_ratio: float | None = None
        faces = stage.detector.faces
        self._stats = CameraStats(runtime_folder(), Orientation(faces) if faces else None)
        settings = stage.settings
        self._visibility_log = VisibilityLogger(working_time(settings.in_force), night=settings.night)

    def report(self, step: Step[Frame | NoFrame]) -> None:
        """Report a frame, or that there was none."""
        self._at = at = step.frame.at
        delivery = self._delivery
        seq = delivery.append(step.events, at)
        if any(isinstance(event, ClockSet) for event in step.events):
            _log.info(CLOCK_SET, at.utc.isoformat(" ", "seconds").removesuffix("+00:00"))
            # States published before have times of the wrong clock: publish all of them again.
            self._changed = ChangedStates()
        self._visibility_log.log(step.visibility, at)
        self._update_figures(step)
        delivery.publish(self._changed.of(self._stage.ledger, at, seq), news=bool(step.events))

    def _update_figures(self, step: Step[Frame | NoFrame]) -> None:
        health, frame, cause = self._delivery.health, step.frame, step.visibility.cause
        now_s = frame.at.monotonic_s
        if isinstance(frame, Frame):
            looked_ms = self._stage.detector.took_ms if step.regions else None
            health.figures.frame(now_s, moved=self._stage.attention.moved, looked_ms=looked_ms)
            if step.events:
                health.figures.event(now_s, max(0.0, time.monotonic() - now_s) * 1000)
        if step.visibility is not self._judged:
            self._judged, shift = step.visibility, step.visibility.shift
            self._shift_ratio = None if shift is None else shifted_ratio(shift, self._stage.size_px)
        health.update(
            frame.at,
            cause,
            night=self._visibility_log.night,
            seen=isinstance(frame, Frame),
            shift_ratio=self._shift_ratio,
        )
        self._stats.update(frame, cause, health, somebody=bool(step.tracks))

    def apply_settings(self, new: Settings, *, reconnect: bool = False) -> None:
        """Apply new settings, between two frames.

        Args:
            new: in force from now on.
            reconnect: the broker or the account is another one.

        Raises:
            ModelError: weights are missing or damaged; nothing was changed.
        """
        at = self._at
        events = apply_settings(self._stage, new, at)
        seq = self._delivery.append(events, at)
        self._visibility_log.apply_settings(working_time(new.in_force), night=new.night)
        self._delivery.apply_settings(new, at, seq, reconnect=reconnect)
        self._changed = ChangedStates()
        self._delivery.publish(self._changed.of(self._stage.ledger, at, seq), news=True)

    @property
    def status(self) -> str:
        """One line for `systemctl status`."""
        return self._delivery.health.status_line()

    def tell_failed_update(self, at: Instant) -> None:
        """Report an update that failed, if the updater has noted one."""
        self._delivery.tell_failed_update(at)

    def close(self) -> None:
        """End and report all open visits and intervals."""
        at = self._at
        seq = self._delivery.append(self._stage.close(at), at)
        self._delivery.publish(self._changed.of(self._stage.ledger, at, seq), news=True)


class VisibilityLogger:
    """Journal lines for changes of the camera's visibility.

    Darkness outside working hours is no fault where nothing is lit at night. While the clock is not
    synchronised, all hours count as working hours.
    """

    def __init__(self, hours: WorkingTime, *, night: bool) -> None:
        """Take the working hours; `night`: the place is lit then, and darkness a fault."""
        self._hours, self._night = hours, night
        self._logged: BlindCause | Literal["night"] | None = None

    def apply_settings(self, hours: WorkingTime, *, night: bool) -> None:
        """Use these settings from now on."""
        self._hours, self._night = hours, night

    def log(self, visibility: Visibility, at: Instant) -> None:
        """Log a change at this frame."""
        now = "night" if visibility.cause == "dark" and self._is_night(at) else visibility.cause
        if now == self._logged:
            return
        self._logged = now
        if now == "lost":
            # SupervisedCamera logs this one, with the reason.
            return
        if now is None:
            _log.info(CAMERA_SEES)
        elif now == "night":
            _log.info(CAMERA_NIGHT)
        else:
            _log.warning(CAMERA_BLIND, now, extra={"reason": now})

    @property
    def night(self) -> bool:
        """Whether it is dark outside working hours, which is no fault."""
        return self._logged == "night"

    def _is_night(self, at: Instant) -> bool:
        if self._night or self._hours.always_open or not at.synced:
            return False
        return not self._hours.span(at.utc).open
